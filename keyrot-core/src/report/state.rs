//! The state of a run and of a user, in one word.

use serde::Serialize;

/// The status of a whole run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Nothing needs manual action.
    Ok,
    /// Some user needs manual action.
    Blocked,
    /// The run was stopped before it was done.
    Stopped,
    /// Some user failed, or was not done in time.
    Failed,
}

/// The state of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing to do until the key's rotation begins.
    Settled,
    /// A wait is under way.
    Waiting,
    /// A change is due; a plan makes none.
    Due,
    /// It needs manual action.
    Blocked,
    /// The run ended before the user was done.
    Stopped,
    /// A call failed, or something panicked.
    Failed,
}
