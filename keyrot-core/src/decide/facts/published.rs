//! Whether the current version is known to work, and to be published.

use crate::decide::answer::{unverified, verify};
use crate::decide::decision::Decision;
use crate::decide::decision::blocked::Blocked;
use crate::decide::facts::situation::Situation;
use crate::model::names::{KeyId, VersionId};
use crate::model::observed::Verified;

/// Whether a journal entry says that the current version was verified and published. Every overlap
/// counts from that entry.
#[derive(Clone, Copy)]
pub(crate) enum PublishedNote {
    /// An entry says so.
    Recorded,
    /// No entry says so: a run died, or something else wrote or moved the current version.
    Unrecorded,
    /// No key is current, and an entry records since when.
    NoKey,
    /// No key is current, and no entry records since when.
    NoKeyUnrecorded,
}

impl PublishedNote {
    pub(crate) fn of(case: &Situation<'_>) -> Self {
        match (case.current_key(), case.promoted()) {
            (Some(_), Some(_)) => Self::Recorded,
            (Some(_), None) => Self::Unrecorded,
            (None, Some(_)) => Self::NoKey,
            (None, None) => Self::NoKeyUnrecorded,
        }
    }
}

/// Whether the current version authenticates in this very run. Anyone who may write the secret can
/// write the entry, too, so irreversible steps never rely on it alone.
#[derive(Clone, Copy)]
pub(crate) enum Works<'a> {
    /// It does, or it holds no key.
    Yes,
    /// That is not known.
    Unshown(Unshown<'a>),
}

/// Why it is not known that the current version works.
#[derive(Clone, Copy)]
pub(crate) enum Unshown<'a> {
    /// This run has not verified it yet.
    Unverified(&'a VersionId),
    /// The key was refused, or the version holds something else.
    Fails { key: &'a KeyId, reason: &'a str },
    /// AWS could not be asked.
    Unknown { key: &'a KeyId, reason: &'a str },
}

impl<'a> Works<'a> {
    pub(crate) fn of(case: &Situation<'a>) -> Self {
        let Some(key) = case.current_key() else { return Self::Yes };
        Self::Unshown(match case.verified(case.current) {
            Some(Verified::Works) => return Self::Yes,
            None => Unshown::Unverified(&case.current.version),
            Some(Verified::Refused(reason) | Verified::Wrong(reason)) => {
                Unshown::Fails { key, reason }
            }
            Some(Verified::Unknown(reason)) => Unshown::Unknown { key, reason },
        })
    }
}

impl Unshown<'_> {
    pub(crate) fn answer(&self) -> Decision {
        match *self {
            Self::Unverified(version) => verify(version),
            Self::Unknown { key, reason } => unverified(key, reason),
            Self::Fails { key, reason } => Decision::Blocked(Blocked::CurrentDoesNotWork {
                key: key.clone(),
                reason: reason.to_owned(),
            }),
        }
    }
}
