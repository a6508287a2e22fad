//! When a service accepts requests again, after it refused one because of a limit.

use crate::http::retry_after::LONGEST;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The end of the wait that a service asked for. All requests with the same account share it: going
/// on with requests while an account is limited may get it banned (GitHub documentation, "Best
/// practices for using the REST API", "Handle rate limit errors appropriately").
#[derive(Default)]
pub(super) struct Limited(Mutex<Option<Instant>>);

impl Limited {
    /// Records that the service asked to wait this long.
    pub(super) fn close(&self, wait: Duration) {
        let end = Instant::now() + wait.min(LONGEST);
        let mut until = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *until = Some(until.map_or(end, |until| until.max(end)));
    }

    /// Returns the end of the wait; `None` if it is over.
    pub(super) fn until(&self) -> Option<Instant> {
        let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        until.filter(|until| *until > Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_longest_wait_counts_and_none_is_longer_than_an_hour() {
        let limited = Limited::default();
        assert_eq!(limited.until(), None);
        let begin = Instant::now();
        limited.close(Duration::from_secs(60));
        limited.close(Duration::from_secs(1));
        assert_eq!(limited.until(), Some(begin + Duration::from_secs(60)));
        limited.close(Duration::from_secs(u64::MAX));
        assert_eq!(limited.until(), Some(begin + LONGEST));
        tokio::time::sleep(LONGEST).await;
        assert_eq!(limited.until(), None);
    }
}
