//! The resolutions that an operator can choose for a blocked user.

use super::choice::Choice;
use crate::decide::decision::blocked::Blocked;
use crate::engine::report::UserResult;
use crate::machine::outcome::Outcome;
use crate::model::names::KeyId;
use crate::model::observed::KeyStatus;
use crate::model::request::{Request, Revocation};
use serde::Serialize;

/// When another key is published after one was deleted.
const LATER: &str = " (later, if a key was created in the last half hour)";

/// One resolution for a blocked user, which the operator can choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resolution {
    /// Its name in a script, such as `replace` or `retire:AKIA…`.
    pub choice: Choice,
    /// The description for people.
    pub message: String,
    /// The request that carries it out.
    pub request: Request,
}

impl Resolution {
    /// Returns the resolutions for a user, as a plan found it; empty if nothing blocks the user, or
    /// if no request could help. A key that is in use is not offered for retirement, because that
    /// would be refused.
    #[must_use]
    pub fn of(seen: &UserResult) -> Vec<Self> {
        let refused = |one: &Self| matches!(&one.request, Request::Revoke(order) if order.only_if_unused && seen.in_use.contains(&order.key));
        Self::all(seen).into_iter().filter(|one| !refused(one)).collect()
    }

    fn all(seen: &UserResult) -> Vec<Self> {
        let Outcome::Blocked(blocked) = &seen.outcome else {
            // A mistaken revocation can be taken back even before IAM's listing has settled, or
            // while the revocation is still being carried out.
            let active = |key: &KeyId| {
                seen.keys.iter().any(|k| k.id == *key && k.status == KeyStatus::Active)
            };
            let works = seen.revoked.iter().filter(|key| active(key));
            return works.flat_map(|key| [Self::finish(key), Self::reinstate(key)]).collect();
        };
        match blocked {
            Blocked::RevokedKeyReactivated { key } => vec![
                Self {
                    choice: Choice::Deactivate(key.clone()),
                    message: format!("deactivate {key} again, immediately, even if it is in use"),
                    request: Request::Revoke(Revocation {
                        without_successor: true,
                        ..Revocation::of(key.clone())
                    }),
                },
                Self::reinstate(key),
            ],
            Blocked::UnknownKeys(keys) => {
                keys.iter().map(|known| Self::retire(&known.key)).collect()
            }
            Blocked::ReactivatedAgain { key } => vec![
                Self::retire(key),
                Self {
                    choice: Choice::Revoke(key.clone()),
                    message: format!(
                        "revoke {key}: deactivate it immediately, even if it is in use"
                    ),
                    request: Request::Revoke(Revocation::of(key.clone())),
                },
            ],
            Blocked::ClaimedKey { key } => vec![Self::retire(key)],
            Blocked::CurrentKeyGone { key }
            | Blocked::CurrentKeyInactive { key }
            | Blocked::CurrentDoesNotWork { key, .. } => match Self::back(seen) {
                Some(back) => vec![back, Self::replace(key)],
                None => Self::replace_or_make_room(seen, key),
            },
            Blocked::RolledBack { from, to: Some(_) } => vec![
                Self {
                    choice: Choice::GoOn,
                    message: format!(
                        "continue with {from}: verify it, and give it the AWSCURRENT label again"
                    ),
                    request: Request::Rollback { to: from.clone() },
                },
                Self {
                    choice: Choice::GiveUp,
                    message: format!(
                        "give {from} up: deactivate it immediately, and delete it after the soak"
                    ),
                    request: Request::Revoke(Revocation::of(from.clone())),
                },
            ],
            Blocked::NoWayBack { key, .. } => vec![Self::make_room(
                key,
                format!(
                    "make room for a new key: deactivate {key} and delete it, even if it is in use"
                ),
            )],
            Blocked::RevokedKeyCurrent { key, .. } => vec![Self::make_room(
                key,
                format!("make room for a new key: delete {key} now, and publish another{LATER}"),
            )],
            Blocked::RevokedKeyInUse { key, .. } => vec![Self {
                choice: Choice::Revoke(key.clone()),
                message: format!(
                    "revoke {key}: deactivate it although it is in use, once its successor works"
                ),
                request: Request::Revoke(Revocation::of(key.clone())),
            }],
            Blocked::DestinationChanged { to, place, .. } => vec![
                Self {
                    choice: Choice::Deliver(to.clone()),
                    message: format!(
                        "deliver the current key to {to} ({place}), over what is there"
                    ),
                    request: Request::Deliver { to: Some(to.clone()) },
                },
                Self {
                    choice: Choice::LetGo(to.clone()),
                    message: format!(
                        "let {to} go: nothing is delivered there anymore, and the previous key does not wait for it"
                    ),
                    request: Request::LetGo { to: to.clone() },
                },
            ],
            Blocked::Quarantined { .. }
            | Blocked::ManagedElsewhere { .. }
            | Blocked::MoveBegun { .. }
            | Blocked::OtherAccount { .. }
            | Blocked::HomeUnreadable { .. }
            | Blocked::NotNamed { .. }
            | Blocked::HomeTooLong { .. }
            | Blocked::SecretOfAnother { .. }
            | Blocked::SecretNotBound { .. }
            | Blocked::NoTagRoom { .. }
            | Blocked::ValueTooLarge { .. }
            | Blocked::StagingRefused { .. }
            | Blocked::Overdue { .. }
            | Blocked::ReactivatedInVain { .. }
            | Blocked::SecretDeleted { .. }
            | Blocked::SecretIsReplica { .. }
            | Blocked::SecretHoldsOther { .. }
            | Blocked::ForeignPending { .. }
            | Blocked::RolledBack { to: None, .. }
            | Blocked::UnknownStatus { .. }
            | Blocked::IamOnly { .. }
            | Blocked::BadTag { .. } => Vec::new(),
        }
    }

    /// Returns the resolution with this name. It is one of those [for the user](Self::of()), even
    /// for a key that is in use, so that the request says why it is refused. Or it is one that an
    /// interrupted request has begun: the block, and with it the resolution, may be gone by then,
    /// and repeating the request finishes it.
    #[must_use]
    pub fn named(seen: &UserResult, choice: &Choice) -> Option<Self> {
        let begun = || {
            let retired = seen.revoked.iter().map(Self::retire);
            let kept = seen.keys.iter().map(|key| Self::reinstate(&key.id));
            retired.chain(kept)
        };
        Self::all(seen).into_iter().chain(begun()).find(|one| one.choice == *choice)
    }

    fn retire(key: &KeyId) -> Self {
        Self {
            choice: Choice::Retire(key.clone()),
            message: format!(
                "retire {key}: deactivate it, if it was not used recently, and delete it after the soak"
            ),
            request: Request::Revoke(Revocation {
                only_if_unused: true,
                ..Revocation::of(key.clone())
            }),
        }
    }

    fn finish(key: &KeyId) -> Self {
        Self {
            choice: Choice::Revoke(key.clone()),
            message: format!(
                "finish the revocation of {key}: deactivate it, once its successor works"
            ),
            request: Request::Revoke(Revocation::of(key.clone())),
        }
    }

    fn reinstate(key: &KeyId) -> Self {
        Self {
            choice: Choice::Reinstate(key.clone()),
            message: format!("take the revocation of {key} back: it stays Active"),
            request: Request::Reinstate { key: key.clone() },
        }
    }

    fn replace(key: &KeyId) -> Self {
        Self {
            choice: Choice::Replace,
            message: format!(
                "replace {key}: create a new key, verify it and publish it; {key} is never used again"
            ),
            request: Request::Revoke(Revocation::of(key.clone())),
        }
    }

    /// If the user has another key, it leaves no room for a new one. Only a newer one may be staged,
    /// and then replaces this key itself.
    fn replace_or_make_room(seen: &UserResult, key: &KeyId) -> Vec<Self> {
        let mut others = seen.keys.iter().filter(|other| other.id != *key);
        let (Some(this), Some(other)) =
            (seen.keys.iter().find(|listed| listed.id == *key), others.next())
        else {
            return vec![Self::replace(key)];
        };
        let message = format!(
            "make room for a new key: delete {key}, because {} stays, and publish another{LATER}",
            other.id
        );
        let newer = (other.created > this.created).then(|| Self::replace(key));
        newer.into_iter().chain([Self::make_room(key, message)]).collect()
    }

    fn make_room(key: &KeyId, message: String) -> Self {
        let request = Request::Revoke(Revocation {
            without_successor: true,
            delete: true,
            ..Revocation::of(key.clone())
        });
        Self { choice: Choice::MakeRoom, message, request }
    }

    fn back(seen: &UserResult) -> Option<Self> {
        let is_usable =
            |key: &KeyId| seen.keys.iter().any(|k| k.id == *key) && !seen.revoked.contains(key);
        let before = seen.previous.as_ref().filter(|key| is_usable(key))?;
        Some(Self {
            choice: Choice::GoBack,
            message: format!(
                "roll back to {before}: verify it, and give it the AWSCURRENT label again"
            ),
            request: Request::Rollback { to: before.clone() },
        })
    }
}
