//! Paces deliveries to stay within GitHub's limit.

use keyrot_core::settings::{GitHub, GitHubAuth};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// The time per write. GitHub allows 80 writes a minute (GitHub documentation, "Rate limits for the
/// REST API", "About secondary rate limits": requests that create content).
const EACH: Duration = Duration::from_millis(830);
/// The size of a burst after a pause: the time of six writes.
const TOGETHER: Duration = Duration::from_millis(830 * 6);

/// The pace of one GitHub account's deliveries. Each delivery waits twice at the same pace: for its
/// turn before it is announced, which may take minutes, and again right before it reads the place
/// to write there. The time between these two points differs between deliveries, so without the
/// second wait, writes could come too close together. There is no wait between the two writes of a
/// pair.
#[derive(Default)]
pub(super) struct Turns {
    pub(super) announcements: Line,
    pub(super) writes: Line,
}

/// Lets deliveries proceed at that pace, in the order in which they ask. A delivery that stops
/// waiting uses up no turn.
#[derive(Default)]
pub(super) struct Line {
    /// The time of the last turn at an even pace, and how long its writes take at that pace.
    last: Mutex<Option<(Instant, Duration)>>,
}

/// The turns of all destinations. GitHub's limits apply to an account, so destinations with the
/// same token or App share their turns.
#[derive(Default)]
pub(super) struct AllTurns(Vec<(Option<String>, GitHubAuth, Arc<Turns>)>);

impl AllTurns {
    pub(super) fn of(&mut self, kind: &GitHub) -> Arc<Turns> {
        let same = |(url, auth, _): &&(_, _, _)| *url == kind.url && *auth == kind.auth;
        if let Some((_, _, turns)) = self.0.iter().find(same) {
            return turns.clone();
        }
        let turns = Arc::<Turns>::default();
        self.0.push((kind.url.clone(), kind.auth.clone(), turns.clone()));
        turns
    }
}

impl Line {
    /// Waits for the turn of a delivery with this many writes.
    pub(super) async fn wait(&self, writes: usize) {
        let mut last = self.last.lock().await;
        let now = Instant::now();
        let paced = last.map_or(now, |(last, took)| now.max(last + took));
        let early = paced.checked_sub(TOGETHER);
        sleep_until(early.map_or(now, |early| early.max(now))).await;
        let writes = u32::try_from(writes).unwrap_or(u32::MAX);
        *last = Some((paced, EACH.saturating_mul(writes)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_minute_has_at_most_eighty_writes() {
        for (writes, all_within) in [(2, 166), (1, 83)] {
            let turns = Line::default();
            let begin = Instant::now();
            let mut at = Vec::new();
            for _ in 0..100 {
                turns.wait(writes).await;
                at.push(begin.elapsed());
            }
            let together = at.iter().take_while(|at| at.is_zero()).count();
            assert_eq!(together, 1 + 6 / writes, "{at:?}");
            let minute = Duration::from_secs(60);
            for (n, first) in at.iter().enumerate() {
                let within = at[n..].iter().take_while(|one| **one < *first + minute).count();
                assert!(within * writes <= 80, "{within} from {first:?}");
            }
            assert!(at[99] < Duration::from_secs(all_within), "{at:?}");
            // After a pause, some writes may come together again.
            tokio::time::sleep(minute).await;
            let (again, begin) = (turns.wait(writes).await, Instant::now());
            turns.wait(writes).await;
            assert_eq!((again, begin.elapsed()), ((), Duration::ZERO));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_delivery_that_stops_waiting_takes_no_turn() {
        let turns = Line::default();
        for _ in 0..4 {
            turns.wait(2).await;
        }
        // A hundred deliveries wait, and are stopped before their turns.
        let all = futures_util::future::join_all((0..100).map(|_| turns.wait(2)));
        assert!(tokio::time::timeout(Duration::from_secs(1), all).await.is_err());
        let begin = Instant::now();
        turns.wait(2).await;
        assert!(begin.elapsed() <= Duration::from_secs(1), "{:?}", begin.elapsed());
    }
}
