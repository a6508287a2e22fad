use super::LimiterSettings;
use std::time::Duration;

/// AWS refills its buckets "every second": after a throttle, no call succeeds before that.
const REFILL: Duration = Duration::from_secs(1);
/// The ramp's last round trip must have admitted this many calls for its rate to count.
const MIN_SAMPLE: u32 = 3;
/// Relative depth of the dip after a throttle, and of the excess at which the next one is expected.
const SWING: f64 = 0.1;
/// Unused pace is carried over for at most this long: it makes up for late timers, no more. A
/// longer credit would be a burst, and the bucket is empty after a throttle.
const CATCH_UP: Duration = Duration::from_millis(10);

/// The decisions of a [`Limiter`](super::Limiter), without clock, lock or I/O.
///
/// `now` is always the time since the controller was made; it must not run backwards (if it
/// does, the controller only waits longer). Every [`Ticket`] is settled exactly once.
#[derive(Debug)]
pub struct RateController {
    settings: LimiterSettings,
    phase: Phase,
    /// Earliest time of the next call.
    next_at: Duration,
    next_seq: u64,
    in_flight: u64,
    admitted: u64,
    throttled: u64,
    /// Throttles of calls sent before this one belong to a decrease that was already made.
    cut_seq: u64,
    sample: Sample,
    /// A caller had to wait since the last call was sent: the limiter is the bottleneck.
    limiting: bool,
    last_issue: Option<Duration>,
}

/// The right to send one call, to be settled once with the call's outcome.
#[derive(Debug)]
#[must_use = "a ticket that is never settled counts as in flight forever"]
pub struct Ticket {
    seq: u64,
    issued: Duration,
}

/// What the next caller has to do.
#[derive(Debug)]
pub enum Turn {
    /// Send the call now.
    Go(Ticket),
    /// Ask again at this time, or earlier if a call is settled.
    At(Duration),
    /// Ask again once a call has been settled.
    AfterReply,
}

/// What the controller is doing, for display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pace {
    /// No throttle yet: as fast as answers arrive, growing.
    Ramp,
    /// There is a limit, and it is being searched.
    Search,
    /// A limit was measured, and the pace stays near it.
    Hold,
}

#[derive(Debug)]
enum Phase {
    /// At most `window` calls in flight.
    Ramp { window: f64 },
    /// The ramp hit the limit at `stopped`; the answers that are still under way show what it is.
    Drain { stopped: Duration, until: Duration },
    /// Paced, growing exponentially until the next throttle; the limit is known to be `at_least`.
    Search { rate: f64, at_least: f64 },
    /// Paced around `limit`; `grown` of pace-limited time has passed, `knee` is when `limit` is
    /// reached.
    Hold { limit: f64, knee: f64, grown: f64 },
}

/// What was admitted since the server's bucket was last known to be empty.
#[derive(Debug, Default)]
struct Sample {
    from_seq: u64,
    from: Duration,
    admitted: u32,
    /// How long all callers had to wait after the last throttle.
    pause: Duration,
}

impl RateController {
    /// Returns a controller that has not received any answer.
    #[must_use]
    pub fn new(settings: LimiterSettings) -> Self {
        Self {
            phase: Phase::Ramp { window: f64::from(settings.initial_window) },
            settings,
            next_at: Duration::ZERO,
            next_seq: 0,
            in_flight: 0,
            admitted: 0,
            throttled: 0,
            cut_seq: 0,
            sample: Sample::default(),
            limiting: false,
            last_issue: None,
        }
    }

    /// Decides whether the caller at the head of the queue may send its call.
    pub fn acquire(&mut self, now: Duration) -> Turn {
        match self.phase {
            Phase::Ramp { window } if as_f64(self.in_flight) + 1.0 > window.floor() => {
                self.limiting = true;
                return Turn::AfterReply;
            }
            Phase::Drain { until, .. } if now < until && self.in_flight > 0 => {
                self.limiting = true;
                return Turn::At(until);
            }
            Phase::Drain { .. } => self.finish_drain(now),
            _ => {}
        }
        if now < self.next_at {
            self.limiting = true;
            return Turn::At(self.next_at);
        }
        self.issue(now)
    }

    /// Records that AWS answered the call with anything but a throttle.
    #[expect(clippy::needless_pass_by_value, reason = "a ticket is settled once")]
    pub fn on_success(&mut self, ticket: Ticket) {
        self.release();
        self.admitted += 1;
        if ticket.seq >= self.sample.from_seq {
            self.sample.admitted = self.sample.admitted.saturating_add(1);
        }
        if let Phase::Ramp { window } = &mut self.phase {
            // A window that is not full says nothing about a larger one.
            let filled = as_f64(self.in_flight) + 1.0 >= *window / 2.0;
            if self.admitted > u64::from(self.settings.burst) && filled {
                *window += self.settings.growth;
            }
        }
    }

    /// Records that AWS refused the call with a throttle.
    #[expect(clippy::needless_pass_by_value, reason = "a ticket is settled once")]
    pub fn on_throttle(&mut self, ticket: Ticket, now: Duration) {
        self.release();
        self.throttled += 1;
        if ticket.seq < self.cut_seq {
            return;
        }
        let pause = match self.phase {
            Phase::Ramp { .. } => {
                let pause = gap(self.settings.initial_rate);
                // Waiting is bounded: one hanging call must not stop the rest.
                self.phase = Phase::Drain { stopped: now, until: now + pause };
                pause
            }
            // This can't happen: nothing is sent while draining, so the ticket is older than the
            // cut.
            Phase::Drain { .. } => return,
            Phase::Search { .. } | Phase::Hold { .. } => self.cut(self.rate(), ticket.issued),
        };
        self.next_at = now + pause;
        self.cut_seq = self.next_seq;
        // Nothing admitted means that the bucket has been empty since the first throttle.
        let (from_seq, from) = if self.sample.admitted == 0 && self.sample.pause > Duration::ZERO {
            (self.sample.from_seq, self.sample.from)
        } else {
            (ticket.seq + 1, ticket.issued)
        };
        self.sample = Sample { from_seq, from, admitted: 0, pause };
    }

    /// Records that the call got no answer (dropped, timed out, failed on the way): its place is
    /// free again, and nothing was learned.
    pub fn on_abandoned(&mut self, _ticket: Ticket) {
        self.release();
    }

    /// Returns the largest number of calls per second from now on.
    #[must_use]
    pub fn rate(&self) -> f64 {
        let rate = match self.phase {
            // The window limits calls, not the pace.
            Phase::Ramp { .. } => self.settings.ceiling,
            Phase::Drain { .. } => self.settings.initial_rate,
            Phase::Search { rate, .. } => rate,
            Phase::Hold { limit, knee, grown } => {
                limit * (1.0 + SWING * ((grown - knee) / knee).powi(3))
            }
        };
        self.settings.clamp(rate)
    }

    /// Returns what the controller is doing.
    #[must_use]
    pub fn pace(&self) -> Pace {
        match self.phase {
            Phase::Ramp { .. } => Pace::Ramp,
            Phase::Drain { .. } | Phase::Search { .. } => Pace::Search,
            Phase::Hold { .. } => Pace::Hold,
        }
    }

    /// Returns the number of calls sent and not yet settled.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// Returns the number of calls sent so far, settled or not.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.next_seq
    }

    /// Returns the number of calls answered without a throttle so far.
    #[must_use]
    pub fn admitted(&self) -> u64 {
        self.admitted
    }

    /// Returns the number of calls throttled so far.
    #[must_use]
    pub fn throttled(&self) -> u64 {
        self.throttled
    }

    fn issue(&mut self, now: Duration) -> Turn {
        self.grow(now);
        let credit_from = now.saturating_sub(CATCH_UP);
        self.next_at = self.next_at.max(credit_from) + gap(self.rate());
        self.last_issue = Some(now);
        self.limiting = false;
        let seq = self.next_seq;
        self.next_seq += 1;
        self.in_flight += 1;
        Turn::Go(Ticket { seq, issued: now })
    }

    /// Raises the pace, but only for the time in which the pace held callers back: unused pace says
    /// nothing, and would grow without bound.
    fn grow(&mut self, now: Duration) {
        let Some(last) = self.last_issue.filter(|_| self.limiting) else {
            return;
        };
        let pace = gap(self.rate());
        // After a pause, only the part that the pace explains counts.
        let dt = now.saturating_sub(last).min((2 * pace).max(CATCH_UP)).as_secs_f64();
        match &mut self.phase {
            Phase::Search { rate, .. } => {
                // Double in half a second, but never in fewer than five calls: otherwise the pace
                // would far exceed the limit of a slow API before the first throttle arrives.
                let doubling = (5.0 / *rate).max(0.5);
                *rate = self.settings.clamp(*rate * (dt / doubling).exp2());
            }
            Phase::Hold { limit, knee, grown } => {
                *grown += dt;
                // By now the excess should have hit the limit, so the limit must have risen.
                if *grown > 2.0 * *knee {
                    let rate = *limit * (1.0 + SWING);
                    self.phase = Phase::Search { rate, at_least: rate };
                }
            }
            Phase::Ramp { .. } | Phase::Drain { .. } => {}
        }
    }

    /// Returns the rate admitted since the bucket was last empty. From empty to empty, a token
    /// bucket admits what it was refilled with, so this is the server's rate.
    fn measured(&self, until: Duration) -> f64 {
        let span = until.saturating_sub(self.sample.from);
        f64::from(self.sample.admitted) / span.max(Duration::from_millis(1)).as_secs_f64()
    }

    /// Handles a throttle while paced: takes the measured rate or, if nothing at all was admitted
    /// since the last throttle, keeps the rate and waits longer: the bucket is not refilled yet.
    fn cut(&mut self, rate: f64, refused_at: Duration) -> Duration {
        let admitted = self.sample.admitted;
        if admitted == 0 {
            let last = self.sample.pause;
            return if last < REFILL {
                (8 * last).min(REFILL)
            } else {
                (2 * last).min(gap(self.settings.floor).max(REFILL))
            };
        }
        let at_least = match self.phase {
            Phase::Search { at_least, .. } => at_least,
            _ => 0.0,
        };
        // The sample may hold idle time or a bucket that overflowed (too low), or a bucket's
        // savings (too high).
        let measured = self.measured(refused_at);
        let limit = measured.max(at_least).max(rate / 4.0).min(rate);
        let limit = self.settings.clamp(limit);
        // The more calls the sample has, the longer its result is trusted.
        let calls = (2.0 * f64::from(admitted)).clamp(8.0, 40.0);
        let knee = (calls / limit).clamp(1.0, 20.0);
        self.phase = Phase::Hold { limit, knee, grown: 0.0 };
        gap(self.rate())
    }

    fn finish_drain(&mut self, now: Duration) {
        let Phase::Drain { stopped, .. } = self.phase else {
            return;
        };
        // Returns how many of the calls sent after the first refused one were still admitted.
        let measured = self.settings.clamp(self.measured(stopped) * (1.0 - SWING));
        if self.sample.admitted >= MIN_SAMPLE {
            self.phase = Phase::Search { rate: measured, at_least: 0.0 };
            self.next_at = stopped + gap(measured);
        } else {
            self.phase = Phase::Search { rate: self.settings.initial_rate, at_least: 0.0 };
        }
        self.last_issue = Some(now);
    }

    fn release(&mut self) {
        debug_assert!(self.in_flight > 0, "a ticket was settled twice");
        self.in_flight = self.in_flight.saturating_sub(1);
    }
}

fn gap(rate: f64) -> Duration {
    Duration::from_secs_f64(1.0 / rate)
}

/// Counts here are far below 2^52, where a float still holds every whole number.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn as_f64(count: u64) -> f64 {
    count as f64
}
