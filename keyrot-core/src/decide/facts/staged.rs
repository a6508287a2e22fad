//! The version with the AWSPENDING label.

use crate::decide::facts::situation::Situation;
use crate::model::names::{KeyId, VersionId};
use crate::model::observed::{KeyStatus, Verified};
use crate::model::time::Timestamp;
use crate::model::version::Content;
use crate::model::waits::after;

/// The staged version: it has the AWSPENDING label, and not AWSCURRENT.
#[derive(Clone, Copy)]
pub(crate) enum Staged<'a> {
    /// There is none, or Secrets Manager staged it and orders the next steps itself.
    Nothing,
    /// The version was published before, or holds the current key: it must not be published again.
    Over(&'a VersionId),
    /// By its id or Secrets Manager's date, keyrot did not write the version, or it does not hold
    /// what its id says.
    Foreign(&'a VersionId),
    /// A journal entry says that its key was given up or revoked.
    GivenUp(&'a VersionId),
    /// IAM does not list its key, though it should by now.
    Gone(&'a VersionId),
    /// IAM does not list its key, which was created minutes ago.
    Settling { key: &'a KeyId, until: Timestamp },
    /// Another run staged the version, and the store's date was not compared with its id yet.
    Unasked,
    /// Its key is not Active, or a newer key is current.
    TooLate(&'a KeyId),
    /// This run has not verified the key yet.
    Unverified(&'a VersionId),
    /// The key works.
    Works(&'a VersionId),
    /// AWS could not be asked whether the key works.
    Unknown { key: &'a KeyId, reason: &'a str },
    /// The key is refused, as a new key may be for a while.
    Propagating { key: &'a KeyId, reason: &'a str, until: Timestamp },
    /// The key has been refused for too long.
    Refused(&'a KeyId),
}

impl<'a> Staged<'a> {
    pub(crate) fn of(case: &Situation<'a>) -> Self {
        let Some(staged) = case.staged() else { return Self::Nothing };
        let version = &staged.version;
        let published = case.was_published(staged);
        let own = !staged.content.is_foreign() || (case.secret.rotation_enabled && published);
        if own && (published || (staged.key().is_some() && staged.key() == case.current_key())) {
            return Self::Over(version);
        }
        let Content::Key { key, created, .. } = &staged.content else {
            return if case.secret.rotation_enabled {
                Self::Nothing
            } else {
                Self::Foreign(version)
            };
        };
        if case.secret.journal.phase_of(key).is_some() || case.revoked_at(key).is_some() {
            return Self::GivenUp(version);
        }
        let Some(listed) = case.key(key) else {
            return case
                .settles(*created)
                .map_or(Self::Gone(version), |until| Self::Settling { key, until });
        };
        if case.seen.staged_here.as_ref() != Some(version) {
            if case.seen.versions.is_none() {
                return Self::Unasked;
            }
            if !case.in_a_version(key) {
                return Self::Foreign(version);
            }
        }
        if listed.status != KeyStatus::Active || case.superseded(listed) {
            return Self::TooLate(key);
        }
        let until = after(*created, case.policy.waits().probe_limit);
        match case.verified(staged) {
            None => Self::Unverified(version),
            Some(Verified::Works) => Self::Works(version),
            Some(Verified::Unknown(reason)) => Self::Unknown { key, reason },
            Some(Verified::Wrong(_)) => Self::Foreign(version),
            Some(Verified::Refused(reason)) if case.now < until => {
                Self::Propagating { key, reason, until }
            }
            Some(Verified::Refused(_)) => Self::Refused(key),
        }
    }
}
