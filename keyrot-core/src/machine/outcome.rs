//! The user that a run works on, and how the run ends.

use crate::decide::decision::blocked::Blocked;
use crate::decide::decision::refusal::Refusal;
use crate::decide::decision::{Step, Wait};
use crate::machine::event::Failure;
use crate::machine::planned::PlannedAction;
use crate::model::names::{KeyId, VersionId};
use crate::model::time::Timestamp;
use serde::Serialize;
use std::fmt;

/// Where a run leaves a user.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// Nothing to do until then.
    Settled {
        /// When the rotation of the current key begins.
        until: Timestamp,
    },
    /// Something runs its course.
    Waiting(Wait),
    /// A person has to decide.
    Blocked(Blocked),
    /// A call failed; the next run takes it up.
    Failed(Failure),
    /// The run ended before the user was done; the next run continues.
    Stopped(Stop),
    /// A plan only: this change is due.
    Due(Step),
    /// A plan only: the credentials in this version are to be verified next.
    Verifying {
        /// The version.
        version: VersionId,
        /// What the run does after that if they work: the steps that change keys and labels.
        then: Vec<PlannedAction>,
    },
    /// A plan of a person's request only: what it will do, step by step.
    Planned(Vec<PlannedAction>),
    /// What was ordered or asked for is done: see
    /// [`RotationStep`](crate::model::step::RotationStep),
    /// [`Request`](crate::model::request::Request).
    Done,
    /// The key that was to be revoked was seen Inactive, or gone; what was to follow did not come
    /// to its end.
    Revoked {
        /// The key.
        key: KeyId,
        /// How the rest ended.
        rest: Box<Outcome>,
    },
    /// What was ordered or asked for cannot be done: see
    /// [`RotationStep`](crate::model::step::RotationStep),
    /// [`Request`](crate::model::request::Request).
    Refused(Refusal),
    /// keyrot's own code, or a port's, panicked. Nothing more was done for this user.
    Panicked(String),
}

/// Why a run ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stop {
    /// Somebody asked for it (Ctrl-C, SIGTERM).
    Cancelled,
    /// The deadline for new steps had come.
    Deadline,
    /// As many users were changed as one run may change.
    ChangeLimit,
    /// As many users were adopted as one run may adopt: this one waits for a later run.
    AdoptionLimit,
    /// The work on this user went on for longer than half of `settle`; what was seen is too old to
    /// act upon.
    TookTooLong,
    /// The observed state kept changing while keyrot read it.
    Contention,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cancelled => "stopped on request; the next run continues",
            Self::Deadline => "the run's time was over; the next run continues",
            Self::ChangeLimit => "not started: the run had changed as many users as max_changes allows",
            Self::AdoptionLimit => "waits for adoption: the run adopted as many users as max_adoptions allows",
            Self::TookTooLong => "stopped: it took so long that what was seen is out of date; the next run continues",
            Self::Contention => {
                "stopped: another process keeps changing this user's keys or secret; the next run continues"
            }
        })
    }
}
