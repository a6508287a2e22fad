//! A user to work on.

use crate::decide::decision::blocked::Blocked;
use crate::model::subject::Subject;
use crate::model::waits::WaitPolicy;

/// A user to work on, and the policy to do it by; or why nothing is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The user.
    pub subject: Subject,
    /// By which policy, or what is wrong with the user's own settings.
    pub policy: Result<WaitPolicy, Blocked>,
}
