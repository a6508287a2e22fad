//! The work on one user as a state machine without I/O: it returns the next call, takes its reply,
//! and continues.
//!
//! [`drive`](crate::engine::driver::drive) runs it on the ports; the model checker runs the same
//! machine on a simulated account, call by call.
//!
//! A call's reply counts as a read of what it changed, so a whole rotation takes ten calls: two to
//! read, eight to act. Everything is read again before a key is deactivated or deleted, after a
//! conflict, and after a lost reply.

pub(crate) mod apply;
pub(crate) mod decider;
pub(crate) mod deciding;
pub(crate) mod delivering;
pub(crate) mod failing;
pub(crate) mod preview;
pub(crate) mod repeats;
pub(crate) mod state;
pub(crate) mod switch_off;
pub(crate) mod task;
pub(crate) mod wrong_clock;

pub(crate) use decider::Decider;
pub(crate) use state::{Mode, Next};
pub(crate) use task::Task;

use crate::decide::belief::{Doubt, doubts};
use crate::decide::decision::Wait;
use crate::decide::decision::blocked::Blocked;
use crate::decide::overdue::{lingers, overdue};
use crate::machine::call::{Call, Reply};
use crate::machine::event::{Event, EventKind};
use crate::machine::outcome::{Outcome, Stop};
use crate::machine::verification::VerifyStep;
use crate::model::clock::WrongClock;
use crate::model::credentials::Credentials;
use crate::model::destination::SeenDestination;
use crate::model::error::CallError;
use crate::model::names::{DestinationName, KeyId, VersionId};
use crate::model::observed::{LastUse, Observed, SecretState, Verified};
use crate::model::subject::Subject;
use crate::model::time::Timestamp;
use crate::model::waits::WaitPolicy;
use crate::model::waits::after;
use repeats::Repeats;
use state::{Created, KeyToRevoke, Read, Stage};
use std::collections::BTreeMap;

/// The limit on complete reads per run; if another process changes things faster, the run ends.
const LOOKS: u32 = 6;

/// One run's work on one user.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rotation {
    subject: Subject,
    policy: WaitPolicy,
    mode: Mode,
    task: Task,
    decider: Decider,
    began: Option<Timestamp>,
    looks: u32,
    stage: Stage,
    /// The observed state; complete unless a read is under way.
    seen: Observed,
    /// How `seen` was obtained.
    read: Read,
    /// The key that this run has created.
    created: Created,
    /// The key that this run has deactivated.
    deactivated: Option<KeyId>,
    /// The credentials that this run has verified, if they may have to be delivered.
    verified: Option<(VersionId, Credentials)>,
    /// The failures of destinations: the run fails only if it ends because of them.
    undelivered: BTreeMap<DestinationName, CallError>,
    /// The destination because of which the run ends as failed.
    failed_at: Option<DestinationName>,
    /// What is known about the key to revoke.
    to_revoke: KeyToRevoke,
    /// The changes of this run, and their number.
    repeats: Repeats,
    /// The call whose answer is awaited.
    awaited: Option<Call>,
    stop: Option<Stop>,
    /// The error of the run's clock, once it is known.
    wrong_clock: Option<WrongClock>,
    /// The last error of a call that fails the run only if it ends because of it.
    skipped: Option<CallError>,
    /// Claims that were read and are not trusted. The run may overwrite them before it ends.
    doubted: Vec<Doubt>,
    events: Vec<Event>,
}

impl Rotation {
    /// Returns a run that has not read anything yet.
    #[must_use]
    pub fn new(subject: Subject, policy: WaitPolicy, mode: Mode) -> Self {
        let seen = Observed {
            quarantine: subject.quarantine.clone(),
            residence: subject.residence(),
            elsewhere: None,
            differences: None,
            created_here: false,
            keys: Vec::new(),
            secret: SecretState::Missing,
            in_hand: None,
            reactivated: None,
            switched_off: None,
            ordered: None,
            last_use: BTreeMap::new(),
            versions: None,
            may_create: false,
            next_size: None,
            staged_here: None,
            verified: None,
            destinations: subject
                .destinations
                .iter()
                .cloned()
                .map(SeenDestination::unasked)
                .collect(),
        };
        Self {
            subject,
            policy,
            mode,
            task: Task::Everything,
            decider: Decider::REAL,
            began: None,
            looks: 0,
            stage: Stage::ListKeys,
            seen,
            read: Read::Whole,
            created: Created::No,
            deactivated: None,
            verified: None,
            undelivered: BTreeMap::new(),
            failed_at: None,
            to_revoke: KeyToRevoke::default(),
            repeats: Repeats::default(),
            awaited: None,
            stop: None,
            wrong_clock: None,
            skipped: None,
            doubted: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Returns the run with this task: a step that Secrets Manager ordered, or an operator's
    /// request.
    #[must_use]
    pub fn to_do(mut self, task: Task) -> Self {
        self.task = task;
        self
    }

    /// Returns the run with another decision instead of the real one: see [`Decider`].
    #[must_use]
    pub fn deciding_by(mut self, decider: Decider) -> Self {
        self.decider = decider;
        self
    }

    /// Returns the user.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Returns the observed state so far.
    #[must_use]
    pub fn seen(&self) -> &Observed {
        &self.seen
    }

    /// Asks the run to end at the next possible point, which is never between creating a key and
    /// staging it.
    pub fn stop(&mut self, why: Stop) {
        self.stop.get_or_insert(why);
    }

    /// Takes the events since the last time.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Returns what to do next. Without an answer in between, it returns the same again.
    pub fn next(&mut self, now: Timestamp) -> Next {
        let began = *self.began.get_or_insert(now);
        loop {
            if let Stage::Ended(outcome) = &self.stage {
                return Next::Done(outcome.clone());
            }
            let too_long = now >= after(began, self.policy.run_limit());
            if self.distrusts(None) && self.may_stop(too_long) {
                self.end_by_clock(now);
                continue;
            }
            if too_long {
                self.stop(Stop::TookTooLong);
            }
            if let Some(why) = self.stop.filter(|_| self.may_stop(too_long)) {
                self.end(now, Outcome::Stopped(why));
                continue;
            }
            if let Some(call) = &self.awaited {
                return Next::Call(call.clone());
            }
            let call = match &mut self.stage {
                Stage::ListKeys => Call::ListKeys,
                Stage::SwitchOff(_) => match self.sends_off() {
                    Some(call) => call,
                    None => {
                        self.stage = Stage::ListKeys;
                        continue;
                    }
                },
                Stage::Confirming(confirming) if now < confirming.not_before => {
                    return Next::Sleep((confirming.not_before - now).to_std().unwrap_or_default());
                }
                Stage::Confirming(_) => Call::ListKeys,
                Stage::DescribeSecret => Call::DescribeSecret,
                Stage::Undo(key, _) => Call::DeleteKey(key.clone()),
                Stage::Verification(verification) => match verification.next(now) {
                    VerifyStep::Read(version) => Call::ReadVersion(version),
                    VerifyStep::Probe(credentials) => Call::Probe(credentials),
                    VerifyStep::Pause(pause) => return Next::Sleep(pause),
                },
                Stage::Deciding => match self.decided(now) {
                    Some(call) => call,
                    None => continue,
                },
                Stage::Ended(_) => continue,
            };
            if self.distrusts(Some(&call)) && self.may_stop(too_long) {
                self.end_by_clock(now);
                continue;
            }
            if let Some(failure) = self.repeats.one_more(&call) {
                self.end(now, Outcome::Failed(failure));
                continue;
            }
            self.awaited = Some(call.clone());
            return Next::Call(call);
        }
    }

    /// Whether the run may stop. A key that was created and not staged yet is staged first, because
    /// only this process has its secret half; after the run limit it is too late for that, and the
    /// key is deleted instead.
    fn may_stop(&mut self, too_long: bool) -> bool {
        if matches!(self.stage, Stage::Undo(..)) {
            return false;
        }
        // Whether the deactivated key still works matters most, and is known within seconds.
        if matches!(self.stage, Stage::Confirming(_)) {
            return too_long;
        }
        match self.seen.in_hand.clone() {
            None => true,
            Some(_) if too_long && self.created.may_be_staged() => true,
            Some(key) if too_long => {
                self.awaited = None;
                self.stage = Stage::Undo(key, self.too_late());
                false
            }
            Some(_) => false,
        }
    }

    /// Applies the result of the call that [`Rotation::next`] asked for.
    pub fn answer(&mut self, now: Timestamp, answer: Result<Reply, CallError>) {
        let Some(call) = self.awaited.take() else { return };
        match (call, answer) {
            (call, Ok(reply)) => self.succeeded(now, call, reply),
            (Call::LastUse(key), Err(error)) => {
                self.seen.last_use.insert(key, LastUse::Unknown(error.message.clone()));
                self.skipped = Some(error);
            }
            (Call::Probe(_), Err(error)) => {
                if let Stage::Verification(verification) = &mut self.stage {
                    verification.failed(&error, now);
                    self.skipped = Some(error);
                }
                self.end_of_verification(now);
            }
            (Call::InspectDestination { to, .. } | Call::Deliver { to, .. }, Err(error)) => {
                self.not_delivered(to, error);
            }
            (call, Err(error)) => self.failed(now, &call, error),
        }
    }

    fn end_of_verification(&mut self, now: Timestamp) {
        if let Stage::Verification(verification) = &self.stage
            && let Some(verified) = verification.result(now, &self.policy)
        {
            if !matches!(verified, Verified::Unknown(_)) {
                self.skipped = None;
            }
            if verified == Verified::Works && !self.seen.destinations.is_empty() {
                let held = verification.credentials().cloned();
                self.verified = held.map(|held| (verification.version().clone(), held));
            }
            self.seen.verified = Some((verification.version().clone(), verified));
            self.stage = Stage::Deciding;
        }
    }

    fn look_again(&mut self, now: Timestamp) -> Option<Call> {
        if self.looks >= LOOKS {
            return self.end(now, Outcome::Stopped(Stop::Contention));
        }
        self.stage = Stage::ListKeys;
        None
    }

    /// Ends a run that can only wait, and reports the user as blocked if its key is overdue.
    fn end_waiting(&mut self, now: Timestamp, wait: Wait) -> Option<Call> {
        let scheduled = self.task == Task::Everything;
        let overdue = overdue(&self.seen, &wait, &self.policy, now).filter(|_| scheduled);
        self.end(now, overdue.map_or(Outcome::Waiting(wait), Outcome::Blocked))
    }

    /// Ends the run. Always returns `None`, so that it fits where a call is expected.
    fn end(&mut self, now: Timestamp, outcome: Outcome) -> Option<Call> {
        if self.mode == Mode::Act {
            match &outcome {
                // This is no event of the user, because the caller named the user without reading
                // it first.
                Outcome::Blocked(Blocked::IamOnly { .. }) if self.deactivated.is_some() => {}
                Outcome::Blocked(reason) => {
                    self.tell(now, EventKind::Blocked { reason: reason.clone() });
                }
                Outcome::Failed(failure) => self.tell(now, EventKind::Failed(failure.clone())),
                Outcome::Waiting(wait)
                    if wait.is_hold() || lingers(&self.seen, wait, &self.policy, now) =>
                {
                    self.tell(now, EventKind::Held(wait.clone()));
                }
                _ => {}
            }
            self.tell_undelivered(now, &outcome);
            for doubt in std::mem::take(&mut self.doubted) {
                self.tell(now, EventKind::Doubted(doubt));
            }
        }
        self.awaited = None;
        let outcome = self.of_revocation(outcome);
        self.stage = Stage::Ended(outcome);
        None
    }

    /// Remembers the claims in the state just read that are not trusted.
    fn doubt(&mut self, now: Timestamp) {
        for doubt in doubts(&self.seen, &self.policy, now) {
            if !self.doubted.contains(&doubt) {
                self.doubted.push(doubt);
            }
        }
    }

    fn tell(&mut self, at: Timestamp, kind: EventKind) {
        let Subject { user, owner, secret, .. } = &self.subject;
        self.events.push(Event {
            at,
            user: user.clone(),
            owner: owner.clone(),
            secret: secret.clone(),
            kind,
        });
    }
}
