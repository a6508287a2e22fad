//! The initial state: a new user, or a user that keyrot has managed until then.

use super::{Deed, Luck, State, secret, user};
use crate::runs::rotate_by_service;
use crate::setting::{Destination, Port, Setting, Start, UNIT};
use keyrot_core::machine::{Decider, Task};
use keyrot_core::memory::{Actor, MemoryDestination, Watch, World};
use keyrot_core::{KeyStatus, Outcome, Request, Revocation};
use std::collections::BTreeSet;
use std::sync::Arc;

impl State {
    /// Returns the initial state, observed by the watch.
    pub(crate) fn first(setting: &Setting) -> Self {
        let sound = Setting {
            decider: Decider::REAL,
            port: Port::Sound,
            rotator_waits: setting.waits,
            clocks: [0, 0],
            destinations: if setting.added_late { &[] } else { setting.destinations },
            ..setting.clone()
        };
        let mut state = Self::unmanaged(setting, &sound);
        state.live_to(&sound);
        assert_eq!(state.broken, None, "a life without faults keeps every promise");
        state.world.forget_stale_listing(&user());
        let Setting { faults, person, uses, services, forges, .. } = *setting;
        let assigned = setting.destinations.iter().map(Destination::assignment).collect();
        let watch = Arc::unwrap_or_clone(state.watch.clone()).with_destinations(assigned);
        Self {
            watch: Arc::new(watch),
            faults,
            person,
            forges,
            uses,
            services,
            passed: 0,
            // A person has to decide which of two keys may be retired.
            interfered: matches!(setting.start, Start::New { keys } if keys > 1)
                || setting.start == Start::Reactivated,
            begun: false,
            left: BTreeSet::new(),
            overwrites: setting.overwrites,
            ..state
        }
    }

    /// Returns an account with a user that keyrot does not manage yet.
    fn unmanaged(setting: &Setting, sound: &Setting) -> Self {
        let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
        let name = world.add_user("ci", &[("RotateKey", "True")]).unwrap();
        let keys = if let Start::New { keys } = setting.start { keys } else { 1 };
        (0..keys).for_each(|_| drop(world.add_key(&name).unwrap()));
        world.advance(UNIT);
        for one in setting.destinations {
            let destination = MemoryDestination::new(one.abilities);
            world.add_destination(one.assignment().to, destination);
        }
        let assigned = sound.destinations.iter().map(Destination::assignment).collect();
        let watch = Watch::new(&world, name, secret(), setting.policy());
        Self {
            world,
            watch: Arc::new(watch.with_destinations(assigned)),
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
            overwrites: 0,
        }
    }

    /// Makes runs without faults until the start of the model is reached.
    fn live_to(&mut self, sound: &Setting) {
        let start = sound.start;
        if !matches!(start, Start::New { .. }) {
            self.live(sound, 12);
            if start == Start::DueForeign {
                let key = self.world.user(&user()).unwrap().keys()[0].listed.id.clone();
                self.person(&Deed::PutKey(key));
            }
            self.world.advance(sound.waits.max_age);
        }
        if matches!(start, Start::Overlap | Start::Reactivated) {
            self.live(sound, 1);
        }
        if start == Start::Soaking {
            self.live_to_the_soak(sound);
        }
        if start == Start::Reactivated {
            self.revoke_and_reactivate(sound);
        }
        if start.rotation_enabled() {
            self.world.secret_mut(&secret()).unwrap().rotation = true;
        }
        if start == Start::ServicedOverlap {
            let before = self.world.clone();
            assert_eq!(rotate_by_service(sound, &mut self.world), Some(Outcome::Done));
            let _ = Arc::make_mut(&mut self.watch).step(&before, &self.world, Actor::Person);
        }
    }

    /// Makes runs until the old key is Inactive, and its soak ends in one unit.
    fn live_to_the_soak(&mut self, sound: &Setting) {
        let soaks = |state: &Self| {
            let user = state.world.user(&user());
            user.is_some_and(|user| {
                user.keys().iter().any(|key| key.listed.status == KeyStatus::Inactive)
            })
        };
        for _ in 0..20 {
            if !soaks(self) {
                self.live(sound, 1);
            }
        }
        assert!(soaks(self), "the old key went its way");
        // One unit of the soak is over by now.
        self.world.advance(sound.waits.soak - UNIT * 2);
    }

    /// Revokes the old key, and then a person reactivates it.
    fn revoke_and_reactivate(&mut self, sound: &Setting) {
        let keys = self.world.user(&user()).unwrap().keys();
        let old = keys.iter().min_by_key(|key| key.listed.created).unwrap().listed.id.clone();
        self.ask(sound, Request::Revoke(Revocation::of(old.clone())));
        self.requests += 1;
        while !self.at_rest() {
            self.step(sound, 0, Luck::Good);
        }
        self.asked = None;
        self.world.advance(sound.waits.settle);
        self.person += 1;
        self.person(&Deed::Reactivate(old));
    }

    /// Makes runs without faults, a unit of time apart.
    fn live(&mut self, setting: &Setting, runs: u32) {
        for _ in 0..runs {
            self.start(setting, 0, Task::Everything);
            while !self.at_rest() {
                self.step(setting, 0, Luck::Good);
            }
            self.world.advance(UNIT);
        }
    }
}
