//! Times for people: how far away, and when in UTC.

use keyrot_core::Timestamp;

/// `in 6 d (2026-01-12 04:00 UTC)`, or `3 h ago (…)`.
pub(crate) fn both(time: Timestamp, now: Timestamp) -> String {
    format!("{} ({})", relative(time, now), absolute(time))
}

/// `2026-01-12 04:00 UTC`.
pub(crate) fn absolute(time: Timestamp) -> String {
    time.format("%F %R UTC").to_string()
}

/// `in 6 d` or `3 h ago`.
pub(crate) fn relative(time: Timestamp, now: Timestamp) -> String {
    let seconds = time.signed_duration_since(now).num_seconds();
    match seconds {
        -59..=59 => "now".to_owned(),
        60.. => format!("in {}", span(seconds)),
        _ => format!("{} ago", span(-seconds)),
    }
}

/// `36 d`, `5 h`, `12 min`: one unit is enough to see how far away something is.
pub(crate) fn span(seconds: i64) -> String {
    let rounded = |unit: i64| (seconds + unit / 2) / unit;
    if seconds >= 2 * 86_400 {
        format!("{} d", rounded(86_400))
    } else if seconds >= 2 * 3600 {
        format!("{} h", rounded(3600))
    } else if seconds >= 120 {
        format!("{} min", rounded(60))
    } else {
        format!("{seconds} s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_unit_in_both_directions() {
        let now = Timestamp::from_timestamp(1_767_585_600, 0).expect("a time");
        let after = |seconds| now + chrono::Duration::seconds(seconds);
        assert_eq!(both(after(6 * 86_400), now), "in 6 d (2026-01-11 04:00 UTC)");
        assert_eq!(relative(after(-3 * 3600), now), "3 h ago");
        assert_eq!(relative(after(47 * 3600), now), "in 47 h");
        assert_eq!(relative(after(7 * 86_400 - 12), now), "in 7 d");
        assert_eq!(relative(after(90), now), "in 90 s");
        assert_eq!(relative(after(-30), now), "now");
    }
}
