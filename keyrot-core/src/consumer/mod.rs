//! The other side: how whoever uses a rotated key reads it.
//!
//! A consumer needs one permission, `secretsmanager:GetSecretValue` on one secret, and no other port than [`CredentialSource`].

use crate::model::credentials::Credentials;
use crate::model::error::CallError;
use crate::model::home::{HomeTag, SecretArn};
use crate::model::names::{NameError, SecretName, UserName, VersionId};
use async_trait::async_trait;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// Where a consumer reads: one call, which needs no other permission than `secretsmanager:GetSecretValue` on the secret.
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
/// # let selected = select(&users, &Selection::default(), &homes, &Policy::default());
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
    async fn published(&self, secret: &SecretId, edition: VersionStage) -> Result<Published, CallError>;
}

/// Where a user's key is published, for a consumer who reads in the wrong place or in one that was left. A consumer needs neither call, and often may
/// make neither.
#[async_trait]
pub trait HomeSource: Send + Sync {
    /// Where the user's home was moved to from this secret; `None` if it is still there. `secretsmanager:DescribeSecret`.
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

/// A secret as a consumer names it: its name or, where it belongs to another account, its ARN.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct SecretId(String);

impl SecretId {
    /// Takes a name or an ARN.
    ///
    /// # Errors
    /// [`NameError`], which says what was expected.
    pub fn parse(text: impl Into<String>) -> Result<Self, NameError> {
        let text = text.into();
        let Some(rest) = text.strip_prefix("arn:") else {
            return SecretName::parse(text).map(|name| Self(name.as_str().to_owned()));
        };
        // arn:PARTITION:secretsmanager:REGION:ACCOUNT:secret:NAME
        let fields: Vec<&str> = rest.split(':').collect();
        let graphic = text.bytes().all(|b| b.is_ascii_graphic()) && text.len() <= 2048;
        match fields[..] {
            [partition, "secretsmanager", region, account, "secret", name]
                if graphic && account.len() == 12 && ![partition, region, name].contains(&"") =>
            {
                Ok(Self(text))
            }
            _ => Err(NameError::new(
                "secret ARN",
                &text,
                "expected arn:PARTITION:secretsmanager:REGION:ACCOUNT:secret:NAME",
            )),
        }
    }

    /// The name or ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The region in the ARN.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.0.strip_prefix("arn:")?.split(':').nth(2)
    }

    /// The secret's name. In an ARN, Secrets Manager's hyphen and six characters at its end are taken off.
    #[must_use]
    pub fn name(&self) -> Option<SecretName> {
        let name = match self.0.strip_prefix("arn:") {
            None => self.0.as_str(),
            Some(rest) => {
                let resource = rest.split(':').nth(5)?;
                resource.rsplit_once('-').filter(|(_, end)| end.len() == 6).map_or(resource, |(name, _)| name)
            }
        };
        SecretName::parse(name).ok()
    }
}

impl From<SecretName> for SecretId {
    fn from(name: SecretName) -> Self {
        Self(name.as_str().to_owned())
    }
}

impl fmt::Display for SecretId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl std::str::FromStr for SecretId {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

/// How long a consumer may go on with what it has read before it looks again.
///
/// What stood under AWSCURRENT at some time works for `overlap` from then on at least (promise S2). So both waits are well below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CachePolicy {
    /// After this a consumer should read again.
    pub lifetime: Duration,
    /// If it cannot read, it may go on for this long with what it has.
    pub stale: Duration,
}

/// The longest lifetime: as the AWS caching clients have it.
const LONGEST_LIFETIME: Duration = Duration::from_secs(3_600);
/// botocore asks again at every request once less than 15 minutes are left; a lifetime below that would start a process for each.
const SHORTEST_LIFETIME: Duration = Duration::from_secs(20 * 60);
const READ_AGAIN: Duration = Duration::from_secs(5 * 60);
const LONGEST_STALE: Duration = Duration::from_secs(86_400);

impl CachePolicy {
    /// For this overlap: a twenty-fourth of it, but from 20 minutes to an hour; and stale for half of it, at most a day.
    ///
    /// ```
    /// # use keyrot_core::consumer::CachePolicy;
    /// # use std::time::Duration;
    /// let hours = |n: u64| Duration::from_secs(n * 3600);
    /// assert_eq!(CachePolicy::of(hours(7 * 24)), CachePolicy { lifetime: hours(1), stale: hours(24) });
    /// assert_eq!(CachePolicy::of(hours(1)), CachePolicy { lifetime: hours(1) / 3, stale: hours(1) / 2 });
    /// ```
    #[must_use]
    pub fn of(overlap: Duration) -> Self {
        let half = overlap / 2;
        Self {
            lifetime: (overlap / 24).clamp(SHORTEST_LIFETIME, LONGEST_LIFETIME).min(half),
            stale: half.min(LONGEST_STALE),
        }
    }

    /// After this, whoever can read at little cost reads again: five minutes, as AWS's agent and Lambda extension do, or a quarter of a shorter lifetime.
    #[must_use]
    pub fn read_again(&self) -> Duration {
        READ_AGAIN.min(self.lifetime / 4)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_secret_goes_by_its_name_or_its_arn() {
        let id = SecretId::parse("/iam/ci/access_key").unwrap();
        assert_eq!((id.region(), id.name().unwrap().as_str()), (None, "/iam/ci/access_key"));
        let id = SecretId::parse("arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:/iam/ci/access_key-a1B2c3")
            .unwrap();
        assert_eq!((id.region(), id.name().unwrap().as_str()), (Some("cn-north-1"), "/iam/ci/access_key"));
        for wrong in [
            "",
            "a b",
            "arn:aws:iam::123456789012:user/ci",
            "arn:aws:secretsmanager:eu:1:secret:x",
            "arn:aws:secretsmanager::123456789012:secret:x",
        ] {
            assert!(SecretId::parse(wrong).is_err(), "{wrong}");
        }
    }
}
