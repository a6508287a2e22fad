//! The actions that the operator can take for each reason that blocks a user.

use crate::decide::decision::blocked::{Blocked, Evidence, Unhoused};
use crate::decide::decision::{Wait, Why};
use crate::model::home::Difference;
use crate::model::names::{KeyId, UserName};
use crate::model::observed::LastUse;
use crate::report::choice::Choice;
use crate::report::hint::{AboutSecret, Action, Hint, worded};

impl Blocked {
    /// Returns the [`hints`](Self::hints) in the CLI's words.
    #[must_use]
    pub fn hint(&self, user: &UserName) -> String {
        worded(&self.hints(user))
    }

    /// Returns what the operator can do for this user; never empty.
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
                    Action::RotateSecret(AboutSecret::default()),
                ),
                Hint::advice("or switch Secrets Manager's rotation off"),
            ],
            Self::Overdue { key, wait, .. } => overdue(user, key.as_ref(), wait),
            Self::SecretDeleted { .. } => vec![
                Hint::to("restore the secret", Action::RestoreSecret(AboutSecret::default())),
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
            // A canceled rotation may leave the label behind (Secrets Manager API reference,
            // CancelRotateSecret).
            Self::ForeignPending { version } => vec![
                Hint::advice("finish the other rotation"),
                Hint::to(
                    "or cancel it, if Secrets Manager started it",
                    Action::CancelRotation(AboutSecret::default()),
                ),
                Hint::to(
                    "then free AWSPENDING",
                    Action::FreePending { about: AboutSecret::default(), version: version.clone() },
                ),
            ],
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
            Self::UnknownKeys(keys) => unknown_keys(user, keys),
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
            Self::BadTag { .. } => advice("correct the tag or the setting that is named"),
        }
    }
}

/// Returns what to do about a rotation that should be over.
fn overdue(user: &UserName, key: Option<&KeyId>, wait: &Wait) -> Vec<Hint> {
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

/// Returns what to do about keys that keyrot can't explain. Names the key that was used least
/// recently.
fn unknown_keys(user: &UserName, keys: &[Evidence]) -> Vec<Hint> {
    let known = keys.iter().filter(|k| !matches!(k.last_use, LastUse::Unknown(_)));
    let idle = known.min_by_key(|k| match k.last_use {
        LastUse::At { when, .. } => when,
        _ => k.created,
    });
    // If there is only one key, there is nothing to compare.
    let least = idle
        .filter(|_| keys.len() > 1)
        .map_or_else(String::new, |k| format!(" ({} was used least recently)", k.key));
    let which = if keys.len() == 1 { "it if it" } else { "the one that" };
    let resolve = Action::Resolve { user: user.clone(), choice: None };
    vec![
        Hint::to(
            format!(
                "deactivate {which} is not needed{least}, and delete it when nothing misses it"
            ),
            resolve,
        ),
        Hint::advice("or put the key that is in use under AWSCURRENT by hand"),
    ]
}
