//! The work on one user as a state machine without I/O: it says which call to make, takes what came
//! back, and says what next.
//!
//! [`drive`](crate::engine::driver::drive) runs it on the ports; the model checker runs the same
//! machine on a simulated account, call by call.
//!
//! A call's own reply counts as a read of what it changed, so that a whole rotation costs ten
//! calls: two to read, eight to act. Everything is read again before a key is deactivated or
//! deleted, after a conflict, and after a lost reply.

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

/// A run reads everything at most this often; another process that changes things faster is
/// waited out.
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
    /// What is known; complete unless a look is under way.
    seen: Observed,
    /// How `seen` came to be.
    read: Read,
    /// The key that this run has created.
    created: Created,
    /// The key that this run has deactivated.
    deactivated: Option<KeyId>,
    /// The credentials that this run has verified, where they may have to be delivered.
    verified: Option<(VersionId, Credentials)>,
    /// What went wrong with destinations: no failure of the run, unless it ends because of it.
    undelivered: BTreeMap<DestinationName, CallError>,
    /// The destination because of which the run ends as failed.
    failed_at: Option<DestinationName>,
    /// What is known of the key that is to be revoked.
    to_revoke: KeyToRevoke,
    /// What this run has changed, and how often.
    repeats: Repeats,
    /// The call whose answer is awaited.
    asked: Option<Call>,
    stop: Option<Stop>,
    /// By how much the clock that the run goes by is wrong, once that is known.
    wrong_clock: Option<WrongClock>,
    /// The last error of a call whose failure is no failure of the run, unless the run ends because
    /// of it.
    skipped: Option<CallError>,
    /// What was read and is not believed. The run may write over it before it ends.
    doubted: Vec<Doubt>,
    events: Vec<Event>,
}

impl Rotation {
    /// A run that has not looked yet.
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
            asked: None,
            stop: None,
            wrong_clock: None,
            skipped: None,
            doubted: Vec::new(),
            events: Vec::new(),
        }
    }

    /// The same, to carry out an order of Secrets Manager's, or a person's request, and nothing
    /// else.
    #[must_use]
    pub fn to_do(mut self, task: Task) -> Self {
        self.task = task;
        self
    }

    /// The same with another decision in the real one's place: see [`Decider`].
    #[must_use]
    pub fn deciding_by(mut self, decider: Decider) -> Self {
        self.decider = decider;
        self
    }

    /// Whose keys.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What is known so far.
    #[must_use]
    pub fn seen(&self) -> &Observed {
        &self.seen
    }

    /// Asks the run to end at the next place where it may: not between the making of a key and its
    /// staging.
    pub fn stop(&mut self, why: Stop) {
        self.stop.get_or_insert(why);
    }

    /// Takes the events since the last time.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// What to do next. Asking again without an answer in between asks for the same.
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
            if let Some(call) = &self.asked {
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
            self.asked = Some(call.clone());
            return Next::Call(call);
        }
    }

    /// A key in hand is staged before the run stops, because only this process has its secret; but
    /// after the run limit it is too late for that, and it is deleted instead.
    fn may_stop(&mut self, too_long: bool) -> bool {
        if matches!(self.stage, Stage::Undo(..)) {
            return false;
        }
        // Whether the key that was just deactivated still works is what everybody wants to know,
        // and known within seconds.
        if matches!(self.stage, Stage::Confirming(_)) {
            return too_long;
        }
        match self.seen.in_hand.clone() {
            None => true,
            Some(_) if too_long && self.created.may_be_staged() => true,
            Some(key) if too_long => {
                self.asked = None;
                self.stage = Stage::Undo(key, self.too_late());
                false
            }
            Some(_) => false,
        }
    }

    /// Takes in what came of the call that [`Rotation::next`] asked for.
    pub fn answer(&mut self, now: Timestamp, answer: Result<Reply, CallError>) {
        let Some(call) = self.asked.take() else { return };
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

    /// Ends a run that has nothing to do but wait; loudly, where the user's key is overdue.
    fn end_waiting(&mut self, now: Timestamp, wait: Wait) -> Option<Call> {
        let scheduled = self.task == Task::Everything;
        let overdue = overdue(&self.seen, &wait, &self.policy, now).filter(|_| scheduled);
        self.end(now, overdue.map_or(Outcome::Waiting(wait), Outcome::Blocked))
    }

    /// Ends the run. Always `None`, so that it can stand where a call is expected.
    fn end(&mut self, now: Timestamp, outcome: Outcome) -> Option<Call> {
        if self.mode == Mode::Act {
            match &outcome {
                // It is no news of the user's: whoever named the user without looking them up knows
                // it.
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
        self.asked = None;
        let outcome = self.of_revocation(outcome);
        self.stage = Stage::Ended(outcome);
        None
    }

    /// Keeps what of the state that was just read is not believed.
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
