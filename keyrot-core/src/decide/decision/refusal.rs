//! The reasons why a rotation step or a request is refused.

use crate::model::home::SecretArn;
use crate::model::names::{DestinationName, KeyId, VersionId};
use crate::model::observed::LastUse;
use crate::model::time::Timestamp;
use serde::Serialize;
use std::fmt;

/// The reason why a [`RotationStep`](crate::model::step::RotationStep) from Secrets Manager, or an
/// operator's [`Request`](crate::model::request::Request), is refused. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Refusal {
    /// Rotation is not on for the secret, so Secrets Manager did not order this step.
    RotationOff,
    /// The secret has no current version.
    NothingCurrent,
    /// The version does not have the AWSPENDING label, or AWSCURRENT was moved away from it.
    NotStaged {
        /// The version.
        version: VersionId,
    },
    /// The version holds no key yet.
    NotMade {
        /// The version.
        version: VersionId,
    },
    /// The credentials belong to another principal, or can never work.
    DoesNotWork {
        /// The key.
        key: KeyId,
        /// The result of the verification.
        reason: String,
    },
    /// A newer key has become current.
    Superseded {
        /// The key that should have been published.
        key: KeyId,
        /// The current key.
        by: KeyId,
    },
    /// The secret has no key under AWSPREVIOUS.
    NothingBefore {
        /// The user's other keys, whose credentials this secret never held. The secret of an
        /// earlier home may hold them.
        left: Vec<KeyId>,
    },
    /// The key to roll back to does not have the AWSPREVIOUS label.
    NotBefore {
        /// The key.
        key: KeyId,
    },
    /// The key to roll back to is deleted.
    Gone {
        /// The key.
        key: KeyId,
    },
    /// The key to roll back to was revoked.
    WasRevoked {
        /// The key.
        key: KeyId,
    },
    /// The user has several keys or none, and no key was named.
    WhichKey {
        /// The user's keys.
        keys: Vec<KeyId>,
    },
    /// The user has no such key.
    NoSuchKey {
        /// The key.
        key: KeyId,
        /// The user's keys.
        keys: Vec<KeyId>,
    },
    /// The key cannot be replaced before it is revoked: the user has two keys, and the other one's
    /// credentials are not in the secret.
    NoRoom {
        /// The key to be revoked.
        key: KeyId,
        /// The other key.
        other: KeyId,
        /// Whether the other key was revoked before, and is already Inactive.
        revoked: bool,
    },
    /// The key is current, and should be revoked only if it is unused.
    IsCurrent {
        /// The key.
        key: KeyId,
    },
    /// The key is in use, and should be revoked only if it is unused.
    InUse {
        /// The key.
        key: KeyId,
        /// The use on record.
        last_use: LastUse,
    },
    /// The user's home cannot be moved while something is under way there.
    NotAtRest {
        /// What is under way.
        why: String,
        /// When to repeat the request, if that is known.
        until: Option<Timestamp>,
    },
    /// The user has no such destination.
    NoSuchDestination {
        /// The destination. `None` if the request was for all destinations, and there are none.
        to: Option<DestinationName>,
        /// The user's destinations.
        all: Vec<DestinationName>,
    },
    /// The user has no tag that names its home.
    NoHome,
    /// The user's home is in another account or partition, and a key can't leave its account.
    OtherAccount {
        /// The home.
        home: SecretArn,
    },
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RotationOff => f.write_str("rotation is not switched on for this secret"),
            Self::NothingCurrent => {
                f.write_str("the secret has nothing under AWSCURRENT: the user was not adopted yet")
            }
            Self::NotStaged { version } => {
                write!(
                    f,
                    "version {version} is not under AWSPENDING, or no longer is; Secrets Manager will ask again"
                )
            }
            Self::NotMade { version } => {
                write!(f, "version {version} holds no key: createSecret comes first")
            }
            Self::DoesNotWork { key, reason } => write!(f, "{key} is not published: {reason}"),
            Self::Superseded { key, by } => {
                write!(f, "{key} is not published: {by}, which is newer, is current")
            }
            Self::NothingBefore { .. } => f.write_str(
                "there is nothing to roll back to: the secret holds no key under AWSPREVIOUS",
            ),
            Self::NotBefore { key } => {
                write!(f, "{key} does not have the AWSPREVIOUS label, or no longer has it")
            }
            Self::Gone { key } => {
                write!(f, "there is nothing to roll back to: {key}, the previous key, is deleted")
            }
            Self::WasRevoked { key } => {
                write!(f, "{key}, the previous key, was revoked, and is never published again")
            }
            Self::WhichKey { keys } if keys.is_empty() => f.write_str("the user has no access key"),
            Self::WhichKey { keys } => {
                let before = if keys.len() == 1 { ", and another was revoked before" } else { "" };
                write!(f, "which key? The user has {}{before}", list(keys))
            }
            Self::NoSuchKey { key, keys } if keys.is_empty() => {
                write!(f, "the user has no key {key}, and no other")
            }
            Self::NoSuchKey { key, keys } => {
                write!(f, "the user has no key {key}, but {}", list(keys))
            }
            Self::NoRoom { key, other, .. } => write!(
                f,
                "{key} cannot be replaced before it is revoked: the user has {other} too, and its credentials are not in the secret"
            ),
            Self::IsCurrent { key } => write!(f, "{key} is the key that readers of the secret get"),
            Self::InUse { key, last_use } => write!(f, "{key} is in use: {last_use}"),
            Self::NotAtRest { why, .. } => write!(f, "the user's home cannot be left now: {why}"),
            Self::NoSuchDestination { to: Some(to), all } if !all.is_empty() => {
                let all: Vec<&str> = all.iter().map(DestinationName::as_str).collect();
                let all = all.join(", ");
                write!(f, "the settings do not deliver this user's key to {to}, but to {all}")
            }
            Self::NoSuchDestination { .. } => {
                f.write_str("the settings do not deliver this user's key to any destination")
            }
            Self::NoHome => f.write_str(
                "the user has no tag keyrot:home, so nothing says where its key is published",
            ),
            Self::OtherAccount { home } => {
                write!(f, "the user's home is in another account or partition: {}", home.place())
            }
        }
    }
}

fn list(keys: &[KeyId]) -> String {
    keys.iter().map(KeyId::as_str).collect::<Vec<_>>().join(" and ")
}

impl Refusal {
    /// Returns its code, one word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::RotationOff => "rotation_off",
            Self::NothingCurrent => "nothing_current",
            Self::NotStaged { .. } => "not_staged",
            Self::NotMade { .. } => "not_made",
            Self::DoesNotWork { .. } => "does_not_work",
            Self::Superseded { .. } => "superseded",
            Self::NothingBefore { .. } => "nothing_before",
            Self::NotBefore { .. } => "not_before",
            Self::Gone { .. } => "gone",
            Self::WasRevoked { .. } => "was_revoked",
            Self::WhichKey { .. } => "which_key",
            Self::NoSuchKey { .. } => "no_such_key",
            Self::NoRoom { .. } => "no_room",
            Self::IsCurrent { .. } => "is_current",
            Self::InUse { .. } => "in_use",
            Self::NotAtRest { .. } => "not_at_rest",
            Self::NoHome => "no_home",
            Self::NoSuchDestination { .. } => "no_such_destination",
            Self::OtherAccount { .. } => "other_account",
        }
    }
}
