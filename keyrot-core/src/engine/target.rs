//! A user to work on.

use crate::decide::decision::blocked::Blocked;
use crate::model::subject::Subject;
use crate::model::waits::WaitPolicy;

/// A user to work on, with its policy, or the reason why nothing is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The user.
    pub subject: Subject,
    /// The policy, or the error in the user's own settings.
    pub policy: Result<WaitPolicy, Blocked>,
}
