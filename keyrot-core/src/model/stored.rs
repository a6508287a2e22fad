//! What the ports answer.

use crate::model::credentials::Credentials;
use crate::model::names::{KeyId, UserArn};
use crate::model::no_key::NoKey;
use crate::model::time::Timestamp;
use serde::Serialize;

/// What was found in a version.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct VersionContents {
    /// The id of the access key, or why there is none.
    pub key: Result<KeyId, NoKey>,
    /// Whether there are further fields.
    pub extras: bool,
    /// The size in bytes of the value that would take this one's place: its further fields, with
    /// the longest key ([`Credentials::longest`]). `None` where there are no fields to carry.
    pub next_size: Option<usize>,
}

/// A key that IAM has just made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NewKey {
    /// The key and its secret, which IAM shows this once.
    pub credentials: Credentials,
    /// When IAM made it.
    pub created: Timestamp,
}

/// What STS said to credentials.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub enum ProbeAnswer {
    /// They are this user's.
    Authenticated(UserArn),
    /// They authenticate somebody who is no IAM user.
    SomebodyElse(String),
    /// Not known, not known yet, or inactive: STS answers all three alike (`InvalidClientTokenId`).
    Refused,
    /// The secret does not fit the id (`SignatureDoesNotMatch`).
    WrongSecret,
}
