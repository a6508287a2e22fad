//! One user, one home (S9): one IAM, two regions with a secret store each, runs in both, and others
//! who remove tags, write tags and secrets, rename the user or recreate it.

mod check;
mod explored;
mod state;

use super::setting::{UNIT, waits};
use super::world::Luck;
use futures_util::FutureExt;
use keyrot_core::machine::{Call, Decider, Next, Reply, Rotation, Task};
use keyrot_core::memory::{Fault, FaultAt, Label, MemoryAccount, Value, World};
use keyrot_core::model::{Adoption, Subject};
use keyrot_core::{
    Blocked, CallError, Homes, Mode, Outcome, Ports, SecretName, Selection, Target, WaitPolicy,
    Waits, select,
};
use state::State;

/// The regions. The home is in the first, if the user has one initially.
pub(crate) const REGIONS: [&str; 2] = ["us-east-1", "eu-west-1"];

/// An explored model.
#[derive(Debug, Clone)]
pub(crate) struct Lives {
    /// Whether the user has a home at the start, with a key that is due.
    pub(crate) housed: bool,
    /// The number of keys of a user without a home.
    pub(crate) keys: usize,
    /// The runs that may start, with their places.
    pub(crate) runs: &'static [(usize, Way)],
    /// How many runs may be at work at the same time.
    pub(crate) at_once: usize,
    pub(crate) faults: u8,
    /// How often another program removes the tag from the user.
    pub(crate) untags: u8,
    /// What others may do to the user or its secrets.
    pub(crate) deeds: &'static [Deed],
    /// How often they may do this.
    pub(crate) times: u8,
    pub(crate) horizon: u32,
    pub(crate) decider: Decider,
}

/// How the region of a run was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Way {
    /// It was chosen on purpose, and `home_regions` has the other one.
    Named,
    /// It was chosen on purpose, and `home_regions` is empty.
    Alone,
    /// It comes from the environment alone.
    Ambient,
}

/// An action of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Deed {
    /// The user's tag names the other place.
    TagOther,
    /// Another program creates a secret of that name before keyrot does.
    Squat(usize, VersionContents),
    Rename,
    /// The user is deleted, and a user with the same name is created.
    Recreate,
}

/// The content of a secret that another program created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum VersionContents {
    Nothing,
    Placeholder,
    /// The placeholder, with the tag that names the user.
    ForUser,
    /// Another user's credentials, under a version id that names the user's key.
    ForUsersKey,
    /// Another user's credentials.
    Strangers,
}

/// Returns the secret of the user with this name, according to the template.
pub(crate) fn secret() -> SecretName {
    super::world::secret()
}

fn short() -> Waits {
    waits([6, 2, 1, 1, 2])
}

pub(crate) fn at(world: &World, place: usize) -> World {
    let mut world = world.clone();
    world.set_region(REGIONS[place]);
    world
}

/// Returns the first selected user, as IAM lists it now.
pub(crate) fn target(world: &World, place: usize, way: Way, waits: Waits) -> Option<Target> {
    let adoption = if way == Way::Ambient { Adoption::NotNamed } else { Adoption::Named };
    let homes = Homes { adoption, ..Homes::in_region(REGIONS[place]) };
    let policy = WaitPolicy::new(waits, true).expect("waits of a test");
    select(&world.list_users("/"), &Selection::default(), &homes, &policy).chosen.into_iter().next()
}

/// Returns a scheduled run.
pub(crate) fn scheduled(
    world: &World,
    place: usize,
    way: Way,
    waits: Waits,
    decider: Decider,
) -> Option<Rotation> {
    let Target { subject, policy } = target(world, place, way, waits)?;
    Some(
        Rotation::new(subject, policy.ok()?, Mode::Act)
            .deciding_by(decider)
            .to_do(Task::Everything),
    )
}

impl Lives {
    pub(crate) fn new(runs: &'static [(usize, Way)]) -> Self {
        let (housed, keys, at_once, faults, untags, times, horizon) = (true, 1, 1, 0, 0, 0, 3);
        Self {
            housed,
            keys,
            runs,
            at_once,
            faults,
            untags,
            deeds: &[],
            times,
            horizon,
            decider: Decider::REAL,
        }
    }

    /// Makes a whole run, without faults.
    fn run(&self, world: &mut World, place: usize) -> Option<Outcome> {
        let mut machine = scheduled(world, place, Way::Named, short(), self.decider)?;
        for _ in 0..200 {
            match machine.next(world.now()) {
                Next::Done(outcome) => return Some(outcome),
                Next::Sleep(pause) => world.advance(pause),
                Next::Call(call) => {
                    let answer =
                        perform(world, place, Way::Named, machine.subject(), &call, Luck::Good);
                    machine.answer(world.now(), answer.expect("nobody dies here"));
                }
            }
        }
        panic!("a run does not end")
    }

    /// Whether the user comes to rest with one key or is blocked, with runs in this place and
    /// without further faults.
    fn comes_to_rest(&self, state: &State, place: usize) -> bool {
        let mut world = state.world.clone();
        for _ in 0..24 {
            let wait = match self.run(&mut world, place) {
                Some(Outcome::Settled { .. }) => return one_key(&world, place),
                // This is reported, and the next run continues, so this is not the end.
                Some(Outcome::Blocked(Blocked::StagingRefused { .. })) => None,
                Some(Outcome::Blocked(Blocked::Overdue { wait, .. })) => {
                    wait.until.and_then(|until| (until - world.now()).to_std().ok())
                }
                // Two secrets were created at the same time. An operator has to decide which one is
                // the home.
                Some(Outcome::Blocked(_)) => return state.interfered || twice(&world),
                Some(Outcome::Waiting(wait)) => {
                    wait.until.and_then(|until| (until - world.now()).to_std().ok())
                }
                _ => None,
            };
            world.advance(wait.unwrap_or(UNIT));
        }
        false
    }
}

fn twice(world: &World) -> bool {
    REGIONS.iter().all(|region| {
        world.secret_in(region, &secret()).is_some_and(|found| found.owner().is_some())
    })
}

pub(crate) fn one_key(world: &World, place: usize) -> bool {
    let secrets = world.secret_in(REGIONS[place], &secret());
    let held = secrets
        .and_then(|found| found.value(found.labelled(Label::Current)?))
        .and_then(Value::read);
    let mut users = world.users().filter(|user| user.tags.contains_key("RotateKey"));
    let keys = users.next().map(|user| user.keys());
    matches!((keys, held), (Some([key]), Some(held)) if key.listed.id == held.key)
}

/// Makes the call on the account through the real ports. `None` if the process died.
pub(crate) fn perform(
    world: &mut World,
    place: usize,
    way: Way,
    subject: &Subject,
    call: &Call,
    luck: Luck,
) -> Option<Result<Reply, CallError>> {
    let account = MemoryAccount::new(world.clone()).in_region(REGIONS[place]);
    let account =
        if way == Way::Named { account.looking_in(&[REGIONS[1 - place]]) } else { account };
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
