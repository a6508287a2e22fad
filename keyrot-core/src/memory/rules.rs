//! How the account differs from an ideal one, and its errors.

use crate::model::error::ErrorKind;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How the account differs from an ideal one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rules {
    /// How long it takes until `ListAccessKeys` shows a change.
    #[serde(with = "crate::model::text::duration")]
    pub listing_lag: Duration,
    /// How long it takes until a new key authenticates.
    #[serde(with = "crate::model::text::duration")]
    pub propagation: Duration,
    /// How long it takes until a use of a key is shown.
    #[serde(with = "crate::model::text::duration")]
    pub use_lag: Duration,
    /// How many keys a user may have. AWS allows two.
    pub keys_per_user: usize,
    /// How long each call takes, on the account's own clock.
    #[serde(with = "crate::model::text::duration")]
    pub call_time: Duration,
}

impl Rules {
    /// Returns how long it takes until every change of keys is listed, and a new key works.
    #[must_use]
    pub fn settling(&self) -> Duration {
        self.listing_lag.max(self.propagation) + Duration::from_millis(1)
    }
}

impl Default for Rules {
    /// Returns the rules of an account without any lag.
    fn default() -> Self {
        Self {
            listing_lag: Duration::ZERO,
            propagation: Duration::ZERO,
            use_lag: Duration::ZERO,
            keys_per_user: 2,
            call_time: Duration::ZERO,
        }
    }
}

/// The account's answer to a call that it refuses, with AWS's code and message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({code})")]
pub struct Refusal {
    /// AWS's error code, such as `NoSuchEntity`.
    pub code: &'static str,
    /// What it means for a caller.
    pub kind: ErrorKind,
    /// The message, which means the same as AWS's.
    pub message: String,
}

/// The maximum length of a tag's key and of its value, in characters (IAM user guide, "Tags for IAM
/// resources"; Secrets Manager API reference, "Tag").
const LONGEST_TAG: (usize, usize) = (128, 256);

impl Refusal {
    /// Refuses a tag that is too long, with the code of the service: `ValidationError` is IAM's,
    /// `ValidationException` Secrets Manager's.
    ///
    /// # Errors
    /// [`Refusal`] that names what is too long, and the limit.
    pub fn of_tag(code: &'static str, key: &str, value: &str) -> Result<(), Self> {
        let too_long = |what: &str, most: usize| {
            let message = format!(
                "1 validation error detected: Value at 'tags.1.member.{what}' failed to satisfy constraint: Member must have length less than or equal to {most}"
            );
            Err(Self::new(code, ErrorKind::Other, message))
        };
        match (key.chars().count(), value.chars().count()) {
            (key, _) if key > LONGEST_TAG.0 => too_long("key", LONGEST_TAG.0),
            (_, value) if value > LONGEST_TAG.1 => too_long("value", LONGEST_TAG.1),
            _ => Ok(()),
        }
    }

    pub(crate) fn new(code: &'static str, kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { code, kind, message: message.into() }
    }
}
