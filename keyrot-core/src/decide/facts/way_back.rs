//! The way back to the previous key: for an operator's rollback, and for a run whose current key
//! was revoked and leaves no room for another.

use crate::decide::answer::{settling, unknown_status, unverified, verify, write};
use crate::decide::decision::{Decision, Step};
use crate::decide::facts::outgoing::Removal;
use crate::decide::facts::situation::Situation;
use crate::model::journal::{JournalEntry, Phase, Promoted};
use crate::model::names::KeyId;
use crate::model::observed::{AccessKey, KeyStatus, LabeledVersion, Verified};
use crate::model::time::Timestamp;
use crate::model::waits::after;
use std::time::Duration;

/// The progress of publishing the previous version again.
#[derive(Clone, Copy)]
pub(crate) enum WayBack<'a> {
    /// There is a next step.
    Open { held: &'a LabeledVersion, key: &'a KeyId, next: WayBackStep<'a> },
    /// The key does not work. This run may have reactivated the key.
    Fails { key: &'a KeyId, reason: &'a str, reactivated: bool },
}

/// The next step of a way back.
#[derive(Clone, Copy)]
pub(crate) enum WayBackStep<'a> {
    /// Another run may still be about to deactivate or delete the key.
    Settling(Timestamp),
    /// Such a run may begin soon, so the key is first recorded as kept.
    Keep,
    /// The key is Inactive, or was until minutes ago, and IAM's listing may not show it yet.
    Inactive,
    /// keyrot does not know its status, and does not change it.
    UnknownStatus(&'a str),
    /// This run has not verified it yet.
    Unverified,
    /// AWS could not be asked whether it works.
    Unknown(&'a str),
    /// The key works, but the version that loses AWSCURRENT has AWSPENDING from its own promotion:
    /// it would look like a key that is waiting to be published.
    Unstage,
    /// The key works, and no entry says that it is about to be published.
    Unrecorded,
    /// The key works, and the entry is written.
    Ready,
}

impl<'a> WayBack<'a> {
    pub(crate) fn to(case: &Situation<'a>, held: &'a LabeledVersion, key: &'a AccessKey) -> Self {
        // Once the key is recorded as kept, no run deactivates or deletes it without writing
        // another entry.
        let under_way = case.is_noted_for_later(&held.version);
        let open = |next| Self::Open { held, key: &key.id, next };
        if let Some(next) = about_to_leave(case, key).filter(|_| !under_way) {
            return open(next);
        }
        match &key.status {
            KeyStatus::Active if just_deactivated(case, key) => return open(WayBackStep::Inactive),
            KeyStatus::Active => {}
            KeyStatus::Inactive => return open(WayBackStep::Inactive),
            KeyStatus::Other(status) => return open(WayBackStep::UnknownStatus(status)),
        }
        let pending = case.secret.pending.as_ref();
        match case.verified(held) {
            None => open(WayBackStep::Unverified),
            Some(Verified::Unknown(reason)) => open(WayBackStep::Unknown(reason)),
            Some(Verified::Refused(reason) | Verified::Wrong(reason)) => Self::Fails {
                key: &key.id,
                reason,
                reactivated: case.seen.reactivated.as_ref() == Some(&key.id),
            },
            Some(Verified::Works)
                if pending.is_some_and(|staged| staged.version == case.current.version) =>
            {
                open(WayBackStep::Unstage)
            }
            Some(Verified::Works) if !under_way => open(WayBackStep::Unrecorded),
            Some(Verified::Works) => open(WayBackStep::Ready),
        }
    }
}

impl WayBackStep<'_> {
    pub(crate) fn answer(
        &self,
        case: &Situation<'_>,
        held: &LabeledVersion,
        key: &KeyId,
    ) -> Decision {
        let (from, to) = (&case.current.version, &held.version);
        match *self {
            Self::Settling(until) => settling(key, until),
            Self::Keep => case.note(key, Phase::Hold),
            Self::Inactive => Decision::Act(Step::Activate(key.clone())),
            Self::UnknownStatus(status) => unknown_status(key, status),
            Self::Unverified => verify(to),
            Self::Unknown(reason) => unverified(key, reason),
            Self::Unstage => Decision::Act(Step::Unstage(from.clone())),
            // With a time later than any run lasts. Wherever this run ends, no old entry for this
            // version, or for the one that loses AWSCURRENT, may vouch for a version that comes
            // back.
            Self::Unrecorded => write(JournalEntry::Promoted(Promoted {
                version: to.clone(),
                replacing: case.current_key().cloned(),
                at: case.settled_at(case.now),
                overlap: Some(case.policy.waits().overlap),
            })),
            Self::Ready => case.publish(to),
        }
    }
}

/// Whether keyrot has just recorded that the key is Inactive, so IAM's listing may still show it as
/// Active. Reactivating an Active key changes nothing, so the entry can be trusted here.
fn just_deactivated(case: &Situation<'_>, key: &AccessKey) -> bool {
    let noted = case.secret.journal.phase_of(&key.id);
    case.seen.reactivated.as_ref() != Some(&key.id)
        && matches!(noted, Some((Phase::Inactive, at)) if case.settles(at).is_some())
}

/// Returns the step that protects a key whose overlap or soak is over or nearly over. A run that
/// has already read everything may deactivate or delete such a key, so it is recorded as kept, and
/// not changed until that run must be over.
fn about_to_leave<'a>(case: &Situation<'a>, key: &AccessKey) -> Option<WayBackStep<'a>> {
    let soon = case.settled_at(case.now);
    // No run retires the key that AWSCURRENT was moved back from.
    let kept = case.current_listed().is_some_and(|current| current.created < key.created);
    let promoted = case.promoted().map(|promoted| promoted.at);
    // The other run may have shorter settings: the shorter of these and the recorded ones counts.
    let (waits, retired) = (case.policy.waits(), case.secret.journal.retired.as_ref());
    let shorter =
        |noted: Option<Duration>, set: Duration| noted.map_or(set, |noted| noted.min(set));
    let overlap = shorter(case.promoted().and_then(|promoted| promoted.overlap), waits.overlap);
    let soak = retired.filter(|noted| noted.key == key.id).and_then(|noted| noted.soak);
    let soak = shorter(soak, waits.soak);
    let ends_soon = |since| after(since, overlap) <= soon;
    match (&key.status, case.secret.journal.phase_of(&key.id)) {
        (_, Some((Phase::Hold, at))) if let Some(until) = case.settles(at) => {
            Some(WayBackStep::Settling(until))
        }
        (KeyStatus::Active, Some((Phase::Hold, _)) | None) if kept => None,
        (KeyStatus::Active, Some((Phase::Hold, at)))
            if ends_soon(promoted.map_or(at, |since| since.max(at))) =>
        {
            Some(WayBackStep::Keep)
        }
        (KeyStatus::Active, Some((Phase::Retiring | Phase::Abandoned, at))) => {
            Some(case.settles(at).map_or(WayBackStep::Keep, WayBackStep::Settling))
        }
        (KeyStatus::Active, None) if promoted.is_some_and(ends_soon) => Some(WayBackStep::Keep),
        // This also applies if the key was just reactivated: a run that read it before does not
        // know that.
        (_, Some((Phase::Inactive, at))) if after(at, soak) <= soon => Some(WayBackStep::Keep),
        _ => None,
    }
}

/// Whether the current key was revoked while the user has no room for another.
#[derive(Clone, Copy)]
pub(crate) enum Stuck<'a> {
    /// It was not revoked, or there is room, or nothing makes room yet.
    No,
    /// A run that verified the current key while it was staged may be about to publish it again: if
    /// AWSCURRENT were moved back now, that run would find the label where it read it.
    Settling { key: &'a KeyId, until: Timestamp },
    /// The previous key replaces it.
    GoesBack(WayBack<'a>),
    /// There is no previous key, and the current one is Inactive: it makes room.
    Removed(Removal<'a>),
}

impl<'a> Stuck<'a> {
    pub(crate) fn of(case: &Situation<'a>) -> Self {
        let revoked = case.current_key().filter(|id| case.revoked_at(id).is_some());
        let Some(key) = revoked.and_then(|id| case.key(id)).filter(|_| case.seen.keys.len() >= 2)
        else {
            return Self::No;
        };
        match case.key_before() {
            Some((held, before)) => match published_until(case, key, before) {
                Some(until) if !case.is_noted_for_later(&held.version) => {
                    Self::Settling { key: &key.id, until }
                }
                _ => Self::GoesBack(WayBack::to(case, held, before)),
            },
            None if key.status == KeyStatus::Inactive => Self::Removed(Removal::of(case, key)),
            None => Self::No,
        }
    }
}

/// No run publishes a staged key that is older than the current one.
fn published_until(
    case: &Situation<'_>,
    current: &AccessKey,
    before: &AccessKey,
) -> Option<Timestamp> {
    if current.status != KeyStatus::Active || before.created > current.created {
        return None;
    }
    let noted = || case.revoked_at(&current.id);
    case.settles(case.promoted().map(|promoted| promoted.at).or_else(noted)?)
}
