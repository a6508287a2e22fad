//! One user's situation: the observed state, each key's role in the rotation, and lookups that
//! several facts need.

use crate::decide::answer::{act, write};
use crate::decide::belief;
use crate::decide::decision::{Decision, Step};
use crate::model::clock::CLOCK_TOLERANCE;
use crate::model::journal::{Intent, JournalEntry, Phase, Promoted, Retired, Revoked};
use crate::model::names::{DestinationName, KeyId, VersionId};
use crate::model::observed::{
    AccessKey, KeyStatus, LabeledVersion, LastUse, Observed, Secret, Verified,
};
use crate::model::request::Revocation;
use crate::model::step::RotationStep;
use crate::model::time::Timestamp;
use crate::model::version::Content;
use crate::model::waits::{WaitPolicy, after};
use std::time::Duration;

/// What is requested.
#[derive(Clone, Copy)]
pub(crate) enum Ask<'a> {
    /// Every step that is due, as a scheduled run does.
    Run,
    /// One step of Secrets Manager's own rotation.
    Step(&'a RotationStep),
    /// The operator: publish this key, which was current before, again.
    Rollback(&'a KeyId),
    /// The operator: revoke a key.
    Revoke(&'a Revocation),
    /// The operator: take the revocation of this key back.
    Reinstate(&'a KeyId),
    /// The operator: deliver the current key, to this destination or to all.
    Deliver(Option<&'a DestinationName>),
    /// The operator: give this destination up.
    LetGo(&'a DestinationName),
}

/// A key's role in the rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The current key.
    Current,
    /// A key that this run created, and has not staged yet.
    InHand,
    /// The key with the AWSPENDING label.
    Staged,
    /// A key that was or may have been current, or was the user's only key at the adoption: it is
    /// retired after the overlap, once unused.
    Old,
    /// A key that keyrot created and that was never current: an abandoned key, or one whose
    /// creation reply was lost. Nothing can be using it.
    Stray,
    /// The user's only key while the secret still holds the placeholder: it stays until a successor
    /// is in place.
    InPlace,
    /// A key that the operator revoked, and that nothing else explains.
    Revoked,
    /// No label or journal entry explains it; the versions without a label were not read yet.
    Unasked,
    /// Nothing explains it.
    Unexplained,
}

/// A user whose secret has a current version.
pub(crate) struct Situation<'a> {
    pub(crate) seen: &'a Observed,
    pub(crate) secret: &'a Secret,
    pub(crate) current: &'a LabeledVersion,
    pub(crate) policy: &'a WaitPolicy,
    pub(crate) now: Timestamp,
    pub(crate) ask: Ask<'a>,
    keys: Vec<(Role, &'a AccessKey)>,
}

impl<'a> Situation<'a> {
    pub(crate) fn new(
        seen: &'a Observed,
        (secret, current): (&'a Secret, &'a LabeledVersion),
        ask: Ask<'a>,
        policy: &'a WaitPolicy,
        now: Timestamp,
    ) -> Self {
        let mut situation = Self { seen, secret, current, policy, now, ask, keys: Vec::new() };
        situation.keys = roles(&situation);
        situation
    }

    pub(crate) fn key(&self, id: &KeyId) -> Option<&'a AccessKey> {
        self.seen.keys.iter().find(|key| key.id == *id)
    }

    pub(super) fn is_active(&self, key: &KeyId) -> bool {
        self.key(key).is_some_and(|key| key.status == KeyStatus::Active)
    }

    pub(crate) fn keys_as(&self, role: Role) -> impl Iterator<Item = &'a AccessKey> {
        self.keys.iter().filter(move |(its, _)| *its == role).map(|(_, key)| *key)
    }

    pub(crate) fn is(&self, key: &AccessKey, role: Role) -> bool {
        self.keys.iter().any(|(its, one)| *its == role && one.id == key.id)
    }

    /// Returns the keys to retire, in order.
    pub(crate) fn outgoing(&self) -> impl Iterator<Item = &'a AccessKey> {
        self.keys_as(Role::Revoked).chain(self.keys_as(Role::Old)).chain(self.keys_as(Role::Stray))
    }

    pub(crate) fn current_key(&self) -> Option<&'a KeyId> {
        self.current.key()
    }

    pub(crate) fn keys_beside_current(&self) -> impl Iterator<Item = &'a AccessKey> {
        self.seen.keys.iter().filter(|key| self.current.key() != Some(&key.id))
    }

    /// Returns the current key, as IAM lists it.
    pub(crate) fn current_listed(&self) -> Option<&'a AccessKey> {
        self.current_key().and_then(|id| self.key(id))
    }

    pub(crate) fn previous_key(&self) -> Option<&'a KeyId> {
        self.secret.previous.as_ref().and_then(LabeledVersion::key)
    }

    /// Returns the version with the AWSPENDING label, unless it is current: then the label has no
    /// meaning.
    pub(crate) fn staged(&self) -> Option<&'a LabeledVersion> {
        self.secret.pending.as_ref().filter(|held| held.version != self.current.version)
    }

    /// Whether the version was current before, if a label or a journal entry still says so.
    pub(crate) fn was_published(&self, held: &LabeledVersion) -> bool {
        let noted = self.secret.journal.promoted.as_ref().map(|promoted| &promoted.version);
        let previous = self.secret.previous.as_ref().map(|previous| &previous.version);
        noted == Some(&held.version) || previous == Some(&held.version)
    }

    /// Whether a newer key became current while this one was staged.
    pub(crate) fn superseded(&self, staged: &AccessKey) -> bool {
        self.current_listed().is_some_and(|current| current.created > staged.created)
    }

    /// Returns the entry that says that the current version was verified and published.
    pub(crate) fn promoted(&self) -> Option<&'a Promoted> {
        self.secret
            .journal
            .promoted
            .as_ref()
            .filter(|promoted| promoted.version == self.current.version)
    }

    /// Returns the key that the last promotion replaced, from its entry.
    pub(crate) fn last_replaced(&self) -> Option<&'a KeyId> {
        self.secret.journal.promoted.as_ref().and_then(|promoted| promoted.replacing.as_ref())
    }

    /// Returns how long an old key stays Active after the current one was published: by the present
    /// setting or the one at that time, whichever is longer. A forged entry can only make it
    /// longer.
    pub(crate) fn overlap(&self) -> Duration {
        let noted = self.promoted().and_then(|promoted| promoted.overlap);
        noted.unwrap_or_default().max(self.policy.waits().overlap)
    }

    /// Returns how long the key stays Inactive before it is deleted, in the same way.
    pub(crate) fn soak(&self, key: &KeyId) -> Duration {
        let noted = self.secret.journal.retired.as_ref().filter(|noted| noted.key == *key);
        noted.and_then(|noted| noted.soak).unwrap_or_default().max(self.policy.waits().soak)
    }

    /// Whether a rollback to this version is under way, or was not recorded completely: its entry
    /// is dated later than any run lasts.
    pub(crate) fn is_noted_for_later(&self, version: &VersionId) -> bool {
        let noted = self.secret.journal.promoted.as_ref();
        noted.is_some_and(|noted| noted.version == *version && self.now < noted.at)
    }

    /// Returns the result of this run's verification of a version.
    pub(crate) fn verified(&self, held: &LabeledVersion) -> Option<&'a Verified> {
        self.seen
            .verified
            .as_ref()
            .filter(|(version, _)| *version == held.version)
            .map(|(_, verified)| verified)
    }

    pub(crate) fn revoked_at(&self, key: &KeyId) -> Option<Timestamp> {
        self.secret.journal.revoked_at(key)
    }

    /// Returns the phase of a key, unless it was revoked after that entry.
    pub(crate) fn phase_since_revoked(&self, key: &KeyId) -> Option<(Phase, Timestamp)> {
        let journal = &self.secret.journal;
        journal
            .phase_of(key)
            .filter(|(_, at)| journal.revoked_at(key).is_none_or(|revoked| revoked <= *at))
    }

    /// Returns the previous key, if it could be published again.
    pub(crate) fn key_before(&self) -> Option<(&'a LabeledVersion, &'a AccessKey)> {
        let held =
            self.secret.previous.as_ref().filter(|held| held.version != self.current.version)?;
        let key = self.key(held.key()?)?;
        let usable =
            !matches!(key.status, KeyStatus::Other(_)) && self.revoked_at(&key.id).is_none();
        usable.then_some((held, key))
    }

    /// Whether the key was current, or was the user's only one at the adoption.
    ///
    /// An entry alone counts only for a key that is not younger than the current one. A user has
    /// two keys at most, so by IAM's own dates such a key existed when the current one was created,
    /// and was replaced by it.
    pub(crate) fn was_current(&self, key: &KeyId) -> bool {
        let younger = || {
            let listed = self.key(key).zip(self.current_listed());
            listed.is_some_and(|(key, current)| current.created < key.created)
        };
        let adopted = || {
            let before = self.secret.journal.intent.as_ref().map(|intent| &intent.before[..]);
            self.secret.previous.as_ref().is_some_and(|held| held.content == Content::Placeholder)
                && self
                    .current_key()
                    .is_some_and(|current| before.is_some_and(|before| !before.contains(current)))
                && before == Some(std::slice::from_ref(key))
        };
        let noted = || self.last_replaced() == Some(key) || adopted();
        self.previous_key() == Some(key) || (noted() && !younger())
    }

    /// Whether keyrot stored the key in a version of the secret, with or without a label, when it
    /// was created: then it is keyrot's own.
    pub(crate) fn in_a_version(&self, key: &KeyId) -> bool {
        let Some(listed) = self.key(key) else { return false };
        let mut versions = self.seen.versions.iter().flatten();
        versions.any(|version| belief::written_with_its_key(version, listed, self.policy))
    }

    /// Whether keyrot created the key, if a version, a journal entry or an intent still says so.
    pub(crate) fn is_own(&self, key: &AccessKey) -> bool {
        let abandoned =
            matches!(self.secret.journal.phase_of(&key.id), Some((Phase::Abandoned, _)));
        abandoned || self.in_a_version(&key.id) || self.made_under_the_intent(key)
    }

    /// Whether a lost reply to CreateAccessKey explains the key: it did not exist before the
    /// intent, it appeared within `settle`, and the intent can still account for it.
    pub(crate) fn made_under_the_intent(&self, key: &AccessKey) -> bool {
        let Some(Intent { before, at }) = &self.secret.journal.intent else { return false };
        let in_window = |k: &AccessKey| {
            let not_too_early = *at <= after(k.created, CLOCK_TOLERANCE);
            let not_too_late = k.created <= after(self.settled_at(*at), CLOCK_TOLERANCE);
            !before.contains(&k.id) && not_too_early && not_too_late
        };
        let others = self.seen.keys.iter().filter(|k| {
            let held = [Some(self.current), self.secret.pending.as_ref()];
            let labeled = held.into_iter().flatten().any(|held| held.key() == Some(&k.id));
            k.id != key.id && labeled && in_window(k)
        });
        in_window(key) && before.len() + others.count() < 2
    }

    /// Returns when a run that began at that time is over, and IAM shows its changes.
    pub(crate) fn settled_at(&self, since: Timestamp) -> Timestamp {
        after(since, self.policy.waits().settle)
    }

    /// Returns when a change at this time has settled, if that is still in the future.
    pub(crate) fn settles(&self, since: Timestamp) -> Option<Timestamp> {
        Some(self.settled_at(since)).filter(|until| self.now < *until)
    }

    /// Returns until when IAM's listing may lack the key, if a labeled version says that it was
    /// created minutes ago.
    pub(crate) fn unlisted_until(&self, key: &KeyId) -> Option<Timestamp> {
        let labels =
            [Some(self.current), self.secret.pending.as_ref(), self.secret.previous.as_ref()];
        let created = labels.into_iter().flatten().find_map(|held| match &held.content {
            Content::Key { key: its, created, .. } if its == key => Some(*created),
            _ => None,
        })?;
        let believed = created <= after(self.now, CLOCK_TOLERANCE) && self.key(key).is_none();
        self.settles(created).filter(|_| believed)
    }

    /// Returns the version whose other fields the next one carries over.
    pub(crate) fn carried(&self) -> Option<VersionId> {
        self.current.content.extras().then(|| self.current.version.clone())
    }

    /// Records the phase of a key, with a time that is not before its revocation: another clock may
    /// have been ahead, and entries from before a revocation no longer count.
    pub(crate) fn note(&self, key: &KeyId, phase: Phase) -> Decision {
        let soak = (phase == Phase::Inactive).then_some(self.policy.waits().soak);
        let reactivated = self.was_reactivated(key)
            || phase == Phase::Hold && self.current_key() != Some(key) && self.works_again(key);
        let at = self.revoked_at(key).map_or(self.now, |revoked| revoked.max(self.now));
        let key = key.clone();
        write(JournalEntry::Retired(Retired { key, phase, at, soak, reactivated }))
    }

    /// Whether an entry says that the old key was reactivated before. A key that became current
    /// again since then was reactivated on purpose.
    pub(crate) fn was_reactivated(&self, key: &KeyId) -> bool {
        let noted = self.secret.journal.retired.as_ref().filter(|noted| noted.key == *key);
        let since = self.promoted().map(|promoted| promoted.at);
        noted.is_some_and(|noted| noted.reactivated && since.is_none_or(|since| noted.at >= since))
            && self.current_key() != Some(key)
    }

    /// Whether an entry says that a key is revoked that is still Active.
    pub(crate) fn is_revoking(&self) -> bool {
        let active = |key: &&AccessKey| key.status == KeyStatus::Active;
        self.seen.keys.iter().filter(active).any(|key| self.revoked_at(&key.id).is_some())
    }

    /// Whether the key was recorded as Inactive, and IAM lists it as Active.
    fn works_again(&self, key: &KeyId) -> bool {
        matches!(self.phase_since_revoked(key), Some((Phase::Inactive, _)))
            && self.key(key).is_some_and(|listed| listed.status == KeyStatus::Active)
    }

    /// Records that the current version works and is published.
    pub(crate) fn note_published(&self, replacing: Option<&KeyId>) -> Decision {
        let version = self.current.version.clone();
        write(JournalEntry::Promoted(Promoted {
            version,
            replacing: replacing.cloned(),
            at: self.now,
            overlap: Some(self.policy.waits().overlap),
        }))
    }

    /// Records which keys exist before one is created.
    pub(crate) fn note_intent(&self) -> Decision {
        let before = self.seen.keys.iter().map(|key| key.id.clone()).collect();
        write(JournalEntry::Intent(Intent { before, at: self.now }))
    }

    /// Records the revoked keys: the earlier ones, and this key with its new revocation. Keys that
    /// are gone are left out.
    pub(crate) fn note_revoked(&self, key: &KeyId, order: Option<&Revocation>) -> Decision {
        let there = |id: &KeyId| self.key(id).is_some() || self.current_key() == Some(id);
        let mut all = self.secret.journal.revoked.clone();
        all.retain(|before| before.key != *key && there(&before.key));
        let entry = |order: &Revocation| Revoked {
            key: order.key.clone(),
            at: self.now,
            only_if_unused: order.only_if_unused,
        };
        all.extend(order.map(entry));
        write(JournalEntry::Revoked(all))
    }

    /// Publishes a version in place of the current one.
    pub(crate) fn publish(&self, version: &VersionId) -> Decision {
        act(Step::Promote { from: self.current.version.clone(), to: version.clone() })
    }
}

/// Returns the role of each key.
pub(crate) fn roles<'a>(case: &Situation<'a>) -> Vec<(Role, &'a AccessKey)> {
    case.seen.keys.iter().map(|key| (role(case, key), key)).collect()
}

fn role(case: &Situation<'_>, key: &AccessKey) -> Role {
    let id = Some(&key.id);
    let journal = &case.secret.journal;
    let revoked = case.revoked_at(&key.id).is_some();
    let used = || matches!(case.seen.last_use.get(&key.id), Some(LastUse::At { .. }));
    if case.current_key() == id {
        Role::Current
    } else if case.staged().and_then(LabeledVersion::key) == id {
        Role::Staged
    } else if case.seen.in_hand.as_ref() == id {
        Role::InHand
    } else if case.was_current(&key.id) {
        Role::Old
    } else if !revoked && matches!(journal.phase_of(&key.id), Some((Phase::Abandoned, _))) {
        Role::Stray
    } else if case.seen.versions.is_none() {
        Role::Unasked
    } else if revoked {
        Role::Revoked
    } else if case.in_a_version(&key.id) {
        let published = journal.promoted.is_some() || case.secret.previous.is_some();
        if published { Role::Old } else { Role::Stray }
    } else if journal.phase_of(&key.id).is_some() || (!used() && case.made_under_the_intent(key)) {
        Role::Stray
    } else if case.current.content == Content::Placeholder && only_unexplained(case, key) {
        Role::InPlace
    } else {
        Role::Unexplained
    }
}

/// Whether this is the only key that no version, no journal entry and no intent explains.
fn only_unexplained(case: &Situation<'_>, key: &AccessKey) -> bool {
    let explained = |k: &AccessKey| {
        let id = Some(&k.id);
        case.secret.pending.as_ref().and_then(LabeledVersion::key) == id
            || case.seen.in_hand.as_ref() == id
            || case.secret.journal.phase_of(&k.id).is_some()
            || case.revoked_at(&k.id).is_some()
            || case.in_a_version(&k.id)
            || case.made_under_the_intent(k)
    };
    case.seen.keys.iter().all(|k| k.id == key.id || explained(k))
}
