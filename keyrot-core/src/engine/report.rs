//! Where a run leaves its users.

use crate::Timestamp;
use crate::decide::decision::Why;
use crate::engine::dispatch::NotifierFailure;
use crate::machine::event::{Event, EventKind};
use crate::machine::outcome::Outcome;
use crate::model::names::{KeyId, SecretName, UserName};
use crate::model::observed::{AccessKey, KeyStatus, LastUse, Observed, SecretState};
use crate::model::waits::Policy;
use futures_util::{FutureExt, StreamExt, stream};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Where a run leaves one user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserResult {
    /// Who.
    pub user: UserName,
    /// Who answers for the user.
    pub owner: Option<String>,
    /// The user's secret.
    pub secret: SecretName,
    /// How it ended.
    pub outcome: Outcome,
    /// The key under AWSCURRENT, as far as it was seen.
    pub current: Option<KeyId>,
    /// The key under AWSPREVIOUS, as far as it was seen, whether or not it still exists.
    pub previous: Option<KeyId>,
    /// The keys that a person revoked, as far as it was seen.
    pub revoked: Vec<KeyId>,
    /// When the rotation of the current key begins, by the user's policy.
    pub due: Option<Timestamp>,
    /// When the current key is no longer Active, if its consumers move over: the user's `max_age`.
    pub deadline: Option<Timestamp>,
    /// Whether keyrot has changed nothing of this user's yet, as far as it was seen.
    pub unadopted: bool,
    /// What IAM said of the use of those keys that it was asked about.
    pub last_use: BTreeMap<KeyId, LastUse>,
    /// The user's keys, as they were seen last.
    pub keys: Vec<AccessKey>,
    /// What happened.
    pub events: Vec<Event>,
    /// How many calls it took.
    pub calls: usize,
}

/// What a run brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
    /// Each user, by name.
    pub users: Vec<UserResult>,
    /// What could not be told.
    pub notifier_failures: Vec<NotifierFailure>,
}

impl UserResult {
    /// The keys that readers of the secret have moved away from, or should have: those that are Active and older than the current one.
    /// `None` where it is not known which that is, although some key is Active.
    #[must_use]
    pub fn old_keys(&self) -> Option<Vec<&AccessKey>> {
        let active: Vec<&AccessKey> = self.keys.iter().filter(|key| key.status == KeyStatus::Active).collect();
        let current = self.keys.iter().find(|key| Some(&key.id) == self.current.as_ref());
        match current {
            Some(current) => Some(active.into_iter().filter(|key| key.created < current.created).collect()),
            None => active.is_empty().then_some(active),
        }
    }
}

impl UserResult {
    pub(crate) fn is_in_use(&self) -> bool {
        matches!(&self.outcome, Outcome::Waiting(wait) if matches!(wait.why, Why::InUse { .. }))
    }

    pub(crate) fn event(&self, at: Timestamp, kind: EventKind) -> Event {
        Event { at, user: self.user.clone(), owner: self.owner.clone(), secret: self.secret.clone(), kind }
    }

    pub(crate) fn see(&mut self, seen: &Observed, policy: &Policy) {
        self.keys.clone_from(&seen.keys);
        self.keys.sort_by_key(|k| k.created);
        self.last_use.clone_from(&seen.last_use);
        if let SecretState::Present(secret) = &seen.secret {
            self.current = secret.current.as_ref().and_then(|held| held.key().cloned());
            let previous = secret.previous.as_ref().and_then(|held| held.key().cloned());
            let revoked = secret.journal.revoked.iter().map(|r| &r.key);
            self.revoked = revoked.filter(|key| secret.journal.revoked_at(key).is_some()).cloned().collect();
            self.previous = previous.filter(|key| Some(key) != self.current.as_ref());
        }
        let current = self.keys.iter().find(|k| Some(&k.id) == self.current.as_ref());
        self.due = current.map(|k| policy.due_by_age(k.created));
        self.deadline = current.map(|k| policy.deadline(k.created));
        self.unadopted = seen.is_unadopted();
    }
}
