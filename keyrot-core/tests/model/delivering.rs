//! Lives in which the key is delivered to destinations.

use super::setting::{Ask, Destination, Port, Setting, Start, asked};
use super::{bound, explore};
use keyrot_core::model::Abilities;

const fn lake(abilities: Abilities) -> Destination {
    Destination { name: "lake", required: true, abilities }
}

pub(crate) const READABLE: &[Destination] = &[lake(Abilities::READABLE)];
pub(crate) const IN_PARTS: &[Destination] = &[lake(Abilities::IN_PARTS)];
const TWO: &[Destination] = &[
    lake(Abilities::READABLE),
    Destination { name: "mail", required: false, abilities: Abilities::WRITE_ONLY },
];

#[test]
fn a_rotation_with_a_destination_and_a_fault() {
    for (name, destinations) in [("readable", READABLE), ("in parts", IN_PARTS)] {
        let setting =
            Setting { faults: 1, horizon: bound(5, 8), destinations, ..Setting::new(Start::Due) };
        explore(&format!("rotation, {name} destination, one fault"), setting);
    }
}

#[test]
fn an_adoption_with_two_destinations_and_a_fault() {
    let start = Start::New { keys: 1 };
    let setting =
        Setting { faults: 1, horizon: bound(3, 8), destinations: TWO, ..Setting::new(start) };
    explore("adoption, two destinations, one fault", setting);
}

#[test]
fn two_rotators_and_a_destination() {
    for (name, destinations) in [("readable", READABLE), ("in parts", IN_PARTS)] {
        let setting =
            Setting { rotators: 2, horizon: bound(2, 4), destinations, ..Setting::new(Start::Due) };
        explore(&format!("two rotators, {name} destination"), setting);
    }
}

#[test]
fn somebody_else_writes_to_a_destination() {
    for (name, destinations) in [("readable", READABLE), ("in parts", IN_PARTS)] {
        for (start, faults) in [(Start::Due, 1), (Start::Overlap, 1), (Start::Soaking, 0)] {
            let setting = Setting {
                faults,
                overwrites: 1,
                horizon: bound(3, 6),
                destinations,
                ..Setting::new(start)
            };
            explore(&format!("somebody else writes, {name}, {start:?}"), setting);
        }
    }
}

#[test]
fn a_destination_that_never_takes_a_key() {
    let setting = Setting {
        port: Port::DestinationsDown,
        uses: 1,
        horizon: bound(8, 12),
        destinations: READABLE,
        ..Setting::new(Start::Due)
    };
    explore("a destination that is down", setting);
}

#[test]
fn requests_amid_deliveries() {
    for (name, destinations) in [("readable", READABLE), ("in parts", IN_PARTS)] {
        for start in [Start::Due, Start::Overlap] {
            let setting = Setting {
                asks: &[Ask::Rollback, Ask::Revoke, Ask::Deliver],
                faults: 1,
                horizon: bound(1, 4),
                destinations,
                ..asked(start)
            };
            explore(&format!("requests, {name}, {start:?}"), setting);
        }
    }
}

#[test]
fn a_destination_that_was_written_to_is_delivered_to_or_let_go() {
    let setting = Setting {
        asks: &[Ask::Deliver, Ask::LetGo],
        overwrites: 1,
        horizon: bound(3, 6),
        destinations: READABLE,
        ..Setting::new(Start::Overlap)
    };
    explore("resolved", setting);
}
