//! The results of a run.

use crate::decide::decision::Why;
use crate::decide::destinations::{DestinationState, destinations};
use crate::engine::notifier_error::NotifierError;
use crate::machine::event::{Event, EventKind};
use crate::machine::outcome::Outcome;
use crate::model::deployer::Deployer;
use crate::model::names::{KeyId, SecretName, UserName};
use crate::model::observed::{AccessKey, KeyStatus, LastUse, Observed, SecretState};
use crate::model::subject::Subject;
use crate::model::time::Timestamp;
use crate::model::waits::{WaitPolicy, after};
use serde::Serialize;
use std::collections::BTreeMap;

/// A run's result for one user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UserResult {
    /// The user.
    pub user: UserName,
    /// The user's owner.
    pub owner: Option<String>,
    /// The user's secret.
    pub secret: SecretName,
    /// The region of the secret, if it is known.
    pub region: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// The key under AWSCURRENT, if it was read.
    pub current: Option<KeyId>,
    /// The key under AWSPREVIOUS, if it was read, whether or not it still exists.
    pub previous: Option<KeyId>,
    /// The keys that an operator revoked, if this was read.
    pub revoked: Vec<KeyId>,
    /// When the rotation of the current key begins, by the user's policy. `None` with Secrets
    /// Manager's own rotation: its schedule decides.
    pub due: Option<Timestamp>,
    /// When the current key is no longer Active, if its consumers move: the user's `max_age`.
    pub deadline: Option<Timestamp>,
    /// The tool that also deploys the user or its secret, if their tags show one.
    pub deployed_by: Option<Deployer>,
    /// Whether keyrot has not changed this user yet, according to what was read.
    pub unadopted: bool,
    /// IAM's last use of each key for which it was read.
    pub last_use: BTreeMap<KeyId, LastUse>,
    /// The keys that were used within `recent_use`.
    pub in_use: Vec<KeyId>,
    /// The user's keys, as they were last read.
    pub keys: Vec<AccessKey>,
    /// The destinations of the key and their states.
    pub destinations: Vec<DestinationState>,
    /// What happened.
    pub events: Vec<Event>,
    /// The number of calls.
    pub calls: usize,
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
    /// Each user, by name.
    pub users: Vec<UserResult>,
    /// The notifiers that failed.
    pub notifier_failures: Vec<NotifierFailure>,
}

impl UserResult {
    /// Returns a result that has only an outcome. Set the other fields as needed.
    #[must_use]
    pub fn new(user: UserName, secret: SecretName, outcome: Outcome) -> Self {
        Self {
            user,
            owner: None,
            secret,
            region: None,
            outcome,
            current: None,
            previous: None,
            revoked: Vec::new(),
            due: None,
            deadline: None,
            deployed_by: None,
            unadopted: false,
            last_use: BTreeMap::new(),
            in_use: Vec::new(),
            keys: Vec::new(),
            destinations: Vec::new(),
            events: Vec::new(),
            calls: 0,
        }
    }

    /// Returns the keys that the secret's readers have moved away from, or should have: the Active
    /// keys that are older than the current one. `None` if the current one is unknown although some
    /// key is Active.
    #[must_use]
    pub fn old_keys(&self) -> Option<Vec<&AccessKey>> {
        let active: Vec<&AccessKey> =
            self.keys.iter().filter(|key| key.status == KeyStatus::Active).collect();
        let current = self.keys.iter().find(|key| Some(&key.id) == self.current.as_ref());
        match current {
            Some(current) => {
                Some(active.into_iter().filter(|key| key.created < current.created).collect())
            }
            None => active.is_empty().then_some(active),
        }
    }
}

impl Report {
    /// Returns the report of a run with these results, without notifier failures.
    #[must_use]
    pub fn new(started: Timestamp, finished: Timestamp, users: Vec<UserResult>) -> Self {
        Self { started, finished, users, notifier_failures: Vec::new() }
    }
}

impl UserResult {
    /// Returns the result for a user whose state was not read.
    pub(crate) fn unread(subject: &Subject, outcome: Outcome) -> Self {
        let owner = subject.owner.clone();
        let deployed_by = subject.deployed_by.clone();
        let destinations =
            subject.destinations.iter().cloned().map(DestinationState::unread).collect();
        Self {
            owner,
            region: Some(subject.region.clone()),
            deployed_by,
            destinations,
            ..Self::new(subject.user.clone(), subject.secret.clone(), outcome)
        }
    }

    pub(crate) fn is_in_use(&self) -> bool {
        matches!(&self.outcome, Outcome::Waiting(wait) if matches!(wait.why, Why::InUse { .. }))
    }

    pub(crate) fn event(&self, at: Timestamp, kind: EventKind) -> Event {
        Event {
            at,
            user: self.user.clone(),
            owner: self.owner.clone(),
            secret: self.secret.clone(),
            kind,
        }
    }

    /// Uses what IAM lists, if nothing else was read.
    pub(crate) fn list(&mut self, keys: Vec<AccessKey>) {
        self.calls = 1;
        self.keys = keys;
        self.keys.sort_by_key(|key| key.created);
    }

    pub(crate) fn see(&mut self, seen: &Observed, policy: &WaitPolicy, now: Timestamp) {
        self.destinations = destinations(seen, policy, now);
        self.keys.clone_from(&seen.keys);
        self.keys.sort_by_key(|k| k.created);
        self.last_use.clone_from(&seen.last_use);
        let recent = |used: &LastUse| matches!(used, LastUse::At { when, .. } if now < after(*when, policy.waits().recent_use));
        let in_use = seen.last_use.iter().filter(|(_, used)| recent(used));
        self.in_use = in_use.map(|(key, _)| key.clone()).collect();
        if let SecretState::Present(secret) = &seen.secret {
            self.current = secret.current.as_ref().and_then(|held| held.key().cloned());
            let previous = secret.previous.as_ref().and_then(|held| held.key().cloned());
            let revoked = secret.journal.revoked.iter().map(|r| &r.key);
            self.revoked =
                revoked.filter(|key| secret.journal.revoked_at(key).is_some()).cloned().collect();
            self.deployed_by = self.deployed_by.take().or_else(|| secret.deployed_by.clone());
            self.previous = previous.filter(|key| Some(key) != self.current.as_ref());
        }
        let current = self.keys.iter().find(|k| Some(&k.id) == self.current.as_ref());
        // With Secrets Manager's own rotation, its schedule decides.
        let own = !matches!(&seen.secret, SecretState::Present(secret) if secret.rotation_enabled);
        let current = current.filter(|_| own);
        self.due = current.map(|k| policy.due_by_age(k.created));
        self.deadline = current.map(|k| policy.deadline(k.created));
        self.unadopted = seen.is_unadopted();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, key};

    #[test]
    fn an_old_key_is_active_and_older_than_the_current_one() {
        let listed = |name: &str, made: i64, status: KeyStatus| AccessKey {
            id: key(name),
            status,
            created: at(made),
        };
        let active = |name: &str, made: i64| listed(name, made, KeyStatus::Active);
        let standing = |current: Option<&str>, keys: Vec<AccessKey>| {
            let (user, secret) =
                ("ci".parse().expect("a name"), "/iam/ci/access_key".parse().expect("a name"));
            UserResult {
                current: current.map(key),
                keys,
                ..UserResult::new(user, secret, Outcome::Done)
            }
        };
        let old = |current: Option<&str>, keys: Vec<AccessKey>| -> Option<Vec<KeyId>> {
            Some(
                standing(current, keys).old_keys()?.into_iter().map(|old| old.id.clone()).collect(),
            )
        };
        let both = || vec![active("A", -9), active("B", 0)];
        assert_eq!(old(Some("B"), both()), Some(vec![key("A")]));
        assert_eq!(
            old(Some("A"), both()),
            Some(vec![]),
            "rolled back, or the other is only staged"
        );
        assert_eq!(
            old(Some("B"), vec![listed("A", -9, KeyStatus::Inactive), active("B", 0)]),
            Some(vec![])
        );
        // No key is published, or the published one does not exist: any of the Active ones may be
        // in use.
        assert_eq!(old(None, both()), None);
        assert_eq!(old(Some("C"), both()), None);
        assert_eq!(old(None, vec![listed("A", -9, KeyStatus::Inactive)]), Some(vec![]));
        assert_eq!(old(None, Vec::new()), Some(vec![]));
    }
}

/// A notifier that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NotifierFailure {
    /// The notifier's name.
    pub notifier: String,
    /// The number of events that were not reported; for a summary, all events of the run.
    pub untold: usize,
    /// The reason.
    pub reason: NotifierError,
}
