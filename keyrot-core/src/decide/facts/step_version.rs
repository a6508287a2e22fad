//! The version that a step of Secrets Manager's own rotation is about.

use crate::decide::facts::situation::{Role, Situation};
use crate::model::names::{KeyId, VersionId};
use crate::model::observed::{AccessKey, Verified};
use crate::model::step::RotationStep;
use crate::model::version::Content;

/// The version that the step is about.
#[derive(Clone, Copy)]
pub(crate) enum StepVersion<'a> {
    /// The version is current.
    Current,
    /// The version is current, and this run has verified it, so it may record that. Otherwise the
    /// run that retires the old key verifies the version first.
    CurrentUnrecorded { replacing: Option<&'a KeyId> },
    /// The version is not staged, or was current before.
    NotStaged,
    /// The version is staged, with this value.
    Staged(Value<'a>),
}

/// What the staged version holds.
#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    /// Nothing yet. A user has at most two keys, so this old one has to be deleted before the next
    /// is created.
    Empty { old: Option<&'a KeyId> },
    /// Something other than a key, which something else wrote.
    Other,
    /// The placeholder, or something that has not been read.
    NoKey,
    /// A key.
    Key(StepKey<'a>),
}

/// The key in the version that the step is about.
#[derive(Clone, Copy)]
pub(crate) struct StepKey<'a> {
    pub(crate) key: &'a KeyId,
    /// The result of its verification, once this run has verified it.
    pub(crate) verified: Option<&'a Verified>,
    /// The newer key that is current, if there is one. It stays current.
    pub(crate) newer: Option<&'a KeyId>,
}

impl<'a> StepVersion<'a> {
    pub(crate) fn of(case: &Situation<'a>, step: &'a RotationStep) -> Self {
        let version: &VersionId = &step.version;
        if case.current.version == *version {
            let verified =
                case.verified(case.current) == Some(&Verified::Works) && case.promoted().is_none();
            return match case.outgoing().next() {
                Some(old) if verified => Self::CurrentUnrecorded { replacing: replaced(case, old) },
                _ => Self::Current,
            };
        }
        let Some(staged) =
            case.staged().filter(|held| held.version == *version && !case.was_published(held))
        else {
            return Self::NotStaged;
        };
        Self::Staged(match &staged.content {
            Content::ForeignEmpty => {
                Value::Empty { old: case.outgoing().next().map(|key| &key.id) }
            }
            Content::ForeignOther(_) => Value::Other,
            Content::Placeholder | Content::Foreign => Value::NoKey,
            Content::Key { key, .. } | Content::ForeignKey { key, .. } => {
                let superseded = case.key(key).is_some_and(|listed| case.superseded(listed));
                let newer = case.current_key().filter(|_| superseded);
                Value::Key(StepKey { key, verified: case.verified(staged), newer })
            }
        })
    }
}

/// Returns the key that the current one replaced, if this old key is retired because of it.
pub(crate) fn replaced<'a>(case: &Situation<'a>, old: &'a AccessKey) -> Option<&'a KeyId> {
    if case.current_key().is_some() && case.is(old, Role::Old) {
        Some(&old.id)
    } else {
        case.last_replaced()
    }
}
