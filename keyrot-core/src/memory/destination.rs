//! Destinations in memory, with the faults of the account that they belong to.

use crate::memory::account::MemoryAccount;
use crate::memory::world::World;
use crate::model::destination::{Abilities, Delivery, Found, Holds};
use crate::model::error::{CallError, ErrorKind};
use crate::model::names::{DestinationName, KeyId, Mark};
use crate::model::time::Timestamp;
use crate::ports::destination::Destination;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A destination of the account's world: what it can do, and what is at its places.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MemoryDestination {
    /// Whether both halves of a key get there in one write.
    pub whole: bool,
    /// Whether it shows which key is there.
    pub readable: bool,
    /// Whether it refuses a write over something else than the caller saw.
    pub conditional: bool,
    /// Whether it takes keys that are none of the account's for whole, as a real one does.
    pub takes_any: bool,
    copies: BTreeMap<String, Copy>,
}

/// What is at a place.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Copy {
    /// The key whose id is there.
    pub id: Option<KeyId>,
    /// The key whose secret half is there; `None` for anything else.
    pub secret: Option<KeyId>,
    /// Whether it was written by somebody else than keyrot.
    pub foreign: bool,
    writes: u32,
    written: Timestamp,
}

impl Copy {
    /// The key that is there, if both halves are one key's.
    #[must_use]
    pub fn whole(&self) -> Option<&KeyId> {
        self.id.as_ref().filter(|_| self.id == self.secret)
    }

    /// When it was written.
    #[must_use]
    pub fn written(&self) -> Timestamp {
        self.written
    }
}

impl MemoryDestination {
    /// One with these abilities, and without conditional writes.
    #[must_use]
    pub fn new(abilities: Abilities) -> Self {
        let Abilities { whole, readable } = abilities;
        Self { whole, readable, conditional: false, takes_any: false, copies: BTreeMap::new() }
    }

    /// What it can do.
    #[must_use]
    pub fn abilities(&self) -> Abilities {
        Abilities { whole: self.whole, readable: self.readable }
    }

    /// What is at the place.
    #[must_use]
    pub fn at(&self, place: &str) -> Option<&Copy> {
        self.copies.get(place)
    }

    fn found(&self, place: &str) -> Found {
        let Some(copy) = self.copies.get(place) else { return Found::Nothing };
        let holds = match copy.whole() {
            _ if !self.readable => Holds::NotShown,
            Some(key) => Holds::Key(key.clone()),
            None => Holds::Other,
        };
        let mark = Mark::parse(copy.writes.to_string()).expect("a number is a mark");
        Found::Copy { mark, holds, written: Some(copy.written) }
    }

    fn write(&mut self, place: &str, now: Timestamp, change: impl FnOnce(&mut Copy)) {
        let empty = Copy { id: None, secret: None, foreign: false, writes: 0, written: now };
        let copy = self.copies.entry(place.to_owned()).or_insert(empty);
        copy.writes += 1;
        copy.written = now;
        copy.foreign = false;
        change(copy);
    }
}

impl World {
    /// Adds a destination, or changes what one can do.
    pub fn add_destination(&mut self, name: DestinationName, destination: MemoryDestination) {
        self.destinations.insert(name, destination);
    }

    /// A destination.
    #[must_use]
    pub fn destination(&self, name: &DestinationName) -> Option<&MemoryDestination> {
        self.destinations.get(name)
    }

    /// Somebody else writes to a place: this key, or something that is none.
    pub fn overwrite(&mut self, name: &DestinationName, place: &str, key: Option<&KeyId>) {
        let now = self.now;
        if let Some(found) = self.destinations.get_mut(name) {
            found.write(place, now, |copy| {
                (copy.id, copy.secret) = (key.cloned(), key.cloned());
                copy.foreign = true;
            });
        }
    }

    /// Somebody else empties a place.
    pub fn empty(&mut self, name: &DestinationName, place: &str) {
        if let Some(found) = self.destinations.get_mut(name) {
            found.copies.remove(place);
        }
    }

    fn deliver(
        &mut self,
        name: &DestinationName,
        place: &str,
        delivery: &Delivery,
        change: impl FnOnce(&mut Copy),
    ) -> Result<Found, CallError> {
        let now = self.now;
        let found = self.destinations.get_mut(name).ok_or_else(|| unknown(name))?;
        if found.conditional && found.found(place).mark() != delivery.replaces.as_ref() {
            let message = format!("{place} of {name} was written by somebody else meanwhile");
            return Err(CallError::refused(ErrorKind::Conflict, message));
        }
        found.write(place, now, change);
        Ok(found.found(place))
    }
}

fn unknown(name: &DestinationName) -> CallError {
    CallError::refused(ErrorKind::NotFound, format!("there is no destination {name}"))
}

/// A destination of the account behind keyrot's port.
struct Port {
    account: MemoryAccount,
    name: DestinationName,
    abilities: Abilities,
}

impl MemoryAccount {
    /// The account's destinations, behind keyrot's port.
    #[must_use]
    pub fn destinations(&self) -> BTreeMap<DestinationName, Arc<dyn Destination>> {
        let port = |(name, one): (&DestinationName, &MemoryDestination)| {
            (name.clone(), self.destination(name, one.abilities()))
        };
        self.world().destinations.iter().map(port).collect()
    }

    /// One destination of the account, which there need not be yet, behind keyrot's port.
    #[must_use]
    pub fn destination(
        &self,
        name: &DestinationName,
        abilities: Abilities,
    ) -> Arc<dyn Destination> {
        Arc::new(Port { account: self.clone(), name: name.clone(), abilities })
    }
}

#[async_trait]
impl Destination for Port {
    fn abilities(&self) -> Abilities {
        self.abilities
    }

    async fn inspect(&self, place: &str) -> Result<Found, CallError> {
        self.account
            .call("inspect_destination", |world| {
                let found =
                    world.destinations.get(&self.name).ok_or_else(|| unknown(&self.name))?;
                Ok(found.found(place))
            })
            .await
    }

    async fn deliver(&self, place: &str, delivery: &Delivery) -> Result<Found, CallError> {
        let key = delivery.credentials.key.clone();
        let any = self.account.world().destination(&self.name).is_some_and(|one| one.takes_any);
        let genuine = any || World::credentials_of(&key) == delivery.credentials;
        let secret = genuine.then(|| key.clone());
        let whole = self.abilities.whole;
        let first = self
            .account
            .call("deliver", |world| {
                world.deliver(&self.name, place, delivery, |copy| {
                    copy.id = Some(key);
                    if whole {
                        copy.secret.clone_from(&secret);
                    }
                })
            })
            .await?;
        if whole {
            return Ok(first);
        }
        let delivery = Delivery { replaces: first.mark().cloned(), ..delivery.clone() };
        self.account
            .call("deliver_rest", |world| {
                world.deliver(&self.name, place, &delivery, |copy| copy.secret = secret)
            })
            .await
    }
}
