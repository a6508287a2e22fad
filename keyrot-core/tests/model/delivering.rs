//! Models in which the key is delivered to destinations.

use super::explore::{bound, deep, explore};
use super::setting::{Ask, Destination, Port, Setting, Start, asked};

use keyrot_core::model::Abilities;

const fn lake(abilities: Abilities) -> Destination {
    Destination { name: "lake", required: true, abilities }
}

pub(crate) const READABLE: &[Destination] = &[lake(Abilities::READABLE)];
pub(crate) const IN_PARTS: &[Destination] = &[lake(Abilities::IN_PARTS)];
/// An optional destination, for which nothing waits.
pub(crate) const OPTIONAL: &[Destination] =
    &[Destination { name: "mail", required: false, abilities: Abilities::WRITE_ONLY }];
/// The second one restarts consumers that read the first one.
pub(crate) const RESTARTED: &[Destination] = &[
    lake(Abilities::READABLE),
    Destination { name: "a-restart", required: true, abilities: Abilities::RESTARTS },
];
/// A destination that cannot be read.
const UNSEEN: &[Destination] = &[lake(Abilities::UNSEEN)];
const TWO: &[Destination] = &[
    lake(Abilities::READABLE),
    Destination { name: "mail", required: false, abilities: Abilities::WRITE_ONLY },
];

#[test]
fn a_rotation_with_a_destination_and_a_fault() {
    let all = [(READABLE, bound(3, 8)), (IN_PARTS, bound(2, 6)), (RESTARTED, bound(2, 6))];
    for (destinations, units) in all {
        let setting =
            Setting { faults: 1, horizon: units, destinations, ..Setting::new(Start::Due) };
        explore(&format!("rotation, {:?}, one fault", destinations[0].abilities), setting);
    }
}

#[test]
fn an_adoption_with_two_destinations_and_a_fault() {
    let start = Start::New { keys: 1 };
    let setting =
        Setting { faults: 1, horizon: bound(1, 6), destinations: TWO, ..Setting::new(start) };
    explore("adoption, two destinations, one fault", setting);
}

#[test]
fn two_rotators_and_a_destination() {
    for destinations in [READABLE, IN_PARTS, UNSEEN] {
        for (start, horizon) in [(Start::Due, bound(0, 3)), (Start::Overlap, bound(2, 6))] {
            let setting = Setting { rotators: 2, horizon, destinations, ..Setting::new(start) };
            explore(&format!("two rotators, {:?}, {start:?}", destinations[0].abilities), setting);
        }
    }
}

/// A run delivers for the first time while a person rolls back to the previous key.
#[test]
fn a_rollback_during_a_first_delivery() {
    let all: &[_] = if deep() { &[UNSEEN, READABLE, IN_PARTS] } else { &[UNSEEN] };
    for destinations in all.iter().copied() {
        let setting = Setting {
            asks: &[Ask::Rollback],
            added_late: true,
            rotators: 2,
            faults: u8::from(deep()),
            horizon: bound(0, 3),
            destinations,
            ..asked(Start::Overlap)
        };
        explore(&format!("first delivery, {:?}", destinations[0].abilities), setting);
    }
}

#[test]
fn another_program_writes_to_a_destination() {
    for destinations in [READABLE, IN_PARTS] {
        for setting in [
            Setting { faults: 1, horizon: bound(1, 4), ..Setting::new(Start::Due) },
            Setting { horizon: bound(3, 6), ..Setting::new(Start::Overlap) },
            Setting { horizon: bound(2, 6), ..asked(Start::Soaking) },
        ] {
            let name = format!("overwritten, {:?}, {:?}", destinations[0].abilities, setting.start);
            explore(&name, Setting { overwrites: 1, destinations, ..setting });
        }
    }
}

#[test]
fn a_destination_that_never_takes_a_key() {
    for (destinations, units) in [(READABLE, bound(5, 12)), (OPTIONAL, bound(6, 12))] {
        let setting = Setting {
            port: Port::DestinationsDown,
            horizon: units,
            destinations,
            ..Setting::new(Start::Due)
        };
        explore(&format!("a destination that is down, {}", destinations[0].name), setting);
    }
}

#[test]
fn requests_during_deliveries() {
    for destinations in [READABLE, IN_PARTS] {
        for (ask, start) in [
            (&[Ask::Rollback], Start::Overlap),
            (&[Ask::Revoke], Start::Due),
            (&[Ask::Revoke], Start::Overlap),
            (&[Ask::Deliver], Start::Overlap),
            (&[Ask::LetGo], Start::Overlap),
        ] {
            let setting = Setting {
                asks: ask,
                faults: 1,
                horizon: bound(1, 3),
                destinations,
                ..asked(start)
            };
            explore(&format!("{ask:?}, {:?}, {start:?}", destinations[0].abilities), setting);
        }
    }
}
