//! How a consumer of a rotated key reads it.
//!
//! A consumer needs one permission, `secretsmanager:GetSecretValue` on one secret, and no other
//! port than [`CredentialSource`]. [`KeyReader`] caches the key for as long as a [`CachePolicy`]
//! allows.

pub(crate) mod cache_policy;
pub(crate) mod home_check;
pub(crate) mod reader;
pub(crate) mod secret_id;

pub use cache_policy::{CachePolicy, CacheTime, TooLong};
pub use home_check::HomeCheck;
pub use reader::{Kept, KeyCache, KeyReader, ReadError, ReadKey};
pub use secret_id::SecretId;

use crate::model::credentials::Credentials;
use crate::model::error::CallError;
use crate::model::home::{HomeTag, SecretArn};
use crate::model::names::{UserName, VersionId};
use crate::model::no_key::NoKey;
use crate::ports::wrapped::wrapped_port;
use async_trait::async_trait;
use serde::Serialize;

/// A consumer's source: one call, which needs only `secretsmanager:GetSecretValue` on the secret.
///
/// ```
/// # #[cfg(feature = "memory")] {
/// # use keyrot_core::memory::{MemoryAccount, World};
/// # use keyrot_core::*;
/// use keyrot_core::consumer::{CredentialSource, Published, SecretId};
/// use keyrot_core::consumer::VersionStage;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// # let mut world = World::new("2026-01-05T04:00:00Z".parse()?);
/// # let ci = world.add_user("ci", &[("RotateKey", "True")])?;
/// # let account = MemoryAccount::new(world);
/// # let users = account.users("/").await?;
/// # let homes = Homes::in_region("us-east-1");
/// # let selected = select(&users, &Selection::default(), &homes, &WaitPolicy::default());
/// # let rotator = Rotator::new(Ports::of(account.clone()));
/// # rotator.run(selected.chosen, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {}).await;
/// let secret = SecretId::parse("/iam/ci/access_key")?;
/// match account.published(&secret, VersionStage::Current).await? {
///     Published::Key { credentials, .. } => println!("the key to use is {}", credentials.key),
///     Published::NotYet => println!("the user was not rotated yet"),
///     Published::SomethingElse(why) => println!("the secret holds no access key: {why}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// # }
/// ```
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait CredentialSource: Send + Sync {
    /// Returns the content of the version with the label.
    ///
    /// # Errors
    /// [`CallError`]; `NotFound` if there is no such secret, or no version has the label.
    async fn published(
        &self,
        secret: &SecretId,
        edition: VersionStage,
    ) -> Result<Published, CallError>;
}

/// Where a user's key is published, for a consumer that reads the wrong secret or one that the user
/// moved away from. Both calls are optional, and consumers often have no permission for them.
#[async_trait]
pub trait HomeSource: Send + Sync {
    /// Returns where the user's home was moved to from this secret; `None` if it is still there.
    /// Needs `secretsmanager:DescribeSecret`.
    ///
    /// # Errors
    /// [`CallError`].
    async fn moved_to(&self, secret: &SecretId) -> Result<Option<SecretArn>, CallError>;

    /// Returns the home in the user's tag. Needs `iam:ListUserTags`.
    ///
    /// # Errors
    /// [`CallError`].
    async fn home_of(&self, user: &UserName) -> Result<HomeTag, CallError>;
}

wrapped_port!(CredentialSource {
    published(secret: &SecretId, edition: VersionStage) of secret.as_str() => Published;
});

wrapped_port!(HomeSource {
    moved_to(secret: &SecretId) of secret.as_str() => Option<SecretArn>;
    home_of(user: &UserName) of user.as_str() => HomeTag;
});

/// A version of a secret, by its label.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VersionStage {
    /// AWSCURRENT: the version that works.
    #[default]
    Current,
    /// AWSPREVIOUS: it works until keyrot retires its key.
    Previous,
}

/// The content of a version for a consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// A key.
    Key {
        /// The version that holds it.
        version: VersionId,
        /// The key.
        credentials: Credentials,
    },
    /// keyrot's placeholder: the user's first key has not been published yet.
    NotYet,
    /// Something that holds no access key, or an ambiguous one.
    SomethingElse(NoKey),
}
