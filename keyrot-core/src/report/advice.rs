//! What the operator can do about each outcome of a user.

use crate::decide::decision::blocked::{Blocked, Unhoused};
use crate::decide::decision::refusal::Refusal;
use crate::decide::decision::{Wait, Why};
use crate::engine::report::UserResult;
use crate::machine::outcome::{Outcome, Stop};
use crate::model::error::ErrorKind;
use crate::model::home::Difference;
use crate::model::names::{SecretName, UserName};
use crate::model::observed::LastUse;
use crate::report::choice::Choice;
use crate::report::hint::{Action, Hint, worded};

impl UserResult {
    /// Returns what the operator can do about the user's state; empty if there is nothing to do.
    #[must_use]
    pub fn hints(&self) -> Vec<Hint> {
        match &self.outcome {
            Outcome::Waiting(wait) => wait.hints(&self.user, &self.secret),
            Outcome::Stopped(Stop::AdoptionLimit) => vec![Hint::advice(
                "run keyrot again once the adopted users' consumers read their secrets, or raise max_adoptions",
            )],
            Outcome::Revoked { rest, .. } => rest.hints(&self.user),
            Outcome::Blocked(blocked) => {
                let mut hints = blocked.hints(&self.user);
                hints.extend(self.deployment(blocked));
                hints
            }
            outcome => outcome.hints(&self.user),
        }
    }

    /// The [`hints`](Self::hints) as the CLI words them.
    #[must_use]
    pub fn hint(&self) -> String {
        worded(&self.hints())
    }

    /// Returns what to do about a tool that also sets the user's keys or its secret's value: the
    /// one that the tags name, or any tool, if a person is unlikely to have done it.
    fn deployment(&self, blocked: &Blocked) -> Option<Hint> {
        match (&self.deployed_by, blocked) {
            (
                Some(deployer),
                Blocked::ReactivatedAgain { .. }
                | Blocked::CurrentKeyGone { .. }
                | Blocked::CurrentKeyInactive { .. }
                | Blocked::SecretHoldsOther { .. }
                | Blocked::RolledBack { .. },
            ) => Some(Hint::advice(format!(
                "{deployer} deploys this user or its secret, as the tags say: keep it from setting the key or the value (docs/migrating.md)"
            ))),
            (None, Blocked::ReactivatedAgain { .. } | Blocked::CurrentKeyGone { .. }) => {
                Some(Hint::advice(
                    "if Terraform, CloudFormation or another tool sets the key or the secret's value, stop that first (docs/migrating.md)",
                ))
            }
            _ => None,
        }
    }
}

impl Outcome {
    fn hints(&self, user: &UserName) -> Vec<Hint> {
        match self {
            Self::Blocked(blocked) => blocked.hints(user),
            Self::Refused(refusal) => refusal.hints(user),
            _ => Vec::new(),
        }
    }

    /// Returns what the operator can do if the user failed, or was not done in time; `None` for
    /// every other outcome. Most failures need nothing, because the next run continues, so this is
    /// not among the [`hints`](UserResult::hints) of a document.
    #[must_use]
    pub fn after_failure(&self) -> Option<Hint> {
        Some(Hint::advice(match self {
            Self::Failed(failure) => match failure.error.kind {
                ErrorKind::Denied => {
                    "give keyrot the permission that is named; the next run continues"
                }
                ErrorKind::Throttled => {
                    "nothing now, the next run continues; if it stays so, lower `concurrency`"
                }
                ErrorKind::NoEffect => {
                    "find out what else writes to the secret or to the user's keys"
                }
                ErrorKind::Unavailable | ErrorKind::Conflict => {
                    "nothing now, the next run continues"
                }
                ErrorKind::NotFound
                | ErrorKind::LimitExceeded
                | ErrorKind::InProgress
                | ErrorKind::Other => "read the message; the next run tries again",
            },
            Self::Panicked(_) => "please report it; nothing more was done for this user",
            Self::Stopped(Stop::Deadline) => {
                "nothing now; if it stays so, raise `deadline` or run more often"
            }
            Self::Stopped(Stop::TookTooLong | Stop::Contention) => {
                "nothing now; if it stays so, find who else changes this user"
            }
            _ => return None,
        }))
    }
}

impl Wait {
    /// Returns what the operator can do if consumers have not moved to the new key.
    #[must_use]
    pub fn hints(&self, user: &UserName, secret: &SecretName) -> Vec<Hint> {
        let (Why::NotPickedUp { key, .. } | Why::UsedLate { key, .. }) = &self.why else {
            return Vec::new();
        };
        vec![
            Hint::advice(format!("let what uses {key} read the secret {secret}")),
            Hint::to("to see what uses it", Action::WhoUses { user: user.clone(), key: None }),
            Hint::to("if nothing needs it anymore", Action::revoke(user, key)),
        ]
    }
}

impl Blocked {
    /// The [`hints`](Self::hints) as the CLI words them.
    #[must_use]
    pub fn hint(&self, user: &UserName) -> String {
        worded(&self.hints(user))
    }

    /// What the operator can do about it for this user; never empty.
    #[must_use]
    pub fn hints(&self, user: &UserName) -> Vec<Hint> {
        let adopt = |text: &str| {
            vec![Hint::to(
                text,
                Action::Enroll { user: user.clone(), region: None, adopt_secret: true },
            )]
        };
        let resolve = || Action::Resolve { user: user.clone(), choice: None };
        let move_home = || Action::Move { user: user.clone() };
        let revoke_any = |without_successor| Action::Revoke {
            user: user.clone(),
            key: None,
            without_successor,
            delete: false,
            end_sessions: false,
        };
        let advice = |text: &str| vec![Hint::advice(text)];
        match self {
            Self::Quarantined { .. } => vec![
                Hint::to(
                    "treat the key as leaked, and see what it did",
                    Action::WhoUses { user: user.clone(), key: None },
                ),
                Hint::to("replace it", revoke_any(false)),
                Hint::advice("then detach the policy"),
            ],
            Self::ManagedElsewhere { home } => {
                let place = home.place();
                vec![
                    Hint::advice(format!(
                        "run it there: region {}, account {}, secret {}",
                        place.region, place.account, place.name
                    )),
                    Hint::to("to move the user's home here", move_home()),
                    Hint::advice(
                        "if no secret is there, the user's tag keyrot:home is wrong: remove it",
                    ),
                ]
            }
            Self::MoveBegun { to } => {
                let place = to.place();
                let there = format!(
                    "to finish the move, with the settings of region {} and secret {}",
                    place.region, place.name
                );
                vec![
                    Hint::to(there, move_home()),
                    Hint::advice("to stay here, run the same with these settings"),
                ]
            }
            Self::OtherAccount { .. } => {
                advice("check the profile and the credentials, or the setting account")
            }
            Self::HomeUnreadable { .. } => advice(
                "remove the tag keyrot:home from the user, and run keyrot again where its secret is",
            ),
            Self::NotNamed { place } => {
                let region = Some(place.region.clone());
                vec![
                    Hint::to(
                        "choose it for this user",
                        Action::Enroll { user: user.clone(), region, adopt_secret: false },
                    ),
                    Hint::advice(format!(
                        "or set account = \"{}\" and region = \"{}\" in the settings file for all users",
                        place.account, place.region
                    )),
                ]
            }
            Self::HomeTooLong { .. } => advice(
                "choose a shorter secret_name: the ARN has to fit into a tag of 256 characters",
            ),
            Self::SecretOfAnother { .. } => adopt("if that user does not exist anymore"),
            Self::SecretNotBound { why: Unhoused::Differs(all), .. }
                if !all.iter().all(Difference::may_be_accepted) =>
            {
                advice(
                    "keyrot adopts no secret with another KMS key or of an AWS service: change the secret's KMS key or the setting kms_key, or \
                 choose another secret_name",
                )
            }
            Self::SecretNotBound { .. } => adopt("read the secret; if it belongs to this user"),
            Self::NoTagRoom { .. } => advice("remove tags from the secret, then run keyrot again"),
            Self::ValueTooLarge { .. } => advice(
                "remove fields from the secret's value, or move them to another secret, then run keyrot again",
            ),
            Self::StagingRefused { .. } => vec![
                Hint::advice("let keyrot write the secret's value again, then run keyrot again"),
                Hint::to("a leaked key needs no successor", revoke_any(true)),
            ],
            Self::Overdue { wait: Wait { why: Why::Service, .. }, .. } => vec![
                Hint::to(
                    "start a rotation now, and schedule it more often than max_age",
                    Action::RotateSecret,
                ),
                Hint::advice("or switch Secrets Manager's rotation off"),
            ],
            Self::Overdue { key, wait, .. } => {
                let mut hints = vec![Hint::advice(
                    "if there were no runs for some time, do nothing: the next runs go on by themselves. If a date moves on from run to run, something keeps renewing what keyrot waits for: CloudTrail shows who else calls TagResource or PutSecretValue on the secret",
                )];
                if let Why::Soak(old) = &wait.why {
                    let delete = Action::delete(user, old);
                    hints.push(Hint::to("to delete it now", delete));
                } else if let Some(key) = key {
                    hints.push(Hint::to("a leaked key does not wait", Action::revoke(user, key)));
                }
                hints
            }
            Self::SecretDeleted { .. } => vec![
                Hint::to("restore the secret", Action::RestoreSecret),
                Hint::advice("or remove the user's rotation tag"),
            ],
            Self::SecretIsReplica { primary } => advice(&format!(
                "run keyrot in {primary}, or name another secret in the tag keyrot:secret"
            )),
            Self::SecretHoldsOther { why, .. } => {
                let other = "name another secret in the tag keyrot:secret, or put the user's present credentials into this one";
                let mend = why.map(|why| {
                    Hint::advice(format!("if it is this user's secret: {}", why.advice()))
                });
                mend.into_iter().chain(advice(other)).collect()
            }
            Self::ForeignPending { .. } => {
                vec![Hint::to(
                    "finish the other rotation, or cancel it, so that AWSPENDING is free",
                    Action::CancelRotation,
                )]
            }
            Self::CurrentKeyGone { .. } => vec![
                Hint::advice("if the user is being decommissioned, remove its rotation tag"),
                Hint::to(
                    "otherwise publish another key: a deleted one can't be restored",
                    resolve(),
                ),
            ],
            Self::CurrentKeyInactive { .. } => vec![
                Hint::advice("if the user is being decommissioned, remove its rotation tag"),
                Hint::to("otherwise reactivate the key, or replace it", resolve()),
            ],
            Self::RolledBack { from, to: Some(_) } => vec![
                Hint::to(
                    format!("to continue with {from}"),
                    Action::Rollback { user: user.clone() },
                ),
                Hint::to("to give it up", Action::revoke(user, from)),
            ],
            Self::RolledBack { from, to: None } => vec![
                Hint::advice(format!(
                    "to continue with {from}, move AWSCURRENT to its version again"
                )),
                Hint::advice("to give it up, delete it: keyrot creates another"),
            ],
            Self::NoWayBack { key, .. } => vec![Hint::to(
                "to make room for a new key",
                Action::Revoke {
                    user: user.clone(),
                    key: Some(key.clone()),
                    without_successor: true,
                    delete: true,
                    end_sessions: false,
                },
            )],
            Self::RevokedKeyCurrent { .. } => {
                vec![Hint::to("to delete it now and publish a new key", resolve())]
            }
            Self::ReactivatedInVain { .. } => vec![
                Hint::to(
                    "it may need some minutes; try again",
                    Action::Rollback { user: user.clone() },
                ),
                Hint::advice("AWSCURRENT was not moved, and runs retire the key again"),
            ],
            Self::CurrentDoesNotWork { .. } => vec![
                Hint::advice("put working credentials of this user under AWSCURRENT"),
                Hint::to("or replace the key", resolve()),
            ],
            Self::UnknownKeys(keys) => {
                let known = keys.iter().filter(|k| !matches!(k.last_use, LastUse::Unknown(_)));
                let idle = known.min_by_key(|k| match k.last_use {
                    LastUse::At { when, .. } => when,
                    _ => k.created,
                });
                // A comparison that was not made is not mentioned.
                let least = idle
                    .filter(|_| keys.len() > 1)
                    .map_or_else(String::new, |k| format!(" ({} was used least recently)", k.key));
                let which = if keys.len() == 1 { "it if it" } else { "the one that" };
                vec![
                    Hint::to(format!("deactivate {which} is not needed{least}"), resolve()),
                    Hint::advice("or put the key that is in use under AWSCURRENT by hand"),
                ]
            }
            Self::DestinationChanged { .. } => vec![
                Hint::advice("find out who writes there: keyrot is to be the only one"),
                Hint::to("then deliver over it, or let the destination go", resolve()),
            ],
            Self::RevokedKeyReactivated { key } => vec![
                Hint::to(
                    "a thief may have done that; to deactivate it again",
                    Action::revoke_now(user, key),
                ),
                Hint::to(
                    "if the revocation was a mistake",
                    Action::Resolve {
                        user: user.clone(),
                        choice: Some(Choice::Reinstate(key.clone())),
                    },
                ),
            ],
            Self::ReactivatedAgain { key } => vec![
                Hint::to(
                    "find out what reactivates it, and whether anything uses it",
                    Action::WhoUses { user: user.clone(), key: None },
                ),
                Hint::to(format!("then deactivate {key} for good"), resolve()),
            ],
            Self::IamOnly { .. } => {
                vec![Hint::to("to see what is left to do", Action::status(user))]
            }
            Self::ClaimedKey { key } => {
                vec![
                    Hint::advice(format!("if {key} is yours, put it under AWSCURRENT")),
                    Hint::to("if not", resolve()),
                ]
            }
            Self::RevokedKeyInUse { key, .. } => vec![
                Hint::to("to carry the revocation out", Action::revoke(user, key)),
                Hint::advice(
                    "if it was not revoked on purpose, remove the tag keyrot:revoked from the secret",
                ),
            ],
            Self::UnknownStatus { .. } => {
                advice("inspect the key in the IAM console; keyrot does not touch it")
            }
            Self::BadTag { .. } => advice("correct or remove the tag"),
        }
    }
}

impl Refusal {
    /// The [`hints`](Self::hints) as the CLI words them, where there are any.
    #[must_use]
    pub fn hint(&self, user: &UserName) -> Option<String> {
        let hints = self.hints(user);
        (!hints.is_empty()).then(|| worded(&hints))
    }

    /// What the operator can do about it for this user.
    #[must_use]
    pub fn hints(&self, user: &UserName) -> Vec<Hint> {
        let replace = |text: &str| Hint::to(text, Action::Rotate { user: user.clone() });
        match self {
            Self::NothingBefore { left } => match left.first() {
                Some(key) => vec![Hint::advice(format!(
                    "this secret never held the secret access key of {key}. If the user's home was moved here, the old home's secret, tagged keyrot:moved-to, still holds it; otherwise ask the key's creator. To use it, store it as AWSCURRENT by hand"
                ))],
                None => vec![replace("if the current key does not work, replace it")],
            },
            Self::NotBefore { .. } => vec![Hint::to(
                "only the key under AWSPREVIOUS can be rolled back to; to see which that is",
                Action::status(user),
            )],
            Self::Gone { .. } => vec![replace("to replace the current key with a new one")],
            Self::WasRevoked { key } => vec![
                replace("to replace the current key with a new one"),
                Hint::to(
                    format!("if {key} was revoked by mistake, activate it"),
                    Action::Activate { user: user.clone(), key: key.clone() },
                ),
                Hint::to(
                    "then take the revocation back, and try again",
                    Action::Resolve {
                        user: user.clone(),
                        choice: Some(Choice::Reinstate(key.clone())),
                    },
                ),
            ],
            Self::WhichKey { keys } if keys.is_empty() => {
                vec![Hint::advice("there is nothing to revoke")]
            }
            Self::WhichKey { .. } | Self::NoSuchKey { .. } => {
                vec![Hint::advice("name the key; nothing was done")]
            }
            Self::NoRoom { key, other, revoked: true } => vec![
                Hint::to(
                    format!(
                        "{other} was revoked too, and waits for its soak (if it was deleted just now, IAM still lists it for a few seconds): delete it now"
                    ),
                    Action::delete(user, other),
                ),
                Hint::advice(format!("then revoke {key}")),
            ],
            Self::NoRoom { key, other, .. } => vec![
                Hint::to(
                    format!(
                        "a user has two keys at most; if {key} must go now, although it may be in use"
                    ),
                    Action::revoke_now(user, key),
                ),
                Hint::to(
                    format!("if {other} is unused, delete it first"),
                    Action::delete(user, other),
                ),
            ],
            Self::IsCurrent { key } => {
                vec![
                    replace("to replace it now"),
                    Hint::to("if it leaked", Action::revoke(user, key)),
                ]
            }
            Self::InUse { key, .. } => vec![
                Hint::to(
                    "to see who uses it",
                    Action::WhoUses { user: user.clone(), key: Some(key.clone()) },
                ),
                Hint::to("if it leaked", Action::revoke(user, key)),
            ],
            Self::NotAtRest { until: Some(at), .. } => vec![Hint::advice(format!(
                "run keyrot there as usual, and move {user} after {}",
                at.format("%F %R UTC")
            ))],
            Self::NotAtRest { until: None, .. } => vec![Hint::to(
                format!("run keyrot there, and move {user} when it is settled there"),
                Action::status(user),
            )],
            Self::NoHome => vec![
                Hint::advice("run keyrot where the secret is: it writes the tag again"),
                Hint::to(
                    "a user who has no secret yet",
                    Action::Enroll { user: user.clone(), region: None, adopt_secret: false },
                ),
            ],
            Self::OtherAccount { .. } => {
                vec![Hint::advice("check the profile and the credentials")]
            }
            Self::NoSuchDestination { .. } => {
                vec![Hint::advice("the settings say where a key may go: see `destination` there")]
            }
            Self::NothingCurrent => {
                vec![Hint::to("to see what adopting takes", Action::Plan { user: user.clone() })]
            }
            Self::DoesNotWork { .. }
            | Self::RotationOff
            | Self::NotStaged { .. }
            | Self::NotMade { .. }
            | Self::Superseded { .. } => Vec::new(),
        }
    }
}
