//! The starting points of lifecycles: an account on its first day, and the states after the first
//! few runs.

use crate::lifecycle::Life;
use crate::services::Places;
use crate::witness::Witness;
use keyrot_core::memory::World;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// An account, and what its witness knows: a starting point that can be used repeatedly.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) witness: Witness,
    /// The services to which keys are delivered, if any.
    pub(crate) places: Option<Places>,
}

/// What keyrot finds when it first works on a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// No key, no secret.
    NoKey,
    /// One key that consumers use, no secret.
    OneKey,
}

impl Scene {
    /// Returns users on the first day.
    pub(crate) fn first_day(users: impl IntoIterator<Item = Start>) -> Self {
        let mut world = World::new("2026-01-05T04:00:00.250Z".parse().unwrap());
        for (n, start) in users.into_iter().enumerate() {
            let user =
                world.add_user(&format!("team/ci-{n:02}"), &[("RotateKey", "True")]).unwrap();
            if start == Start::OneKey {
                world.add_key(&user).unwrap();
            }
        }
        let witness = Witness::of(&world);
        Self { world, witness, places: None }
    }

    /// Returns the same users, with keys that are delivered to destinations from the first day on.
    pub(crate) fn with_destinations(mut self) -> Self {
        self.places = Some(Places::on_the_first_day(&mut self.world));
        self
    }

    /// Returns the same scene, with places that all accept a key in one write.
    pub(crate) fn with_whole_destinations(mut self) -> Self {
        self.places = Some(Places::on_the_first_day(&mut self.world).all_whole());
        self
    }

    /// Returns users with a key and no secret.
    pub(crate) fn adoption(users: usize) -> Self {
        Self::first_day(vec![Start::OneKey; users])
    }

    /// Returns users without a key or a secret.
    pub(crate) fn first_keys(users: usize) -> Self {
        Self::first_day(vec![Start::NoKey; users])
    }

    /// Returns users that were adopted a day ago: the old keys are in their overlap.
    pub(crate) fn overlap(users: usize) -> Self {
        Self::adoption(users).after_a_run(DAY)
    }

    /// Returns adopted users whose overlap is over: the old keys can be retired.
    pub(crate) fn retirement(users: usize) -> Self {
        Self::adoption(users).retired()
    }

    /// Returns users whose old keys have been Inactive for their soak.
    pub(crate) fn deletion(users: usize) -> Self {
        Self::retirement(users).retired()
    }

    /// Returns users with one key each, in its secret, and so old that it is due.
    pub(crate) fn rotation(users: usize) -> Self {
        Self::deletion(users).after_a_run(DAY * 91)
    }

    /// Returns the scene after a run, and the time of the overlap or the soak.
    fn retired(&self) -> Self {
        self.after_a_run(DAY * 8)
    }

    /// Returns the scene after all steps from the first day on, until only keyrot's first key is
    /// left.
    pub(crate) fn settled(&self) -> Self {
        self.retired().retired().after_a_run(DAY)
    }

    pub(crate) fn after_a_run(&self, time: Duration) -> Self {
        let life = Life::new(self);
        let (code, document) = life.run(None);
        assert_eq!(code, Some(0), "{document:#}");
        life.pass(time);
        life.is_well();
        life.scene()
    }

    /// Returns how many calls a process makes for a user without interference.
    pub(crate) fn calls(&self) -> usize {
        let life = Life::new(self);
        assert_eq!(life.run(life.users().first()).0, Some(0));
        life.emulator.stats().calls()
    }
}
