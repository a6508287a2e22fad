//! A user with its keys, as the account keeps them.

use crate::model::names::{KeyId, UserArn, UserId};
use crate::model::observed::AccessKey;
use crate::model::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A user with its keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MemoryUser {
    /// The unique id.
    pub id: UserId,
    /// The ARN.
    pub arn: UserArn,
    /// When the user was created; `None` if the world was stored without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// The user's tags.
    pub tags: BTreeMap<String, String>,
    /// The names of the attached policies.
    pub policies: Vec<String>,
    /// The inline policies: name and document.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inline: BTreeMap<String, String>,
    pub(crate) keys: Vec<MemoryKey>,
    /// What the listing showed before its last change, and when that was.
    pub(super) stale: Option<(Timestamp, Vec<AccessKey>)>,
}

/// A key as the account keeps it. Its secret half is computed from its id
/// ([`World::secret_of`](super::World::secret_of)).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MemoryKey {
    /// What the listing shows.
    pub listed: AccessKey,
    /// The time from which it authenticates.
    pub usable_from: Timestamp,
    /// Whether it has ever authenticated.
    pub verified: bool,
    /// The use that is on record, and one that will be shown once the lag is over.
    pub(crate) uses: Vec<KeyUse>,
}

/// A use of a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KeyUse {
    /// When the key was used.
    pub when: Timestamp,
    /// The service that was called.
    pub service: String,
    /// The region of the call.
    pub region: String,
}

impl MemoryUser {
    /// Returns the user's keys as they are, without any lag.
    #[must_use]
    pub fn keys(&self) -> &[MemoryKey] {
        &self.keys
    }

    /// Returns one key.
    #[must_use]
    pub fn key(&self, id: &KeyId) -> Option<&MemoryKey> {
        self.keys.iter().find(|k| k.listed.id == *id)
    }

    pub(super) fn listed(&self) -> Vec<AccessKey> {
        self.keys.iter().map(|k| k.listed.clone()).collect()
    }
}
