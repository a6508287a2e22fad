//! Times for people: relative and absolute, in UTC or in the machine's time zone.

use chrono::{Local, NaiveDateTime, TimeZone};
use keyrot_core::Timestamp;
pub(crate) use keyrot_core::model::{relative, span};
use std::borrow::Cow;
use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether screens show times in the machine's zone. It is set once, before anything is shown.
static LOCAL: AtomicBool = AtomicBool::new(false);

/// Shows times on screens in the machine's zone from now on. Documents and files still use UTC.
pub(crate) fn show_local() {
    LOCAL.store(true, Ordering::Relaxed);
}

fn is_local() -> bool {
    LOCAL.load(Ordering::Relaxed)
}

/// Returns `in 6d (2026-01-12 04:00 UTC)`, or `3h ago (…)`.
pub(crate) fn both(time: Timestamp, now: Timestamp) -> String {
    format!("{} ({})", relative(time, now), absolute(time))
}

/// Returns `2026-01-12 04:00 UTC`, or `2026-01-12 05:00 +01:00`.
pub(crate) fn absolute(time: Timestamp) -> String {
    if is_local() { with_offset(time, &Local) } else { utc(time) }
}

/// Returns `2026-01-12 04:00 UTC` in any case, for text that is read elsewhere.
pub(crate) fn utc(time: Timestamp) -> String {
    time.format("%F %R UTC").to_string()
}

/// Returns `2026-01-12`.
pub(crate) fn day(time: Timestamp) -> String {
    formatted(time, "%F")
}

/// Returns `04:00:12`.
pub(crate) fn clock(time: Timestamp) -> String {
    formatted(time, "%T")
}

fn formatted(time: Timestamp, format: &str) -> String {
    if is_local() {
        time.with_timezone(&Local).format(format).to_string()
    } else {
        time.format(format).to_string()
    }
}

fn with_offset<Z: TimeZone<Offset: Display>>(time: Timestamp, zone: &Z) -> String {
    time.with_timezone(zone).format("%F %R %:z").to_string()
}

/// Returns a message with its times in the form of [`absolute()`]. keyrot-core's messages use UTC,
/// because they are also in documents.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    if is_local() { in_zone(text, &Local) } else { text.into() }
}

fn in_zone<'a, Z: TimeZone<Offset: Display>>(text: &'a str, zone: &Z) -> Cow<'a, str> {
    const LENGTH: usize = "2026-01-12 04:00".len();
    const UTC: &str = " UTC";
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(UTC) {
        let end = at + UTC.len();
        let begin = at.saturating_sub(LENGTH);
        let time = rest.get(begin..at).and_then(minute);
        match time {
            Some(time) => {
                out.push_str(&rest[..begin]);
                out.push_str(&with_offset(time.and_utc(), zone));
            }
            None => out.push_str(&rest[..end]),
        }
        rest = &rest[end..];
    }
    if out.is_empty() { text.into() } else { (out + rest).into() }
}

/// Parses a time as [`utc()`] writes it, without the zone. The parser alone would also accept
/// spaces and single digits.
fn minute(text: &str) -> Option<NaiveDateTime> {
    const FORMAT: &str = "%F %R";
    let time = NaiveDateTime::parse_from_str(text, FORMAT).ok()?;
    (time.format(FORMAT).to_string() == text).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_unit_in_both_directions() {
        let now = Timestamp::from_timestamp(1_767_585_600, 0).expect("a time");
        let after = |seconds| now + chrono::Duration::seconds(seconds);
        assert_eq!(both(after(6 * 86_400), now), "in 6d (2026-01-11 04:00 UTC)");
    }

    #[test]
    fn times_inside_a_message_get_the_zone_and_nothing_else_does() {
        let zurich = chrono::FixedOffset::east_opt(3600).expect("a zone");
        for (text, expected) in [
            (
                "held until 2026-01-12 23:30 UTC at least",
                "held until 2026-01-13 00:30 +01:00 at least",
            ),
            (
                "2026-01-12 04:00 UTC, 2026-01-13 04:00 UTC",
                "2026-01-12 05:00 +01:00, 2026-01-13 05:00 +01:00",
            ),
            ("2026-13-12 04:00 UTC", "2026-13-12 04:00 UTC"),
            ("— all is UTC here", "— all is UTC here"),
            ("ä 2026-01-12 04:0 UTC", "ä 2026-01-12 04:0 UTC"),
            (" UTC", " UTC"),
            ("", ""),
        ] {
            assert_eq!(in_zone(text, &zurich), expected);
        }
    }
}
