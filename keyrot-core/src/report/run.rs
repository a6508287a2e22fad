//! A run's result as one stable document: `keyrot rotate --json` prints it, and the Lambda function
//! returns it.
//!
//! The names and types here are an interface: they change only together with the number in
//! [`RunDocument::schema`]. Times are RFC 3339 in UTC. The document contains no secret material,
//! because none of its source types does.

use crate::engine::report::NotifierFailure;
use crate::engine::report::Report;
use crate::machine::event::EventKind;
use crate::machine::outcome::{Outcome, Stop};
use crate::model::text::age_days;
use crate::model::time::Timestamp;
use crate::report::state::RunStatus;
use crate::report::state::State;
use crate::report::user::UserDocument;
use crate::selection::missing::Skipped;
use crate::selection::pattern::Pattern;
use crate::selection::users::Selected;
use serde::Serialize;

/// A run as one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RunDocument {
    /// The document's name and version: one of [`schema`](crate::report::schema).
    pub schema: &'static str,
    /// The account, if it is known.
    pub account: Option<String>,
    /// The region of the users' secrets, if it is known.
    pub region: Option<String>,
    /// When the run started.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
    /// The worst status of any user.
    pub result: RunStatus,
    /// The number of users in each state.
    pub counts: Counts,
    /// Each selected user, by name.
    pub users: Vec<UserDocument>,
    /// The number of users left out of [`users`](Self::users) because the answer would exceed AWS
    /// Lambda's limit. [`counts`](Self::counts) includes them.
    #[serde(skip_serializing_if = "is_zero")]
    pub users_left_out: usize,
    /// How many of the account's users were skipped, and why.
    pub skipped: Skipped,
    /// Exclusions that match no user, perhaps because of a typo.
    pub unmatched_exclusions: Vec<Pattern>,
    /// The notifiers that failed.
    pub notifier_failures: Vec<NotifierFailure>,
}

/// The counts of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Counts {
    /// Users selected.
    pub users: usize,
    /// Users with nothing to do until their keys' rotation begins.
    pub settled: usize,
    /// Users that wait for something.
    pub waiting: usize,
    /// Users whose old key is kept because it is, or may be, in use. They also count as waiting.
    pub held: usize,
    /// Users with a change that is due (in a plan).
    pub due: usize,
    /// Users that need manual action.
    pub blocked: usize,
    /// Users that failed, or were not done in time.
    pub failed: usize,
    /// Users that were not done because the run was stopped, or because `max_changes` or
    /// `max_adoptions` was reached.
    pub stopped: usize,
    /// Users that still have to be adopted: those that wait for a later run or, in a plan, all of
    /// them.
    pub to_adopt: usize,
    /// Keys published in this run.
    pub rotated: usize,
    /// Keys deactivated in this run.
    pub retired: usize,
    /// Keys deleted in this run.
    pub deleted: usize,
    /// The age of the oldest key of all selected users, in whole days.
    pub oldest_key_days: i64,
}

impl RunDocument {
    /// Returns the document of a run on the selected users.
    #[must_use]
    pub fn new(schema: &'static str, report: &Report, selected: &Selected) -> Self {
        let users: Vec<_> =
            report.users.iter().map(|one| UserDocument::new(one, report.finished)).collect();
        Self {
            schema,
            account: selected.account.clone(),
            region: selected.region.clone(),
            started: report.started,
            finished: report.finished,
            result: report.verdict(),
            counts: Counts::of(report),
            users,
            users_left_out: 0,
            skipped: selected.skipped,
            unmatched_exclusions: selected.unmatched_exclusions.clone(),
            notifier_failures: report.notifier_failures.clone(),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Report {
    /// Returns the worst status of any user.
    #[must_use]
    pub fn verdict(&self) -> RunStatus {
        self.users.iter().map(|one| one.outcome.verdict()).max().unwrap_or(RunStatus::Ok)
    }
}

impl Counts {
    fn of(report: &Report) -> Self {
        let mut counts = Self { users: report.users.len(), ..Self::default() };
        for one in &report.users {
            match one.outcome.state() {
                State::Settled => counts.settled += 1,
                State::Waiting => counts.waiting += 1,
                State::Due => counts.due += 1,
                State::Blocked => counts.blocked += 1,
                State::Stopped => counts.stopped += 1,
                State::Failed => counts.failed += 1,
            }
            let to_adopt = match &one.outcome {
                Outcome::Stopped(Stop::AdoptionLimit) => true,
                Outcome::Due(_) => one.unadopted,
                _ => false,
            };
            counts.to_adopt += usize::from(to_adopt);
            counts.held +=
                usize::from(matches!(&one.outcome, Outcome::Waiting(wait) if wait.is_hold()));
            for event in &one.events {
                match &event.kind {
                    EventKind::Rotated { .. } => counts.rotated += 1,
                    EventKind::Retired { .. } => counts.retired += 1,
                    EventKind::Deleted { .. } | EventKind::OrphanRemoved { .. } => {
                        counts.deleted += 1;
                    }
                    _ => {}
                }
            }
            let oldest = one.keys.iter().map(|key| age_days(key.created, report.finished)).max();
            counts.oldest_key_days = counts.oldest_key_days.max(oldest.unwrap_or(0));
        }
        counts
    }
}
