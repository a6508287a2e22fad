//! What came of an operator's request, as a document.

use crate::engine::report::NotifierFailure;
use crate::machine::planned::PlannedAction;
use crate::model::ended_sessions::EndedSessions;
use crate::model::request::Request;
use crate::model::time::Timestamp;
use crate::report::aftermath::StillAlive;
use crate::report::resolution::Resolution;
use crate::report::user::{EvidenceDocument, UserDocument};
use serde::Serialize;

/// An operator's request, and what came of it: what `keyrot rollback`, `revoke` and `resolve` print
/// with `--json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestDocument {
    /// Which document this is, and which edition of it: one of [`schema`](crate::report::schema).
    pub schema: &'static str,
    /// When it was begun.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
    /// The account, twelve digits; `null` where only IAM was used, which does not say it.
    pub account: Option<String>,
    /// The region of the secret; `null` in a simulated account.
    pub region: Option<String>,
    /// What was asked for; `null` where there was nothing to ask for.
    pub request: Option<Request>,
    /// Whether it was a dry run, and nothing was changed.
    pub dry_run: bool,
    /// What it was to do, step by step.
    pub intended: Vec<PlannedAction>,
    /// When the user's keys were last used, before anything was changed.
    pub evidence: Vec<EvidenceDocument>,
    /// How it ended: [`UserDocument::reason`] is `done`, or `intended` with `dry_run`, or says what
    /// came in the way.
    pub user: UserDocument,
    /// What could be asked for instead: the ways out for a user who is blocked.
    pub choices: Vec<Resolution>,
    /// Where it leaves the user: what the next run finds. `null` where nothing was changed, or
    /// where a signal came before it could be read.
    pub left: Option<UserDocument>,
    /// What still works, or may, although a key was revoked: each with what ends it.
    pub still_alive: Vec<StillAlive>,
    /// The end of the user's sessions, if that was asked for and done.
    pub sessions_ended: Option<EndedSessions>,
    /// Why the user's sessions were not ended, if that was asked for.
    pub sessions_not_ended: Option<String>,
    /// What could not be told to notifiers.
    pub notifier_failures: Vec<NotifierFailure>,
}
