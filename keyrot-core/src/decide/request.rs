//! What a person's request takes.

use super::belief::believed;
use super::run::decide_for;
use super::situation::{Asked, Situation};
use super::{home, moving, revoke};
use crate::decide::decision::blocked::Blocked;
use crate::decide::decision::refusal::Refusal;
use crate::decide::decision::{Decision, Question, Step, Why};
use crate::decide::evidence::no_such_key;
use crate::model::home::{HomeTag, Residence, SecretArn};
use crate::model::journal::{JournalEntry, Phase, Promoted, Revoked};
use crate::model::names::{KeyId, VersionId};
use crate::model::observed::{AccessKey, KeyStatus, LabeledVersion, Observed, SecretState, Verified};
use crate::model::request::Request;
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
        Request::Rollback { to } => decide_for(seen, Asked::Rollback(to), policy, now),
        Request::Revoke(order) => revoke::revoke(seen, order, policy, now),
        Request::Bind => bind(seen, policy),
        Request::Leave { to } => moving::leave(seen, to, quarantine, policy, now),
        Request::Move { from } => moving::arrive(seen, from, policy, now),
        Request::Reinstate { key } => decide_for(seen, Asked::Reinstate(key), policy, now),
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

impl Situation<'_> {
    fn back_to(&self) -> Option<&KeyId> {
        if let Asked::Rollback(to) = self.asked { Some(to) } else { None }
    }

    /// The version that a rollback goes back to.
    fn version_to_go_back_to(&self) -> Option<&LabeledVersion> {
        let to = self.back_to()?;
        self.secret.previous.as_ref().filter(|held| held.key() == Some(to))
    }

    pub(super) fn unread_before_rollback(&self) -> Option<Decision> {
        let mut labels = [Some(self.current), self.secret.previous.as_ref()].into_iter().flatten();
        let unread = labels.find(|held| held.content == Content::Foreign)?;
        Some(Decision::Look(Question::VersionContents(unread.version.clone())))
    }

    pub(super) fn is_current_again(&self) -> Option<Decision> {
        (self.current.key() == self.back_to()).then(|| self.published_again())
    }

    pub(super) fn was_not_before(&self) -> Option<Decision> {
        let to = self.back_to()?;
        if self.version_to_go_back_to().is_some() {
            return None;
        }
        Some(Decision::Refused(match self.key(to) {
            Some(_) => Refusal::NotBefore { key: to.clone() },
            None => no_such_key(self.seen, to),
        }))
    }

    pub(super) fn is_gone(&self) -> Option<Decision> {
        let to = self.back_to()?;
        self.key(to).is_none().then(|| Decision::Refused(Refusal::Gone { key: to.clone() }))
    }

    pub(super) fn was_revoked(&self) -> Option<Decision> {
        let to = self.back_to()?;
        self.secret.journal.revoked_at(to)?;
        Some(Decision::Refused(Refusal::WasRevoked { key: to.clone() }))
    }

    pub(super) fn goes_back(&self) -> Option<Decision> {
        let held = self.version_to_go_back_to()?;
        Some(self.way_back(held, self.key(self.back_to()?)?))
    }

    /// The key is taken out of the entry, and no other: it may be the thief who reactivated one.
    pub(super) fn revocation_is_taken_back(&self) -> Option<Decision> {
        let Asked::Reinstate(key) = self.asked else { return None };
        self.secret.journal.revocation_of(key)?;
        Some(self.note_without(key, None))
    }

    pub(super) fn was_not_revoked(&self) -> Option<Decision> {
        let Asked::Reinstate(key) = self.asked else { return None };
        let known = self.key(key).is_some() || self.current.key() == Some(key);
        Some(if known { Decision::Done } else { Decision::Refused(no_such_key(self.seen, key)) })
    }

    /// The key under AWSPREVIOUS, if it could be published again.
    pub(super) fn key_before(&self) -> Option<(&LabeledVersion, &AccessKey)> {
        let held = self.secret.previous.as_ref().filter(|held| held.version != self.current.version)?;
        let key = self.key(held.key()?)?;
        let usable = !matches!(key.status, KeyStatus::Other(_)) && self.secret.journal.revoked_at(&key.id).is_none();
        usable.then_some((held, key))
    }

    /// The entry of what is revoked, without what it says of this key, and with this order in its place.
    pub(super) fn note_without(&self, key: &KeyId, order: Option<Revoked>) -> Decision {
        let there = |id: &KeyId| self.key(id).is_some() || self.current.key() == Some(id);
        let mut all = self.secret.journal.revoked.clone();
        all.retain(|before| before.key != *key && there(&before.key));
        all.extend(order);
        Decision::Act(Step::Write(JournalEntry::Revoked(all)))
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
}
