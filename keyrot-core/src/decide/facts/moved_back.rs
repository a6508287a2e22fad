//! Whether AWSCURRENT was moved back.

use crate::decide::facts::situation::Situation;
use crate::model::observed::{AccessKey, KeyStatus};

/// Whether AWSCURRENT was moved back from a newer key that is Active. keyrot does not move it
/// forward again: it verifies the current key, records that, so that every overlap starts again,
/// and leaves the rest to the operator.
#[derive(Clone, Copy)]
pub(crate) enum MovedBack<'a> {
    /// AWSCURRENT was not moved back.
    No,
    /// AWSCURRENT was moved back from this key.
    From(&'a AccessKey),
}

impl<'a> MovedBack<'a> {
    pub(crate) fn of(case: &Situation<'a>) -> Self {
        let current = case.current_listed();
        let newer = |key: &&AccessKey| {
            key.status == KeyStatus::Active
                && current.is_none_or(|current| current.created < key.created)
        };
        let left =
            case.secret.previous.as_ref().filter(|held| held.version != case.current.version);
        let from = left.and_then(|held| held.key()).and_then(|id| case.key(id)).filter(newer);
        let (Some(left), Some(from)) = (left, from) else { return Self::No };
        // If the operator revoked the current key afterwards, the current key has to be replaced
        // again. keyrot publishes no revoked key, so a revoked key that a rollback published was
        // revoked after the rollback.
        let since = case.promoted().map(|promoted| promoted.at);
        let way_back = || {
            [&case.current.version, &left.version].into_iter().any(|id| case.is_noted_for_later(id))
        };
        let revoked = case.current_key().and_then(|id| case.revoked_at(id));
        let left_again =
            || revoked.is_some_and(|at| since.is_some_and(|since| since < at) || way_back());
        if case.revoked_at(&from.id).is_some() || left_again() {
            Self::No
        } else {
            Self::From(from)
        }
    }
}
