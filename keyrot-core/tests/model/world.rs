//! The model: the real machine, on the in-memory account, with everything that can go wrong as a choice of the checker's.

use keyrot_core::machine::{Call, Decider, Next, Reply, Rotation, Task};
use keyrot_core::memory::{Actor, Broken, Label, MemoryKey, Value, Watch, World};
use keyrot_core::model::{JournalEntry, Phase, RotationStep, Secret, SecretState, StepName, VersionId, after};
use keyrot_core::{
    Blocked, KeyId, KeyStatus, LastUse, Outcome, Request, Revocation, SecretName, Stop, Timestamp, UserName,
};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::runs::{following, is_iams, machine, perform, rotate_by_service, token};
use super::setting::{Port, Setting, Start, UNIT};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) watch: Arc<Watch>,
    pub(crate) rotators: Vec<Option<Arc<Running>>>,
    pub(crate) faults: u8,
    pub(crate) person: u8,
    pub(crate) uses: u8,
    pub(crate) services: u8,
    /// What Secrets Manager orders now.
    pub(crate) order: Option<RotationStep>,
    /// What a person asked for last.
    pub(crate) asked: Option<Request>,
    /// How much more may be asked for.
    pub(crate) requests: u8,
    pub(crate) passed: u32,
    pub(crate) interfered: bool,
    pub(crate) begun: bool,
    pub(crate) broken: Option<Broken>,
    pub(crate) leaked: Option<String>,
    /// What was concluded although AWS could not be asked.
    pub(crate) concluded: Option<String>,
    /// How much more another program may write into the journal.
    pub(crate) forges: u8,
    /// A key that was taken away though somebody used it, or though nothing that works was in its place.
    pub(crate) taken: Option<String>,
    /// A revocation that ended as done while the key works, or, without a successor, that left it Active although nothing was wrong with IAM.
    pub(crate) unrevoked: Option<String>,
    /// Whether keyrot moved AWSCURRENT from where it had not seen it, or to what a person had moved it away from.
    pub(crate) overwrote: bool,
    /// The versions that a person moved AWSCURRENT away from.
    pub(crate) left: BTreeSet<VersionId>,
}

/// A rotator at work: the machine, the call that it is about to make, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Running {
    pub(crate) machine: Rotation,
    /// What it is to do.
    pub(crate) task: Task,
    pub(crate) next: Next,
    pub(crate) since: u32,
    /// Whether a person or a consumer did something since the machine's last look. IAM has no conditional writes: what happens between
    /// keyrot's look and its call cannot be seen by it, and is not held against it.
    pub(crate) overtaken: bool,
    /// The secret as it was at the first look, where the port goes on showing that.
    pub(crate) first: Option<Secret>,
    /// Whether STS is out of this run's reach.
    pub(crate) unreachable: bool,
    /// Whether the run's last word on credentials was that AWS could not be asked.
    pub(crate) unanswered: bool,
    /// Whether a person did anything since it began, where it revokes a key.
    pub(crate) disturbed: bool,
    /// When it began.
    pub(crate) began: Timestamp,
    /// Whether a call to IAM went wrong, where it revokes a key.
    pub(crate) iam_failed: bool,
    /// How long it has slept. It is on its own clock only: if each run moved the account's, there would be no end of states.
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
    /// Secrets Manager begins a rotation of its own, or takes up the one that is not complete.
    Rotate,
    /// Secrets Manager sends its order, perhaps again.
    RotationStep(usize),
    /// A person asks for something, and a rotator begins on it.
    Ask(Request),
    /// A rotator begins on what the person asked for, perhaps again.
    Fulfil(usize),
    Step(usize, Luck),
    Pass(u32),
    Use(KeyId),
    Person(Deed),
    /// Another program writes a claim.
    Forge(Forgery),
}

/// What another program writes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Forgery {
    /// An entry in the journal.
    Entry(JournalEntry),
    /// A version under this id, which holds no credentials, with this label or none.
    Version { id: VersionId, label: Option<Label> },
}

/// How a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Luck {
    Good,
    Denied,
    Throttled,
    LostRequest,
    LostReply,
    DiesBefore,
    DiesAfter,
    /// `ListAccessKeys` shows what was before the last change.
    StaleListing,
    /// The key does not authenticate yet.
    NotYet,
    /// STS is out of reach, and stays so for the rest of the run.
    Unreachable,
}

/// What a person does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Deed {
    CreateKey,
    Deactivate(KeyId),
    Reactivate(KeyId),
    Delete(KeyId),
    /// Puts a key's credentials into the secret by hand.
    PutKey(KeyId),
    /// The same with a slip of the pen in the secret.
    PutWrong(KeyId),
    PutJunk,
    /// Moves AWSCURRENT to another version.
    MoveCurrent(VersionId),
}

pub(crate) fn user() -> UserName {
    UserName::parse("ci").unwrap()
}

pub(crate) fn secret() -> SecretName {
    SecretName::parse("/iam/ci/access_key").unwrap()
}

impl State {
    /// The state at first: a new user, or one who has lived under keyrot until then, with the watch looking on all the time.
    pub(crate) fn first(setting: &Setting) -> Self {
        let sound = Setting {
            decider: Decider::REAL,
            port: Port::Sound,
            rotator_waits: setting.waits,
            clocks: [0, 0],
            ..setting.clone()
        };
        let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
        let name = world.add_user("ci", &[("RotateKey", "True")]).unwrap();
        let keys = if let Start::New { keys } = setting.start { keys } else { 1 };
        (0..keys).for_each(|_| drop(world.add_key(&name).unwrap()));
        world.advance(UNIT);
        let watch = Arc::new(Watch::new(&world, name, secret(), setting.policy()));
        let mut state = Self {
            world,
            watch,
            rotators: vec![None; setting.rotators],
            faults: 0,
            person: 1,
            uses: 0,
            services: 0,
            order: None,
            asked: None,
            requests: setting.requests,
            passed: 0,
            interfered: false,
            begun: false,
            broken: None,
            leaked: None,
            concluded: None,
            forges: 0,
            unrevoked: None,
            taken: None,
            overwrote: false,
            left: BTreeSet::new(),
        };
        if !matches!(setting.start, Start::New { .. }) {
            state.live(&sound, 12);
            if setting.start == Start::DueForeign {
                let key = state.world.user(&user()).unwrap().keys()[0].listed.id.clone();
                state.person(&Deed::PutKey(key));
            }
            state.world.advance(setting.waits.max_age);
        }
        if matches!(setting.start, Start::Overlap | Start::Reactivated) {
            state.live(&sound, 1);
        }
        if setting.start == Start::Soaking {
            let soaks = |state: &Self| {
                let user = state.world.user(&user());
                user.is_some_and(|user| user.keys().iter().any(|key| key.listed.status == KeyStatus::Inactive))
            };
            (0..20).for_each(|_| {
                if !soaks(&state) {
                    state.live(&sound, 1);
                }
            });
            assert!(soaks(&state), "the old key went its way");
            // One unit of its soak is over by now.
            state.world.advance(setting.waits.soak - UNIT * 2);
        }
        if setting.start == Start::Reactivated {
            let keys = state.world.user(&user()).unwrap().keys();
            let old = keys.iter().min_by_key(|key| key.listed.created).unwrap().listed.id.clone();
            let order = Request::Revoke(Revocation::of(old.clone()));
            state.ask(&sound, order);
            state.requests += 1;
            while !state.at_rest() {
                state.step(&sound, 0, Luck::Good);
            }
            state.asked = None;
            state.world.advance(setting.waits.settle);
            state.person += 1;
            state.person(&Deed::Reactivate(old));
        }
        if setting.start.rotation_enabled() {
            state.world.secret_mut(&secret()).unwrap().rotation = true;
        }
        if setting.start == Start::ServicedOverlap {
            let before = state.world.clone();
            assert_eq!(rotate_by_service(&sound, &mut state.world), Some(Outcome::Done));
            let _ = Arc::make_mut(&mut state.watch).step(&before, &state.world, Actor::Person);
        }
        assert_eq!(state.broken, None, "a life without faults keeps every promise");
        state.world.forget_stale_listing(&user());
        let Setting { faults, person, uses, services, forges, .. } = *setting;
        Self {
            faults,
            person,
            forges,
            uses,
            services,
            passed: 0,
            // Which of two keys may go is a person's to say.
            interfered: matches!(setting.start, Start::New { keys } if keys > 1) || setting.start == Start::Reactivated,
            begun: false,
            left: BTreeSet::new(),
            ..state
        }
    }

    /// Runs without anything going wrong, a unit of time apart.
    fn live(&mut self, setting: &Setting, runs: u32) {
        for _ in 0..runs {
            self.start(setting, 0, Task::Everything);
            while !self.at_rest() {
                self.step(setting, 0, Luck::Good);
            }
            self.world.advance(UNIT);
        }
    }

    pub(crate) fn at_rest(&self) -> bool {
        self.rotators.iter().all(Option::is_none)
    }

    pub(crate) fn start(&mut self, setting: &Setting, i: usize, task: Task) {
        let mut setting = setting.clone();
        if setting.endless && i == 0 {
            // Due when it was due before: the lead is longer by as much.
            setting.rotator_waits.max_age += setting.rotator_waits.settle * 7;
            setting.rotator_waits.settle *= 8;
            setting.rotator_waits.probe_limit *= 8;
        }
        if matches!(task, Task::Request(_)) {
            // Whoever asks, or asks again, knows what they have done before.
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

    /// Secrets Manager begins.
    pub(crate) fn rotate(&mut self) {
        self.services -= 1;
        self.begun = true;
        let token = token(&self.world);
        if let Ok(version) = self.world.rotate_secret(&secret(), &token) {
            self.order = Some(RotationStep { step: StepName::CreateSecret, version });
        }
    }

    /// Secrets Manager hears that its order was carried out; a late answer to an earlier one is nothing to it.
    fn carried_out(&mut self, order: &RotationStep) {
        if self.order.as_ref() == Some(order) {
            self.order = following(order.step).map(|step| RotationStep { step, version: order.version.clone() });
        }
    }

    pub(crate) fn step(&mut self, setting: &Setting, i: usize, luck: Luck) {
        let task = self.rotators[i].as_ref().map(|running| running.task.clone());
        let began = self.rotators[i].as_ref().map(|running| running.began);
        self.take_step(setting, i, luck);
        // What goes without a successor is deactivated before anything is noted down. Where the run ends in between, it is that person's own
        // doing, and taken as listed at once.
        if let (Some(Task::Request(Request::Revoke(order))), Some(began), None) = (task, began, &self.rotators[i])
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
                running.overtaken &= call != Call::ListKeys;
                // A request stands until its run is over: whoever reactivates the key before that contradicts it.
                if let Task::Request(Request::Revoke(order)) = &running.task {
                    Arc::make_mut(&mut self.watch).revoke(order.clone());
                }
                if let (Task::Request(Request::Reinstate { key }), Call::Write(JournalEntry::Revoked(_))) =
                    (&running.task, &call)
                {
                    Arc::make_mut(&mut self.watch).reinstate(key);
                }
                running.iam_failed |= luck != Luck::Good && running.revokes() && is_iams(&call);
                running.unreachable |= luck == Luck::Unreachable;
                let probe = matches!(call, Call::Probe(_));
                let luck = if probe && running.unreachable { Luck::Unreachable } else { luck };
                let before = self.world.clone();
                let mut answer = perform(setting, &mut self.world, running.machine.subject(), &call, luck);
                running.unanswered = probe && matches!(answer, Some(Err(_)));
                if let Some(Ok(Reply::Secret(SecretState::Present(secret)))) = &mut answer
                    && setting.port == Port::StaleLabels
                {
                    let first = running.first.get_or_insert_with(|| secret.clone());
                    *secret = Secret { journal: secret.journal.clone(), ..first.clone() };
                }
                if let Call::Promote { from, to } = &call {
                    // A revocation stands until the key is reactivated, also against whoever publishes the key after it.
                    let value = before.secret(&secret()).and_then(|s| s.value(from)).and_then(Value::read);
                    let revoked = value.is_some_and(|held| self.watch.is_revoked(&held.key));
                    let asked = matches!(running.task, Task::Request(_)) || revoked;
                    let seen = current(&before).as_ref() == Some(from) && (asked || !self.left.contains(to));
                    self.overwrote |= !seen && current(&before) != current(&self.world);
                }
                // A call that changed nothing breaks nothing.
                changed = before != self.world;
                let verdict = match changed {
                    true => Arc::make_mut(&mut self.watch).step(&before, &self.world, Actor::Keyrot),
                    false => Ok(()),
                };
                if !running.overtaken && self.broken.is_none() {
                    self.broken = verdict.err().filter(|broken| !setting.claims || broken.promise == "S1");
                }
                if changed && !running.overtaken && !running.revokes() {
                    self.taken = self.taken.take().or_else(|| taken(setting, &before, &self.world, &self.watch));
                }
                // Without an answer the process is dead.
                let Some(answer) = answer else { return };
                running.machine.answer(after(setting.clock(i, self.world.now()), running.slept), answer);
            }
        }
        let events = running.machine.take_events();
        running.next = running.machine.next(after(setting.clock(i, self.world.now()), running.slept));
        if running.unanswered {
            self.concluded = self.concluded.take().or_else(|| concluded(&running.next));
        }
        running.since = self.passed;
        let told = (events, running.machine.take_events(), &running.next);
        self.look_for_secrets(&told, changed);
        match (&running.next, &running.task) {
            (Next::Done(Outcome::Done), Task::RotationStep(order)) => self.carried_out(order),
            (Next::Done(outcome), Task::Request(Request::Revoke(order))) => self.has_revoked(&running, outcome, order),
            (Next::Done(_), _) => {}
            _ => self.rotators[i] = Some(Arc::new(running)),
        }
    }

    /// Whether the journal has an order to revoke the key from this time or later.
    fn is_written_down(&self, key: &KeyId, since: Timestamp) -> bool {
        let SecretState::Present(secret) = self.world.describe_secret(&secret()) else { return false };
        secret.journal.revoked_at(key).is_some_and(|at| since <= at)
    }

    /// A revocation came to an end: S13.
    fn has_revoked(&mut self, running: &Running, outcome: &Outcome, order: &Revocation) {
        let active = |k: &MemoryKey| k.listed.id == order.key && k.listed.status == KeyStatus::Active;
        let works = self.world.user(&user()).is_some_and(|user| user.keys().iter().any(active));
        let done = matches!(outcome, Outcome::Done | Outcome::Revoked { .. });
        // One that was held up until what it saw is too old says so, and is asked for again.
        let held_up = matches!(outcome, Outcome::Stopped(Stop::TookTooLong));
        let first = order.without_successor && !running.iam_failed && !held_up;
        if works && !running.disturbed && (done || first) {
            self.unrevoked = Some(format!("{order:?} ended as {outcome:?}, and the key works"));
        }
    }

    /// A person asks for something, and the first rotator that is free begins on it. To go back, or to have a key deactivated whatever comes of it, is that person's own doing; to have one
    /// replaced and revoked is not: it has to end well.
    pub(crate) fn ask(&mut self, setting: &Setting, request: Request) {
        let Some(free) = self.rotators.iter().position(Option::is_none) else { return };
        match &request {
            Request::Rollback { .. } | Request::Bind | Request::Reinstate { .. } => self.interfered = true,
            Request::Leave { .. } | Request::Move { .. } => self.interfered = true,
            Request::Revoke(order) => {
                self.interfered |= order.without_successor;
                Arc::make_mut(&mut self.watch).revoke(order.clone());
            }
        }
        self.requests -= 1;
        self.asked = Some(request.clone());
        self.start(setting, free, Task::Request(request));
    }

    /// S6: no key's secret is in anything that is reported, or in the machine's own `Debug`, or in a tag.
    fn look_for_secrets(&mut self, told: &impl std::fmt::Debug, changed: bool) {
        let tags = self.world.secret(&secret()).filter(|_| changed).map(|secret| &secret.tags);
        let text = format!("{told:?} {tags:?}");
        let keys = self.world.user(&user()).into_iter().flat_map(|u| u.keys());
        for key in keys {
            if text.contains(World::secret_of(&key.listed.id).expose()) {
                self.leaked = Some(format!("the secret of {} was shown", key.listed.id));
            }
        }
    }

    pub(crate) fn pass(&mut self, units: u32) {
        self.world.advance(UNIT * units);
        self.passed += units;
        if self.passed.is_multiple_of(2) {
            self.world.forget_stale_listing(&user());
        }
    }

    /// Somebody other than a rotator does something.
    pub(crate) fn outside(&mut self, deed: impl FnOnce(&mut World)) {
        let before = self.world.clone();
        deed(&mut self.world);
        if current(&before) != current(&self.world) {
            self.left.extend(current(&before));
        }
        // A person's change is taken as listed at once: what IAM does not list yet, nobody can see.
        self.world.forget_stale_listing(&user());
        let _ = Arc::make_mut(&mut self.watch).step(&before, &self.world, Actor::Person);
        self.rotators
            .iter_mut()
            .flatten()
            .map(Arc::make_mut)
            .for_each(|r| (r.overtaken, r.disturbed) = (true, r.revokes()));
    }

    pub(crate) fn person(&mut self, deed: &Deed) {
        self.person -= 1;
        self.interfered = true;
        self.outside(|world| {
            let user = user();
            // What AWS refuses a person, it refuses.
            match deed {
                Deed::CreateKey => drop(world.add_key(&user)),
                Deed::Deactivate(key) => drop(world.set_key_status(&user, key, KeyStatus::Inactive)),
                Deed::Reactivate(key) => drop(world.set_key_status(&user, key, KeyStatus::Active)),
                Deed::Delete(key) => drop(world.delete_key(&user, key)),
                Deed::PutKey(key) => put(world, Value::credentials(&World::credentials_of(key), None)),
                Deed::PutWrong(key) => {
                    put(world, Value::text(format!(r#"{{"AccessKeyId":"{key}","SecretAccessKey":"slip"}}"#)));
                }
                Deed::PutJunk => put(world, Value::text("{}")),
                Deed::MoveCurrent(version) => {
                    let from = current(world);
                    drop(world.move_label(&secret(), Label::Current, from.as_ref(), Some(version)));
                }
            }
        });
    }

    /// Another program writes into the journal. What that makes of everything else is not held against keyrot here.
    pub(crate) fn forge(&mut self, forgery: &Forgery) {
        self.forges -= 1;
        self.interfered = true;
        if let Forgery::Entry(JournalEntry::Revoked(all)) = forgery {
            // What is taken out of the entry, a run cannot know, unless it was asked for it itself.
            let keys: Vec<KeyId> =
                self.world.user(&user()).into_iter().flat_map(|u| u.keys()).map(|k| k.listed.id.clone()).collect();
            let gone = keys.iter().filter(|key| !all.iter().any(|noted| noted.key == **key));
            gone.for_each(|key| Arc::make_mut(&mut self.watch).forgotten(key));
        }
        let before = self.world.clone();
        // What a person did not ask for, nobody has to hold to.
        let unasked = match forgery {
            Forgery::Entry(JournalEntry::Revoked(all)) => {
                all.iter().map(|noted| noted.key.clone()).filter(|key| !self.watch.is_revoked(key)).collect()
            }
            _ => Vec::new(),
        };
        match forgery {
            Forgery::Entry(note) => drop(self.world.tag_secret(&secret(), note.tag(), note.to_text())),
            Forgery::Version { id, label } => {
                let found = self.world.secret(&secret());
                let pending = found.and_then(|found| found.labelled(Label::Pending)).cloned();
                // Without a label, PutSecretValue moves AWSCURRENT.
                let labels = if *label == Some(Label::Current) { &[][..] } else { &[Label::Pending] };
                let put = self.world.put_secret_value(&secret(), id, Value::text("{}"), labels);
                if put.is_ok() && label.is_none() {
                    drop(self.world.move_label(&secret(), Label::Pending, Some(id), pending.as_ref()));
                }
            }
        }
        let _ = Arc::make_mut(&mut self.watch).step(&before, &self.world, Actor::Person);
        unasked.iter().for_each(|key| Arc::make_mut(&mut self.watch).forgotten(key));
    }

    pub(crate) fn consume(&mut self, key: &KeyId) {
        self.uses -= 1;
        self.outside(|world| drop(world.authenticate(&World::credentials_of(key), "s3", "eu-west-1")));
    }
}

/// S10: a key that this call has taken away, though a consumer used it within `quiet` (within the soak, where it is gone for good), or though what
/// is current does not work.
fn taken(setting: &Setting, before: &World, now: &World, watch: &Watch) -> Option<String> {
    let keys = |world: &World| world.user(&user()).map(|user| user.keys().to_vec()).unwrap_or_default();
    let left = keys(now);
    for key in keys(before) {
        let id = &key.listed.id;
        let wait = match left.iter().find(|left| left.listed.id == *id).map(|left| &left.listed.status) {
            None => setting.waits.soak,
            Some(KeyStatus::Inactive) if key.listed.status == KeyStatus::Active => setting.waits.quiet,
            Some(_) => continue,
        };
        if let Ok(LastUse::At { when, service, .. }) = before.last_use(id)
            && service != "sts"
            && now.now() < after(when, wait)
        {
            return Some(format!("{id} was taken away, and it was used at {when}"));
        }
        if let Some(how) = watch.current_is_broken(now).filter(|_| key.proven) {
            return Some(format!("{id} was taken away, and {how}"));
        }
    }
    None
}

/// S12: what a run that could not ask makes of it, where that is more than to wait or to fail.
fn concluded(next: &Next) -> Option<String> {
    match next {
        Next::Call(Call::Write(JournalEntry::Retired(note))) if note.phase == Phase::Abandoned => {
            Some(format!("{} was abandoned, and nobody was asked whether it works", note.key))
        }
        // It concludes nothing of the key; that a wait goes on for too long is said.
        Next::Done(Outcome::Blocked(Blocked::Overdue { .. })) => None,
        Next::Done(Outcome::Blocked(reason)) => Some(format!("blocked, and nobody was asked: {reason}")),
        Next::Done(Outcome::Refused(reason)) => Some(format!("refused, and nobody was asked: {reason}")),
        _ => None,
    }
}

fn current(world: &World) -> Option<VersionId> {
    world.secret(&secret())?.labelled(Label::Current).cloned()
}

fn put(world: &mut World, value: Value) {
    let n = world.secret(&secret()).map_or(0, |s| s.versions().count());
    let version = VersionId::parse(format!("00000000-0000-0000-0000-{n:012}")).unwrap();
    drop(world.put_secret_value(&secret(), &version, value, &[]));
}
