use aws_smithy_types::DateTime;
use keyrot_core::Timestamp;

/// Converts the SDK's type for an instant to keyrot's; `None` outside of the calendar.
pub(crate) fn instant(at: &DateTime) -> Option<Timestamp> {
    chrono::DateTime::from_timestamp(at.secs(), at.subsec_nanos())
}
