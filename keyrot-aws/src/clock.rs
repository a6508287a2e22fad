use async_trait::async_trait;
use chrono::{Datelike, TimeDelta};
use keyrot_core::{Clock, Timestamp};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// The machine's wall clock, with tokio's timer for waits.
#[derive(Debug, Clone, Copy, Default)]
pub struct TokioClock;

#[async_trait]
impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        SystemTime::now().into()
    }

    /// This clock receives no answers. [`Aws::clock`](crate::Aws::clock) does.
    fn aws_now(&self) -> Option<Timestamp> {
        None
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    async fn time_limit(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// The machine's wall clock, which also knows AWS's time from the answers of an
/// [`Aws`](crate::Aws).
#[derive(Debug, Clone)]
pub struct AwsClock(pub(crate) AwsTime);

#[async_trait]
impl Clock for AwsClock {
    fn now(&self) -> Timestamp {
        TokioClock.now()
    }

    fn aws_now(&self) -> Option<Timestamp> {
        self.0.now()
    }

    async fn sleep(&self, time: Duration) {
        TokioClock.sleep(time).await;
    }

    async fn time_limit(&self, time: Duration) {
        TokioClock.time_limit(time).await;
    }
}

/// The years that a date from AWS may have.
const YEARS: std::ops::Range<i32> = 2000..10_000;

/// The `Date` of AWS's last answer, and its arrival by the monotonic clock.
#[derive(Debug, Clone, Default)]
pub(crate) struct AwsTime(Arc<Mutex<Option<(Timestamp, Instant)>>>);

impl AwsTime {
    /// Records the date of an answer to a request sent at `sent`. It assumes that AWS wrote the
    /// date halfway through the request, and cut off the fraction of a second. A date outside of
    /// [`YEARS`] is no time: calculations with it could leave the calendar.
    pub(crate) fn learn(&self, date: Timestamp, sent: Instant) {
        if !YEARS.contains(&date.year()) {
            return;
        }
        let written = sent + sent.elapsed() / 2;
        let date = date + TimeDelta::milliseconds(500);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((date, written));
    }

    pub(crate) fn now(&self) -> Option<Timestamp> {
        let (date, written) = (*self.0.lock().unwrap_or_else(PoisonError::into_inner))?;
        Some(keyrot_core::model::after(date, written.elapsed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_at_the_end_of_the_calendar_is_not_the_time() {
        for date in [Timestamp::MAX_UTC, Timestamp::MIN_UTC] {
            let time = AwsTime::default();
            time.learn(date, Instant::now());
            assert_eq!(time.now(), None, "{date}");
        }
    }
}
