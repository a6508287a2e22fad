//! The key that an operator revokes.

use crate::decide::decision::refusal::Refusal;
use crate::decide::facts::next_key::Size;
use crate::decide::facts::situation::Situation;
use crate::decide::facts::why_kept::WhyKept;
use crate::model::journal::{Phase, Revoked};
use crate::model::names::{KeyId, VersionId};
use crate::model::observed::{
    AccessKey, KeyStatus, LabeledVersion, LastUse, Observed, Secret, SecretState,
};
use crate::model::request::Revocation;
use crate::model::time::Timestamp;
use crate::model::version::Content;
use crate::model::waits::WaitPolicy;

/// The key to revoke, from IAM and the labels, before it is known whether the secret can be used.
#[derive(Clone, Copy)]
pub(crate) enum RevocationTarget<'a> {
    /// keyrot does not know the key's status, and does not change the key.
    UnknownStatus { key: &'a KeyId, status: &'a str },
    /// The key should be revoked only if it is unused, and it is in use. Nothing has been changed
    /// yet.
    InUse { key: &'a KeyId, last_use: &'a LastUse },
    /// The key should be revoked only if it is unused, and it may be in use.
    Needed(WhyKept<'a>),
    /// The key is Active, and needs no successor.
    NeedsNoSuccessor(&'a KeyId),
    /// Neither IAM nor the secret has the key.
    NoSuchKey(&'a KeyId),
    /// The secret has the key, and IAM does not.
    Unlisted(&'a KeyId),
    /// IAM has the key and another one, which leaves no room for a successor. The secret has no
    /// version yet.
    NoRoom { key: &'a KeyId, other: &'a AccessKey },
    /// IAM has the key.
    Listed,
}

impl<'a> RevocationTarget<'a> {
    pub(crate) fn of(
        seen: &'a Observed,
        order: &'a Revocation,
        policy: &WaitPolicy,
        now: Timestamp,
    ) -> Self {
        let key = &order.key;
        let secret =
            if let SecretState::Present(secret) = &seen.secret { Some(secret) } else { None };
        let noted = secret.is_some_and(|secret| secret.journal.revocation_of(key).is_some());
        let Some(listed) = seen.keys.iter().find(|listed| listed.id == *key) else {
            let known = noted || secret.is_some_and(|secret| may_hold(secret, key));
            return if known { Self::Unlisted(key) } else { Self::NoSuchKey(key) };
        };
        let need = || WhyKept::of_use(seen, key, listed.created, policy, now);
        match &listed.status {
            KeyStatus::Other(status) => return Self::UnknownStatus { key, status },
            KeyStatus::Active
                if order.only_if_unused
                    && let Some(need) = need() =>
            {
                return match need {
                    WhyKept::InUse { key, last_use, .. } if !noted => Self::InUse { key, last_use },
                    need => Self::Needed(need),
                };
            }
            KeyStatus::Active if order.without_successor => return Self::NeedsNoSuccessor(key),
            KeyStatus::Active | KeyStatus::Inactive => {}
        }
        match seen.keys.iter().find(|other| other.id != *key) {
            Some(other) if needs_successor(order) => Self::NoRoom { key, other },
            _ => Self::Listed,
        }
    }
}

/// Whether a labeled version holds the key, or has not been read and may hold it.
fn may_hold(secret: &Secret, key: &KeyId) -> bool {
    let holds = |held: &LabeledVersion| held.key() == Some(key);
    let readable = [&secret.current, &secret.previous];
    [&secret.current, &secret.pending, &secret.previous].into_iter().flatten().any(holds)
        || readable.into_iter().flatten().any(|held| held.content == Content::Foreign)
}

fn needs_successor(order: &Revocation) -> bool {
    !order.without_successor && !order.only_if_unused
}

/// The progress of the key's revocation.
#[derive(Clone, Copy)]
pub(crate) enum Revoking<'a> {
    /// The key is current, and should be revoked only if it is unused.
    CurrentIfUnused(&'a KeyId),
    /// IAM does not list the key, it is not current, and no entry says that it was revoked.
    NoSuchKey(&'a KeyId),
    /// IAM does not list the key, and it may have just been created. If it was revoked, and its use
    /// does not matter, the run asks IAM instead of waiting.
    Settling { key: &'a KeyId, until: Timestamp },
    /// The key was revoked, and IAM does not list it.
    Gone,
    /// No entry says that the key is revoked, or the entry asks for less than the request, or is
    /// older than the key's reactivation.
    Unrecorded { current: bool, next: BeforeEntry<'a> },
    /// The key is revoked and Inactive, and no entry says since when.
    InactiveUnrecorded(&'a KeyId),
    /// The key is revoked and Inactive, and an entry says so. Another key replaced it, or none can.
    Inactive { key: &'a KeyId, replaced: bool, delete: bool },
    /// The key is revoked, and a scheduled run does the rest.
    Noted,
}

/// What a revocation needs before its entry is written.
#[derive(Clone, Copy)]
pub(crate) enum BeforeEntry<'a> {
    /// The size of the next value is not known yet: a preview shows whether a successor can be
    /// created.
    SizeUnasked(&'a VersionId),
    /// The key has to be replaced, and another key leaves no room.
    NoRoom { key: &'a KeyId, other: &'a AccessKey },
    /// Nothing.
    Ready(&'a Revocation),
}

impl<'a> Revoking<'a> {
    pub(crate) fn of(case: &Situation<'a>, order: &'a Revocation) -> Self {
        let key = &order.key;
        let noted = case.secret.journal.revocation_of(key);
        let current = case.current_key() == Some(key);
        if current && order.only_if_unused {
            return Self::CurrentIfUnused(key);
        }
        let listed = case.key(key);
        if listed.is_none() && !current {
            return match noted.map(|noted| case.settles(noted.at)) {
                None => match case.unlisted_until(key) {
                    Some(until) => Self::Settling { key, until },
                    None => Self::NoSuchKey(key),
                },
                Some(Some(until)) if order.only_if_unused => Self::Settling { key, until },
                Some(_) => Self::Gone,
            };
        }
        let stuck = in_the_way(case, key);
        if !noted.is_some_and(|noted| stands(case, order, noted)) {
            let makes_key = current && needs_successor(order) && case.seen.keys.len() < 2;
            let next = match (Size::of(case), stuck) {
                (Size::Unasked, _) if makes_key => BeforeEntry::SizeUnasked(&case.current.version),
                (_, Some(other))
                    if needs_successor(order) || (current && !order.without_successor) =>
                {
                    BeforeEntry::NoRoom { key, other }
                }
                _ => BeforeEntry::Ready(order),
            };
            return Self::Unrecorded { current, next };
        }
        let replaced = !current && case.current_key().is_some();
        match listed.map(|listed| &listed.status) {
            Some(KeyStatus::Inactive) if replaced || stuck.is_some() => {
                match case.phase_since_revoked(key) {
                    Some((Phase::Inactive, _)) => {
                        Self::Inactive { key, replaced, delete: order.delete }
                    }
                    _ => Self::InactiveUnrecorded(key),
                }
            }
            _ => Self::Noted,
        }
    }
}

/// Whether the entry matches the request.
fn stands(case: &Situation<'_>, order: &Revocation, noted: &Revoked) -> bool {
    let key = &order.key;
    // This run has written the entry.
    let just_written = case.seen.ordered.as_ref().is_some_and(|ordered| ordered.key == *key);
    let active = case.key(key).is_some_and(|listed| listed.status == KeyStatus::Active);
    // The key was Inactive, and was reactivated since. The old entry must not count for its soak,
    // no matter when this run ends.
    let reactivated = (active || case.seen.switched_off.as_ref() == Some(key))
        && matches!(case.secret.journal.phase_of(key), Some((Phase::Inactive, at)) if noted.at <= at);
    let weaker = noted.only_if_unused && !order.only_if_unused;
    !weaker && (just_written || !reactivated)
}

/// Returns the other key, if it leaves no room for a successor of this one, and cannot be the
/// successor itself.
fn in_the_way<'a>(case: &Situation<'a>, key: &KeyId) -> Option<&'a AccessKey> {
    if case.seen.keys.len() < 2 || case.current_key().is_some_and(|current| current != key) {
        return None;
    }
    let other = case.seen.keys.iter().find(|listed| listed.id != *key)?;
    let id = Some(&other.id);
    let staged =
        case.staged().and_then(LabeledVersion::key) == id && other.status == KeyStatus::Active;
    let before = case.key_before().map(|(_, key)| &key.id) == id;
    (!staged && !before && case.seen.in_hand.as_ref() != id).then_some(other)
}

/// The request is refused: the other key leaves no room.
pub(crate) fn no_room(key: &KeyId, other: &AccessKey, secret: Option<&Secret>) -> Refusal {
    let noted = secret.is_some_and(|secret| secret.journal.revoked_at(&other.id).is_some());
    let revoked = noted && other.status == KeyStatus::Inactive;
    Refusal::NoRoom { key: key.clone(), other: other.id.clone(), revoked }
}
