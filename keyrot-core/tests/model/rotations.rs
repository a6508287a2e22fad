//! Models of scheduled runs and of Secrets Manager's own rotation, with faults, a second rotator,
//! consumers, and a person who interferes.

use super::explore::{bound, explore};
use super::setting::{Setting, Start, apart};

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
