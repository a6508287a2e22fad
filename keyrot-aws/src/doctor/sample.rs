//! An example user for later checks.

use keyrot_core::model::Subject;
use keyrot_core::{KeyId, SecretName, UserArn};

/// An example user for later checks.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    pub(crate) user: Option<UserArn>,
    pub(crate) key: Option<KeyId>,
    /// The user's secret, if it exists.
    pub(crate) secret: Option<SecretName>,
    pub(crate) there: bool,
    /// The selected users with their secrets, by name.
    pub(crate) selected: Vec<Subject>,
}
