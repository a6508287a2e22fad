//! A user's lifecycle on the in-memory account, and ports with hooks around each call.

mod hooked;
mod lifecycle;

pub(crate) use hooked::{Hook, Hooked, Yielding};
pub(crate) use lifecycle::{Life, Start};

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// Pseudo-random numbers, the same in each run of the tests (splitmix64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((x ^ (x >> 31)) % n as u64).unwrap()
    }
}

/// Polls the futures in a random order until all are done.
pub(crate) fn interleave<T>(
    mut futures: Vec<Pin<Box<dyn Future<Output = T> + '_>>>,
    dice: &mut Dice,
    mut between: impl FnMut(&mut Dice),
) -> Vec<T> {
    let mut results: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    let mut context = Context::from_waker(std::task::Waker::noop());
    for _ in 0..100_000 {
        let open: Vec<usize> = (0..futures.len()).filter(|i| results[*i].is_none()).collect();
        if open.is_empty() {
            return results.into_iter().map(Option::unwrap).collect();
        }
        let i = open[dice.below(open.len())];
        if let Poll::Ready(result) = futures[i].as_mut().poll(&mut context) {
            results[i] = Some(result);
        }
        between(dice);
    }
    panic!("the runs do not end");
}

/// Yields once.
pub(crate) async fn give_way() {
    let mut gave = false;
    std::future::poll_fn(|context| {
        if gave {
            return Poll::Ready(());
        }
        gave = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
