//! Secrets Manager as the secret store.
//!
//! It needs few permissions: a value is read only to verify a version that another run staged, to
//! inspect a version that something else wrote, and to carry over its other fields. Each such
//! request names the version and a staging label, so that a policy may limit
//! `secretsmanager:GetSecretValue` by `secretsmanager:VersionStage` to AWSPENDING, or to AWSPENDING
//! and AWSCURRENT if existing secrets are adopted. The most likely label comes first. If the
//! version has another label, Secrets Manager refuses the pair, and the next label is tried. A
//! version is never read by its id alone.

use crate::calls::errors::Failure;
use crate::calls::errors::wording::is_scheduled_for_deletion;
use crate::calls::op::Op;
use crate::calls::pages::next_marker;
use crate::calls::retry::send;
use crate::calls::time::instant;
use crate::connection::Aws;
use crate::secrets_manager::requests::{named, tag, tag_of};
use crate::secrets_manager::state::{CURRENT, PENDING, PREVIOUS, TEST_WRITE, state};
use crate::secrets_manager::value::{self, PLACEHOLDER};
use async_trait::async_trait;
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use keyrot_core::model::{
    Arn, Content, Difference, JournalEntry, Owner, SecretArn, SecretState, StoredVersion,
    VersionContents, VersionId,
};
use keyrot_core::{CallError, Credentials, ErrorKind, SecretName, SecretStorePort};

/// The largest page of version ids (Secrets Manager API reference, `ListSecretVersionIds`,
/// parameter `MaxResults`).
const PAGE: i32 = 100;
/// The limit on pages: Secrets Manager keeps unlabeled versions for a day, and a hundred beyond
/// that.
const MOST_PAGES: usize = 1_000;

#[async_trait]
impl SecretStorePort for Aws {
    async fn describe(&self, secret: &SecretName) -> Result<SecretState, CallError> {
        match self.described(secret, &self.budget()).await {
            Ok(answer) => {
                self.note_replicas(secret, &answer);
                state(&self.describing(secret), &self.inner.region, &answer)
            }
            Err(missing) if missing.is(&["ResourceNotFoundException"]) => Ok(SecretState::Missing),
            Err(failure) => Err(failure.into()),
        }
    }

    async fn create(
        &self,
        secret: &SecretName,
        owner: &Owner,
        placeholder: &VersionId,
    ) -> Result<SecretArn, CallError> {
        let op = Op::write(
            "secretsmanager:CreateSecret",
            named(secret),
            &self.inner.limits.secret_creates,
        );
        let budget = self.budget();
        let settings = &self.inner.secret;
        let mut call = self
            .inner
            .secrets
            .create_secret()
            .name(secret.as_str())
            .client_request_token(placeholder.as_str())
            .secret_string(PLACEHOLDER)
            .set_description(settings.description.clone())
            .set_kms_key_id(settings.kms_key.clone())
            .tags(tag(Owner::TAG, &owner.to_text()));
        for (key, value) in &settings.tags {
            call = call.tags(tag(key, value));
        }
        let answer = match send(&op, &budget, || call.clone().send()).await {
            Ok(answer) => answer,
            Err(failure) if taken(&failure) => return Err(failure.of_kind(ErrorKind::Conflict)),
            Err(failure) => return Err(failure.into()),
        };
        let arn = SecretArn::parse(answer.arn.unwrap_or_default())
            .map_err(|e| lost(op.malformed_response(&e.to_string())))?;
        // Secrets Manager uses the token as the version's id. In an AWS-compatible service that
        // does not, the version is written again under its id.
        if let Some(Ok(made)) = answer.version_id.map(VersionId::parse)
            && made != *placeholder
        {
            self.put(secret, placeholder, PLACEHOLDER, &budget).await?;
            self.label_current(secret, Some(&made), placeholder, &budget).await?;
            self.unlabel_pending(secret, placeholder, &budget).await?;
        }
        Ok(arn)
    }

    async fn bind(&self, secret: &SecretName, owner: &Owner) -> Result<(), CallError> {
        self.tag_secret(secret, Owner::TAG, &owner.to_text()).await
    }

    async fn elsewhere(
        &self,
        secret: &SecretName,
        owner: &Owner,
    ) -> Result<Vec<SecretArn>, CallError> {
        let mut homes = Vec::new();
        for (region, client) in &self.inner.further {
            let subject = format!("{} in {region}", named(secret));
            let op =
                Op::read("secretsmanager:DescribeSecret", subject, &self.inner.limits.secret_reads);
            let call = client.describe_secret().secret_id(secret.as_str());
            match send(&op, &self.budget(), || call.clone().send()).await {
                // A secret that is scheduled for deletion may be restored.
                Ok(answer) if bound_to(&answer, owner) => {
                    // A secret that the user moved away from names the new home.
                    let left = tag_of(&answer, JournalEntry::MOVED_TO)
                        .and_then(|to| SecretArn::parse(to).ok());
                    // A replica has its primary's tags, and is no home of its own.
                    let arn = || SecretArn::parse(of_primary(&answer));
                    homes.push(
                        left.map_or_else(arn, Ok)
                            .map_err(|e| op.malformed_response(&e.to_string()))?,
                    );
                }
                Ok(_) => {}
                Err(missing) if missing.is(&["ResourceNotFoundException"]) => {}
                Err(failure) => return Err(failure.into()),
            }
        }
        Ok(homes)
    }

    async fn differences(&self, secret: &SecretName) -> Result<Vec<Difference>, CallError> {
        let budget = self.budget();
        let answer = self.described(secret, &budget).await?;
        let mut differences = Vec::new();
        differences
            .extend(other_key(answer.kms_key_id.as_deref(), self.inner.secret.kms_key.as_deref()));
        differences.extend(
            answer
                .owning_service
                .filter(|service| !service.is_empty())
                .map(Difference::OwningService),
        );
        let replicas: Vec<String> = answer
            .replication_status
            .unwrap_or_default()
            .into_iter()
            .filter_map(|r| r.region)
            .collect();
        if !replicas.is_empty() {
            differences.push(Difference::Replicas(replicas));
        }
        let op = Op::read(
            "secretsmanager:GetResourcePolicy",
            named(secret),
            &self.inner.limits.secret_lists,
        );
        let call = self.inner.secrets.get_resource_policy().secret_id(secret.as_str());
        let policy = send(&op, &budget, || call.clone().send()).await?.resource_policy;
        if policy.is_some_and(|policy| !policy.trim().is_empty()) {
            differences.push(Difference::ResourcePolicy);
        }
        Ok(differences)
    }

    async fn put_placeholder(
        &self,
        secret: &SecretName,
        placeholder: &VersionId,
    ) -> Result<(), CallError> {
        let budget = self.budget();
        if let Some(held) = self.current(secret, &budget).await?
            && held != *placeholder
        {
            return Err(occupied(secret, &held));
        }
        // The label is AWSPENDING, so that a current version that the secret gets in this instant
        // stays. A first version gets AWSCURRENT as well.
        self.put(secret, placeholder, PLACEHOLDER, &budget).await?;
        let held = self.current(secret, &budget).await;
        let put = match held {
            Ok(Some(held)) if held == *placeholder => Ok(()),
            Ok(Some(held)) => Err(occupied(secret, &held)),
            Ok(None) => self.label_current(secret, None, placeholder, &budget).await,
            Err(error) => Err(lost(error)),
        };
        // The label is no longer needed; if it stays, it means nothing next to AWSCURRENT.
        let _ = self.unlabel_pending(secret, placeholder, &budget).await;
        put
    }

    async fn test_write(&self, secret: &SecretName, version: &VersionId) -> Result<(), CallError> {
        self.put_under(TEST_WRITE, secret, version, (value::TEST_WRITE, ""), &self.budget()).await
    }

    async fn stage_placeholder(
        &self,
        secret: &SecretName,
        placeholder: &VersionId,
    ) -> Result<(), CallError> {
        self.put(secret, placeholder, PLACEHOLDER, &self.budget()).await
    }

    async fn write_note(&self, secret: &SecretName, note: &JournalEntry) -> Result<(), CallError> {
        self.tag_secret(secret, &note.tag(), &note.to_text()).await
    }

    async fn inspect_version(
        &self,
        secret: &SecretName,
        version: &VersionId,
    ) -> Result<Option<VersionContents>, CallError> {
        let budget = self.budget();
        let value = match self.value(secret, version, [CURRENT, PENDING, PREVIOUS], &budget).await {
            // A version that Secrets Manager created for its rotation function is listed, but has
            // no value.
            Err(missing) if missing.kind == ErrorKind::NotFound => {
                let answer = self.described(secret, &budget).await?;
                let labels =
                    answer.version_ids_to_stages.as_ref().and_then(|all| all.get(version.as_str()));
                let awaited =
                    labels.is_some_and(|labels| labels.iter().any(|label| label == PENDING));
                return if awaited { Ok(None) } else { Err(missing) };
            }
            value => value?,
        };
        Ok(Some(
            value.map_or(value::BINARY, |text| value::inside(&self.inner.secret.fields, &text)),
        ))
    }

    async fn versions(&self, secret: &SecretName) -> Result<Vec<StoredVersion>, CallError> {
        let op = Op::read(
            "secretsmanager:ListSecretVersionIds",
            named(secret),
            &self.inner.limits.secret_lists,
        );
        let budget = self.budget();
        let mut versions = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let call = self.inner.secrets.list_secret_version_ids().secret_id(secret.as_str());
            let call =
                call.include_deprecated(true).max_results(PAGE).set_next_token(token.clone());
            let page = send(&op, &budget, || call.clone().send()).await?;
            let stored = page.versions.unwrap_or_default().into_iter().filter_map(|version| {
                // keyrot did not write an id that is invalid for the type, so it says nothing.
                let id = VersionId::parse(version.version_id?).ok()?;
                Some(StoredVersion { id, created: version.created_date.as_ref().and_then(instant) })
            });
            versions.extend(stored);
            let next = page.next_token.filter(|next| !next.is_empty());
            token = match next_marker(&op, next.is_some(), next, token.as_deref())? {
                Some(next) => Some(next),
                None => return Ok(versions),
            };
        }
        Err(op.malformed_response("the list of versions does not end"))
    }

    async fn stage(
        &self,
        secret: &SecretName,
        version: &VersionId,
        credentials: &Credentials,
        carry: Option<VersionId>,
    ) -> Result<(), CallError> {
        let budget = self.budget();
        let carried = match &carry {
            None => None,
            Some(from) => {
                let text = self.value(secret, from, [CURRENT, PENDING, PREVIOUS], &budget).await?;
                Some(text.ok_or_else(|| no_object(secret, from))?)
            }
        };
        let text = value::compose(
            &self.inner.secret.fields,
            credentials,
            carried.as_ref().map(|t| t.as_str()),
        );
        let text = match (text, carry) {
            (Some(text), _) => text,
            (None, Some(from)) => return Err(no_object(secret, &from)),
            (None, None) => return Err(no_object(secret, version)),
        };
        self.put_hiding(secret, version, &text, credentials.secret.expose(), &budget).await
    }

    async fn read(
        &self,
        secret: &SecretName,
        version: &VersionId,
    ) -> Result<Option<Credentials>, CallError> {
        // keyrot's own versions are read while they are staged, and those that something else wrote
        // while they are current.
        let foreign = Content::of(version).is_foreign();
        let labels =
            if foreign { [CURRENT, PENDING, PREVIOUS] } else { [PENDING, CURRENT, PREVIOUS] };
        let value = self.value(secret, version, labels, &self.budget()).await?;
        Ok(value.and_then(|text| value::credentials(&self.inner.secret.fields, &text)))
    }

    async fn promote(
        &self,
        secret: &SecretName,
        from: &VersionId,
        to: &VersionId,
    ) -> Result<(), CallError> {
        let budget = self.budget();
        self.label_current(secret, Some(from), to, &budget).await?;
        self.await_replicas(secret, &budget).await;
        Ok(())
    }

    async fn unstage(&self, secret: &SecretName, version: &VersionId) -> Result<(), CallError> {
        self.unlabel_pending(secret, version, &self.budget()).await
    }
}

fn bound_to(answer: &DescribeSecretOutput, owner: &Owner) -> bool {
    tag_of(answer, Owner::TAG).and_then(Owner::parse).is_some_and(|bound| bound.is(owner))
}

/// Returns the ARN of the secret, or of its primary if it is a replica. They differ only in the
/// region (Secrets Manager user guide, "Replicate secrets across Regions").
fn of_primary(answer: &DescribeSecretOutput) -> String {
    let arn = answer.arn.as_deref().unwrap_or_default();
    match (Arn::parse(arn), answer.primary_region.as_deref()) {
        (Some(there), Some(primary)) => {
            let Arn { partition, service, account, resource, .. } = there;
            format!("arn:{partition}:{service}:{primary}:{account}:{resource}")
        }
        _ => arn.to_owned(),
    }
}

/// Whether the secret's KMS key differs from the settings' key. `DescribeSecret` omits the
/// account's own key, and returns others by id or ARN, or by an alias if one was given (Secrets
/// Manager API reference, `DescribeSecret`, element `KmsKeyId`).
fn other_key(found: Option<&str>, expected: Option<&str>) -> Option<Difference> {
    const OWN: &str = "aws/secretsmanager";
    let short = |key: &str| {
        let key = Arn::parse(key).map_or(key, |arn| arn.resource);
        key.trim_start_matches("alias/").trim_start_matches("key/").to_owned()
    };
    let found = found.filter(|key| !key.is_empty()).map_or_else(|| OWN.to_owned(), short);
    let expected = expected.map_or_else(|| OWN.to_owned(), short);
    (found != expected).then_some(Difference::KmsKey { found, expected })
}

/// Whether a secret of that name exists, even if it is scheduled for deletion.
fn taken(failure: &Failure) -> bool {
    failure.is(&["ResourceExistsException"])
        || failure.is(&["InvalidRequestException"]) && is_scheduled_for_deletion(&failure.detail)
}

fn occupied(secret: &SecretName, held: &VersionId) -> CallError {
    let message = format!(
        "{} has version {held} under {CURRENT} by now: no placeholder is put into it",
        named(secret)
    );
    CallError::refused(ErrorKind::Conflict, message)
}

fn no_object(secret: &SecretName, version: &VersionId) -> CallError {
    let message = format!(
        "version {version} of {} is not a JSON object that names each field once, so its further fields cannot be carried into the next version",
        named(secret)
    );
    CallError::refused(ErrorKind::Other, message)
}

/// Returns the error for a read that failed after a write: the outcome of the write is unknown.
fn lost(mut error: CallError) -> CallError {
    error.effect = keyrot_core::Effect::Unknown;
    error
}
