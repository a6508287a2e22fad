//! One state of a model in which the home is moved, and its transitions.

use super::route::Move;
use super::{Forged, Moves, REQUESTS, Start, short};
use crate::homes::{REGIONS, Way, at, perform, scheduled, secret, target};
use crate::setting::UNIT;
use crate::world::{Luck, user};
use keyrot_core::machine::{Call, Decider, Next, Rotation};
use keyrot_core::memory::{Actor, Broken, Label, Value, Watch, World};
use keyrot_core::model::{HOME_TAG, HomeTag, SecretArn, after};
use keyrot_core::{KeyId, KeyStatus, LastUse, Outcome, Timestamp, WaitPolicy};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) world: World,
    pub(super) watches: [Arc<Watch>; 2],
    pub(super) work: Vec<Option<Arc<Working>>>,
    pub(super) moves: u8,
    pub(super) faults: u8,
    pub(super) uses: u8,
    pub(super) untags: u8,
    pub(super) forges: u8,
    pub(super) passed: u32,
    /// Whether others forged anything.
    pub(super) interfered: bool,
    /// Whether two operators moved the home at the same time, or the tag was changed meanwhile.
    pub(super) contested: bool,
    /// The keys that were published in any place.
    published: BTreeSet<KeyId>,
    /// When another key became current in place of each key.
    superseded: BTreeMap<KeyId, Timestamp>,
    pub(super) broken: Option<Broken>,
    /// A key that was deactivated although consumers of its secret still needed it.
    pub(super) taken: Option<String>,
    /// A change to a key in a place that is no longer the home.
    pub(super) trespassed: Option<String>,
    /// A move that was reported as done but is not done.
    pub(super) untrue: Option<String>,
    /// Whether the tag was changed while a run was at work at the old home without a secret, so
    /// that nothing could make that run stop.
    pub(super) raced: bool,
    /// Whether a move has ended as done.
    pub(super) moved: bool,
}

/// A run, or an operator's move.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Working {
    machine: Rotation,
    pub(super) next: Next,
    place: usize,
    way: Way,
    pub(super) since: u32,
    slept: Duration,
    /// Whether a consumer or a forger did something since the last read.
    pub(super) overtaken: bool,
    /// Whether a move continued since the last read.
    left_behind: bool,
    /// Whether a run has changed anything since this one began.
    crossed: bool,
    move_of: Option<Move>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    Run(usize, usize, Way),
    Move(usize, usize),
    Step(usize, Luck),
    Pass,
    /// A consumer reads the secret in this place and uses its content.
    Use(usize),
    Untag,
    Forge(Forged),
}

/// Returns the home in the user's tag.
pub(super) fn tagged(world: &World) -> Option<usize> {
    let tags = &world.user(&user())?.tags;
    let HomeTag::At(home) = HomeTag::of(tags.get(HOME_TAG).map(String::as_str)) else {
        return None;
    };
    REGIONS.iter().position(|region| *region == home.place().region)
}

/// Whether the secret in this place says that the home was moved to another place.
pub(super) fn is_closed(world: &World, place: usize) -> bool {
    let moved_to = world.secret_in(REGIONS[place], &secret()).and_then(|found| found.moved_to());
    moved_to.is_some_and(|to| to.place().region != REGIONS[place])
}

/// Returns the key that readers of the secret in this place get.
pub(super) fn published(world: &World, place: usize) -> Option<KeyId> {
    let found = world.secret_in(REGIONS[place], &secret())?;
    Some(found.value(found.labelled(Label::Current)?)?.read()?.key)
}

fn active(world: &World, key: &KeyId) -> bool {
    let keys = world.user(&user()).map(|user| user.keys()).unwrap_or_default();
    keys.iter().any(|one| one.listed.id == *key && one.listed.status == KeyStatus::Active)
}

pub(super) fn planned(place: usize, world: &World) -> SecretArn {
    let chosen = target(world, place, Way::Named, short()).expect("the user is selected");
    SecretArn::planned(chosen.subject.place())
}

impl State {
    /// Returns the initial state, after a lifecycle without faults.
    pub(super) fn first(moves: &Moves) -> Self {
        let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
        let name = world.add_user("ci", &[("RotateKey", "True")]).unwrap();
        world.add_key(&name).unwrap();
        world.advance(UNIT);
        let policy = WaitPolicy::new(short(), true).unwrap();
        let watch =
            |place| Arc::new(Watch::new(&at(&world, place), name.clone(), secret(), policy));
        let watches = [watch(0), watch(1)];
        let mut state = Self {
            world,
            watches,
            work: vec![None; moves.at_once],
            moves: 0,
            faults: 0,
            uses: 0,
            untags: 0,
            forges: 0,
            passed: 0,
            interfered: false,
            contested: false,
            published: BTreeSet::new(),
            superseded: BTreeMap::new(),
            broken: None,
            taken: None,
            trespassed: None,
            untrue: None,
            raced: false,
            moved: false,
        };
        state.live_to(moves);
        assert_eq!((&state.broken, &state.taken, &state.untrue), (&None, &None, &None));
        state.world.forget_stale_listing(&name);
        let Moves { faults, uses, untags, forges, .. } = *moves;
        Self { moves: moves.moves, faults, uses, untags, forges, passed: 0, moved: false, ..state }
    }

    /// Makes runs without faults until the start of the model is reached.
    fn live_to(&mut self, moves: &Moves) {
        let sound = Moves { decider: Decider::REAL, route: REQUESTS, ..moves.clone() };
        let due = self.settle(&sound, 0);
        match moves.start {
            Start::Rest => {}
            Start::NearlyDue => {
                self.world.advance((due - self.world.now()).to_std().unwrap() - UNIT);
            }
            Start::Overlap => {
                self.world.advance((due - self.world.now()).to_std().unwrap());
                self.live(&sound, |state| state.start(&sound, 0, 0, Way::Named));
            }
            Start::Begun => {
                self.moves += 1;
                self.ask(&sound, 0, 1);
                while !is_closed(&self.world, 0) {
                    self.step(&sound, 0, Luck::Good);
                }
                self.work[0] = None;
            }
            Start::Moved | Start::Published | Start::Settled => {
                self.live(&sound, |state| state.ask(&sound, 0, 1));
                assert_eq!(tagged(&self.world), Some(1));
                match moves.start {
                    Start::Published => {
                        drop(self.live(&sound, |state| state.start(&sound, 0, 1, Way::Named)));
                    }
                    Start::Settled => drop(self.settle(&sound, 1)),
                    _ => {}
                }
            }
        }
    }

    fn live(&mut self, sound: &Moves, begin: impl Fn(&mut Self)) -> Option<Outcome> {
        self.moves += 1;
        begin(self);
        let mut last = None;
        while let Some(working) = &self.work[0] {
            if let Next::Done(outcome) = &working.next {
                last = Some(outcome.clone());
            }
            last = self.step(sound, 0, Luck::Good).or(last);
        }
        last
    }

    /// Makes runs in this place, a unit of time apart, until the user is at rest. Returns when the
    /// next rotation begins.
    fn settle(&mut self, sound: &Moves, place: usize) -> Timestamp {
        for _ in 0..30 {
            if let Some(Outcome::Settled { until }) =
                self.live(sound, |state| state.start(sound, 0, place, Way::Named))
            {
                return until;
            }
            self.world.advance(UNIT);
        }
        panic!("the user does not come to rest")
    }

    pub(super) fn at_rest(&self) -> bool {
        self.work.iter().all(Option::is_none)
    }

    /// Starts a scheduled run.
    pub(super) fn start(&mut self, moves: &Moves, i: usize, place: usize, way: Way) {
        let Some(machine) = scheduled(&self.world, place, way, short(), moves.decider) else {
            return;
        };
        self.begin(i, machine, place, way, None);
    }

    /// Requests a move, as an operator.
    pub(super) fn ask(&mut self, moves: &Moves, i: usize, to: usize) {
        self.moves -= 1;
        // Two operators who move the home at the same time contradict each other: either may win.
        self.contested |= self.work.iter().flatten().any(|other| other.move_of.is_some());
        let Some(asked) = Move::of(&self.world, to, moves.route) else { return };
        let Some((machine, place)) = asked.machine(moves.decider) else { return };
        self.begin(i, machine, place, Way::Alone, Some(asked));
    }

    fn begin(
        &mut self,
        i: usize,
        mut machine: Rotation,
        place: usize,
        way: Way,
        move_of: Option<Move>,
    ) {
        let next = machine.next(self.world.now());
        let (since, slept, overtaken, left_behind, crossed) =
            (self.passed, Duration::ZERO, false, false, false);
        let working = Working {
            machine,
            next,
            place,
            way,
            since,
            slept,
            overtaken,
            left_behind,
            crossed,
            move_of,
        };
        self.work[i] = Some(Arc::new(working));
    }

    /// Makes one call, or ends a run. Returns how the run ended.
    pub(super) fn step(&mut self, moves: &Moves, i: usize, luck: Luck) -> Option<Outcome> {
        let mut working = Arc::unwrap_or_clone(self.work[i].take()?);
        self.faults -= u8::from(luck != Luck::Good);
        match working.next.clone() {
            Next::Done(outcome) => {
                self.ended(moves, i, working.move_of, &outcome);
                return Some(outcome);
            }
            Next::Sleep(pause) => working.slept += pause,
            Next::Call(call) => {
                if call == Call::ListKeys {
                    (working.overtaken, working.left_behind) = (false, false);
                }
                if let (Some(Move { from, .. }), Call::WriteHome(_)) = (&working.move_of, &call) {
                    let run = |other: &Arc<Working>| {
                        other.move_of.is_none() && other.place != working.place
                    };
                    let crossed = working.crossed || self.work.iter().flatten().any(run);
                    self.raced |= from.suffix().is_none() && crossed;
                }
                let before = self.world.clone();
                let subject = working.machine.subject();
                let answer =
                    perform(&mut self.world, working.place, working.way, subject, &call, luck);
                if before != self.world {
                    self.judge(&before, &working, &call);
                    let is_move = working.move_of.is_some();
                    for other in self.work.iter_mut().flatten().map(Arc::make_mut) {
                        other.left_behind |= is_move;
                        other.crossed |= !is_move;
                    }
                }
                // Without an answer, the process is dead.
                working.machine.answer(after(self.world.now(), working.slept), answer?);
            }
        }
        working.next = working.machine.next(after(self.world.now(), working.slept));
        working.since = self.passed;
        // Ending it takes no time.
        if let Next::Done(outcome) = working.next.clone() {
            self.ended(moves, i, working.move_of, &outcome);
            return Some(outcome);
        }
        self.work[i] = Some(Arc::new(working));
        None
    }

    /// Ends a request. The next request follows if
    /// [`Rotator::move_home`](keyrot_core::Rotator::move_home) continues.
    fn ended(&mut self, moves: &Moves, i: usize, asked: Option<Move>, outcome: &Outcome) {
        let Some(asked) = asked else { return };
        let Some(asked) = asked.after(outcome) else { return };
        if asked.is_done() {
            self.moved = true;
            let there = tagged(&self.world) == Some(asked.to) && !is_closed(&self.world, asked.to);
            let left = asked.from.place().region == REGIONS[asked.to]
                || self.world.secret_in(&asked.from.place().region, &secret()).is_none()
                || is_closed(&self.world, 1 - asked.to);
            let excused = self.contested || self.interfered;
            if !excused && (!there || !left) {
                self.untrue =
                    Some(format!("the move to {} was said to be done", REGIONS[asked.to]));
            }
            return;
        }
        if let Some((machine, place)) = asked.machine(moves.decider) {
            self.begin(i, machine, place, Way::Alone, Some(asked));
        }
    }

    /// Checks a change by keyrot against the promises.
    fn judge(&mut self, before: &World, working: &Working, call: &Call) {
        for there in [0, 1] {
            // Changes to the user in another place count as changes by others.
            let actor = if there == working.place { Actor::Keyrot } else { Actor::Person };
            let (was, is) = (at(before, there), at(&self.world, there));
            let verdict = Arc::make_mut(&mut self.watches[there]).step(&was, &is, actor);
            if !working.overtaken {
                self.broken = self.broken.take().or(verdict.err());
            }
        }
        let gone = |key: &&KeyId| active(before, key) && !active(&self.world, key);
        let gone: Vec<KeyId> = self.published.iter().filter(gone).cloned().collect();
        if !working.overtaken {
            let early = gone.iter().find_map(|key| self.taken_early(before, key));
            self.taken = self.taken.take().or(early);
        }
        if !gone.is_empty()
            && !working.left_behind
            && tagged(before).is_some_and(|home| home != working.place)
        {
            let region = REGIONS[working.place];
            self.trespassed = Some(format!("{call:?} in {region}, and the home is elsewhere"));
        }
        for there in [0, 1] {
            let now = published(&self.world, there);
            if let Some(key) = now.filter(|key| Some(key) != published(before, there).as_ref()) {
                self.superseded.remove(&key);
                let since = self.world.now();
                let others = self
                    .published
                    .iter()
                    .filter(|other| **other != key)
                    .cloned()
                    .collect::<Vec<_>>();
                others.into_iter().for_each(|other| {
                    self.superseded.entry(other).or_insert(since);
                });
                self.published.insert(key);
            }
        }
    }

    /// Returns why the key, which a secret has held, must not be retired yet: consumers of the old
    /// secret may still have it.
    fn taken_early(&self, before: &World, key: &KeyId) -> Option<String> {
        let now = before.now();
        let Some(since) = self.superseded.get(key) else {
            return Some(format!("{key} was taken away, and nothing was published in its place"));
        };
        if now < after(*since, short().overlap) {
            return Some(format!("{key} was taken away within its overlap"));
        }
        let LastUse::At { when, service, .. } = before.last_use(key).ok()? else { return None };
        let used = service != "sts" && now < after(when, short().recent_use);
        used.then(|| format!("{key} was taken away, and it was used at {when}"))
    }
}

/// Whether the content of the secret in this place can be read.
pub(super) fn readable(world: &World, place: usize) -> bool {
    let found = world.secret_in(REGIONS[place], &secret());
    found
        .and_then(|found| found.value(found.labelled(Label::Current)?))
        .and_then(Value::read)
        .is_some()
}
