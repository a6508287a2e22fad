//! The account's trail: which requests were signed with which key, from which address and by which
//! program, as in CloudTrail's event history.

use crate::memory::account::MemoryAccount;
use crate::memory::trailed::TrailedUse;
use crate::memory::world::World;
use crate::model::error::{CallError, ErrorKind};
use crate::model::names::KeyId;
use crate::model::time::Timestamp;
use crate::model::trail::UseEvent;
use crate::model::trail::untrusted::UntrustedText;
use crate::trail::{KeyRecord, TrailAsk, TrailPage, TrailPort};
use async_trait::async_trait;
use std::collections::BTreeSet;

/// The number of uses that the account keeps. The oldest are dropped first.
const MOST: usize = 1_000;
/// The page size, as in CloudTrail.
const PAGE: usize = 50;

impl World {
    /// Records a request in the trail, at the current time. A caller that only uses
    /// [`World::authenticate`] is in no trail, because the model checker doesn't need it.
    pub fn note_use(&mut self, key: &KeyId, what: &TrailedUse<'_>) {
        let at = self.now();
        let trail = &mut *self.trail;
        trail.made += 1;
        if trail.uses.len() >= MOST {
            trail.uses.remove(0);
        }
        let event = UseEvent {
            id: UntrustedText::new(&format!("e0000000-0000-4000-8000-{:012x}", trail.made)),
            at,
            region: what.region.into(),
            service: what.service.into(),
            action: what.action.into(),
            address: Some(what.address.into()),
            agent: Some(what.agent.into()),
            error: what.error.map(UntrustedText::from),
            role: what.role.filter(|_| what.error.is_none()).map(UntrustedText::from),
        };
        trail.uses.push((key.clone(), event));
    }

    /// Returns the key's events in the region's trail since then, the newest first.
    #[must_use]
    pub fn uses_of(&self, key: &KeyId, region: &str, since: Timestamp) -> Vec<&UseEvent> {
        let fits = |event: &&UseEvent| event.region.as_str() == region && event.at >= since;
        self.trail
            .uses
            .iter()
            .rev()
            .filter(|(of, _)| of == key)
            .map(|(_, event)| event)
            .filter(fits)
            .collect()
    }

    /// Returns the regions in which the trail has uses.
    #[must_use]
    pub fn trailed_regions(&self) -> BTreeSet<String> {
        self.trail.uses.iter().map(|(_, event)| event.region.as_str().to_owned()).collect()
    }

    /// Returns the key's user, and its last use.
    ///
    /// # Errors
    /// `NoSuchEntity`.
    pub fn key_record(&self, key: &KeyId) -> Result<KeyRecord, super::Refusal> {
        let last_use = self.last_use(key)?;
        let owner = self.users().find(|user| user.key(key).is_some());
        let user = owner.map(|user| user.arn.name().clone()).ok_or_else(|| {
            super::Refusal::new(
                "NoSuchEntity",
                ErrorKind::NotFound,
                format!("The Access Key with id {key} cannot be found"),
            )
        })?;
        Ok(KeyRecord { user, last_use })
    }

    /// Returns one page of the key's uses, as [`TrailPort::page`] does.
    ///
    /// # Errors
    /// `InvalidNextTokenException` for a token that no page returned.
    pub fn trail_page(&self, ask: &TrailAsk, next: Option<&str>) -> Result<TrailPage, CallError> {
        let from: usize = next.unwrap_or("0").parse().map_err(|_| {
            let message = "the token is not one of this trail's";
            super::Refusal::new("InvalidNextTokenException", ErrorKind::Other, message)
        })?;
        let all = self.uses_of(&ask.key, &ask.region, ask.since);
        let events: Vec<UseEvent> =
            all.iter().skip(from).take(PAGE).map(|event| (*event).clone()).collect();
        let next = (from + events.len() < all.len()).then(|| (from + events.len()).to_string());
        Ok(TrailPage { events, unreadable: 0, next })
    }
}

#[async_trait]
impl TrailPort for MemoryAccount {
    /// Returns `us-east-1`, and every region with uses.
    fn regions(&self) -> Vec<String> {
        let mut regions = self.world().trailed_regions();
        regions.insert("us-east-1".to_owned());
        regions.into_iter().collect()
    }

    async fn key_record(&self, key: &KeyId) -> Result<KeyRecord, CallError> {
        self.call("key_record", |world| Ok(world.key_record(key)?)).await
    }

    async fn page<'a>(
        &self,
        ask: &TrailAsk,
        next: Option<&'a str>,
    ) -> Result<TrailPage, CallError> {
        self.call("page", |world| world.trail_page(ask, next)).await
    }
}
