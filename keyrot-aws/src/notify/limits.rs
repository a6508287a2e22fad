//! How long a notifier's calls may take.

use crate::retry::Budget;
use crate::settings::Timeouts;
use std::time::Duration;
use tokio::time::Instant;

/// One attempt at a call to AWS for a notifier.
pub(crate) const ATTEMPT: Duration = Duration::from_secs(4);

/// One notification, retries included. A run ends a notification after 15 seconds, and then nothing
/// says why.
pub(crate) const WITHIN: Duration = Duration::from_secs(13);

/// The time that is left, for a call to AWS.
pub(crate) fn budget(end: Instant) -> Budget {
    let left = end.saturating_duration_since(Instant::now());
    Budget::begin(&Timeouts { attempt: ATTEMPT.min(left), call: left, ..Timeouts::default() })
}
