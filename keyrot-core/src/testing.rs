//! Short names for the unit tests.

use crate::model::names::KeyId;
use crate::model::time::Timestamp;
use chrono::DateTime;

/// Returns an instant, in seconds from a fixed one.
pub(crate) fn at(seconds: i64) -> Timestamp {
    DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
}

/// Returns the key of that name.
pub(crate) fn key(name: &str) -> KeyId {
    KeyId::parse(format!("AKIA{name:X>16}")).unwrap()
}
