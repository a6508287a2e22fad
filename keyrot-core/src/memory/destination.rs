//! In-memory destinations, as plain data.

use crate::model::destination::{Abilities, Found, Holds};
use crate::model::names::{KeyId, Mark};
use crate::model::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A destination of the simulated account: its abilities, and the content of its places.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MemoryDestination {
    /// Whether one write delivers both halves of a key.
    pub whole: bool,
    /// Whether the destination shows which key it has.
    pub readable: bool,
    /// Whether a write can be detected.
    pub visible: bool,
    /// Whether it restarts consumers, which then use the key at the same place of the other
    /// destinations, or the delivered one if there is no other.
    pub restarts: bool,
    /// Whether it refuses to overwrite something other than what the caller read.
    pub conditional: bool,
    /// Whether it accepts keys from outside the account, as a real destination does.
    pub takes_any: bool,
    pub(super) copies: BTreeMap<String, Copy>,
}

/// The content of a place.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Copy {
    /// The key whose id the place has.
    pub id: Option<KeyId>,
    /// The key whose secret half the place has; `None` for anything else.
    pub secret: Option<KeyId>,
    /// Whether something other than keyrot wrote it.
    pub foreign: bool,
    writes: u32,
    pub(super) written: Timestamp,
}

impl Copy {
    /// Returns the key at the place, if both halves belong to the same key.
    #[must_use]
    pub fn whole(&self) -> Option<&KeyId> {
        self.id.as_ref().filter(|_| self.id == self.secret)
    }

    /// Returns how often the place was written to.
    #[must_use]
    pub fn writes(&self) -> u32 {
        self.writes
    }

    /// Returns when it was written.
    #[must_use]
    pub fn written(&self) -> Timestamp {
        self.written
    }
}

impl MemoryDestination {
    /// Returns a destination with these abilities, and without conditional writes.
    #[must_use]
    pub fn new(abilities: Abilities) -> Self {
        let Abilities { whole, readable, visible, restarts } = abilities;
        Self {
            whole,
            readable,
            visible,
            restarts,
            conditional: false,
            takes_any: false,
            copies: BTreeMap::new(),
        }
    }

    /// Returns the abilities of the destination.
    #[must_use]
    pub fn abilities(&self) -> Abilities {
        let Self { whole, readable, visible, restarts, .. } = *self;
        Abilities { whole, readable, visible, restarts }
    }

    /// Returns the content of the place.
    #[must_use]
    pub fn at(&self, place: &str) -> Option<&Copy> {
        self.copies.get(place)
    }

    /// Returns what a read finds.
    pub(super) fn found(&self, place: &str) -> Found {
        let mark = |writes: u32| Mark::parse(writes.to_string()).expect("a number is a mark");
        if self.restarts {
            // The consumers are also running before their first restart.
            let copy = self.copies.get(place);
            let (mark, written) =
                (mark(copy.map_or(0, |copy| copy.writes)), copy.map(|copy| copy.written));
            return Found::Copy { mark, holds: Holds::NotShown, written };
        }
        let copy = self.copies.get(place).filter(|_| self.visible);
        let Some(copy) = copy else { return Found::Nothing };
        let holds = match copy.whole() {
            _ if !self.readable => Holds::NotShown,
            Some(key) => Holds::Key(key.clone()),
            None => Holds::Other,
        };
        Found::Copy { mark: mark(copy.writes), holds, written: Some(copy.written) }
    }

    pub(super) fn write(&mut self, place: &str, now: Timestamp, change: impl FnOnce(&mut Copy)) {
        let empty = Copy { id: None, secret: None, foreign: false, writes: 0, written: now };
        let copy = self.copies.entry(place.to_owned()).or_insert(empty);
        copy.writes += 1;
        copy.written = now;
        copy.foreign = false;
        change(copy);
    }
}
