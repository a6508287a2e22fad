//! A user as an example for the checks that follow.

use keyrot_core::model::Subject;
use keyrot_core::{KeyId, SecretName, UserArn};

/// A user as an example for what is checked next.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    pub(crate) user: Option<UserArn>,
    pub(crate) key: Option<KeyId>,
    /// The user's secret: its name, and whether it is there.
    pub(crate) secret: Option<SecretName>,
    pub(crate) there: bool,
    /// The selected users with their secrets, by name.
    pub(crate) selected: Vec<Subject>,
}
