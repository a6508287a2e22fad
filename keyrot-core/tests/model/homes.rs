//! One user, one home (S9): one IAM and two regions with a secret store each, runs in both, and others who take tags off, or put tags and secrets
//! there, rename the user or create it again.

use super::runs::is_iams;
use super::setting::{UNIT, waits};
use super::world::{Luck, user};
use futures_util::FutureExt;
use keyrot_core::machine::{Call, Decider, Next, Reply, Rotation, Task};
use keyrot_core::memory::{Actor, Broken, Fault, FaultAt, Label, MemoryAccount, Value, Watch, World};
use keyrot_core::model::{Adoption, HOME_TAG, Owner, SecretArn, Subject, UserId, VersionId, after};
use keyrot_core::{
    Blocked, CallError, Homes, KeyStatus, Mode, Outcome, Policy, Ports, SecretName, Selection, Timestamp, Waits, select,
};
use stateright::{Model, Property};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// The home is in the first, where the user has one at first.
const REGIONS: [&str; 2] = ["us-east-1", "eu-west-1"];

/// What is explored.
#[derive(Debug, Clone)]
pub(crate) struct Lives {
    /// Whether the user has a home at first, with a key that is due.
    pub(crate) housed: bool,
    /// How many keys a user without one has.
    pub(crate) keys: usize,
    /// The runs that may begin, and where.
    pub(crate) runs: &'static [(usize, Way)],
    /// How many may be at work at once.
    pub(crate) at_once: usize,
    pub(crate) faults: u8,
    /// How often another program takes the tag off the user.
    pub(crate) untags: u8,
    /// What others may do.
    pub(crate) deeds: &'static [Deed],
    /// How often.
    pub(crate) times: u8,
    pub(crate) horizon: u32,
    pub(crate) decider: Decider,
}

/// How a run comes to its region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Way {
    /// It was named on purpose, and the other one is among the further regions.
    Named,
    /// By the environment alone.
    Ambient,
}

/// What others do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Deed {
    /// The user's tag names the other place.
    TagOther,
    /// A secret of the name is created before keyrot does.
    Squat(usize, VersionContents),
    Rename,
    /// The user is deleted, and one of the same name is created.
    Recreate,
}

/// What a secret holds that somebody else created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum VersionContents {
    Nothing,
    Placeholder,
    /// The placeholder, and the tag that names the user.
    ForUser,
    /// The same under a version id that names the user's key.
    ForUsersKey,
    /// Another user's credentials.
    Strangers,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) world: World,
    watches: [Arc<Watch>; 2],
    runs: Vec<Option<Arc<Running>>>,
    faults: u8,
    untags: u8,
    times: u8,
    passed: u32,
    /// Whether somebody did more than take a tag off, or give the user another name.
    interfered: bool,
    /// Whether the watches, which go by the user's name, can see no more.
    blind: bool,
    /// Who the user was at first.
    first: UserId,
    /// Where runs changed anything for the user of this id.
    touched: BTreeSet<(UserId, usize)>,
    /// Where runs published a key of theirs.
    published: BTreeSet<(UserId, usize)>,
    /// Where somebody else created a secret that does not name the user.
    squatted: BTreeSet<usize>,
    broken: Option<Broken>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Running {
    machine: Rotation,
    next: Next,
    place: usize,
    way: Way,
    since: u32,
    slept: Duration,
    /// Whether somebody did something since its last look.
    overtaken: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    Start(usize, usize, Way),
    Step(usize, Luck),
    Pass,
    Untag,
    Others(Deed),
}

/// Of the user whose name this is by the template.
fn secret() -> SecretName {
    super::world::secret()
}

fn short() -> Waits {
    waits([6, 2, 1, 1, 2])
}

fn at(world: &World, place: usize) -> World {
    let mut world = world.clone();
    world.set_region(REGIONS[place]);
    world
}

impl Lives {
    pub(crate) fn new(runs: &'static [(usize, Way)]) -> Self {
        let (housed, keys, at_once, faults, untags, times, horizon) = (true, 1, 1, 0, 0, 0, 3);
        Self { housed, keys, runs, at_once, faults, untags, deeds: &[], times, horizon, decider: Decider::REAL }
    }

    /// The machine for the first user that is selected, as the users' list shows it now.
    fn machine(&self, world: &World, place: usize, way: Way) -> Option<Rotation> {
        let adoption = if way == Way::Named { Adoption::Named } else { Adoption::NotNamed };
        let homes = Homes { adoption, ..Homes::in_region(REGIONS[place]) };
        let chosen = select(
            &world.list_users("/"),
            &Selection::default(),
            &homes,
            &Policy::new(short(), true).expect("waits of a test"),
        )
        .chosen;
        let chosen = chosen.into_iter().next()?;
        let policy = chosen.policy.ok()?;
        Some(Rotation::new(chosen.subject, policy, Mode::Act).deciding_by(self.decider).to_do(Task::Everything))
    }

    /// One run to its end, with nothing going wrong.
    fn run(&self, world: &mut World, place: usize) -> Option<Outcome> {
        let mut machine = self.machine(world, place, Way::Named)?;
        for _ in 0..200 {
            match machine.next(world.now()) {
                Next::Done(outcome) => return Some(outcome),
                Next::Sleep(pause) => world.advance(pause),
                Next::Call(call) => {
                    let answer = perform(world, place, Way::Named, machine.subject(), &call, Luck::Good);
                    machine.answer(world.now(), answer.expect("nobody dies here"));
                }
            }
        }
        panic!("a run does not end")
    }

    /// With nothing going wrong any more, and runs there: does the user come to rest with one key, or is it blocked?
    fn comes_to_rest(&self, state: &State, place: usize) -> bool {
        let mut world = state.world.clone();
        for _ in 0..24 {
            let wait = match self.run(&mut world, place) {
                Some(Outcome::Settled { .. }) => return one_key(&world, place),
                // Said loudly, and the next run goes on: it is no end.
                Some(Outcome::Blocked(Blocked::StagingRefused { .. })) => None,
                Some(Outcome::Blocked(Blocked::Overdue { wait, .. })) => {
                    wait.until.and_then(|until| (until - world.now()).to_std().ok())
                }
                // Two that were created at once: somebody has to say which is the home.
                Some(Outcome::Blocked(_)) => return state.interfered || twice(&world),
                Some(Outcome::Waiting(wait)) => wait.until.and_then(|until| (until - world.now()).to_std().ok()),
                _ => None,
            };
            world.advance(wait.unwrap_or(UNIT));
        }
        false
    }
}

fn twice(world: &World) -> bool {
    REGIONS.iter().all(|region| world.secret_in(region, &secret()).is_some_and(|found| found.owner().is_some()))
}

fn one_key(world: &World, place: usize) -> bool {
    let secrets = world.secret_in(REGIONS[place], &secret());
    let held = secrets.and_then(|found| found.value(found.labelled(Label::Current)?)).and_then(Value::read);
    let mut users = world.users().filter(|user| user.tags.contains_key("RotateKey"));
    let keys = users.next().map(|user| user.keys());
    matches!((keys, held), (Some([key]), Some(held)) if key.listed.id == held.key)
}

/// Makes the call on the account through the real ports. `None` if the process died.
fn perform(
    world: &mut World,
    place: usize,
    way: Way,
    subject: &Subject,
    call: &Call,
    luck: Luck,
) -> Option<Result<Reply, CallError>> {
    let account = MemoryAccount::new(world.clone()).in_region(REGIONS[place]);
    let account = if way == Way::Named { account.looking_in(&[REGIONS[1 - place]]) } else { account };
    let fault = match luck {
        Luck::Denied => Some(Fault::Denied),
        Luck::LostReply => Some(Fault::LostReply),
        Luck::DiesBefore => Some(Fault::DeathBefore),
        Luck::DiesAfter => Some(Fault::DeathAfter),
        _ => None,
    };
    fault.into_iter().for_each(|fault| account.inject(FaultAt::nth(0, fault)));
    let answer = Ports::of(account.clone()).perform(subject, call).now_or_never();
    *world = at(&account.world(), 0);
    answer
}

impl State {
    fn first(lives: &Lives) -> Self {
        let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
        let name = world.add_user("ci", &[("RotateKey", "True")]).unwrap();
        (0..lives.keys).for_each(|_| drop(world.add_key(&name).unwrap()));
        world.advance(UNIT);
        let policy = Policy::new(short(), true).unwrap();
        let watch = |place| Arc::new(Watch::new(&at(&world, place), name.clone(), secret(), policy));
        let watches = [watch(0), watch(1)];
        let first = world.user(&name).unwrap().id.clone();
        let mut state = Self {
            world,
            watches,
            runs: vec![None; lives.at_once],
            faults: 0,
            untags: lives.untags,
            times: lives.times,
            passed: 0,
            interfered: false,
            blind: false,
            first,
            touched: BTreeSet::new(),
            published: BTreeSet::new(),
            squatted: BTreeSet::new(),
            broken: None,
        };
        if lives.housed {
            let sound = Lives { decider: Decider::REAL, ..lives.clone() };
            for _ in 0..12 {
                state.start(&sound, 0, 0, Way::Named);
                while state.runs[0].is_some() {
                    state.step(0, Luck::Good);
                }
                state.world.advance(UNIT);
            }
            state.world.advance(short().max_age);
            state.world.forget_stale_listing(&name);
        }
        assert_eq!(state.broken, None);
        state.faults = lives.faults;
        state
    }

    fn at_rest(&self) -> bool {
        self.runs.iter().all(Option::is_none)
    }

    fn start(&mut self, lives: &Lives, i: usize, place: usize, way: Way) {
        let Some(mut machine) = lives.machine(&self.world, place, way) else { return };
        let next = machine.next(self.world.now());
        let (since, slept, overtaken) = (self.passed, Duration::ZERO, false);
        self.runs[i] = Some(Arc::new(Running { machine, next, place, way, since, slept, overtaken }));
    }

    fn step(&mut self, i: usize, luck: Luck) {
        let Some(running) = self.runs[i].take() else { return };
        let mut running = Arc::unwrap_or_clone(running);
        self.faults -= u8::from(luck != Luck::Good);
        match running.next.clone() {
            Next::Done(_) => return,
            Next::Sleep(pause) => running.slept += pause,
            Next::Call(call) => {
                running.overtaken &= call != Call::ListKeys;
                let before = self.world.clone();
                let subject = running.machine.subject();
                let answer = perform(&mut self.world, running.place, running.way, subject, &call, luck);
                if before != self.world {
                    let here = (subject.id.clone(), running.place);
                    self.published.extend(matches!(call, Call::Promote { .. }).then(|| here.clone()));
                    self.touched.extend((!call.only_reads() && !matches!(call, Call::Probe(_))).then_some(here));
                    self.judge(&before, running.place, running.overtaken);
                }
                let Some(answer) = answer else { return };
                running.machine.answer(after(self.world.now(), running.slept), answer);
            }
        }
        running.next = running.machine.next(after(self.world.now(), running.slept));
        running.since = self.passed;
        if !matches!(running.next, Next::Done(_)) {
            self.runs[i] = Some(Arc::new(running));
        }
    }

    /// Holds what a run in this region did against the promises: all of them there, and elsewhere that what is published works.
    fn judge(&mut self, before: &World, place: usize, overtaken: bool) {
        for there in [0, 1] {
            let (was, is) = (at(before, there), at(&self.world, there));
            let verdict = Arc::make_mut(&mut self.watches[there]).step(&was, &is, Actor::Keyrot);
            let counts = |broken: &Broken| (there == place || broken.promise == "S1") && !overtaken && !self.blind;
            self.broken = self.broken.take().or_else(|| verdict.err().filter(counts));
        }
    }

    fn outside(&mut self, deed: impl FnOnce(&mut World)) {
        let before = self.world.clone();
        deed(&mut self.world);
        for there in [0, 1] {
            let (was, is) = (at(&before, there), at(&self.world, there));
            let _ = Arc::make_mut(&mut self.watches[there]).step(&was, &is, Actor::Person);
        }
        self.runs.iter_mut().flatten().for_each(|run| Arc::make_mut(run).overtaken = true);
    }

    fn others(&mut self, deed: Deed) {
        self.times -= 1;
        self.interfered |= deed != Deed::Rename;
        if let Deed::Squat(place, inside) = deed
            && self.world.secret_in(REGIONS[place], &secret()).is_none()
            && !matches!(inside, VersionContents::ForUser | VersionContents::ForUsersKey)
        {
            self.squatted.insert(place);
        }
        self.blind |= matches!(deed, Deed::Rename | Deed::Recreate);
        self.outside(|world| match deed {
            Deed::TagOther => {
                let subject = Subject::of(&world.list_users("/")[0], secret(), REGIONS[1]);
                drop(world.tag_user(&user(), HOME_TAG, &SecretArn::planned(subject.place()).to_string()));
            }
            Deed::Squat(place, inside) => {
                world.set_region(REGIONS[place]);
                squat(world, inside);
                world.set_region(REGIONS[0]);
            }
            Deed::Rename => drop(world.rename_user(&user(), "deployer").unwrap()),
            Deed::Recreate => {
                let old = world.rename_user(&user(), "deleted").unwrap();
                let keys: Vec<_> =
                    world.user(&old).into_iter().flat_map(|old| old.keys()).map(|key| key.listed.id.clone()).collect();
                keys.iter().for_each(|key| world.delete_key(&old, key).unwrap());
                world.user_mut(&old).unwrap().tags.clear();
                let new = world.add_user("ci", &[("RotateKey", "True")]).unwrap();
                world.add_key(&new).unwrap();
            }
        });
    }

    /// A key that runs published for a user who is still there works.
    fn dead_key(&self) -> bool {
        self.published.iter().any(|(id, place)| {
            let Some(owner) = self.world.users().find(|user| user.id == *id && !user.tags.is_empty()) else {
                return false;
            };
            let found = self.world.secret_in(REGIONS[*place], &secret());
            let held = found.and_then(|found| found.value(found.labelled(Label::Current)?)).and_then(Value::read);
            let key = held.as_ref().and_then(|held| owner.key(&held.key));
            key.is_none_or(|key| key.listed.status != KeyStatus::Active)
        })
    }
}

fn squat(world: &mut World, inside: VersionContents) {
    let now: Timestamp = world.now();
    let users = world.list_users("/");
    let subject = Subject::of(&users[0], secret(), REGIONS[0]);
    let placeholder = || (VersionId::for_placeholder(now), Value::placeholder());
    let first = match inside {
        VersionContents::Nothing => None,
        VersionContents::Placeholder | VersionContents::ForUser => Some(placeholder()),
        VersionContents::ForUsersKey => world.user(&subject.user).and_then(|user| user.keys().first()).map(|key| {
            let listed = &key.listed;
            (VersionId::for_key(&listed.id, listed.created, false).unwrap(), Value::text("{}"))
        }),
        VersionContents::Strangers => {
            let stranger = World::credentials_of(&"AKIASTRANGERSTRANGER".parse().unwrap());
            let version = VersionId::parse("5f0c0e6e-9a53-4b3e-8f35-1d1c52a7c0de").unwrap();
            Some((version, Value::credentials(&stranger, None)))
        }
    };
    // What exists already cannot be squatted.
    if world.create_secret(&secret(), first).is_ok()
        && matches!(inside, VersionContents::ForUser | VersionContents::ForUsersKey)
    {
        world.tag_secret(&secret(), Owner::TAG, subject.owner().to_text()).unwrap();
    }
}

impl Model for Lives {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::first(self)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.broken.is_some() {
            return;
        }
        for (i, running) in state.runs.iter().enumerate() {
            match running {
                None if state.runs[..i].iter().all(Option::is_some) => {
                    actions.extend(self.runs.iter().map(|(place, way)| Action::Start(i, *place, *way)));
                }
                None => {}
                Some(running) => {
                    actions.push(Action::Step(i, Luck::Good));
                    if let Next::Call(call) = &running.next
                        && state.faults > 0
                    {
                        let lucks = if call.only_reads() {
                            &[Luck::Denied, Luck::DiesBefore][..]
                        } else {
                            &[Luck::Denied, Luck::DiesBefore, Luck::DiesAfter, Luck::LostReply][..]
                        };
                        // What goes wrong between IAM's calls alone, the other lives hold.
                        let homely = !is_iams(call) || matches!(call, Call::CreateKey);
                        actions.extend(lucks.iter().filter(|_| homely).map(|luck| Action::Step(i, *luck)));
                    }
                }
            }
        }
        let in_time = state.runs.iter().flatten().all(|run| state.passed < run.since + 1);
        if state.passed < self.horizon && in_time {
            actions.push(Action::Pass);
        }
        let tagged = state.world.user(&user()).is_some_and(|user| user.tags.contains_key(HOME_TAG));
        if state.untags > 0 && tagged {
            actions.push(Action::Untag);
        }
        if state.times > 0 {
            // Who is renamed or created again in the middle of a run is out of its sight.
            let may = |deed: &&Deed| !matches!(deed, Deed::Rename | Deed::Recreate) || state.at_rest();
            actions.extend(self.deeds.iter().filter(may).map(|deed| Action::Others(*deed)));
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        match action {
            Action::Start(i, place, way) => next.start(self, i, place, way),
            Action::Step(i, luck) => next.step(i, luck),
            Action::Pass => {
                next.world.advance(UNIT);
                next.passed += 1;
                next.world.forget_stale_listing(&user());
            }
            Action::Untag => {
                next.untags -= 1;
                drop(next.world.untag_user(&user(), HOME_TAG));
            }
            Action::Others(deed) => next.others(deed),
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::<Self>::always("S9 one user's key is published in one secret", |_, s| {
                s.published.iter().all(|(id, place)| !s.published.contains(&(id.clone(), 1 - place)))
            }),
            Property::<Self>::always("S9 a run elsewhere changes nothing", |m, s| {
                !m.housed || s.touched.iter().all(|(id, place)| *place == 0 || *id != s.first)
            }),
            Property::<Self>::always("S9 a user created anew inherits nothing", |m, s| {
                !m.housed || s.touched.iter().all(|(id, place)| *place == 1 || *id == s.first)
            }),
            Property::<Self>::always("S9 nothing is published in what somebody else created", |_, s| {
                s.touched.iter().all(|(_, place)| !s.squatted.contains(place))
            }),
            Property::<Self>::always("S1 what is published works", |_, s| !s.dead_key()),
            Property::<Self>::always("S1 to S5 across both", |_, s| s.broken.is_none()),
            Property::<Self>::always("S9 liveness: at its home a user comes to rest", |m, s| {
                !s.at_rest() || s.broken.is_some() || [0, 1].iter().any(|place| m.comes_to_rest(s, *place))
            }),
            Property::<Self>::sometimes("a key is published", |_, s| !s.published.is_empty()),
        ]
    }
}
