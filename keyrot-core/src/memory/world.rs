//! The account as plain data.

use super::shared::Shared;
use crate::memory::destination::MemoryDestination;
use crate::memory::rules::{Refusal, Rules};
use crate::memory::secret::MemorySecret;
use crate::memory::trailed::Trail;
use crate::memory::user::MemoryUser;
use crate::model::error::CallError;
use crate::model::home::{Owner, SecretArn};
use crate::model::names::{DestinationName, SecretName, UserName};
use crate::model::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// An AWS account: users, keys, secrets, and its own clock.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct World {
    /// How the account differs from an ideal one.
    pub rules: Rules,
    pub(super) now: Timestamp,
    pub(super) account: Shared<String>,
    /// The region to which calls to Secrets Manager go.
    pub(super) region: Shared<String>,
    pub(super) keys_made: u64,
    #[serde(default)]
    pub(super) users_made: u64,
    pub(super) users: Shared<BTreeMap<UserName, MemoryUser>>,
    /// The secrets, by region.
    pub(super) secrets: Shared<BTreeMap<String, BTreeMap<SecretName, MemorySecret>>>,
    #[serde(default)]
    pub(super) trail: Shared<Trail>,
    #[serde(default)]
    pub(super) destinations: Shared<BTreeMap<DestinationName, MemoryDestination>>,
}

impl From<Refusal> for CallError {
    fn from(refusal: Refusal) -> Self {
        Self::refused(refusal.kind, refusal.to_string())
            .with_aws_code(Some(refusal.code.to_owned()))
    }
}

impl World {
    /// Returns an empty account at this time.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self {
            rules: Rules::default(),
            now,
            account: Shared::new("123456789012".into()),
            region: Shared::new("us-east-1".into()),
            keys_made: 0,
            users_made: 0,
            users: Shared::default(),
            secrets: Shared::default(),
            trail: Shared::default(),
            destinations: Shared::default(),
        }
    }

    /// Returns the time of the account's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Returns the account's number.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Moves the clock forward.
    pub fn advance(&mut self, time: Duration) {
        self.now = crate::model::waits::after(self.now, time);
    }

    /// Returns all users.
    pub fn users(&self) -> impl Iterator<Item = &MemoryUser> {
        self.users.values()
    }

    /// Returns one user.
    #[must_use]
    pub fn user(&self, name: &UserName) -> Option<&MemoryUser> {
        self.users.get(name)
    }

    /// Returns the region to which calls to Secrets Manager go: `us-east-1` by default.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Sends calls to Secrets Manager to this region from now on. IAM has no region.
    pub fn set_region(&mut self, region: impl AsRef<str>) {
        if *self.region != region.as_ref() {
            self.region = Shared::new(region.as_ref().to_owned());
        }
    }

    /// Moves the region's secrets to another region, for an account that was created before its
    /// region was set.
    pub fn relocate(&mut self, region: &str) {
        if let Some(secrets) = self.secrets.remove(&*self.region) {
            self.secrets.entry(region.to_owned()).or_default().extend(secrets);
        }
        self.set_region(region);
    }

    /// Returns a secret of the region.
    #[must_use]
    pub fn secret(&self, name: &SecretName) -> Option<&MemorySecret> {
        self.secret_in(&self.region, name)
    }

    /// Returns a secret of any region.
    #[must_use]
    pub fn secret_in(&self, region: &str, name: &SecretName) -> Option<&MemorySecret> {
        self.secrets.get(region)?.get(name)
    }

    /// Returns all secrets of the region.
    pub fn secrets(&self) -> impl Iterator<Item = (&SecretName, &MemorySecret)> {
        self.secrets.get(&*self.region).into_iter().flatten()
    }

    /// Returns the secrets of all regions that name this user by its unique id, each with the place
    /// to which the user's home was moved from there.
    pub fn homes(&self, owner: &Owner) -> impl Iterator<Item = (SecretArn, Option<SecretArn>)> {
        let secrets =
            self.secrets.iter().flat_map(|(region, all)| all.iter().map(move |one| (region, one)));
        let theirs =
            move |secret: &MemorySecret| secret.owner().is_some_and(|bound| bound.is(owner));
        secrets.filter(move |(_, (_, secret))| theirs(secret)).map(|(region, (name, secret))| {
            (self.secret_arn(region, name, secret), secret.moved_to())
        })
    }
}
