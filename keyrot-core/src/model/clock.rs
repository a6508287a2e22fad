//! Whether a clock may be trusted.

use crate::model::time::Timestamp;
use chrono::TimeDelta;
use std::time::Duration;

/// The allowed difference between a clock and AWS's. AWS refuses signatures that are further off
/// (AWS General Reference, "Signature Version 4", time in a request).
pub const CLOCK_TOLERANCE: Duration = Duration::from_secs(300);

/// A clock that differs from AWS's by more than [`CLOCK_TOLERANCE`]: no wait may be measured with
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WrongClock {
    ahead: TimeDelta,
}

impl WrongClock {
    /// Checks a clock that shows `now` against AWS's. Until AWS's time is known, any clock is
    /// accepted.
    #[must_use]
    pub fn check(now: Timestamp, aws_now: Option<Timestamp>) -> Option<Self> {
        let ahead = now - aws_now?;
        (ahead.abs() > TimeDelta::from_std(CLOCK_TOLERANCE).unwrap_or(TimeDelta::MAX))
            .then_some(Self { ahead })
    }

    /// Returns how far the clock is ahead of AWS's; negative if it is behind.
    #[must_use]
    pub fn ahead(&self) -> TimeDelta {
        self.ahead
    }
}

impl std::fmt::Display for WrongClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let side = if self.ahead < TimeDelta::zero() { "behind" } else { "ahead of" };
        write!(f, "this machine's clock is {} {side} AWS's", rough(self.ahead.abs()))
    }
}

impl std::error::Error for WrongClock {}

/// Formats a duration in its two largest units, rounded: `8d 3h`, `7m 12s`.
fn rough(time: TimeDelta) -> String {
    const UNITS: [(&str, i64); 4] =
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    let time = time.num_milliseconds();
    let largest =
        |time: i64| UNITS.iter().position(|(_, size)| time >= *size).unwrap_or(UNITS.len() - 1);
    let (_, least) = UNITS[(largest(time) + 1).min(UNITS.len() - 1)];
    let mut left = (time + least / 2) / least * least;
    let first = largest(left);
    let mut parts = Vec::new();
    for (unit, size) in UNITS.iter().skip(first).take(2) {
        let count = left / size;
        left %= size;
        if count > 0 {
            parts.push(format!("{count}{unit}"));
        }
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    #[test]
    fn five_minutes_are_allowed_in_either_direction() {
        let check =
            |seconds: i64| WrongClock::check(at(0) + TimeDelta::seconds(seconds), Some(at(0)));
        assert_eq!(check(0), None);
        assert_eq!(check(300), None);
        assert_eq!(check(-300), None);
        assert_eq!(check(301).unwrap().to_string(), "this machine's clock is 5m 1s ahead of AWS's");
        assert_eq!(check(-301).unwrap().to_string(), "this machine's clock is 5m 1s behind AWS's");
        assert_eq!(
            check(8 * 86_400 + 59).unwrap().to_string(),
            "this machine's clock is 8d ahead of AWS's"
        );
        assert_eq!(
            check(-90_000).unwrap().to_string(),
            "this machine's clock is 1d 1h behind AWS's"
        );
        assert_eq!(rough(TimeDelta::milliseconds(8 * 86_400_000 - 300)), "8d");
        assert_eq!(rough(TimeDelta::seconds(3_600 * 23 + 3_599)), "1d");
        assert_eq!(WrongClock::check(at(900), None), None, "nothing is known of AWS's");
    }
}
