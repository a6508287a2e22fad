//! One user's case: what is seen, and what each key is to the rotation.

use super::belief;
use crate::decide::decision::{Decision, Question, Step, Wait, Why};
use crate::model::clock::CLOCK_TOLERANCE;
use crate::model::journal::{Intent, JournalEntry, Phase, Promoted, Retired};
use crate::model::names::KeyId;
use crate::model::observed::{AccessKey, LabeledVersion, LastUse, Observed, Secret, Verified};
use crate::model::request::Revocation;
use crate::model::step::RotationStep;
use crate::model::time::Timestamp;
use crate::model::version::Content;
use crate::model::waits::Policy;
use crate::model::waits::after;
use std::time::Duration;

/// What a key is to the rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It has the AWSCURRENT label.
    Current,
    /// Made by this run and not staged yet.
    InHand,
    /// It has the AWSPENDING label.
    Staged,
    /// Was current, may have been, or was the user's only key when keyrot came: it leaves after the overlap, once unused.
    Old,
    /// keyrot's own, and never current: an abandoned one, or one whose maker's reply was lost. Nobody has its secret.
    Stray,
    /// The user's only key while the secret still holds the placeholder: it stays until a successor is in place.
    InPlace,
    /// A person revoked it, and nothing else explains it.
    Revoked,
    /// No label and no note explains it; whether a version without a label does, was not asked yet.
    Unexplained,
    /// Nothing explains it.
    Unknown,
}

/// IAM records the first use in each quarter of an hour (IAM user guide, "Last accessed information").
const USE_GRAIN: Duration = Duration::from_secs(900);

pub(super) struct Situation<'a> {
    pub(super) seen: &'a Observed,
    pub(super) secret: &'a Secret,
    pub(super) current: &'a LabeledVersion,
    pub(super) policy: &'a Policy,
    pub(super) now: Timestamp,
    pub(super) asked: Asked<'a>,
}

/// What is asked for.
#[derive(Clone, Copy)]
pub(super) enum Asked<'a> {
    /// Every step that is due, as a scheduled run does.
    Run,
    /// One step of Secrets Manager's own rotation.
    Step(&'a RotationStep),
    /// The operator: publish this key again, which was current before.
    Rollback(&'a KeyId),
    /// The operator: revoke a key.
    Revoke(&'a Revocation),
    /// The operator: take the revocation of this key back.
    Reinstate(&'a KeyId),
}

/// Whether the key is, or may be, in use. Where IAM has no use of it on record, that counts for nothing until `quiet` after this.
pub(super) fn in_use(
    seen: &Observed,
    key: &KeyId,
    known_from: Timestamp,
    policy: &Policy,
    now: Timestamp,
) -> Option<Decision> {
    let quiet = policy.waits().quiet;
    let wait = |why, until: Timestamp| (now < until).then_some(Decision::Wait(Wait { why, until: Some(until) }));
    let key = key.clone();
    match seen.last_use.get(&key) {
        None => Some(Decision::Look(Question::LastUse(key))),
        Some(LastUse::Unknown(reason)) => {
            let why = Why::UseUnknown { key, reason: reason.clone() };
            Some(Decision::Wait(Wait { why, until: None }))
        }
        Some(used @ LastUse::At { when, .. }) => wait(Why::InUse { key, last_use: used.clone() }, after(*when, quiet)),
        Some(LastUse::NoRecord) => wait(Why::NoRecord(key), after(known_from, quiet)),
    }
}

impl Situation<'_> {
    pub(super) fn role(&self, key: &AccessKey) -> Role {
        let id = Some(&key.id);
        let journal = &self.secret.journal;
        let revoked = journal.revoked_at(&key.id).is_some();
        let used = matches!(self.seen.last_use.get(&key.id), Some(LastUse::At { .. }));
        if self.current.key() == id {
            Role::Current
        } else if self.staged().and_then(LabeledVersion::key) == id {
            Role::Staged
        } else if self.seen.in_hand.as_ref() == id {
            Role::InHand
        } else if self.was_current(&key.id) {
            Role::Old
        } else if !revoked && matches!(journal.phase_of(&key.id), Some((Phase::Abandoned, _))) {
            Role::Stray
        } else if self.seen.versions.is_none() {
            Role::Unexplained
        } else if revoked {
            Role::Revoked
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
    ///
    /// An entry alone says so only of a key that is not younger than the current one. A user has two keys at most, so that such a key was there
    /// when the current one was created, and is what that one replaced, by IAM's own dates.
    pub(super) fn was_current(&self, key: &KeyId) -> bool {
        let younger = || {
            let current = self.current.key().and_then(|id| self.key(id));
            self.key(key).zip(current).is_some_and(|(key, current)| current.created < key.created)
        };
        let journal = &self.secret.journal;
        let previous = self.secret.previous.as_ref();
        let adopted = || {
            let before = journal.intent.as_ref().map(|i| &i.before[..]);
            previous.is_some_and(|held| held.content == Content::Placeholder)
                && self.current.key().is_some_and(|current| before.is_some_and(|b| !b.contains(current)))
                && before == Some(std::slice::from_ref(key))
        };
        previous.and_then(LabeledVersion::key) == Some(key)
            || ((journal.promoted.as_ref().and_then(|p| p.replacing.as_ref()) == Some(key) || adopted()) && !younger())
    }

    /// Whether keyrot wrote a version of the secret with the key, with or without a label, when the key was made: then it is keyrot's own,
    /// whatever came after.
    pub(super) fn in_a_version(&self, key: &KeyId) -> bool {
        let Some(listed) = self.key(key) else { return false };
        let mut versions = self.seen.versions.iter().flatten();
        versions.any(|version| belief::written_with_its_key(version, listed, self.policy))
    }

    /// Whether the use is keyrot's own verification of a key that it made: asked of STS, right after the key was created.
    pub(super) fn own_verification(&self, key: &AccessKey, last_use: &LastUse) -> bool {
        let LastUse::At { when, service, .. } = last_use else { return false };
        let waits = self.policy.waits();
        let latest = after(after(after(key.created, waits.probe_limit), waits.settle), CLOCK_TOLERANCE);
        service == "sts" && key.created <= after(*when, USE_GRAIN) && *when <= latest
    }

    /// Whether keyrot made the key, as far as a version, a note or an intent still says it.
    pub(super) fn is_own(&self, key: &AccessKey) -> bool {
        let abandoned = matches!(self.secret.journal.phase_of(&key.id), Some((Phase::Abandoned, _)));
        abandoned || self.in_a_version(&key.id) || self.made_under_the_intent(key)
    }

    /// Whether a lost reply to CreateAccessKey explains the key: it did not exist before the intent, it appeared within the settling time,
    /// and there is not already a key for every one that the intent can have made.
    pub(super) fn made_under_the_intent(&self, key: &AccessKey) -> bool {
        let Some(Intent { before, at }) = &self.secret.journal.intent else { return false };
        let in_window = |k: &AccessKey| {
            let not_too_early = *at <= after(k.created, CLOCK_TOLERANCE);
            let not_too_late = k.created <= after(self.settled_at(*at), CLOCK_TOLERANCE);
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
    pub(super) fn only_unexplained(&self, key: &AccessKey) -> bool {
        let explained = |k: &AccessKey| {
            let id = Some(&k.id);
            self.secret.pending.as_ref().and_then(LabeledVersion::key) == id
                || self.seen.in_hand.as_ref() == id
                || self.secret.journal.phase_of(&k.id).is_some()
                || self.secret.journal.revoked_at(&k.id).is_some()
                || self.in_a_version(&k.id)
                || self.made_under_the_intent(k)
        };
        self.seen.keys.iter().all(|k| k.id == key.id || explained(k))
    }

    /// Whether a newer key became current while this one was staged.
    pub(super) fn superseded(&self, staged: &AccessKey) -> bool {
        self.current.key().and_then(|key| self.key(key)).is_some_and(|current| current.created > staged.created)
    }

    /// Whether a key that is not listed yet may have been made under the last intent: its maker's run may not be over, and its reply may be lost.
    pub(super) fn unlisted_until(&self) -> Option<Timestamp> {
        let Intent { before, at } = self.secret.journal.intent.as_ref()?;
        let appeared = self.seen.keys.iter().any(|key| !before.contains(&key.id));
        Some(self.settled_at(*at)).filter(|until| self.now < *until && !appeared)
    }

    /// AWSPENDING, unless it stands where AWSCURRENT stands, where it means nothing.
    pub(super) fn staged(&self) -> Option<&LabeledVersion> {
        self.secret.pending.as_ref().filter(|p| p.version != self.current.version)
    }

    /// Whether the version stood under AWSCURRENT already, as far as a label or a note still says it.
    pub(super) fn was_published(&self, held: &LabeledVersion) -> bool {
        let noted = self.secret.journal.promoted.as_ref().map(|p| &p.version);
        let previous = self.secret.previous.as_ref().map(|p| &p.version);
        noted == Some(&held.version) || previous == Some(&held.version)
    }

    /// The note that the version under AWSCURRENT was proved and put there.
    pub(super) fn promoted(&self) -> Option<&Promoted> {
        self.secret.journal.promoted.as_ref().filter(|p| p.version == self.current.version)
    }

    pub(super) fn proof(&self, held: &LabeledVersion) -> Option<&Verified> {
        self.seen.proof.as_ref().filter(|(version, _)| *version == held.version).map(|(_, proof)| proof)
    }

    /// The phase of a key, unless a person revoked the key after it was noted down: then that is over.
    pub(super) fn phase_since_revoked(&self, key: &KeyId) -> Option<(Phase, Timestamp)> {
        let journal = &self.secret.journal;
        journal.phase_of(key).filter(|(_, at)| journal.revoked_at(key).is_none_or(|revoked| revoked <= *at))
    }

    pub(super) fn key(&self, id: &KeyId) -> Option<&AccessKey> {
        self.seen.keys.iter().find(|k| k.id == *id)
    }

    pub(super) fn keys_as(&self, role: Role) -> impl Iterator<Item = &AccessKey> {
        self.seen.keys.iter().filter(move |k| self.role(k) == role)
    }

    pub(super) fn leaving(&self) -> impl Iterator<Item = &AccessKey> {
        self.keys_as(Role::Revoked).chain(self.keys_as(Role::Old)).chain(self.keys_as(Role::Stray))
    }

    pub(super) fn keys_beside_current(&self) -> usize {
        self.seen.keys.iter().filter(|k| self.current.key() != Some(&k.id)).count()
    }

    pub(super) fn settled_at(&self, since: Timestamp) -> Timestamp {
        after(since, self.policy.waits().settle)
    }

    pub(super) fn retire(&self, key: &KeyId, phase: Phase) -> Option<Decision> {
        self.write(JournalEntry::Retired(Retired { key: key.clone(), phase, at: self.now }))
    }

    pub(super) fn write(&self, note: JournalEntry) -> Option<Decision> {
        Some(Decision::Act(Step::Write(note)))
    }

    /// Nobody could be asked whether the key works: nothing is concluded, and the next run asks again.
    pub(super) fn unverified(&self, key: &KeyId, reason: &str) -> Decision {
        let why = Why::VerificationUnknown { key: key.clone(), reason: reason.to_owned() };
        Decision::Wait(Wait { why, until: None })
    }

    pub(super) fn wait(&self, why: Why, until: Option<Timestamp>) -> Option<Decision> {
        Some(Decision::Wait(Wait { why, until }))
    }
}
