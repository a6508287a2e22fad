//! The other side: how whoever uses a rotated key reads it.
//!
//! A consumer needs one permission, `secretsmanager:GetSecretValue` on one secret, and no other
//! port than [`CredentialSource`]. [`KeyReader`] keeps what was read, for as long as a
//! [`CachePolicy`] allows.

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
use crate::ports::wrapped::wrapped_port;
use async_trait::async_trait;
use serde::Serialize;

/// Where a consumer reads: one call, which needs no other permission than
/// `secretsmanager:GetSecretValue` on the secret.
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
///     Published::SomethingElse => println!("the secret holds no access key"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// # }
/// ```
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait CredentialSource: Send + Sync {
    /// What has the label.
    ///
    /// # Errors
    /// [`CallError`]; `NotFound` if there is no such secret, or nothing under the label.
    async fn published(
        &self,
        secret: &SecretId,
        edition: VersionStage,
    ) -> Result<Published, CallError>;
}

/// Where a user's key is published, for a consumer who reads in the wrong place or in one that was
/// left. A consumer needs neither call, and often may make neither.
#[async_trait]
pub trait HomeSource: Send + Sync {
    /// Where the user's home was moved to from this secret; `None` if it is still there.
    /// `secretsmanager:DescribeSecret`.
    ///
    /// # Errors
    /// [`CallError`].
    async fn moved_to(&self, secret: &SecretId) -> Result<Option<SecretArn>, CallError>;

    /// What the user's tag says of its home. `iam:ListUserTags`.
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

/// Which of a secret's versions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VersionStage {
    /// Under AWSCURRENT: the one that works.
    #[default]
    Current,
    /// Under AWSPREVIOUS: it works until keyrot retires its key.
    Previous,
}

/// What a consumer finds in a version.
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
    /// Something that holds no access key, or leaves doubt which.
    SomethingElse,
}
