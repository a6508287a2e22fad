//! Formats times and amounts for display, and shortens text.

use crate::model::time::Timestamp;
use std::borrow::Cow;
use std::fmt::Write;
use std::time::Duration;

/// Formats a duration in days, hours, minutes and seconds: `90d`, `1d 12h`, `30m`, `1s 500ms`.
///
/// Days are the longest unit, because a month has no fixed length. Settings read the text back as
/// the same duration, to the nanosecond.
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

/// Formats a time for display: `2026-01-12 04:00 UTC`.
pub(crate) fn utc(time: Timestamp) -> String {
    time.format("%F %R UTC").to_string()
}

/// Formats a time for programs: `2026-01-12T04:00:00Z`.
#[cfg(feature = "export")]
pub(crate) fn rfc3339(time: Timestamp) -> String {
    time.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Formats a relative time: `in 6d` or `3h ago`; within a minute, `now`. A past time has the same
/// number as an [age]; a future time is rounded.
#[must_use]
pub fn relative(time: Timestamp, now: Timestamp) -> String {
    let seconds = time.signed_duration_since(now).num_seconds();
    match seconds {
        -59..=59 => "now".to_owned(),
        60.. => format!("in {}", one_unit(seconds, |unit| (seconds + unit / 2) / unit)),
        _ => format!("{} ago", span(-seconds)),
    }
}

/// Formats a time span in one unit: `36d`, `5h`, `12m`. Counts whole units that have passed, as
/// [`age_days`] does.
#[must_use]
pub fn span(seconds: i64) -> String {
    one_unit(seconds, |unit| seconds / unit)
}

fn one_unit(seconds: i64, count: impl Fn(i64) -> i64) -> String {
    let units = [(86_400, "d"), (3600, "h"), (60, "m")];
    match units.into_iter().find(|(unit, _)| seconds >= 2 * unit) {
        Some((unit, name)) => format!("{}{name}", count(unit)),
        None => format!("{seconds}s"),
    }
}

/// Returns an age, such as a key's, in whole days that have passed.
#[must_use]
pub fn age_days(since: Timestamp, now: Timestamp) -> i64 {
    now.signed_duration_since(since).num_seconds().max(0) / 86_400
}

/// Formats an age in whole days, even below a day: `91d`.
#[must_use]
pub fn age(since: Timestamp, now: Timestamp) -> String {
    format!("{}d", age_days(since, now))
}

/// Formats a number with a noun: `1 key`, `2 keys`.
#[must_use]
pub fn plural(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// Line and paragraph separators, and characters that are invisible or change the direction
/// (Unicode Technical Report 36, "Bidirectional Text Spoofing").
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Makes a text safe to show: invisible characters, line separators and those that change the
/// reading direction are escaped, as in `\u{202e}`. Control characters stay, including line breaks
/// and colors.
///
/// ```
/// # use keyrot_core::model::visible;
/// assert_eq!(visible("a\u{202e}b\n"), "a\\u{202e}b\n");
/// ```
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_invisible) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_invisible(c) {
            let _ = write!(shown, "{}", c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Shortens a text to this many characters, the last of them `…` if it is longer. Invisible
/// characters are escaped first, as by [`visible`].
///
/// ```
/// # use keyrot_core::model::clip;
/// assert_eq!(clip("abcd", 4), "abcd");
/// assert_eq!(clip("äbcde", 4), "äbc…");
/// ```
#[must_use]
pub fn clip(text: &str, most: usize) -> String {
    let text = visible(text);
    match text.char_indices().nth(most) {
        None => text.into_owned(),
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(std::iter::once('…')).collect(),
    }
}

/// `serde` for durations such as `90d`, `12h 30m`, `2s`.
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
            D::Error::custom(format!(
                "{text:?} is not a duration ({e}); expected for example 90d, 12h or 30m"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_time_has_one_unit_in_both_directions() {
        let now = crate::testing::at(0);
        let after = |seconds| now + chrono::Duration::seconds(seconds);
        assert_eq!(relative(after(6 * 86_400), now), "in 6d");
        assert_eq!(relative(after(-3 * 3600), now), "3h ago");
        assert_eq!(relative(after(47 * 3600), now), "in 47h");
        assert_eq!(relative(after(7 * 86_400 - 12), now), "in 7d");
        assert_eq!(relative(after(90), now), "in 90s");
        assert_eq!(relative(after(-150), now), "2m ago");
        assert_eq!(relative(after(-30), now), "now");
    }

    proptest! {
        /// A key's age and a last use at its creation show the same number.
        #[test]
        fn an_age_and_the_time_since_have_the_same_number(seconds in 2 * 86_400_i64..100_000_000) {
            let now = crate::testing::at(0);
            let since = now - chrono::Duration::seconds(seconds);
            prop_assert_eq!(relative(since, now), format!("{} ago", age(since, now)));
            prop_assert_eq!(span(seconds), age(since, now));
            prop_assert_eq!(age_days(since, now), (now - since).num_days());
        }
    }

    #[test]
    fn characters_that_are_invisible_or_turn_the_text_are_escaped() {
        let turning = "\u{202a}\u{202e}\u{2066}\u{2069}\u{200e}\u{200f}\u{61c}\u{2028}\u{2029}";
        for c in turning.chars() {
            let escaped = format!("a{}b", c.escape_unicode());
            assert_eq!(visible(&format!("a{c}b")), escaped);
            assert_eq!(clip(&format!("a{c}b"), 20), escaped);
        }
        assert_eq!(visible("ä\n\u{1b}[1m"), "ä\n\u{1b}[1m");
    }

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
        fn a_formatted_duration_is_read_back_exactly(seconds in 0_u64..1 << 40, nanos in 0_u32..1_000_000_000) {
            let duration = Duration::new(seconds, nanos);
            prop_assert_eq!(humantime::parse_duration(&format_duration(duration)), Ok(duration));
        }
    }
}
