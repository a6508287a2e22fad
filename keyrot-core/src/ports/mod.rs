//! What the rotation needs of the world. Implement these traits to put keyrot on something else
//! than AWS; all are usable as `dyn`.
//!
//! Every method is one request. An implementation retries what is safe to retry (reads, and
//! throttles), tells in [`CallError::effect`] whether a failed change may have been carried out,
//! and bounds each request's time well below half of `settle`. The suite in
//! [`conformance`](crate::conformance) shows whether it keeps the rules.

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
    /// All users whose path begins with the prefix (`/` for all), with their tags and attached
    /// policies, to the last page.
    ///
    /// # Errors
    /// [`CallError`] if any part could not be read: half a list would be taken for the whole.
    async fn users(&self, path_prefix: &str) -> Result<Vec<IamUser>, CallError>;

    /// The user's keys, at most two, in no order.
    ///
    /// # Errors
    /// [`CallError`]; `NotFound` if there is no such user.
    async fn list_keys(&self, user: &UserName) -> Result<Vec<AccessKey>, CallError>;

    /// Makes a key. This call has no idempotency token: after a lost reply it must not be repeated,
    /// or a key exists that nobody has.
    ///
    /// # Errors
    /// [`CallError`]; `LimitExceeded` if the user has two keys.
    async fn create_key(&self, user: &UserName) -> Result<NewKey, CallError>;

    /// When the key was last used.
    ///
    /// # Errors
    /// [`CallError`]. An implementation never answers [`LastUse::NoRecord`] for "could not find
    /// out".
    async fn last_use(&self, user: &UserName, key: &KeyId) -> Result<LastUse, CallError>;

    /// Writes the user's tag [`HOME_TAG`](crate::model::home::HOME_TAG), in the place of the one
    /// before, and no other. To repeat it is a no-op.
    ///
    /// # Errors
    /// [`CallError`]; `NotFound` if there is no such user, `LimitExceeded` if it has fifty tags.
    async fn write_home(&self, user: &UserName, home: &SecretArn) -> Result<(), CallError>;

    /// Switches the key off. Switching off an Inactive key is no error.
    ///
    /// # Errors
    /// [`CallError`]; `NotFound` if there is no such key.
    async fn deactivate_key(&self, user: &UserName, key: &KeyId) -> Result<(), CallError>;

    /// Switches the key on again. Switching on an Active key is no error.
    ///
    /// # Errors
    /// [`CallError`]; `NotFound` if there is no such key.
    async fn activate_key(&self, user: &UserName, key: &KeyId) -> Result<(), CallError>;

    /// Deletes the key.
    ///
    /// # Errors
    /// [`CallError`]; a key that is gone already is no error.
    async fn delete_key(&self, user: &UserName, key: &KeyId) -> Result<(), CallError>;
}

/// IAM users' tags, by which users are selected and let go. A rotation itself never changes one.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait TagPort: Send + Sync {
    /// Puts the tag on the user, in the place of one of the same key, whatever its case. To repeat
    /// it is a no-op.
    ///
    /// # Errors
    /// [`CallError`]; `NotFound` if there is no such user, `LimitExceeded` if it has fifty tags.
    async fn tag_user(&self, user: &UserName, key: &str, value: &str) -> Result<(), CallError>;

    /// Takes the tag off the user. One that is not there is no error.
    ///
    /// # Errors
    /// [`CallError`]; `NotFound` if there is no such user.
    async fn untag_user(&self, user: &UserName, key: &str) -> Result<(), CallError>;
}

/// The inline policies of IAM users. Whoever may write one can give that user every permission, so
/// that no run and no scheduled function has this port: it is apart from [`IamPort`], and a
/// rotation cannot reach it.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait UserPolicyPort: Send + Sync {
    /// The user's inline policy of that name, as it was put there; `None` if there is none.
    ///
    /// # Errors
    /// [`CallError`].
    async fn user_policy(&self, user: &UserName, name: &str) -> Result<Option<String>, CallError>;

    /// Puts the inline policy on the user, in the place of one of that name.
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

    /// Takes the inline policy off the user. One that is not there is no error.
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
    /// The secret's labels and notes, without any value.
    ///
    /// # Errors
    /// [`CallError`]. A secret that is not there is no error: [`SecretState::Missing`].
    async fn describe(&self, secret: &SecretName) -> Result<SecretState, CallError>;

    /// Creates the secret with the owner's tag, and with a placeholder under this version id that
    /// no client can take for credentials.
    ///
    /// # Errors
    /// [`CallError`]; `Conflict` if the name is taken.
    async fn create(
        &self,
        secret: &SecretName,
        owner: &Owner,
        placeholder: &VersionId,
    ) -> Result<SecretArn, CallError>;

    /// Writes the owner's tag onto a secret that exists already.
    ///
    /// # Errors
    /// [`CallError`].
    async fn bind(&self, secret: &SecretName, owner: &Owner) -> Result<(), CallError>;

    /// The secrets of this name in the further regions that the settings list, as far as they name
    /// this owner.
    ///
    /// # Errors
    /// [`CallError`] if any of the regions could not be asked.
    async fn elsewhere(
        &self,
        secret: &SecretName,
        owner: &Owner,
    ) -> Result<Vec<SecretArn>, CallError>;

    /// How the secret differs from one that [`create`](Self::create) would make.
    ///
    /// # Errors
    /// [`CallError`] if any of it could not be found out.
    async fn differences(&self, secret: &SecretName) -> Result<Vec<Difference>, CallError>;

    /// Puts the placeholder into a secret that has no version.
    ///
    /// # Errors
    /// [`CallError`]; `Conflict` if it has one under AWSCURRENT by now.
    async fn put_placeholder(
        &self,
        secret: &SecretName,
        placeholder: &VersionId,
    ) -> Result<(), CallError>;

    /// Writes a version without credentials under a staging label of keyrot's own, which no reader
    /// asks for. It must need what [`stage`](Self::stage) needs: the same permission, resource
    /// policy, encryption key and quotas. AWSCURRENT, AWSPENDING and AWSPREVIOUS stay where they
    /// are.
    ///
    /// # Errors
    /// [`CallError`] where [`stage`](Self::stage) would be refused.
    async fn test_write(&self, secret: &SecretName, version: &VersionId) -> Result<(), CallError>;

    /// Makes a version with the placeholder under AWSPENDING, beside the current one. To repeat it
    /// is a no-op.
    ///
    /// # Errors
    /// [`CallError`].
    async fn stage_placeholder(
        &self,
        secret: &SecretName,
        placeholder: &VersionId,
    ) -> Result<(), CallError>;

    /// Writes a note in the place of the one of its kind before.
    ///
    /// # Errors
    /// [`CallError`].
    async fn write_note(&self, secret: &SecretName, note: &JournalEntry) -> Result<(), CallError>;

    /// Which key's credentials a version holds that another process wrote; `None` if it has the
    /// AWSPENDING label and no value yet, as Secrets Manager leaves it for a rotation function.
    /// Nothing else of the value is kept.
    ///
    /// # Errors
    /// [`CallError`]; a value without credentials is no error.
    async fn inspect_version(
        &self,
        secret: &SecretName,
        version: &VersionId,
    ) -> Result<Option<VersionContents>, CallError>;

    /// All versions that the store still keeps, with and without a label, to the last page, each
    /// with the date that the store itself gives it.
    ///
    /// # Errors
    /// [`CallError`].
    async fn versions(&self, secret: &SecretName) -> Result<Vec<StoredVersion>, CallError>;

    /// Makes the version, under AWSPENDING, with the credentials and the further fields of `carry`.
    /// To repeat it is a no-op.
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

    /// The credentials in a version; `None` if it holds none.
    ///
    /// # Errors
    /// [`CallError`].
    async fn read(
        &self,
        secret: &SecretName,
        version: &VersionId,
    ) -> Result<Option<Credentials>, CallError>;

    /// Moves AWSCURRENT from one version to another, if it stands on the first: a compare-and-swap.
    /// AWSPREVIOUS follows to the first.
    ///
    /// # Errors
    /// [`CallError`]; `Conflict` if AWSCURRENT stands elsewhere.
    async fn promote(
        &self,
        secret: &SecretName,
        from: &VersionId,
        to: &VersionId,
    ) -> Result<(), CallError>;

    /// Takes AWSPENDING off the version.
    ///
    /// # Errors
    /// [`CallError`]; `Conflict` if it stands elsewhere.
    async fn unstage(&self, secret: &SecretName, version: &VersionId) -> Result<(), CallError>;
}

/// The verification of credentials: who are they?
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait CredentialProbe: Send + Sync {
    /// Asks once, with these credentials and no others.
    ///
    /// # Errors
    /// [`CallError`] if there was no answer to go by; a refusal is an answer.
    async fn probe(&self, credentials: &Credentials) -> Result<ProbeAnswer, CallError>;
}

/// The time. The core has no clock of its own.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Clock: Send + Sync {
    /// The wall clock. It has to go on while the machine sleeps.
    fn now(&self) -> Timestamp;

    /// What AWS's own clock shows, as far as it is known: by the last answer's `Date`, and the time
    /// that has passed since. `None` while no answer has come.
    ///
    /// It must not be derived from [`now`](Self::now): where the two differ by more than
    /// [`CLOCK_TOLERANCE`](crate::model::clock::CLOCK_TOLERANCE), nothing is changed, and a clock
    /// that somebody sets in the middle of a run has to show.
    fn aws_now(&self) -> Option<Timestamp>;

    /// Lets the time pass.
    async fn sleep(&self, time: Duration);

    /// Completes once so much time has passed: the limit on what others do, such as a notifier's
    /// call.
    ///
    /// It waits for the time and never makes it pass. On a real clock that is a sleep. On a
    /// simulated one, which [`sleep`](Self::sleep) moves, it completes when the clock was moved so
    /// far; otherwise whatever is not done immediately would count as too late.
    async fn time_limit(&self, time: Duration);
}

impl WrongClock {
    /// Reads the clock, and checks what it shows.
    ///
    /// # Errors
    /// [`WrongClock`].
    pub fn read(clock: &dyn Clock) -> Result<Timestamp, Self> {
        let now = clock.now();
        // After `now`, so that whatever the clock showed is held against what AWS shows; AWS's time
        // does not jump with the machine's.
        Self::check(now, clock.aws_now()).map_or(Ok(now), Err)
    }
}

/// What the work gives; `None` if the time is over first.
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
