//! The way of a key that is to go: Active → (overlap, recent_use) → Inactive → (soak) → deleted.

use crate::decide::decision::Decision;
use crate::decide::decision::Step;
use crate::decide::facts::situation::{Ask, Role, Situation};
use crate::decide::facts::step_version::replaced;
use crate::decide::facts::why_kept::{WhyKept, own_verification};
use crate::model::journal::Phase;
use crate::model::names::KeyId;
use crate::model::observed::{AccessKey, KeyStatus, LastUse};
use crate::model::time::Timestamp;
use crate::model::waits::after;

/// The key whose turn it is to leave: a revoked one, then one that the journal names. One leaves at
/// a time.
#[derive(Clone, Copy)]
pub(crate) enum Outgoing<'a> {
    /// None is to leave now.
    Nobody,
    /// The current key was revoked just now, and IAM may not show yet that it is Inactive: then
    /// nothing takes the place of another.
    BesideRevoked { current: &'a KeyId, until: Timestamp },
    /// It was published, and no key is in its place.
    Unreplaced(&'a AccessKey),
    /// keyrot does not know its status, and does not change it.
    UnknownStatus { key: &'a KeyId, status: &'a str },
    /// Another run may be at work on it, or IAM may not show yet that it is Inactive.
    Settling { key: &'a KeyId, until: Timestamp },
    /// It is, or may be, needed.
    Needed(WhyKept<'a>),
    /// It was published or revoked, and nothing needs it.
    Old(Old<'a>),
    /// It was never published, and nobody should have it.
    Stray(Stray<'a>),
    /// It is Inactive.
    Inactive(Removal<'a>),
}

/// How far a key that was published or revoked is noted down as outgoing. What is current has to
/// work before it goes.
#[derive(Clone, Copy)]
pub(crate) enum Old<'a> {
    /// No entry says that it is about to be deactivated, or not in this run.
    Unrecorded(&'a KeyId),
    /// An entry says so since just now, and another run may be about to publish the key.
    Settling { key: &'a KeyId, until: Timestamp },
    /// An entry says so, or that it is revoked.
    Noted(&'a KeyId),
}

/// What speaks against deactivating a key that nobody should have.
#[derive(Clone, Copy)]
pub(crate) enum Stray<'a> {
    /// Somebody reactivated or used it.
    Claimed(&'a KeyId),
    /// Whether a version of the secret holds it was not asked yet.
    Unasked,
    /// Nothing, and no entry says that it is about to be deactivated. A version says that keyrot
    /// gave it up, or none does.
    Unrecorded { key: &'a KeyId, phase: Phase },
    /// Nothing.
    Noted(&'a KeyId),
}

/// How far an Inactive key is from being deleted.
#[derive(Clone, Copy)]
pub(crate) enum Removal<'a> {
    /// No entry says since when it is Inactive.
    Unrecorded(&'a KeyId),
    /// Its soak is not over.
    Soaks(WhyKept<'a>),
    /// Its soak is over.
    Over(&'a KeyId),
}

impl<'a> Outgoing<'a> {
    pub(crate) fn of(case: &Situation<'a>) -> Self {
        let Some(key) = Self::next(case) else { return Self::Nobody };
        let current = case.current_key();
        if let Some(current) = current
            && let Some(until) = case.revoked_at(current).and_then(|at| case.settles(at))
        {
            return Self::BesideRevoked { current, until };
        }
        let (id, old) = (&key.id, case.is(key, Role::Old));
        match (&key.status, current) {
            (_, None) if old => Self::Unreplaced(key),
            (KeyStatus::Other(status), _) => Self::UnknownStatus { key: id, status },
            (KeyStatus::Active, _) if old || case.is(key, Role::Revoked) => Self::old(case, key),
            (KeyStatus::Active, _) => Self::stray(case, key),
            (KeyStatus::Inactive, _) => Self::Inactive(Removal::of(case, key)),
        }
    }

    /// What the current key has replaced, where an entry is to say so.
    pub(crate) fn replaced(self, case: &Situation<'a>) -> Option<&'a KeyId> {
        match Self::next(case) {
            Some(key) => replaced(case, key),
            None => case.previous_key().or(case.last_replaced()),
        }
    }

    /// The key whose turn it is.
    pub(crate) fn next(case: &Situation<'a>) -> Option<&'a AccessKey> {
        let keys: Vec<&AccessKey> =
            case.outgoing().filter(|key| !has_no_successor(case, key)).collect();
        let revoked = keys.iter().find(|key| case.revoked_at(&key.id).is_some());
        let noted = || keys.iter().find(|key| case.secret.journal.phase_of(&key.id).is_some());
        revoked.or_else(noted).or(keys.first()).copied()
    }

    fn old(case: &Situation<'a>, key: &'a AccessKey) -> Self {
        let id = &key.id;
        let order = case.secret.journal.revocation_of(id);
        let phase = case.phase_since_revoked(id);
        // Only a version without a label speaks for it: another run may just have verified it, and
        // be about to publish it.
        let perhaps = !case.was_current(id) && case.is_own(key);
        if let Some(until) = case.settles(key.created).filter(|_| perhaps) {
            return Self::Settling { key: id, until };
        }
        let Some(promoted) =
            case.promoted().map(|promoted| promoted.at).or(order.map(|order| order.at))
        else {
            return Self::Unreplaced(key);
        };
        // To deactivate it again does no harm, and an entry that somebody forged keeps no key
        // Active that is to be revoked.
        let asked =
            matches!(case.ask, Ask::Revoke(asked) if asked.key == *id && !asked.only_if_unused);
        let since = match phase {
            // IAM's listing may not show yet that it is Inactive.
            Some((Phase::Inactive, at))
                if let Some(until) = case.settles(at).filter(|_| !asked) =>
            {
                return Self::Settling { key: id, until };
            }
            // Somebody needed it again. The overlap starts again.
            Some((Phase::Inactive | Phase::Hold, at)) => at.max(promoted),
            Some((Phase::Retiring | Phase::Abandoned, _)) | None => promoted,
        };
        // The overlap counts from the last destination that has the current key.
        let promoted = case.delivered_at().map_or(promoted, |at| at.max(promoted));
        let since = since.max(promoted);
        let overlap = after(since, case.overlap());
        let need = match order {
            None if case.now < overlap => Some(WhyKept::Overlap { key: id, until: overlap }),
            None => case
                .current_key()
                .and_then(|new| WhyKept::of_old(case, key, new, overlap, promoted)),
            Some(_) if !matches!(case.ask, Ask::Revoke(asked) if asked.key == *id) => {
                WhyKept::of_revoked(case, key, promoted)
            }
            Some(order) if order.only_if_unused => {
                WhyKept::of_use(case.seen, id, key.created, case.policy, case.now)
            }
            Some(_) => None,
        };
        if let Some(need) = need {
            return Self::Needed(need);
        }
        Self::Old(match phase {
            // The order says what is to become of it, and no other entry has to: neither one that
            // cannot be written nor one that somebody forged keeps a revoked key Active.
            _ if order.is_some() && !perhaps => Old::Noted(id),
            Some((Phase::Retiring, at)) if perhaps => match case.settles(at) {
                Some(until) => Old::Settling { key: id, until },
                None => Old::Noted(id),
            },
            Some((Phase::Retiring, at)) if case.now < after(at, case.policy.run_limit()) => {
                Old::Noted(id)
            }
            _ => Old::Unrecorded(id),
        })
    }

    /// A stray key is nobody's, unless a use is on record or somebody reactivates it. It is not
    /// changed for `settle` before and after the journal entry, so that a run that still has it in
    /// its hands is over: one that has verified it may be about to publish it. And for `recent_use`
    /// after it was created, because a use may not be on record sooner: everything that calls it
    /// keyrot's own can be forged.
    fn stray(case: &Situation<'a>, key: &'a AccessKey) -> Self {
        let id = &key.id;
        let noted = match case.secret.journal.phase_of(id) {
            _ if let Some(until) = case.settles(key.created) => {
                return Self::Settling { key: id, until };
            }
            // For one that was just deactivated, IAM's listing may not show it yet.
            Some((Phase::Inactive | Phase::Retiring | Phase::Abandoned, at))
                if let Some(until) = case.settles(at) =>
            {
                return Self::Settling { key: id, until };
            }
            Some((Phase::Inactive | Phase::Hold, _)) => return Self::Stray(Stray::Claimed(id)),
            Some((Phase::Retiring | Phase::Abandoned, _)) => true,
            None => false,
        };
        match case.seen.last_use.get(id) {
            None => return Self::Needed(WhyKept::Unasked(id)),
            Some(LastUse::Unknown(reason)) => {
                return Self::Needed(WhyKept::Unknown { key: id, reason });
            }
            Some(used @ LastUse::At { .. }) if !own_verification(case, key, used) => {
                return Self::Stray(Stray::Claimed(id));
            }
            Some(LastUse::At { .. } | LastUse::NoRecord) => {}
        }
        if case.seen.versions.is_none() {
            return Self::Stray(Stray::Unasked);
        }
        if let Some(need) = WhyKept::too_young(case, key) {
            return Self::Needed(need);
        }
        Self::Stray(match noted {
            true => Stray::Noted(id),
            false if case.in_a_version(id) => {
                Stray::Unrecorded { key: id, phase: Phase::Abandoned }
            }
            false => Stray::Unrecorded { key: id, phase: Phase::Retiring },
        })
    }
}

impl<'a> Removal<'a> {
    pub(crate) fn of(case: &Situation<'a>, key: &'a AccessKey) -> Self {
        match case.phase_since_revoked(&key.id) {
            Some((Phase::Inactive, at)) => {
                WhyKept::of_inactive(case, key, at).map_or(Self::Over(&key.id), Self::Soaks)
            }
            _ => Self::Unrecorded(&key.id),
        }
    }

    pub(crate) fn answer(&self, case: &Situation<'_>) -> Decision {
        match self {
            Self::Unrecorded(key) => case.note(key, Phase::Inactive),
            Self::Soaks(need) => need.answer(),
            Self::Over(key) => Decision::Act(Step::Delete((*key).clone())),
        }
    }
}

/// Where the current key was revoked and does not work any more, nothing takes another's place; and
/// a revoked key, while there is only the placeholder, stays until there is something in its place,
/// if there is room for that.
fn has_no_successor(case: &Situation<'_>, key: &AccessKey) -> bool {
    match case.current_key() {
        Some(current) => {
            case.key(current).is_none_or(|current| current.status != KeyStatus::Active)
        }
        None if case.is(key, Role::Revoked) && !case.is_own(key) => {
            // IAM's listing may not show yet that it was just deactivated.
            let lags = matches!(case.phase_since_revoked(&key.id), Some((Phase::Inactive, at)) if case.settles(at).is_some());
            // The operator said of it that nobody needs it: then nothing has to be in its place.
            let unneeded = case
                .secret
                .journal
                .revocation_of(&key.id)
                .is_some_and(|order| order.only_if_unused);
            (key.status == KeyStatus::Active && !lags && !unneeded) || case.seen.keys.len() < 2
        }
        None => false,
    }
}
