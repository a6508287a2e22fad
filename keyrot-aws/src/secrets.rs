//! Secrets Manager as the secret store.
//!
//! What a policy has to allow is kept small: a value is read only to prove a staged version of another run, to look into a version that
//! somebody else wrote, and to carry its further fields along. Each such request names the version, and the staging label that it most
//! likely stands under, so that a policy may limit `secretsmanager:GetSecretValue` by `secretsmanager:VersionStage` to AWSPENDING, or to
//! AWSPENDING and AWSCURRENT where secrets of others are adopted. If the label stands elsewhere, Secrets Manager refuses the pair, and the
//! version is asked for by its id alone.

use crate::calls::{Budget, send};
use crate::connect::Aws;
use crate::errors::Failure;
use crate::op::Op;
use crate::pages::next_marker;
use crate::secret_state::{CURRENT, PENDING, PREVIOUS, TEST_WRITE, replicas_behind, state};
use crate::time::instant;
use crate::value::{self, PLACEHOLDER};
use async_trait::async_trait;
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::Tag;
use keyrot_core::model::{
    Content, Difference, JournalEntry, Owner, SecretArn, SecretState, StoredVersion, VersionContents, VersionId,
};
use keyrot_core::{CallError, Credentials, ErrorKind, SecretName, SecretStorePort};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

/// How long a promotion waits for the secret's replicas. They follow on their own; `overlap` outlasts them many times.
const REPLICAS: Duration = Duration::from_secs(20);
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// The largest page of version ids (Secrets Manager API reference, `ListSecretVersionIds`, parameter `MaxResults`).
const PAGE: i32 = 100;
/// Unlabelled versions are kept a day, and a hundred beyond that; nobody makes a hundred thousand a day.
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
        let op = Op::write("secretsmanager:CreateSecret", named(secret), &self.inner.limits.secret_creates);
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
        // Secrets Manager takes the token for the version's id. A look-alike that does not is brought to it.
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
        let subject = format!("{} ({})", named(secret), Owner::TAG);
        let op = Op::write("secretsmanager:TagResource", subject, &self.inner.limits.secret_tags);
        let call = self.inner.secrets.tag_resource().secret_id(secret.as_str()).tags(tag(Owner::TAG, &owner.to_text()));
        send(&op, &self.budget(), || call.clone().send()).await?;
        Ok(())
    }

    async fn elsewhere(&self, secret: &SecretName, owner: &Owner) -> Result<Vec<SecretArn>, CallError> {
        let mut homes = Vec::new();
        for (region, client) in &self.inner.further {
            let subject = format!("{} in {region}", named(secret));
            let op = Op::read("secretsmanager:DescribeSecret", subject, &self.inner.limits.secret_reads);
            let call = client.describe_secret().secret_id(secret.as_str());
            match send(&op, &self.budget(), || call.clone().send()).await {
                // One that is to be deleted may be restored.
                Ok(answer) if bound_to(&answer, owner) => {
                    // One that was left says where the home is.
                    let left = tag_of(&answer, JournalEntry::MOVED_TO).and_then(|to| SecretArn::parse(to).ok());
                    let arn = || SecretArn::parse(answer.arn.as_deref().unwrap_or_default());
                    homes.push(left.map_or_else(arn, Ok).map_err(|e| op.malformed_response(&e.to_string()))?);
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
        differences.extend(other_key(answer.kms_key_id.as_deref(), self.inner.secret.kms_key.as_deref()));
        differences.extend(answer.owning_service.filter(|service| !service.is_empty()).map(Difference::OwningService));
        let replicas: Vec<String> =
            answer.replication_status.unwrap_or_default().into_iter().filter_map(|r| r.region).collect();
        if !replicas.is_empty() {
            differences.push(Difference::Replicas(replicas));
        }
        let op = Op::read("secretsmanager:GetResourcePolicy", named(secret), &self.inner.limits.secret_lists);
        let call = self.inner.secrets.get_resource_policy().secret_id(secret.as_str());
        let policy = send(&op, &budget, || call.clone().send()).await?.resource_policy;
        if policy.is_some_and(|policy| !policy.trim().is_empty()) {
            differences.push(Difference::ResourcePolicy);
        }
        Ok(differences)
    }

    async fn put_placeholder(&self, secret: &SecretName, placeholder: &VersionId) -> Result<(), CallError> {
        let budget = self.budget();
        if let Some(held) = self.current(secret, &budget).await?
            && held != *placeholder
        {
            return Err(occupied(secret, &held));
        }
        // Under AWSPENDING: were the secret to get a current version in this instant, it would stay. A first version gets AWSCURRENT as well.
        self.put(secret, placeholder, PLACEHOLDER, &budget).await?;
        let held = self.current(secret, &budget).await;
        let put = match held {
            Ok(Some(held)) if held == *placeholder => Ok(()),
            Ok(Some(held)) => Err(occupied(secret, &held)),
            Ok(None) => self.label_current(secret, None, placeholder, &budget).await,
            Err(error) => Err(lost(error)),
        };
        // The label has done its work; where it stays on, it means nothing beside AWSCURRENT.
        let _ = self.unlabel_pending(secret, placeholder, &budget).await;
        put
    }

    async fn test_write(&self, secret: &SecretName, version: &VersionId) -> Result<(), CallError> {
        self.put_under(TEST_WRITE, secret, version, (value::TEST_WRITE, ""), &self.budget()).await
    }

    async fn stage_placeholder(&self, secret: &SecretName, placeholder: &VersionId) -> Result<(), CallError> {
        self.put(secret, placeholder, PLACEHOLDER, &self.budget()).await
    }

    async fn write_note(&self, secret: &SecretName, note: &JournalEntry) -> Result<(), CallError> {
        let subject = format!("{} ({})", named(secret), note.tag());
        let op = Op::write("secretsmanager:TagResource", subject, &self.inner.limits.secret_tags);
        let call = self.inner.secrets.tag_resource().secret_id(secret.as_str()).tags(tag(note.tag(), &note.to_text()));
        send(&op, &self.budget(), || call.clone().send()).await?;
        Ok(())
    }

    async fn inspect_version(
        &self,
        secret: &SecretName,
        version: &VersionId,
    ) -> Result<Option<VersionContents>, CallError> {
        let budget = self.budget();
        let value = match self.value(secret, version, [CURRENT, PENDING, PREVIOUS], &budget).await {
            // A version that Secrets Manager made for its rotation function is listed, and has no value.
            Err(missing) if missing.kind == ErrorKind::NotFound => {
                let answer = self.described(secret, &budget).await?;
                let labels = answer.version_ids_to_stages.as_ref().and_then(|all| all.get(version.as_str()));
                let awaited = labels.is_some_and(|labels| labels.iter().any(|label| label == PENDING));
                return if awaited { Ok(None) } else { Err(missing) };
            }
            value => value?,
        };
        Ok(Some(value.map_or(value::NOTHING, |text| value::inside(&self.inner.secret.fields, &text))))
    }

    async fn versions(&self, secret: &SecretName) -> Result<Vec<StoredVersion>, CallError> {
        let op = Op::read("secretsmanager:ListSecretVersionIds", named(secret), &self.inner.limits.secret_lists);
        let budget = self.budget();
        let mut versions = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let call = self.inner.secrets.list_secret_version_ids().secret_id(secret.as_str());
            let call = call.include_deprecated(true).max_results(PAGE).set_next_token(token.clone());
            let page = send(&op, &budget, || call.clone().send()).await?;
            let stored = page.versions.unwrap_or_default().into_iter().filter_map(|version| {
                // An id that does not fit the type was not written by keyrot, and says nothing.
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
        let text = value::compose(&self.inner.secret.fields, credentials, carried.as_ref().map(|t| t.as_str()));
        let text = match (text, carry) {
            (Some(text), _) => text,
            (None, Some(from)) => return Err(no_object(secret, &from)),
            (None, None) => return Err(no_object(secret, version)),
        };
        self.put_hiding(secret, version, &text, credentials.secret.expose(), &budget).await
    }

    async fn read(&self, secret: &SecretName, version: &VersionId) -> Result<Option<Credentials>, CallError> {
        // keyrot's own are read while they are staged; what somebody else wrote, when it is current.
        let foreign = Content::of(version).is_foreign();
        let labels = if foreign { [CURRENT, PENDING, PREVIOUS] } else { [PENDING, CURRENT, PREVIOUS] };
        let value = self.value(secret, version, labels, &self.budget()).await?;
        Ok(value.and_then(|text| value::credentials(&self.inner.secret.fields, &text)))
    }

    async fn promote(&self, secret: &SecretName, from: &VersionId, to: &VersionId) -> Result<(), CallError> {
        let budget = self.budget();
        self.label_current(secret, Some(from), to, &budget).await?;
        self.await_replicas(secret, &budget).await;
        Ok(())
    }

    async fn unstage(&self, secret: &SecretName, version: &VersionId) -> Result<(), CallError> {
        self.unlabel_pending(secret, version, &self.budget()).await
    }
}

impl Aws {
    fn describing(&self, secret: &SecretName) -> Op<'_> {
        Op::read("secretsmanager:DescribeSecret", named(secret), &self.inner.limits.secret_reads)
    }

    pub(crate) async fn described(
        &self,
        secret: &SecretName,
        budget: &Budget,
    ) -> Result<DescribeSecretOutput, Failure> {
        let call = self.inner.secrets.describe_secret().secret_id(secret.as_str());
        send(&self.describing(secret), budget, || call.clone().send()).await
    }

    async fn current(&self, secret: &SecretName, budget: &Budget) -> Result<Option<VersionId>, CallError> {
        let answer = self.described(secret, budget).await?;
        match state(&self.describing(secret), &self.inner.region, &answer)? {
            SecretState::Present(found) => Ok(found.current.map(|held| held.version)),
            SecretState::Missing | SecretState::Deleted { .. } | SecretState::Replica { .. } => {
                let message = format!("{} is scheduled for deletion or a replica: it takes no version", named(secret));
                Err(CallError::refused(ErrorKind::Other, message))
            }
        }
    }

    /// The text of a version, which has to stand under one of the labels; `None` for a binary value.
    ///
    /// The label is always named: the permission can be bound to it (condition key `secretsmanager:VersionStage`), and some look-alikes answer
    /// another version without it.
    async fn value(
        &self,
        secret: &SecretName,
        version: &VersionId,
        labels: [&str; 3],
        budget: &Budget,
    ) -> Result<Option<Zeroizing<String>>, CallError> {
        let subject = format!("version {version} of {}", named(secret));
        let op = Op::read("secretsmanager:GetSecretValue", subject, &self.inner.limits.secret_reads);
        let by_id = self.inner.secrets.get_secret_value().secret_id(secret.as_str()).version_id(version.as_str());
        let mut unlabelled = None;
        for label in labels {
            let call = by_id.clone().version_stage(label);
            match send(&op, budget, || call.clone().send()).await {
                Ok(answer) if answer.version_id.as_deref() != Some(version.as_str()) => {
                    return Err(op.malformed_response("it is of another version"));
                }
                Ok(answer) => return Ok(answer.secret_string.map(Zeroizing::new)),
                Err(missing) if missing.is(&["ResourceNotFoundException"]) => {
                    unlabelled.get_or_insert(missing);
                }
                // It is there, and not under that label: it was moved since, unless another one fits.
                Err(elsewhere) if elsewhere.is(&["InvalidRequestException"]) => unlabelled = Some(elsewhere),
                Err(failure) => return Err(failure.into()),
            }
        }
        match unlabelled {
            Some(missing) if missing.is(&["ResourceNotFoundException"]) => Err(missing.into()),
            Some(elsewhere) => Err(elsewhere.of_kind(ErrorKind::Conflict)),
            None => Err(op.malformed_response("it was not asked for")),
        }
    }

    async fn put(
        &self,
        secret: &SecretName,
        version: &VersionId,
        text: &str,
        budget: &Budget,
    ) -> Result<(), CallError> {
        self.put_hiding(secret, version, text, "", budget).await
    }

    /// Makes the version under AWSPENDING. Its id is the request's token: the same again is a no-op, other content is refused.
    async fn put_hiding(
        &self,
        secret: &SecretName,
        version: &VersionId,
        text: &str,
        hidden: &str,
        budget: &Budget,
    ) -> Result<(), CallError> {
        self.put_under(PENDING, secret, version, (text, hidden), budget).await
    }

    /// Makes the version under this label; of what is hidden from errors, the second is a part of the text.
    async fn put_under(
        &self,
        label: &str,
        secret: &SecretName,
        version: &VersionId,
        (text, hidden): (&str, &str),
        budget: &Budget,
    ) -> Result<(), CallError> {
        let subject = format!("version {version} of {}", named(secret));
        let op = Op::write("secretsmanager:PutSecretValue", subject, &self.inner.limits.secret_values);
        let op = op.hiding(text).hiding(hidden);
        let call = self.inner.secrets.put_secret_value().secret_id(secret.as_str());
        let call = call.client_request_token(version.as_str()).version_stages(label).secret_string(text);
        send(&op, budget, || call.clone().send()).await?;
        Ok(())
    }

    /// Secrets Manager refuses to move a label from where it does not stand, so this is a compare-and-swap; without `from` it works only
    /// while the label stands nowhere (Secrets Manager API reference, `UpdateSecretVersionStage`).
    async fn label_current(
        &self,
        secret: &SecretName,
        from: Option<&VersionId>,
        to: &VersionId,
        budget: &Budget,
    ) -> Result<(), CallError> {
        let subject = format!("{CURRENT} to version {to} of {}", named(secret));
        let op = Op::write("secretsmanager:UpdateSecretVersionStage", subject, &self.inner.limits.secret_values);
        let call = self.inner.secrets.update_secret_version_stage().secret_id(secret.as_str()).version_stage(CURRENT);
        let call = call.move_to_version_id(to.as_str()).set_remove_from_version_id(from.map(|v| v.as_str().to_owned()));
        send(&op, budget, || call.clone().send()).await.map(|_| ()).map_err(stands_elsewhere)
    }

    async fn unlabel_pending(
        &self,
        secret: &SecretName,
        version: &VersionId,
        budget: &Budget,
    ) -> Result<(), CallError> {
        let subject = format!("{PENDING} off version {version} of {}", named(secret));
        let op = Op::write("secretsmanager:UpdateSecretVersionStage", subject, &self.inner.limits.secret_values);
        let call = self.inner.secrets.update_secret_version_stage().secret_id(secret.as_str());
        let call = call.version_stage(PENDING).remove_from_version_id(version.as_str());
        send(&op, budget, || call.clone().send()).await.map(|_| ()).map_err(stands_elsewhere)
    }

    fn note_replicas(&self, secret: &SecretName, answer: &DescribeSecretOutput) {
        let (any, _) = replicas_behind(answer);
        let mut known = self.inner.replicated.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if any {
            known.insert(secret.clone());
        } else {
            known.remove(secret);
        }
    }

    /// Waits a while for the replicas of a secret that was seen to have some. That they lag is no failure of the write, which is done.
    async fn await_replicas(&self, secret: &SecretName, budget: &Budget) {
        let known = |aws: &Self| {
            aws.inner.replicated.lock().unwrap_or_else(std::sync::PoisonError::into_inner).contains(secret)
        };
        let end = (Instant::now() + REPLICAS).min(budget.last_start());
        while known(self) && Instant::now() + BETWEEN_LOOKS < end {
            sleep(BETWEEN_LOOKS).await;
            match self.described(secret, budget).await {
                Ok(answer) if replicas_behind(&answer).1 => {}
                Ok(_) | Err(_) => return,
            }
        }
    }
}

fn named(secret: &SecretName) -> String {
    format!("secret {secret}")
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

fn bound_to(answer: &DescribeSecretOutput, owner: &Owner) -> bool {
    tag_of(answer, Owner::TAG).and_then(Owner::parse).is_some_and(|bound| bound.is(owner))
}

pub(crate) fn tag_of<'a>(answer: &'a DescribeSecretOutput, key: &str) -> Option<&'a str> {
    let mut tags = answer.tags.iter().flatten().filter(|tag| tag.key.as_deref() == Some(key));
    tags.find_map(|tag| tag.value.as_deref())
}

/// Whether the secret's KMS key is another than the settings name. `DescribeSecret` leaves the account's own key out, and gives others by id or
/// ARN, or by an alias where one was given (Secrets Manager API reference, `DescribeSecret`, element `KmsKeyId`).
fn other_key(found: Option<&str>, expected: Option<&str>) -> Option<Difference> {
    const OWN: &str = "aws/secretsmanager";
    let short = |key: &str| {
        let key = key.rsplit_once(':').filter(|_| key.starts_with("arn:")).map_or(key, |(_, name)| name);
        key.trim_start_matches("alias/").trim_start_matches("key/").to_owned()
    };
    let found = found.filter(|key| !key.is_empty()).map_or_else(|| OWN.to_owned(), short);
    let expected = expected.map_or_else(|| OWN.to_owned(), short);
    (found != expected).then_some(Difference::KmsKey { found, expected })
}

/// Whether a secret of that name is there, be it scheduled for deletion.
fn taken(failure: &Failure) -> bool {
    failure.is(&["ResourceExistsException"])
        || failure.is(&["InvalidRequestException"]) && failure.detail.contains("scheduled for deletion")
}

fn occupied(secret: &SecretName, held: &VersionId) -> CallError {
    let message = format!("{} has version {held} under {CURRENT} by now: no placeholder is put into it", named(secret));
    CallError::refused(ErrorKind::Conflict, message)
}

fn no_object(secret: &SecretName, version: &VersionId) -> CallError {
    let message = format!(
        "version {version} of {} is no JSON object that names each field once, so its further fields cannot be carried into the next version",
        named(secret)
    );
    CallError::refused(ErrorKind::Other, message)
}

/// A look failed after a write: what came of the write is open.
fn lost(mut error: CallError) -> CallError {
    error.effect = keyrot_core::Effect::Unknown;
    error
}

/// The label is not where it was seen, or the version is gone. Not so for a replica, or a secret that is gone itself.
fn stands_elsewhere(failure: Failure) -> CallError {
    let mismatch = failure.is(&["InvalidParameterException"]) && !failure.detail.contains("replica");
    let version_gone = failure.is(&["ResourceNotFoundException"]) && failure.detail.contains("version");
    if mismatch || version_gone { failure.of_kind(ErrorKind::Conflict) } else { failure.into() }
}
