//! The uses of keys, as the account keeps them.

use crate::model::names::KeyId;
use crate::model::trail::UseEvent;
use serde::{Deserialize, Serialize};

/// A request in the trail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct TrailedUse<'a> {
    /// The service, such as `s3`.
    pub service: &'a str,
    /// The call, such as `ListBuckets`.
    pub action: &'a str,
    /// The region.
    pub region: &'a str,
    /// The source address.
    pub address: &'a str,
    /// The user agent.
    pub agent: &'a str,
    /// The error code of the answer, if the call failed.
    pub error: Option<&'a str>,
    /// The role that was assumed, if any.
    pub role: Option<&'a str>,
}

/// The trail of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Trail {
    /// How many uses were ever recorded; their ids continue from that.
    pub(super) made: u64,
    pub(super) uses: Vec<(KeyId, UseEvent)>,
}
