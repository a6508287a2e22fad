//! A revocation before it is known whether the secret can be used.

use crate::decide::decision::blocked::Blocked;
use crate::decide::decision::refusal::Refusal;
use crate::decide::decision::{Decision, Step, Wait, Why};
use crate::decide::evidence::no_such_key;
use crate::decide::ground::usable;
use crate::decide::home;
use crate::decide::situation::in_use;
use crate::model::journal::Revoked;
use crate::model::names::KeyId;
use crate::model::observed::{AccessKey, KeyStatus, Observed, Secret, SecretState};
use crate::model::request::Revocation;
use crate::model::time::Timestamp;
use crate::model::version::Content;
use crate::model::waits::Policy;

/// A revocation, before it is known whether the secret can be used.
pub(crate) struct Revoking<'a> {
    pub(super) seen: &'a Observed,
    pub(super) order: &'a Revocation,
    pub(super) policy: &'a Policy,
    pub(super) now: Timestamp,
}

impl Revoking<'_> {
    fn listed(&self) -> Option<&AccessKey> {
        self.seen.keys.iter().find(|key| key.id == self.order.key)
    }

    fn active(&self) -> Option<&AccessKey> {
        self.listed().filter(|key| key.status == KeyStatus::Active)
    }

    pub(super) fn present(&self) -> Option<&Secret> {
        if let SecretState::Present(secret) = &self.seen.secret { Some(secret) } else { None }
    }

    fn noted(&self) -> Option<&Revoked> {
        self.present().and_then(|secret| secret.journal.revocation_of(&self.order.key))
    }

    pub(crate) fn status_is_unknown(&self) -> Option<Decision> {
        let KeyStatus::Other(status) = &self.listed()?.status else { return None };
        let (key, status) = (self.order.key.clone(), status.clone());
        Some(Decision::Blocked(Blocked::UnknownStatus { key, status }))
    }

    pub(crate) fn is_in_use(&self) -> Option<Decision> {
        let active = self.active().filter(|_| self.order.only_if_unused)?;
        match in_use(self.seen, &self.order.key, active.created, self.policy, self.now)? {
            Decision::Wait(Wait { why: Why::InUse { key, last_use }, .. }) if self.noted().is_none() => {
                Some(Decision::Refused(Refusal::InUse { key, last_use }))
            }
            decision => Some(decision),
        }
    }

    pub(crate) fn needs_no_successor(&self) -> Option<Decision> {
        let first = self.order.without_successor && self.active().is_some();
        first.then(|| Decision::Act(Step::Deactivate(self.order.key.clone())))
    }

    pub(crate) fn is_no_key(&self) -> Option<Decision> {
        let key = Some(&self.order.key);
        let labeled = |secret: &Secret| {
            [&secret.current, &secret.pending, &secret.previous].into_iter().flatten().any(|held| held.key() == key)
        };
        let present = self.present();
        let known = self.listed().is_some() || self.noted().is_some();
        let unknown = !known && !present.is_some_and(labeled) && !present.is_some_and(unread);
        unknown.then(|| Decision::Refused(no_such_key(self.seen, &self.order.key)))
    }

    pub(crate) fn is_not_at_home(&self) -> Option<Decision> {
        home::home(self.seen, self.policy)
    }

    pub(crate) fn secret_is_not_usable(&self) -> Option<Decision> {
        usable(&self.seen.secret).err().map(Decision::Blocked)
    }

    pub(super) fn without_a_version(&self) -> Decision {
        let (key, order) = (&self.order.key, self.order);
        let needs_successor = !order.without_successor && !order.only_if_unused;
        match (self.listed(), self.seen.keys.iter().find(|k| k.id != *key), self.present()) {
            (None, _, _) => Decision::Refused(no_such_key(self.seen, key)),
            (Some(_), Some(other), secret) if needs_successor => no_room(key, other, secret),
            (Some(_), _, Some(_)) => Decision::Act(Step::PutPlaceholder),
            (Some(_), _, None) => Decision::Act(Step::CreateSecret),
        }
    }
}

/// Whether a version under AWSCURRENT or AWSPREVIOUS may hold any key.
pub(crate) fn unread(secret: &Secret) -> bool {
    [&secret.current, &secret.previous].into_iter().flatten().any(|held| held.content == Content::Foreign)
}

pub(crate) fn no_room(key: &KeyId, other: &AccessKey, secret: Option<&Secret>) -> Decision {
    let noted = secret.is_some_and(|secret| secret.journal.revoked_at(&other.id).is_some());
    let revoked = noted && other.status == KeyStatus::Inactive;
    Decision::Refused(Refusal::NoRoom { key: key.clone(), other: other.id.clone(), revoked })
}
