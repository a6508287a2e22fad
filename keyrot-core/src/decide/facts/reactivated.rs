//! Whether a key was reactivated.

use crate::decide::facts::situation::{Ask, Role, Situation};
use crate::model::journal::Phase;
use crate::model::names::KeyId;
use crate::model::observed::{AccessKey, KeyStatus};

/// A key that is Inactive in the journal and Active in IAM. IAM's listing may lag, so a key counts
/// only after `settle`.
#[derive(Clone, Copy)]
pub(crate) enum Reactivated<'a> {
    /// There is none.
    Nothing,
    /// The key was revoked before it became Inactive. A thief with a leaked key may often
    /// reactivate it, so this is not a decision to keep the key.
    Revoked(&'a KeyId),
    /// The key was current before, and this is at least its second reactivation: something
    /// reactivates it whenever keyrot deactivates it.
    Again(&'a KeyId),
    /// The key is needed again.
    Kept(&'a KeyId),
}

impl<'a> Reactivated<'a> {
    pub(crate) fn of(case: &Situation<'a>) -> Self {
        let again = |key: &&AccessKey| {
            key.status == KeyStatus::Active
                && matches!(case.phase_since_revoked(&key.id), Some((Phase::Inactive, at)) if case.settles(at).is_none())
        };
        match case.seen.keys.iter().find(again) {
            None => Self::Nothing,
            Some(key) if case.revoked_at(&key.id).is_some() => match case.ask {
                // A revocation of another key does not wait for that either: the next run reports
                // it.
                Ask::Revoke(order) if order.key != key.id => Self::Nothing,
                _ => Self::Revoked(&key.id),
            },
            // A revocation of another key does not wait for that decision, and neither does a run
            // that finishes the revocation: a rollback may have reactivated this key.
            Some(key)
                if matches!(case.ask, Ask::Run)
                    && case.is(key, Role::Old)
                    && case.was_reactivated(&key.id)
                    && !case.is_revoking() =>
            {
                Self::Again(&key.id)
            }
            Some(key) => Self::Kept(&key.id),
        }
    }
}
