use super::LimiterSettings;
use super::controller::{Pace, RateController, Ticket, Turn};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// Paces the calls of one API class to the rate that AWS admits. Clones share one pace.
///
/// Callers are served first come, first served. A caller that stops waiting gives up its place. A
/// waiting caller costs one entry in an intrusive list inside its own future, and only the first in
/// the queue holds a timer.
///
/// Two duties of the caller: give every call a timeout (a call without an answer keeps its place),
/// and never wait for a [`Permit`] while holding another of the same limiter (that could deadlock).
#[derive(Clone, Debug)]
pub struct Limiter {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Tokio's mutex is fair (first come, first served), so it serves as the queue.
    turnstile: tokio::sync::Mutex<()>,
    /// Wakes the head of the queue when a call was settled.
    settled: Notify,
    core: Mutex<RateController>,
    started: Instant,
}

/// The permission to send one call. Report how the call ended with [`succeeded`](Self::succeeded)
/// or [`throttled`](Self::throttled). A dropped permit frees its place, and the limiter learns
/// nothing from it.
#[derive(Debug)]
#[must_use = "a permit that is dropped immediately gives its place back"]
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
    /// The present pace, in calls per second; the ceiling while [`Pace::Ramp`] lasts.
    pub rate: f64,
    /// What the limiter is doing.
    pub pace: Pace,
}

impl Limiter {
    /// Returns a limiter with its own pace. If a tokio runtime's clock is paused, call this inside
    /// that runtime, with time enabled; otherwise anywhere.
    #[must_use]
    pub fn new(settings: LimiterSettings) -> Self {
        Self {
            shared: Arc::new(Shared {
                turnstile: tokio::sync::Mutex::new(()),
                settled: Notify::new(),
                core: Mutex::new(RateController::new(settings)),
                started: Instant::now(),
            }),
        }
    }

    /// Waits for this caller's turn. Safe to drop at any point.
    pub async fn acquire(&self) -> Permit {
        let _turn = self.shared.turnstile.lock().await;
        loop {
            // The lock is taken and released in one statement, so it is never held across an await.
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

    /// Returns the present counters.
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
    /// Reports that AWS answered with anything but a throttle.
    pub fn succeeded(mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.shared.core().on_success(ticket);
            self.shared.settled.notify_one();
        }
    }

    /// Reports that AWS throttled the call.
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
