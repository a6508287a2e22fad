use aws_smithy_types::DateTime;
use keyrot_core::Timestamp;

/// An instant as the SDK has it, as keyrot has it; `None` outside of the calendar.
pub(crate) fn instant(at: &DateTime) -> Option<Timestamp> {
    chrono::DateTime::from_timestamp(at.secs(), at.subsec_nanos())
}
