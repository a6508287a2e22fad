//! One state of a model with two regions, and its transitions.

use super::{Deed, Lives, REGIONS, VersionContents, Way, at, perform, scheduled, secret, short};
use crate::setting::UNIT;
use crate::world::{Luck, user};
use keyrot_core::machine::{Call, Decider, Next, Rotation};
use keyrot_core::memory::{Actor, Broken, Label, Value, Watch, World};
use keyrot_core::model::{HOME_TAG, Owner, SecretArn, Subject, UserId, VersionId, after};
use keyrot_core::{KeyStatus, Timestamp, WaitPolicy};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) world: World,
    pub(super) watches: [Arc<Watch>; 2],
    pub(super) runs: Vec<Option<Arc<Running>>>,
    pub(super) faults: u8,
    pub(super) untags: u8,
    pub(super) times: u8,
    pub(super) passed: u32,
    /// Whether others did more than remove a tag or rename the user.
    pub(super) interfered: bool,
    /// Whether the watches, which use the user's name, can no longer observe the user.
    pub(super) blind: bool,
    /// The user's identity at the start.
    pub(super) first: UserId,
    /// The places where runs changed anything for the user with this id.
    pub(super) touched: BTreeSet<(UserId, usize)>,
    /// The places where runs published a key of their own.
    pub(super) published: BTreeSet<(UserId, usize)>,
    /// The places where another program created a secret that does not name the user.
    pub(super) squatted: BTreeSet<usize>,
    pub(super) broken: Option<Broken>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Running {
    machine: Rotation,
    pub(super) next: Next,
    place: usize,
    way: Way,
    pub(super) since: u32,
    slept: Duration,
    /// Whether others did something since the run's last read.
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

impl State {
    pub(super) fn first(lives: &Lives) -> Self {
        let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
        let name = world.add_user("ci", &[("RotateKey", "True")]).unwrap();
        (0..lives.keys).for_each(|_| drop(world.add_key(&name).unwrap()));
        world.advance(UNIT);
        let policy = WaitPolicy::new(short(), true).unwrap();
        let watch =
            |place| Arc::new(Watch::new(&at(&world, place), name.clone(), secret(), policy));
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

    pub(super) fn at_rest(&self) -> bool {
        self.runs.iter().all(Option::is_none)
    }

    pub(super) fn start(&mut self, lives: &Lives, i: usize, place: usize, way: Way) {
        let Some(mut machine) = scheduled(&self.world, place, way, short(), lives.decider) else {
            return;
        };
        let next = machine.next(self.world.now());
        let (since, slept, overtaken) = (self.passed, Duration::ZERO, false);
        self.runs[i] =
            Some(Arc::new(Running { machine, next, place, way, since, slept, overtaken }));
    }

    pub(super) fn step(&mut self, i: usize, luck: Luck) {
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
                let answer =
                    perform(&mut self.world, running.place, running.way, subject, &call, luck);
                if before != self.world {
                    let here = (subject.id.clone(), running.place);
                    self.published
                        .extend(matches!(call, Call::Promote { .. }).then(|| here.clone()));
                    self.touched.extend(
                        (!call.only_reads() && !matches!(call, Call::Probe(_))).then_some(here),
                    );
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

    /// Checks what a run in this region did. In this region, all promises apply; elsewhere, the
    /// published key must work.
    fn judge(&mut self, before: &World, place: usize, overtaken: bool) {
        for there in [0, 1] {
            let (was, is) = (at(before, there), at(&self.world, there));
            let verdict = Arc::make_mut(&mut self.watches[there]).step(&was, &is, Actor::Keyrot);
            let counts = |broken: &Broken| {
                (there == place || broken.promise == "S1") && !overtaken && !self.blind
            };
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

    pub(super) fn others(&mut self, deed: Deed) {
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
                drop(world.tag_user(
                    &user(),
                    HOME_TAG,
                    &SecretArn::planned(subject.place()).to_string(),
                ));
            }
            Deed::Squat(place, inside) => {
                world.set_region(REGIONS[place]);
                squat(world, inside);
                world.set_region(REGIONS[0]);
            }
            Deed::Rename => drop(world.rename_user(&user(), "deployer").unwrap()),
            Deed::Recreate => {
                let old = world.rename_user(&user(), "deleted").unwrap();
                let keys: Vec<_> = world
                    .user(&old)
                    .into_iter()
                    .flat_map(|old| old.keys())
                    .map(|key| key.listed.id.clone())
                    .collect();
                keys.iter().for_each(|key| world.delete_key(&old, key).unwrap());
                world.user_mut(&old).unwrap().tags.clear();
                let new = world.add_user("ci", &[("RotateKey", "True")]).unwrap();
                world.add_key(&new).unwrap();
            }
        });
    }

    /// Whether a key that runs published for an existing user does not work.
    pub(super) fn dead_key(&self) -> bool {
        self.published.iter().any(|(id, place)| {
            let Some(owner) =
                self.world.users().find(|user| user.id == *id && !user.tags.is_empty())
            else {
                return false;
            };
            let found = self.world.secret_in(REGIONS[*place], &secret());
            let held = found
                .and_then(|found| found.value(found.labelled(Label::Current)?))
                .and_then(Value::read);
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
        VersionContents::ForUsersKey => {
            world.user(&subject.user).and_then(|user| user.keys().first()).map(|key| {
                let listed = &key.listed;
                (VersionId::for_key(&listed.id, listed.created, false).unwrap(), Value::text("{}"))
            })
        }
        VersionContents::Strangers => {
            let stranger = World::credentials_of(&"AKIASTRANGERSTRANGER".parse().unwrap());
            let version = VersionId::parse("5f0c0e6e-9a53-4b3e-8f35-1d1c52a7c0de").unwrap();
            Some((version, Value::credentials(&stranger, None)))
        }
    };
    // Others cannot create a secret that already exists.
    if world.create_secret(&secret(), first).is_ok()
        && matches!(inside, VersionContents::ForUser | VersionContents::ForUsersKey)
    {
        world.tag_secret(&secret(), Owner::TAG, subject.owner().to_text()).unwrap();
    }
}
