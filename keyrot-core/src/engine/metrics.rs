//! The engine's metrics, for the recorder that your program installs with the crate
//! [`metrics`](https://docs.rs/metrics).
//!
//! No label names a user, a key or a secret: each label has a fixed set of values, and `notifier`
//! those in your settings.
//!
//! | name | kind, unit | labels | what it says |
//! |---|---|---|---|
//! | `keyrot_passes_total` | counter | `task`, `mode` | runs that ended |
//! | `keyrot_passes_failed_total` | counter | `reason` | passes of a [`Service`](crate::Service) that did nothing for any user: `not_listed` or `panicked` |
//! | `keyrot_pass_duration_seconds` | histogram, seconds | `task`, `mode` | how long runs took, by the ports' clock |
//! | `keyrot_users_total` | counter | `outcome` | the outcomes of users, one for each user and run |
//! | `keyrot_users` | gauge | `outcome` | the outcomes of the last run over all selected users |
//! | `keyrot_blocked_total` | counter | `reason` | users found blocked, by [`Blocked::code`](crate::Blocked::code) |
//! | `keyrot_events_total` | counter | `event` | what happened, by [`EventKind::code`](crate::EventKind::code) |
//! | `keyrot_changes_total` | counter | `step`, `result` | changes that were sent, by [`Call::code`](crate::machine::Call::code); `result` is `ok` or an [`ErrorKind::code`](crate::ErrorKind::code) |
//! | `keyrot_oldest_key_age_seconds` | gauge, seconds | | the age of the oldest key of all users of the last run over all selected users |
//! | `keyrot_notifier_failures_total` | counter | `notifier` | calls of a notifier that failed |
//!
//! `task` is `run`, `step` (of Secrets Manager's rotation) or `request` (of an operator); `mode` is
//! `act` or `plan`. Users and keys are counted only in mode `act`. `outcome` is one of
//! [`OUTCOMES`].

use crate::engine::report::Report;
use crate::machine::call::Call;
use crate::machine::event::Event;
use crate::machine::outcome::Outcome;
use crate::machine::rotation::Mode;
use crate::machine::rotation::task::Task;
use crate::model::error::CallError;
use ::metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

/// Runs that ended.
pub const PASSES: &str = "keyrot_passes_total";
/// Passes of a service that did nothing.
pub const PASSES_FAILED: &str = "keyrot_passes_failed_total";
/// How long runs took.
pub const PASS_DURATION: &str = "keyrot_pass_duration_seconds";
/// The outcomes of users in runs.
pub const USERS_TOTAL: &str = "keyrot_users_total";
/// The outcomes of the last run over all selected users.
pub const USERS: &str = "keyrot_users";
/// Users found blocked.
pub const BLOCKED: &str = "keyrot_blocked_total";
/// Events.
pub const EVENTS: &str = "keyrot_events_total";
/// Changes that were sent.
pub const CHANGES: &str = "keyrot_changes_total";
/// The age of the oldest key.
pub const OLDEST_KEY: &str = "keyrot_oldest_key_age_seconds";
/// Calls of a notifier that failed.
pub const NOTIFIER_FAILURES: &str = "keyrot_notifier_failures_total";

/// The values of the label `outcome`.
pub const OUTCOMES: &[&str] = &[
    "settled", "waiting", "blocked", "failed", "stopped", "due", "done", "revoked", "refused",
    "panicked",
];

/// Registers the units and descriptions of all these metrics with the recorder. Call it once, after
/// you installed the recorder.
pub fn describe() {
    describe_counter!(PASSES, Unit::Count, "Runs that came to an end");
    describe_counter!(
        PASSES_FAILED,
        Unit::Count,
        "Passes of a service that did nothing for any user"
    );
    describe_histogram!(PASS_DURATION, Unit::Seconds, "How long runs took");
    describe_counter!(
        USERS_TOTAL,
        Unit::Count,
        "Where runs left users, once for each user and run"
    );
    describe_gauge!(USERS, Unit::Count, "Where the last run over all selected users left them");
    describe_counter!(BLOCKED, Unit::Count, "Users found blocked, by reason");
    describe_counter!(EVENTS, Unit::Count, "What happened to users");
    describe_counter!(CHANGES, Unit::Count, "Changes that were sent");
    describe_gauge!(OLDEST_KEY, Unit::Seconds, "The age of the oldest key of all selected users");
    describe_counter!(NOTIFIER_FAILURES, Unit::Count, "Calls of a notifier that failed");
}

pub(super) fn happened(event: &Event) {
    counter!(EVENTS, "event" => event.kind.code()).increment(1);
}

pub(super) fn called(call: &Call, error: Option<&CallError>) {
    if !call.only_reads() {
        let result = error.map_or("ok", |error| error.kind.code());
        counter!(CHANGES, "step" => call.code(), "result" => result).increment(1);
    }
}

/// Counts a pass that did nothing for any user, with the reason.
pub(crate) fn pass_failed(reason: &'static str) {
    counter!(PASSES_FAILED, "reason" => reason).increment(1);
}

pub(super) fn ended(report: &Report, mode: Mode, task: &Task) {
    let mode_code = match mode {
        Mode::Act => "act",
        Mode::Plan => "plan",
    };
    let task_code = match task {
        Task::Everything => "run",
        Task::RotationStep(_) => "step",
        Task::Request(_) => "request",
    };
    counter!(PASSES, "task" => task_code, "mode" => mode_code).increment(1);
    let took = (report.finished - report.started).to_std().unwrap_or_default();
    histogram!(PASS_DURATION, "task" => task_code, "mode" => mode_code).record(took.as_secs_f64());
    for failure in &report.notifier_failures {
        counter!(NOTIFIER_FAILURES, "notifier" => failure.notifier.clone()).increment(1);
    }
    if mode == Mode::Plan {
        return;
    }
    for one in &report.users {
        counter!(USERS_TOTAL, "outcome" => outcome(&one.outcome)).increment(1);
        if let Outcome::Blocked(reason) = &one.outcome {
            counter!(BLOCKED, "reason" => reason.code()).increment(1);
        }
    }
    if *task == Task::Everything {
        for name in OUTCOMES {
            let count = report.users.iter().filter(|one| outcome(&one.outcome) == *name).count();
            gauge!(USERS, "outcome" => *name).set(u32::try_from(count).unwrap_or(u32::MAX));
        }
        let ages = report
            .users
            .iter()
            .flat_map(|one| &one.keys)
            .map(|key| (report.finished - key.created).num_seconds());
        let oldest = u32::try_from(ages.max().unwrap_or(0).max(0)).unwrap_or(u32::MAX);
        gauge!(OLDEST_KEY).set(oldest);
    }
}

fn outcome(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Settled { .. } => "settled",
        Outcome::Waiting(_) => "waiting",
        Outcome::Blocked(_) => "blocked",
        Outcome::Failed(_) => "failed",
        Outcome::Stopped(_) => "stopped",
        Outcome::Due(_) | Outcome::Verifying { .. } | Outcome::Planned(_) => "due",
        Outcome::Done => "done",
        Outcome::Revoked { .. } => "revoked",
        Outcome::Refused(_) => "refused",
        Outcome::Panicked(_) => "panicked",
    }
}
