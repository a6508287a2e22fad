//! What a person may ask for, for one user, by name: to go back to the key before, or to have done with a key.

use crate::{Blocked, KeyId, KeyStatus, Outcome, Refusal, SecretArn, Standing, UserName, Wait};
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// A person's request: [`decide_request`](crate::decide_request()) says what it takes, [`Rotator::fulfil`](crate::Rotator::fulfil) carries it out.
///
/// It names its key, so that to ask again, after a lost answer or by a second person, is harmless.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Publish the key that was current before, once more.
    Rollback {
        /// That key. It has to stand under AWSPREVIOUS.
        to: KeyId,
    },
    /// Have done with a key.
    Revoke(Revocation),
    /// Record where the user's secret is or, while there is none, is to be; nothing else.
    Bind,
    /// Close the user's home, so that no run works on it any more: the first half of a move. The user has to be at rest here.
    Leave {
        /// The secret that is to be the home, or where it is to be.
        to: SecretArn,
    },
    /// Record that the user's home is here now: the second half of a move. The first run here publishes a new key, and the one that was published at the
    /// old home is an old key from then on, with its overlap. Where the user is at home here already, takes back that this was about to be left.
    Move {
        /// The home, as the user's tag names it.
        from: SecretArn,
    },
    /// Take a revocation back: the key is revoked no more. It is neither reactivated nor published again by that.
    Reinstate {
        /// The key.
        key: KeyId,
    },
}

/// A key that is not to be used any more. Its overlap and `quiet` are not waited for; a working successor is, unless it is said otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Revocation {
    /// The key.
    pub key: KeyId,
    /// Why, for those who are told. It is kept nowhere else.
    pub reason: Option<String>,
    /// Only if IAM has no use of the key on record within `quiet`: for a key that nobody can account for, rather than one that leaked.
    pub only_if_unused: bool,
    /// Deactivate it first of all, whether or not something that works can take its place. This needs IAM and nothing else; whatever else there is
    /// to do follows, as far as it can be done.
    pub without_successor: bool,
    /// Delete it as soon as it is Inactive, without the soak: then nothing brings it back.
    pub delete: bool,
}

/// One step of what a request will do, for people who are to agree to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Intended {
    /// Make the user's secret, or put a placeholder into the empty one.
    MakeSecret,
    /// Make a new key, prove it, and put it under AWSCURRENT.
    PublishNewKey,
    /// Prove the key that is staged, and put it under AWSCURRENT.
    PublishStaged(KeyId),
    /// Prove the key under AWSPREVIOUS, and put it under AWSCURRENT again.
    PublishAgain(KeyId),
    /// Stop, and be asked again.
    Wait(#[serde(serialize_with = "told::wait")] Wait),
    /// Stop, because a person has to decide.
    Stop(#[serde(serialize_with = "told::blocked")] Blocked),
    /// Reactivate a key.
    Activate(KeyId),
    /// Deactivate a key.
    Deactivate(KeyId),
    /// Delete a key.
    Delete(KeyId),
    /// Take the key out of the entry of what is revoked.
    Reinstate(KeyId),
    /// Write down what is known already.
    WriteDown,
    /// Left to later runs, if the user is selected for rotation: delete the key when it has been Inactive for this long.
    DeleteLater {
        /// The key.
        key: KeyId,
        /// The soak.
        #[serde(with = "crate::text::duration")]
        after: Duration,
    },
}

impl Request {
    /// The key that is deactivated before anything but IAM is asked for: of a revocation without a successor.
    #[must_use]
    pub fn off_first(&self) -> Option<&KeyId> {
        match self {
            Self::Revoke(order) if order.without_successor && !order.only_if_unused => Some(&order.key),
            Self::Revoke(_) | Self::Rollback { .. } | Self::Reinstate { .. } => None,
            Self::Bind | Self::Leave { .. } | Self::Move { .. } => None,
        }
    }

    /// The key that was current before, as a look at the user (a plan, say) found them: the one to go back to.
    ///
    /// # Errors
    /// [`Refusal`] if there is none.
    pub fn key_before(seen: &Standing) -> Result<KeyId, Refusal> {
        match (&seen.previous, &seen.current) {
            (Some(to), _) => Ok(to.clone()),
            (None, Some(_)) => {
                let current = seen.current.as_ref();
                let left = seen.keys.iter().map(|k| k.id.clone()).filter(|id| Some(id) != current).collect();
                Err(Refusal::NothingBefore { left })
            }
            (None, None) => Err(Refusal::NothingCurrent),
        }
    }

    /// To revoke a key, as a look at the user found them; without a name, the user's only key, if none was revoked before.
    ///
    /// # Errors
    /// [`Refusal`] if none is named, and it does not go without saying which is meant.
    pub fn revoke(seen: &Standing, key: Option<KeyId>) -> Result<Revocation, Refusal> {
        let key = match (key, seen.keys.as_slice()) {
            (Some(key), _) => key,
            // After a revocation its successor may be the only one: whoever repeats the command does not mean that one.
            (None, [only]) if seen.revoked.is_empty() => only.id.clone(),
            (None, keys) => return Err(Refusal::WhichKey { keys: keys.iter().map(|k| k.id.clone()).collect() }),
        };
        Ok(Revocation::of(key))
    }
}

/// One way out for a user who is blocked: a choice for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WayOut {
    /// What to call it in a script, such as `replace` or `retire:AKIA…`.
    pub choice: String,
    /// The same for people.
    pub message: String,
    /// What is asked for.
    pub request: Request,
}

impl WayOut {
    /// The ways out for a user, as a look at them (a plan, say) found them; none where nothing blocks, or where no request could help.
    #[must_use]
    pub fn of(seen: &Standing) -> Vec<Self> {
        let Outcome::Blocked(blocked) = &seen.outcome else {
            // A mistake can be taken back before IAM's listing has settled, or while the revocation is still being carried out.
            let active = |key: &KeyId| seen.keys.iter().any(|k| k.id == *key && k.status == KeyStatus::Active);
            return seen.revoked.iter().filter(|key| active(key)).map(Self::reinstate).collect();
        };
        match blocked {
            Blocked::RevokedKeyReactivated { key } => vec![
                Self {
                    choice: format!("deactivate:{key}"),
                    message: format!("deactivate {key} again, immediately, whoever uses it"),
                    request: Request::Revoke(Revocation { without_successor: true, ..Revocation::of(key.clone()) }),
                },
                Self::reinstate(key),
            ],
            Blocked::UnknownKeys(keys) => keys.iter().map(|known| Self::retire(&known.key)).collect(),
            Blocked::ClaimedKey { key } => vec![Self::retire(key)],
            Blocked::CurrentKeyGone { key } | Blocked::CurrentKeyInactive { key } => {
                Self::back(seen).into_iter().chain([Self::replace(key)]).collect()
            }
            Blocked::CurrentDoesNotWork { key, .. } => {
                Self::back(seen).into_iter().chain([Self::replace(key)]).collect()
            }
            Blocked::RolledBack { from, to: Some(_) } => vec![
                Self {
                    choice: "go-on".to_owned(),
                    message: format!("go on with {from}: prove it, and put it under AWSCURRENT again"),
                    request: Request::Rollback { to: from.clone() },
                },
                Self {
                    choice: "give-up".to_owned(),
                    message: format!("give {from} up: deactivate it at once, and delete it after the soak"),
                    request: Request::Revoke(Revocation::of(from.clone())),
                },
            ],
            Blocked::NoWayBack { key, .. } => vec![Self {
                choice: "make-room".to_owned(),
                message: format!("make room for a new key: deactivate {key} and delete it, whoever uses it"),
                request: Request::Revoke(Revocation {
                    without_successor: true,
                    delete: true,
                    ..Revocation::of(key.clone())
                }),
            }],
            Blocked::RevokedKeyInUse { key, .. } => vec![Self {
                choice: format!("revoke:{key}"),
                message: format!("revoke {key}: deactivate it although it is in use, once its successor works"),
                request: Request::Revoke(Revocation::of(key.clone())),
            }],
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
            | Blocked::StrangeStatus { .. }
            | Blocked::IamOnly { .. }
            | Blocked::BadTag { .. } => Vec::new(),
        }
    }

    fn retire(key: &KeyId) -> Self {
        Self {
            choice: format!("retire:{key}"),
            message: format!("retire {key}: deactivate it, if nobody has used it lately, and delete it after the soak"),
            request: Request::Revoke(Revocation { only_if_unused: true, ..Revocation::of(key.clone()) }),
        }
    }

    fn reinstate(key: &KeyId) -> Self {
        Self {
            choice: format!("reinstate:{key}"),
            message: format!("take the revocation of {key} back: it stays Active, as any other key of the user"),
            request: Request::Reinstate { key: key.clone() },
        }
    }

    fn replace(key: &KeyId) -> Self {
        Self {
            choice: "replace".to_owned(),
            message: format!("replace {key}: make a new key, prove it and publish it; {key} is never used again"),
            request: Request::Revoke(Revocation::of(key.clone())),
        }
    }

    fn back(seen: &Standing) -> Option<Self> {
        let before = seen.previous.as_ref().filter(|key| seen.keys.iter().any(|k| k.id == **key))?;
        Some(Self {
            choice: "go-back".to_owned(),
            message: format!("go back to {before}: prove it, and put it under AWSCURRENT again"),
            request: Request::Rollback { to: before.clone() },
        })
    }
}

impl Revocation {
    /// Of this key, with a successor in place, whether or not it is in use; deleted after the soak.
    #[must_use]
    pub fn of(key: KeyId) -> Self {
        Self { key, reason: None, only_if_unused: false, without_successor: false, delete: false }
    }
}

/// Where a request will stop, in a document: a code, and a text for people.
mod told {
    use crate::words::{blocked_code, why_code};
    use crate::{Blocked, Timestamp, Wait};
    use serde::{Serialize, Serializer};

    #[derive(Serialize)]
    struct Told {
        reason: &'static str,
        message: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    }

    pub(super) fn wait<S: Serializer>(wait: &Wait, serializer: S) -> Result<S::Ok, S::Error> {
        Told { reason: why_code(&wait.why), message: wait.why.to_string(), until: wait.until }.serialize(serializer)
    }

    pub(super) fn blocked<S: Serializer>(blocked: &Blocked, serializer: S) -> Result<S::Ok, S::Error> {
        Told { reason: blocked_code(blocked), message: blocked.to_string(), until: None }.serialize(serializer)
    }
}

impl Intended {
    /// What a person is asked before these steps are done for a user, without the question mark: `Deactivate AKIA… and delete it, for ci`.
    /// It names each key that is published, reactivated, deactivated or deleted; one that is not known yet is "a new key".
    #[must_use]
    pub fn question(steps: &[Self], user: &UserName) -> String {
        // What comes after a wait is done only when it is asked for again.
        let now = steps.iter().take_while(|step| !matches!(step, Self::Wait(_) | Self::Stop(_)));
        let mut named = None;
        let words: Vec<String> = now.filter_map(|step| step.in_short(&mut named)).collect();
        let all = match words.as_slice() {
            [] => "go on".to_owned(),
            [one] => one.clone(),
            [first @ .., last] => format!("{} and {last},", first.join(", ")),
        };
        let mut letters = all.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        format!("{} for {user}", first.into_iter().chain(letters).collect::<String>())
    }

    /// What it changes; nothing where it only stops. The key that was named last is "it".
    fn in_short<'a>(&'a self, named: &mut Option<&'a KeyId>) -> Option<String> {
        let mut name = |key: &'a KeyId| match named.replace(key) == Some(key) {
            true => "it".to_owned(),
            false => key.to_string(),
        };
        Some(match self {
            Self::MakeSecret => "make the secret".to_owned(),
            Self::PublishNewKey => {
                *named = None;
                "publish a new key".to_owned()
            }
            Self::PublishStaged(key) => format!("publish {}", name(key)),
            Self::PublishAgain(key) => format!("publish {} again", name(key)),
            Self::Wait(_) | Self::Stop(_) => return None,
            Self::Activate(key) => format!("reactivate {}", name(key)),
            Self::Deactivate(key) => format!("deactivate {}", name(key)),
            Self::Delete(key) => format!("delete {}", name(key)),
            Self::Reinstate(key) => format!("take the revocation of {} back", name(key)),
            Self::WriteDown => "write down what is known already".to_owned(),
            Self::DeleteLater { key, .. } => format!("have {} deleted later", name(key)),
        })
    }
}

impl fmt::Display for Intended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MakeSecret => f.write_str("make the user's secret, with a placeholder"),
            Self::PublishNewKey => f.write_str("make a new key, prove it, and put it under AWSCURRENT"),
            Self::PublishStaged(key) => write!(f, "prove {key}, which is staged, and put it under AWSCURRENT"),
            Self::PublishAgain(key) => write!(f, "prove {key}, and put it under AWSCURRENT again"),
            Self::Wait(Wait { why, until: Some(until) }) => {
                write!(f, "stop, and be asked again after {}: {why}", until.format("%F %R UTC"))
            }
            Self::Wait(Wait { why, until: None }) => write!(f, "stop there, and be asked again: {why}"),
            Self::Stop(reason) => write!(f, "stop there: {reason}"),
            Self::Activate(key) => write!(f, "reactivate {key}"),
            Self::Deactivate(key) => write!(f, "deactivate {key}: whoever still uses it is refused"),
            Self::Delete(key) => write!(f, "delete {key}: nothing brings it back"),
            Self::Reinstate(key) => write!(f, "take the revocation of {key} back: it counts as any other key again"),
            Self::WriteDown => {
                f.write_str("write down in the secret what is known already; no key and no label changes")
            }
            Self::DeleteLater { key, after } => {
                let after = crate::format_duration(*after);
                write!(
                    f,
                    "later, when {key} has been Inactive for {after}, and if the user is tagged for rotation: delete it"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_names_each_key_that_changes() {
        let user = UserName::parse("ci").expect("a name");
        let key = |id: &str| KeyId::parse(id).expect("an id");
        let (old, new) = (key("AKIAOLD0000000000001"), key("AKIANEW0000000000001"));
        let wait = |key: &KeyId| Intended::Wait(Wait { why: crate::Why::Settling(key.clone()), until: None });
        let after = Duration::from_secs(7 * 86_400);
        for (steps, question) in [
            (vec![Intended::PublishAgain(old.clone())], "Publish AKIAOLD0000000000001 again for ci"),
            (
                vec![Intended::Activate(old.clone()), Intended::PublishAgain(old.clone())],
                "Reactivate AKIAOLD0000000000001 and publish it again, for ci",
            ),
            (
                vec![Intended::Deactivate(old.clone()), Intended::Delete(old.clone())],
                "Deactivate AKIAOLD0000000000001 and delete it, for ci",
            ),
            (
                vec![
                    Intended::MakeSecret,
                    Intended::PublishNewKey,
                    Intended::Deactivate(old.clone()),
                    Intended::DeleteLater { key: old.clone(), after },
                ],
                "Make the secret, publish a new key, deactivate AKIAOLD0000000000001 and have it deleted later, for ci",
            ),
            (vec![Intended::PublishStaged(new.clone()), wait(&new)], "Publish AKIANEW0000000000001 for ci"),
            (
                vec![Intended::PublishStaged(new.clone()), wait(&new), Intended::Deactivate(old.clone())],
                "Publish AKIANEW0000000000001 for ci",
            ),
            (
                vec![Intended::Deactivate(old.clone()), Intended::PublishNewKey, Intended::Delete(old.clone())],
                "Deactivate AKIAOLD0000000000001, publish a new key and delete AKIAOLD0000000000001, for ci",
            ),
            (vec![wait(&old)], "Go on for ci"),
        ] {
            assert_eq!(Intended::question(&steps, &user), question);
        }
    }
}
