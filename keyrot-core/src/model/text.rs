//! How durations are written for people.

use std::fmt::Write;
use std::time::Duration;

/// A duration as people write it, in days, hours, minutes and seconds: `90d`, `1d 12h`, `30m`, `1s 500ms`.
///
/// Days are the longest unit, because a month has no fixed length. Settings read the text back as the same duration, to the nanosecond.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
        (u64::from(nanos / 1_000_000), "ms"),
        (u64::from(nanos / 1_000 % 1_000), "us"),
        (u64::from(nanos % 1_000), "ns"),
    ];
    let mut text = String::new();
    for (number, unit) in parts.into_iter().filter(|(number, _)| *number > 0) {
        let gap = if text.is_empty() { "" } else { " " };
        // Writing to a string does not fail.
        let _ = write!(text, "{gap}{number}{unit}");
    }
    if text.is_empty() { "0s".into() } else { text }
}

/// `serde` for durations as people write them: `90d`, `12h 30m`, `2s`.
pub(crate) mod duration {
    use super::format_duration;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::time::Duration;

    pub(crate) fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format_duration(*value))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(from)?;
        humantime::parse_duration(text.trim()).map_err(|e| {
            D::Error::custom(format!("{text:?} is no duration ({e}); expected for example 90d, 12h or 30m"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_duration_is_written_as_people_write_it() {
        let written = |seconds| format_duration(Duration::from_secs(seconds));
        let day = 86_400;
        assert_eq!(written(90 * day), "90d");
        assert_eq!(written(365 * day), "365d");
        assert_eq!(written(30 * 60), "30m");
        assert_eq!(written(day + 12 * 3_600), "1d 12h");
        assert_eq!(written(0), "0s");
        assert_eq!(format_duration(Duration::from_millis(1_500)), "1s 500ms");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_exactly(seconds in 0_u64..1 << 40, nanos in 0_u32..1_000_000_000) {
            let duration = Duration::new(seconds, nanos);
            prop_assert_eq!(humantime::parse_duration(&format_duration(duration)), Ok(duration));
        }
    }
}
