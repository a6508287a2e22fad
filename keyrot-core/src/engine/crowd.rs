//! Works on many users concurrently. One that waits for a destination keeps no other waiting: the
//! next user is taken up meanwhile, so that a slow destination delays no publication at home.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

/// The limit on users that wait for destinations and are not counted. Each takes some 25 KiB.
const MOST_AWAY: usize = 1_024;

/// The number of users that wait for a destination now.
#[derive(Debug, Default)]
pub(crate) struct Away(AtomicUsize);

/// One user's wait, until it is dropped.
pub(crate) struct Waiting<'a>(&'a Away);

impl Away {
    pub(crate) fn one(&self) -> Waiting<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Waiting(self)
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed).min(MOST_AWAY)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Polls so many at a time, beside those that are away, until all are done. More can be at work for
/// a while when several come back: the limits of the services' calls are those of the ports.
pub(crate) async fn all<F: Future>(
    mut work: impl Iterator<Item = F>,
    at_once: usize,
    away: &Away,
) -> Vec<F::Output> {
    let (mut under_way, mut done) = (FuturesUnordered::new(), Vec::new());
    poll_fn(|context| {
        loop {
            while under_way.len() < at_once.max(1) + away.count()
                && let Some(next) = work.next()
            {
                under_way.push(next);
            }
            let before = away.count();
            match under_way.poll_next_unpin(context) {
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
