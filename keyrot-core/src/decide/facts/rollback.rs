//! The key that an operator rolls back to, and the one whose revocation is taken back.

use crate::decide::facts::situation::Situation;
use crate::decide::facts::way_back::WayBack;
use crate::model::names::KeyId;
use crate::model::time::Timestamp;

/// The key that is to be published again.
#[derive(Clone, Copy)]
pub(crate) enum RollbackProgress<'a> {
    /// It is current, and an entry says so.
    Current,
    /// It is current, but no entry says so yet, or one with a later time does: every overlap has to
    /// count from now.
    CurrentUnrecorded,
    /// It is not the previous key.
    NotBefore(&'a KeyId),
    /// There is no such key.
    NoSuchKey(&'a KeyId),
    /// It is the previous key, was created minutes ago, and IAM does not list it yet.
    Unlisted { key: &'a KeyId, until: Timestamp },
    /// It was the previous key, and is deleted.
    Gone(&'a KeyId),
    /// It was revoked.
    Revoked(&'a KeyId),
    /// It is the previous key.
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

/// The key whose revocation is to be taken back.
#[derive(Clone, Copy)]
pub(crate) enum Reinstated<'a> {
    /// It is revoked. Only this key is removed from the entry: another one may have been
    /// reactivated by a thief.
    Revoked(&'a KeyId),
    /// It is not revoked.
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
