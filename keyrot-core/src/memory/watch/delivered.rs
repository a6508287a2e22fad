//! S16: no destination gets a key that was not verified, no foreign write is lost silently, and an
//! old key stays until every required destination has the current one.

use super::{Actor, Broken, View, Watch};
use crate::memory::destination::Copy;
use crate::memory::world::World;
use crate::model::destination::Assignment;
use crate::model::names::{DestinationName, KeyId};
use crate::model::receipt::Receiving;
use crate::model::waits::after;

impl Watch {
    /// Returns the watch, which also checks what is done to these destinations against the
    /// promises.
    #[must_use]
    pub fn with_destinations(mut self, assigned: Vec<Assignment>) -> Self {
        self.delivered.assigned = assigned;
        self
    }

    /// Records that an operator asked for a delivery, to this destination or to all.
    pub fn asked_to_deliver(&mut self, to: Option<&DestinationName>) {
        let all = self.delivered.assigned.iter().map(|one| &one.to);
        let asked: Vec<_> = all.filter(|one| to.is_none_or(|to| to == *one)).cloned().collect();
        self.delivered.let_go.retain(|one| !asked.contains(one));
        self.delivered.asked.extend(asked);
    }

    /// Records that an operator gives a destination up.
    pub fn let_go(&mut self, to: &DestinationName) {
        self.delivered.asked.remove(to);
        self.delivered.let_go.insert(to.clone());
    }

    /// Checks what was written to destinations.
    pub(super) fn deliveries(&self, was: &View<'_>, is: &View<'_>) -> Result<(), Broken> {
        let broken = |how: String| Err(Broken { promise: "S16", how });
        for one in &self.delivered.assigned {
            let (before, now) = (copy(was.world, one), copy(is.world, one));
            let Some(now) = now.filter(|now| before != Some(*now)) else { continue };
            if one.abilities.restarts {
                continue;
            }
            let to = &one.to;
            let verified = |key: &Option<KeyId>| {
                let user = is.world.user(&self.user);
                key.as_ref().is_some_and(|key| {
                    user.and_then(|user| user.key(key)).is_some_and(|key| key.verified)
                })
            };
            if !verified(&now.id) || (one.abilities.whole && !verified(&now.secret)) {
                return broken(format!("{to} got credentials that were not verified"));
            }
            let noted = was.receipts.get(to).map(|receipt| receipt.state);
            let foreign = before.is_some_and(|before| before.foreign);
            let shows = one.abilities.whole && one.abilities.readable;
            let can_be_keyrots = !shows || before.is_some_and(|before| before.whole().is_some());
            // If a destination does not show its key, the content may come from another run,
            // provided that it was written at about the time of the receipt.
            let settle = self.policy.waits().settle;
            let at_once = was.receipts.get(to).zip(before).is_some_and(|(receipt, before)| {
                !one.abilities.readable && before.written() <= after(receipt.at, settle)
            });
            let excused = self.delivered.asked.contains(to)
                || (noted == Some(Receiving::Delivering) && can_be_keyrots)
                || at_once;
            // A delivery replaces one of the user's own keys, whoever put it there.
            let own = before.and_then(Copy::whole).is_some_and(|key| {
                one.abilities.readable
                    && is.world.user(&self.user).is_some_and(|user| user.key(key).is_some())
            });
            if foreign && !excused && !own {
                return broken(format!("what another writer wrote to {to} was overwritten"));
            }
        }
        Ok(())
    }

    /// Whether the destinations allow a change to a key that left AWSCURRENT.
    pub(super) fn is_delivered(&self, key: &KeyId, was: &View<'_>) -> Result<(), Broken> {
        let Some((_, Some(current))) = &was.current else { return Ok(()) };
        if current == key || !self.left.contains_key(key) {
            return Ok(());
        }
        let broken = |how: String| Err(Broken { promise: "S16", how });
        let required = self.delivered.assigned.iter().filter(|one| one.required);
        for one in required.filter(|one| !self.delivered.let_go.contains(&one.to)) {
            let to = &one.to;
            if copy(was.world, one).and_then(Copy::whole) != Some(current) {
                return broken(format!("{key} left while {to} did not have {current}"));
            }
        }
        Ok(())
    }

    /// Whether the overlap, counted from the last delivery, is over.
    pub(super) fn overlap_of_deliveries(&self, key: &KeyId, was: &View<'_>) -> Result<(), Broken> {
        let Some((_, Some(current))) = &was.current else { return Ok(()) };
        let waits = self.policy.waits();
        let required = self.delivered.assigned.iter().filter(|one| one.required);
        for one in required.filter(|one| !self.delivered.let_go.contains(&one.to)) {
            if let Some((held, since)) = self.delivered.since.get(&one.to)
                && held == current
                && was.world.now() < after(*since, waits.overlap)
            {
                let how = format!("{key} left before its overlap at {} was over", one.to);
                return Err(Broken { promise: "S16", how });
            }
        }
        Ok(())
    }

    pub(super) fn remember_deliveries(&mut self, was: &View<'_>, is: &View<'_>, actor: Actor) {
        let now = is.world.now();
        for one in self.delivered.assigned.clone() {
            let (before, after) = (copy(was.world, &one), copy(is.world, &one));
            if before == after {
                continue;
            }
            if actor == Actor::Keyrot {
                self.delivered.asked.remove(&one.to);
            }
            let key_of = |found: Option<&Copy>| found.and_then(Copy::whole).cloned();
            if let Some(key) = key_of(after).filter(|key| key_of(before).as_ref() != Some(key)) {
                self.delivered.since.insert(one.to, (key, now));
            }
        }
    }
}

fn copy<'a>(world: &'a World, one: &Assignment) -> Option<&'a Copy> {
    world.destination(&one.to)?.at(&one.place)
}
