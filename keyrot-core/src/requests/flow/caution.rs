//! Warnings for an operator before a request is agreed to.

use super::report::RequestKind;
use crate::engine::report::UserResult;
use crate::machine::planned::PlannedAction;
use crate::model::names::{KeyId, SecretName};
use crate::model::observed::{AccessKey, KeyStatus};
use std::fmt;

/// Something that an operator should know before agreeing to a request's steps.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Caution {
    /// The current key, or the last Active one, is deactivated, and no other key is published: AWS
    /// refuses its consumers until one is.
    Refused(KeyId),
    /// The user's secret is created, but no key is published in it: consumers get no replacement.
    NoReplacement(SecretName),
    /// The user's secret is created, so no consumer reads it yet: AWS refuses the consumers until
    /// they do.
    NothingReads(SecretName),
    /// An older key is published again, so the user is then blocked until the operator decides
    /// about the other key.
    DecisionFollows,
    /// This key is to be reactivated, but IAM still lists it as Active, because it was deactivated
    /// minutes ago.
    ListLags(KeyId),
}

impl Caution {
    /// Returns what the operator should know about these steps, for a user in this state.
    #[must_use]
    pub fn of(kind: RequestKind, steps: &[PlannedAction], user: &UserResult) -> Vec<Self> {
        let mut all = Vec::new();
        let off = steps.iter().find_map(|step| match step {
            PlannedAction::Deactivate(key) => Some(key),
            _ => None,
        });
        let is_active = |key: &&AccessKey| key.status == KeyStatus::Active;
        let is_last = |off: &KeyId| !user.keys.iter().filter(is_active).any(|key| key.id != *off);
        if let Some(key) = off.filter(|key| Some(*key) == user.current.as_ref() || is_last(key))
            && !steps.iter().any(is_replacement)
        {
            all.push(Self::Refused(key.clone()));
        }
        if steps.contains(&PlannedAction::MakeSecret) {
            let secret = user.secret.clone();
            all.push(match steps.contains(&PlannedAction::PublishNewKey) {
                true => Self::NothingReads(secret),
                false => Self::NoReplacement(secret),
            });
        }
        if kind == RequestKind::Rollback && steps.iter().any(|step| goes_back(step, user)) {
            all.push(Self::DecisionFollows);
        }
        let listed = steps.iter().filter_map(|step| listed_as_active(step, user));
        all.extend(listed.cloned().map(Self::ListLags));
        all
    }

    /// Whether AWS may refuse consumers because of the steps.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        match self {
            Self::Refused(_) | Self::NoReplacement(_) | Self::NothingReads(_) => true,
            Self::DecisionFollows | Self::ListLags(_) => false,
        }
    }
}

impl fmt::Display for Caution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(key) => {
                write!(f, "consumers of {key} are refused until another key is published")
            }
            Self::NoReplacement(secret) => write!(
                f,
                "nothing will be published in {secret}: consumers of the key get no replacement"
            ),
            Self::NothingReads(secret) => write!(
                f,
                "nothing reads {secret} yet: consumers of the key are refused until they do"
            ),
            Self::DecisionFollows => {
                f.write_str(
                    "after this, as soon as IAM shows the change, the user is blocked until you decide about the other key",
                )
            }
            Self::ListLags(key) => write!(
                f,
                "IAM still lists {key} as Active: it was deactivated minutes ago, and the list can lag"
            ),
        }
    }
}

/// Whether the step gives consumers another key.
fn is_replacement(step: &PlannedAction) -> bool {
    matches!(step, PlannedAction::PublishNewKey | PlannedAction::PublishAgain(_))
}

/// Returns the key that the step reactivates, if IAM lists it as Active.
fn listed_as_active<'a>(step: &'a PlannedAction, user: &UserResult) -> Option<&'a KeyId> {
    let PlannedAction::Activate(id) = step else { return None };
    let active = |key: &AccessKey| key.id == *id && key.status == KeyStatus::Active;
    user.keys.iter().any(active).then_some(id)
}

/// Whether the step publishes a key that is older than the current one. Publishing the newer key
/// again needs no decision.
fn goes_back(step: &PlannedAction, user: &UserResult) -> bool {
    let made = |id: &KeyId| user.keys.iter().find(|key| key.id == *id).map(|key| key.created);
    let current = user.current.as_ref().and_then(made);
    matches!(step, PlannedAction::PublishAgain(key) if made(key).zip(current).is_some_and(|(key, current)| key < current))
}
