//! The model: the real machine in the in-memory account. Everything that can go wrong is a choice
//! of the checker.

mod deeds;
mod start;
mod verdicts;

pub(crate) use deeds::{Deed, Forgery};
use verdicts::{concluded, taken};

use keyrot_core::machine::{Call, Next, Reply, Rotation, Task};
use keyrot_core::memory::{Actor, Broken, Label, Value, Watch, World};
use keyrot_core::model::{
    JournalEntry, RotationStep, Secret, SecretState, StepName, VersionId, after,
};
use keyrot_core::{CallError, KeyId, Outcome, Request, SecretName, Timestamp, UserName};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::runs::{following, is_iams, machine, perform, token};
use super::setting::{Port, Setting, UNIT};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) watch: Arc<Watch>,
    pub(crate) rotators: Vec<Option<Arc<Running>>>,
    pub(crate) faults: u8,
    pub(crate) person: u8,
    pub(crate) uses: u8,
    pub(crate) services: u8,
    /// The step that Secrets Manager requests now.
    pub(crate) order: Option<RotationStep>,
    /// The person's last request.
    pub(crate) asked: Option<Request>,
    /// How many more requests may be made.
    pub(crate) requests: u8,
    pub(crate) passed: u32,
    pub(crate) interfered: bool,
    pub(crate) begun: bool,
    pub(crate) broken: Option<Broken>,
    pub(crate) leaked: Option<String>,
    /// A conclusion that was drawn although AWS could not be asked.
    pub(crate) concluded: Option<String>,
    /// How many more journal entries another program may write.
    pub(crate) forges: u8,
    /// A key that was retired although it was in use, or without a working successor.
    pub(crate) taken: Option<String>,
    /// A revocation that ended as done while the key still works, or a revocation without a
    /// successor that left the key Active although IAM had no fault.
    pub(crate) unrevoked: Option<String>,
    /// Whether keyrot moved AWSCURRENT away from a version without having read the label on it, or
    /// to a version from which a person had moved it away.
    pub(crate) overwrote: bool,
    /// The versions from which a person moved AWSCURRENT away.
    pub(crate) left: BTreeSet<VersionId>,
    /// How many more times another program may write to a destination.
    pub(crate) overwrites: u8,
}

/// A rotator at work: the machine, the call that it is about to make, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Running {
    pub(crate) machine: Rotation,
    /// Its task.
    pub(crate) task: Task,
    pub(crate) next: Next,
    pub(crate) since: u32,
    /// Whether a person or a consumer did something since the machine's last read. IAM has no
    /// conditional writes, so keyrot can't notice a change between its read and its call, and the
    /// check ignores it.
    pub(crate) overtaken: bool,
    /// The secret as it was at the first read, if the port keeps returning that.
    pub(crate) first: Option<Secret>,
    /// Whether this run cannot reach STS.
    pub(crate) unreachable: bool,
    /// Whether AWS could not be asked the last time that the run verified credentials.
    pub(crate) unanswered: bool,
    /// For a revocation: whether a person did anything since it began.
    pub(crate) disturbed: bool,
    /// When the run began.
    pub(crate) began: Timestamp,
    /// For a revocation: whether a call to IAM failed.
    pub(crate) iam_failed: bool,
    /// How long the run has slept. This advances only its own clock: if each run advanced the
    /// account's clock, there would be infinitely many states.
    pub(crate) slept: Duration,
}

impl Running {
    fn revokes(&self) -> bool {
        matches!(self.task, Task::Request(Request::Revoke(_)))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    Start(usize),
    /// Secrets Manager begins a rotation, or continues an incomplete one.
    Rotate,
    /// Secrets Manager requests its step, perhaps again.
    RotationStep(usize),
    /// A person makes a request, and a rotator begins on it.
    Ask(Request),
    /// A rotator begins on the person's request, perhaps again.
    Fulfil(usize),
    Step(usize, Luck),
    Pass(u32),
    Use(KeyId),
    Person(Deed),
    /// Another program writes a claim.
    Forge(Forgery),
}

/// The result of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Luck {
    Good,
    Denied,
    Throttled,
    LostRequest,
    LostReply,
    DiesBefore,
    DiesAfter,
    /// `ListAccessKeys` returns the state before the last change.
    StaleListing,
    /// The key does not authenticate yet.
    NotYet,
    /// STS cannot be reached, for the rest of the run.
    Unreachable,
}

pub(crate) fn user() -> UserName {
    UserName::parse("ci").unwrap()
}

pub(crate) fn secret() -> SecretName {
    SecretName::parse("/iam/ci/access_key").unwrap()
}

impl State {
    pub(crate) fn at_rest(&self) -> bool {
        self.rotators.iter().all(Option::is_none)
    }

    pub(crate) fn start(&mut self, setting: &Setting, i: usize, task: Task) {
        let mut setting = setting.clone();
        if setting.endless && i == 0 {
            // The key is due at the same time as before, because the lead is longer by the same
            // amount.
            setting.rotator_waits.max_age += setting.rotator_waits.settle * 7;
            setting.rotator_waits.settle *= 8;
            setting.rotator_waits.probe_limit *= 8;
        }
        if matches!(task, Task::Request(_)) {
            // A person who makes or repeats a request knows what they did before.
            self.left.clear();
        }
        let mut machine = machine(&setting, &self.world, task.clone());
        let next = machine.next(setting.clock(i, self.world.now()));
        self.begun = true;
        let (since, slept) = (self.passed, Duration::ZERO);
        let (overtaken, unreachable, unanswered) = (false, false, false);
        let (disturbed, iam_failed, first) = (false, false, None);
        let began = self.world.now();
        self.rotators[i] = Some(Arc::new(Running {
            machine,
            task,
            next,
            since,
            overtaken,
            first,
            unreachable,
            unanswered,
            disturbed,
            began,
            iam_failed,
            slept,
        }));
    }

    /// Starts a rotation by Secrets Manager.
    pub(crate) fn rotate(&mut self) {
        self.services -= 1;
        self.begun = true;
        let token = token(&self.world);
        if let Ok(version) = self.world.rotate_secret(&secret(), &token) {
            self.order = Some(RotationStep { step: StepName::CreateSecret, version });
        }
    }

    /// Tells Secrets Manager that its step was carried out. Secrets Manager ignores a late answer
    /// to an earlier step.
    fn carried_out(&mut self, order: &RotationStep) {
        if self.order.as_ref() == Some(order) {
            self.order = following(order.step)
                .map(|step| RotationStep { step, version: order.version.clone() });
        }
    }

    pub(crate) fn step(&mut self, setting: &Setting, i: usize, luck: Luck) {
        let task = self.rotators[i].as_ref().map(|running| running.task.clone());
        let began = self.rotators[i].as_ref().map(|running| running.began);
        self.take_step(setting, i, luck);
        // A key that is revoked without a successor is deactivated before anything is recorded. If
        // the run ends in between, that counts as the person's own change, which is listed
        // immediately.
        if let (Some(Task::Request(Request::Revoke(order))), Some(began), None) =
            (task, began, &self.rotators[i])
            && order.without_successor
            && !self.is_written_down(&order.key, began)
        {
            self.world.forget_stale_listing(&user());
            Arc::make_mut(&mut self.watch).not_written_down(&order.key);
        }
    }

    fn take_step(&mut self, setting: &Setting, i: usize, luck: Luck) {
        let Some(running) = self.rotators[i].take() else { return };
        let mut running = Arc::unwrap_or_clone(running);
        if luck != Luck::Good {
            self.faults -= 1;
        }
        let mut changed = false;
        match running.next.clone() {
            Next::Done(_) => return,
            Next::Sleep(pause) => running.slept += pause,
            Next::Call(call) => {
                self.prepare(&mut running, &call, luck);
                let before = self.world.clone();
                let answer = self.answered(setting, &mut running, &call, luck);
                // A call that changed nothing breaks no promise.
                changed = before != self.world;
                self.judge(setting, &before, &running, &call);
                // Without an answer, the process is dead.
                let Some(answer) = answer else { return };
                running
                    .machine
                    .answer(after(setting.clock(i, self.world.now()), running.slept), answer);
            }
        }
        let events = running.machine.take_events();
        running.next =
            running.machine.next(after(setting.clock(i, self.world.now()), running.slept));
        if running.unanswered {
            self.concluded = self.concluded.take().or_else(|| concluded(&running.next));
        }
        running.since = self.passed;
        let told = (events, running.machine.take_events(), &running.next);
        self.look_for_secrets(&told, changed);
        match (&running.next, &running.task) {
            (Next::Done(Outcome::Done), Task::RotationStep(order)) => self.carried_out(order),
            (Next::Done(outcome), Task::Request(Request::Revoke(order))) => {
                self.has_revoked(&running, outcome, order);
            }
            // Repeating the request would deliver again each time, endlessly.
            (Next::Done(_), Task::Request(Request::Deliver { .. })) => self.asked = None,
            (Next::Done(_), _) => {}
            _ => self.rotators[i] = Some(Arc::new(running)),
        }
    }

    /// Prepares the watch for a call, and notes what will excuse its result.
    fn prepare(&mut self, running: &mut Running, call: &Call, luck: Luck) {
        running.overtaken &= *call != Call::ListKeys;
        // A request applies until its run is over. If a person reactivates the key before that,
        // that contradicts the request.
        if let Task::Request(Request::Revoke(order)) = &running.task {
            Arc::make_mut(&mut self.watch).revoke(order.clone());
        }
        if let (Task::Request(Request::Reinstate { key }), Call::Write(JournalEntry::Revoked(_))) =
            (&running.task, call)
        {
            Arc::make_mut(&mut self.watch).reinstate(key);
        }
        running.iam_failed |= luck != Luck::Good && running.revokes() && is_iams(call);
        running.unreachable |= luck == Luck::Unreachable;
    }

    /// Makes the call. `None` if the process died.
    fn answered(
        &mut self,
        setting: &Setting,
        running: &mut Running,
        call: &Call,
        luck: Luck,
    ) -> Option<Result<Reply, CallError>> {
        let probe = matches!(call, Call::Probe(_));
        let luck = if probe && running.unreachable { Luck::Unreachable } else { luck };
        let mut answer = perform(setting, &mut self.world, running.machine.subject(), call, luck);
        running.unanswered = probe && matches!(answer, Some(Err(_)));
        if let Some(Ok(Reply::Secret(SecretState::Present(secret)))) = &mut answer
            && setting.port == Port::StaleLabels
        {
            let first = running.first.get_or_insert_with(|| secret.clone());
            *secret = Secret { journal: secret.journal.clone(), ..first.clone() };
        }
        answer
    }

    /// Checks what a call changed against the promises.
    fn judge(&mut self, setting: &Setting, before: &World, running: &Running, call: &Call) {
        if *before == self.world {
            return;
        }
        if let Call::Promote { from, to } = call {
            // A revocation applies until the key is reactivated, even if a person publishes the key
            // afterwards.
            let value = before.secret(&secret()).and_then(|s| s.value(from)).and_then(Value::read);
            let revoked = value.is_some_and(|held| self.watch.is_revoked(&held.key));
            let asked = matches!(running.task, Task::Request(_)) || revoked;
            let seen = current(before).as_ref() == Some(from) && (asked || !self.left.contains(to));
            self.overwrote |= !seen && current(before) != current(&self.world);
        }
        let verdict = Arc::make_mut(&mut self.watch).step(before, &self.world, Actor::Keyrot);
        if running.overtaken {
            return;
        }
        if self.broken.is_none() {
            let counts = |broken: &Broken| !setting.claims || broken.promise == "S1";
            self.broken = verdict.err().filter(counts);
        }
        if !running.revokes() {
            let early = || taken(setting, before, &self.world, &self.watch);
            self.taken = self.taken.take().or_else(early);
        }
    }

    /// Makes a person's request, and the first free rotator begins on it. The person is responsible
    /// for a rollback, and for a revocation without a successor. A revocation with a successor has
    /// to end without harm.
    pub(crate) fn ask(&mut self, setting: &Setting, request: Request) {
        let Some(free) = self.rotators.iter().position(Option::is_none) else { return };
        match &request {
            Request::Rollback { .. } | Request::Bind | Request::Reinstate { .. } => {
                self.interfered = true;
            }
            Request::Leave { .. } | Request::Move { .. } => self.interfered = true,
            Request::Deliver { to } => {
                Arc::make_mut(&mut self.watch).asked_to_deliver(to.as_ref());
            }
            Request::LetGo { to } => Arc::make_mut(&mut self.watch).let_go(to),
            Request::Revoke(order) => {
                self.interfered |= order.without_successor;
                Arc::make_mut(&mut self.watch).revoke(order.clone());
            }
        }
        self.requests -= 1;
        self.asked = Some(request.clone());
        self.start(setting, free, Task::Request(request));
    }

    pub(crate) fn pass(&mut self, units: u32) {
        self.world.advance(UNIT * units);
        self.passed += units;
        if self.passed.is_multiple_of(2) {
            self.world.forget_stale_listing(&user());
        }
    }
}

fn current(world: &World) -> Option<VersionId> {
    world.secret(&secret())?.labelled(Label::Current).cloned()
}
