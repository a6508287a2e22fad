//! The wait before the next attempt.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Returns a wait between half and all of a step that doubles with each attempt, up to the longest.
/// It is random, so that callers that were refused together do not retry together. Attempts are
/// counted from 1.
pub(crate) fn pause(attempt: u32, first: Duration, longest: Duration) -> Duration {
    let step = keyrot_core::model::doubled(first, attempt.saturating_sub(1), longest);
    let random = u32::try_from(RandomState::new().hash_one(0_u8) >> 32).unwrap_or(0);
    step / 2 + (step / 2).mul_f64(f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_up_to_the_longest_and_is_at_least_half_of_its_step() {
        let (first, longest) = (Duration::from_millis(200), Duration::from_secs(5));
        for (attempt, step) in [(0, 200), (1, 200), (2, 400), (3, 800), (6, 5000), (1000, 5000)] {
            let step = Duration::from_millis(step);
            let pauses: Vec<_> = (0..50).map(|_| pause(attempt, first, longest)).collect();
            assert!(
                pauses.iter().all(|pause| *pause >= step / 2 && *pause <= step),
                "{attempt}: {pauses:?}"
            );
            assert!(pauses.iter().any(|pause| *pause != pauses[0]), "{attempt}: {pauses:?}");
        }
    }
}
