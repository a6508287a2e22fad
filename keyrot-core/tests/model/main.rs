//! The model check explores every order of crashes, lost replies, denials, lag, races and
//! interference that a small model allows, and checks each state against the promises.
//!
//! Each test prints the number of states that it explored. `KEYROT_MODEL=deep` explores larger
//! models, which takes minutes instead of seconds.
// A check may read the clock to report how long it took; the core may not.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs)]

mod check;
mod delivering;
mod forged;
mod homes;
mod moves;
mod mutants;
mod runs;
mod setting;
mod world;

use check::Check;
use setting::{Ask, Port, Setting, Start, apart, asked, waits};
use stateright::{Checker, Expectation, HasDiscoveries, Model};
use std::fmt::Debug;
use std::hash::Hash;
use std::time::Instant;
use world::{Action, State};

fn explore(name: &str, setting: Setting) {
    explored_as(name, Check::new(setting), story);
}

/// Explores all states, and requires that every property holds in each.
fn explored<M>(name: &str, model: M)
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

/// Explores until a property breaks, and requires that it is this promise.
fn breaks<M>(what: &str, model: M, promise: &str)
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq,
{
    let checker =
        model.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let always = |name: &&'static str| {
        !matches!(checker.model().property(name).expectation, Expectation::Sometimes)
    };
    let names: Vec<_> = checker.discoveries().into_keys().filter(always).collect();
    eprintln!("{what}: broke {names:?} after {} states", checker.unique_state_count());
    assert!(
        names.iter().any(|name| name.starts_with(promise)),
        "{what} should break {promise}, and broke {names:?}"
    );
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

fn deep() -> bool {
    std::env::var("KEYROT_MODEL").is_ok_and(|v| v == "deep")
}

/// Returns a test's usual limit, or its limit for a deep check.
fn bound(usual: u32, deeper: u32) -> u32 {
    if deep() { deeper } else { usual }
}

#[test]
fn one_fault_anywhere_in_an_adoption() {
    for keys in [0, 1] {
        let setting =
            Setting { faults: 1, horizon: bound(5, 8), ..Setting::new(Start::New { keys }) };
        explore(&format!("adoption with {keys} keys, one fault"), setting);
    }
}

#[test]
fn two_faults_in_a_rotation() {
    let setting = Setting { faults: 2, horizon: bound(2, 5), ..Setting::new(Start::Due) };
    explore("rotation, two faults", setting);
    let setting =
        Setting { faults: 2, horizon: bound(2, 5), ..Setting::new(Start::New { keys: 1 }) };
    explore("adoption, two faults", setting);
}

#[test]
fn a_version_that_another_program_wrote() {
    explore(
        "foreign version, one fault",
        Setting { faults: 1, horizon: bound(5, 8), ..Setting::new(Start::DueForeign) },
    );
}

#[test]
fn retirement_with_a_consumer_and_a_fault() {
    let setting =
        Setting { faults: 1, uses: 1, horizon: bound(5, 8), ..Setting::new(Start::Overlap) };
    explore("retirement, one fault, one use", setting);
}

#[test]
fn consumers_that_move_and_that_do_not() {
    let setting = Setting { uses: 2, horizon: bound(5, 8), ..Setting::new(Start::Overlap) };
    explore("retirement, two uses", setting);
    let setting =
        Setting { faults: 1, uses: 2, horizon: bound(3, 6), ..Setting::new(Start::Overlap) };
    explore("retirement, two uses, one fault", setting);
}

#[test]
fn two_rotators_at_the_same_time() {
    for start in [Start::New { keys: 0 }, Start::New { keys: 1 }, Start::Due] {
        let setting = Setting { rotators: 2, horizon: bound(1, 4), ..Setting::new(start) };
        explore(&format!("two rotators, {start:?}"), setting);
    }
    let setting = Setting { rotators: 2, horizon: bound(4, 6), ..Setting::new(Start::Overlap) };
    explore("two rotators, retirement", setting);
}

#[test]
fn two_rotators_and_a_fault() {
    for start in [Start::New { keys: 0 }, Start::Due] {
        let setting =
            Setting { rotators: 2, faults: 1, horizon: bound(0, 2), ..Setting::new(start) };
        explore(&format!("two rotators, one fault, {start:?}"), setting);
    }
}

#[test]
fn two_rotators_whose_clocks_are_apart() {
    for start in [Start::New { keys: 0 }, Start::New { keys: 1 }, Start::Due] {
        explore(
            &format!("clocks apart, {start:?}"),
            Setting { horizon: bound(0, 5), ..apart(start) },
        );
    }
    for start in [Start::Overlap, Start::Soaking] {
        explore(
            &format!("clocks apart, {start:?}"),
            Setting { horizon: bound(2, 7), ..apart(start) },
        );
    }
}

#[test]
fn a_clock_that_is_off_and_a_fault() {
    for clock in [290, -290] {
        let alone = Setting {
            rotators: 1,
            faults: 1,
            horizon: bound(5, 8),
            clocks: [clock, 0],
            ..apart(Start::Due)
        };
        explore(&format!("one fault, a clock {clock} s ahead"), alone);
    }
}

#[test]
fn a_person_interferes() {
    for start in [
        Start::New { keys: 0 },
        Start::New { keys: 1 },
        Start::Due,
        Start::DueForeign,
        Start::Overlap,
    ] {
        let setting = Setting { person: 1, horizon: bound(3, 6), ..Setting::new(start) };
        explore(&format!("a person, {start:?}"), setting);
    }
}

#[test]
fn a_person_and_a_fault() {
    for start in [Start::New { keys: 1 }, Start::Due] {
        let setting = Setting { person: 1, faults: 1, horizon: bound(0, 3), ..Setting::new(start) };
        explore(&format!("a person and a fault, {start:?}"), setting);
    }
}

#[test]
fn secrets_managers_own_rotation() {
    let setting =
        Setting { services: 1, faults: 2, horizon: bound(2, 5), ..Setting::new(Start::Serviced) };
    explore("orders, two faults", setting);
    let setting = Setting {
        services: 1,
        rotators: 2,
        faults: 1,
        horizon: bound(0, 2),
        ..Setting::new(Start::Serviced)
    };
    explore("orders beside each other and a scheduled run, one fault", setting);
    let setting = Setting {
        faults: 1,
        uses: 1,
        horizon: bound(5, 8),
        ..Setting::new(Start::ServicedOverlap)
    };
    explore("retirement after orders, one fault, one use", setting);
}

#[test]
fn a_person_during_secrets_managers_own_rotation() {
    for start in [Start::Serviced, Start::ServicedOverlap] {
        let setting =
            Setting { services: 1, person: 1, horizon: bound(1, 3), ..Setting::new(start) };
        explore(&format!("orders and a person, {start:?}"), setting);
    }
}

const REVOKE: &[Ask] = &[Ask::Revoke];
const REVOKE_IF_UNUSED: &[Ask] = &[Ask::RevokeIfUnused];
const REVOKE_OTHERWISE: &[Ask] =
    &[Ask::RevokeAndDelete, Ask::RevokeIfUnused, Ask::RevokeWithoutSuccessor];

#[test]
fn a_person_rolls_back() {
    let setting = Setting {
        asks: &[Ask::Rollback],
        faults: 1,
        horizon: bound(3, 8),
        ..asked(Start::Overlap)
    };
    explore("rollback, one fault", setting);
    let setting =
        Setting { asks: &[Ask::Rollback], horizon: bound(3, 6), ..asked(Start::ServicedOverlap) };
    explore("rollback after orders", setting);
}

#[test]
fn a_person_rolls_back_during_another_run() {
    let setting = Setting {
        asks: &[Ask::Rollback],
        rotators: 2,
        horizon: bound(3, 7),
        ..asked(Start::Overlap)
    };
    explore("rollback beside another run", setting);
}

#[test]
fn a_person_rolls_back_during_other_changes() {
    let setting = Setting {
        asks: &[Ask::Rollback],
        person: 1,
        horizon: bound(2, 4),
        ..asked(Start::Overlap)
    };
    explore("rollback and a person", setting);
}

#[test]
fn a_person_revokes_a_key() {
    for start in [Start::New { keys: 1 }, Start::Due, Start::DueForeign, Start::Overlap] {
        let setting = Setting { asks: REVOKE, faults: 1, horizon: bound(2, 6), ..asked(start) };
        explore(&format!("revocation, one fault, {start:?}"), setting);
        let setting =
            Setting { asks: REVOKE_OTHERWISE, faults: 1, horizon: bound(1, 6), ..asked(start) };
        explore(&format!("revocations of other kinds, one fault, {start:?}"), setting);
    }
}

#[test]
fn a_person_revokes_an_unknown_key() {
    let two = Start::New { keys: 2 };
    let waits = waits([14, 2, 1, 2, 2]);
    let setting = Setting {
        asks: REVOKE_IF_UNUSED,
        faults: 1,
        uses: 1,
        horizon: bound(5, 8),
        ..Setting::new(two)
    };
    let setting = Setting { waits, rotator_waits: waits, ..setting };
    explore("revocation of one of two unknown keys, if unused", setting);
    let setting = Setting { asks: REVOKE_OTHERWISE, person: 1, horizon: bound(1, 4), ..asked(two) };
    explore("revocations of one of two unknown keys, and a person", setting);
    let setting = Setting {
        asks: REVOKE_IF_UNUSED,
        faults: 1,
        uses: 1,
        horizon: bound(2, 4),
        ..asked(Start::Overlap)
    };
    explore("revocation in the overlap, if unused", setting);
}

#[test]
fn a_person_revokes_both_keys() {
    const BOTH: &[Ask] = &[Ask::Revoke, Ask::RevokeWithoutSuccessor];
    for start in [Start::Due, Start::Overlap] {
        let setting = Setting { asks: BOTH, requests: 2, horizon: bound(3, 6), ..asked(start) };
        explore(&format!("two revocations, {start:?}"), setting);
    }
    let setting = Setting {
        asks: BOTH,
        requests: 2,
        faults: 1,
        horizon: bound(0, 4),
        ..asked(Start::Overlap)
    };
    explore("two revocations, one fault", setting);
}

#[test]
fn a_person_revokes_a_key_that_was_inactive_before() {
    let setting = Setting {
        asks: REVOKE_OTHERWISE,
        person: 1,
        horizon: bound(2, 3),
        ..asked(Start::Soaking)
    };
    explore("revocations of a key that soaks, and a person", setting.clone());
    explore("the same, one fault", Setting { faults: 1, horizon: bound(0, 2), ..setting });
    if deep() {
        let setting = Setting {
            asks: &[Ask::Rollback],
            person: 1,
            rotators: 2,
            horizon: 0,
            ..asked(Start::Soaking)
        };
        explore("rollback to a key that soaks, and a person beside another run", setting);
    }
}

#[test]
fn a_revocation_without_a_successor_needs_only_iam() {
    const WITHOUT: &[Ask] = &[Ask::RevokeWithoutSuccessor];
    for port in [Port::StoreDown, Port::NoRoomForTags, Port::DropsRevocations] {
        for start in [Start::Due, Start::Overlap, Start::Soaking, Start::Reactivated] {
            let setting =
                Setting { asks: WITHOUT, port, faults: 1, horizon: bound(1, 4), ..asked(start) };
            explore(
                &format!("revocation without a successor, {port:?}, one fault, {start:?}"),
                setting,
            );
        }
    }
}

#[test]
fn writes_by_another_program_do_not_prevent_a_revocation() {
    const ASKS: &[Ask] = &[Ask::Revoke, Ask::RevokeWithoutSuccessor];
    for start in [Start::Due, Start::Overlap] {
        let setting = Setting { asks: ASKS, forges: 2, horizon: bound(1, 3), ..asked(start) };
        explore(&format!("revocation amid forged entries, {start:?}"), setting);
    }
}

#[test]
fn a_person_reactivates_a_revoked_key() {
    const ASKS: &[Ask] = &[Ask::Reinstate, Ask::Revoke, Ask::RevokeWithoutSuccessor];
    let setting =
        Setting { asks: ASKS, faults: 1, horizon: bound(3, 6), ..asked(Start::Reactivated) };
    explore("a revoked key that is reactivated, one fault", setting.clone());
    explore(
        "the same, amid forged entries",
        Setting { faults: 0, forges: 1, horizon: bound(1, 3), ..setting },
    );
}

#[test]
fn a_person_revokes_a_key_during_another_run() {
    for start in [Start::New { keys: 1 }, Start::Due] {
        let setting = Setting { asks: REVOKE, rotators: 2, horizon: bound(0, 4), ..asked(start) };
        explore(&format!("revocation beside another run, {start:?}"), setting);
    }
    let setting =
        Setting { asks: REVOKE, rotators: 2, horizon: bound(2, 6), ..asked(Start::Overlap) };
    explore("revocation beside a retirement", setting);
}

#[test]
fn a_person_revokes_a_key_during_other_changes() {
    for start in [Start::New { keys: 1 }, Start::Due, Start::Overlap, Start::Serviced] {
        let setting = Setting { asks: REVOKE, person: 1, horizon: bound(1, 4), ..asked(start) };
        explore(&format!("revocation and a person, {start:?}"), setting);
        let setting =
            Setting { asks: REVOKE_OTHERWISE, person: 1, horizon: bound(0, 4), ..asked(start) };
        explore(&format!("revocations of other kinds and a person, {start:?}"), setting);
    }
}

#[test]
fn claims_do_not_retire_a_key_that_is_in_use() {
    let claims =
        |setting| Setting { forges: 1, claims: true, uses: 1, horizon: bound(4, 6), ..setting };
    for start in [Start::Due, Start::Overlap, Start::New { keys: 1 }] {
        let setting = claims(Setting::new(start));
        explore(&format!("one forged claim, a consumer, {start:?}"), setting.clone());
        let setting = Setting { forges: 2, horizon: bound(1, 3), ..setting };
        explore(&format!("two forged claims, a consumer, {start:?}"), setting);
    }
    explore("one forged claim, a consumer, Soaking", claims(asked(Start::Soaking)));
}

#[test]
fn claims_do_not_retire_a_key_that_a_person_created() {
    for start in [Start::Due, Start::Overlap] {
        let setting = Setting {
            person: 1,
            forges: 1,
            claims: true,
            uses: 1,
            horizon: bound(3, 6),
            ..asked(start)
        };
        explore(&format!("one forged claim, and a person's own key, {start:?}"), setting);
    }
}
