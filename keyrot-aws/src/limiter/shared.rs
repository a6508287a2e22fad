use super::controller::{Pace, RateController, Ticket, Turn};
use super::{LimiterSettings, RetryLimits};
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use thiserror::Error;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout_at};

/// Paces the calls of one API class to what AWS admits. Clones share one pace.
///
/// Callers are served first come, first served. A caller that goes away gives its place back. A
/// waiting caller costs one entry in an intrusive list inside its own future, and only the first in
/// the queue holds a timer.
///
/// Two duties of the caller: every call has a time-out (a call without an answer keeps its place),
/// and nobody who holds a [`Permit`] waits for another one of the same limiter (they could wait for
/// each other for ever).
#[derive(Clone, Debug)]
pub struct Limiter {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Tokio's mutex hands over in the order of asking: it is the queue.
    turnstile: tokio::sync::Mutex<()>,
    /// Wakes the head of the queue when a call was settled.
    settled: Notify,
    core: Mutex<RateController>,
    started: Instant,
    seed: u64,
    backoffs: AtomicU64,
}

/// Leave to send one call. Say how it ended with [`succeeded`](Self::succeeded) or
/// [`throttled`](Self::throttled); dropped, it frees its place and teaches nothing.
#[derive(Debug)]
#[must_use = "a permit that is dropped at once gives its place back"]
pub struct Permit {
    shared: Arc<Shared>,
    ticket: Option<Ticket>,
}

/// A limiter's counters at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LimiterStats {
    /// Calls sent so far.
    pub calls: u64,
    /// Calls AWS answered with something other than a throttle.
    pub admitted: u64,
    /// Calls AWS throttled.
    pub throttled: u64,
    /// Calls sent and not answered yet.
    pub in_flight: u64,
    /// The pace now, calls per second; the ceiling while [`Pace::Ramp`] lasts.
    pub rate: f64,
    /// What the limiter is doing.
    pub pace: Pace,
}

/// What an error of a call says about the rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// AWS refused the call for its rate and did nothing: it may be sent again.
    Throttled,
    /// AWS let the call through and then refused it (no such user, access denied, …).
    Admitted,
    /// No word from the service: time-out, lost connection, 5xx.
    Unknown,
}

/// How [`Limiter::run`] ends without a result.
#[derive(Debug, Error)]
pub enum CallError<E> {
    /// The call failed with something other than a throttle; it was not sent again.
    #[error("the call failed")]
    Failed(#[source] E),
    /// AWS throttled every attempt. The call had no effect.
    #[error(
        "AWS throttled the call {attempts} times in {}s; lower the concurrency or find the client that uses up the account's rate",
        waited.as_secs()
    )]
    StillThrottled {
        /// How often the call was sent.
        attempts: u32,
        /// Time since the first wait.
        waited: Duration,
        /// The last throttle.
        #[source]
        last: E,
    },
    /// The budget ended in the queue, before the call was ever sent.
    #[error(
        "no turn within {}s for a call that AWS limits the rate of; allow more time or do less in one run",
        waited.as_secs()
    )]
    NoTurn {
        /// Time spent in the queue.
        waited: Duration,
    },
}

impl<E> CallError<E> {
    /// The call's own error, if it was ever sent.
    pub fn into_inner(self) -> Option<E> {
        match self {
            Self::Failed(error) | Self::StillThrottled { last: error, .. } => Some(error),
            Self::NoTurn { .. } => None,
        }
    }
}

impl Limiter {
    /// A limiter of its own. Must be made inside a tokio runtime with time enabled if that
    /// runtime's clock is paused; anywhere otherwise.
    #[must_use]
    pub fn new(settings: LimiterSettings) -> Self {
        Self::with_seed(settings, RandomState::new().hash_one(0_u64))
    }

    /// As [`new`](Self::new), with the jitter's seed given: two runs wait alike.
    #[must_use]
    pub fn with_seed(settings: LimiterSettings, seed: u64) -> Self {
        Self {
            shared: Arc::new(Shared {
                turnstile: tokio::sync::Mutex::new(()),
                settled: Notify::new(),
                core: Mutex::new(RateController::new(settings)),
                started: Instant::now(),
                seed,
                backoffs: AtomicU64::new(0),
            }),
        }
    }

    /// Waits for this caller's turn. Safe to drop at any point.
    pub async fn acquire(&self) -> Permit {
        let _turn = self.shared.turnstile.lock().await;
        loop {
            // Judged and released in one statement: the lock is never held over an await.
            let turn = self.shared.core().acquire(self.shared.now());
            match turn {
                Turn::Go(ticket) => {
                    return Permit { shared: Arc::clone(&self.shared), ticket: Some(ticket) };
                }
                Turn::At(at) => {
                    tokio::select! {
                        () = sleep_until(self.shared.started + at) => {}
                        () = self.shared.settled.notified() => {}
                    }
                }
                Turn::AfterReply => self.shared.settled.notified().await,
            }
        }
    }

    /// Sends a call in its turn, and again if AWS throttles it.
    ///
    /// `judge` says of each error what it means for the rate; `Ok` counts as admitted. Only
    /// [`Reply::Throttled`] is tried again: then AWS did nothing, so this is safe even for calls
    /// without an idempotency token such as `CreateAccessKey`. The SDK's own retries should be off
    /// for such calls, or its attempts are paced by nobody.
    ///
    /// # Errors
    /// [`CallError`]: the call's own failure, throttled to the end of `limits`, or no turn in time.
    pub async fn run<T, E, F, Fut>(
        &self,
        limits: RetryLimits,
        mut call: F,
        judge: impl Fn(&E) -> Reply,
    ) -> Result<T, CallError<E>>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let started = Instant::now();
        // Beyond what the clock can hold there is no deadline.
        let deadline = started.checked_add(limits.budget);
        let mut attempts = 0;
        let mut last = None;
        loop {
            let Some(permit) = self.acquire_until(deadline).await else {
                let waited = started.elapsed();
                return Err(match last {
                    Some(last) => CallError::StillThrottled { attempts, waited, last },
                    None => CallError::NoTurn { waited },
                });
            };
            attempts += 1;
            let error = match call().await {
                Ok(value) => {
                    permit.succeeded();
                    return Ok(value);
                }
                Err(error) => error,
            };
            match judge(&error) {
                Reply::Throttled => permit.throttled(),
                Reply::Admitted => {
                    permit.succeeded();
                    return Err(CallError::Failed(error));
                }
                Reply::Unknown => return Err(CallError::Failed(error)),
            }
            let next = Instant::now() + self.back_off(&limits, attempts);
            if attempts >= limits.max_attempts.max(1) || deadline.is_some_and(|end| next >= end) {
                return Err(CallError::StillThrottled { attempts, waited: started.elapsed(), last: error });
            }
            last = Some(error);
            sleep_until(next).await;
        }
    }

    /// The counters now.
    #[must_use]
    pub fn stats(&self) -> LimiterStats {
        let core = self.shared.core();
        LimiterStats {
            calls: core.sent(),
            admitted: core.admitted(),
            throttled: core.throttled(),
            in_flight: core.in_flight(),
            rate: core.rate(),
            pace: core.pace(),
        }
    }

    async fn acquire_until(&self, deadline: Option<Instant>) -> Option<Permit> {
        match deadline {
            Some(deadline) => timeout_at(deadline, self.acquire()).await.ok(),
            None => Some(self.acquire().await),
        }
    }

    /// Exponential, between half and all of the step, so that callers throttled together do not
    /// come back together.
    fn back_off(&self, limits: &RetryLimits, attempts: u32) -> Duration {
        let doublings = attempts.saturating_sub(1).min(31);
        let step = limits.base.saturating_mul(1 << doublings).min(limits.cap);
        let nth = self.shared.backoffs.fetch_add(1, Ordering::Relaxed);
        step / 2 + (step / 2).mul_f64(fraction(self.shared.seed, nth))
    }
}

impl Shared {
    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn core(&self) -> MutexGuard<'_, RateController> {
        // The core has no state that a panic could leave half-changed in a harmful way.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// AWS answered, with anything but a throttle.
    pub fn succeeded(mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.shared.core().on_success(ticket);
            self.shared.settled.notify_one();
        }
    }

    /// AWS throttled the call.
    pub fn throttled(mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.shared.core().on_throttle(ticket, self.shared.now());
            self.shared.settled.notify_one();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.shared.core().on_abandoned(ticket);
            self.shared.settled.notify_one();
        }
    }
}

/// A number in [0, 1) from a seed and a counter: the finaliser of `SplitMix64`, spread well enough
/// for jitter and the same in every run.
fn fraction(seed: u64, nth: u64) -> f64 {
    let mut x = seed.wrapping_add(nth.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^= x >> 31;
    // 32 bits are plenty, and fit a float exactly.
    let high = u32::try_from(x >> 32).unwrap_or(u32::MAX);
    f64::from(high) / 4_294_967_296.0
}
