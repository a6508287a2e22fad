//! An operator's requests for one user.

use crate::model::home::SecretArn;
use crate::model::names::{DestinationName, KeyId};
use serde::Serialize;

/// An operator's request: [`decide_request`](crate::decide::request::decide_request()) decides its
/// steps, [`Rotator::fulfill`](crate::engine::rotator::Rotator::fulfill) carries it out.
///
/// A request names its key, so repeating it is harmless, after a lost answer or by a second
/// operator.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Publish the previous key again.
    Rollback {
        /// The key. It has to have the AWSPREVIOUS label.
        to: KeyId,
    },
    /// Revoke a key.
    Revoke(Revocation),
    /// Record only where the user's secret is, or where it will be.
    Bind,
    /// Close the user's home, so that no run works on it: the first half of a move. The user has to
    /// be at rest here.
    Leave {
        /// The secret that will be the home, or its place.
        to: SecretArn,
    },
    /// Record that the user's home is here now: the second half of a move. The first run here
    /// publishes a new key, and the key that was published at the old home is an old key from then
    /// on, with its overlap. If the user's home is already here, cancels a move away from here.
    Move {
        /// The home, as the user's tag names it.
        from: SecretArn,
    },
    /// Take a revocation back: the key is no longer revoked. This neither reactivates nor publishes
    /// it again.
    Reinstate {
        /// The key.
        key: KeyId,
    },
    /// Deliver the current key, and overwrite what the place holds.
    Deliver {
        /// Only to this destination; `None` for all of the user's.
        to: Option<DestinationName>,
    },
    /// Give a destination up: keyrot neither delivers to it nor waits for it until a
    /// [`Deliver`](Self::Deliver) request.
    LetGo {
        /// The destination.
        to: DestinationName,
    },
}

/// A key that must no longer be used. keyrot skips its overlap and `recent_use`, but waits for a
/// working successor, unless the request says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Revocation {
    /// The key.
    pub key: KeyId,
    /// The reason, for notifications. It is stored nowhere else.
    pub reason: Option<String>,
    /// Only if IAM has no use of the key on record within `recent_use`. This is for an unattributed
    /// key, not for a leaked one.
    pub only_if_unused: bool,
    /// Deactivate the key first, whether or not a working key can replace it. This needs only IAM.
    /// The rest follows, as far as possible.
    pub without_successor: bool,
    /// Delete the key as soon as it is Inactive, without the soak. This cannot be undone.
    pub delete: bool,
}

impl Request {
    /// Returns the key that a revocation without a successor deactivates before it calls anything
    /// but IAM.
    #[must_use]
    pub fn off_first(&self) -> Option<&KeyId> {
        match self {
            Self::Revoke(order) if order.without_successor && !order.only_if_unused => {
                Some(&order.key)
            }
            Self::Revoke(_) | Self::Rollback { .. } | Self::Reinstate { .. } => None,
            Self::Bind | Self::Leave { .. } | Self::Move { .. } => None,
            Self::Deliver { .. } | Self::LetGo { .. } => None,
        }
    }
}

impl Revocation {
    /// Returns a revocation of this key with a successor in place, even if it is in use; the key is
    /// deleted after the soak.
    #[must_use]
    pub fn of(key: KeyId) -> Self {
        Self { key, reason: None, only_if_unused: false, without_successor: false, delete: false }
    }
}
