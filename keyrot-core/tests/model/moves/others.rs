//! Actions of others: a consumer, and a program that removes or forges the marks of a home.

use super::Forged;
use super::state::{State, planned, published, tagged};
use crate::homes::{REGIONS, at, secret};
use crate::world::user;
use keyrot_core::memory::{Actor, World};
use keyrot_core::model::{HOME_TAG, JournalEntry};
use std::sync::Arc;

impl State {
    fn outside(&mut self, deed: impl FnOnce(&mut World)) {
        let before = self.world.clone();
        deed(&mut self.world);
        for there in [0, 1] {
            let (was, is) = (at(&before, there), at(&self.world, there));
            let _ = Arc::make_mut(&mut self.watches[there]).step(&was, &is, Actor::Person);
        }
        self.work.iter_mut().flatten().for_each(|one| Arc::make_mut(one).overtaken = true);
    }

    pub(super) fn consume(&mut self, place: usize) {
        self.uses -= 1;
        let Some(key) = published(&self.world, place) else { return };
        self.outside(|world| {
            drop(world.authenticate(&World::credentials_of(&key), "s3", REGIONS[place]));
        });
    }

    pub(super) fn untag(&mut self) {
        self.untags -= 1;
        // A run that has already read the tag does not notice this.
        self.contested |= !self.at_rest();
        drop(self.world.untag_user(&user(), HOME_TAG));
    }

    pub(super) fn forge(&mut self, forged: Forged) {
        self.forges -= 1;
        self.interfered = true;
        let other = |place: usize, world: &World| planned(1 - place, world);
        let tag = |world: &mut World, text: &str| drop(world.tag_user(&user(), HOME_TAG, text));
        match forged {
            Forged::TagOther => {
                let there = other(tagged(&self.world).unwrap_or(0), &self.world).to_string();
                tag(&mut self.world, &there);
            }
            Forged::TagJunk => tag(&mut self.world, "elsewhere"),
            Forged::Closed(place) => {
                let entry = JournalEntry::Moved(other(place, &self.world));
                self.in_secret(place, |world| {
                    drop(world.tag_secret(&secret(), &entry.tag(), entry.to_text()));
                });
            }
            Forged::Opened(place) => {
                let entry = JournalEntry::Moved(planned(place, &self.world));
                self.in_secret(place, |world| {
                    if let Some(found) = world.secret_mut(&secret()) {
                        found.tags.remove(&*entry.tag());
                    }
                });
            }
        }
    }

    fn in_secret(&mut self, place: usize, deed: impl FnOnce(&mut World)) {
        self.world.set_region(REGIONS[place]);
        deed(&mut self.world);
        self.world.set_region(REGIONS[0]);
    }
}
