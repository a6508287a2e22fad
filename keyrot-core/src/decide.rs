//! The decision: one pure, total function from what is seen of a user to what is to be done.

use crate::policy::after;
use crate::{
    AccessKey, Blocked, Content, Decision, Evidence, Held, Intent, KeyId, KeyStatus, LastUse, Note, Observed, Phase,
    Policy, Promoted, Proof, Question, Retired, Secret, SecretState, Step, Timestamp, Wait, Why,
};
use std::time::Duration;

/// How far `now` may be from AWS's clock.
const SKEW: Duration = Duration::from_secs(300);

/// Decides what is to be done for a user: one pure, total function.
///
/// # Expected flow
/// A user whose key is due goes, one answer at a time, through
/// `Write(intent)` → `CreateKey` → `Stage` → `Look(Proof)` → `Promote` → `Write(promoted)` → `Wait(Overlap)`; days later, in other runs, through
/// `Look(LastUse)` → `Write(retiring)` → a fresh look at everything → `Deactivate` → `Write(inactive)` → `Wait(Soak)`, and at last `Delete`.
/// A user without a secret first gets one, with a placeholder. A run that dies anywhere is taken up by the next, from what it left behind.
///
/// # Guarantees
/// - AWSCURRENT is only ever moved to a version whose credentials have authenticated in this very run.
/// - A key that was current is deactivated only `overlap` after a stored note says that its successor was proved and is in place, and only on
///   IAM's word that it was not used within `quiet`. No answer is never that word.
/// - A key is deleted only `soak` after a stored note says that it was seen Inactive, and only while it is Inactive.
/// - A key that no version, no note and no intent explains is never changed: the user is blocked.
/// - One key is on its way out at a time, and no key is made before it is gone.
///
/// # Assumptions
/// - `seen` was read within the run limit (half of `settle`) before the answer is acted upon, and for `Deactivate` and `Delete` there was no
///   change by this run in between; [`Rotation`](crate::Rotation) sees to both.
/// - `now` is within five minutes of AWS's clock; SigV4 refuses requests beyond that.
/// - Where IAM's answer does not say it, nothing is known: a use within the last hours may not be on record yet.
#[must_use]
pub fn decide(seen: &Observed, policy: &Policy, now: Timestamp) -> Decision {
    if let Some(policy) = seen.quarantine.clone() {
        return Decision::Blocked(Blocked::Quarantined { policy });
    }
    let secret = match &seen.secret {
        SecretState::Present(secret) => secret,
        SecretState::Missing => return first_contact(seen, Step::CreateSecret),
        SecretState::Deleted { since } => return Decision::Blocked(Blocked::SecretDeleted { since: *since }),
        SecretState::Replica { primary } => {
            return Decision::Blocked(Blocked::SecretIsReplica { primary: primary.clone() });
        }
    };
    let Some(current) = &secret.current else {
        return first_contact(seen, Step::PutPlaceholder);
    };
    let case = Case { seen, secret, current, policy, now };
    case.foreign_version()
        .or_else(|| case.broken_current())
        .or_else(|| case.unknown_keys())
        .or_else(|| case.key_in_hand())
        .or_else(|| case.staged_once_more())
        .or_else(|| case.rolled_back())
        .or_else(|| case.staged_key())
        .or_else(|| case.leaving_key())
        .or_else(|| case.rotation_due())
        .unwrap_or_else(|| case.settled())
}

/// There is no version yet: the placeholder comes first, because a secret's first version gets AWSCURRENT whatever was asked for.
/// With two keys already there, nobody could say which one may go.
fn first_contact(seen: &Observed, step: Step) -> Decision {
    if seen.keys.len() < 2 { Decision::Act(step) } else { with_evidence(seen, seen.keys.iter()) }
}

/// Blocks on keys that nothing explains, once their last use has been asked for: a person needs it to decide.
fn with_evidence<'a>(seen: &Observed, keys: impl Iterator<Item = &'a AccessKey>) -> Decision {
    let mut evidence = Vec::new();
    for key in keys {
        let Some(last_use) = seen.last_use.get(&key.id).cloned() else {
            return Decision::Look(Question::LastUse(key.id.clone()));
        };
        evidence.push(Evidence { key: key.id.clone(), created: key.created, last_use });
    }
    Decision::Blocked(Blocked::UnknownKeys(evidence))
}

/// What a key is to the rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Stands under AWSCURRENT.
    Current,
    /// Made by this run and not staged yet.
    InHand,
    /// Stands under AWSPENDING.
    Staged,
    /// Was current, may have been, or was the user's only key when keyrot came: it leaves after the overlap, once unused.
    Old,
    /// keyrot's own, and never current: an abandoned one, or one whose maker's reply was lost. Nobody has its secret.
    Stray,
    /// The user's only key while the secret still holds the placeholder: it stays until a successor is in place.
    InPlace,
    /// No label and no note explains it; whether a version without a label does, was not asked yet.
    Unexplained,
    /// Nothing explains it.
    Unknown,
}

struct Case<'a> {
    seen: &'a Observed,
    secret: &'a Secret,
    current: &'a Held,
    policy: &'a Policy,
    now: Timestamp,
}

impl Case<'_> {
    /// A version that somebody else wrote has to be looked into before anything can be said.
    fn foreign_version(&self) -> Option<Decision> {
        let staged = self.secret.pending.as_ref();
        let previous = self.secret.previous.as_ref().filter(|_| self.keys_beside_current() > 0);
        let unread = [Some(self.current), staged, previous]
            .into_iter()
            .flatten()
            .find(|held| held.content == Content::Foreign)?;
        Some(Decision::Look(Question::Inside(unread.version.clone())))
    }

    /// AWSCURRENT has to be the placeholder or an Active key, or a person has to look.
    fn broken_current(&self) -> Option<Decision> {
        let blocked = |why| Some(Decision::Blocked(why));
        if self.current.content == Content::ForeignOther {
            return blocked(Blocked::SecretHoldsOther { version: self.current.version.clone() });
        }
        let key = self.current.key()?.clone();
        match self.key(&key).map(|k| &k.status) {
            Some(KeyStatus::Active) => None,
            Some(_) => blocked(Blocked::CurrentKeyInactive { key }),
            None => match self.current.content {
                Content::Key { created, .. } if self.now < self.settled_at(created) => {
                    self.wait(Why::Settling(key), Some(self.settled_at(created)))
                }
                _ => blocked(Blocked::CurrentKeyGone { key }),
            },
        }
    }

    /// Keys that nothing explains are never changed, and stand in the way of everything else.
    fn unknown_keys(&self) -> Option<Decision> {
        if self.keys_as(Role::Unexplained).next().is_some() {
            return Some(Decision::Look(Question::Versions));
        }
        let mut unknown = self.keys_as(Role::Unknown).peekable();
        unknown.peek()?;
        Some(with_evidence(self.seen, unknown))
    }

    /// The key that this run has just made is staged before anything else: until then only this process has its secret.
    fn key_in_hand(&self) -> Option<Decision> {
        let key = self.keys_as(Role::InHand).next()?;
        if key.status != KeyStatus::Active {
            return None;
        }
        let carry = self.current.content.extras().then(|| self.current.version.clone());
        Some(Decision::Act(Step::Stage { carry }))
    }

    /// Somebody moved AWSCURRENT away from what is still under AWSPENDING. It comes off, so that no run makes it current once more, whatever
    /// happens to AWSCURRENT after that.
    fn staged_once_more(&self) -> Option<Decision> {
        let staged = self.staged()?;
        let over = self.was_published(staged) || (staged.key().is_some() && staged.key() == self.current.key());
        (over && !staged.content.is_foreign()).then(|| Decision::Act(Step::Unstage(staged.version.clone())))
    }

    /// Somebody moved AWSCURRENT back from a newer key that still works. keyrot does not move it forward again: it makes sure that what is
    /// current works, and notes it down, so that every overlap counts anew, and leaves the rest to that person.
    fn rolled_back(&self) -> Option<Decision> {
        let current = self.current.key().and_then(|id| self.key(id));
        let newer = |key: &&AccessKey| {
            key.status == KeyStatus::Active && current.is_none_or(|current| current.created < key.created)
        };
        let left = self.secret.previous.as_ref().filter(|held| held.version != self.current.version)?;
        let from = left.key().and_then(|id| self.key(id)).filter(newer)?;
        let blocked = Blocked::RolledBack { from: from.id.clone(), to: self.current.key().cloned() };
        self.successor_not_in_place(from).or(Some(Decision::Blocked(blocked)))
    }

    /// A staged key is proved and promoted, or abandoned: noted down as leaving first, so that it stays explained, then taken off AWSPENDING.
    fn staged_key(&self) -> Option<Decision> {
        let staged = self.staged()?;
        let Content::Key { key, created, .. } = &staged.content else {
            return Some(Decision::Blocked(Blocked::ForeignPending { version: staged.version.clone() }));
        };
        let give_up = self.secret.journal.phase_of(key).is_some();
        let unstage = Some(Decision::Act(Step::Unstage(staged.version.clone())));
        let Some(listed) = self.key(key) else {
            return if give_up || self.now >= self.settled_at(*created) {
                unstage
            } else {
                self.wait(Why::Settling(key.clone()), Some(self.settled_at(*created)))
            };
        };
        if give_up {
            return unstage;
        }
        if listed.status != KeyStatus::Active || self.superseded(listed) {
            return self.retire(key, Phase::Abandoned);
        }
        let limit = after(*created, self.policy.waits().probe_limit);
        match self.proof(staged) {
            None => Some(Decision::Look(Question::Proof(staged.version.clone()))),
            Some(Proof::Proven) => {
                Some(Decision::Act(Step::Promote { from: self.current.version.clone(), to: staged.version.clone() }))
            }
            Some(Proof::Refused(_)) if self.now < limit => self.wait(Why::Propagation(key.clone()), Some(limit)),
            Some(Proof::Refused(_) | Proof::Wrong(_)) => self.retire(key, Phase::Abandoned),
        }
    }

    /// Brings one key on its way: Active → (overlap, quiet) → Inactive → (soak) → deleted. The one that is noted down goes first.
    fn leaving_key(&self) -> Option<Decision> {
        let noted = |key: &&AccessKey| self.secret.journal.phase_of(&key.id).is_some();
        let key = self.leaving().find(noted).or_else(|| self.leaving().next())?;
        let old = self.role(key) == Role::Old;
        if (old || self.current.key().is_some())
            && let Some(decision) = self.successor_not_in_place(key)
        {
            return Some(decision);
        }
        match &key.status {
            KeyStatus::Active if old => self.retire_old(key),
            KeyStatus::Active => self.retire_stray(key),
            KeyStatus::Inactive => self.delete_after_soak(key),
            KeyStatus::Other(status) => {
                let status = status.clone();
                Some(Decision::Blocked(Blocked::StrangeStatus { key: key.id.clone(), status }))
            }
        }
    }

    /// No old key is touched without stored proof that its successor works and is in place. Where the note is missing (a run died, or
    /// somebody else wrote or moved the current version) the credentials are tried, and the overlap starts now.
    fn successor_not_in_place(&self, leaving: &AccessKey) -> Option<Decision> {
        let before = || self.secret.journal.promoted.as_ref().and_then(|p| p.replacing.clone());
        let version = self.current.version.clone();
        let Some(key) = self.current.key().cloned() else {
            // The placeholder again: what was noted down of a successor is over, also if it comes back.
            if self.promoted().is_none() {
                return self.write(Note::Promoted(Promoted { version, replacing: before(), at: self.now }));
            }
            let (from, to) = (leaving.id.clone(), None);
            return Some(Decision::Blocked(Blocked::RolledBack { from, to }));
        };
        if self.promoted().is_some() {
            return None;
        }
        let reason = match self.proof(self.current) {
            None => return Some(Decision::Look(Question::Proof(self.current.version.clone()))),
            Some(Proof::Proven) => {
                let replacing = if self.role(leaving) == Role::Old { Some(leaving.id.clone()) } else { before() };
                return self.write(Note::Promoted(Promoted { version, replacing, at: self.now }));
            }
            Some(Proof::Refused(reason) | Proof::Wrong(reason)) => reason.clone(),
        };
        Some(Decision::Blocked(Blocked::CurrentDoesNotWork { key, reason }))
    }

    fn retire_old(&self, key: &AccessKey) -> Option<Decision> {
        let promoted = self.promoted()?.at;
        // Only a version without a label speaks for it: another run may just have proved it, and be about to promote it.
        let perhaps = !self.was_current(&key.id);
        if perhaps && self.now < self.settled_at(key.created) {
            return self.wait(Why::Settling(key.id.clone()), Some(self.settled_at(key.created)));
        }
        let phase = self.secret.journal.phase_of(&key.id);
        let since = match phase {
            // IAM's listing may not show yet that it is Inactive.
            Some((Phase::Inactive, at)) if self.now < self.settled_at(at) => {
                return self.wait(Why::Settling(key.id.clone()), Some(self.settled_at(at)));
            }
            // It was Inactive and is not any more: a person needs it. The overlap starts again.
            Some((Phase::Inactive, _)) => return self.retire(&key.id, Phase::Hold),
            Some((Phase::Hold, at)) => at.max(promoted),
            Some((Phase::Retiring | Phase::Abandoned, _)) | None => promoted,
        };
        let overlap = after(since, self.policy.waits().overlap);
        if self.now < overlap {
            return self.wait(Why::Overlap(key.id.clone()), Some(overlap));
        }
        self.in_use(key, overlap).or_else(|| match phase {
            Some((Phase::Retiring, at)) if perhaps && self.now < self.settled_at(at) => {
                self.wait(Why::Settling(key.id.clone()), Some(self.settled_at(at)))
            }
            Some((Phase::Retiring, at)) if perhaps || self.now < after(at, self.policy.run_limit()) => {
                Some(Decision::Act(Step::Deactivate(key.id.clone())))
            }
            _ => self.retire(&key.id, Phase::Retiring),
        })
    }

    /// Whether the old key is, or may be, in use.
    fn in_use(&self, key: &AccessKey, overlap: Timestamp) -> Option<Decision> {
        let id = key.id.clone();
        let quiet = self.policy.waits().quiet;
        match self.seen.last_use.get(&key.id) {
            None => Some(Decision::Look(Question::LastUse(id))),
            Some(LastUse::Unknown(reason)) => self.wait(Why::UseUnknown { key: id, reason: reason.clone() }, None),
            Some(used @ LastUse::At { when, .. }) => {
                let until = after(*when, quiet);
                let why = Why::InUse { key: id, last_use: used.clone() };
                (self.now < until).then_some(Decision::Wait(Wait { why, until: Some(until) }))
            }
            Some(LastUse::NoRecord) => {
                let until = after(overlap, quiet);
                let why = Why::NoRecord(id);
                (self.now < until).then_some(Decision::Wait(Wait { why, until: Some(until) }))
            }
        }
    }

    /// A stray key is nobody's, unless a use is on record or somebody reactivates it. It is left alone for `settle` before and after the
    /// note, so that a run that still has it in its hands is over: one that has proved it may be about to promote it.
    fn retire_stray(&self, key: &AccessKey) -> Option<Decision> {
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
            // A version held it, so that it is certainly keyrot's; the use on record is the trial of it.
            Some((Phase::Abandoned, _)) => return Some(Decision::Act(Step::Deactivate(key.id.clone()))),
            Some((Phase::Retiring, _)) => {}
            None if self.in_a_version(&key.id) => return self.retire(&key.id, Phase::Abandoned),
            None => {}
        }
        match self.seen.last_use.get(&key.id) {
            None => Some(Decision::Look(Question::LastUse(key.id.clone()))),
            Some(LastUse::Unknown(reason)) => {
                self.wait(Why::UseUnknown { key: key.id.clone(), reason: reason.clone() }, None)
            }
            Some(LastUse::At { .. }) => Some(Decision::Blocked(Blocked::ClaimedKey { key: key.id.clone() })),
            Some(LastUse::NoRecord) if phase.is_some() => Some(Decision::Act(Step::Deactivate(key.id.clone()))),
            Some(LastUse::NoRecord) => self.retire(&key.id, Phase::Retiring),
        }
    }

    fn delete_after_soak(&self, key: &AccessKey) -> Option<Decision> {
        match self.secret.journal.phase_of(&key.id) {
            Some((Phase::Inactive, at)) => {
                let until = after(at, self.policy.waits().soak);
                if self.now < until {
                    self.wait(Why::Soak(key.id.clone()), Some(until))
                } else {
                    Some(Decision::Act(Step::Delete(key.id.clone())))
                }
            }
            _ => self.retire(&key.id, Phase::Inactive),
        }
    }

    /// A key is made only under a fresh note of which keys there were before: without it, a lost reply would leave a key that nothing explains.
    fn rotation_due(&self) -> Option<Decision> {
        if self.now < self.due()? {
            return None;
        }
        if self.seen.keys.len() >= 2 {
            return Some(with_evidence(self.seen, self.seen.keys.iter().filter(|k| self.current.key() != Some(&k.id))));
        }
        let before: Vec<KeyId> = self.seen.keys.iter().map(|k| k.id.clone()).collect();
        match self.secret.journal.intent.as_ref().filter(|intent| intent.before == before).map(|intent| intent.at) {
            Some(at) if self.now < after(at, self.policy.run_limit()) => Some(Decision::Act(Step::CreateKey)),
            // A run that died may have made a key that is not listed yet; a new note would leave it unexplained.
            Some(at) if self.now < self.settled_at(at) => self.wait(Why::Unlisted, Some(self.settled_at(at))),
            _ => self.write(Note::Intent(Intent { before, at: self.now })),
        }
    }

    fn settled(&self) -> Decision {
        Decision::Settled { until: self.due().unwrap_or(Timestamp::MAX_UTC) }
    }

    /// When the current key is due: at once while there is none.
    fn due(&self) -> Option<Timestamp> {
        match self.current.key() {
            None => Some(Timestamp::MIN_UTC),
            Some(key) => Some(self.policy.due(self.key(key)?.created)),
        }
    }

    fn role(&self, key: &AccessKey) -> Role {
        let id = Some(&key.id);
        let journal = &self.secret.journal;
        let used = matches!(self.seen.last_use.get(&key.id), Some(LastUse::At { .. }));
        if self.current.key() == id {
            Role::Current
        } else if self.staged().and_then(Held::key) == id {
            Role::Staged
        } else if self.seen.in_hand.as_ref() == id {
            Role::InHand
        } else if self.was_current(&key.id) {
            Role::Old
        } else if matches!(journal.phase_of(&key.id), Some((Phase::Abandoned, _))) {
            Role::Stray
        } else if self.seen.versions.is_none() {
            Role::Unexplained
        } else if self.in_a_version(&key.id) && (journal.promoted.is_some() || self.secret.previous.is_some()) {
            Role::Old
        } else if self.in_a_version(&key.id)
            || journal.phase_of(&key.id).is_some()
            || (!used && self.made_under_the_intent(key))
        {
            Role::Stray
        } else if self.current.content == Content::Placeholder && self.only_unexplained(key) {
            Role::InPlace
        } else {
            Role::Unknown
        }
    }

    /// Whether the key stood under AWSCURRENT, or was the user's only one when keyrot came.
    fn was_current(&self, key: &KeyId) -> bool {
        let journal = &self.secret.journal;
        let previous = self.secret.previous.as_ref();
        let adopted = || {
            let before = journal.intent.as_ref().map(|i| &i.before[..]);
            previous.is_some_and(|held| held.content == Content::Placeholder)
                && self.current.key().is_some_and(|current| before.is_some_and(|b| !b.contains(current)))
                && before == Some(std::slice::from_ref(key))
        };
        previous.and_then(Held::key) == Some(key)
            || journal.promoted.as_ref().and_then(|p| p.replacing.as_ref()) == Some(key)
            || adopted()
    }

    /// Whether some version of the secret, with or without a label, holds the key: then it is keyrot's own, whatever came after.
    fn in_a_version(&self, key: &KeyId) -> bool {
        let mut versions = self.seen.versions.iter().flatten();
        versions.any(|version| Content::of(version).key() == Some(key))
    }

    /// Whether a lost reply to CreateAccessKey explains the key: it did not exist before the intent, it appeared within the settling time,
    /// and there is not already a key for every one that the intent can have made.
    fn made_under_the_intent(&self, key: &AccessKey) -> bool {
        let Some(Intent { before, at }) = &self.secret.journal.intent else { return false };
        let in_window = |k: &AccessKey| {
            let not_too_early = *at <= after(k.created, SKEW);
            let not_too_late = k.created <= after(self.settled_at(*at), SKEW);
            !before.contains(&k.id) && not_too_early && not_too_late
        };
        let others = self.seen.keys.iter().filter(|k| {
            let held = [Some(self.current), self.secret.pending.as_ref()];
            let stands = held.into_iter().flatten().any(|h| h.key() == Some(&k.id));
            k.id != key.id && stands && in_window(k)
        });
        in_window(key) && before.len() + others.count() < 2
    }

    /// Whether this is the only key that no version, no note and no intent explains.
    fn only_unexplained(&self, key: &AccessKey) -> bool {
        let explained = |k: &AccessKey| {
            let id = Some(&k.id);
            self.secret.pending.as_ref().and_then(Held::key) == id
                || self.seen.in_hand.as_ref() == id
                || self.secret.journal.phase_of(&k.id).is_some()
                || self.in_a_version(&k.id)
                || self.made_under_the_intent(k)
        };
        self.seen.keys.iter().all(|k| k.id == key.id || explained(k))
    }

    /// Whether a newer key became current while this one was staged.
    fn superseded(&self, staged: &AccessKey) -> bool {
        self.current.key().and_then(|key| self.key(key)).is_some_and(|current| current.created > staged.created)
    }

    /// AWSPENDING, unless it stands where AWSCURRENT stands, where it means nothing.
    fn staged(&self) -> Option<&Held> {
        self.secret.pending.as_ref().filter(|p| p.version != self.current.version)
    }

    /// Whether the version stood under AWSCURRENT already, as far as a label or a note still says it.
    fn was_published(&self, held: &Held) -> bool {
        let noted = self.secret.journal.promoted.as_ref().map(|p| &p.version);
        let previous = self.secret.previous.as_ref().map(|p| &p.version);
        noted == Some(&held.version) || previous == Some(&held.version)
    }

    /// The note that the version under AWSCURRENT was proved and put there.
    fn promoted(&self) -> Option<&Promoted> {
        self.secret.journal.promoted.as_ref().filter(|p| p.version == self.current.version)
    }

    fn proof(&self, held: &Held) -> Option<&Proof> {
        self.seen.proof.as_ref().filter(|(version, _)| *version == held.version).map(|(_, proof)| proof)
    }

    fn key(&self, id: &KeyId) -> Option<&AccessKey> {
        self.seen.keys.iter().find(|k| k.id == *id)
    }

    fn keys_as(&self, role: Role) -> impl Iterator<Item = &AccessKey> {
        self.seen.keys.iter().filter(move |k| self.role(k) == role)
    }

    fn leaving(&self) -> impl Iterator<Item = &AccessKey> {
        self.keys_as(Role::Old).chain(self.keys_as(Role::Stray))
    }

    fn keys_beside_current(&self) -> usize {
        self.seen.keys.iter().filter(|k| self.current.key() != Some(&k.id)).count()
    }

    fn settled_at(&self, since: Timestamp) -> Timestamp {
        after(since, self.policy.waits().settle)
    }

    fn retire(&self, key: &KeyId, phase: Phase) -> Option<Decision> {
        self.write(Note::Retired(Retired { key: key.clone(), phase, at: self.now }))
    }

    fn write(&self, note: Note) -> Option<Decision> {
        Some(Decision::Act(Step::Write(note)))
    }

    fn wait(&self, why: Why, until: Option<Timestamp>) -> Option<Decision> {
        Some(Decision::Wait(Wait { why, until }))
    }
}
