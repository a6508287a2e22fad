//! What a scheduled run does for a user: its rules, each a question and its answer. [`table`](super::table) has their order.

use super::situation::{Asked, Role, Situation};
use super::{belief, ground, table};
use crate::decide::decision::blocked::Blocked;
use crate::decide::decision::{Decision, Question, Step, Why};
use crate::decide::evidence::with_evidence;
use crate::model::journal::{Intent, JournalEntry, Phase};
use crate::model::names::KeyId;
use crate::model::observed::{AccessKey, KeyStatus, LabeledVersion, Observed, Verified};
use crate::model::time::Timestamp;
use crate::model::version::Content;
use crate::model::waits::Policy;
use crate::model::waits::after;

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
    decide_for(&belief::believed(seen, policy, now), Asked::Run, policy, now)
}

/// The same, on claims that were sifted, for whatever is asked: the first rule that applies has the answer.
pub(super) fn decide_for(seen: &Observed, asked: Asked<'_>, policy: &Policy, now: Timestamp) -> Decision {
    match ground::situation(seen, asked, policy, now) {
        Ok(case) => table::decide(&case),
        Err(decision) => decision,
    }
}

impl Situation<'_> {
    /// A key that was revoked and seen Inactive is Active again. Whoever has a leaked key may often do that to their own user, so it is no
    /// decision to keep the key, and keyrot does not fight either: the operator says which it is.
    pub(super) fn revoked_key_reactivated(&self) -> Option<Decision> {
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
    pub(super) fn reactivated(&self) -> Option<Decision> {
        let noted = |key: &&AccessKey| match self.phase_since_revoked(&key.id) {
            Some((Phase::Inactive, at)) => self.now >= self.settled_at(at),
            _ => false,
        };
        let active = self.seen.keys.iter().filter(|key| key.status == KeyStatus::Active);
        let key = active.filter(|key| self.secret.journal.revoked_at(&key.id).is_none()).find(noted)?;
        self.retire(&key.id, Phase::Hold)
    }

    /// A version that somebody else wrote has to be looked into before anything can be said.
    pub(super) fn foreign_version(&self) -> Option<Decision> {
        let staged = self.secret.pending.as_ref();
        let previous = self.secret.previous.as_ref().filter(|_| self.keys_beside_current() > 0);
        let unread = [Some(self.current), staged, previous]
            .into_iter()
            .flatten()
            .find(|held| held.content == Content::Foreign)?;
        Some(Decision::Look(Question::VersionContents(unread.version.clone())))
    }

    pub(super) fn current_holds_other(&self) -> Option<Decision> {
        let other = self.current.content == Content::ForeignOther;
        other.then(|| Decision::Blocked(Blocked::SecretHoldsOther { version: self.current.version.clone() }))
    }

    pub(super) fn current_inactive(&self) -> Option<Decision> {
        let key = self.current.key()?.clone();
        let revoked = self.secret.journal.revoked_at(&key).is_some();
        match &self.key(&key)?.status {
            KeyStatus::Active => None,
            KeyStatus::Inactive if revoked => None,
            KeyStatus::Inactive if self.just_published().is_some() => {
                self.wait(Why::Settling(key), self.just_published())
            }
            KeyStatus::Inactive | KeyStatus::Other(_) => Some(Decision::Blocked(Blocked::CurrentKeyInactive { key })),
        }
    }

    pub(super) fn current_gone(&self) -> Option<Decision> {
        let key = self.current.key().filter(|key| self.key(key).is_none())?.clone();
        match self.current.content {
            Content::Key { created, .. } if self.now < self.settled_at(created) => {
                self.wait(Why::Settling(key), Some(self.settled_at(created)))
            }
            _ if self.secret.journal.revoked_at(&key).is_some() => None,
            _ => Some(Decision::Blocked(Blocked::CurrentKeyGone { key })),
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
    pub(super) fn in_use_again(&self) -> Option<Decision> {
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
    pub(super) fn unknown_keys(&self) -> Option<Decision> {
        if self.keys_as(Role::Unexplained).next().is_some() {
            return Some(Decision::Look(Question::Versions));
        }
        let mut unknown = self.keys_as(Role::Unknown).peekable();
        unknown.peek()?;
        Some(with_evidence(self.seen, unknown))
    }

    /// The key that this run has just made is staged before anything else: until then only this process has its secret.
    pub(super) fn key_in_hand(&self) -> Option<Decision> {
        let key = self.keys_as(Role::InHand).next()?;
        if key.status != KeyStatus::Active {
            return None;
        }
        let carry = self.current.content.extras().then(|| self.current.version.clone());
        Some(Decision::Act(Step::Stage { carry }))
    }

    /// Somebody moved AWSCURRENT away from what is still under AWSPENDING. It comes off, so that no run makes it current again, whatever
    /// happens to AWSCURRENT after that, and Secrets Manager does not take its rotation for incomplete.
    pub(super) fn staged_once_more(&self) -> Option<Decision> {
        let staged = self.staged()?;
        let published = self.was_published(staged);
        let own = !staged.content.is_foreign() || (self.secret.rotation_enabled && published);
        let over = published || (staged.key().is_some() && staged.key() == self.current.key());
        (own && over).then(|| Decision::Act(Step::Unstage(staged.version.clone())))
    }

    /// Somebody moved AWSCURRENT back from a newer key that still works. keyrot does not move it forward again: it makes sure that what is
    /// current works, and notes it down, so that every overlap starts again, and leaves the rest to that person.
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

    /// Secrets Manager waits for a version that it staged itself, and orders the rest; the old key may leave meanwhile.
    pub(super) fn staged_by_another(&self) -> Option<Decision> {
        let staged = self.staged().filter(|_| !self.secret.rotation_enabled)?;
        if let Content::Key { .. } = staged.content {
            return None;
        }
        Some(Decision::Blocked(Blocked::ForeignPending { version: staged.version.clone() }))
    }

    /// The version that keyrot staged, with its key and when that was created, as the version's id says.
    fn own_staged(&self) -> Option<(&LabeledVersion, &KeyId, Timestamp)> {
        let staged = self.staged()?;
        match &staged.content {
            Content::Key { key, created, .. } => Some((staged, key, *created)),
            _ => None,
        }
    }

    /// A journal entry says that the key is not to be published.
    pub(super) fn staged_given_up(&self) -> Option<Decision> {
        let (staged, key, _) = self.own_staged()?;
        let journal = &self.secret.journal;
        let give_up = journal.phase_of(key).is_some() || journal.revoked_at(key).is_some();
        give_up.then(|| Decision::Act(Step::Unstage(staged.version.clone())))
    }

    pub(super) fn staged_not_listed(&self) -> Option<Decision> {
        let (staged, key, created) = self.own_staged()?;
        if self.key(key).is_some() {
            None
        } else if self.now >= self.settled_at(created) {
            Some(Decision::Act(Step::Unstage(staged.version.clone())))
        } else {
            self.wait(Why::Settling(key.clone()), Some(self.settled_at(created)))
        }
    }

    /// Another run's, as its id says. Whether it was written when the key was created, only the store's own date of it can say.
    pub(super) fn staged_by_another_run(&self) -> Option<Decision> {
        let (staged, key, _) = self.own_staged()?;
        if self.seen.staged_here.as_ref() == Some(&staged.version) {
            None
        } else if self.seen.versions.is_none() {
            Some(Decision::Look(Question::Versions))
        } else {
            let forged = !self.in_a_version(key);
            forged.then(|| Decision::Blocked(Blocked::ForeignPending { version: staged.version.clone() }))
        }
    }

    /// It is noted down as leaving first, so that it stays explained, then taken off AWSPENDING.
    pub(super) fn staged_too_late(&self) -> Option<Decision> {
        let (_, key, _) = self.own_staged()?;
        let listed = self.key(key)?;
        if listed.status == KeyStatus::Active && !self.superseded(listed) {
            return None;
        }
        self.retire(key, Phase::Abandoned)
    }

    pub(super) fn staged_key(&self) -> Option<Decision> {
        let (staged, key, created) = self.own_staged()?;
        let limit = after(created, self.policy.waits().probe_limit);
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

    /// Whether a key is to be created now.
    fn needs_key(&self) -> bool {
        match self.asked {
            Asked::Step(_) => true,
            _ => self.due().is_some_and(|due| due <= self.now),
        }
    }

    /// Secrets Manager would not know of a key that is created without its order, and would order another.
    pub(super) fn service_creates_it(&self) -> Option<Decision> {
        if self.needs_key() && self.secret.rotation_enabled { self.wait(Why::Service, None) } else { None }
    }

    pub(super) fn no_room_for_entries(&self) -> Option<Decision> {
        if self.needs_key() { self.no_tag_room() } else { None }
    }

    pub(super) fn next_value_too_large(&self) -> Option<Decision> {
        if self.needs_key() { self.value_too_large() } else { None }
    }

    pub(super) fn two_keys(&self) -> Option<Decision> {
        let full = self.needs_key() && self.seen.keys.len() >= 2;
        full.then(|| with_evidence(self.seen, self.seen.keys.iter().filter(|k| self.current.key() != Some(&k.id))))
    }

    /// A key is created only under a new journal entry of which keys there were before: without it, a lost reply would leave a key that nothing
    /// explains.
    pub(super) fn next_key(&self) -> Option<Decision> {
        if !self.needs_key() {
            return None;
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

    pub(super) fn key_not_listed_yet(&self) -> Option<Decision> {
        let until = self.unlisted_until()?;
        self.wait(Why::Unlisted, Some(until))
    }

    pub(super) fn settled(&self) -> Decision {
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
