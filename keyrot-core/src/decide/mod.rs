//! The decision: one pure, total function from what is seen of a user to what is to be done.

pub(crate) mod belief;
pub(crate) mod decision;
pub(crate) mod home;
pub(crate) mod leaving;
pub(crate) mod moving;
pub(crate) mod order;
pub(crate) mod overdue;
pub(crate) mod pickup;
pub(crate) mod request;
pub(crate) mod situation;

pub use belief::{Doubt, Implausible};
pub use decision::blocked::{Blocked, Evidence, Unhoused};
pub use decision::refusal::Refusal;
pub use decision::{Decision, Question, Step, Wait, Why};
pub use order::decide_rotation_step;
pub use request::decide_request;

use crate::model::journal::{Intent, JournalEntry, Phase};
use crate::model::names::KeyId;
use crate::model::observed::{AccessKey, KeyStatus, LabeledVersion, Observed, Secret, SecretState, Verified};
use crate::model::time::Timestamp;
use crate::model::version::Content;
use crate::model::waits::Policy;
use crate::model::waits::after;
use situation::{Role, Situation};

/// How many bytes a secret's value may have (Secrets Manager user guide, "AWS Secrets Manager quotas").
pub const MOST_BYTES: usize = 65_536;

/// Decides what is to be done for a user: one pure, total function.
///
/// # Expected flow
/// A user whose key is due goes, one answer at a time, through
/// `Write(intent)` → `CreateKey` → `Stage` → `Look(Verified)` → `Promote` → `Write(promoted)` → `Wait(Overlap)`; days later, in other runs, through
/// `Look(LastUse)` → `Write(retiring)` → a fresh look at everything → `Deactivate` → `Write(inactive)` → `Wait(Soak)`, and at last `Delete`.
/// Before the intent, `Look(NextSize)` where further fields are carried along, and `TestWrite` where an earlier intent was left without a key.
/// A user without a secret first gets one, with a placeholder. A run that dies anywhere is taken up by the next, from what it left behind.
///
/// # Guarantees
/// - AWSCURRENT is only ever moved to a version whose credentials have authenticated in this very run.
/// - A key that was current is deactivated only `overlap` after a stored note says that its successor was proved and is in place, and only on
///   IAM's word that it was not used within `quiet`. No answer is never that word.
/// - It is deactivated only if IAM has a use of its successor on record, other than keyrot's verification, and none of the key itself late in the
///   overlap; or if it was unused for `idle`.
/// - A key is deleted only `soak` after a stored note says that it was seen Inactive, and only while it is Inactive.
/// - Where AWS could not be asked whether a key works, nothing is concluded: the key is neither abandoned nor is the user blocked.
/// - A key that no version, no note and no intent explains is never changed: the user is blocked.
/// - One key is on its way out at a time, and no key is made before it is gone.
/// - A key that a person revoked (a stored note says so) is due at once, and is deactivated as soon as a proved successor is in place, without
///   `overlap` and `quiet`; and it is never published again.
///
/// # Assumptions
/// - `seen` was read within the run limit (half of `settle`) before the answer is acted upon, and for `Deactivate` and `Delete` there was no
///   change by this run in between; [`Rotation`](crate::machine::rotation::Rotation) sees to both.
/// - `now` is within five minutes of AWS's clock; SigV4 refuses requests beyond that.
/// - Where IAM's answer does not say it, nothing is known: a use within the last hours may not be on record yet.
#[must_use]
pub fn decide(seen: &Observed, policy: &Policy, now: Timestamp) -> Decision {
    decide_for(&belief::believed(seen, policy, now), None, policy, now)
}

/// The same, on claims that were sifted, in a run that a person asked to revoke a key, or in any other.
fn decide_for(seen: &Observed, asked: Option<&KeyId>, policy: &Policy, now: Timestamp) -> Decision {
    if let Some(decision) = home::home(seen, policy) {
        return decision;
    }
    if let Some(policy) = seen.quarantine.clone().filter(|_| !is_being_revoked(seen)) {
        return Decision::Blocked(Blocked::Quarantined { policy });
    }
    let secret = match usable(&seen.secret) {
        Ok(Some(secret)) => secret,
        Ok(None) => return first_contact(seen, Step::CreateSecret),
        Err(blocked) => return Decision::Blocked(blocked),
    };
    let Some(current) = &secret.current else {
        return first_contact(seen, Step::PutPlaceholder);
    };
    let case = Situation { seen, secret, current, policy, now, asked };
    case.revoked_key_reactivated()
        .or_else(|| case.reactivated())
        .or_else(|| case.foreign_version())
        .or_else(|| case.broken_current())
        .or_else(|| case.in_use_again())
        .or_else(|| case.unknown_keys())
        .or_else(|| case.key_in_hand())
        .or_else(|| case.staged_once_more())
        .or_else(|| case.rolled_back())
        .or_else(|| case.staged_key())
        .or_else(|| case.revoked_current())
        .or_else(|| case.leaving_key())
        .or_else(|| case.unverified_current())
        .or_else(|| case.rotation_due())
        .unwrap_or_else(|| case.settled())
}

/// Whether a person's order to have done with a key is not carried out yet. AWS's quarantine is why they gave it.
fn is_being_revoked(seen: &Observed) -> bool {
    let SecretState::Present(secret) = &seen.secret else { return false };
    let is_current = |key: &AccessKey| secret.current.as_ref().and_then(LabeledVersion::key) == Some(&key.id);
    let works = |key: &&AccessKey| key.status == KeyStatus::Active || is_current(key);
    seen.keys.iter().filter(works).any(|key| secret.journal.revoked_at(&key.id).is_some())
}

/// The secret, if there is one and it can be written to.
fn usable(secret: &SecretState) -> Result<Option<&Secret>, Blocked> {
    match secret {
        SecretState::Present(secret) => Ok(Some(secret)),
        SecretState::Missing => Ok(None),
        SecretState::Deleted { since } => Err(Blocked::SecretDeleted { since: *since }),
        SecretState::Replica { primary } => Err(Blocked::SecretIsReplica { primary: primary.clone() }),
    }
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

impl Situation<'_> {
    /// A key that was revoked and seen Inactive is Active again. Whoever has a leaked key may often do that to their own user, so it is no
    /// decision to keep the key, and keyrot does not fight either: the operator says which it is.
    fn revoked_key_reactivated(&self) -> Option<Decision> {
        // IAM's listing may not show yet that it was just deactivated; what that holds up, waits below.
        let reactivated = |key: &&AccessKey| {
            let revoked = self.secret.journal.revoked_at(&key.id).is_some();
            let phase = || self.phase_since_revoked(&key.id);
            revoked
                && key.status == KeyStatus::Active
                && matches!(phase(), Some((Phase::Inactive, at)) if self.settled_at(at) <= self.now)
        };
        let key = self.seen.keys.iter().find(reactivated)?.id.clone();
        Some(Decision::Blocked(Blocked::RevokedKeyReactivated { key }))
    }

    /// Somebody reactivated a key that was noted down as Inactive. That is noted down before anything else can stop the run: were the entry to
    /// stay, it would stand for a later deactivation, and the soak would be over at once.
    fn reactivated(&self) -> Option<Decision> {
        let noted = |key: &&AccessKey| match self.phase_since_revoked(&key.id) {
            Some((Phase::Inactive, at)) => self.now >= self.settled_at(at),
            _ => false,
        };
        let active = self.seen.keys.iter().filter(|key| key.status == KeyStatus::Active);
        let key = active.filter(|key| self.secret.journal.revoked_at(&key.id).is_none()).find(noted)?;
        self.retire(&key.id, Phase::Hold)
    }

    /// A version that somebody else wrote has to be looked into before anything can be said.
    fn foreign_version(&self) -> Option<Decision> {
        let staged = self.secret.pending.as_ref();
        let previous = self.secret.previous.as_ref().filter(|_| self.keys_beside_current() > 0);
        let unread = [Some(self.current), staged, previous]
            .into_iter()
            .flatten()
            .find(|held| held.content == Content::Foreign)?;
        Some(Decision::Look(Question::VersionContents(unread.version.clone())))
    }

    /// AWSCURRENT has to be the placeholder or an Active key, or a person has to look.
    fn broken_current(&self) -> Option<Decision> {
        let blocked = |why| Some(Decision::Blocked(why));
        if self.current.content == Content::ForeignOther {
            return blocked(Blocked::SecretHoldsOther { version: self.current.version.clone() });
        }
        let key = self.current.key()?.clone();
        let revoked = self.secret.journal.revoked_at(&key).is_some();
        match self.key(&key).map(|k| &k.status) {
            Some(KeyStatus::Active) => None,
            Some(KeyStatus::Inactive) if revoked => None,
            Some(KeyStatus::Inactive) if self.just_published().is_some() => {
                self.wait(Why::Settling(key), self.just_published())
            }
            Some(_) => blocked(Blocked::CurrentKeyInactive { key }),
            None => match self.current.content {
                Content::Key { created, .. } if self.now < self.settled_at(created) => {
                    self.wait(Why::Settling(key), Some(self.settled_at(created)))
                }
                _ if revoked => None,
                _ => blocked(Blocked::CurrentKeyGone { key }),
            },
        }
    }

    /// It was proved and noted down just now: IAM's listing may not show yet that it was reactivated for that.
    fn just_published(&self) -> Option<Timestamp> {
        let reactivated = self.secret.pending.as_ref().is_none_or(|pending| pending.version != self.current.version);
        let until = self.settled_at(self.promoted().filter(|_| reactivated)?.at);
        Some(until).filter(|until| self.now < *until)
    }

    /// The current key was Inactive once, and a person made it current and Active again, or took its revocation back. The note of that time is over: were it to stay, the
    /// soak would count from it when the key leaves for the next time.
    fn in_use_again(&self) -> Option<Decision> {
        let key = self.current.key()?;
        let (_, at) = self.phase_since_revoked(key).filter(|(phase, _)| *phase == Phase::Inactive)?;
        self.key(key).filter(|key| key.status == KeyStatus::Active)?;
        // IAM's listing may not show yet that it was just deactivated.
        if self.now < self.settled_at(at) {
            return self.wait(Why::Settling(key.clone()), Some(self.settled_at(at)));
        }
        self.retire(key, Phase::Hold)
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
    /// happens to AWSCURRENT after that, and Secrets Manager does not take its rotation for incomplete.
    fn staged_once_more(&self) -> Option<Decision> {
        let staged = self.staged()?;
        let published = self.was_published(staged);
        let own = !staged.content.is_foreign() || (self.secret.rotation_enabled && published);
        let over = published || (staged.key().is_some() && staged.key() == self.current.key());
        (own && over).then(|| Decision::Act(Step::Unstage(staged.version.clone())))
    }

    /// Somebody moved AWSCURRENT back from a newer key that still works. keyrot does not move it forward again: it makes sure that what is
    /// current works, and notes it down, so that every overlap counts anew, and leaves the rest to that person.
    pub(super) fn rolled_back(&self) -> Option<Decision> {
        let current = self.current.key().and_then(|id| self.key(id));
        let newer = |key: &&AccessKey| {
            key.status == KeyStatus::Active && current.is_none_or(|current| current.created < key.created)
        };
        let left = self.secret.previous.as_ref().filter(|held| held.version != self.current.version)?;
        let from = left.key().and_then(|id| self.key(id)).filter(newer)?;
        let revoked_at = |id: &KeyId| self.secret.journal.revoked_at(id);
        // Whoever revoked the current key after that has asked to leave it again. keyrot publishes no revoked key, so that one on a way back was
        // revoked after it, too.
        let since = self.promoted().map(|promoted| promoted.at);
        let way_back = || [&self.current.version, &left.version].into_iter().any(|id| self.is_noted_for_later(id));
        let revoked = self.current.key().and_then(revoked_at);
        let left_again = || revoked.is_some_and(|at| since.is_some_and(|since| since < at) || way_back());
        if revoked_at(&from.id).is_some() || left_again() {
            return None;
        }
        let blocked = Blocked::RolledBack { from: from.id.clone(), to: self.current.key().cloned() };
        self.successor_not_in_place(from).or(Some(Decision::Blocked(blocked)))
    }

    /// A staged key is proved and promoted, or abandoned: noted down as leaving first, so that it stays explained, then taken off AWSPENDING.
    fn staged_key(&self) -> Option<Decision> {
        let staged = self.staged()?;
        let Content::Key { key, created, .. } = &staged.content else {
            // Secrets Manager waits for it, and orders the rest; the key before may go its way meanwhile.
            if self.secret.rotation_enabled {
                return None;
            }
            return Some(Decision::Blocked(Blocked::ForeignPending { version: staged.version.clone() }));
        };
        let journal = &self.secret.journal;
        let give_up = journal.phase_of(key).is_some() || journal.revoked_at(key).is_some();
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
        // Another run's, as its id says. Whether it was written when the key was made, only the store's own date of it can say.
        if self.seen.staged_here.as_ref() != Some(&staged.version) {
            if self.seen.versions.is_none() {
                return Some(Decision::Look(Question::Versions));
            }
            if !self.in_a_version(key) {
                return Some(Decision::Blocked(Blocked::ForeignPending { version: staged.version.clone() }));
            }
        }
        if listed.status != KeyStatus::Active || self.superseded(listed) {
            return self.retire(key, Phase::Abandoned);
        }
        let limit = after(*created, self.policy.waits().probe_limit);
        match self.proof(staged) {
            None => Some(Decision::Look(Question::Verification(staged.version.clone()))),
            Some(Verified::Works) => {
                Some(Decision::Act(Step::Promote { from: self.current.version.clone(), to: staged.version.clone() }))
            }
            Some(Verified::Unknown(reason)) => Some(self.unverified(key, reason)),
            Some(Verified::Refused(_)) if self.now < limit => self.wait(Why::Propagation(key.clone()), Some(limit)),
            // keyrot writes each version once, with the key that its id names.
            Some(Verified::Wrong(_)) => {
                Some(Decision::Blocked(Blocked::ForeignPending { version: staged.version.clone() }))
            }
            Some(Verified::Refused(_)) => self.retire(key, Phase::Abandoned),
        }
    }

    /// What is current is compared with what it claims to be, once for each version: a version that somebody else put there under the name of
    /// the user's key is found in the next run.
    pub(super) fn unverified_current(&self) -> Option<Decision> {
        self.current.key()?;
        let previous = self.secret.previous.as_ref().and_then(LabeledVersion::key);
        let noted = || self.secret.journal.promoted.as_ref().and_then(|promoted| promoted.replacing.clone());
        self.not_promoted(previous.cloned().or_else(noted))
    }

    fn rotation_due(&self) -> Option<Decision> {
        if self.now < self.due()? {
            return None;
        }
        // Secrets Manager would not know of a key that is made without its order, and would order another.
        if self.secret.rotation_enabled { self.wait(Why::Service, None) } else { self.next_key() }
    }

    /// A key is made only under a fresh note of which keys there were before: without it, a lost reply would leave a key that nothing explains.
    fn next_key(&self) -> Option<Decision> {
        if let Some(decision) = self.no_tag_room().or_else(|| self.value_too_large()) {
            return Some(decision);
        }
        if self.seen.keys.len() >= 2 {
            return Some(with_evidence(self.seen, self.seen.keys.iter().filter(|k| self.current.key() != Some(&k.id))));
        }
        let before: Vec<KeyId> = self.seen.keys.iter().map(|k| k.id.clone()).collect();
        match self.secret.journal.intent.as_ref().filter(|intent| intent.before == before).map(|intent| intent.at) {
            // A run that died may have made a key that is not listed yet; a new note would leave it unexplained.
            Some(at) if after(at, self.policy.run_limit()) <= self.now && self.now < self.settled_at(at) => {
                self.wait(Why::Unlisted, Some(self.settled_at(at)))
            }
            // An earlier run was about to create a key, and there is none: it may have had to delete it, because it could not be stored. Before
            // another one is created, a harmless write has to succeed.
            Some(_) if !self.seen.may_create => Some(Decision::Act(Step::TestWrite)),
            Some(at) if self.now < after(at, self.policy.run_limit()) => Some(Decision::Act(Step::CreateKey)),
            _ => self.write(JournalEntry::Intent(Intent { before, at: self.now })),
        }
    }

    /// A key whose life cannot be noted down is not created. A secret has 50 tags at most (Secrets Manager user guide, "AWS Secrets Manager
    /// quotas").
    fn no_tag_room(&self) -> Option<Decision> {
        let most = 50 - (JournalEntry::TAGS.len() + 1);
        let tags = self.secret.other_tags;
        (tags > most).then_some(Decision::Blocked(Blocked::NoTagRoom { tags, most }))
    }

    /// A key whose value the secret would refuse is not created. What keyrot writes by itself is short; what it carries along may not be.
    pub(super) fn value_too_large(&self) -> Option<Decision> {
        if !self.current.content.extras() {
            return None;
        }
        let version = self.current.version.clone();
        match self.seen.next_size.as_ref().filter(|(of, _)| *of == version) {
            None => Some(Decision::Look(Question::NextSize(version))),
            Some((_, None)) => Some(Decision::Blocked(Blocked::SecretHoldsOther { version })),
            Some((_, Some(bytes))) => {
                let (bytes, most) = (*bytes, MOST_BYTES);
                (bytes > most).then_some(Decision::Blocked(Blocked::ValueTooLarge { bytes, most }))
            }
        }
    }

    fn settled(&self) -> Decision {
        if let Some(until) = self.unlisted_until() {
            return Decision::Wait(Wait { why: Why::Unlisted, until: Some(until) });
        }
        Decision::Settled { until: self.due().unwrap_or(Timestamp::MAX_UTC) }
    }

    /// When the rotation of the current key begins: at once while there is none.
    fn due(&self) -> Option<Timestamp> {
        match self.current.key() {
            None => Some(Timestamp::MIN_UTC),
            Some(key) if self.secret.journal.revoked_at(key).is_some() => Some(Timestamp::MIN_UTC),
            Some(key) => Some(self.policy.due(self.key(key)?.created)),
        }
    }
}
