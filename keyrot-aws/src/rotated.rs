//! A rotated user's access key as the credentials of an SDK client.

mod refusals;
#[cfg(test)]
mod tests;

use crate::clock::TokioClock;
use aws_credential_types::Credentials as SdkCredentials;
use aws_credential_types::provider::{ProvideCredentials, error::CredentialsError, future};
use keyrot_core::consumer::{CachePolicy, CredentialSource, Published, SecretId, VersionStage};
use keyrot_core::model::after;
use keyrot_core::{CallError, Clock, Credentials, Timestamp};
pub use refusals::Refusals;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// While Secrets Manager cannot be reached, it is tried again after this.
const OUTAGE_PAUSE: Duration = Duration::from_secs(60);
/// A caller waits this long for Secrets Manager if there is a key to go on with. The SDK itself gives up after five seconds.
const PATIENCE: Duration = Duration::from_secs(3);
/// A key that was read this recently is not read again, whoever refuses it: the answer would be the same.
const REFUSAL_PAUSE: Duration = Duration::from_secs(5);

/// A rotated user's access key, for the clients of the AWS SDK: read from the user's secret, and read again in time.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use keyrot_aws::{Aws, AwsSettings, RotatedCredentials};
///
/// // Whoever may read the secret: a role, say.
/// let reader = Aws::connect(&AwsSettings::default()).await?;
/// let ci = RotatedCredentials::new(reader, "/iam/ci/access_key".parse()?);
///
/// let config = aws_config::defaults(aws_config::BehaviorVersion::latest()).credentials_provider(ci).load().await;
/// # Ok(())
/// # }
/// ```
///
/// - **Fresh**: a key that was read is used for five minutes, or less if `overlap` is short ([`CachePolicy::read_again`]). Then it is read again, by one
///   caller at a time. Clones share what was read.
/// - **In an outage** of Secrets Manager the last key is used on for half of `overlap`, at most a day ([`CachePolicy::stale`]): a key that was current
///   works for the whole of `overlap`. A denial, or a secret that is gone, is no outage.
/// - **After a refusal** by AWS, such as of a key that was revoked, the next request reads again if you say so: call
///   [`invalidate`](Self::invalidate), or let [`Refusals`] do it. The SDK keeps credentials itself until they expire, so give the client
///   `identity_cache(IdentityCache::no_cache())` too; the cache is here. Otherwise a revoked key is replaced after five minutes.
#[derive(Clone)]
pub struct RotatedCredentials {
    inner: Arc<Inner>,
}

struct Inner {
    source: Arc<dyn CredentialSource>,
    secret: SecretId,
    edition: VersionStage,
    freshness: CachePolicy,
    clock: Arc<dyn Clock>,
    /// Held by the task that reads, so that there is one.
    turn: tokio::sync::Mutex<()>,
    read: Mutex<Option<Entry>>,
    refused: AtomicBool,
}

/// What was read.
#[derive(Clone)]
struct Entry {
    credentials: Credentials,
    /// When.
    read: Timestamp,
    /// Until when it is not read again.
    asked_again: Timestamp,
}

/// Why there are no credentials. The secret is named, and nothing of what it holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RotatedError {
    /// keyrot has not published a key yet.
    #[error("the secret {0} holds keyrot's placeholder, and no key: the user was not rotated yet; run `keyrot rotate`")]
    NotYet(SecretId),
    /// There is something else.
    #[error("the secret {0} holds no access key: expected a JSON object with the fields of `AwsSettings::secret`")]
    NoKey(SecretId),
    /// It could not be read.
    #[error("the access key in secret {secret} could not be read: {source}")]
    Read {
        /// The secret.
        secret: SecretId,
        /// What went wrong.
        source: CallError,
    },
}

impl RotatedCredentials {
    /// The key in this secret, for a user with the default `overlap` of seven days.
    #[must_use]
    pub fn new(source: impl CredentialSource + 'static, secret: SecretId) -> Self {
        Self::shared(Arc::new(source), secret)
    }

    /// The same, from a source that is shared: one connection serves any number of users.
    #[must_use]
    pub fn shared(source: Arc<dyn CredentialSource>, secret: SecretId) -> Self {
        let freshness = CachePolicy::of(keyrot_core::Waits::default().overlap);
        let inner = Inner {
            source,
            secret,
            edition: VersionStage::Current,
            freshness,
            clock: Arc::new(TokioClock),
            turn: tokio::sync::Mutex::default(),
            read: Mutex::default(),
            refused: AtomicBool::new(false),
        };
        Self { inner: Arc::new(inner) }
    }

    /// For a user whose `overlap` is another. What was read so far is read again.
    #[must_use]
    pub fn overlap(self, overlap: Duration) -> Self {
        self.with(|inner| inner.freshness = CachePolicy::of(overlap))
    }

    /// By another clock than the machine's: for tests.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        self.with(|inner| inner.clock = clock)
    }

    /// Has the key read again before it is used again, because AWS refused it. A key that was read within the last five seconds is kept: to call
    /// this for each of many refused requests is harmless.
    pub fn invalidate(&self) {
        self.inner.refused.store(true, Ordering::SeqCst);
    }

    /// An interceptor that calls [`invalidate`](Self::invalidate) when AWS refuses the key: for a client's `Config::builder().interceptor(…)`.
    #[must_use]
    pub fn refusals(&self) -> Refusals {
        Refusals::of(self.clone())
    }

    /// The key, read again if need be.
    ///
    /// # Errors
    /// [`RotatedError`].
    pub async fn credentials(&self) -> Result<Credentials, RotatedError> {
        self.inner.current().await.map(|entry| entry.credentials)
    }

    fn with(self, change: impl FnOnce(&mut Inner)) -> Self {
        let Inner { source, secret, edition, freshness, clock, .. } = &*self.inner;
        let mut inner = Inner {
            source: source.clone(),
            secret: secret.clone(),
            edition: *edition,
            freshness: *freshness,
            clock: clock.clone(),
            turn: tokio::sync::Mutex::default(),
            read: Mutex::default(),
            refused: AtomicBool::new(false),
        };
        change(&mut inner);
        Self { inner: Arc::new(inner) }
    }
}

impl Inner {
    async fn current(&self) -> Result<Entry, RotatedError> {
        if let Some(entry) = self.fresh() {
            return Ok(entry);
        }
        let _turn = self.turn.lock().await;
        // Another caller may have read it meanwhile.
        if let Some(entry) = self.fresh() {
            return Ok(entry);
        }
        let now = self.clock.now();
        let spare = self.kept().filter(|entry| entry.age(now).is_some_and(|age| age < self.freshness.stale));
        // What was refused so far is answered by this reading.
        self.refused.store(false, Ordering::SeqCst);
        let reading = self.source.published(&self.secret, self.edition);
        let answer = match &spare {
            // Who has a key does not wait for an outage to show.
            Some(_) => timeout(PATIENCE, reading)
                .await
                .unwrap_or_else(|_| Err(CallError::lost(format!("no answer within {} seconds", PATIENCE.as_secs())))),
            None => reading.await,
        };
        let secret = || self.secret.clone();
        let result = match answer {
            Ok(Published::Key { credentials, .. }) => {
                let asked_again = after(now, self.freshness.read_again());
                Ok(Entry { credentials, read: now, asked_again })
            }
            Ok(Published::NotYet) => Err(RotatedError::NotYet(secret())),
            Ok(Published::SomethingElse) => Err(RotatedError::NoKey(secret())),
            Err(source) => match spare {
                Some(entry) if source.is_outage() => Ok(Entry {
                    asked_again: after(now, OUTAGE_PAUSE).min(after(entry.read, self.freshness.stale)),
                    ..entry
                }),
                _ => Err(RotatedError::Read { secret: secret(), source }),
            },
        };
        // What is not published any more is not kept either.
        *self.state() = result.as_ref().ok().cloned();
        result
    }

    /// What was read, while nobody has to ask again.
    fn fresh(&self) -> Option<Entry> {
        let now = self.clock.now();
        let entry = self.kept()?;
        // `None` if it is from the future: the clock was changed.
        let age = entry.age(now)?;
        if age >= REFUSAL_PAUSE && self.refused.swap(false, Ordering::SeqCst) {
            *self.state() = None;
            return None;
        }
        (now < entry.asked_again).then_some(entry)
    }

    fn kept(&self) -> Option<Entry> {
        self.state().clone()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, Option<Entry>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn age(&self, now: Timestamp) -> Option<Duration> {
        (now - self.read).to_std().ok()
    }
}

impl ProvideCredentials for RotatedCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move {
            let Entry { credentials, asked_again, .. } =
                self.inner.current().await.map_err(CredentialsError::provider_error)?;
            let Credentials { key, secret } = &credentials;
            Ok(SdkCredentials::new(key.as_str(), secret.expose(), None, Some(asked_again.into()), "keyrot"))
        })
    }
}

/// Shows which secret it is; nothing of what was read.
impl fmt::Debug for RotatedCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RotatedCredentials").field("secret", &self.inner.secret.as_str()).finish_non_exhaustive()
    }
}
