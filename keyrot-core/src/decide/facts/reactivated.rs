//! Whether a key was reactivated.

use crate::decide::facts::situation::{Ask, Role, Situation};
use crate::model::journal::Phase;
use crate::model::names::KeyId;
use crate::model::observed::{AccessKey, KeyStatus};

/// A key that the journal has as Inactive, and IAM as Active. IAM's listing may be behind for
/// `settle`: until then there is none.
#[derive(Clone, Copy)]
pub(crate) enum Reactivated<'a> {
    /// There is none.
    Nothing,
    /// It was revoked before it became Inactive. A thief with a leaked key may often reactivate it,
    /// so this is not a decision to keep the key.
    Revoked(&'a KeyId),
    /// It was current before, and was reactivated before, too: something does so whenever keyrot
    /// deactivates it.
    Again(&'a KeyId),
    /// It is needed again.
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
            // that finishes it: its rollback may have reactivated this one.
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
