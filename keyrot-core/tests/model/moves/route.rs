//! The requests that make up a move, in the order of
//! [`Rotator::move_home`](keyrot_core::Rotator::move_home).

use super::short;
use crate::homes::{REGIONS, Way, target};
use keyrot_core::machine::{Decider, Rotation, Task};
use keyrot_core::memory::World;
use keyrot_core::model::{HomeTag, SecretArn, Subject};
use keyrot_core::{Mode, Outcome, Request, WaitPolicy};

/// A request that is part of a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Leg {
    Leave(Mode),
    Arrive(Mode),
}

use Leg::{Arrive, Leave};
use Mode::{Act, Plan};

/// All requests, including the dry runs. The last one is made only if no run had been at the old
/// home.
pub(crate) const WHOLE: &[Leg] =
    &[Leave(Plan), Arrive(Plan), Leave(Act), Leave(Act), Arrive(Act), Leave(Act)];

/// The requests without the dry runs, which change nothing.
pub(crate) const REQUESTS: &[Leg] = WHOLE.split_at(2).1;

/// The remaining requests of a move.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Move {
    pub(super) to: usize,
    pub(super) from: SecretArn,
    /// The user as IAM listed it when the operator requested the move.
    chosen: Subject,
    legs: &'static [Leg],
}

impl Move {
    /// Returns an operator's move; `None` if the user is not selected.
    pub(super) fn of(world: &World, to: usize, route: &'static [Leg]) -> Option<Self> {
        let chosen = target(world, to, Way::Named, short())?.subject;
        let place = chosen.place();
        let from = match &chosen.home {
            HomeTag::At(home) => home.clone(),
            HomeTag::Absent | HomeTag::Unreadable(_) => SecretArn::planned(place.clone()),
        };
        let (all, last) = (route.len(), route.len() - 1);
        let legs = match (*from.place() == place, from.suffix()) {
            // There is no home to leave.
            (true, _) => &route[last - 1..last],
            (false, Some(_)) => &route[..last],
            (false, None) => &route[..all],
        };
        Some(Self { to, from, chosen, legs })
    }

    /// Returns the next request and its place.
    pub(super) fn machine(&self, decider: Decider) -> Option<(Rotation, usize)> {
        let (leg, to) = (self.legs.first()?, SecretArn::planned(self.chosen.place()));
        let (subject, request, mode, place) = match leg {
            Leave(mode) => {
                let place =
                    REGIONS.iter().position(|region| *region == self.from.place().region)?;
                (self.chosen.at_home(&self.from), Request::Leave { to }, mode, place)
            }
            Arrive(mode) => {
                (self.chosen.clone(), Request::Move { from: self.from.clone() }, mode, self.to)
            }
        };
        let policy = WaitPolicy::new(short(), true).ok()?;
        let machine = Rotation::new(subject, policy, *mode)
            .deciding_by(decider)
            .to_do(Task::Request(request));
        Some((machine, place))
    }

    /// Returns the remaining requests after this answer: empty if the move is done, and `None` if
    /// it was stopped.
    pub(super) fn after(mut self, outcome: &Outcome) -> Option<Self> {
        let goes_on = match self.legs.first()? {
            Leave(Plan) | Arrive(Plan) => matches!(outcome, Outcome::Done | Outcome::Planned(_)),
            Leave(Act) | Arrive(Act) => *outcome == Outcome::Done,
        };
        self.legs = &self.legs[1..];
        goes_on.then_some(self)
    }

    pub(super) fn is_done(&self) -> bool {
        self.legs.is_empty()
    }
}
