//! What a person's request takes.

use super::belief::believed;
use super::situation::{Situation, in_use};
use super::{decide_for, home, moving, usable};
use crate::decide::decision::blocked::Blocked;
use crate::decide::decision::refusal::Refusal;
use crate::decide::decision::{Decision, Question, Step, Wait, Why};
use crate::model::home::{HomeTag, Residence, SecretArn};
use crate::model::journal::{JournalEntry, Phase, Promoted, Revoked};
use crate::model::names::{KeyId, VersionId};
use crate::model::observed::{AccessKey, KeyStatus, LabeledVersion, Observed, Secret, SecretState, Verified};
use crate::model::request::{Request, Revocation};
use crate::model::time::Timestamp;
use crate::model::version::Content;
use crate::model::waits::Policy;
use crate::model::waits::after;

/// Decides what a person's request takes now: one pure, total function, beside [`decide`](crate::decide::decide()).
///
/// # Expected flow
/// `Rollback`: `Act(Activate)` if the key is Inactive → `Look(Verified)` → `Write(promoted)`, for later than any run takes → `Promote` → `Write(promoted)`, for
/// now → `Done`. A key that is about to leave is noted down as `hold` first, and left for `settle`.
/// `Revoke`: `Write(revoked)` → whatever [`decide`](crate::decide::decide()) says, until a successor is in place and the key is Inactive → `Done`. The entry makes
/// [`decide`](crate::decide::decide()) take the key for due, and pass over its overlap and `quiet`; so a request that dies halfway is finished by the next run.
/// With `without_successor`, [`Rotation`](crate::machine::rotation::Rotation) deactivates the key and sees it Inactive before it looks at anything else; what is decided
/// here is what follows.
/// `Reinstate`: `Write(revoked)` without the key → `Done`.
/// `Leave`: `Write(moved)` → `Done`. `Move`, with the settings of the new place: `BindSecret` and `Write(moved)`, where a secret exists there that is not
/// the user's yet or was left once → `BindUser` → `Done`.
///
/// # Guarantees
/// - AWSCURRENT is only ever moved to a version whose credentials have authenticated in this very run, and never to a revoked key.
/// - A key is revoked only with a proved successor in place, and deleted only after its soak, unless the request says otherwise in so many words.
/// - What is refused has changed nothing. What ends otherwise may have: a key that was reactivated in vain stays Active until runs retire it again, and
///   `without_successor` deactivates the key even if nothing can be noted down of it.
///
/// # Assumptions
/// Those of [`decide`](crate::decide::decide()). And requests that contradict each other are not made within `settle` of each other: nothing stops one person from
/// revoking the key that another is just going back to.
#[must_use]
pub fn decide_request(seen: &Observed, request: &Request, policy: &Policy, now: Timestamp) -> Decision {
    // AWS's quarantine is why somebody is here.
    let quarantine = seen.quarantine.clone();
    let mut seen = Observed { quarantine: None, ..believed(seen, policy, now).into_owned() };
    // What this very run was asked for, and has written down, holds for it whatever became of the entry.
    if let (Some(ordered), SecretState::Present(secret)) = (&seen.ordered, &mut seen.secret)
        && secret.journal.revocation_of(&ordered.key).is_none_or(|noted| !noted.covers(ordered))
    {
        secret.journal.revoked.retain(|noted| noted.key != ordered.key);
        secret.journal.revoked.push(ordered.clone());
    }
    let seen = &seen;
    match request {
        Request::Rollback { to } => rollback(seen, to, policy, now),
        Request::Revoke(order) => revoke(seen, order, policy, now),
        Request::Bind => bind(seen, policy),
        Request::Leave { to } => moving::leave(seen, to, quarantine, policy, now),
        Request::Move { from } => moving::arrive(seen, from, policy, now),
        Request::Reinstate { key } => reinstate(seen, key, policy, now),
    }
}

/// Where there is no secret yet, the place alone is recorded: the user's first run creates it there, and nowhere else.
fn bind(seen: &Observed, policy: &Policy) -> Decision {
    let Residence { tag, place, .. } = &seen.residence;
    let decision = home::home(seen, policy);
    match (&seen.secret, tag) {
        (SecretState::Missing, HomeTag::Absent) => {
            decision.unwrap_or_else(|| Decision::Act(Step::BindUser(SecretArn::planned(place.clone()))))
        }
        _ => decision.unwrap_or(Decision::Done),
    }
}

/// What a request goes by that needs a secret of this user, here, with a current version.
fn with_current<'a>(seen: &'a Observed, policy: &'a Policy, now: Timestamp) -> Result<Situation<'a>, Decision> {
    if let Some(decision) = home::home(seen, policy) {
        return Err(decision);
    }
    let secret = usable(&seen.secret).map_err(Decision::Blocked)?.ok_or(Decision::Refused(Refusal::NothingCurrent))?;
    let current = secret.current.as_ref().ok_or(Decision::Refused(Refusal::NothingCurrent))?;
    Ok(Situation { seen, secret, current, policy, now, asked: None })
}

fn rollback(seen: &Observed, to: &KeyId, policy: &Policy, now: Timestamp) -> Decision {
    let case = match with_current(seen, policy, now) {
        Ok(case) => case,
        Err(decision) => return decision,
    };
    let Situation { secret, current, .. } = case;
    let unread = [Some(current), secret.previous.as_ref()].into_iter().flatten();
    if let Some(held) = unread.into_iter().find(|held| held.content == Content::Foreign) {
        return Decision::Look(Question::VersionContents(held.version.clone()));
    }
    if current.key() == Some(to) {
        return case.published_again();
    }
    let Some(previous) = secret.previous.as_ref().filter(|held| held.key() == Some(to)) else {
        return Decision::Refused(match case.key(to) {
            Some(_) => Refusal::NotBefore { key: to.clone() },
            None => no_such_key(seen, to),
        });
    };
    match case.key(to) {
        None => Decision::Refused(Refusal::Gone { key: to.clone() }),
        Some(_) if secret.journal.revoked_at(to).is_some() => {
            Decision::Refused(Refusal::WasRevoked { key: to.clone() })
        }
        Some(key) => case.way_back(previous, key),
    }
}

fn revoke(seen: &Observed, order: &Revocation, policy: &Policy, now: Timestamp) -> Decision {
    let key = &order.key;
    let listed = seen.keys.iter().find(|k| k.id == *key);
    let active = listed.filter(|k| k.status == KeyStatus::Active);
    if let Some(KeyStatus::Other(status)) = listed.map(|k| &k.status) {
        return Decision::Blocked(Blocked::UnknownStatus { key: key.clone(), status: status.clone() });
    }
    let present = if let SecretState::Present(secret) = &seen.secret { Some(secret) } else { None };
    let noted = present.and_then(|secret| secret.journal.revocation_of(key));
    if let Some(active) = active.filter(|_| order.only_if_unused)
        && let Some(decision) = in_use(seen, key, active.created, policy, now)
    {
        return match decision {
            Decision::Wait(Wait { why: Why::InUse { key, last_use }, .. }) if noted.is_none() => {
                Decision::Refused(Refusal::InUse { key, last_use })
            }
            decision => decision,
        };
    }
    // It was Inactive, and was reactivated since: what is noted down of that time must not count for its soak, whenever this run ends.
    let reactivated = (active.is_some() || seen.switched_off.as_ref() == Some(key))
        && present
            .and_then(|secret| secret.journal.phase_of(key))
            .is_some_and(|(phase, at)| phase == Phase::Inactive && noted.is_none_or(|noted| noted.at <= at));
    // Nothing has to be in place for this, so that it comes first.
    if order.without_successor && active.is_some() {
        return Decision::Act(Step::Deactivate(key.clone()));
    }
    let labelled = |secret: &Secret| {
        [&secret.current, &secret.pending, &secret.previous].into_iter().flatten().any(|held| held.key() == Some(key))
    };
    if listed.is_none() && noted.is_none() && !present.is_some_and(labelled) && !present.is_some_and(unread) {
        return Decision::Refused(no_such_key(seen, key));
    }
    if let Some(decision) = home::home(seen, policy) {
        return decision;
    }
    let secret = match usable(&seen.secret) {
        Ok(secret) => secret,
        Err(blocked) => return Decision::Blocked(blocked),
    };
    let needs_no_successor = order.without_successor || order.only_if_unused;
    let Some((secret, current)) = secret.and_then(|secret| Some((secret, secret.current.as_ref()?))) else {
        return match (listed, seen.keys.iter().find(|k| k.id != *key)) {
            (None, _) => Decision::Refused(no_such_key(seen, key)),
            (Some(_), Some(other)) if !needs_no_successor => no_room(key, other, secret),
            _ if secret.is_some() => Decision::Act(Step::PutPlaceholder),
            _ => Decision::Act(Step::CreateSecret),
        };
    };
    let case = Situation { seen, secret, current, policy, now, asked: Some(key) };
    if let Some(look) = case.foreign_version() {
        return look;
    }
    let is_current = current.key() == Some(key);
    if is_current && order.only_if_unused {
        return Decision::Refused(Refusal::IsCurrent { key: key.clone() });
    }
    match listed {
        // It may have been made just now, and not be listed yet; where use does not matter, the run finds that out.
        None if !is_current && noted.is_some() => {
            let settled = noted.map(|noted| case.settled_at(noted.at)).filter(|at| order.only_if_unused && now < *at);
            return settled.and_then(|at| case.wait(Why::Settling(key.clone()), Some(at))).unwrap_or(Decision::Done);
        }
        None if !is_current => return Decision::Refused(no_such_key(seen, key)),
        _ => {}
    }
    let in_the_way = case.in_the_way_of_a_successor(key);
    let weaker = noted.is_some_and(|noted| noted.only_if_unused && !order.only_if_unused);
    if noted.is_none() || weaker || reactivated {
        // That AWSCURRENT was moved back to this key comes before it is revoked, and is noted down in that order.
        if let Some(first @ (Decision::Act(_) | Decision::Look(_))) = case.rolled_back().filter(|_| is_current) {
            return first;
        }
        // So that a preview shows that no successor can be made.
        let makes_key = is_current && !needs_no_successor && seen.keys.len() < 2;
        if let Some(look @ Decision::Look(_)) = case.value_too_large().filter(|_| makes_key) {
            return look;
        }
        return match in_the_way {
            Some(other) if !needs_no_successor || (is_current && !order.without_successor) => {
                no_room(key, other, Some(secret))
            }
            _ => case.note_revoked(Revoked { key: key.clone(), at: now, only_if_unused: order.only_if_unused }),
        };
    }
    let replaced = !is_current && (current.key().is_some() || in_the_way.is_some());
    let stuck = is_current && in_the_way.is_some();
    match listed.filter(|k| k.status == KeyStatus::Inactive && (replaced || stuck)) {
        Some(listed) => case.end_of_revocation(listed, order.delete),
        None => decide_for(seen, Some(key), policy, now),
    }
}

/// Whether a version under AWSCURRENT or AWSPREVIOUS may hold any key.
fn unread(secret: &Secret) -> bool {
    [&secret.current, &secret.previous].into_iter().flatten().any(|held| held.content == Content::Foreign)
}

/// The key is taken out of the entry, and no other: it may be the thief who reactivated one.
fn reinstate(seen: &Observed, key: &KeyId, policy: &Policy, now: Timestamp) -> Decision {
    let case = match with_current(seen, policy, now) {
        Ok(case) => case,
        Err(decision) => return decision,
    };
    let Situation { secret, current, .. } = case;
    let known = case.key(key).is_some() || current.key() == Some(key);
    match secret.journal.revocation_of(key) {
        Some(_) => case.note_without(key, None),
        None if known => Decision::Done,
        None => Decision::Refused(no_such_key(seen, key)),
    }
}

fn no_such_key(seen: &Observed, key: &KeyId) -> Refusal {
    Refusal::NoSuchKey { key: key.clone(), keys: seen.keys.iter().map(|k| k.id.clone()).collect() }
}

fn no_room(key: &KeyId, other: &AccessKey, secret: Option<&Secret>) -> Decision {
    let noted = secret.is_some_and(|secret| secret.journal.revoked_at(&other.id).is_some());
    let revoked = noted && other.status == KeyStatus::Inactive;
    Decision::Refused(Refusal::NoRoom { key: key.clone(), other: other.id.clone(), revoked })
}

impl Situation<'_> {
    /// The key under AWSPREVIOUS, if it could be published again.
    pub(super) fn key_before(&self) -> Option<(&LabeledVersion, &AccessKey)> {
        let held = self.secret.previous.as_ref().filter(|held| held.version != self.current.version)?;
        let key = self.key(held.key()?)?;
        let usable = !matches!(key.status, KeyStatus::Other(_)) && self.secret.journal.revoked_at(&key.id).is_none();
        usable.then_some((held, key))
    }

    /// What was revoked before stays revoked, as long as it is there: it must not be published again in the place of this one.
    fn note_revoked(&self, order: Revoked) -> Decision {
        let key = order.key.clone();
        self.note_without(&key, Some(order))
    }

    /// The entry of what is revoked, without what it says of this key, and with this order in its place.
    fn note_without(&self, key: &KeyId, order: Option<Revoked>) -> Decision {
        let there = |id: &KeyId| self.key(id).is_some() || self.current.key() == Some(id);
        let mut all = self.secret.journal.revoked.clone();
        all.retain(|before| before.key != *key && there(&before.key));
        all.extend(order);
        Decision::Act(Step::Write(JournalEntry::Revoked(all)))
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

    /// What was current before is published again, once it is proved; another run may not be about to take it away.
    pub(super) fn way_back(&self, held: &LabeledVersion, key: &AccessKey) -> Decision {
        // Once it is noted down, nobody takes the key away without noting something else.
        let under_way = self.is_noted_for_later(&held.version);
        if let Some(decision) = self.about_to_leave(key).filter(|_| !under_way) {
            return decision;
        }
        match &key.status {
            KeyStatus::Active => {}
            KeyStatus::Inactive => return Decision::Act(Step::Activate(key.id.clone())),
            KeyStatus::Other(status) => {
                return Decision::Blocked(Blocked::UnknownStatus { key: key.id.clone(), status: status.clone() });
            }
        }
        let (from, to) = (self.current.version.clone(), held.version.clone());
        match self.proof(held) {
            None => Decision::Look(Question::Verification(to)),
            // What is left keeps AWSPENDING from its own promotion, and would be taken for a key that waits for its turn.
            Some(Verified::Works) if self.secret.pending.as_ref().is_some_and(|p| p.version == from) => {
                Decision::Act(Step::Unstage(from))
            }
            // Noted down before, and for later than any run takes: no note from long ago, of this version or of the one that is left, may vouch
            // for it when it comes back, whenever this run ends.
            Some(Verified::Works) if !under_way => {
                let replacing = self.current.key().cloned();
                let at = self.settled_at(self.now);
                Decision::Act(Step::Write(JournalEntry::Promoted(Promoted { version: to, replacing, at })))
            }
            Some(Verified::Works) => Decision::Act(Step::Promote { from, to }),
            Some(Verified::Unknown(reason)) => self.unverified(&key.id, reason),
            // What is refused has changed nothing; this has.
            Some(Verified::Refused(reason) | Verified::Wrong(reason))
                if self.seen.reactivated.as_ref() == Some(&key.id) =>
            {
                Decision::Blocked(Blocked::ReactivatedInVain { key: key.id.clone(), reason: reason.clone() })
            }
            Some(Verified::Refused(reason) | Verified::Wrong(reason)) => {
                Decision::Refused(Refusal::DoesNotWork { key: key.id.clone(), reason: reason.clone() })
            }
        }
    }

    /// Whether a way back to this version is under way, or was not noted down to its end: what is noted of it is for later than any run takes.
    pub(super) fn is_noted_for_later(&self, version: &VersionId) -> bool {
        let noted = self.secret.journal.promoted.as_ref();
        noted.is_some_and(|noted| noted.version == *version && self.now < noted.at)
    }

    /// Where the key's way out is about to go on (the overlap or the soak is over, or nearly), a run that has looked already may deactivate
    /// or delete it. It is noted down as kept, and left until such a run is over.
    fn about_to_leave(&self, key: &AccessKey) -> Option<Decision> {
        let waits = self.policy.waits();
        let soon = self.settled_at(self.now);
        let keep = || self.retire(&key.id, Phase::Hold);
        // What AWSCURRENT was moved back from is kept by every run that sees it so.
        let kept = self.current.key().and_then(|id| self.key(id)).is_some_and(|current| current.created < key.created);
        let promoted = self.promoted().map(|promoted| promoted.at);
        let settling = |at| self.wait(Why::Settling(key.id.clone()), Some(self.settled_at(at)));
        match (&key.status, self.secret.journal.phase_of(&key.id)) {
            (_, Some((Phase::Hold, at))) if self.now < self.settled_at(at) => settling(at),
            (KeyStatus::Active, Some((Phase::Hold, _)) | None) if kept => None,
            (KeyStatus::Active, Some((Phase::Hold, at)))
                if after(at.max(promoted.unwrap_or(at)), waits.overlap) <= soon =>
            {
                keep()
            }
            (KeyStatus::Active, Some((Phase::Retiring | Phase::Abandoned, at))) if self.now < self.settled_at(at) => {
                settling(at)
            }
            (KeyStatus::Active, Some((Phase::Retiring | Phase::Abandoned, _))) => keep(),
            (KeyStatus::Active, None) if self.promoted().is_some_and(|p| after(p.at, waits.overlap) <= soon) => keep(),
            // Also if somebody has just reactivated it: a run that looked before that does not know.
            (_, Some((Phase::Inactive, at))) if after(at, waits.soak) <= soon => keep(),
            _ => None,
        }
    }

    /// Until when a run that proved the revoked current key while it was staged may be about to promote it once more: were it to go back now, that
    /// run would see AWSCURRENT where it saw it before. No run promotes a staged key that is older than the current one.
    fn published_until(&self) -> Option<Timestamp> {
        let key = self.key(self.current.key()?).filter(|key| key.status == KeyStatus::Active)?;
        self.key_before().filter(|(_, before)| before.created <= key.created)?;
        let noted = || self.secret.journal.revoked_at(&key.id);
        Some(self.settled_at(self.promoted().map(|promoted| promoted.at).or_else(noted)?))
    }

    /// It is current: that is noted down, so that every overlap counts from here.
    fn published_again(&self) -> Decision {
        if self.promoted().is_some_and(|promoted| promoted.at <= self.now) {
            return Decision::Done;
        }
        let Some(key) = self.current.key().cloned() else { return Decision::Done };
        match self.proof(self.current) {
            None => Decision::Look(Question::Verification(self.current.version.clone())),
            Some(Verified::Works) => {
                let version = self.current.version.clone();
                let replacing = self.secret.previous.as_ref().and_then(LabeledVersion::key).cloned();
                Decision::Act(Step::Write(JournalEntry::Promoted(Promoted { version, replacing, at: self.now })))
            }
            Some(Verified::Unknown(reason)) => self.unverified(&key, reason),
            Some(Verified::Refused(reason) | Verified::Wrong(reason)) => {
                Decision::Blocked(Blocked::CurrentDoesNotWork { key, reason: reason.clone() })
            }
        }
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
