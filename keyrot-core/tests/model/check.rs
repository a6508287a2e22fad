//! The checker's possible actions, and the properties of every state.

use super::forged::forgeries;
use super::runs::{is_for_the_service, rotate_by_service, run};
use super::setting::{Port, Setting, UNIT};
use super::world::{Action, Deed, State, secret, user};
use keyrot_core::machine::Task;
use keyrot_core::memory::{Label, MemoryKey, World};
use keyrot_core::model::{Phase, SecretState};
use keyrot_core::{Blocked, KeyId, KeyStatus, Outcome, Request, Revocation, Timestamp};
use stateright::{Model, Property};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;

/// The model, with cached results for the futures of worlds at rest.
pub(crate) struct Check {
    pub(crate) setting: Setting,
    futures: Mutex<HashMap<u64, bool>>,
}

impl Check {
    pub(crate) fn new(setting: Setting) -> Self {
        Self { setting, futures: Mutex::default() }
    }

    /// Whether a run blocks the user or fails if a revoked key that was Inactive works again.
    fn tells(&self, state: &State) -> bool {
        let SecretState::Present(found) = state.world.describe_secret(&secret()) else {
            return true;
        };
        let settled = |at: Timestamp| at + self.setting.waits.settle <= state.world.now();
        let works = |k: &&MemoryKey| k.listed.status == KeyStatus::Active;
        let again = |key: &KeyId| match (found.journal.revoked_at(key), found.journal.phase_of(key))
        {
            (Some(revoked), Some((Phase::Inactive, at))) => {
                state.watch.is_revoked(key) && revoked <= at && settled(at)
            }
            _ => false,
        };
        let mut keys = state.world.user(&user()).into_iter().flat_map(|u| u.keys()).filter(works);
        if !keys.any(|key| again(&key.listed.id)) {
            return true;
        }
        // If the store is down, the run fails, which also counts as reported.
        let outcome = run(&self.setting, &mut state.world.clone(), Task::Everything);
        let down = self.setting.port == Port::StoreDown && matches!(outcome, Outcome::Failed(_));
        // Reporting an overdue key does not report a key that works again.
        down || matches!(outcome, Outcome::Blocked(reason) if !matches!(reason, Blocked::Overdue { .. }))
    }

    /// Whether the user comes to rest with one young key, without further faults or interference.
    /// If a person interfered, keyrot may also stop and say why.
    fn converges(&self, state: &State) -> bool {
        self.remembered((&state.world, state.interfered), || self.lives_on(state))
    }

    /// Returns the cached result for a future, or computes it.
    pub(super) fn remembered(&self, of: impl Hash, find_out: impl FnOnce() -> bool) -> bool {
        let mut hasher = DefaultHasher::new();
        of.hash(&mut hasher);
        let id = hasher.finish();
        if let Some(known) = self.futures.lock().unwrap().get(&id) {
            return *known;
        }
        let found = find_out();
        self.futures.lock().unwrap().insert(id, found);
        found
    }

    fn lives_on(&self, state: &State) -> bool {
        let mut world = state.world.clone();
        let mut rotation_enabled = None;
        for _ in 0..24 {
            let outcome = run(&self.setting, &mut world, Task::Everything);
            if is_for_the_service(&world, &outcome) {
                rotation_enabled = rotate_by_service(&self.setting, &mut world);
                if rotation_enabled == Some(Outcome::Done) {
                    continue;
                }
            }
            let wait = match outcome {
                Outcome::Settled { .. } => return at_rest_with_one_key(&world),
                // This is reported, and the next run continues, so this is not the end.
                Outcome::Blocked(Blocked::StagingRefused { .. }) => None,
                Outcome::Blocked(Blocked::Overdue { wait, .. }) | Outcome::Waiting(wait) => {
                    wait.until.and_then(|until| (until - world.now()).to_std().ok())
                }
                // A person requested this, and the run died, so the person repeats the request.
                Outcome::Blocked(Blocked::RevokedKeyInUse { key, .. })
                    if !state.interfered && state.watch.is_revoked(&key) =>
                {
                    let again = Request::Revoke(Revocation::of(key));
                    let outcome = run(&self.setting, &mut world, Task::Request(again));
                    // If nothing can replace the key yet, a later run makes room for a new one.
                    if outcome != Outcome::Done {
                        world.advance(self.setting.policy().waits().soak);
                    }
                    continue;
                }
                Outcome::Blocked(_) => return state.interfered,
                _ => None,
            };
            world.advance(wait.unwrap_or(UNIT));
        }
        // If a person interfered, the function's answer to Secrets Manager says so.
        state.interfered && rotation_enabled.is_some_and(|outcome| outcome != Outcome::Done)
    }
}

fn at_rest_with_one_key(world: &World) -> bool {
    let (Some(user), Some(secret)) = (world.user(&user()), world.secret(&secret())) else {
        return false;
    };
    let current = secret.labelled(Label::Current);
    let pending = secret.labelled(Label::Pending).filter(|p| Some(*p) != current);
    let held = current.and_then(|v| secret.value(v)).and_then(|v| v.read());
    let [key] = user.keys() else { return false };
    pending.is_none() && held.is_some_and(|held| held.key == key.listed.id)
}

fn unbroken(state: &State, promise: &str) -> bool {
    state.broken.as_ref().is_none_or(|b| b.promise != promise)
}

impl Model for Check {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::first(&self.setting)]
    }

    /// Two concurrent rotators would deliver forever if time stood still.
    fn within_boundary(&self, state: &State) -> bool {
        self.setting.destinations.iter().map(|one| one.assignment()).all(|one| {
            let written = state.world.destination(&one.to).and_then(|d| d.at(&one.place));
            written.is_none_or(|copy| copy.writes() < 10)
        })
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.broken.is_some() || state.taken.is_some() {
            return;
        }
        actions.extend(self.steps(state));
        // Nothing happens before the first run starts.
        if state.passed < self.setting.horizon && self.is_in_time(state) && state.begun {
            actions.push(Action::Pass(1));
        }
        if state.services > 0 && state.order.is_none() {
            actions.push(Action::Rotate);
        }
        // A request matters only once a run starts on it, so it is made when a run can start.
        if state.requests > 0 && state.rotators.iter().any(Option::is_none) {
            actions.extend(self.requests(state).into_iter().map(Action::Ask));
        }
        if state.person > 0 {
            let mut deeds = Self::deeds(state);
            // In models with claims, a person only creates their own key.
            deeds.retain(|deed| {
                !self.setting.claims
                    || (matches!(deed, Deed::CreateKey | Deed::Deactivate(_)) && state.at_rest())
            });
            actions.extend(deeds.into_iter().map(Action::Person));
        }
        if state.overwrites > 0 {
            for one in self.setting.destinations {
                let to = || one.assignment().to;
                actions.extend([
                    Action::Person(Deed::Overwrite(to(), None)),
                    Action::Person(Deed::Empty(to())),
                ]);
            }
        }
        if state.forges > 0 && state.world.secret(&secret()).is_some() {
            let all = if self.setting.claims {
                self.claims(state)
            } else {
                forgeries(&self.setting, state)
            };
            actions.extend(all.into_iter().map(Action::Forge));
        }
        if state.uses > 0 {
            actions.extend(self.usable(state).into_iter().map(Action::Use));
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        match action {
            Action::Start(i) => next.start(&self.setting, i, Task::Everything),
            Action::Rotate => next.rotate(),
            Action::RotationStep(i) => {
                next.start(
                    &self.setting,
                    i,
                    next.order.clone().map_or(Task::Everything, Task::RotationStep),
                );
            }
            Action::Ask(request) => next.ask(&self.setting, request),
            Action::Fulfil(i) => {
                next.start(
                    &self.setting,
                    i,
                    next.asked.clone().map_or(Task::Everything, Task::Request),
                );
            }
            Action::Step(i, luck) => next.step(&self.setting, i, luck),
            Action::Pass(units) => next.pass(units),
            Action::Use(key) => next.consume(&key),
            Action::Person(deed) => next.person(&deed),
            Action::Forge(forgery) => next.forge(&forgery),
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::<Self>::always("S1 AWSCURRENT works", |_, s| unbroken(s, "S1")),
            Property::<Self>::always(
                "S1 AWSCURRENT works in every state nobody else touched",
                |_, s| s.interfered || s.watch.current_is_broken(&s.world).is_none(),
            ),
            Property::<Self>::always("S2 overlap and recent_use", |_, s| unbroken(s, "S2")),
            Property::<Self>::always("S3 soak before deletion", |_, s| unbroken(s, "S3")),
            Property::<Self>::always("S4 only attributable keys", |_, s| unbroken(s, "S4")),
            Property::<Self>::always("S5 a verified successor", |_, s| unbroken(s, "S5")),
            Property::<Self>::always("S15 nothing that depends on an old key loses it", |_, s| {
                unbroken(s, "S15")
            }),
            Property::<Self>::always("S10 no claim takes a key away that is in use", |_, s| {
                s.taken.is_none()
            }),
            Property::<Self>::always("S16 deliveries", |_, s| unbroken(s, "S16")),
            Property::<Self>::always("S6 no secret shown", |_, s| s.leaked.is_none()),
            Property::<Self>::always("S12 who could not ask concludes nothing", |_, s| {
                s.concluded.is_none()
            }),
            Property::<Self>::always("S8 nobody's change of AWSCURRENT is overwritten", |_, s| {
                !s.overwrote
            }),
            Property::<Self>::always("S13 a revocation that is done has revoked", |_, s| {
                s.unrevoked.is_none()
            }),
            Property::<Self>::always("S13 a revoked key that works again is reported", |m, s| {
                m.setting.claims || !s.at_rest() || s.broken.is_some() || m.tells(s)
            }),
            Property::<Self>::always(
                "S13 a revocation can be ended, whatever is forged",
                |m, s| {
                    m.setting.forges == 0
                        || m.setting.claims
                        || !s.at_rest()
                        || s.broken.is_some()
                        || m.revokes(s)
                },
            ),
            Property::<Self>::always(
                "S7 S8 liveness: converges, or stops where a person interfered",
                |m, s| {
                    let lasting = matches!(
                        m.setting.port,
                        Port::StoreDown
                            | Port::NoRoomForTags
                            | Port::DropsRevocations
                            | Port::DestinationsDown
                    );
                    // This model does not check delays by claims.
                    m.setting.claims
                        || lasting
                        || !s.at_rest()
                        || s.broken.is_some()
                        || m.converges(s)
                },
            ),
            Property::<Self>::sometimes("a key is published", |_, s| {
                s.world.secret(&secret()).and_then(|x| x.labelled(Label::Previous)).is_some()
            }),
        ]
    }
}
