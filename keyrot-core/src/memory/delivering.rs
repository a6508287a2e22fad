//! In-memory destinations behind keyrot's port, with the faults of the account that they belong to.

use crate::memory::account::MemoryAccount;
use crate::memory::destination::{Copy, MemoryDestination};
use crate::memory::world::World;
use crate::model::destination::{Abilities, Delivery, Found};
use crate::model::error::{CallError, ErrorKind};
use crate::model::names::{DestinationName, KeyId};
use crate::ports::destination::Destination;
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::Arc;

impl World {
    /// Adds a destination, or changes the abilities of an existing one.
    pub fn add_destination(&mut self, name: DestinationName, destination: MemoryDestination) {
        self.destinations.insert(name, destination);
    }

    /// Returns a destination.
    #[must_use]
    pub fn destination(&self, name: &DestinationName) -> Option<&MemoryDestination> {
        self.destinations.get(name)
    }

    /// Writes this key, or something else, to a place, as another program would.
    pub fn overwrite(&mut self, name: &DestinationName, place: &str, key: Option<&KeyId>) {
        let now = self.now;
        if let Some(found) = self.destinations.get_mut(name) {
            found.write(place, now, |copy| {
                (copy.id, copy.secret) = (key.cloned(), key.cloned());
                copy.foreign = true;
            });
        }
    }

    /// Deletes the content of a place, and recreates it with something else. The marks start again,
    /// so the mark is the same as before.
    pub fn remake(&mut self, name: &DestinationName, place: &str, key: Option<&KeyId>) {
        let now = self.now;
        if let Some(copy) = self.destinations.get_mut(name).and_then(|it| it.copies.get_mut(place))
        {
            (copy.id, copy.secret) = (key.cloned(), key.cloned());
            copy.foreign = true;
            copy.written = now;
        }
    }

    /// Empties a place, as another program would.
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
            let message =
                format!("{place} of {name} was changed by another writer in the meantime");
            return Err(CallError::refused(ErrorKind::Conflict, message));
        }
        if !found.restarts {
            found.write(place, now, change);
            return Ok(if found.visible { found.found(place) } else { Found::unseen() });
        }
        // Any restart since then counts.
        if found.found(place).mark() == delivery.replaces.as_ref() {
            let key = &delivery.credentials.key;
            let others = self.destinations.values().filter(|one| !one.restarts);
            let stale = others.filter_map(|one| one.at(place)).find(|one| one.whole() != Some(key));
            let (id, secret) = match stale {
                Some(Copy { id, secret, .. }) => (id.clone(), secret.clone()),
                None => (Some(key.clone()), Some(key.clone())),
            };
            if let Some(found) = self.destinations.get_mut(name) {
                found.write(place, now, |copy| (copy.id, copy.secret) = (id, secret));
            }
        }
        self.destination(name).map(|found| found.found(place)).ok_or_else(|| unknown(name))
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
    /// Returns the account's destinations, behind keyrot's port.
    #[must_use]
    pub fn destinations(&self) -> BTreeMap<DestinationName, Arc<dyn Destination>> {
        let port = |(name, one): (&DestinationName, &MemoryDestination)| {
            (name.clone(), self.destination(name, one.abilities()))
        };
        self.world().destinations.iter().map(port).collect()
    }

    /// Returns one destination of the account behind keyrot's port. It doesn't have to exist yet.
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
