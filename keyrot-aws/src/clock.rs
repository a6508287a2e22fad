use async_trait::async_trait;
use chrono::TimeDelta;
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

/// The `Date` of AWS's last answer, and its arrival by the monotonic clock.
#[derive(Debug, Clone, Default)]
pub(crate) struct AwsTime(Arc<Mutex<Option<(Timestamp, Instant)>>>);

impl AwsTime {
    /// Records the date of an answer to a request sent at `sent`. It assumes that AWS wrote the
    /// date halfway through the request, and cut off the fraction of a second.
    pub(crate) fn learn(&self, date: Timestamp, sent: Instant) {
        let written = sent + sent.elapsed() / 2;
        let date = date + TimeDelta::milliseconds(500);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((date, written));
    }

    pub(crate) fn now(&self) -> Option<Timestamp> {
        let (date, written) = (*self.0.lock().unwrap_or_else(PoisonError::into_inner))?;
        Some(keyrot_core::model::after(date, written.elapsed()))
    }
}
