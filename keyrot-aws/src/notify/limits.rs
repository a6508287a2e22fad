//! How long a notifier's calls may take.

use crate::calls::retry::Budget;
use crate::settings::Timeouts;
use std::time::Duration;
use tokio::time::Instant;

/// The limit for one attempt at a call to AWS for a notifier.
pub(crate) const ATTEMPT: Duration = Duration::from_secs(4);

/// The limit for one notification, including retries. A run stops a notification after 15 seconds,
/// and then nothing says why it failed.
pub(crate) const WITHIN: Duration = Duration::from_secs(13);

/// Returns the time that is left for a call to AWS.
pub(crate) fn budget(end: Instant) -> Budget {
    let left = end.saturating_duration_since(Instant::now());
    Budget::begin(&Timeouts { attempt: ATTEMPT.min(left), call: left, ..Timeouts::default() })
}
