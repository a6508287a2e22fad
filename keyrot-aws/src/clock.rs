use async_trait::async_trait;
use keyrot_core::{Clock, Timestamp};
use std::time::{Duration, SystemTime};

/// The machine's wall clock, and tokio's timer to wait with.
#[derive(Debug, Clone, Copy, Default)]
pub struct TokioClock;

#[async_trait]
impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        SystemTime::now().into()
    }

    /// This clock sees no answers of AWS's.
    fn aws_now(&self) -> Option<Timestamp> {
        None
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}
