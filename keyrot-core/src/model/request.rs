//! What the operator may ask for, for one user.

use crate::model::home::SecretArn;
use crate::model::names::{DestinationName, KeyId};
use serde::Serialize;

/// A person's request: [`decide_request`](crate::decide::request::decide_request()) says what it
/// takes, [`Rotator::fulfil`](crate::engine::rotator::Rotator::fulfil) carries it out.
///
/// It names its key, so that to ask again, after a lost answer or by a second person, is harmless.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Publish the previous key again.
    Rollback {
        /// That key. It has to have the AWSPREVIOUS label.
        to: KeyId,
    },
    /// Revoke a key.
    Revoke(Revocation),
    /// Record where the user's secret is or, while there is none, is to be; nothing else.
    Bind,
    /// Close the user's home, so that no run works on it any more: the first half of a move. The
    /// user has to be at rest here.
    Leave {
        /// The secret that is to be the home, or where it is to be.
        to: SecretArn,
    },
    /// Record that the user's home is here now: the second half of a move. The first run here
    /// publishes a new key, and the one that was published at the old home is an old key from then
    /// on, with its overlap. Where the user is at home here already, takes back that this was about
    /// to be left.
    Move {
        /// The home, as the user's tag names it.
        from: SecretArn,
    },
    /// Take a revocation back: the key is revoked no more. It is neither reactivated nor published
    /// again by that.
    Reinstate {
        /// The key.
        key: KeyId,
    },
    /// Deliver the current key, whatever is at the place now.
    Deliver {
        /// Only to this destination; `None` for all of the user's.
        to: Option<DestinationName>,
    },
    /// Let a destination go: nothing is delivered there, and nothing waits for it, until it is
    /// asked for again by [`Deliver`](Self::Deliver).
    LetGo {
        /// The destination.
        to: DestinationName,
    },
}

/// A key that is not to be used any more. Its overlap and `recent_use` are not waited for; a working
/// successor is, unless it is said otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Revocation {
    /// The key.
    pub key: KeyId,
    /// Why, for those who are told. It is kept nowhere else.
    pub reason: Option<String>,
    /// Only if IAM has no use of the key on record within `recent_use`: for a key that nobody can
    /// account for, rather than one that leaked.
    pub only_if_unused: bool,
    /// Deactivate it first of all, whether or not something that works can take its place. This
    /// needs IAM and nothing else; whatever else there is to do follows, as far as it can be done.
    pub without_successor: bool,
    /// Delete it as soon as it is Inactive, without the soak: then nothing brings it back.
    pub delete: bool,
}

impl Request {
    /// The key that is deactivated before anything but IAM is asked for: of a revocation without a
    /// successor.
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
    /// Of this key, with a successor in place, whether or not it is in use; deleted after the soak.
    #[must_use]
    pub fn of(key: KeyId) -> Self {
        Self { key, reason: None, only_if_unused: false, without_successor: false, delete: false }
    }
}
