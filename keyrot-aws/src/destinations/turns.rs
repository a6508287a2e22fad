//! Paces deliveries to GitHub's limit.

use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// The time per write, of which GitHub allows 80 a minute (GitHub documentation, "Rate limits for
/// the REST API", "About secondary rate limits": requests that create content).
const EACH: Duration = Duration::from_millis(850);
/// The number of deliveries that may come together after a pause.
const TOGETHER: u32 = 4;

/// Gives each delivery its turn, in the order in which they ask. One that no longer waits takes no
/// turn. The wait is before the first write, never between the two writes of a pair.
pub(super) struct Turns {
    each: Duration,
    /// The time of the last turn at an even pace.
    last: Mutex<Option<Instant>>,
}

impl Turns {
    /// For deliveries of so many writes each.
    pub(super) fn of(writes: usize) -> Self {
        let writes = u32::try_from(writes).unwrap_or(u32::MAX);
        Self { each: EACH.saturating_mul(writes), last: Mutex::default() }
    }

    pub(super) async fn wait(&self) {
        let mut last = self.last.lock().await;
        let now = Instant::now();
        let paced = last.map_or(now, |last| now.max(last + self.each));
        let early = paced.checked_sub(self.each * (TOGETHER - 1));
        sleep_until(early.map_or(now, |early| early.max(now))).await;
        *last = Some(paced);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_minute_has_no_more_than_eighty_writes() {
        for (writes, all_within) in [(2, 170), (1, 85)] {
            let turns = Turns::of(writes);
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
                assert!(within * writes <= 80, "{within} from {first:?}");
            }
            assert!(at[99] < Duration::from_secs(all_within), "{at:?}");
            // After a pause some may come together again.
            tokio::time::sleep(minute).await;
            let (again, begin) = (turns.wait().await, Instant::now());
            turns.wait().await;
            assert_eq!((again, begin.elapsed()), ((), Duration::ZERO));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_no_longer_waits_takes_no_turn() {
        let turns = Turns::of(2);
        for _ in 0..TOGETHER {
            turns.wait().await;
        }
        // A hundred wait, and are stopped before their turns.
        let all = futures_util::future::join_all((0..100).map(|_| turns.wait()));
        assert!(tokio::time::timeout(Duration::from_secs(1), all).await.is_err());
        let begin = Instant::now();
        turns.wait().await;
        assert!(begin.elapsed() <= Duration::from_secs(1), "{:?}", begin.elapsed());
    }
}
