//! How a run and a user are, in one word.

use serde::Serialize;

/// How a run went as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Nobody has to do anything.
    Ok,
    /// Some user needs manual action.
    Blocked,
    /// Somebody stopped the run before it was done.
    Stopped,
    /// Some user failed, or was not done in time.
    Failed,
}

/// Where a user stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing to do until the key's rotation begins.
    Settled,
    /// Something runs its course.
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
