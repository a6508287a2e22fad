//! Works on many users concurrently. A user that waits for a destination does not hold up the
//! others: the next user starts meanwhile, so a slow destination delays no publication in a home
//! secret.

use crate::model::names::DestinationName;
use futures_util::StreamExt;
use futures_util::lock::{Mutex, MutexGuard};
use futures_util::stream::FuturesUnordered;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Waker};

/// The limit on users that wait for destinations and are not counted. Each takes about 25 KiB.
const MOST_AWAY: usize = 1_024;
/// The limit on concurrent calls to one destination: each takes a connection. The same applies to
/// the home secrets' calls of users that have started to deliver: they all start at the same time,
/// and each call takes about 10 KiB.
const LANES: usize = 64;

/// Counts the users of a run that wait for destinations, and those that have not reached that
/// point.
#[derive(Debug, Default)]
pub(crate) struct Away {
    /// The users that wait for a destination now.
    waiting: AtomicUsize,
    /// The users that have not reached their deliveries: not started yet, or still at work on the
    /// home secret.
    at_home: AtomicUsize,
    /// The tasks that wait until no user is at work on a home secret.
    wakers: std::sync::Mutex<Vec<Waker>>,
    /// For each destination, the permits for concurrent calls.
    lanes: BTreeMap<DestinationName, Lanes>,
    /// The permits for calls about home secrets during deliveries.
    home: Lanes,
}

#[derive(Debug)]
struct Lanes {
    next: AtomicUsize,
    all: Vec<Mutex<()>>,
}

impl Default for Lanes {
    fn default() -> Self {
        let all = (0..LANES).map(|_| Mutex::default()).collect();
        Self { next: AtomicUsize::default(), all }
    }
}

/// One user's wait for a destination, until it is dropped.
pub(crate) struct Waiting<'a>(&'a Away);

/// One user that is at work on its home secret, until it is dropped.
pub(crate) struct AtHome<'a>(&'a Away);

impl Away {
    /// Returns the counters for a run with these destinations.
    pub(crate) fn at<'a>(destinations: impl Iterator<Item = &'a DestinationName>) -> Self {
        let lanes = destinations.map(|name| (name.clone(), Lanes::default())).collect();
        Self { lanes, ..Self::default() }
    }

    pub(crate) fn one(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.wake();
        Waiting(self)
    }

    pub(crate) fn at_home(&self) -> AtHome<'_> {
        self.at_home.fetch_add(1, Ordering::Relaxed);
        AtHome(self)
    }

    /// Waits for a permit to call this destination; `None` stands for the home secret.
    pub(crate) async fn lane(&self, to: Option<&DestinationName>) -> Option<MutexGuard<'_, ()>> {
        let lanes = to.map_or(Some(&self.home), |to| self.lanes.get(to))?;
        let next = lanes.next.fetch_add(1, Ordering::Relaxed) % LANES;
        Some(lanes.all.get(next)?.lock().await)
    }

    /// Waits until no user is at work on a home secret, or so many wait that no more are started.
    pub(crate) async fn all_have_left_home(&self) {
        poll_fn(|context| {
            if self.at_home.load(Ordering::Relaxed) == 0 || self.is_full() {
                return Poll::Ready(());
            }
            let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
            if !wakers.iter().any(|waker| waker.will_wake(context.waker())) {
                wakers.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    fn is_full(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) >= MOST_AWAY
    }

    fn count(&self) -> usize {
        self.waiting.load(Ordering::Relaxed).min(MOST_AWAY)
    }

    fn leaves(&self) {
        self.at_home.fetch_sub(1, Ordering::Relaxed);
        self.wake();
    }

    /// Wakes the waiting tasks, if they don't need to wait anymore.
    fn wake(&self) {
        if self.at_home.load(Ordering::Relaxed) == 0 || self.is_full() {
            let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
            wakers.drain(..).for_each(Waker::wake);
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for AtHome<'_> {
    fn drop(&mut self) {
        self.0.leaves();
    }
}

/// Polls this many at a time, in addition to those that wait for destinations, until all are done.
/// More can be at work for a while when several of those return; the ports limit the calls to each
/// service.
pub(crate) async fn all<F: Future>(
    mut work: impl ExactSizeIterator<Item = F>,
    at_once: usize,
    away: &Away,
) -> Vec<F::Output> {
    let (mut under_way, mut done) = (FuturesUnordered::new(), Vec::new());
    let mut not_taken_up: Vec<AtHome<'_>> = (0..work.len()).map(|_| away.at_home()).collect();
    poll_fn(|context| {
        loop {
            // Each one that was started counts itself from its first poll on.
            let mut taken = Vec::new();
            while under_way.len() < at_once.max(1) + away.count()
                && let Some(next) = work.next()
            {
                under_way.push(next);
                taken.extend(not_taken_up.pop());
            }
            let before = away.count();
            let polled = under_way.poll_next_unpin(context);
            drop(taken);
            match polled {
                Poll::Ready(Some(result)) => done.push(result),
                Poll::Ready(None) => return Poll::Ready(()),
                // Some of them may have just started to wait for destinations.
                Poll::Pending if away.count() > before => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await;
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_channel::oneshot;
    use futures_util::FutureExt;
    use futures_util::future::BoxFuture;
    use std::sync::Mutex;

    /// Users that wait until they are released, and how many were started.
    struct Users {
        away: Away,
        taken: Mutex<Vec<usize>>,
    }

    impl Users {
        fn new() -> Self {
            Self { away: Away::default(), taken: Mutex::default() }
        }

        fn taken(&self) -> usize {
            self.taken.lock().expect("no panic").len()
        }

        fn user<'a>(
            &'a self,
            n: usize,
            leaves: bool,
            back: oneshot::Receiver<()>,
        ) -> BoxFuture<'a, usize> {
            async move {
                self.taken.lock().expect("no panic").push(n);
                let waiting = leaves.then(|| self.away.one());
                let _ = back.await;
                drop(waiting);
                n
            }
            .boxed()
        }
    }

    #[test]
    fn a_user_that_waits_for_a_destination_does_not_hold_up_the_others() {
        let users = Users::new();
        let (backs, receivers): (Vec<_>, Vec<_>) = (0..10).map(|_| oneshot::channel()).unzip();
        // The first six wait for a destination, the others stay at work.
        let work = receivers.into_iter().enumerate().map(|(n, back)| users.user(n, n < 6, back));
        let mut run = all(work, 2, &users.away).boxed();
        assert!(run.as_mut().now_or_never().is_none());
        assert_eq!(users.taken(), 8, "six are away, and two at work");
        let mut backs = backs.into_iter();
        drop(backs.next());
        assert!(run.as_mut().now_or_never().is_none());
        assert_eq!(users.taken(), 8, "one came back and is done");
        drop(backs);
        let mut done = run.now_or_never().expect("all are done");
        done.sort_unstable();
        assert_eq!(done, (0..10).collect::<Vec<_>>());
        assert_eq!(users.away.count(), 0);
    }

    #[test]
    fn no_more_users_than_the_limit_are_at_work() {
        let users = Users::new();
        let (backs, receivers): (Vec<_>, Vec<_>) = (0..5).map(|_| oneshot::channel()).unzip();
        let work = receivers.into_iter().enumerate().map(|(n, back)| users.user(n, false, back));
        let mut run = all(work, 2, &users.away).boxed();
        for (back, taken) in backs.into_iter().zip([2, 3, 4, 5, 5]) {
            assert!(run.as_mut().now_or_never().is_none());
            assert_eq!(users.taken(), taken);
            drop(back);
        }
        assert_eq!(run.now_or_never().map(|done| done.len()), Some(5));
    }
}
