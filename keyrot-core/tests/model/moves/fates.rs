//! The outcome of an account at rest, without further faults.

use super::route::Move;
use super::state::{is_closed, tagged};
use super::{Moves, WHOLE, short};
use crate::homes::{Way, one_key, perform, scheduled};
use crate::setting::UNIT;
use crate::world::Luck;
use keyrot_core::decide::Refusal;
use keyrot_core::machine::{Next, Rotation};
use keyrot_core::memory::World;
use keyrot_core::{Blocked, Outcome, Timestamp};

/// The outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// The user is at rest in this place, with one key.
    Rest(usize),
    /// Runs in both regions, and the operator's request, are blocked, and say why.
    Blocked,
    /// Neither: nothing happens, and nothing is reported.
    Stuck,
}

/// Makes a whole run, or a whole request.
fn to_end(world: &mut World, place: usize, way: Way, mut machine: Rotation) -> Outcome {
    for _ in 0..200 {
        match machine.next(world.now()) {
            Next::Done(outcome) => return outcome,
            Next::Sleep(pause) => world.advance(pause),
            Next::Call(call) => {
                let answer = perform(world, place, way, machine.subject(), &call, Luck::Good);
                machine.answer(world.now(), answer.expect("nobody dies here"));
            }
        }
    }
    panic!("a run does not end")
}

impl Moves {
    fn run(&self, world: &mut World, place: usize) -> Outcome {
        let machine = scheduled(world, place, Way::Named, short(), self.decider)
            .expect("the user is selected");
        to_end(world, place, Way::Named, machine)
    }

    /// Makes a whole move, as an operator requests it. Returns what stopped it; `None` if it is
    /// done.
    fn moves_to(&self, world: &mut World, to: usize) -> Option<Outcome> {
        let mut asked = Move::of(world, to, WHOLE).expect("the user is selected");
        while let Some((machine, at)) = asked.machine(self.decider) {
            let outcome = to_end(world, at, Way::Alone, machine);
            asked = match asked.after(&outcome) {
                Some(asked) => asked,
                None => return Some(outcome),
            };
        }
        None
    }

    /// Whether a run in this place treats the place as the user's home.
    pub(super) fn is_home(&self, world: &World, place: usize) -> bool {
        let mut machine = scheduled(world, place, Way::Named, short(), self.decider)
            .expect("the user is selected");
        let mut world = world.clone();
        loop {
            match machine.next(world.now()) {
                Next::Done(Outcome::Blocked(why)) => return !is_about_the_home(&why),
                Next::Done(_) | Next::Sleep(_) => return true,
                Next::Call(call) if !call.only_reads() => return true,
                Next::Call(call) => {
                    let answer = perform(
                        &mut world,
                        place,
                        Way::Named,
                        machine.subject(),
                        &call,
                        Luck::Good,
                    );
                    machine.answer(world.now(), answer.expect("nobody dies here"));
                }
            }
        }
    }

    /// Makes runs in both regions, while an operator repeatedly requests a move to this place.
    pub(super) fn fate(&self, world: &World, asked: Option<usize>) -> Fate {
        let mut world = world.clone();
        let (mut to, mut ends) = (asked, false);
        for _ in 0..60 {
            let stopped = to.and_then(|to| self.moves_to(&mut world, to));
            if stopped.is_none() {
                to = None;
            }
            let before = world.clone();
            let outcomes = [0, 1].map(|place| self.run(&mut world, place));
            let rests = |place: &usize| {
                is_settled(&outcomes[*place])
                    && one_key(&world, *place)
                    && asked.is_none_or(|asked| to.is_none() && asked == *place)
            };
            if let Some(place) = [0, 1].iter().find(|place| rests(place)) {
                return Fate::Rest(*place);
            }
            // If a move is refused until a run has done something at the home, the next request may
            // complete it.
            let rests = |outcome: &Outcome| {
                is_blocked(outcome) || (stopped.is_some() && is_settled(outcome))
            };
            ends = before == world
                && outcomes.iter().all(rests)
                && stopped.as_ref().is_none_or(is_blocked);
            if ends && !matches!(stopped, Some(Outcome::Refused(Refusal::NotAtRest { .. }))) {
                return Fate::Blocked;
            }
            let until = outcomes.iter().chain(&stopped).filter_map(until).min();
            let wait = until
                .and_then(|until| (until - world.now()).to_std().ok())
                .filter(|wait| !wait.is_zero());
            world.advance(wait.unwrap_or(UNIT).min(UNIT * 4));
        }
        if ends { Fate::Blocked } else { Fate::Stuck }
    }
}

fn is_blocked(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Blocked(why) => {
            !matches!(why, Blocked::Overdue { .. } | Blocked::StagingRefused { .. })
        }
        Outcome::Refused(_) => true,
        _ => false,
    }
}

fn is_settled(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Settled { .. })
}

/// Returns when to repeat the request.
fn until(outcome: &Outcome) -> Option<Timestamp> {
    match outcome {
        Outcome::Waiting(wait) | Outcome::Blocked(Blocked::Overdue { wait, .. }) => wait.until,
        _ => None,
    }
}

fn is_about_the_home(why: &Blocked) -> bool {
    matches!(
        why,
        Blocked::ManagedElsewhere { .. }
            | Blocked::MoveBegun { .. }
            | Blocked::HomeUnreadable { .. }
            | Blocked::NotNamed { .. }
            | Blocked::SecretOfAnother { .. }
            | Blocked::SecretNotBound { .. }
    )
}

/// Whether a move has started: the home is closed, and the user's tag still names it, or there is
/// no tag while every secret is closed.
pub(super) fn is_begun(world: &World) -> bool {
    match tagged(world) {
        Some(home) => is_closed(world, home),
        None => is_closed(world, 0) && is_closed(world, 1),
    }
}
