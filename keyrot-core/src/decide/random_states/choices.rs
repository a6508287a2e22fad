//! Random choices, and the times of the small world.

use crate::model::time::Timestamp;
use crate::testing::at;

/// A source of random choices. The same seed produces the same choices (SplitMix64).
pub(in crate::decide) struct Choices(u64);

impl Choices {
    pub(in crate::decide) fn of(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    /// Returns true once in `n` times on average.
    pub(super) fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(super) fn one<T: Clone>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()].clone()
    }
}

/// The current time, in the seconds of [`at`].
pub(super) const NOW: i64 = 100_000;
pub(super) const UNIT: i64 = 600;

pub(in crate::decide) fn now() -> Timestamp {
    at(NOW)
}

pub(super) fn time(some: &mut Choices) -> Timestamp {
    let units = some.one(&[0, 0, 1, 2, 3, 4, 6, 7, 9, 12, 20, 40, 60]);
    let ahead = if some.once_in(12) { 3 * UNIT } else { 0 };
    at(NOW - units * UNIT + ahead)
}

pub(super) fn reason() -> String {
    "why".to_owned()
}
