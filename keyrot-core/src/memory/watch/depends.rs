//! S15: an old key is not deactivated while a consumer is known to depend on it.

use super::{Actor, Broken, View, Watch};
use crate::memory::World;
use crate::model::names::{DestinationName, KeyId};
use crate::model::observed::LastUse;
use crate::model::receipt::Receiving;
use crate::model::time::Timestamp;
use crate::model::waits::after;

impl Watch {
    /// Returns why a key that left AWSCURRENT must not be deactivated, according to IAM's record of
    /// uses. `None` for a key that was never current.
    #[must_use]
    pub fn depends_on(&self, key: &KeyId, world: &World) -> Option<String> {
        let left = self.left.get(key)?;
        self.nothing_depends_on(key, *left, &self.view(world)).err().map(|broken| broken.how)
    }

    /// A key that left AWSCURRENT at this time may be deactivated if it was unused for `idle`. It
    /// may also be deactivated if something has used its successor, and nothing used the key itself
    /// later than half an overlap after the successor was promoted and delivered everywhere, or
    /// within `overlap` and `recent_use`.
    pub(super) fn nothing_depends_on(
        &self,
        key: &KeyId,
        left: Timestamp,
        was: &View<'_>,
    ) -> Result<(), Broken> {
        let now = was.world.now();
        let broken =
            |how: &str| Err(Broken { promise: "S15", how: format!("{key} was deactivated {how}") });
        let created =
            was.world.user(&self.user).and_then(|user| user.key(key)).map(|key| key.listed.created);
        let (last, used) = match (was.world.last_use(key), created) {
            (Ok(LastUse::At { when, .. }), _) => (when, true),
            (Ok(LastUse::NoRecord), Some(created)) => (created, false),
            _ => return broken("though its last use is not known"),
        };
        if after(last, self.policy.waits().idle) <= now {
            return Ok(());
        }
        let promoted = self.in_place_since(left, was);
        if used && self.policy.caches_until(self.everywhere_since(promoted, was)) < last {
            return broken("though something used it long after its successor was published");
        }
        if now < after(last, self.policy.unused_for()) {
            return broken("though a weekly job may still use it");
        }
        if !self.is_picked_up(promoted, was) {
            return broken("though nothing has used its successor");
        }
        Ok(())
    }

    /// This is what keyrot knows: a run that died may have left the record to a later one.
    fn in_place_since(&self, left: Timestamp, was: &View<'_>) -> Timestamp {
        let current = was.current.as_ref().map(|(version, _)| version);
        let noted = was.promoted.as_ref().filter(|noted| Some(&noted.version) == current);
        noted.map_or(left, |noted| noted.at)
    }

    /// Returns the last receipt of a required destination for the current version, or the promotion
    /// if that was later: a consumer that reads there could not move before.
    fn everywhere_since(&self, promoted: Timestamp, was: &View<'_>) -> Timestamp {
        let current = was.current.as_ref().map(|(version, _)| version);
        let is_optional = |to: &DestinationName| {
            self.delivered.assigned.iter().any(|one| one.to == *to && !one.required)
        };
        let delivered = was.receipts.values().filter(|receipt| {
            receipt.state == Receiving::Delivered
                && Some(&receipt.version) == current
                && !is_optional(&receipt.to)
        });
        delivered.map(|receipt| receipt.at).fold(promoted, Timestamp::max)
    }

    /// Returns who used the current key: a consumer that read it, or keyrot itself.
    pub(super) fn remember_uses(&mut self, was: &View<'_>, is: &View<'_>, actor: Actor) {
        let Some((_, Some(current))) = &is.current else { return };
        let use_of = |view: &View<'_>| match view.world.last_use(current) {
            Ok(LastUse::At { when, .. }) => Some(when),
            _ => None,
        };
        let Some(when) = use_of(is).filter(|when| use_of(was) != Some(*when)) else { return };
        match actor {
            Actor::Keyrot => drop(self.verified.insert(current.clone(), when)),
            Actor::Person => drop(self.picked_up.insert(current.clone())),
        }
    }

    fn is_picked_up(&self, promoted: Timestamp, was: &View<'_>) -> bool {
        let Some((_, Some(current))) = &was.current else { return false };
        // A use that keyrot's own call caused is not a consumer's, however late it is.
        let verified = self.verified.get(current);
        if self.picked_up.contains(current) {
            return true;
        }
        match was.world.last_use(current) {
            Ok(LastUse::At { when, .. }) if verified == Some(&when) => false,
            Ok(LastUse::At { when, service, .. }) if service == "sts" => {
                after(promoted, self.policy.waits().settle) < when
            }
            Ok(LastUse::At { when, .. }) => promoted < when,
            _ => false,
        }
    }
}
