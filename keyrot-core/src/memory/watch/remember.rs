//! What the watch remembers about a change, to check later ones.

use super::{Actor, View, Watch};
use crate::model::names::KeyId;
use crate::model::observed::KeyStatus;
use std::collections::BTreeMap;

impl Watch {
    pub(super) fn remember(&mut self, was: &View<'_>, is: &View<'_>, actor: Actor) {
        self.remember_uses(was, is, actor);
        self.remember_deliveries(was, is, actor);
        let now = is.world.now();
        let keys = |view: &View<'_>| -> BTreeMap<KeyId, KeyStatus> {
            let user = view.world.user(&self.user);
            user.into_iter()
                .flat_map(|u| u.keys())
                .map(|k| (k.listed.id.clone(), k.listed.status.clone()))
                .collect()
        };
        let (before, after) = (keys(was), keys(is));
        if let Some(intent) =
            is.intent.as_ref().filter(|_| actor == Actor::Keyrot && was.intent != is.intent)
        {
            // The key was created between keyrot's read and its journal entry.
            let missed = |k: &&KeyId| !self.made.contains(*k) && !intent.before.contains(k);
            self.mistakable.extend(after.keys().filter(missed).cloned().collect::<Vec<_>>());
        }
        // While the secret is scheduled for deletion, keyrot can record nothing. A key that is
        // reactivated and deactivated again meanwhile leaves no trace, and its first deactivation
        // counts.
        let locked = is.world.secret(&self.secret).is_some_and(|s| s.deleted.is_some());
        for (key, status) in &after {
            match (before.get(key), status) {
                (None, _) if actor == Actor::Keyrot => {
                    self.made.insert(key.clone());
                }
                (None, _) if self.in_an_intents_time(is) => {
                    self.mistakable.insert(key.clone());
                }
                (Some(KeyStatus::Active), KeyStatus::Inactive) if locked => {
                    self.deactivated.entry(key.clone()).or_insert(now);
                }
                (Some(KeyStatus::Active), KeyStatus::Inactive) => {
                    self.deactivated.insert(key.clone(), now);
                }
                (Some(KeyStatus::Inactive), KeyStatus::Active) => {
                    if !locked {
                        self.deactivated.remove(key);
                    }
                    // This counts against keyrot only if it had recorded that the key was Inactive.
                    if self.left.contains_key(key) && was.hold.as_ref() == Some(key) {
                        self.left.insert(key.clone(), now);
                    }
                }
                _ => {}
            }
        }
        for key in is.revoked.iter().filter(|key| !was.revoked.contains(key)) {
            self.noted.insert(key.clone(), now);
        }
        self.held.extend(self.keys_in_versions(is.world));
        if was.current == is.current {
            return;
        }
        let key_of = |view: &View<'_>| view.current.as_ref().and_then(|(_, key)| key.clone());
        let (old, new) = (key_of(was), key_of(is));
        if was.placeholder && new.is_some() {
            let own = |k: &KeyId| {
                self.made.contains(k) || self.held.contains(k) || self.mistakable.contains(k)
            };
            let mut others = before.keys().filter(|k| !own(k));
            self.in_place.extend(others.next().filter(|_| others.next().is_none()).cloned());
            let leaving = self.in_place.iter().filter(|k| Some(*k) != new.as_ref());
            self.left.extend(leaving.map(|key| (key.clone(), now)));
        }
        if let Some(key) = old.filter(|k| Some(k) != new.as_ref()) {
            self.left.insert(key, now);
        }
        if let Some(key) = new {
            self.left.remove(&key);
        }
    }
}
