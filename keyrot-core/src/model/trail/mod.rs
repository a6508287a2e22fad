//! Who used a key, as a trail has it.

pub(crate) mod evidence;
pub(crate) mod untrusted;

use crate::model::time::Timestamp;
use crate::model::trail::untrusted::UntrustedText;
use serde::{Deserialize, Serialize};

/// One use of a key, as the trail has it. Texts in it were chosen by whoever made the request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UseEvent {
    /// The event's id: the same event counts once, however often it is read.
    pub id: UntrustedText,
    /// When.
    pub at: Timestamp,
    /// In which region.
    pub region: UntrustedText,
    /// The service that was called, such as `s3`.
    pub service: UntrustedText,
    /// What was called, such as `ListBuckets`.
    pub action: UntrustedText,
    /// From where: an IP address, or the name of an AWS service that called on the user's behalf.
    pub address: Option<UntrustedText>,
    /// With what.
    pub agent: Option<UntrustedText>,
    /// The error that was answered, such as `AccessDenied`.
    pub error: Option<UntrustedText>,
    /// The role that was assumed with it, by its ARN: only of `AssumeRole`, and only if it was.
    #[serde(default)]
    pub role: Option<UntrustedText>,
}
