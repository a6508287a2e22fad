//! Previews a request, or a run after a verification: the machine plays it through on the observed
//! state, with every call succeeding.

use super::Rotation;
use crate::decide::decision::{Wait, Why};
use crate::machine::call::{Call, Reply};
use crate::machine::event::Failure;
use crate::machine::outcome::Outcome;
use crate::machine::planned::PlannedAction;
use crate::machine::rotation::task::Task;
use crate::machine::rotation::{Mode, Next};
use crate::model::credentials::{Credentials, SecretKey};
use crate::model::destination::{Found, Holds};
use crate::model::error::{CallError, ErrorKind};
use crate::model::home::SecretArn;
use crate::model::journal::JournalEntry;
use crate::model::names::{DestinationName, KeyId, Mark, VersionId};
use crate::model::no_key::NoKey;
use crate::model::observed::{LabeledVersion, LastUse, SecretState, StoredVersion};
use crate::model::receipt::Receiving;
use crate::model::request::Request;
use crate::model::stored::{NewKey, ProbeAnswer, VersionContents};
use crate::model::time::Timestamp;
use crate::model::version::Content;
use crate::model::waits::after;
use std::collections::BTreeMap;

/// The limit on a request's calls and waits: a run's limit for each part between two waits.
const MOST_CALLS: usize = 200;
const MOST_WAITS: usize = 4;
/// Includes the pauses and probes of verifications; the settings allow many.
const MOST_MOVES: usize = 5_000;

/// The placeholder id of the new key. IAM's ids have no such digits.
const NEW_KEY: &str = "AKIA0000000000000000";

/// A simulated run.
struct Preview {
    run: Rotation,
    now: Timestamp,
    /// The last uses that were read before the first change: they are not read again.
    last_use: BTreeMap<KeyId, LastUse>,
    versions: Vec<StoredVersion>,
    /// The content of destinations before the first change.
    found: BTreeMap<DestinationName, Option<Found>>,
    steps: Vec<PlannedAction>,
    /// Whether a journal entry was written.
    records: bool,
}

impl Rotation {
    /// Returns the steps of the request, as far as they can be known in advance.
    ///
    /// # Errors
    /// [`Failure`] if they are unknown: an operator must not be asked to agree to unknown steps.
    pub(super) fn outlook(
        &self,
        request: &Request,
        now: Timestamp,
    ) -> Result<Vec<PlannedAction>, Failure> {
        self.preview(now).play(request)
    }

    /// Returns what a run does to keys and labels after a successful verification; a plan verifies
    /// nothing.
    pub(super) fn if_it_works(&self, now: Timestamp) -> Vec<PlannedAction> {
        let mut preview = self.preview(now);
        for _ in 0..MOST_MOVES {
            match preview.run.next(preview.now) {
                Next::Sleep(pause) => preview.now = after(preview.now, pause),
                Next::Call(call) => preview.make(call),
                Next::Done(_) => break,
            }
        }
        preview.steps
    }

    fn preview(&self, now: Timestamp) -> Preview {
        let mut run = self.clone();
        run.mode = Mode::Act;
        let mut versions = self.seen.versions.clone().unwrap_or_default();
        if let SecretState::Present(secret) = &self.seen.secret {
            let labels = [&secret.current, &secret.pending, &secret.previous];
            versions.extend(labels.into_iter().flatten().map(|held| on_paper_since(&held.version)));
        }
        let last_use = self.seen.last_use.clone();
        let seen = self.seen.destinations.iter();
        let found = seen.map(|one| (one.assignment.to.clone(), one.found.clone())).collect();
        // Failed reads are known already, and nothing fails in the simulated part.
        run.undelivered.clear();
        run.skipped = None;
        Preview { run, now, last_use, versions, found, steps: Vec::new(), records: false }
    }
}

impl Preview {
    fn play(mut self, request: &Request) -> Result<Vec<PlannedAction>, Failure> {
        let mut waits = 0;
        let (mut calls, mut last) = (0, None);
        for _ in 0..MOST_MOVES {
            match self.run.next(self.now) {
                Next::Sleep(pause) => self.now = after(self.now, pause),
                Next::Call(_) if calls == MOST_CALLS => break,
                Next::Call(call) => {
                    calls += usize::from(!matches!(call, Call::Probe(_)));
                    last = Some(call.purpose());
                    self.make(call);
                }
                Next::Done(Outcome::Waiting(wait)) => {
                    let until = wait.until.filter(|_| waits < MOST_WAITS && self.is_listed(&wait));
                    waits += 1;
                    // What the request records before it waits is its step.
                    if self.steps.is_empty() && self.records {
                        self.steps.push(self.recorded());
                    }
                    self.steps.push(PlannedAction::Wait(wait));
                    let Some(until) = until else { return Ok(self.steps) };
                    self.ask_again(until);
                }
                Next::Done(Outcome::Blocked(reason)) => {
                    self.steps.push(PlannedAction::Stop(reason));
                    return Ok(self.steps);
                }
                Next::Done(Outcome::Done | Outcome::Revoked { .. }) => {
                    return Ok(self.complete(request));
                }
                Next::Done(Outcome::Failed(failure)) => {
                    return Err(unforeseen(&failure.to_string()));
                }
                Next::Done(Outcome::Refused(refusal)) => {
                    return Err(unforeseen(&refusal.to_string()));
                }
                Next::Done(Outcome::Stopped(stop)) => return Err(unforeseen(&stop.to_string())),
                Next::Done(other) => {
                    return Err(unforeseen(&format!("it would end as {:?}", other.state())));
                }
            }
        }
        let last = last.map(|what| format!(", the last of them to {what}")).unwrap_or_default();
        Err(unforeseen(&format!("after {MOST_CALLS} calls{last} there is no end of it")))
    }

    /// Simulates a call.
    fn make(&mut self, call: Call) {
        self.steps.extend(self.step(&call));
        self.records |= matches!(call, Call::Write(_));
        let answer = match &call {
            // This call determines whether the key exists.
            Call::Deactivate(key) if !self.run.seen.keys.iter().any(|known| known.id == *key) => {
                Err(CallError::refused(ErrorKind::NotFound, "there is no such key"))
            }
            _ => Ok(self.reply(call)),
        };
        self.run.answer(self.now, answer);
    }

    /// Returns the steps of a preview that succeeded. If only a journal entry is left to write,
    /// that is its step. The same applies if an entry is slightly ahead of this clock, and becomes
    /// valid only because time passes in the preview.
    fn complete(mut self, request: &Request) -> Vec<PlannedAction> {
        self.steps.extend(self.left_to_runs(request));
        if self.steps.is_empty() {
            self.steps.push(PlannedAction::WriteDown);
        }
        self.steps
    }

    /// Whether the key that this wait is for is listed. What follows once IAM lists an unlisted key
    /// is unknown.
    fn is_listed(&self, wait: &Wait) -> bool {
        let Why::Settling(key) = &wait.why else { return true };
        self.run.seen.keys.iter().any(|listed| listed.id == *key)
    }

    /// Repeats the request in a new run.
    fn ask_again(&mut self, at: Timestamp) {
        self.now = at;
        let Rotation { subject, policy, task, decider, seen, .. } = self.run.clone();
        let mut run = Rotation::new(subject, policy, Mode::Act).to_do(task).deciding_by(decider);
        (run.seen.keys, run.seen.secret, run.seen.residence) =
            (seen.keys, seen.secret, seen.residence);
        self.run = run;
    }

    fn step(&self, call: &Call) -> Option<PlannedAction> {
        Some(match call {
            Call::CreateSecret(_) | Call::PutPlaceholder(_) => PlannedAction::MakeSecret,
            Call::Promote { to, .. } => {
                let SecretState::Present(secret) = &self.run.seen.secret else { return None };
                let before = secret.previous.as_ref().is_some_and(|held| held.version == *to);
                match self.run.held(to).and_then(LabeledVersion::key)?.clone() {
                    new if new.as_str() == NEW_KEY => PlannedAction::PublishNewKey,
                    key if before => PlannedAction::PublishAgain(key),
                    staged => PlannedAction::PublishStaged(staged),
                }
            }
            Call::Activate(key) => PlannedAction::Activate(key.clone()),
            // An Inactive key is deactivated again because a listing may lag; nothing changes.
            Call::Deactivate(key) if !self.run.is_active(key) => return None,
            Call::Deactivate(key) => PlannedAction::Deactivate(key.clone()),
            Call::Write(JournalEntry::Revoked(_)) => return self.reinstated(),
            Call::DeleteKey(key) => PlannedAction::Delete(key.clone()),
            Call::Deliver { to, place, .. } => {
                let restarts = self.run.restarts(to);
                PlannedAction::Deliver { to: to.clone(), place: place.clone(), restarts }
            }
            Call::Write(JournalEntry::Receipt(receipt)) if receipt.state == Receiving::LetGo => {
                PlannedAction::LetGo(receipt.to.clone())
            }
            _ => return None,
        })
    }

    /// Returns the step of a request that has only written journal entries.
    fn recorded(&self) -> PlannedAction {
        match &self.run.task {
            Task::Request(Request::Revoke(order)) => PlannedAction::Revoke(order.key.clone()),
            _ => PlannedAction::WriteDown,
        }
    }

    fn reinstated(&self) -> Option<PlannedAction> {
        match &self.run.task {
            Task::Request(Request::Reinstate { key }) => {
                Some(PlannedAction::Reinstate(key.clone()))
            }
            _ => None,
        }
    }

    /// Returns the reply of a call that succeeds.
    fn reply(&mut self, call: Call) -> Reply {
        match call {
            Call::ListKeys => Reply::Keys(self.run.seen.keys.clone()),
            Call::DescribeSecret => Reply::Secret(self.run.seen.secret.clone()),
            // The version has not been read yet, so this is unknown.
            Call::InspectVersion(_) => Reply::VersionContents(None),
            // The value was measured before the first change, if a key will be created.
            Call::Measure(_) => Reply::VersionContents(Some(VersionContents {
                key: Err(NoKey::NoFields),
                extras: true,
                next_size: Some(0),
            })),
            // This has not been read yet: if there were a home elsewhere, the request would stop
            // and say so.
            Call::FindElsewhere => Reply::Elsewhere(Vec::new()),
            Call::Compare => Reply::Differences(Vec::new()),
            Call::CreateSecret(_) => {
                Reply::SecretCreated(SecretArn::planned(self.run.subject.place()))
            }
            Call::ListVersions => Reply::Versions(self.versions.clone()),
            Call::InspectDestination { to, .. } => Reply::Found(self.at(&to)),
            Call::Deliver { to, delivery, .. } => {
                let found = Found::Copy {
                    mark: planned_mark(),
                    holds: Holds::Key(delivery.credentials.key),
                    written: Some(self.now),
                };
                self.found.insert(to, Some(found.clone()));
                Reply::Found(found)
            }
            Call::LastUse(key) => {
                let unasked =
                    || LastUse::Unknown("it is asked only when the time has come".to_owned());
                Reply::LastUse(self.last_use.get(&key).cloned().unwrap_or_else(unasked))
            }
            Call::CreateKey => {
                Reply::Created(NewKey { credentials: on_paper(new_key()), created: self.now })
            }
            Call::ReadVersion(version) => {
                let key = self.run.held(&version).and_then(LabeledVersion::key).cloned();
                Reply::Credentials(Some(on_paper(key.unwrap_or_else(new_key))))
            }
            Call::Probe(_) => {
                Reply::Probe(ProbeAnswer::Authenticated(self.run.subject.arn.clone()))
            }
            Call::Stage { version, .. } => {
                self.versions.push(StoredVersion { id: version, created: Some(self.now) });
                Reply::Done
            }
            _ => Reply::Done,
        }
    }

    /// Returns the content of a destination. If it was not read yet, what its receipt says.
    fn at(&self, to: &DestinationName) -> Found {
        let noted = || match &self.run.seen.secret {
            SecretState::Present(secret) => {
                let receipt = secret.journal.receipts.get(to)?;
                let one = self.run.seen.destinations.iter().find(|one| one.assignment.to == *to)?;
                let is_there = one.assignment.place_id == receipt.place;
                receipt.mark.clone().filter(|_| is_there)
            }
            _ => None,
        };
        let copy = |mark| Found::Copy { mark, holds: Holds::NotShown, written: None };
        // Consumers that can be restarted are always there.
        let consumers = || self.run.restarts(to).then(|| copy(planned_mark()));
        let found = self.found.get(to).cloned().flatten();
        found.or_else(|| noted().map(copy)).or_else(consumers).unwrap_or(Found::Nothing)
    }

    /// Returns what later runs will do with the revoked key.
    fn left_to_runs(&self, request: &Request) -> Option<PlannedAction> {
        let Request::Revoke(order) = request else { return None };
        let listed = self.run.seen.keys.iter().any(|key| key.id == order.key);
        listed.then(|| PlannedAction::DeleteLater {
            key: order.key.clone(),
            after: self.run.policy.waits().soak,
        })
    }
}

fn planned_mark() -> Mark {
    Mark::parse("planned").expect("a constant that the tests parse")
}

/// Returns a version as stored, with the time in its id, because its write time was not read.
fn on_paper_since(version: &VersionId) -> StoredVersion {
    let created = match Content::of(version) {
        Content::Key { created, .. } => Some(created),
        _ => None,
    };
    StoredVersion { id: version.clone(), created }
}

fn unforeseen(why: &str) -> Failure {
    let message =
        format!("it was played through on what is known now, and {why}; nothing was changed");
    let error = CallError::refused(ErrorKind::NoEffect, message);
    Failure { doing: "say beforehand what the request will do".into(), error }
}

fn new_key() -> KeyId {
    KeyId::parse(NEW_KEY).expect("a constant that the tests parse")
}

fn on_paper(key: KeyId) -> Credentials {
    Credentials { key, secret: SecretKey::new(String::new()) }
}
