//! The status of a run and the state of a user, each as one word.

use serde::Serialize;

/// The status of a whole run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Nothing needs manual action.
    Ok,
    /// Some user needs manual action.
    Blocked,
    /// The run was stopped before it was finished.
    Stopped,
    /// Some user failed or was not done in time.
    Failed,
}

/// The state of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing to do until the key's rotation begins.
    Settled,
    /// The user waits for something.
    Waiting,
    /// A change is due; a plan does not make it.
    Due,
    /// The user needs manual action.
    Blocked,
    /// The run ended before the user was done.
    Stopped,
    /// A call failed, or something panicked.
    Failed,
}
