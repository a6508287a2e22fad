//! What it takes to revoke a key.

use super::situation::{Asked, Situation};
use super::table::{self, BeforeSecret};
use crate::decide::decision::blocked::Blocked;
use crate::decide::decision::refusal::Refusal;
use crate::decide::decision::{Decision, Step, Why};
use crate::decide::evidence::no_such_key;
use crate::decide::revoking::{Revoking, no_room};
use crate::model::journal::{JournalEntry, Phase, Revoked};
use crate::model::names::KeyId;
use crate::model::observed::{AccessKey, KeyStatus, LabeledVersion, Observed};
use crate::model::request::Revocation;
use crate::model::time::Timestamp;
use crate::model::waits::Policy;

/// Decides what a revocation takes now: first what needs no secret, then what its entry takes, and then what a scheduled run would do.
pub(super) fn revoke(seen: &Observed, order: &Revocation, policy: &Policy, now: Timestamp) -> Decision {
    if let Some((_, decision)) = before_secret(seen, order, policy, now) {
        return decision;
    }
    let revoking = Revoking { seen, order, policy, now };
    match revoking.present().and_then(|secret| Some((secret, secret.current.as_ref()?))) {
        Some((secret, current)) => {
            table::decide(&Situation { seen, secret, current, policy, now, asked: Asked::Revoke(order) })
        }
        None => revoking.without_a_version(),
    }
}

/// The rule that applies before the secret is used, and its answer.
pub(super) fn before_secret(
    seen: &Observed,
    order: &Revocation,
    policy: &Policy,
    now: Timestamp,
) -> Option<(BeforeSecret, Decision)> {
    let revoking = Revoking { seen, order, policy, now };
    BeforeSecret::ALL.iter().find_map(|rule| Some((*rule, rule.ask(&revoking)?)))
}

/// How far the entry of a revocation has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    /// There is none, or it asks for less, or was written before the key was reactivated.
    Missing,
    /// It stands.
    Written,
}

impl<'a> Situation<'a> {
    fn order(&self) -> Option<&'a Revocation> {
        if let Asked::Revoke(order) = self.asked { Some(order) } else { None }
    }

    fn is_current(&self, order: &Revocation) -> bool {
        self.current.key() == Some(&order.key)
    }

    fn entry(&self, order: &Revocation) -> Entry {
        let key = &order.key;
        let Some(noted) = self.secret.journal.revocation_of(key) else { return Entry::Missing };
        let active = self.key(key).is_some_and(|listed| listed.status == KeyStatus::Active);
        // It was Inactive, and was reactivated since: what is noted down of that time must not count for its soak, whenever this run ends.
        let reactivated = (active || self.seen.switched_off.as_ref() == Some(key))
            && matches!(self.secret.journal.phase_of(key), Some((Phase::Inactive, at)) if noted.at <= at);
        let weaker = noted.only_if_unused && !order.only_if_unused;
        if weaker || reactivated { Entry::Missing } else { Entry::Written }
    }

    fn without_entry(&self) -> Option<&'a Revocation> {
        self.order().filter(|order| self.entry(order) == Entry::Missing)
    }

    pub(super) fn revokes_current_if_unused(&self) -> Option<Decision> {
        let order = self.order().filter(|order| order.only_if_unused && self.is_current(order))?;
        Some(Decision::Refused(Refusal::IsCurrent { key: order.key.clone() }))
    }

    /// It may have been created just now, and not be listed yet; where use does not matter, the run finds that out.
    pub(super) fn revokes_unlisted(&self) -> Option<Decision> {
        let order = self.order().filter(|order| !self.is_current(order))?;
        let key = &order.key;
        if self.key(key).is_some() {
            return None;
        }
        let Some(noted) = self.secret.journal.revocation_of(key) else {
            return Some(Decision::Refused(no_such_key(self.seen, key)));
        };
        let settled = self.settled_at(noted.at);
        let settling = order.only_if_unused && self.now < settled;
        if settling { self.wait(Why::Settling(key.clone()), Some(settled)) } else { Some(Decision::Done) }
    }

    /// That AWSCURRENT was moved back to this key comes before it is revoked, and is noted down in that order.
    pub(super) fn rolled_back_before_revoked(&self) -> Option<Decision> {
        self.without_entry().filter(|order| self.is_current(order))?;
        self.rolled_back().filter(|first| matches!(first, Decision::Act(_) | Decision::Look(_)))
    }

    /// A preview shows that no successor can be created.
    pub(super) fn next_value_before_revoked(&self) -> Option<Decision> {
        let order = self.without_entry().filter(|order| self.is_current(order))?;
        let makes_key = !order.without_successor && !order.only_if_unused && self.seen.keys.len() < 2;
        self.value_too_large().filter(|look| makes_key && matches!(look, Decision::Look(_)))
    }

    pub(super) fn no_room_for_successor(&self) -> Option<Decision> {
        let order = self.without_entry()?;
        let other = self.in_the_way_of_a_successor(&order.key)?;
        let needs_successor = !order.without_successor && !order.only_if_unused;
        let refused = needs_successor || (self.is_current(order) && !order.without_successor);
        refused.then(|| no_room(&order.key, other, Some(self.secret)))
    }

    /// What was revoked before stays revoked, as long as it is there: it must not be published again in the place of this one.
    pub(super) fn revocation_is_not_noted(&self) -> Option<Decision> {
        let Revocation { key, only_if_unused, .. } = self.without_entry()?;
        let entry = Revoked { key: key.clone(), at: self.now, only_if_unused: *only_if_unused };
        Some(self.note_without(key, Some(entry)))
    }

    pub(super) fn revoked_is_inactive(&self) -> Option<Decision> {
        let order = self.order()?;
        let inactive = self.key(&order.key).filter(|key| key.status == KeyStatus::Inactive)?;
        let stuck = self.in_the_way_of_a_successor(&order.key).is_some();
        let replaced = !self.is_current(order) && self.current.key().is_some();
        (replaced || stuck).then(|| self.end_of_revocation(inactive, order.delete))
    }

    /// The other key, where it leaves no room for a successor of this one, and cannot be one itself.
    fn in_the_way_of_a_successor(&self, key: &KeyId) -> Option<&AccessKey> {
        if self.seen.keys.len() < 2 || self.current.key().is_some_and(|current| current != key) {
            return None;
        }
        let other = self.seen.keys.iter().find(|k| k.id != *key)?;
        let id = Some(&other.id);
        let staged = self.staged().and_then(LabeledVersion::key) == id && other.status == KeyStatus::Active;
        let before = self.key_before().map(|(_, key)| &key.id) == id;
        (!staged && !before && self.seen.in_hand.as_ref() != id).then_some(other)
    }

    /// The revoked key is Inactive: the soak counts from the note of it, unless the key is to be deleted at once.
    fn end_of_revocation(&self, key: &AccessKey, delete: bool) -> Decision {
        let noted = matches!(self.phase_since_revoked(&key.id), Some((Phase::Inactive, _)));
        if !noted {
            let note = crate::model::journal::Retired { key: key.id.clone(), phase: Phase::Inactive, at: self.now };
            return Decision::Act(Step::Write(JournalEntry::Retired(note)));
        }
        // What took its place is noted down for those who will delete the key.
        let replaced = self.current.key().is_some_and(|current| current != &key.id);
        if let Some(decision) = self.unverified_current().filter(|_| replaced) {
            return decision;
        }
        if !delete {
            return Decision::Done;
        }
        let unproven =
            self.current.key().filter(|current| **current != key.id).and_then(|_| self.successor_not_in_place(key));
        unproven.unwrap_or_else(|| Decision::Act(Step::Delete(key.id.clone())))
    }

    /// Until when a run that proved the revoked current key while it was staged may be about to promote it again: were it to go back now, that
    /// run would see AWSCURRENT where it saw it before. No run promotes a staged key that is older than the current one.
    fn published_until(&self) -> Option<Timestamp> {
        let key = self.key(self.current.key()?).filter(|key| key.status == KeyStatus::Active)?;
        self.key_before().filter(|(_, before)| before.created <= key.created)?;
        let noted = || self.secret.journal.revoked_at(&key.id);
        Some(self.settled_at(self.promoted().map(|promoted| promoted.at).or_else(noted)?))
    }

    /// What is current was revoked, and there is no room for a new key: the key before takes its place again. Where there is none, the revoked
    /// key makes room once it is Inactive.
    pub(super) fn revoked_current(&self) -> Option<Decision> {
        let id = self.current.key()?;
        self.secret.journal.revoked_at(id)?;
        let key = self.key(id).filter(|_| self.seen.keys.len() >= 2)?;
        let under_way = self.key_before().is_some_and(|(held, _)| self.is_noted_for_later(&held.version));
        if let Some(until) = self.published_until().filter(|until| self.now < *until && !under_way) {
            return self.wait(Why::Settling(id.clone()), Some(until));
        }
        match self.key_before() {
            Some((held, before)) => Some(match self.way_back(held, before) {
                Decision::Refused(Refusal::DoesNotWork { key, reason })
                | Decision::Blocked(Blocked::ReactivatedInVain { key, reason }) => {
                    Decision::Blocked(Blocked::NoWayBack { key, reason })
                }
                decision => decision,
            }),
            None if key.status == KeyStatus::Inactive => self.delete_after_soak(key),
            None => None,
        }
    }
}
