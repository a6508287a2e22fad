//! Paces deliveries to GitHub's limit.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// The time per delivery: it is two requests that create content, of which GitHub allows 80 a
/// minute (GitHub documentation, "Rate limits for the REST API", "About secondary rate limits").
const EACH: Duration = Duration::from_millis(1_700);
/// The number of deliveries that may come together after a pause.
const TOGETHER: u32 = 4;

/// Gives each delivery its turn. The wait is before the first write, never between the two writes
/// of a pair.
#[derive(Default)]
pub(super) struct Turns(Mutex<Option<Instant>>);

impl Turns {
    pub(super) async fn wait(&self) {
        let now = Instant::now();
        let turn = {
            let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // The time of this turn at an even pace.
            let paced = last.map_or(now, |last| now.max(last + EACH));
            *last = Some(paced);
            paced.checked_sub(EACH * (TOGETHER - 1)).map_or(now, |early| early.max(now))
        };
        sleep_until(turn).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_minute_has_no_more_than_forty_deliveries() {
        let turns = Turns::default();
        let begin = Instant::now();
        let mut at = Vec::new();
        for _ in 0..100 {
            turns.wait().await;
            at.push(begin.elapsed());
        }
        assert!(at[3] == Duration::ZERO && at[4] > Duration::ZERO, "{at:?}");
        let minute = Duration::from_secs(60);
        for (n, first) in at.iter().enumerate() {
            let within = at[n..].iter().take_while(|one| **one < *first + minute).count();
            assert!(within <= 40, "{within} from {first:?}");
        }
        assert!(at[99] < Duration::from_secs(170), "{at:?}");
        // After a pause some may come together again.
        tokio::time::sleep(minute).await;
        let (again, begin) = (turns.wait().await, Instant::now());
        turns.wait().await;
        assert_eq!((again, begin.elapsed()), ((), Duration::ZERO));
    }
}
