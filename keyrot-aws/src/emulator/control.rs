//! Controls the traffic in a test: faults, gates, limits, counts.

use super::stats::{Entry, Outcome, Stats};
use super::throttle::{Bucket, RateLimit};
use keyrot_core::memory::Countdown;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Selects calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallAt {
    /// The action, such as `CreateAccessKey`; `None` for any.
    pub action: Option<String>,
    /// The subject, as in [`Entry::subject`]; `None` for any.
    pub subject: Option<String>,
    /// The number of such calls that pass first, and the number of later ones that are hit.
    pub turn: Countdown,
}

impl CallAt {
    /// Selects the first call of the action, once.
    #[must_use]
    pub fn first(action: &str) -> Self {
        Self {
            action: Some(action.to_owned()),
            subject: None,
            turn: Countdown { after: 0, times: 1 },
        }
    }

    /// Selects the nth call of any action, counted from zero, once.
    #[must_use]
    pub fn nth(n: usize) -> Self {
        Self { action: None, subject: None, turn: Countdown { after: n, times: 1 } }
    }

    /// Selects every call of the action.
    #[must_use]
    pub fn every(action: &str) -> Self {
        Self::first(action).times(usize::MAX)
    }

    /// Selects only calls about this user or secret.
    #[must_use]
    pub fn about(mut self, subject: &str) -> Self {
        self.subject = Some(subject.to_owned());
        self
    }

    /// Lets this many calls pass first.
    #[must_use]
    pub fn after(mut self, calls: usize) -> Self {
        self.turn.after = calls;
        self
    }

    /// Hits this many calls; `usize::MAX` for all.
    #[must_use]
    pub fn times(mut self, calls: usize) -> Self {
        self.turn.times = calls;
        self
    }

    /// Counts the call, and returns whether it is hit.
    fn hits(&mut self, action: &str, subject: Option<&str>) -> bool {
        let other = self.action.as_deref().is_some_and(|a| a != action)
            || self.subject.as_deref().is_some_and(|s| Some(s) != subject);
        !other && self.turn.hits()
    }
}

/// What goes wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The connection is cut before the call is carried out.
    LostRequest,
    /// The call is carried out, and the connection cut instead of an answer.
    LostReply,
    /// The call is carried out and answered, this much later.
    Delay(Duration),
    /// The call is not carried out; this is the answer.
    Error {
        /// AWS's code, such as `ServiceUnavailable`.
        code: String,
        /// The message.
        message: String,
        /// The HTTP status, such as 503.
        status: u16,
    },
}

impl Fault {
    /// Returns the answer for a missing permission, with AWS's text and the code of the action's
    /// service.
    #[must_use]
    pub fn denied() -> Self {
        Self::Error { code: super::reply::DENIED.to_owned(), message: String::new(), status: 403 }
    }

    /// Returns a server error of AWS, HTTP 500; the call is not carried out.
    #[must_use]
    pub fn server_error() -> Self {
        Self::Error {
            code: "InternalFailure".to_owned(),
            message: "An internal error occurred.".to_owned(),
            status: 500,
        }
    }
}

/// The moment at which a call is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// The call has arrived, and is not carried out yet.
    Before,
    /// The call was carried out, and is not answered yet.
    After,
}

/// A call that is held, or will be. If the gate is dropped without [`Gate::release`], the
/// connection is cut: a call that was held before it was carried out is then never carried out.
#[derive(Debug)]
pub struct Gate {
    reached: watch::Receiver<bool>,
    open: watch::Sender<bool>,
}

impl Gate {
    /// Waits until a call is held. It never returns if none comes, so put a timeout around it.
    pub async fn reached(&self) {
        let mut reached = self.reached.clone();
        if reached.wait_for(|r| *r).await.is_err() {
            // The emulator is gone, and no call will come.
            std::future::pending::<()>().await;
        }
    }

    /// Waits, blocking the thread, until a call is held. Returns whether it was within the time.
    #[must_use]
    pub fn wait(&self, at_most: Duration) -> bool {
        let end = Instant::now() + at_most;
        while !self.is_reached() {
            if Instant::now() >= end {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        true
    }

    /// Whether a call was held so far.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        *self.reached.borrow()
    }

    /// Lets the call continue, or pass if it has not arrived yet.
    pub fn release(self) {
        self.open.send_replace(true);
    }
}

/// The emulator's side of a [`Gate`].
pub(super) struct Barrier {
    at: CallAt,
    pub(super) when: When,
    reached: watch::Sender<bool>,
    open: watch::Receiver<bool>,
}

impl Barrier {
    /// Waits at the gate. Returns whether the call may continue.
    pub(super) async fn stand(mut self) -> bool {
        self.reached.send_replace(true);
        self.open.wait_for(|open| *open).await.is_ok()
    }
}

pub(super) struct Control {
    started: Instant,
    buckets: Vec<Bucket>,
    faults: Vec<(CallAt, Fault)>,
    barriers: Vec<Barrier>,
    keep_log: bool,
    numbers: u64,
    pub(super) stats: Stats,
}

/// What will happen to one call.
pub(super) struct Fate {
    /// The number of the call, from one, for request ids.
    pub(super) number: u64,
    /// The call's place in the log.
    entry: Option<usize>,
    pub(super) throttled: bool,
    pub(super) fault: Option<Fault>,
    pub(super) barrier: Option<Barrier>,
}

impl Control {
    pub(super) fn new(limits: Vec<RateLimit>, keep_log: bool) -> Self {
        let mut control = Self {
            started: Instant::now(),
            buckets: Vec::new(),
            faults: Vec::new(),
            barriers: Vec::new(),
            keep_log,
            numbers: 0,
            stats: Stats::default(),
        };
        control.limit(limits);
        control
    }

    pub(super) fn limit(&mut self, limits: Vec<RateLimit>) {
        let now = Instant::now();
        self.buckets = limits.into_iter().map(|limit| Bucket::full(limit, now)).collect();
    }

    pub(super) fn inject(&mut self, at: CallAt, fault: Fault) {
        self.faults.push((at, fault));
    }

    pub(super) fn heal(&mut self) {
        self.faults.clear();
    }

    pub(super) fn pause(&mut self, at: CallAt, when: When) -> Gate {
        let (reached, seen) = watch::channel(false);
        let (open, opened) = watch::channel(false);
        self.barriers.push(Barrier { at, when, reached, open: opened });
        Gate { reached: seen, open }
    }

    /// Records that a call has arrived.
    pub(super) fn begin(&mut self, action: &'static str, subject: Option<String>) -> Fate {
        let now = Instant::now();
        let throttled = self.throttles(action, now);
        let about = subject.as_deref();
        // A throttled call does not use up a fault, because it is not the call that the test means.
        let (fault, barrier) = if throttled {
            (None, None)
        } else {
            // Every fault counts the call, even if an earlier one hits it.
            let hit: Vec<bool> =
                self.faults.iter_mut().map(|(at, _)| at.hits(action, about)).collect();
            let fault = hit.iter().position(|hit| *hit).map(|at| self.faults[at].1.clone());
            let held: Vec<bool> =
                self.barriers.iter_mut().map(|b| b.at.hits(action, about)).collect();
            (fault, held.iter().position(|held| *held).map(|at| self.barriers.remove(at)))
        };
        self.numbers += 1;
        let count = self.stats.actions.entry(action).or_default();
        count.calls += 1;
        count.throttled += usize::from(throttled);
        let entry = self.keep_log.then_some(self.stats.log.len());
        if self.keep_log {
            let outcome = if throttled { Outcome::Throttled } else { Outcome::Pending };
            self.stats.log.push(Entry { at: now - self.started, action, subject, outcome });
        }
        Fate { number: self.numbers, entry, throttled, fault, barrier }
    }

    /// Records that a call has ended. A call that arrived before the counts were reset is skipped.
    pub(super) fn end(&mut self, fate: &Fate, action: &'static str, outcome: Outcome) {
        let entry = fate.entry.and_then(|at| self.stats.log.get_mut(at));
        if let Some(entry) = entry.filter(|e| e.action == action && e.outcome == Outcome::Pending) {
            entry.outcome = outcome;
        }
    }

    fn throttles(&mut self, action: &str, now: Instant) -> bool {
        let mut its: Vec<&mut Bucket> =
            self.buckets.iter_mut().filter(|b| b.holds(action)).collect();
        // Every bucket is refilled, whatever the other buckets return.
        let mut ready = true;
        for bucket in &mut its {
            ready &= bucket.ready(now);
        }
        if ready {
            its.iter_mut().for_each(|bucket| bucket.take());
        }
        !ready
    }
}
