//! The test suite for destinations, applied to the in-memory destination.

use crate::deliveries::harness::name;
use keyrot_core::async_trait;
use keyrot_core::conformance::{DestinationLab, Trouble, assert_all, destination};
use keyrot_core::memory::{MemoryAccount, MemoryDestination, World};
use keyrot_core::model::{Abilities, DestinationName};
use std::sync::atomic::{AtomicUsize, Ordering};

struct Lab {
    account: MemoryAccount,
    name: DestinationName,
    places: AtomicUsize,
}

#[async_trait]
impl DestinationLab for Lab {
    async fn empty_place(&self) -> Result<String, Trouble> {
        Ok(format!("place-{}", self.places.fetch_add(1, Ordering::Relaxed)))
    }

    async fn overwrite(&self, place: &str) -> Result<(), Trouble> {
        self.account.change(|world| world.overwrite(&self.name, place, None));
        Ok(())
    }
}

const ABILITIES: [Abilities; 5] = [
    Abilities::READABLE,
    Abilities::WRITE_ONLY,
    Abilities::IN_PARTS,
    Abilities::UNSEEN,
    Abilities::RESTARTS,
];

#[tokio::test]
async fn the_in_memory_destination_follows_the_rules_and_the_suite_detects_violations() {
    for conditional in [true, false] {
        for abilities in ABILITIES {
            if !abilities.visible && conditional {
                continue;
            }
            let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
            let mut there = MemoryDestination::new(abilities);
            there.conditional = conditional;
            // The suite's keys do not belong to this account.
            there.takes_any = true;
            world.add_destination(name("lake"), there);
            let account = MemoryAccount::new(world);
            let port = account.destination(&name("lake"), abilities);
            let lab = Lab { account, name: name("lake"), places: AtomicUsize::new(0) };
            let gaps: &[_] = match conditional {
                _ if !abilities.visible => &[],
                true => &[],
                false => &[(
                    "destination::nothing_is_written_over_what_was_not_seen",
                    "it has no conditional write",
                )],
            };
            assert_all(&destination(port.as_ref(), &lab).await, gaps);
        }
    }
}
