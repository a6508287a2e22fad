//! The traits that a rotation acts through. Implement them to run keyrot on something other than
//! AWS; all are usable as `dyn`.
//!
//! Every method is one request. An implementation retries what is safe to retry (reads and
//! throttles), reports in [`CallError::effect`] whether a failed change may have been carried out,
//! and limits each request's time to well below half of `settle`. The suite in
//! [`conformance`](crate::conformance) checks these rules.

pub(crate) mod cancel;
pub(crate) mod destination;
pub(crate) mod wrapped;

pub use cancel::Cancel;
pub use destination::Destination;
pub use wrapped::{Around, PortCall, Wrapped};

use crate::model::clock::WrongClock;
use crate::model::credentials::Credentials;
use crate::model::error::CallError;
use crate::model::home::{Difference, Owner, SecretArn};
use crate::model::journal::JournalEntry;
use crate::model::names::{KeyId, SecretName, UserName, VersionId};
use crate::model::observed::{AccessKey, LastUse, SecretState, StoredVersion};
use crate::model::stored::{NewKey, ProbeAnswer, VersionContents};
use crate::model::time::Timestamp;
use crate::model::user::IamUser;
use async_trait::async_trait;
use futures_util::future::{Either, select};
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

/// IAM: the users of an account and their access keys.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait IamPort: Send + Sync {
    /// Returns all users whose path begins with the prefix (`/` for all), with their tags and
    /// attached policies, to the last page.
    ///
    /// # Errors
    /// [`CallError`] if any part could not be read: a partial list would look complete.
    async fn users(&self, path_prefix: &str) -> Result<Vec<IamUser>, CallError>;

    /// Returns the user's keys, at most two, in no order.
    ///
    /// # Errors
    /// [`CallError`]; `NotFound` if there is no such user.
    async fn list_keys(&self, user: &UserName) -> Result<Vec<AccessKey>, CallError>;

    /// Creates a key. This call has no idempotency token: after a lost reply it must not be
    /// repeated, or a key exists whose secret half is lost.
    ///
    /// # Errors
    /// [`CallError`]; `LimitExceeded` if the user has two keys.
    async fn create_key(&self, user: &UserName) -> Result<NewKey, CallError>;

    /// Returns when the key was last used.
    ///
    /// # Errors
    /// [`CallError`]. An implementation never returns [`LastUse::NoRecord`] for "could not find
    /// out".
    async fn last_use(&self, user: &UserName, key: &KeyId) -> Result<LastUse, CallError>;

    /// Writes the user's tag [`HOME_TAG`](crate::model::home::HOME_TAG), and no other. It replaces
    /// the previous value. Repeating it is a no-op.
    ///
    /// # Errors
    /// [`CallError`]; `NotFound` if there is no such user, `LimitExceeded` if it has fifty tags.
    async fn write_home(&self, user: &UserName, home: &SecretArn) -> Result<(), CallError>;

    /// Deactivates the key. Deactivating an Inactive key is not an error.
    ///
    /// # Errors
    /// [`CallError`]; `NotFound` if there is no such key.
    async fn deactivate_key(&self, user: &UserName, key: &KeyId) -> Result<(), CallError>;

    /// Reactivates the key. Reactivating an Active key is not an error.
    ///
    /// # Errors
    /// [`CallError`]; `NotFound` if there is no such key.
    async fn activate_key(&self, user: &UserName, key: &KeyId) -> Result<(), CallError>;

    /// Deletes the key.
    ///
    /// # Errors
    /// [`CallError`]; a key that is already gone is not an error.
    async fn delete_key(&self, user: &UserName, key: &KeyId) -> Result<(), CallError>;
}

/// IAM users' tags, by which users are enrolled and released. A rotation itself never changes one.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait TagPort: Send + Sync {
    /// Puts the tag on the user. It replaces a tag with the same key in any case. Repeating it is a
    /// no-op.
    ///
    /// # Errors
    /// [`CallError`]; `NotFound` if there is no such user, `LimitExceeded` if it has fifty tags.
    async fn tag_user(&self, user: &UserName, key: &str, value: &str) -> Result<(), CallError>;

    /// Removes the tag from the user. A missing tag is not an error.
    ///
    /// # Errors
    /// [`CallError`]; `NotFound` if there is no such user.
    async fn untag_user(&self, user: &UserName, key: &str) -> Result<(), CallError>;
}

/// The inline policies of IAM users. Anyone who may write one can give that user every permission,
/// so no run and no scheduled function has this port: it is separate from [`IamPort`], and a
/// rotation cannot reach it.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait UserPolicyPort: Send + Sync {
    /// Returns the user's inline policy of that name, as it was written; `None` if there is none.
    ///
    /// # Errors
    /// [`CallError`].
    async fn user_policy(&self, user: &UserName, name: &str) -> Result<Option<String>, CallError>;

    /// Puts the inline policy on the user, and replaces one of that name.
    ///
    /// # Errors
    /// [`CallError`]; `LimitExceeded` if the user's inline policies have no room for it, `NotFound`
    /// if there is no such user.
    async fn put_user_policy(
        &self,
        user: &UserName,
        name: &str,
        document: &str,
    ) -> Result<(), CallError>;

    /// Removes the inline policy from the user. A missing policy is not an error.
    ///
    /// # Errors
    /// [`CallError`].
    async fn delete_user_policy(&self, user: &UserName, name: &str) -> Result<(), CallError>;
}

/// The secret store: secrets with versions, staging labels and tags, by the rules of Secrets
/// Manager.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait SecretStorePort: Send + Sync {
    /// Returns the secret's labels and journal, without any value.
    ///
    /// # Errors
    /// [`CallError`]. A missing secret is not an error: [`SecretState::Missing`].
    async fn describe(&self, secret: &SecretName) -> Result<SecretState, CallError>;

    /// Creates the secret with the owner's tag, and with a placeholder under this version id that
    /// no client can mistake for credentials.
    ///
    /// # Errors
    /// [`CallError`]; `Conflict` if the name is taken.
    async fn create(
        &self,
        secret: &SecretName,
        owner: &Owner,
        placeholder: &VersionId,
    ) -> Result<SecretArn, CallError>;

    /// Writes the owner's tag to an existing secret.
    ///
    /// # Errors
    /// [`CallError`].
    async fn bind(&self, secret: &SecretName, owner: &Owner) -> Result<(), CallError>;

    /// Returns the secrets of this name in the settings' other regions that name this owner.
    ///
    /// # Errors
    /// [`CallError`] if any of the regions could not be asked.
    async fn elsewhere(
        &self,
        secret: &SecretName,
        owner: &Owner,
    ) -> Result<Vec<SecretArn>, CallError>;

    /// Returns how the secret differs from one that [`create`](Self::create) would create.
    ///
    /// # Errors
    /// [`CallError`] if any of it could not be read.
    async fn differences(&self, secret: &SecretName) -> Result<Vec<Difference>, CallError>;

    /// Writes the placeholder to a secret that has no version.
    ///
    /// # Errors
    /// [`CallError`]; `Conflict` if it has a current version in the meantime.
    async fn put_placeholder(
        &self,
        secret: &SecretName,
        placeholder: &VersionId,
    ) -> Result<(), CallError>;

    /// Writes a version without credentials under keyrot's own staging label, which nothing reads.
    /// It must need what [`stage`](Self::stage) needs: the same permission, resource policy,
    /// encryption key and quotas. AWSCURRENT, AWSPENDING and AWSPREVIOUS do not move.
    ///
    /// # Errors
    /// [`CallError`] if [`stage`](Self::stage) would be refused.
    async fn test_write(&self, secret: &SecretName, version: &VersionId) -> Result<(), CallError>;

    /// Writes a version with the placeholder under AWSPENDING, in addition to the current version.
    /// Repeating it is a no-op.
    ///
    /// # Errors
    /// [`CallError`].
    async fn stage_placeholder(
        &self,
        secret: &SecretName,
        placeholder: &VersionId,
    ) -> Result<(), CallError>;

    /// Writes a journal entry, and replaces the previous one of its kind.
    ///
    /// # Errors
    /// [`CallError`].
    async fn write_note(&self, secret: &SecretName, note: &JournalEntry) -> Result<(), CallError>;

    /// Returns which key's credentials a version from another process holds; `None` if it has the
    /// AWSPENDING label and no value yet, as Secrets Manager leaves it for a rotation function.
    /// Nothing else of the value is kept.
    ///
    /// # Errors
    /// [`CallError`]; a value without credentials is not an error.
    async fn inspect_version(
        &self,
        secret: &SecretName,
        version: &VersionId,
    ) -> Result<Option<VersionContents>, CallError>;

    /// Returns all versions that the store still has, with and without a label, to the last page,
    /// each with the store's own date.
    ///
    /// # Errors
    /// [`CallError`].
    async fn versions(&self, secret: &SecretName) -> Result<Vec<StoredVersion>, CallError>;

    /// Writes the version under AWSPENDING, with the credentials and the other fields of `carry`.
    /// Repeating it is a no-op.
    ///
    /// # Errors
    /// [`CallError`]; `Conflict` if the version exists with other content.
    async fn stage(
        &self,
        secret: &SecretName,
        version: &VersionId,
        credentials: &Credentials,
        carry: Option<VersionId>,
    ) -> Result<(), CallError>;

    /// Returns the credentials in a version; `None` if it holds none.
    ///
    /// # Errors
    /// [`CallError`].
    async fn read(
        &self,
        secret: &SecretName,
        version: &VersionId,
    ) -> Result<Option<Credentials>, CallError>;

    /// Moves AWSCURRENT from one version to another, if it is on the first: a compare-and-swap.
    /// AWSPREVIOUS moves to the first.
    ///
    /// # Errors
    /// [`CallError`]; `Conflict` if AWSCURRENT is elsewhere.
    async fn promote(
        &self,
        secret: &SecretName,
        from: &VersionId,
        to: &VersionId,
    ) -> Result<(), CallError>;

    /// Removes AWSPENDING from the version.
    ///
    /// # Errors
    /// [`CallError`]; `Conflict` if AWSPENDING is elsewhere.
    async fn unstage(&self, secret: &SecretName, version: &VersionId) -> Result<(), CallError>;
}

/// The verification of credentials: finds out whose they are.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait CredentialProbe: Send + Sync {
    /// Asks once, with only these credentials.
    ///
    /// # Errors
    /// [`CallError`] if there was no usable answer; a refusal is an answer.
    async fn probe(&self, credentials: &Credentials) -> Result<ProbeAnswer, CallError>;
}

/// The time. The core has no clock of its own.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Clock: Send + Sync {
    /// Returns the wall clock's time. The clock has to keep running while the machine sleeps.
    fn now(&self) -> Timestamp;

    /// Returns the time of AWS's own clock, if it is known: the last answer's `Date`, plus the time
    /// that has passed since. `None` before the first answer.
    ///
    /// It must not be derived from [`now`](Self::now): if the two differ by more than
    /// [`CLOCK_TOLERANCE`](crate::model::clock::CLOCK_TOLERANCE), nothing is changed, and a clock
    /// that is set in the middle of a run has to be detected.
    fn aws_now(&self) -> Option<Timestamp>;

    /// Waits for this long.
    async fn sleep(&self, time: Duration);

    /// Completes after this time: the limit on other work, such as a notifier's call.
    ///
    /// It only waits, and never advances the clock. On a real clock, this is a sleep. A simulated
    /// clock is advanced by [`sleep`](Self::sleep), and this completes when the clock has advanced
    /// that far. Otherwise all work that is not done immediately would count as too late.
    async fn time_limit(&self, time: Duration);
}

impl WrongClock {
    /// Reads the clock, and checks its time.
    ///
    /// # Errors
    /// [`WrongClock`].
    pub fn read(clock: &dyn Clock) -> Result<Timestamp, Self> {
        let now = clock.now();
        // Read after `now`, to compare the clock with AWS's time, which does not jump with the
        // machine's clock.
        Self::check(now, clock.aws_now()).map_or(Ok(now), Err)
    }
}

/// Returns the work's result; `None` if the time runs out first.
pub(crate) async fn within<T>(
    clock: &dyn Clock,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    match select(pin!(work), clock.time_limit(limit)).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}
