//! The answers of the ports.

use crate::model::credentials::Credentials;
use crate::model::names::{KeyId, UserArn};
use crate::model::no_key::NoKey;
use crate::model::time::Timestamp;
use serde::Serialize;

/// The contents of a version.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct VersionContents {
    /// The id of the access key, or why there is none.
    pub key: Result<KeyId, NoKey>,
    /// Whether there are other fields.
    pub extras: bool,
    /// The size in bytes of the next value: the other fields, with the longest key
    /// ([`Credentials::longest`]). `None` if there are no fields to carry over.
    pub next_size: Option<usize>,
}

/// A key that IAM has just created.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NewKey {
    /// The key and its secret half, which IAM shows only once.
    pub credentials: Credentials,
    /// When IAM created it.
    pub created: Timestamp,
}

/// The answer to a verification.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub enum ProbeAnswer {
    /// The credentials belong to this user.
    Authenticated(UserArn),
    /// The credentials authenticate a principal that is not an IAM user.
    SomebodyElse(String),
    /// The key is unknown, not known yet, or Inactive: STS gives the same answer for all three
    /// (`InvalidClientTokenId`).
    Refused,
    /// The secret half does not match the id (`SignatureDoesNotMatch`).
    WrongSecret,
    /// STS accepts the credentials, but another service where they have to work does not. The text
    /// names the service.
    RefusedBy(String),
}
