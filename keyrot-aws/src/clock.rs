use async_trait::async_trait;
use chrono::TimeDelta;
use keyrot_core::{Clock, Timestamp};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// The machine's wall clock, and tokio's timer to wait with.
#[derive(Debug, Clone, Copy, Default)]
pub struct TokioClock;

#[async_trait]
impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        SystemTime::now().into()
    }

    /// This clock sees no answers. [`Aws::clock`](crate::Aws::clock) does.
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

/// The machine's wall clock, which knows from the answers of an [`Aws`](crate::Aws) what AWS's own
/// shows.
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

/// The `Date` of AWS's last answer, and when that was by the clock that nobody sets.
#[derive(Debug, Clone, Default)]
pub(crate) struct AwsTime(Arc<Mutex<Option<(Timestamp, Instant)>>>);

impl AwsTime {
    /// An answer to a request of `sent` has come. AWS wrote its date half-way, as far as can be
    /// known, and cut off the fraction of a second.
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
