//! What the suite needs beyond the ports.

use crate::model::credentials::Credentials;
use crate::model::names::{KeyId, SecretName, UserArn, UserName, VersionId};
use crate::model::observed::KeyStatus;
use crate::model::stored::NewKey;
use async_trait::async_trait;

/// The reason why a lab could not do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Trouble {
    /// The lab does not support it, for this reason. The case ends as not supported.
    #[error("not supported: {0}")]
    NotSupported(String),
    /// The lab tried and failed. The case fails.
    #[error("the lab failed: {0}")]
    Failed(String),
}

/// The other side of the ports: an account that the suite may change freely. Each method is one or
/// two calls of an SDK.
///
/// All names in the suite begin with [`Lab::prefix`], and each case creates new users and secrets.
#[async_trait]
pub trait Lab: Send + Sync {
    /// Returns the prefix of users and secrets: letters and digits, different for each run if the
    /// account outlives it.
    fn prefix(&self) -> String;

    /// Creates a user with a path (a slash at both ends) and tags.
    ///
    /// # Errors
    /// [`Trouble`].
    async fn add_user(
        &self,
        name: &UserName,
        path: &str,
        tags: &[(&str, &str)],
    ) -> Result<UserArn, Trouble>;

    /// Attaches a managed policy of that name; the lab may have to create one.
    ///
    /// # Errors
    /// [`Trouble`].
    async fn attach_policy(&self, user: &UserName, policy: &str) -> Result<(), Trouble>;

    /// Creates a key for the user.
    ///
    /// # Errors
    /// [`Trouble`].
    async fn add_key(&self, user: &UserName) -> Result<NewKey, Trouble>;

    /// Sets a key's status as a person would.
    ///
    /// # Errors
    /// [`Trouble`].
    async fn set_key_status(
        &self,
        user: &UserName,
        key: &KeyId,
        status: KeyStatus,
    ) -> Result<(), Trouble>;

    /// Deletes a key as a person would.
    ///
    /// # Errors
    /// [`Trouble`].
    async fn delete_key(&self, user: &UserName, key: &KeyId) -> Result<(), Trouble>;

    /// Uses a key as a consumer, and returns once the use is on record.
    ///
    /// # Errors
    /// [`Trouble`]; not supported if uses are never recorded.
    async fn use_key(&self, credentials: &Credentials) -> Result<(), Trouble>;

    /// Returns once all changes so far are visible everywhere, and new keys work.
    ///
    /// # Errors
    /// [`Trouble`].
    async fn settle(&self) -> Result<(), Trouble>;

    /// Creates a secret without any version.
    ///
    /// # Errors
    /// [`Trouble`].
    async fn create_empty_secret(&self, secret: &SecretName) -> Result<(), Trouble>;

    /// Creates a secret as another program would, with this text under this version id.
    ///
    /// # Errors
    /// [`Trouble`].
    async fn create_secret(
        &self,
        secret: &SecretName,
        version: &VersionId,
        text: &str,
    ) -> Result<(), Trouble>;

    /// Schedules the secret's deletion.
    ///
    /// # Errors
    /// [`Trouble`].
    async fn delete_secret(&self, secret: &SecretName) -> Result<(), Trouble>;

    /// Returns the text that a version holds.
    ///
    /// # Errors
    /// [`Trouble`].
    async fn text_of(&self, secret: &SecretName, version: &VersionId) -> Result<String, Trouble>;
}
