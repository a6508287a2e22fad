//! The checker's possible actions, and the properties of every state.

use super::Moves;
use super::fates::{Fate, is_begun};
use super::state::{Action, State, tagged};
use crate::runs::lucks_beside_iam;
use crate::setting::UNIT;
use crate::world::{Luck, user};
use keyrot_core::machine::Next;
use keyrot_core::memory::World;
use keyrot_core::model::HOME_TAG;
use stateright::{Model, Property};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;

/// The model, with cached results for accounts.
pub(crate) struct Check {
    moves: Moves,
    homes: Mutex<HashMap<u64, bool>>,
    fates: Mutex<HashMap<(u64, Option<usize>), Fate>>,
}

impl Check {
    pub(crate) fn new(moves: Moves) -> Self {
        Self { moves, homes: Mutex::default(), fates: Mutex::default() }
    }

    fn two_homes(&self, world: &World) -> bool {
        once(&self.homes, hash(world), || {
            [0, 1].iter().all(|place| self.moves.is_home(world, *place))
        })
    }

    fn fate(&self, world: &World, asked: Option<usize>) -> Fate {
        once(&self.fates, (hash(world), asked), || self.moves.fate(world, asked))
    }

    /// Whether the user comes to rest, or is blocked for a reason that others caused, with runs in
    /// both regions and without faults.
    fn is_never_stuck(&self, state: &State) -> bool {
        match self.fate(&state.world, None) {
            Fate::Rest(_) => true,
            Fate::Blocked => {
                state.interfered || state.contested || state.raced || is_begun(&state.world)
            }
            Fate::Stuck => false,
        }
    }

    /// Whether a move that is requested repeatedly is done eventually. It may be blocked if others
    /// have forged something, or if the tag is lost and every secret is closed, so that an operator
    /// has to decide which one is the home. It may also be blocked in one direction, but not in
    /// both, if two operators contradicted each other.
    fn converges(&self, state: &State) -> bool {
        let world = &state.world;
        let lost = tagged(world).is_none() && is_begun(world);
        let rests = |to: usize| self.fate(world, Some(to)) == Fate::Rest(to);
        self.moves.targets.iter().all(|to| match self.fate(world, Some(*to)) {
            Fate::Rest(_) => true,
            Fate::Blocked => {
                state.interfered || state.raced || lost || (state.contested && rests(1 - to))
            }
            Fate::Stuck => false,
        })
    }
}

fn hash(world: &World) -> u64 {
    let mut hasher = DefaultHasher::new();
    world.hash(&mut hasher);
    hasher.finish()
}

/// Returns the cached answer, or computes it.
fn once<K: Eq + Hash, V: Copy>(
    known: &Mutex<HashMap<K, V>>,
    key: K,
    find: impl FnOnce() -> V,
) -> V {
    if let Some(found) = known.lock().unwrap().get(&key) {
        return *found;
    }
    let found = find();
    known.lock().unwrap().insert(key, found);
    found
}

impl Model for Check {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::first(&self.moves)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let moves = &self.moves;
        if state.broken.is_some() || state.taken.is_some() {
            return;
        }
        for (i, working) in state.work.iter().enumerate() {
            match working {
                // Those that have not started are equivalent, so the first of them starts.
                None if state.work[..i].iter().all(Option::is_some) => {
                    actions
                        .extend(moves.runs.iter().map(|(place, way)| Action::Run(i, *place, *way)));
                    if state.moves > 0 {
                        actions.extend(moves.targets.iter().map(|to| Action::Move(i, *to)));
                    }
                }
                None => {}
                Some(working) => {
                    actions.push(Action::Step(i, Luck::Good));
                    if let Next::Call(call) = &working.next
                        && state.faults > 0
                    {
                        let lucks = lucks_beside_iam(call).iter();
                        actions.extend(lucks.map(|luck| Action::Step(i, *luck)));
                    }
                }
            }
        }
        let in_time = state.work.iter().flatten().all(|working| state.passed < working.since + 1);
        if state.passed < moves.horizon && in_time {
            actions.push(Action::Pass);
        }
        if state.uses > 0 {
            actions.extend(
                [0, 1]
                    .into_iter()
                    .filter(|place| super::state::readable(&state.world, *place))
                    .map(Action::Use),
            );
        }
        let tagged = state.world.user(&user()).is_some_and(|user| user.tags.contains_key(HOME_TAG));
        if state.untags > 0 && tagged {
            actions.push(Action::Untag);
        }
        if state.forges > 0 {
            actions.extend(moves.forged.iter().map(|forged| Action::Forge(*forged)));
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        match action {
            Action::Run(i, place, way) => next.start(&self.moves, i, place, way),
            Action::Move(i, to) => next.ask(&self.moves, i, to),
            Action::Step(i, luck) => drop(next.step(&self.moves, i, luck)),
            Action::Pass => {
                next.world.advance(UNIT);
                next.passed += 1;
                next.world.forget_stale_listing(&user());
            }
            Action::Use(place) => next.consume(place),
            Action::Untag => next.untag(),
            Action::Forge(forged) => next.forge(forged),
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::<Self>::always("S9 at most one place is the user's home", |m, s| {
                !m.two_homes(&s.world)
            }),
            Property::<Self>::always("S9 no key is taken away where the home is not", |_, s| {
                s.trespassed.is_none()
            }),
            Property::<Self>::always("S9 a move that is done has moved", |_, s| s.untrue.is_none()),
            Property::<Self>::always("S2 consumers of the old secret keep its key", |_, s| {
                s.taken.is_none()
            }),
            Property::<Self>::always("S1 to S5 S15 at each place", |_, s| s.broken.is_none()),
            Property::<Self>::always("S9 liveness: at rest, or blocked with a reason", |m, s| {
                !s.at_rest() || s.broken.is_some() || m.is_never_stuck(s)
            }),
            Property::<Self>::always("S9 liveness: a repeated move converges", |m, s| {
                !s.at_rest() || s.broken.is_some() || m.converges(s)
            }),
            Property::<Self>::sometimes("a move is done", |m, s| m.moves.moves == 0 || s.moved),
        ]
    }
}
