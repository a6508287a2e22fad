//! Whether anything can be written to the user's secret, and what is in it.

use crate::decide::decision::blocked::Blocked;
use crate::model::observed::{AccessKey, KeyStatus, LabeledVersion, Observed, Secret, SecretState};
use crate::model::time::Timestamp;

/// Whether AWS has quarantined the user, by a policy of this name.
#[derive(Clone, Copy)]
pub(crate) enum Quarantine<'a> {
    /// AWS has not quarantined the user.
    No,
    /// AWS has quarantined the user, and a requested revocation is not complete yet: the quarantine
    /// is the reason for it.
    WhileRevoking(&'a str),
    /// AWS has quarantined the user.
    Yes(&'a str),
}

impl<'a> Quarantine<'a> {
    pub(crate) fn of(seen: &'a Observed) -> Self {
        match &seen.quarantine {
            None => Self::No,
            Some(policy) if is_being_revoked(seen) => Self::WhileRevoking(policy),
            Some(policy) => Self::Yes(policy),
        }
    }
}

fn is_being_revoked(seen: &Observed) -> bool {
    let SecretState::Present(secret) = &seen.secret else { return false };
    let is_current =
        |key: &AccessKey| secret.current.as_ref().and_then(LabeledVersion::key) == Some(&key.id);
    let works = |key: &&AccessKey| key.status == KeyStatus::Active || is_current(key);
    seen.keys.iter().filter(works).any(|key| secret.journal.revoked_at(&key.id).is_some())
}

/// The user's secret.
#[derive(Clone, Copy)]
pub(crate) enum Store<'a> {
    /// The secret is scheduled for deletion, and refuses every read and write.
    Deleted { since: Timestamp },
    /// The secret is a replica, and refuses writes.
    Replica { primary: &'a str },
    /// There is no secret.
    Missing,
    /// No version is current.
    NoVersion(&'a Secret),
    /// This version is current.
    Current(&'a Secret, &'a LabeledVersion),
}

impl<'a> Store<'a> {
    pub(crate) fn of(secret: &'a SecretState) -> Self {
        match secret {
            SecretState::Deleted { since } => Self::Deleted { since: *since },
            SecretState::Replica { primary } => Self::Replica { primary },
            SecretState::Missing => Self::Missing,
            SecretState::Present(secret) => match &secret.current {
                None => Self::NoVersion(secret),
                Some(current) => Self::Current(secret, current),
            },
        }
    }
}

impl<'a> Store<'a> {
    /// Returns the secret, if there is one that can be written to.
    pub(crate) fn secret(self) -> Option<&'a Secret> {
        match self {
            Self::NoVersion(secret) | Self::Current(secret, _) => Some(secret),
            Self::Deleted { .. } | Self::Replica { .. } | Self::Missing => None,
        }
    }
}

/// Returns the secret, if there is one that can be written to.
pub(crate) fn usable(secret: &SecretState) -> Result<Option<&Secret>, Blocked> {
    match Store::of(secret) {
        Store::Deleted { since } => Err(Blocked::SecretDeleted { since }),
        Store::Replica { primary } => Err(Blocked::SecretIsReplica { primary: primary.to_owned() }),
        Store::Missing => Ok(None),
        Store::NoVersion(secret) | Store::Current(secret, _) => Ok(Some(secret)),
    }
}
