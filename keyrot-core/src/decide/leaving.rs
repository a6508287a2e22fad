//! The way of a key that is to go: Active → (overlap, quiet) → Inactive → (soak) → deleted.

use super::situation::{Asked, Role, Situation, in_use};
use crate::decide::decision::blocked::Blocked;
use crate::decide::decision::{Decision, Question, Step, Wait, Why};
use crate::model::journal::{JournalEntry, Phase, Promoted};
use crate::model::names::KeyId;
use crate::model::observed::{AccessKey, KeyStatus, LastUse, Verified};
use crate::model::waits::after;

impl Situation<'_> {
    /// The key whose turn it is to leave: a revoked one, then one that the journal names. One leaves at a time.
    fn next_to_leave(&self) -> Option<&AccessKey> {
        let noted = |key: &&AccessKey| self.secret.journal.phase_of(&key.id).is_some();
        let revoked = |key: &&AccessKey| self.secret.journal.revoked_at(&key.id).is_some();
        let leaving = || self.leaving().filter(|key| !self.has_no_successor(key));
        leaving().find(revoked).or_else(|| leaving().find(noted)).or_else(|| leaving().next())
    }

    /// IAM's listing may not show yet that the current key, which was revoked, does not work anymore: then nothing takes the place of another.
    pub(super) fn leaves_beside_revoked(&self) -> Option<Decision> {
        self.next_to_leave()?;
        let current = self.current.key()?;
        let settled = self.settled_at(self.secret.journal.revoked_at(current)?);
        if self.now < settled { self.wait(Why::Settling(current.clone()), Some(settled)) } else { None }
    }

    pub(super) fn leaves_without_successor(&self) -> Option<Decision> {
        let key = self.next_to_leave()?;
        let replaced = self.role(key) == Role::Old || self.current.key().is_some();
        if replaced { self.successor_not_in_place(key) } else { None }
    }

    pub(super) fn leaves_with_unknown_status(&self) -> Option<Decision> {
        let key = self.next_to_leave()?;
        let KeyStatus::Other(status) = &key.status else { return None };
        Some(Decision::Blocked(Blocked::UnknownStatus { key: key.id.clone(), status: status.clone() }))
    }

    pub(super) fn old_key_leaves(&self) -> Option<Decision> {
        let key = self.next_to_leave().filter(|key| key.status == KeyStatus::Active)?;
        if matches!(self.role(key), Role::Old | Role::Revoked) { self.retire_old(key) } else { None }
    }

    pub(super) fn stray_key_leaves(&self) -> Option<Decision> {
        let key = self.next_to_leave().filter(|key| key.status == KeyStatus::Active)?;
        if matches!(self.role(key), Role::Old | Role::Revoked) { None } else { self.retire_stray(key) }
    }

    pub(super) fn inactive_key_leaves(&self) -> Option<Decision> {
        let key = self.next_to_leave().filter(|key| key.status == KeyStatus::Inactive)?;
        self.delete_after_soak(key)
    }

    /// Where the current key was revoked and does not work any more, nothing takes another's place; and a revoked key, while there is only the
    /// placeholder, stays until there is something in its place, if there is room for that.
    fn has_no_successor(&self, key: &AccessKey) -> bool {
        match self.current.key() {
            Some(current) => self.key(current).is_none_or(|current| current.status != KeyStatus::Active),
            None if self.role(key) == Role::Revoked && !self.is_own(key) => {
                // IAM's listing may not show yet that it was just deactivated.
                let lags = matches!(self.phase_since_revoked(&key.id), Some((Phase::Inactive, at)) if self.now < self.settled_at(at));
                // A person said of it that nobody needs it: then nothing has to be in its place.
                let unneeded = self.secret.journal.revocation_of(&key.id).is_some_and(|order| order.only_if_unused);
                (key.status == KeyStatus::Active && !lags && !unneeded) || self.seen.keys.len() < 2
            }
            None => false,
        }
    }

    /// No old key is touched without stored proof that its successor works and is in place. Where the note is missing (a run died, or
    /// somebody else wrote or moved the current version) the credentials are tried, and the overlap starts now.
    pub(super) fn successor_not_in_place(&self, leaving: &AccessKey) -> Option<Decision> {
        let before = || self.secret.journal.promoted.as_ref().and_then(|p| p.replacing.clone());
        let version = self.current.version.clone();
        if self.current.key().is_none() {
            // The placeholder again: what was noted down of a successor is over, also if it comes back.
            if self.promoted().is_none() {
                return self.write(JournalEntry::Promoted(Promoted { version, replacing: before(), at: self.now }));
            }
            let (from, to) = (leaving.id.clone(), None);
            return Some(Decision::Blocked(Blocked::RolledBack { from, to }));
        }
        let replacing = if self.role(leaving) == Role::Old { Some(leaving.id.clone()) } else { before() };
        self.not_promoted(replacing)
    }

    /// Where no journal entry says that the current version was verified and put there, the credentials are verified, and that is noted down.
    pub(super) fn not_promoted(&self, replacing: Option<KeyId>) -> Option<Decision> {
        if self.promoted().is_some() {
            return None;
        }
        let version = self.current.version.clone();
        let noted = || self.write(JournalEntry::Promoted(Promoted { version, replacing, at: self.now }));
        self.successor_not_verified().or_else(noted)
    }

    /// Whoever may write the secret can write the entry too, so that nothing that cannot be undone is done on its word alone: what is current
    /// has to authenticate in this very run.
    pub(super) fn successor_not_verified(&self) -> Option<Decision> {
        let key = self.current.key()?.clone();
        match self.proof(self.current) {
            None => Some(Decision::Look(Question::Verification(self.current.version.clone()))),
            Some(Verified::Works) => None,
            Some(Verified::Refused(reason) | Verified::Wrong(reason)) => {
                Some(Decision::Blocked(Blocked::CurrentDoesNotWork { key, reason: reason.clone() }))
            }
            Some(Verified::Unknown(reason)) => Some(self.unverified(&key, reason)),
        }
    }

    pub(super) fn retire_old(&self, key: &AccessKey) -> Option<Decision> {
        // Only a version without a label speaks for it: another run may just have proved it, and be about to promote it.
        let perhaps = !self.was_current(&key.id) && self.is_own(key);
        if perhaps && self.now < self.settled_at(key.created) {
            return self.wait(Why::Settling(key.id.clone()), Some(self.settled_at(key.created)));
        }
        let revoked = self.secret.journal.revocation_of(&key.id);
        let promoted = self.promoted().map(|promoted| promoted.at).or(revoked.map(|order| order.at))?;
        let phase = self.phase_since_revoked(&key.id);
        let since = match phase {
            // IAM's listing may not show yet that it is Inactive.
            Some((Phase::Inactive, at)) if self.now < self.settled_at(at) => {
                return self.wait(Why::Settling(key.id.clone()), Some(self.settled_at(at)));
            }
            // It was Inactive and is not any more: a person needs it. The overlap starts again. (A revoked one blocks: see `decide`.)
            Some((Phase::Inactive, _)) => return self.retire(&key.id, Phase::Hold),
            Some((Phase::Hold, at)) => at.max(promoted),
            Some((Phase::Retiring | Phase::Abandoned, _)) | None => promoted,
        };
        let overlap = after(since, self.policy.waits().overlap);
        if self.now < overlap && revoked.is_none() {
            return self.wait(Why::Overlap(key.id.clone()), Some(overlap));
        }
        let in_use = match revoked {
            None => self.still_needed(key, overlap, promoted),
            Some(order) if order.only_if_unused => in_use(self.seen, &key.id, key.created, self.policy, self.now),
            Some(_) if matches!(self.asked, Asked::Revoke(order) if order.key == key.id) => None,
            Some(_) => self.revoked_and_in_use(key),
        };
        in_use.or_else(|| self.successor_not_verified()).or_else(|| match phase {
            // The order says what is to become of it, and no other entry has to: neither one that cannot be written nor one that somebody forged
            // keeps a revoked key Active.
            _ if revoked.is_some() && !perhaps => Some(Decision::Act(Step::Deactivate(key.id.clone()))),
            Some((Phase::Retiring, at)) if perhaps && self.now < self.settled_at(at) => {
                self.wait(Why::Settling(key.id.clone()), Some(self.settled_at(at)))
            }
            Some((Phase::Retiring, at)) if perhaps || self.now < after(at, self.policy.run_limit()) => {
                Some(Decision::Act(Step::Deactivate(key.id.clone())))
            }
            _ => self.retire(&key.id, Phase::Retiring),
        })
    }

    /// The entry that a key is revoked can be forged. In a run that nobody asked for it, a key that somebody uses is kept, loudly.
    fn revoked_and_in_use(&self, key: &AccessKey) -> Option<Decision> {
        let until = |when| after(when, self.policy.waits().quiet);
        match self.seen.last_use.get(&key.id) {
            None => Some(Decision::Look(Question::LastUse(key.id.clone()))),
            Some(LastUse::Unknown(reason)) => {
                self.wait(Why::UseUnknown { key: key.id.clone(), reason: reason.clone() }, None)
            }
            Some(LastUse::NoRecord) => self.too_young(key),
            Some(LastUse::At { when, .. }) if until(*when) <= self.now => None,
            Some(used) if self.own_verification(key, used) => self.too_young(key),
            // keyrot itself verified it lately, or somebody asks STS alone.
            Some(used @ LastUse::At { when, service, .. }) if service == "sts" => {
                self.wait(Why::InUse { key: key.id.clone(), last_use: used.clone() }, Some(until(*when)))
            }
            Some(used) => {
                let (key, last_use) = (key.id.clone(), used.clone());
                Some(Decision::Blocked(Blocked::RevokedKeyInUse { key, last_use }))
            }
        }
    }

    /// Of a key younger than `quiet`, that no use is on record says nothing: IAM shows a use hours late.
    fn too_young(&self, key: &AccessKey) -> Option<Decision> {
        let until = after(key.created, self.policy.waits().quiet);
        if until <= self.now { None } else { self.wait(Why::NoRecord(key.id.clone()), Some(until)) }
    }

    /// A stray key is nobody's, unless a use is on record or somebody reactivates it. It is not changed for `settle` before and after the
    /// journal entry, so that a run that still has it in its hands is over: one that has verified it may be about to promote it. And for
    /// `quiet` after it was created, because a use may not be on record sooner: everything that calls it keyrot's own can be forged.
    pub(super) fn retire_stray(&self, key: &AccessKey) -> Option<Decision> {
        let settled = self.settled_at(key.created);
        if self.now < settled {
            return self.wait(Why::Settling(key.id.clone()), Some(settled));
        }
        let phase = self.secret.journal.phase_of(&key.id);
        match phase {
            // For one that was just deactivated, IAM's listing may not show it yet.
            Some((Phase::Inactive, at)) if self.now < self.settled_at(at) => {
                return self.wait(Why::Settling(key.id.clone()), Some(self.settled_at(at)));
            }
            Some((Phase::Inactive | Phase::Hold, _)) => {
                return Some(Decision::Blocked(Blocked::ClaimedKey { key: key.id.clone() }));
            }
            Some((Phase::Retiring | Phase::Abandoned, at)) if self.now < self.settled_at(at) => {
                return self.wait(Why::Settling(key.id.clone()), Some(self.settled_at(at)));
            }
            Some((Phase::Retiring | Phase::Abandoned, _)) | None => {}
        }
        match self.seen.last_use.get(&key.id) {
            None => return Some(Decision::Look(Question::LastUse(key.id.clone()))),
            Some(LastUse::Unknown(reason)) => {
                return self.wait(Why::UseUnknown { key: key.id.clone(), reason: reason.clone() }, None);
            }
            Some(used @ LastUse::At { .. }) if !self.own_verification(key, used) => {
                return Some(Decision::Blocked(Blocked::ClaimedKey { key: key.id.clone() }));
            }
            Some(LastUse::At { .. } | LastUse::NoRecord) => {}
        }
        if self.seen.versions.is_none() {
            return Some(Decision::Look(Question::Versions));
        }
        if let Some(wait) = self.too_young(key) {
            return Some(wait);
        }
        let own = self.in_a_version(&key.id);
        match phase {
            Some(_) => Some(Decision::Act(Step::Deactivate(key.id.clone()))),
            None if own => self.retire(&key.id, Phase::Abandoned),
            None => self.retire(&key.id, Phase::Retiring),
        }
    }

    pub(super) fn delete_after_soak(&self, key: &AccessKey) -> Option<Decision> {
        match self.phase_since_revoked(&key.id) {
            Some((Phase::Inactive, at)) => {
                let soak = self.policy.waits().soak;
                let wait = |since| {
                    let until = after(since, soak);
                    (self.now < until)
                        .then(|| Decision::Wait(Wait { why: Why::Soak(key.id.clone()), until: Some(until) }))
                };
                // Whatever the entry says: a key that was used was Active then.
                let used = || match self.seen.last_use.get(&key.id) {
                    None => Some(Decision::Look(Question::LastUse(key.id.clone()))),
                    Some(LastUse::Unknown(reason)) => {
                        self.wait(Why::UseUnknown { key: key.id.clone(), reason: reason.clone() }, None)
                    }
                    Some(LastUse::At { when, .. }) => wait(*when),
                    Some(LastUse::NoRecord) => wait(key.created),
                };
                let delete = Decision::Act(Step::Delete(key.id.clone()));
                wait(at).or_else(used).or_else(|| self.successor_gone(key)).or(Some(delete))
            }
            _ => self.retire(&key.id, Phase::Inactive),
        }
    }

    /// What took the key's place has to authenticate in this run before the key is gone for good.
    fn successor_gone(&self, key: &AccessKey) -> Option<Decision> {
        if self.current.key() == Some(&key.id) { None } else { self.successor_not_verified() }
    }
}
