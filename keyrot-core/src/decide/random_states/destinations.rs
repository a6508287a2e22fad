//! Destinations, and their receipts in the journal.

use super::choices::{Choices, reason, time};
use crate::model::destination::{Abilities, Assignment, Found, Holds, PlaceId, SeenDestination};
use crate::model::journal::JournalEntry;
use crate::model::names::{DestinationName, KeyId, Mark, VersionId};
use crate::model::observed::Secret;
use crate::model::receipt::{Receipt, Receiving};

/// Returns no destinations, or a required and an optional one, with receipts.
pub(super) fn destinations(
    some: &mut Choices,
    secret: &mut Secret,
    keys: &[KeyId],
) -> Vec<SeenDestination> {
    if !some.once_in(4) {
        return Vec::new();
    }
    // Receipts say that every destination has the key, and none was read.
    let served = some.once_in(2);
    let versions: Vec<VersionId> = [&secret.current, &secret.current, &secret.previous]
        .into_iter()
        .flatten()
        .map(|held| held.version.clone())
        .collect();
    let mut all = Vec::new();
    for (name, required) in [("lake", true), ("mail", false)] {
        let to = DestinationName::parse(name).unwrap();
        let mark = |some: &mut Choices| Mark::parse(some.one(&["1", "2"])).unwrap();
        if !versions.is_empty() && !some.once_in(3) {
            let states = [
                Receiving::Delivered,
                Receiving::Delivered,
                Receiving::Delivering,
                Receiving::LetGo,
            ];
            let receipt = Receipt {
                to: to.clone(),
                place: PlaceId::default(),
                state: if served { Receiving::Delivered } else { some.one(&states) },
                version: if served { versions[0].clone() } else { some.one(&versions) },
                at: time(some),
                mark: Some(mark(some)),
            };
            secret.journal.set(JournalEntry::Receipt(receipt));
        }
        let holds = [
            Holds::Key(keys[0].clone()),
            Holds::Key(keys[1].clone()),
            Holds::Other,
            Holds::NotShown,
        ];
        let found = match some.below(4) {
            _ if served => None,
            0 => None,
            1 => Some(Found::Nothing),
            _ => Some(Found::Copy {
                mark: mark(some),
                holds: some.one(&holds),
                written: Some(time(some)).filter(|_| some.once_in(2)),
            }),
        };
        let abilities = some.one(&[
            Abilities::READABLE,
            Abilities::WRITE_ONLY,
            Abilities::IN_PARTS,
            Abilities::UNSEEN,
        ]);
        let place = "here".to_owned();
        all.push(SeenDestination {
            assignment: Assignment {
                to,
                kind: Assignment::CUSTOM,
                place,
                required,
                place_id: PlaceId::default(),
                abilities,
                replica_in: None,
            },
            found,
            failed: (!served && some.once_in(5)).then(reason),
            unfinished: (!served && some.once_in(5)).then(reason),
            announced_here: versions.first().filter(|_| some.once_in(2)).cloned(),
            delivered_here: versions
                .first()
                .filter(|_| some.once_in(6))
                .map(|version| (version.clone(), some.once_in(2).then(|| mark(some)))),
        });
    }
    all
}
