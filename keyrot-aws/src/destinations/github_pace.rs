//! Paces deliveries to stay within GitHub's limit.

use super::limited::Limited;
use keyrot_core::settings::{GitHub, GitHubAuth};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// The time per write. GitHub allows 80 writes a minute (GitHub documentation, "Rate limits for the
/// REST API", "About secondary rate limits": requests that create content).
const EACH: Duration = Duration::from_millis(830);
/// The size of a burst after a pause: the time of six writes.
const TOGETHER: Duration = Duration::from_millis(830 * 6);
/// GitHub allows this many writes an hour (the same page).
const MOST_AN_HOUR: usize = 500;
/// A little longer than an hour, because GitHub counts the writes when they arrive.
const HOUR: Duration = Duration::from_secs(3_610);

/// The pace of one GitHub account's deliveries. Each delivery waits twice at the same pace: for its
/// turn before it is announced, which may take long, and again right before it reads the place to
/// write there. The time between these two points differs between deliveries, so without the second
/// wait, writes could come too close together. There is no wait between the two writes of a pair.
#[derive(Default)]
pub(super) struct Turns {
    announcements: Line,
    writes: Line,
    /// The wait that GitHub asked for.
    pub(super) limited: Arc<Limited>,
}

/// Lets deliveries proceed at that pace, in the order in which they ask. A delivery that stops
/// waiting uses up no turn.
#[derive(Default)]
struct Line(Mutex<Taken>);

/// The turns that were taken.
#[derive(Default)]
struct Taken {
    /// The time of the last turn at an even pace, and how long its writes take at that pace.
    last: Option<(Instant, Duration)>,
    /// The turns of the last hour with their writes, the oldest first.
    hour: VecDeque<(Instant, usize)>,
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

impl Turns {
    /// Waits until a delivery with this many writes may be announced.
    pub(super) async fn announce(&self, writes: usize) {
        self.announcements.wait(writes, &self.limited).await;
    }

    /// Waits until a delivery may make this many writes.
    pub(super) async fn write(&self, writes: usize) {
        self.writes.wait(writes, &self.limited).await;
    }
}

impl Line {
    /// Waits for the turn of a delivery with this many writes.
    async fn wait(&self, writes: usize, limited: &Limited) {
        let mut taken = self.0.lock().await;
        let now = Instant::now();
        let mut paced = taken.last.map_or(now, |(last, took)| now.max(last + took));
        let early = paced.checked_sub(TOGETHER).unwrap_or(now);
        if let Some(room) = taken.room(writes, now) {
            paced = paced.max(room);
            sleep_until(room).await;
        }
        sleep_until(early).await;
        while let Some(until) = limited.until() {
            paced = paced.max(until);
            sleep_until(until).await;
        }
        let time = EACH.saturating_mul(u32::try_from(writes).unwrap_or(u32::MAX));
        taken.last = Some((paced, time));
        taken.hour.push_back((Instant::now(), writes));
    }
}

impl Taken {
    /// Returns when the hour's limit allows this many more writes; `None` if it does now.
    fn room(&mut self, writes: usize, now: Instant) -> Option<Instant> {
        while self.hour.front().is_some_and(|(at, _)| *at + HOUR <= now) {
            self.hour.pop_front();
        }
        let mut sum: usize = self.hour.iter().map(|(_, writes)| writes).sum();
        let mut room = None;
        for (at, writes_then) in &self.hour {
            if sum + writes <= MOST_AN_HOUR {
                break;
            }
            sum -= writes_then;
            room = Some(*at + HOUR);
        }
        room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_minute_has_at_most_eighty_writes() {
        for (writes, all_within) in [(2, 166), (1, 83)] {
            let (turns, free) = (Line::default(), Limited::default());
            let begin = Instant::now();
            let mut at = Vec::new();
            for _ in 0..100 {
                turns.wait(writes, &free).await;
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
            let (again, begin) = (turns.wait(writes, &free).await, Instant::now());
            turns.wait(writes, &free).await;
            assert_eq!((again, begin.elapsed()), ((), Duration::ZERO));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_delivery_that_stops_waiting_takes_no_turn() {
        let (turns, free) = (Line::default(), Limited::default());
        for _ in 0..4 {
            turns.wait(2, &free).await;
        }
        // A hundred deliveries wait, and are stopped before their turns.
        let all = futures_util::future::join_all((0..100).map(|_| turns.wait(2, &free)));
        assert!(tokio::time::timeout(Duration::from_secs(1), all).await.is_err());
        let begin = Instant::now();
        turns.wait(2, &free).await;
        assert!(begin.elapsed() <= Duration::from_secs(1), "{:?}", begin.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn an_hour_has_at_most_five_hundred_writes() {
        for writes in [1, 2] {
            let (turns, free) = (Line::default(), Limited::default());
            let begin = Instant::now();
            let mut at = Vec::new();
            for _ in 0..1_200 / writes {
                turns.wait(writes, &free).await;
                at.push(begin.elapsed());
            }
            let hour = Duration::from_secs(3_600);
            for (n, first) in at.iter().enumerate() {
                let within = at[n..].iter().take_while(|one| **one < *first + hour).count();
                assert!(within * writes <= 500, "{within} from {first:?}");
            }
            let within = at.iter().take_while(|at| **at < hour).count();
            assert_eq!(within * writes, 500, "the limit is used");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_turn_is_taken_while_the_account_is_limited() {
        let turns = Turns::default();
        let begin = Instant::now();
        turns.announce(2).await;
        turns.limited.close(Duration::from_secs(90));
        tokio::join!(turns.announce(2), turns.write(2), async {
            tokio::time::sleep(Duration::from_secs(80)).await;
            turns.limited.close(Duration::from_secs(60));
        });
        assert_eq!(begin.elapsed(), Duration::from_secs(140));
    }
}
