//! The key of the current version, and its state in IAM.

use crate::decide::facts::situation::{Ask, Situation};
use crate::model::journal::Phase;
use crate::model::names::{KeyId, VersionId};
use crate::model::no_key::NoKey;
use crate::model::observed::{KeyStatus, Verified};
use crate::model::time::Timestamp;
use crate::model::version::Content;

/// The key that the current version holds.
#[derive(Clone, Copy)]
pub(crate) enum Current<'a> {
    /// No key: the version holds the placeholder.
    NoKey,
    /// No key: the version holds something else.
    HoldsOther(&'a VersionId, NoKey),
    /// The key was created or published minutes ago, and IAM does not list it as Active yet.
    Settling { key: &'a KeyId, until: Timestamp },
    /// The key is not Active, and was not revoked.
    Inactive(&'a KeyId),
    /// IAM does not list the key, and it was not revoked.
    Gone(&'a KeyId),
    /// The key is Active, and the journal had it as Inactive minutes ago. A revocation waits only
    /// if this run found that the key does not work, or could not find out.
    JustInactive { key: &'a KeyId, until: Timestamp },
    /// The key was revoked; its status does not matter.
    Revoked,
    /// The key is Active.
    Active,
}

impl<'a> Current<'a> {
    pub(crate) fn of(case: &Situation<'a>) -> Self {
        if let Content::ForeignOther(why) = case.current.content {
            return Self::HoldsOther(&case.current.version, why);
        }
        let Some(key) = case.current_key() else { return Self::NoKey };
        let revoked = case.revoked_at(key).is_some();
        match (case.key(key).map(|listed| &listed.status), created_until(case)) {
            (Some(KeyStatus::Active), _) => match case.phase_since_revoked(key) {
                Some((Phase::Inactive, at))
                    if let Some(until) = case.settles(at)
                        && !is_for_verification(case) =>
                {
                    Self::JustInactive { key, until }
                }
                _ if revoked => Self::Revoked,
                _ => Self::Active,
            },
            (Some(KeyStatus::Inactive), _) if revoked => Self::Revoked,
            (Some(KeyStatus::Inactive), _) => match published_until(case) {
                Some(until) => Self::Settling { key, until },
                None => Self::Inactive(key),
            },
            (Some(KeyStatus::Other(_)), _) => Self::Inactive(key),
            (None, Some(until)) => Self::Settling { key, until },
            (None, None) if revoked => Self::Revoked,
            (None, None) => Self::Gone(key),
        }
    }
}

/// Whether a revocation relies on the verification of the current key instead of the entry: anyone
/// who may write the entry could renew it and delay the revocation forever. No key is deactivated
/// or deleted before the current one was verified in that run.
fn is_for_verification(case: &Situation<'_>) -> bool {
    matches!(case.ask, Ask::Revoke(_))
        && matches!(case.verified(case.current), None | Some(Verified::Works))
}

/// Whether the key was created minutes ago, by the version's id: IAM may not list it yet.
fn created_until(case: &Situation<'_>) -> Option<Timestamp> {
    match case.current.content {
        Content::Key { created, .. } => case.settles(created),
        _ => None,
    }
}

/// Whether the key was verified and recorded minutes ago: IAM may not show yet that it was
/// reactivated before.
fn published_until(case: &Situation<'_>) -> Option<Timestamp> {
    let reactivated =
        case.secret.pending.as_ref().is_none_or(|pending| pending.version != case.current.version);
    case.settles(case.promoted().filter(|_| reactivated)?.at)
}
