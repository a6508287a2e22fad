//! Works on many users concurrently. One that waits for a destination keeps no other waiting: the
//! next user is taken up meanwhile, so that a slow destination delays no publication at home.

use crate::model::names::DestinationName;
use futures_util::StreamExt;
use futures_util::lock::{Mutex, MutexGuard};
use futures_util::stream::FuturesUnordered;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Waker};

/// The limit on users that wait for destinations and are not counted. Each takes some 25 KiB.
const MOST_AWAY: usize = 1_024;
/// The limit on calls to one destination at a time: each takes a connection.
const LANES: usize = 64;

/// The users of a run that are with destinations, and those that are not there yet.
#[derive(Debug, Default)]
pub(crate) struct Away {
    /// Those that wait for a destination now.
    waiting: AtomicUsize,
    /// Those that have not come so far: not taken up yet, or at work at home.
    at_home: AtomicUsize,
    /// Who waits until all have left home.
    wakers: std::sync::Mutex<Vec<Waker>>,
    /// For each destination, as many calls as may be made at a time.
    lanes: BTreeMap<DestinationName, Lanes>,
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

/// One user's wait, until it is dropped.
pub(crate) struct Waiting<'a>(&'a Away);

/// One user that is at work at home, until it is dropped.
pub(crate) struct AtHome<'a>(&'a Away);

impl Away {
    /// For a run with these destinations.
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

    /// Waits for a lane to this destination.
    pub(crate) async fn lane(&self, to: &DestinationName) -> Option<MutexGuard<'_, ()>> {
        let lanes = self.lanes.get(to)?;
        let next = lanes.next.fetch_add(1, Ordering::Relaxed) % LANES;
        Some(lanes.all.get(next)?.lock().await)
    }

    /// Waits until no user is at work at home, or so many wait that no more are taken up.
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

    /// Wakes those that wait, if they need not wait any more.
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

/// Polls so many at a time, beside those that are away, until all are done. More can be at work for
/// a while when several come back: the limits of the services' calls are those of the ports.
pub(crate) async fn all<F: Future>(
    mut work: impl ExactSizeIterator<Item = F>,
    at_once: usize,
    away: &Away,
) -> Vec<F::Output> {
    let (mut under_way, mut done) = (FuturesUnordered::new(), Vec::new());
    let mut not_taken_up: Vec<AtHome<'_>> = (0..work.len()).map(|_| away.at_home()).collect();
    poll_fn(|context| {
        loop {
            // Each that was taken up counts for itself from its first poll on.
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
                // Some of them may have gone to destinations just now.
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

    /// Users who are away until they are sent for, and how many were taken up.
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
    fn who_waits_for_a_destination_keeps_nobody_waiting() {
        let users = Users::new();
        let (backs, receivers): (Vec<_>, Vec<_>) = (0..10).map(|_| oneshot::channel()).unzip();
        // The first six go to a destination, the others stay at work.
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
    fn at_work_there_are_no_more_than_the_limit() {
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
