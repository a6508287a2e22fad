//! The planned steps of a request.

use crate::decide::decision::Wait;
use crate::decide::decision::blocked::Blocked;
use crate::model::names::{DestinationName, KeyId, UserName};
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// One planned step of a request, for the operator's agreement.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PlannedAction {
    /// Create the user's secret, or put a placeholder into the empty one.
    MakeSecret,
    /// Create a new key, verify it, and publish it.
    PublishNewKey,
    /// Verify the staged key, and publish it.
    PublishStaged(KeyId),
    /// Verify the key under AWSPREVIOUS, and make it current again.
    PublishAgain(KeyId),
    /// Stop; the request has to be repeated.
    Wait(#[serde(serialize_with = "stop_fields::wait")] Wait),
    /// Stop, because an operator has to decide.
    Stop(#[serde(serialize_with = "stop_fields::blocked")] Blocked),
    /// Reactivate a key.
    Activate(KeyId),
    /// Deactivate a key.
    Deactivate(KeyId),
    /// Delete a key.
    Delete(KeyId),
    /// Add the key to the entry of revoked keys; everything else has to wait.
    Revoke(KeyId),
    /// Remove the key from the entry of revoked keys.
    Reinstate(KeyId),
    /// Deliver the current key to a destination.
    Deliver {
        /// The destination.
        to: DestinationName,
        /// The place in it.
        place: String,
        /// Whether it takes no key, but consumers there are restarted.
        restarts: bool,
    },
    /// Give a destination up.
    LetGo(DestinationName),
    /// Record what is already known.
    WriteDown,
    /// A later run does this, if the user is selected for rotation: delete the key when it has been
    /// Inactive for this long.
    DeleteLater {
        /// The key.
        key: KeyId,
        /// The soak.
        #[serde(with = "crate::model::text::duration")]
        after: Duration,
    },
}

/// Serializes where a request will stop: a code, and a text for people.
mod stop_fields {
    use crate::decide::decision::Wait;
    use crate::decide::decision::blocked::Blocked;
    use crate::model::time::Timestamp;
    use serde::{Serialize, Serializer};

    #[derive(Serialize)]
    struct StopFields {
        reason: &'static str,
        message: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    }

    pub(super) fn wait<S: Serializer>(wait: &Wait, serializer: S) -> Result<S::Ok, S::Error> {
        StopFields { reason: wait.why.code(), message: wait.why.to_string(), until: wait.until }
            .serialize(serializer)
    }

    pub(super) fn blocked<S: Serializer>(
        blocked: &Blocked,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        StopFields { reason: blocked.code(), message: blocked.to_string(), until: None }
            .serialize(serializer)
    }
}

impl PlannedAction {
    /// Returns the question to ask before these steps are done for a user, without the question
    /// mark: `Deactivate AKIA… and delete it, for ci`. It names each key that is published,
    /// reactivated, deactivated or deleted; a key that does not exist yet is "a new key".
    #[must_use]
    pub fn question(steps: &[Self], user: &UserName) -> String {
        // Steps after a wait are done only when the request is repeated.
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

    /// Returns what the step changes; `None` if it only stops. The key that was mentioned last is
    /// called "it".
    fn in_short<'a>(&'a self, named: &mut Option<&'a KeyId>) -> Option<String> {
        let mut name = |key: &'a KeyId| match named.replace(key) == Some(key) {
            true => "it".to_owned(),
            false => key.to_string(),
        };
        Some(match self {
            Self::MakeSecret => "create the secret".to_owned(),
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
            Self::Revoke(key) => format!("record the revocation of {}", name(key)),
            Self::Reinstate(key) => format!("take the revocation of {} back", name(key)),
            Self::Deliver { to, restarts: true, .. } => format!("restart {to}"),
            Self::Deliver { to, .. } => format!("deliver the current key to {to}"),
            Self::LetGo(to) => format!("let {to} go"),
            Self::WriteDown => "record the known state".to_owned(),
            Self::DeleteLater { key, .. } => format!("have {} deleted later", name(key)),
        })
    }
}

impl fmt::Display for PlannedAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MakeSecret => f.write_str("create the user's secret, with a placeholder"),
            Self::PublishNewKey => f.write_str("create a new key, verify it, and make it current"),
            Self::PublishStaged(key) => {
                write!(f, "verify {key}, which is staged, and make it current")
            }
            Self::PublishAgain(key) => write!(f, "verify {key}, and make it current again"),
            Self::Wait(Wait { why, until: Some(until) }) => {
                write!(f, "stop; run the command again after {}: {why}", until.format("%F %R UTC"))
            }
            Self::Wait(Wait { why, until: None }) => {
                write!(f, "stop there; run the command again later: {why}")
            }
            Self::Stop(reason) => write!(f, "stop there: {reason}"),
            Self::Activate(key) => write!(f, "reactivate {key}"),
            Self::Deactivate(key) => write!(f, "deactivate {key}: requests with it are refused"),
            Self::Delete(key) => write!(f, "delete {key}: this cannot be undone"),
            Self::Revoke(key) => write!(
                f,
                "record in the secret that {key} is revoked: it is never published again, and stays Active for now"
            ),
            Self::Reinstate(key) => {
                write!(f, "undo the revocation of {key}: it counts as any other key again")
            }
            Self::Deliver { to, place, restarts: true } => {
                write!(f, "restart {to} ({place}), so that it reads the current key")
            }
            Self::Deliver { to, place, restarts: false } => {
                write!(f, "deliver the current key to {to} ({place}), over what is there")
            }
            Self::LetGo(to) => write!(
                f,
                "let {to} go: nothing is delivered there, and the previous key does not wait for it"
            ),
            Self::WriteDown => f.write_str(
                "write down in the secret what is known already; no key and no label changes",
            ),
            Self::DeleteLater { key, after } => {
                let after = crate::model::text::format_duration(*after);
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
        let wait = |key: &KeyId| {
            PlannedAction::Wait(Wait {
                why: crate::decide::decision::Why::Settling(key.clone()),
                until: None,
            })
        };
        let after = Duration::from_secs(7 * 86_400);
        for (steps, question) in [
            (
                vec![PlannedAction::PublishAgain(old.clone())],
                "Publish AKIAOLD0000000000001 again for ci",
            ),
            (
                vec![
                    PlannedAction::Activate(old.clone()),
                    PlannedAction::PublishAgain(old.clone()),
                ],
                "Reactivate AKIAOLD0000000000001 and publish it again, for ci",
            ),
            (
                vec![PlannedAction::Deactivate(old.clone()), PlannedAction::Delete(old.clone())],
                "Deactivate AKIAOLD0000000000001 and delete it, for ci",
            ),
            (
                vec![
                    PlannedAction::MakeSecret,
                    PlannedAction::PublishNewKey,
                    PlannedAction::Deactivate(old.clone()),
                    PlannedAction::DeleteLater { key: old.clone(), after },
                ],
                "Create the secret, publish a new key, deactivate AKIAOLD0000000000001 and have it deleted later, for ci",
            ),
            (
                vec![PlannedAction::PublishStaged(new.clone()), wait(&new)],
                "Publish AKIANEW0000000000001 for ci",
            ),
            (
                vec![
                    PlannedAction::PublishStaged(new.clone()),
                    wait(&new),
                    PlannedAction::Deactivate(old.clone()),
                ],
                "Publish AKIANEW0000000000001 for ci",
            ),
            (
                vec![
                    PlannedAction::Deactivate(old.clone()),
                    PlannedAction::PublishNewKey,
                    PlannedAction::Delete(old.clone()),
                ],
                "Deactivate AKIAOLD0000000000001, publish a new key and delete AKIAOLD0000000000001, for ci",
            ),
            (
                vec![PlannedAction::Revoke(old.clone()), wait(&old)],
                "Record the revocation of AKIAOLD0000000000001 for ci",
            ),
            (vec![wait(&old)], "Go on for ci"),
        ] {
            assert_eq!(PlannedAction::question(&steps, &user), question);
        }
    }
}
