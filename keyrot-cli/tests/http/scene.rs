//! Where lives begin: an account on its first day, and the states that a first few runs lead to.

use crate::lifecycle::Life;
use crate::services::Places;
use crate::witness::Witness;
use keyrot_core::memory::World;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// An account, and what its witness knows: where lives can begin again and again.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) witness: Witness,
    /// Where keys are delivered, if anywhere.
    pub(crate) places: Option<Places>,
}

/// What keyrot finds when it first comes to a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// No key, no secret.
    NoKey,
    /// One key that consumers have, no secret.
    OneKey,
}

impl Scene {
    /// Users on the first day.
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

    /// The same users, whose keys are to be delivered to destinations from the first day on.
    pub(crate) fn with_destinations(mut self) -> Self {
        self.places = Some(Places::on_the_first_day(&mut self.world));
        self
    }

    /// The same, where each place takes a key in one write.
    pub(crate) fn with_whole_destinations(mut self) -> Self {
        self.places = Some(Places::on_the_first_day(&mut self.world).all_whole());
        self
    }

    /// Users with a key and no secret.
    pub(crate) fn adoption(users: usize) -> Self {
        Self::first_day(vec![Start::OneKey; users])
    }

    /// Users without key and secret.
    pub(crate) fn first_keys(users: usize) -> Self {
        Self::first_day(vec![Start::NoKey; users])
    }

    /// Adopted a day ago: the old keys are in their overlap.
    pub(crate) fn overlap(users: usize) -> Self {
        Self::adoption(users).after_a_run(DAY)
    }

    /// Adopted, and the overlap is over: the old keys are to be retired.
    pub(crate) fn retirement(users: usize) -> Self {
        Self::adoption(users).retired()
    }

    /// The old keys have been Inactive for their soak.
    pub(crate) fn deletion(users: usize) -> Self {
        Self::retirement(users).retired()
    }

    /// One key each, in its secret, and so old that it is due.
    pub(crate) fn rotation(users: usize) -> Self {
        Self::deletion(users).after_a_run(DAY * 91)
    }

    /// After a run, and the time that the overlap or the soak takes.
    fn retired(&self) -> Self {
        self.after_a_run(DAY * 8)
    }

    /// From the first day on until nothing but the first key of keyrot's is left.
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

    /// How many calls a process makes for a user that nothing disturbs.
    pub(crate) fn calls(&self) -> usize {
        let life = Life::new(self);
        assert_eq!(life.run(life.users().first()).0, Some(0));
        life.emulator.stats().calls()
    }
}
