//! The key that an operator rolls back to, and the key whose revocation is taken back.

use crate::decide::facts::situation::Situation;
use crate::decide::facts::way_back::WayBack;
use crate::model::names::KeyId;
use crate::model::time::Timestamp;

/// The key that should be published again.
#[derive(Clone, Copy)]
pub(crate) enum RollbackProgress<'a> {
    /// The key is current, and an entry says so.
    Current,
    /// The key is current, but no entry says so yet, or its entry has a later time: every overlap
    /// has to count from now.
    CurrentUnrecorded,
    /// The key is not the previous one.
    NotBefore(&'a KeyId),
    /// There is no such key.
    NoSuchKey(&'a KeyId),
    /// The key is the previous one, was created minutes ago, and IAM does not list it yet.
    Unlisted { key: &'a KeyId, until: Timestamp },
    /// The key was the previous one, and is deleted.
    Gone(&'a KeyId),
    /// The key was revoked.
    Revoked(&'a KeyId),
    /// The key is the previous one.
    Before(WayBack<'a>),
}

impl<'a> RollbackProgress<'a> {
    pub(crate) fn of(case: &Situation<'a>, to: &'a KeyId) -> Self {
        if case.current_key() == Some(to) {
            let noted = case.promoted().is_some_and(|promoted| promoted.at <= case.now);
            return if noted { Self::Current } else { Self::CurrentUnrecorded };
        }
        match (case.secret.previous.as_ref().filter(|held| held.key() == Some(to)), case.key(to)) {
            (None, Some(_)) => Self::NotBefore(to),
            (None, None) => Self::NoSuchKey(to),
            (Some(_), None) => match case.unlisted_until(to) {
                Some(until) => Self::Unlisted { key: to, until },
                None => Self::Gone(to),
            },
            (Some(_), Some(_)) if case.revoked_at(to).is_some() => Self::Revoked(to),
            (Some(held), Some(key)) => Self::Before(WayBack::to(case, held, key)),
        }
    }
}

/// The key whose revocation should be taken back.
#[derive(Clone, Copy)]
pub(crate) enum Reinstated<'a> {
    /// The key is revoked. Only this key is removed from the entry: another one may have been
    /// reactivated by a thief.
    Revoked(&'a KeyId),
    /// The key is not revoked.
    NotRevoked,
    /// There is no such key.
    NoSuchKey(&'a KeyId),
}

impl<'a> Reinstated<'a> {
    pub(crate) fn of(case: &Situation<'a>, key: &'a KeyId) -> Self {
        if case.revoked_at(key).is_some() {
            Self::Revoked(key)
        } else if case.key(key).is_some()
            || case.current_key() == Some(key)
            || case.unlisted_until(key).is_some()
        {
            Self::NotRevoked
        } else {
            Self::NoSuchKey(key)
        }
    }
}
