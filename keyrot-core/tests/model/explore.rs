//! Explores a model: every state, or until a property breaks.

use super::check::Check;
use super::setting::Setting;
use super::world::{Action, State};
use stateright::{Checker, Expectation, HasDiscoveries, Model};
use std::fmt::Debug;
use std::hash::Hash;
use std::time::Instant;

/// Explores all states of one user's rotation, and requires that every property holds in each.
pub(crate) fn explore(name: &str, setting: Setting) {
    explored_as(name, Check::new(setting), story);
}

/// Explores all states, and requires that every property holds in each.
pub(crate) fn explored<M>(name: &str, model: M)
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq,
{
    explored_as(name, model, |path| {
        let last = path.last().map(|(state, _)| format!("{state:#?}"));
        let actions: Vec<_> = path.into_iter().filter_map(|(_, action)| action).collect();
        format!("{actions:#?}\n{}", last.unwrap_or_default())
    });
}

fn explored_as<M>(
    name: &str,
    model: M,
    story: impl Fn(Vec<(M::State, Option<M::Action>)>) -> String,
) where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq,
{
    let began = Instant::now();
    let checker = model.checker().threads(2).spawn_bfs().join();
    let (states, steps, depth) =
        (checker.unique_state_count(), checker.state_count(), checker.max_depth());
    let took = began.elapsed().as_secs_f32();
    eprintln!("{name}: {states} states, {steps} steps, depth {depth}, {took:.1} s");
    for (property, path) in checker.discoveries() {
        // The other properties require that something happens in some state.
        if !matches!(checker.model().property(property).expectation, Expectation::Sometimes) {
            panic!("{name}: {property} is broken after\n{}", story(path.into_vec()));
        }
    }
    checker.assert_properties();
}

/// How many states are explored depth first for a counterexample. Most are found that way, after a
/// small part of the states that are nearer to the start.
const IN_DEPTH: usize = 30_000;

/// Explores until a property breaks, and requires that it is this promise.
pub(crate) fn breaks<M>(what: &str, model: impl Fn() -> M, promise: &str)
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq,
{
    let checker = || model().checker().threads(2).finish_when(HasDiscoveries::AnyFailures);
    let in_depth = broken(&checker().target_state_count(IN_DEPTH).spawn_dfs().join());
    let is_it = |name: &&str| name.starts_with(promise);
    let (names, states) = match in_depth {
        found if found.0.iter().any(is_it) => found,
        _ => broken(&checker().spawn_bfs().join()),
    };
    eprintln!("{what}: broke {names:?} after {states} states");
    assert!(names.iter().any(is_it), "{what} should break {promise}, and broke {names:?}");
}

/// Returns the properties that broke, and the number of states that were explored.
fn broken<M: Model>(checker: &impl Checker<M>) -> (Vec<&'static str>, usize)
where
    M::State: Clone + Debug + Hash + PartialEq,
    M::Action: Clone + Debug + PartialEq,
{
    let always = |name: &&'static str| {
        !matches!(checker.model().property(name).expectation, Expectation::Sometimes)
    };
    let names = checker.discoveries().into_keys().filter(always).collect();
    (names, checker.unique_state_count())
}

/// Returns the steps, one per line.
fn story(path: Vec<(State, Option<Action>)>) -> String {
    let mut lines = String::new();
    for (state, action) in path {
        let at = state.world.now().format("%T");
        let line = match action {
            Some(Action::Step(i, luck)) => {
                let next = state.rotators[i].as_ref().map(|r| &r.next);
                format!("{at} rotator {i} {luck:?}: {next:?}")
            }
            Some(action) => format!("{at} {action:?}"),
            None => {
                format!("{at} end: {:?} {:?} {:?}", state.broken, state.leaked, state.unrevoked)
            }
        };
        lines.extend([&line[..line.len().min(400)], "\n"]);
    }
    lines
}

pub(crate) fn deep() -> bool {
    std::env::var("KEYROT_MODEL").is_ok_and(|v| v == "deep")
}

/// Returns a test's usual limit, or its limit for a deep check.
pub(crate) fn bound(usual: u32, deeper: u32) -> u32 {
    if deep() { deeper } else { usual }
}
