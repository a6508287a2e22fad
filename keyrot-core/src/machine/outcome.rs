//! The user that a run works on, and how the run ends.

use crate::decide::decision::blocked::Blocked;
use crate::decide::decision::refusal::Refusal;
use crate::decide::decision::{Step, Wait};
use crate::machine::event::Failure;
use crate::machine::planned::PlannedAction;
use crate::model::names::KeyId;
use crate::model::time::Timestamp;
use serde::Serialize;
use std::fmt;

/// The outcome of a run for a user.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// Nothing to do until then.
    Settled {
        /// When the rotation of the current key begins.
        until: Timestamp,
    },
    /// A wait is under way.
    Waiting(Wait),
    /// An operator has to decide.
    Blocked(Blocked),
    /// A call failed; the next run continues.
    Failed(Failure),
    /// The run ended before the user was done; the next run continues.
    Stopped(Stop),
    /// A plan only: this change is due.
    Due(Step),
    /// A plan only: the credentials of this key will be verified next.
    Verifying {
        /// The key.
        key: KeyId,
        /// What the run does after that if they work: the steps that change keys and labels.
        then: Vec<PlannedAction>,
    },
    /// A plan of an operator's request only: its steps.
    Planned(Vec<PlannedAction>),
    /// The step or request is done: see [`RotationStep`](crate::model::step::RotationStep),
    /// [`Request`](crate::model::request::Request).
    Done,
    /// IAM listed the revoked key as Inactive or gone; the rest did not finish.
    Revoked {
        /// The key.
        key: KeyId,
        /// How the rest ended.
        rest: Box<Outcome>,
    },
    /// The step or request cannot be done: see [`RotationStep`](crate::model::step::RotationStep),
    /// [`Request`](crate::model::request::Request).
    Refused(Refusal),
    /// keyrot's own code, or a port's, panicked. Nothing more was done for this user.
    Panicked(String),
}

/// The reason why a run ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stop {
    /// A stop was requested (Ctrl-C, SIGTERM).
    Cancelled,
    /// The deadline for new steps was reached.
    Deadline,
    /// The run has changed as many users as it may.
    ChangeLimit,
    /// The run has adopted as many users as it may: this one waits for a later run.
    AdoptionLimit,
    /// The work on this user took longer than half of `settle`; the observed state is too old to
    /// act on.
    TookTooLong,
    /// The observed state kept changing while keyrot read it.
    Contention,
    /// The user was deleted after the run had listed the account's users.
    UserGone,
}

impl Stop {
    /// Returns why an operator's request ended early. No run finishes a request that is not
    /// recorded yet, so it has to be repeated.
    pub(crate) fn of_request(self) -> String {
        let text = self.to_string();
        match text.strip_suffix(CONTINUES) {
            Some(why) => format!("{why}; repeat the request to finish it"),
            None => text,
        }
    }
}

/// What follows after a run that ended early.
const CONTINUES: &str = "; the next run continues";

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self {
            Self::ChangeLimit => {
                return f.write_str(
                    "not started: the run had changed as many users as max_changes allows",
                );
            }
            Self::AdoptionLimit => {
                return f.write_str(
                    "waits for adoption: the run adopted as many users as max_adoptions allows",
                );
            }
            Self::UserGone => {
                return f.write_str(
                    "the user does not exist anymore: it was deleted during the run; nothing was changed",
                );
            }
            Self::Cancelled => "stopped on request",
            Self::Deadline => "the run's time was over",
            Self::TookTooLong => "stopped: it took so long that what was seen is out of date",
            Self::Contention => {
                "stopped: another process keeps changing this user's keys or secret"
            }
        };
        write!(f, "{why}{CONTINUES}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_was_stopped_is_not_left_to_the_next_run() {
        assert_eq!(Stop::Cancelled.to_string(), "stopped on request; the next run continues");
        let of_request = Stop::Cancelled.of_request();
        assert_eq!(of_request, "stopped on request; repeat the request to finish it");
        assert_eq!(Stop::ChangeLimit.of_request(), Stop::ChangeLimit.to_string());
    }
}
