//! Replicas of the users' homes in another region.
//!
//! Secrets Manager copies each new version to a replica by itself, with its id, its labels and the
//! secret's tags. A delivery creates the replica if the home has none in that region, and waits
//! until the replica's current version is the delivered one. A replica refuses every other write
//! (Secrets Manager user guide, "Replicate secrets across Regions"), so a delivery overwrites
//! nothing. Secrets Manager does not replace another secret of the same name, because a delivery
//! never asks for that.

use super::about::{About, after_a_write, now};
use super::secrets_manager::Secrets;
use crate::calls::op::Op;
use crate::calls::retry::{Budget, send};
use crate::connection::Aws;
use crate::error_text::scrub::scrub;
use crate::limiter::{Limiter, LimiterSettings};
use async_trait::async_trait;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use aws_sdk_secretsmanager::types::{ReplicaRegionType, ReplicationStatusType, StatusType};
use keyrot_core::model::{
    Abilities, Arn, Content, Delivery, DestinationName, Found, Holds, KeyId, Mark,
};
use keyrot_core::ports::Destination;
use keyrot_core::settings::{Replicas, SecretCopies};
use keyrot_core::{CallError, Effect, ErrorKind, SecretName, Timestamp};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a delivery waits for a replica, if the call's own limit is not earlier.
const LONGEST_WAIT: Duration = Duration::from_secs(25);
const BETWEEN_READS: Duration = Duration::from_secs(1);
/// How long a replication that was started again may still have its earlier state.
const SETTLES: Duration = Duration::from_secs(5);
/// A replica without a key that is older than this is a failure. Usually, it takes seconds.
const LONGEST: Duration = Duration::from_secs(3600);

pub(super) struct ReplicaSecrets {
    name: DestinationName,
    kind: Replicas,
    aws: Aws,
    /// The secrets in the replicas' region.
    there: Secrets,
    writes: Limiter,
}

/// What is known about a replica.
struct Seen {
    /// The state of the replication, if the home is replicated to the region.
    replication: Option<ReplicationStatusType>,
    /// The replica's current version.
    current: Option<GetSecretValueOutput>,
}

impl ReplicaSecrets {
    pub(super) fn new(name: &DestinationName, kind: &Replicas, aws: &Aws) -> Self {
        let Replicas { region, kms_key } = kind.clone();
        Self {
            name: name.clone(),
            kind: kind.clone(),
            aws: aws.clone(),
            there: Secrets::new(name, &SecretCopies { region, kms_key, role: None }, aws),
            writes: Limiter::new(LimiterSettings::secret_writes()),
        }
    }

    fn about<'a>(&'a self, place: &'a str) -> About<'a> {
        About { name: &self.name, what: "the replica", place }
    }

    /// Reads the home, and the replica if there is one. An error if another secret has its place.
    async fn read(&self, place: &str, budget: &Budget) -> Result<Seen, CallError> {
        let home = SecretName::parse(place)
            .map_err(|error| self.about(place).refused(ErrorKind::Other, error))?;
        let answer = match self.aws.described(&home, budget).await {
            Ok(answer) => answer,
            Err(missing) if missing.is(&["ResourceNotFoundException"]) => return Ok(Seen::NOTHING),
            Err(failure) => return Err(failure.into()),
        };
        let mut all = answer.replication_status.into_iter().flatten();
        let replication = all.find(|one| one.region.as_deref() == Some(&*self.kind.region));
        // If the home is not replicated there, Secrets Manager refuses to replace a secret of that
        // name with a replica.
        let Some(replication) = replication else { return Ok(Seen::NOTHING) };
        let current = self.there.current(place, budget).await?;
        // The ARNs of a secret and its replicas differ only in the region.
        let of = |arn: Option<&str>| {
            arn.and_then(Arn::parse).map(|arn| (arn.account.to_owned(), arn.resource.to_owned()))
        };
        let home = of(answer.arn.as_deref());
        let is_other = |there: &GetSecretValueOutput| home.is_none() || of(there.arn()) != home;
        if current.as_ref().is_some_and(is_other) {
            let said = format!(
                "{} has another secret of this name, which keyrot does not overwrite; \
                 remove that one, or use kind secrets_manager to deliver copies there under another name",
                self.kind.region
            );
            return Err(self.about(place).refused(ErrorKind::Other, said));
        }
        Ok(Seen { replication: Some(replication), current })
    }

    fn found(&self, place: &str, seen: &Seen) -> Result<Found, CallError> {
        let found = seen.current.as_ref().map(|current| self.there.found(place, current));
        found.unwrap_or(Ok(Found::Nothing))
    }

    /// Creates the replica, or starts a replication that has failed again.
    async fn replicate(&self, place: &str, budget: &Budget) -> Result<(), CallError> {
        let Self { name, kind: Replicas { region, kms_key }, .. } = self;
        let subject = format!("the secret {place} to {region} (destination {name})");
        let op = Op::write("secretsmanager:ReplicateSecretToRegions", subject, &self.writes);
        let to = ReplicaRegionType::builder().region(region).set_kms_key_id(kms_key.clone());
        let secrets = &self.aws.inner.secrets;
        let call = secrets.replicate_secret_to_regions().secret_id(place);
        let call = call.add_replica_regions(to.build()).force_overwrite_replica_secret(false);
        send(&op, budget, || call.clone().send()).await?;
        Ok(())
    }

    /// Returns the error for a replica that does not have the delivered version yet.
    fn behind(&self, place: &str, seen: &Seen, delivery: &Delivery) -> CallError {
        let current = seen.current.as_ref().and_then(GetSecretValueOutput::version_id);
        let status = seen.replication.as_ref().and_then(|one| one.status.as_ref());
        let said = format!(
            "its current version is {} (replication: {})",
            current.unwrap_or("none"),
            status.map_or("not started", StatusType::as_str)
        );
        let since = match Content::of(&delivery.version) {
            Content::Key { created, .. } => Some(created),
            _ => None,
        };
        let age = |since: Timestamp| (now(&self.aws) - since).to_std().unwrap_or_default();
        let kind = match since.map(age) {
            Some(age) if age < LONGEST => ErrorKind::InProgress,
            _ => ErrorKind::Unavailable,
        };
        self.about(place).error(kind, Effect::Unknown, said)
    }
}

impl Seen {
    /// The home is not replicated to the region.
    const NOTHING: Self = Self { replication: None, current: None };

    /// Returns why the replication has failed, if it has.
    fn failure(&self) -> Option<String> {
        let replication = self.replication.as_ref()?;
        let failed = replication.status == Some(StatusType::Failed);
        failed.then(|| scrub(replication.status_message().unwrap_or("AWS gives no reason"), &[]))
    }
}

/// Whether the place has this version with this key.
fn has(found: &Found, version: &str, key: &KeyId) -> bool {
    found.mark().map(Mark::as_str) == Some(version)
        && matches!(found, Found::Copy { holds: Holds::Key(held), .. } if held == key)
}

#[async_trait]
impl Destination for ReplicaSecrets {
    fn abilities(&self) -> Abilities {
        Abilities::READABLE
    }

    async fn inspect(&self, place: &str) -> Result<Found, CallError> {
        let seen = self.read(place, &self.aws.budget()).await?;
        self.found(place, &seen)
    }

    async fn deliver(&self, place: &str, delivery: &Delivery) -> Result<Found, CallError> {
        let budget = self.aws.budget();
        let end = (Instant::now() + LONGEST_WAIT).min(budget.last_start());
        let mut seen = self.read(place, &budget).await?;
        let done = |found: &Found| has(found, delivery.version.as_str(), &delivery.credentials.key);
        let mut wrote: Option<Instant> = None;
        loop {
            let found = self.found(place, &seen)?;
            if done(&found) {
                return Ok(found);
            }
            match seen.failure() {
                Some(why) if wrote.is_some_and(|at| at.elapsed() > SETTLES) => {
                    let said =
                        format!("Secrets Manager did not replicate the user's secret: {why}");
                    return Err(self.about(place).error(ErrorKind::Other, Effect::Unknown, said));
                }
                _ if wrote.is_some() => {}
                None if seen.replication.is_some() => {}
                Some(_) | None => {
                    self.replicate(place, &budget).await?;
                    wrote = Some(Instant::now());
                }
            }
            if Instant::now() + BETWEEN_READS > end {
                return Err(self.behind(place, &seen, delivery));
            }
            sleep(BETWEEN_READS).await;
            seen = self.read(place, &budget).await.map_err(after_a_write)?;
        }
    }
}
