//! The uses of keys, as the account keeps them.

use crate::model::names::KeyId;
use crate::model::trail::UseEvent;
use serde::{Deserialize, Serialize};

/// A request, as the trail has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct TrailedUse<'a> {
    /// The service, such as `s3`.
    pub service: &'a str,
    /// What was called, such as `ListBuckets`.
    pub action: &'a str,
    /// The region.
    pub region: &'a str,
    /// From where.
    pub address: &'a str,
    /// With what.
    pub agent: &'a str,
    /// The error that was answered.
    pub error: Option<&'a str>,
    /// The role that was assumed.
    pub role: Option<&'a str>,
}

/// The trail of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Trail {
    /// How many uses were ever noted: their ids count on.
    pub(super) made: u64,
    pub(super) uses: Vec<(KeyId, UseEvent)>,
}
