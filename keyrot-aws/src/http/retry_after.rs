//! How long a server asks to wait before the next request. The number is the server's, so it is
//! limited where it is read.

use std::time::Duration;
#[cfg(feature = "destinations")]
use std::time::{SystemTime, UNIX_EPOCH};

/// The longest limit that GitHub documents is an hour's (GitHub documentation, "Rate limits for the
/// REST API"). No call waits that long.
pub(crate) const LONGEST: Duration = Duration::from_secs(3_600);
/// A server that asks for no wait does not get the next request immediately.
pub(crate) const SHORTEST: Duration = Duration::from_secs(1);

/// Parses a header with the number of seconds, such as `Retry-After`; `None` if it has another
/// form.
pub(crate) fn seconds(text: &str) -> Option<Duration> {
    number(text).map(|seconds| limited(Duration::from_secs(seconds)))
}

/// Parses a header with the Unix second at which requests are accepted again, such as
/// `X-RateLimit-Reset`.
#[cfg(feature = "destinations")]
pub(crate) fn until(text: &str) -> Option<Duration> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    number(text).map(|at| limited(Duration::from_secs(at).saturating_sub(now)))
}

fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

fn limited(wait: Duration) -> Duration {
    wait.clamp(SHORTEST, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_has_at_least_a_second_and_at_most_an_hour() {
        for (text, wait) in [
            ("0", Some(1)),
            ("1", Some(1)),
            (" 90 ", Some(90)),
            ("3601", Some(3_600)),
            ("18446744073709551615", Some(3_600)),
            ("99999999999999999999", Some(3_600)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("Fri, 31 Dec 2027 23:59:59 GMT", None),
        ] {
            assert_eq!(seconds(text), wait.map(Duration::from_secs), "{text}");
        }
    }

    #[cfg(feature = "destinations")]
    #[test]
    fn a_time_has_the_same_limits() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let wait = until(&(now + 60).to_string()).unwrap();
        assert!((58..=60).contains(&wait.as_secs()), "{wait:?}");
        assert_eq!(until("0"), Some(SHORTEST));
        assert_eq!(until("18446744073709551615"), Some(LONGEST));
        assert_eq!(until("soon"), None);
    }
}
