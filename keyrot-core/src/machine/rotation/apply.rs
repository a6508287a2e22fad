//! Applies replies: updates the observed state, and records events.

use super::Rotation;
use super::state::{Created, Read, Stage};
use crate::machine::call::{Call, Reply};
use crate::machine::event::{EventKind, Failure};
use crate::machine::outcome::Outcome;
use crate::machine::rotation::task::Task;
use crate::model::error::CallError;
use crate::model::home::{HomeTag, SecretArn};
use crate::model::journal::{JournalEntry, Phase};
use crate::model::names::{KeyId, VersionId};
use crate::model::observed::{
    AccessKey, KeyStatus, LabeledVersion, Secret, SecretState, StoredVersion, Verified,
};
use crate::model::receipt::Receiving;
use crate::model::request::Request;
use crate::model::stored::VersionContents;
use crate::model::time::Timestamp;
use crate::model::version::Content;

impl Rotation {
    pub(super) fn succeeded(&mut self, now: Timestamp, call: Call, reply: Reply) {
        let expected = match (call, reply) {
            (Call::ListKeys, Reply::Keys(keys)) => {
                self.listed(now, keys);
                true
            }
            (Call::DescribeSecret, Reply::Secret(secret)) => {
                self.looked(secret);
                self.doubt(now);
                true
            }
            (Call::InspectVersion(version), Reply::VersionContents(inside)) => {
                self.read_foreign(&version, inside);
                true
            }
            (Call::Measure(version), Reply::VersionContents(inside)) => {
                self.measured(version, inside.as_ref());
                true
            }
            (Call::FindElsewhere, Reply::Elsewhere(homes)) => {
                self.seen.elsewhere = Some(homes);
                true
            }
            (Call::Compare, Reply::Differences(differences)) => {
                self.seen.differences = Some(differences);
                true
            }
            (Call::CreateSecret(version), Reply::SecretCreated(arn)) => {
                self.secret_created(now, version, arn);
                true
            }
            (Call::ListVersions, Reply::Versions(versions)) => {
                self.seen.versions = Some(versions);
                true
            }
            (Call::LastUse(key), Reply::LastUse(last_use)) => {
                self.seen.last_use.insert(key, last_use);
                true
            }
            (Call::CreateKey, Reply::Created(new)) => {
                let key = new.credentials.key.clone();
                self.seen.keys.push(AccessKey {
                    id: key.clone(),
                    status: KeyStatus::Active,
                    created: new.created,
                });
                self.seen.in_hand = Some(key.clone());
                self.created = Created::Key(new);
                self.read = Read::Changed;
                self.tell(now, EventKind::KeyCreated { key });
                true
            }
            (Call::ReadVersion(_), Reply::Credentials(credentials)) => {
                if let Stage::Verification(verification) = &mut self.stage {
                    verification.read(credentials);
                }
                self.end_of_verification(now);
                true
            }
            (Call::Probe(_), Reply::Probe(answer)) => {
                if let Stage::Verification(verification) = &mut self.stage {
                    verification.answered(answer, now, &self.policy);
                }
                self.end_of_verification(now);
                true
            }
            (Call::InspectDestination { to, .. }, Reply::Found(found)) => {
                self.found(&to, found);
                true
            }
            (call @ Call::Deliver { .. }, Reply::Found(found)) => {
                self.repeats.succeeded(&call);
                if let Call::Deliver { to, delivery, .. } = call {
                    self.delivered(now, to, delivery.version, found);
                }
                true
            }
            (call, Reply::Done)
                if !call.only_reads()
                    && !matches!(
                        call,
                        Call::CreateKey | Call::CreateSecret(_) | Call::Deliver { .. }
                    ) =>
            {
                self.done(now, call);
                true
            }
            _ => false,
        };
        if !expected {
            let error = CallError::lost(
                "the port answered another call than it was asked; this is a fault in the port's code",
            );
            self.end(
                now,
                Outcome::Failed(Failure { doing: "understand the port's answer".into(), error }),
            );
        }
    }

    /// Completes the read of the user's whole state.
    fn looked(&mut self, secret: SecretState) {
        self.seen.secret = secret;
        self.seen.last_use.clear();
        self.forget_found();
        self.seen.versions = None;
        self.read = Read::Whole;
        self.looks += 1;
        if let (Some(id), SecretState::Present(secret)) = (&self.seen.in_hand, &self.seen.secret) {
            let labels = [&secret.current, &secret.pending, &secret.previous];
            // The key was staged although the answer was lost. From now on it is like any other
            // key, and IAM's status counts.
            if labels.into_iter().flatten().any(|held| held.key() == Some(id)) {
                self.seen.in_hand = None;
            }
        }
        // The key that this run created may not be listed yet. Once it is listed, IAM's status
        // counts.
        if let (Some(id), Some(new)) = (self.seen.in_hand.clone(), self.created.key())
            && !self.seen.keys.iter().any(|k| k.id == id)
        {
            self.seen.keys.push(AccessKey { id, status: KeyStatus::Active, created: new.created });
        }
        self.stage = Stage::Deciding;
    }

    fn measured(&mut self, version: VersionId, inside: Option<&VersionContents>) {
        self.seen.next_size = Some((version, inside.and_then(|inside| inside.next_size)));
    }

    fn read_foreign(&mut self, version: &VersionId, inside: Option<VersionContents>) {
        self.measured(version.clone(), inside.as_ref());
        let content = match inside {
            Some(VersionContents { key: Ok(key), extras, .. }) => {
                Content::ForeignKey { key, extras }
            }
            Some(VersionContents { key: Err(why), .. }) => Content::ForeignOther(why),
            None => Content::ForeignEmpty,
        };
        if let SecretState::Present(secret) = &mut self.seen.secret {
            let labels = [&mut secret.current, &mut secret.pending, &mut secret.previous];
            for held in labels.into_iter().flatten().filter(|h| h.version == *version) {
                held.content = content.clone();
            }
        }
    }

    /// Applies a change: updates the observed state, and records an event.
    fn done(&mut self, now: Timestamp, call: Call) {
        self.read = Read::Changed;
        self.repeats.succeeded(&call);
        if let (Stage::Undo(_, outcome), Call::DeleteKey(key)) = (&self.stage, &call) {
            let (key, outcome) = (key.clone(), outcome.clone());
            self.seen.in_hand = None;
            self.seen.keys.retain(|k| k.id != key);
            self.tell(now, EventKind::OrphanRemoved { key });
            self.end(now, outcome);
            return;
        }
        if let Some(kind) = self.announcement(&call) {
            self.tell(now, kind);
        }
        match call {
            Call::PutPlaceholder(version) => self.only_version(now, version),
            Call::TestWrite(_) => self.seen.may_create = true,
            Call::WriteHome(home) => self.seen.residence.tag = HomeTag::At(home),
            Call::Deactivate(key) => {
                self.set_status(&key, KeyStatus::Inactive);
                self.deactivation_is_acknowledged(now, &key);
                self.deactivated = Some(key);
            }
            Call::Activate(key) => {
                self.set_status(&key, KeyStatus::Active);
                self.seen.reactivated = Some(key);
            }
            Call::DeleteKey(key) => self.seen.keys.retain(|k| k.id != key),
            Call::Write(JournalEntry::Receipt(receipt)) => {
                if receipt.state == Receiving::Delivering {
                    self.announced(&receipt.to, receipt.version.clone());
                }
                self.done_in_secret(now, Call::Write(JournalEntry::Receipt(receipt)));
            }
            call => self.done_in_secret(now, call),
        }
    }

    fn secret_created(&mut self, now: Timestamp, version: VersionId, arn: SecretArn) {
        self.read = Read::Changed;
        self.tell(now, EventKind::Adopted);
        let owner = Some(self.seen.residence.owner.clone());
        self.seen.secret = SecretState::Present(Secret { owner, ..Secret::empty(arn) });
        self.seen.created_here = true;
        // Another run may have created a secret elsewhere since then.
        self.seen.elsewhere = None;
        self.only_version(now, version);
    }

    fn only_version(&mut self, now: Timestamp, version: VersionId) {
        self.seen.versions = Some(vec![StoredVersion { id: version.clone(), created: Some(now) }]);
        if let SecretState::Present(secret) = &mut self.seen.secret {
            secret.current = Some(LabeledVersion::of(version));
        }
    }

    pub(super) fn is_active(&self, key: &KeyId) -> bool {
        self.seen.keys.iter().any(|known| known.id == *key && known.status == KeyStatus::Active)
    }

    pub(super) fn is_inactive(&self, key: &KeyId) -> bool {
        self.seen.keys.iter().any(|known| known.id == *key && known.status == KeyStatus::Inactive)
    }

    fn set_status(&mut self, key: &KeyId, status: KeyStatus) {
        if let Some(key) = self.seen.keys.iter_mut().find(|k| k.id == *key) {
            key.status = status;
        }
    }

    fn done_in_secret(&mut self, now: Timestamp, call: Call) {
        let SecretState::Present(secret) = &mut self.seen.secret else { return };
        match call {
            Call::Write(note) => {
                self.seen.may_create |= matches!(&note, JournalEntry::Intent(_));
                let retiring =
                    matches!(&note, JournalEntry::Retired(r) if r.phase == Phase::Retiring);
                if let (JournalEntry::Revoked(all), Task::Request(Request::Revoke(order))) =
                    (&note, &self.task)
                {
                    self.seen.ordered = all.iter().find(|noted| noted.key == order.key).cloned();
                    self.seen.switched_off = None;
                }
                secret.journal.set(note);
                if retiring {
                    self.stage = Stage::ListKeys;
                }
            }
            Call::Stage { version, credentials, carry } => {
                let stored = StoredVersion { id: version.clone(), created: Some(now) };
                self.seen.versions.iter_mut().for_each(|all| all.push(stored.clone()));
                self.seen.staged_here = Some(version.clone());
                let mut held = LabeledVersion::of(version);
                if held.content == Content::Foreign {
                    held.content =
                        Content::ForeignKey { key: credentials.key, extras: carry.is_some() };
                }
                secret.pending = Some(held);
                self.seen.in_hand = None;
            }
            Call::StagePlaceholder(version) => secret.pending = Some(LabeledVersion::of(version)),
            Call::Promote { to, .. } => {
                let labelled = [&secret.pending, &secret.previous]
                    .into_iter()
                    .flatten()
                    .find(|h| h.version == to);
                // The entry about it is outdated, and is written again.
                secret.journal.promoted.take_if(|noted| noted.version == to);
                let promoted = labelled.cloned().unwrap_or_else(|| LabeledVersion::of(to));
                secret.previous = secret.current.replace(promoted);
                self.forget_restarts(None);
            }
            Call::Unstage(_) => secret.pending = None,
            Call::BindSecret => secret.owner = Some(self.seen.residence.owner.clone()),
            _ => {}
        }
    }

    /// Returns the event for a change, before the observed state is updated.
    fn announcement(&self, call: &Call) -> Option<EventKind> {
        Some(match (call, &self.seen.secret) {
            (Call::PutPlaceholder(_), _) => EventKind::Adopted,
            (Call::WriteHome(home), seen) => {
                if let Task::Request(Request::Move { from }) = &self.task {
                    return Some(EventKind::Moved { from: from.clone(), home: home.clone() });
                }
                let SecretState::Present(secret) = seen else { return None };
                let lost =
                    self.seen.residence.tag == HomeTag::Absent && secret.journal.promoted.is_some();
                let bound_here = self.repeats.made(&Call::BindSecret);
                let again = lost && !bound_here && !self.seen.created_here;
                again.then(|| EventKind::HomeRestored { home: home.clone() })?
            }
            // IAM's listing may still show the key as Active. It is reported only once.
            (Call::Deactivate(key), _) if self.deactivated.as_ref() == Some(key) => return None,
            // The call is made anyway, because a listing may lag behind a reactivation.
            (Call::Deactivate(key), _) if self.is_inactive(key) => return None,
            (Call::Deactivate(key), _) => EventKind::Retired { key: key.clone() },
            (Call::Activate(key), _) => EventKind::Activated { key: key.clone() },
            (Call::DeleteKey(key), _) => EventKind::Deleted { key: key.clone() },
            (call, SecretState::Present(secret)) => self.announcement_in_secret(call, secret)?,
            _ => return None,
        })
    }

    fn announcement_in_secret(&self, call: &Call, secret: &Secret) -> Option<EventKind> {
        Some(match call {
            Call::Promote { to, .. } => {
                let labelled = [&secret.pending, &secret.previous].into_iter().flatten();
                let key = labelled
                    .clone()
                    .find(|held| held.version == *to)
                    .and_then(LabeledVersion::key)?
                    .clone();
                let from = secret.current.as_ref().and_then(LabeledVersion::key).cloned();
                if secret.previous.as_ref().is_some_and(|held| held.version == *to) {
                    return Some(EventKind::RolledBack { key, from, version: to.clone() });
                }
                let beside = || self.seen.keys.iter().map(|k| &k.id).find(|id| **id != key);
                let replaced = from.or_else(|| beside().cloned());
                EventKind::Rotated { key, replaced, version: to.clone() }
            }
            Call::Write(JournalEntry::Retired(note)) if note.phase == Phase::Hold => {
                let inactive = |(phase, _)| phase == Phase::Inactive;
                let active = |k: &AccessKey| k.id == note.key && k.status == KeyStatus::Active;
                let key = Some(&note.key)
                    .filter(|key| secret.journal.phase_of(key).is_some_and(inactive))?;
                self.seen
                    .keys
                    .iter()
                    .any(active)
                    .then(|| EventKind::Reactivated { key: key.clone() })?
            }
            Call::Write(JournalEntry::Revoked(notes)) => {
                if let Task::Request(Request::Reinstate { key }) = &self.task {
                    return Some(EventKind::Reinstated { key: key.clone() });
                }
                let new = notes.last().filter(|order| !secret.journal.revoked.contains(order))?;
                EventKind::Revoked {
                    key: new.key.clone(),
                    reason: self.task.reason().map(str::to_owned),
                }
            }
            Call::Write(JournalEntry::Receipt(receipt)) if receipt.state == Receiving::LetGo => {
                EventKind::LetGo { to: receipt.to.clone() }
            }
            Call::Write(JournalEntry::Retired(note)) if note.phase == Phase::Abandoned => {
                self.abandoning(&note.key)
            }
            Call::Write(JournalEntry::Retired(note)) if note.phase == Phase::Retiring => {
                let replaced = secret.journal.promoted.as_ref().and_then(|p| p.replacing.as_ref());
                let previous = secret.previous.as_ref().and_then(LabeledVersion::key);
                let old = |key: &KeyId| {
                    replaced == Some(key)
                        || previous == Some(key)
                        || secret.journal.revoked_at(key).is_some()
                };
                let key = Some(&note.key).filter(|key| !old(key))?;
                EventKind::OrphanFound { key: key.clone() }
            }
            _ => return None,
        })
    }

    fn abandoning(&self, key: &KeyId) -> EventKind {
        let reason = match &self.seen.verified {
            Some((_, Verified::Refused(reason) | Verified::Wrong(reason))) => reason.clone(),
            _ => "another key became current, or it was deactivated".into(),
        };
        EventKind::Abandoned { key: key.clone(), reason }
    }
}
