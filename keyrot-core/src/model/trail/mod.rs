//! The uses of a key in a trail.

pub(crate) mod evidence;
pub(crate) mod untrusted;

use crate::model::time::Timestamp;
use crate::model::trail::untrusted::UntrustedText;
use serde::{Deserialize, Serialize};

/// One use of a key, according to the trail. The caller of the request chose the texts in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UseEvent {
    /// The event's id: an event counts once, even if it is read several times.
    pub id: UntrustedText,
    /// When the key was used.
    pub at: Timestamp,
    /// The region.
    pub region: UntrustedText,
    /// The service that was called, such as `s3`.
    pub service: UntrustedText,
    /// The action that was called, such as `ListBuckets`.
    pub action: UntrustedText,
    /// The source: an IP address, or the name of an AWS service that called on the user's behalf.
    pub address: Option<UntrustedText>,
    /// The user agent.
    pub agent: Option<UntrustedText>,
    /// The error in the answer, such as `AccessDenied`.
    pub error: Option<UntrustedText>,
    /// The ARN of the role that was assumed with it: only for a successful `AssumeRole`.
    #[serde(default)]
    pub role: Option<UntrustedText>,
}
