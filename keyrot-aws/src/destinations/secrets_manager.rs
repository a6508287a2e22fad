//! Secrets of Secrets Manager in another region or account, or under names other than the users'
//! homes.
//!
//! A delivery writes a version with the same id as in the home. If there is a version with that id
//! and another value, such as from before a change of the settings, the id gets a suffix that
//! identifies the value: the value of a version never changes (API reference, `PutSecretValue`,
//! parameter `ClientRequestToken`). Then AWSCURRENT moves to the version from the one that had the
//! label when it was read. If another version has the label by then, Secrets Manager refuses the
//! move (API reference, `UpdateSecretVersionStage`, parameter `RemoveFromVersionId`).

use super::about::{About, after_a_write};
use super::digest::digest;
use super::role;
use crate::calls::errors::Failure;
use crate::calls::op::Op;
use crate::calls::retry::{Budget, send};
use crate::calls::time::instant;
use crate::connection::Aws;
use crate::limiter::{Limiter, LimiterSettings};
use crate::secrets_manager::requests::{tag, tag_of};
use crate::secrets_manager::state::{CURRENT, PENDING};
use crate::secrets_manager::value;
use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use keyrot_core::model::{
    Abilities, Delivery, DestinationName, Found, Holds, Mark, Owner, VersionId,
};
use keyrot_core::ports::Destination;
use keyrot_core::settings::SecretCopies;
use keyrot_core::{CallError, ErrorKind};
use zeroize::Zeroizing;

pub(super) struct Secrets {
    name: DestinationName,
    kind: SecretCopies,
    aws: Aws,
    client: Client,
    reads: Limiter,
    writes: Limiter,
}

impl Secrets {
    pub(super) fn new(name: &DestinationName, kind: &SecretCopies, aws: &Aws) -> Self {
        let region = aws_config::Region::new(kind.region.clone());
        let mut config = aws.inner.secrets.config().to_builder().region(region);
        if let Some(role) = &kind.role {
            config.set_credentials_provider(Some(role::credentials(aws, role)));
        }
        Self {
            name: name.clone(),
            kind: kind.clone(),
            aws: aws.clone(),
            client: Client::from_conf(config.build()),
            reads: Limiter::new(LimiterSettings::secret_reads()),
            writes: Limiter::new(LimiterSettings::secret_writes()),
        }
    }

    fn about<'a>(&'a self, place: &'a str) -> About<'a> {
        About { name: &self.name, what: "the secret", place }
    }

    fn read<'a>(&'a self, action: &'static str, place: &str) -> Op<'a> {
        Op::read(action, self.subject(place), &self.reads)
    }

    fn write<'a>(&'a self, action: &'static str, place: &str) -> Op<'a> {
        Op::write(action, self.subject(place), &self.writes)
    }

    fn subject(&self, place: &str) -> String {
        let Self { name, kind: SecretCopies { region, .. }, .. } = self;
        format!("the secret {place} in {region} (destination {name})")
    }

    /// Returns the current version; `None` if there is no secret, or if it has no current version.
    pub(super) async fn current(
        &self,
        place: &str,
        budget: &Budget,
    ) -> Result<Option<GetSecretValueOutput>, CallError> {
        let op = self.read("secretsmanager:GetSecretValue", place);
        let call = self.client.get_secret_value().secret_id(place).version_stage(CURRENT);
        match send(&op, budget, || call.clone().send()).await {
            Ok(answer) => Ok(Some(answer)),
            Err(missing) if missing.is(&["ResourceNotFoundException"]) => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    pub(super) fn found(
        &self,
        place: &str,
        current: &GetSecretValueOutput,
    ) -> Result<Found, CallError> {
        let about = self.about(place);
        let fields = &self.aws.inner.secret.fields;
        let holds = match current.secret_string() {
            Some(text) => value::inside(fields, text).key.map_or(Holds::Other, Holds::Key),
            None => Holds::Other,
        };
        Ok(Found::Copy {
            mark: about.mark(current.version_id().unwrap_or_default())?,
            holds,
            written: current.created_date().and_then(instant),
        })
    }

    /// Whether the secret exists. An error if it is a user's home.
    async fn exists(&self, place: &str, budget: &Budget) -> Result<bool, CallError> {
        let op = self.read("secretsmanager:DescribeSecret", place);
        let call = self.client.describe_secret().secret_id(place);
        let answer = match send(&op, budget, || call.clone().send()).await {
            Ok(answer) => answer,
            Err(missing) if missing.is(&["ResourceNotFoundException"]) => return Ok(false),
            Err(failure) => return Err(failure.into()),
        };
        let about = self.about(place);
        let problem = if tag_of(&answer, Owner::TAG).is_some() {
            "it is a user's home secret, which a delivery would overwrite; set another `to`"
        } else if answer.deleted_date.is_some() {
            "it is scheduled for deletion; restore it (aws secretsmanager restore-secret), or set another `to`"
        } else if answer.primary_region.is_some_and(|primary| primary != self.kind.region) {
            "it is a replica, which only its primary changes; promote it, or set another `to`"
        } else {
            return Ok(true);
        };
        Err(about.refused(ErrorKind::Other, problem))
    }

    async fn create(
        &self,
        place: &str,
        text: &str,
        delivery: &Delivery,
        budget: &Budget,
    ) -> Result<(), CallError> {
        let hidden = delivery.credentials.secret.expose();
        let op = self.write("secretsmanager:CreateSecret", place).hiding(hidden);
        let settings = &self.aws.inner.secret;
        let mut call = self
            .client
            .create_secret()
            .name(place)
            .client_request_token(delivery.version.as_str())
            .secret_string(text)
            .description("Access key of an IAM user, delivered by keyrot")
            .set_kms_key_id(self.kind.kms_key.clone());
        for (key, value) in &settings.tags {
            call = call.tags(tag(key, value));
        }
        match send(&op, budget, || call.clone().send()).await {
            Ok(_) => Ok(()),
            Err(failure) => Err(conflict_if(&["ResourceExistsException"], failure)),
        }
    }

    /// Writes a version with this value, and returns its id.
    async fn put(
        &self,
        place: &str,
        text: &str,
        delivery: &Delivery,
        budget: &Budget,
    ) -> Result<VersionId, CallError> {
        const TAKEN: &[&str] = &["ResourceExistsException"];
        let plain = delivery.version.clone();
        match self.put_under(&plain, place, text, delivery, budget).await {
            Ok(()) => return Ok(plain),
            Err(failure) if failure.is(TAKEN) => {}
            Err(failure) => return Err(failure.into()),
        }
        let other = of_value(delivery, text);
        match self.put_under(&other, place, text, delivery, budget).await {
            Ok(()) => Ok(other),
            Err(failure) => Err(conflict_if(TAKEN, failure)),
        }
    }

    async fn put_under(
        &self,
        version: &VersionId,
        place: &str,
        text: &str,
        delivery: &Delivery,
        budget: &Budget,
    ) -> Result<(), Failure> {
        let hidden = delivery.credentials.secret.expose();
        let op = self.write("secretsmanager:PutSecretValue", place).hiding(hidden);
        let call = self
            .client
            .put_secret_value()
            .secret_id(place)
            .client_request_token(version.as_str())
            .secret_string(text)
            .version_stages(PENDING);
        send(&op, budget, || call.clone().send()).await.map(drop)
    }

    async fn promote(
        &self,
        place: &str,
        version: &VersionId,
        delivery: &Delivery,
        budget: &Budget,
    ) -> Result<(), CallError> {
        let op = self.write("secretsmanager:UpdateSecretVersionStage", place);
        let call = self
            .client
            .update_secret_version_stage()
            .secret_id(place)
            .version_stage(CURRENT)
            .move_to_version_id(version.as_str())
            .set_remove_from_version_id(delivery.replaces.as_ref().map(|m| m.as_str().to_owned()));
        match send(&op, budget, || call.clone().send()).await {
            Ok(_) => Ok(()),
            // Another version has the label.
            Err(failure) => {
                Err(conflict_if(&["InvalidParameterException", "InvalidRequestException"], failure))
            }
        }
    }
}

/// Returns the id of a version with this value, for a secret in which another value has the
/// delivery's version id.
fn of_value(delivery: &Delivery, text: &str) -> VersionId {
    let secret = delivery.credentials.secret.expose();
    let digest = digest(secret, &[delivery.version.as_str(), text]);
    let (first, _) = digest.split_first_chunk().unwrap_or((&[0; 8], &[]));
    delivery.version.with_other_value(u64::from_be_bytes(*first))
}

/// Returns a conflict if the error code says that another process was faster.
fn conflict_if(codes: &[&str], failure: Failure) -> CallError {
    if failure.is(codes) { failure.of_kind(ErrorKind::Conflict) } else { failure.into() }
}

#[async_trait]
impl Destination for Secrets {
    fn abilities(&self) -> Abilities {
        Abilities::READABLE
    }

    async fn inspect(&self, place: &str) -> Result<Found, CallError> {
        let current = self.current(place, &self.aws.budget()).await?;
        current.map_or(Ok(Found::Nothing), |current| self.found(place, &current))
    }

    async fn deliver(&self, place: &str, delivery: &Delivery) -> Result<Found, CallError> {
        let (budget, about) = (self.aws.budget(), self.about(place));
        let exists = self.exists(place, &budget).await?;
        let current = if exists { self.current(place, &budget).await? } else { None };
        let found = current.as_ref().map(|current| self.found(place, current)).transpose()?;
        let mark = found.as_ref().and_then(Found::mark);
        if mark != delivery.replaces.as_ref() {
            return Err(about.conflict(mark, delivery.replaces.as_ref()));
        }
        let text: Zeroizing<String> =
            value::compose(&self.aws.inner.secret.fields, &delivery.credentials, None)
                .unwrap_or_default();
        let is_ours = mark.is_some_and(|mark| {
            [&delivery.version, &of_value(delivery, &text)]
                .iter()
                .any(|id| id.as_str() == mark.as_str())
        });
        let same = current.as_ref().and_then(|it| it.secret_string()) == Some(text.as_str());
        let version = match found {
            Some(found) if is_ours && same => return Ok(found),
            _ if !exists => {
                self.create(place, &text, delivery, &budget).await?;
                delivery.version.clone()
            }
            _ => {
                let version = self.put(place, &text, delivery, &budget).await?;
                // The first version of a secret becomes current automatically.
                let is_first = mark.is_none() && self.current(place, &budget).await?.is_some();
                if !is_first {
                    self.promote(place, &version, delivery, &budget).await?;
                }
                version
            }
        };
        let now = self.current(place, &budget).await.map_err(after_a_write)?;
        let now = now.map(|now| self.found(place, &now)).transpose()?;
        match now {
            Some(Found::Copy { mark, holds, written })
                if mark.as_str() == version.as_str()
                    && holds == Holds::Key(delivery.credentials.key.clone()) =>
            {
                Ok(Found::Copy { mark, holds, written })
            }
            other => {
                let mark = other.as_ref().and_then(Found::mark).map_or("none", Mark::as_str);
                Err(about.overtaken(format!("its current version is {mark}")))
            }
        }
    }
}
