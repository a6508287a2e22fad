//! How a key is retired: Active → (overlap, recent_use) → Inactive → (soak) → deleted.

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

/// The next key to retire: a revoked one, then one that the journal names. Only one is retired at a
/// time.
#[derive(Clone, Copy)]
pub(crate) enum Outgoing<'a> {
    /// There is no key to retire.
    Nobody,
    /// The current key was just revoked, and IAM may not show yet that it is Inactive: no other key
    /// may be deactivated now.
    BesideRevoked { current: &'a KeyId, until: Timestamp },
    /// The key was published, and no key has replaced it.
    Unreplaced(&'a AccessKey),
    /// keyrot does not know the key's status, and does not change the key.
    UnknownStatus { key: &'a KeyId, status: &'a str },
    /// Another run may be at work on the key, or IAM may not show yet that it is Inactive.
    Settling { key: &'a KeyId, until: Timestamp },
    /// The key is, or may be, needed.
    Needed(WhyKept<'a>),
    /// The key was published or revoked, and nothing needs it.
    Old(Old<'a>),
    /// The key was never published, and nothing should be using it.
    Stray(Stray<'a>),
    /// The key is Inactive.
    Inactive(Removal<'a>),
}

/// The recorded progress of retiring a key that was published or revoked. The current key has to
/// work before it is retired.
#[derive(Clone, Copy)]
pub(crate) enum Old<'a> {
    /// No entry of this run says that the key is about to be deactivated.
    Unrecorded(&'a KeyId),
    /// An entry has just been written, and another run may be about to publish the key.
    Settling { key: &'a KeyId, until: Timestamp },
    /// An entry says that the key is about to be deactivated, or that it is revoked.
    Noted(&'a KeyId),
}

/// What prevents deactivating a key that nothing should be using.
#[derive(Clone, Copy)]
pub(crate) enum Stray<'a> {
    /// The key was reactivated or used.
    Claimed(&'a KeyId),
    /// The versions of the secret were not read yet.
    Unasked,
    /// Nothing, but no entry says that the key is about to be deactivated. The phase of that entry
    /// depends on whether a version holds the key.
    Unrecorded { key: &'a KeyId, phase: Phase },
    /// Nothing.
    Noted(&'a KeyId),
}

/// What an Inactive key waits for until it is deleted.
#[derive(Clone, Copy)]
pub(crate) enum Removal<'a> {
    /// No entry says when the key became Inactive.
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
        .or_alarm(case)
    }

    /// While the current key is revoked and works, and nothing can replace it before this key is
    /// gone, a wait for this key is an alarm in a scheduled run.
    fn or_alarm(self, case: &Situation<'a>) -> Self {
        if !matches!(case.ask, Ask::Run) {
            return self;
        }
        let current = case.current_key().filter(|id| case.revoked_at(id).is_some());
        let Some(current) = current.and_then(|id| case.key(id)) else { return self };
        let alarm = || match case.seen.last_use.get(&current.id) {
            None => WhyKept::Unasked(&current.id),
            Some(last_use) => WhyKept::RevokedInUse { key: &current.id, last_use },
        };
        match self {
            _ if current.status != KeyStatus::Active => self,
            Self::Needed(WhyKept::Unasked(_))
            | Self::Inactive(Removal::Soaks(WhyKept::Unasked(_))) => self,
            Self::Needed(_) => Self::Needed(alarm()),
            Self::Inactive(Removal::Soaks(_)) => Self::Inactive(Removal::Soaks(alarm())),
            _ => self,
        }
    }

    /// Returns the key that the current one replaced, for an entry.
    pub(crate) fn replaced(self, case: &Situation<'a>) -> Option<&'a KeyId> {
        match Self::next(case) {
            Some(key) => replaced(case, key),
            None => case.previous_key().or(case.last_replaced()),
        }
    }

    /// Returns the next key to retire.
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
        // Only a version without a label explains the key: another run may have just verified it,
        // and may be about to publish it.
        let perhaps = !case.was_current(id) && case.is_own(key);
        if let Some(until) = case.settles(key.created).filter(|_| perhaps) {
            return Self::Settling { key: id, until };
        }
        let Some(promoted) =
            case.promoted().map(|promoted| promoted.at).or(order.map(|order| order.at))
        else {
            return Self::Unreplaced(key);
        };
        // Deactivating the key again does no harm, and a forged entry must not keep a key Active
        // that has to be revoked.
        let asked =
            matches!(case.ask, Ask::Revoke(asked) if asked.key == *id && !asked.only_if_unused);
        let since = match phase {
            // IAM's listing may not show yet that it is Inactive.
            Some((Phase::Inactive, at))
                if let Some(until) = case.settles(at).filter(|_| !asked) =>
            {
                return Self::Settling { key: id, until };
            }
            // The key was needed again, so the overlap starts again.
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
            // The revocation is enough, without another entry: an entry that cannot be written, or
            // a forged one, must not keep a revoked key Active.
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

    /// A stray key counts as lost, unless IAM has a use on record or the key is reactivated. It is
    /// not changed for `settle` before and after the journal entry, so that a run that still has it
    /// in memory is over: one that has verified it may be about to publish it. It is also not
    /// changed for `recent_use` after its creation, because a use may show up that late, and
    /// everything that marks the key as keyrot's own can be forged.
    fn stray(case: &Situation<'a>, key: &'a AccessKey) -> Self {
        let id = &key.id;
        let noted = match case.secret.journal.phase_of(id) {
            _ if let Some(until) = case.settles(key.created) => {
                return Self::Settling { key: id, until };
            }
            // If the key was just deactivated, IAM's listing may not show it yet.
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

/// Whether the key has no successor. A current key that was revoked and no longer works is no
/// successor. While there is only the placeholder, a revoked key stays until it is replaced, if
/// there is room for a new key.
fn has_no_successor(case: &Situation<'_>, key: &AccessKey) -> bool {
    match case.current_key() {
        Some(current) => {
            case.key(current).is_none_or(|current| current.status != KeyStatus::Active)
        }
        None if case.is(key, Role::Revoked) && !case.is_own(key) => {
            // IAM's listing may not show yet that it was just deactivated.
            let lags = matches!(case.phase_since_revoked(&key.id), Some((Phase::Inactive, at)) if case.settles(at).is_some());
            // The operator said that the key is unused, so it needs no replacement.
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
