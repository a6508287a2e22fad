//! The document of an operator's request.

use crate::engine::report::NotifierFailure;
use crate::machine::planned::PlannedAction;
use crate::model::ended_sessions::EndedSessions;
use crate::model::request::Request;
use crate::model::time::Timestamp;
use crate::report::aftermath::StillAlive;
use crate::report::resolution::Resolution;
use crate::report::user::{EvidenceDocument, UserDocument};
use serde::Serialize;

/// An operator's request and its result: the document that `keyrot rollback`, `revoke` and
/// `resolve` print with `--json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestDocument {
    /// The document's name and version: one of [`schema`](crate::report::schema).
    pub schema: &'static str,
    /// When it started.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
    /// The account's twelve-digit number; `null` if only IAM was used, which does not return it.
    pub account: Option<String>,
    /// The region of the secret; `null` in a simulated account.
    pub region: Option<String>,
    /// The request; `null` if there was nothing to request.
    pub request: Option<Request>,
    /// Whether this was a dry run, so that nothing was changed.
    pub dry_run: bool,
    /// The planned steps.
    pub intended: Vec<PlannedAction>,
    /// When the user's keys were last used, as read before anything was changed.
    pub evidence: Vec<EvidenceDocument>,
    /// How it ended: [`UserDocument::reason`] is `done`, or `intended` with `dry_run`, or the
    /// reason why it was blocked.
    pub user: UserDocument,
    /// The resolutions for a blocked user.
    pub choices: Vec<Resolution>,
    /// The user's state afterwards, as the next run will find it. `null` if nothing was changed, or
    /// if a signal came before the state could be read.
    pub left: Option<UserDocument>,
    /// What still works, or may still work, after a key was revoked, each with what ends it.
    pub still_alive: Vec<StillAlive>,
    /// The end of the user's sessions, if it was requested and carried out.
    pub sessions_ended: Option<EndedSessions>,
    /// Why the user's sessions were not ended, if that was requested.
    pub sessions_not_ended: Option<String>,
    /// The notifiers that failed.
    pub notifier_failures: Vec<NotifierFailure>,
}
