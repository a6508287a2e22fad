//! Time, as AWS gives it.

/// An instant in UTC.
pub(crate) type Timestamp = chrono::DateTime<chrono::Utc>;
