//! Reads a key from the cache or the secret. In an outage, the cached key is used for longer.

use super::home_check::{HomeCheck, home_elsewhere, may_be_elsewhere};
use super::{CachePolicy, CredentialSource, HomeSource, Published, SecretId, VersionStage};
use crate::model::credentials::Credentials;
use crate::model::error::CallError;
use crate::model::home::SecretArn;
use crate::model::no_key::NoKey;
use crate::model::time::Timestamp;
use crate::model::user_ref::UserRef;
use crate::model::waits::after;
use crate::ports::{Clock, within};
use async_trait::async_trait;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The pause before Secrets Manager is tried again in an outage.
const OUTAGE_PAUSE: Duration = Duration::from_secs(60);
/// The lifetime of a stale key in an outage. Below 15 minutes botocore would ask at every request.
const STALE_LIFETIME: Duration = Duration::from_secs(20 * 60);
/// A key that was read this recently is not read again, even if it is refused: the answer would be
/// the same.
pub(crate) const REFUSAL_PAUSE: Duration = Duration::from_secs(5);

/// A cached key, in memory or in a [`KeyCache`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The key.
    pub credentials: Credentials,
    /// When it was read.
    pub read: Timestamp,
    /// Whether it is now published elsewhere.
    pub moved: HomeCheck,
}

impl Kept {
    /// `None` if it is from the future: the clock was changed.
    fn age(&self, now: Timestamp) -> Option<Duration> {
        (now - self.read).to_std().ok()
    }

    fn is_younger(&self, than: Duration, now: Timestamp) -> bool {
        self.age(now).is_some_and(|age| age < than)
    }
}

/// A cache that several processes share, such as a file. A failure only costs time, so no method
/// returns an error.
#[async_trait]
pub trait KeyCache: Send + Sync {
    /// Returns the cached key.
    fn load(&self) -> Option<Kept>;

    /// Replaces the cached key.
    fn store(&self, kept: &Kept);

    /// Removes the cached key.
    fn forget(&self);

    /// Waits a while for others that read the same key, then keeps them out until the result is
    /// dropped.
    async fn turn(&self) -> Option<Box<dyn Send>>;
}

/// A key for a consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadKey {
    /// The key.
    pub credentials: Credentials,
    /// When it was read.
    pub read: Timestamp,
    /// When a consumer should read again if reading is cheap.
    pub ask_again: Timestamp,
    /// When a program that got the key has to ask again.
    pub expires: Timestamp,
    /// Where the user's key is published now, if its home was moved away from this secret.
    pub moved_to: Option<SecretArn>,
    /// Why a stale key is used: an outage of Secrets Manager.
    pub outage: Option<CallError>,
}

/// The reason why there is no key. It names the secret, and reveals nothing of its content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// keyrot has not published a key yet.
    #[error("the secret {0} holds keyrot's placeholder, and no key: the user was not rotated yet")]
    NotYet(SecretId),
    /// The secret holds something else.
    #[error("the secret {0} holds no access key: {1}")]
    NoKey(SecretId, NoKey),
    /// The secret could not be read.
    #[error("the access key in secret {secret} could not be read: {source}")]
    Failed {
        /// The secret.
        secret: SecretId,
        /// What went wrong.
        source: CallError,
    },
}

/// Reads a rotated user's key from its secret, and caches it.
///
/// - **Fresh**: a key that was read is used for [`CachePolicy::read_again`]. Then it is read again,
///   by one caller at a time.
/// - **In an outage** of Secrets Manager the last key is used for [`CachePolicy::stale`]: a key
///   that was current works for the whole `overlap`. A denial, or a missing secret, is not an
///   outage.
/// - **After a refusal** by AWS, such as of a key that was revoked,
///   [`invalidate`](Self::invalidate) makes the next use read the key again.
/// - A key that is no longer published is not kept.
///
/// ```
/// # #[cfg(feature = "memory")] {
/// # use keyrot_core::memory::{MemoryAccount, World};
/// # use keyrot_core::*;
/// use keyrot_core::consumer::KeyReader;
/// use std::sync::Arc;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// # let mut world = World::new("2026-01-05T04:00:00Z".parse()?);
/// # let ci = world.add_user("ci", &[("RotateKey", "True")])?;
/// # let account = MemoryAccount::new(world);
/// # let users = account.users("/").await?;
/// # let homes = Homes::in_region("us-east-1");
/// # let selected = select(&users, &Selection::default(), &homes, &WaitPolicy::default());
/// # let rotator = Rotator::new(Ports::of(account.clone()));
/// # rotator.run(selected.chosen, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {}).await;
/// // The account is the secret store and the clock here.
/// let reader = KeyReader::new("/iam/ci/access_key".parse()?, Arc::new(account.clone()));
/// let first = reader.read(&account, None).await?;
/// assert_eq!(reader.kept().as_ref(), Some(&first), "for five minutes nothing is read again");
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// # }
/// ```
pub struct KeyReader {
    secret: SecretId,
    stage: VersionStage,
    policy: CachePolicy,
    clock: Arc<dyn Clock>,
    cache: Option<Arc<dyn KeyCache>>,
    patience: Option<Duration>,
    /// Held by the caller that reads, so that only one reads at a time.
    turn: futures_util::lock::Mutex<()>,
    state: Mutex<State>,
    refused: AtomicBool,
}

#[derive(Clone, Default)]
struct State {
    kept: Option<Kept>,
    /// The last outage, and until when no call is made because of it.
    outage: Option<(CallError, Timestamp)>,
}

impl KeyReader {
    /// Returns a reader of the current key in this secret, with the default `overlap` of seven
    /// days.
    #[must_use]
    pub fn new(secret: SecretId, clock: Arc<dyn Clock>) -> Self {
        Self {
            secret,
            stage: VersionStage::Current,
            policy: CachePolicy::of(crate::model::waits::Waits::default().overlap),
            clock,
            cache: None,
            patience: None,
            turn: futures_util::lock::Mutex::default(),
            state: Mutex::default(),
            refused: AtomicBool::new(false),
        }
    }

    /// Sets another version of the secret.
    #[must_use]
    pub fn stage(self, stage: VersionStage) -> Self {
        Self { stage, ..self }
    }

    /// Sets how long a key is used.
    #[must_use]
    pub fn policy(self, policy: CachePolicy) -> Self {
        Self { policy, ..self }
    }

    /// Sets another clock.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Sets a cache that other processes share. Without one, the key is kept only in memory.
    #[must_use]
    pub fn cache(self, cache: Arc<dyn KeyCache>) -> Self {
        Self { cache: Some(cache), ..self }
    }

    /// Sets how long a caller with a cached key waits for the store. By default it waits for the
    /// store's own limit.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience: Some(patience), ..self }
    }

    /// Returns a new reader of the same secret, with nothing cached in memory.
    #[must_use]
    pub fn again(&self) -> Self {
        let Self { stage, policy, patience, .. } = *self;
        let cache = self.cache.clone();
        Self {
            stage,
            policy,
            patience,
            cache,
            ..Self::new(self.secret.clone(), self.clock.clone())
        }
    }

    /// Returns the secret that is read.
    #[must_use]
    pub fn secret(&self) -> &SecretId {
        &self.secret
    }

    /// Makes the next use read the key again, because AWS refused it. A key that was read within
    /// the last five seconds is kept, so calling this for each of many refused requests is
    /// harmless.
    pub fn invalidate(&self) {
        self.refused.store(true, Ordering::SeqCst);
    }

    /// Returns the cached key, while it is fresh. No call is made.
    #[must_use]
    pub fn kept(&self) -> Option<ReadKey> {
        let State { kept, outage } = self.state().clone();
        let mut now = self.clock.now();
        let fresh = |kept: &Kept, now| kept.is_younger(self.policy.read_again, now);
        let pause = |kept: &Kept| {
            kept.is_younger(self.policy.stale, now) && outage.as_ref().is_some_and(|o| now < o.1)
        };
        let kept = match kept.filter(|kept| fresh(kept, now) || pause(kept)) {
            Some(kept) => kept,
            None => {
                let kept = self.cache.as_ref()?.load()?;
                // The time is read again, so an entry that another process has just written is not
                // in the future.
                now = self.clock.now();
                Some(kept).filter(|kept| fresh(kept, now))?
            }
        };
        if !kept.is_younger(REFUSAL_PAUSE, now) && self.refused.swap(false, Ordering::SeqCst) {
            self.forget();
            return None;
        }
        let outage = outage.filter(|_| !fresh(&kept, now)).map(|(error, _)| error);
        self.state().kept = Some(kept.clone());
        Some(self.answer(kept, outage, now))
    }

    /// Returns the key, and reads it again if needed. With a `home`, it also checks once a day
    /// whether the user's home was moved away.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn read(
        &self,
        source: &dyn CredentialSource,
        home: Option<&dyn HomeSource>,
    ) -> Result<ReadKey, ReadError> {
        if let Some(kept) = self.kept() {
            return Ok(kept);
        }
        let _turn = self.turn.lock().await;
        let _others = match &self.cache {
            Some(cache) => cache.turn().await,
            None => None,
        };
        // Another caller may have read it in the meantime.
        if let Some(kept) = self.kept() {
            return Ok(kept);
        }
        let result = self.ask(source, home).await;
        // A key that is no longer published is not kept.
        if result.is_err() {
            self.forget();
        }
        result
    }

    async fn ask(
        &self,
        source: &dyn CredentialSource,
        home: Option<&dyn HomeSource>,
    ) -> Result<ReadKey, ReadError> {
        let memory = self.state().kept.clone();
        let known = memory
            .into_iter()
            .chain(self.cache.as_ref().and_then(|c| c.load()))
            .max_by_key(|kept| kept.read);
        let now = self.clock.now();
        let spare = known.clone().filter(|kept| kept.is_younger(self.policy.stale, now));
        // This read answers every refusal so far.
        self.refused.store(false, Ordering::SeqCst);
        let reading = source.published(&self.secret, self.stage);
        let answer = match self.patience.filter(|_| spare.is_some()) {
            // A caller with a cached key does not wait until an outage is certain.
            Some(limit) => within(&*self.clock, limit, reading).await.unwrap_or_else(|| {
                Err(CallError::lost(format!("no answer within {} seconds", limit.as_secs())))
            }),
            None => reading.await,
        };
        match answer {
            Ok(Published::Key { credentials, .. }) => {
                let before = known.map_or_else(|| HomeCheck::unasked(now), |kept| kept.moved);
                let moved = match home {
                    Some(home) => before.asked(home, &self.secret, &*self.clock).await,
                    None => before,
                };
                let kept = Kept { credentials, read: now, moved };
                if let Some(cache) = &self.cache {
                    cache.store(&kept);
                }
                *self.state() = State { kept: Some(kept.clone()), outage: None };
                Ok(self.answer(kept, None, now))
            }
            Ok(Published::NotYet) => Err(ReadError::NotYet(self.secret.clone())),
            Ok(Published::SomethingElse(why)) => Err(ReadError::NoKey(self.secret.clone(), why)),
            Err(source) => match spare {
                Some(kept) if source.is_outage() => {
                    let pause = after(now, OUTAGE_PAUSE);
                    *self.state() =
                        State { kept: Some(kept.clone()), outage: Some((source.clone(), pause)) };
                    Ok(self.answer(kept, Some(source), now))
                }
                _ => Err(ReadError::Failed { secret: self.secret.clone(), source }),
            },
        }
    }

    fn answer(&self, kept: Kept, outage: Option<CallError>, now: Timestamp) -> ReadKey {
        let CachePolicy { lifetime, stale, read_again } = self.policy;
        let Kept { credentials, read, moved } = kept;
        let (ask_again, expires) = match &outage {
            None => (after(read, read_again), after(read, lifetime)),
            Some(_) => {
                let pause = self.state().outage.as_ref().map_or(now, |(_, until)| *until);
                (pause.min(after(read, stale)), after(now, STALE_LIFETIME.min(lifetime)))
            }
        };
        ReadKey { credentials, read, ask_again, expires, moved_to: moved.to, outage }
    }

    /// Returns where else the key is published according to the user's tag, after it could not be
    /// read in this region. Also `None` if the error does not suggest a move, or the tag could not
    /// be read.
    pub async fn home_elsewhere(
        &self,
        source: &dyn HomeSource,
        user: &UserRef,
        region: &str,
        error: &CallError,
    ) -> Option<SecretArn> {
        if !may_be_elsewhere(error) {
            return None;
        }
        home_elsewhere(source, user, (&self.secret, region), &*self.clock).await
    }

    fn forget(&self) {
        *self.state() = State::default();
        if let Some(cache) = &self.cache {
            cache.forget();
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows the secret's name, and nothing that was read from it.
impl fmt::Debug for KeyReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyReader").field("secret", &self.secret.as_str()).finish_non_exhaustive()
    }
}
