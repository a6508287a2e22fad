//! The checker's possible actions, and the properties of every state.

use super::state::{Action, State};
use super::{Deed, Lives};
use crate::runs::lucks_beside_iam;
use crate::setting::UNIT;
use crate::world::{Luck, user};
use keyrot_core::machine::Next;
use keyrot_core::model::HOME_TAG;
use stateright::{Model, Property};

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
                    actions.extend(
                        self.runs.iter().map(|(place, way)| Action::Start(i, *place, *way)),
                    );
                }
                None => {}
                Some(running) => {
                    actions.push(Action::Step(i, Luck::Good));
                    if let Next::Call(call) = &running.next
                        && state.faults > 0
                    {
                        let lucks = lucks_beside_iam(call).iter();
                        actions.extend(lucks.map(|luck| Action::Step(i, *luck)));
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
            // A run cannot notice that its user is renamed or recreated in the middle of it.
            let may =
                |deed: &&Deed| !matches!(deed, Deed::Rename | Deed::Recreate) || state.at_rest();
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
                s.published
                    .iter()
                    .all(|(id, place)| !s.published.contains(&(id.clone(), 1 - place)))
            }),
            Property::<Self>::always("S9 a run elsewhere changes nothing", |m, s| {
                !m.housed || s.touched.iter().all(|(id, place)| *place == 0 || *id != s.first)
            }),
            Property::<Self>::always("S9 a user created again inherits nothing", |m, s| {
                !m.housed || s.touched.iter().all(|(id, place)| *place == 1 || *id == s.first)
            }),
            Property::<Self>::always(
                "S9 nothing is published in what another process created",
                |_, s| s.touched.iter().all(|(_, place)| !s.squatted.contains(place)),
            ),
            Property::<Self>::always("S1 what is published works", |_, s| !s.dead_key()),
            Property::<Self>::always("S1 to S5 across both", |_, s| s.broken.is_none()),
            Property::<Self>::always("S9 liveness: at its home a user comes to rest", |m, s| {
                !s.at_rest()
                    || s.broken.is_some()
                    || [0, 1].iter().any(|place| m.comes_to_rest(s, *place))
            }),
            Property::<Self>::sometimes("a key is published", |_, s| !s.published.is_empty()),
        ]
    }
}
