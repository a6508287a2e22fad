//! The requests to Secrets Manager that the store makes.

use crate::calls::errors::Failure;
use crate::calls::errors::wording::{is_about_replica, is_about_version};
use crate::calls::op::Op;
use crate::calls::retry::{Budget, send};
use crate::connection::Aws;
use crate::secrets_manager::state::{CURRENT, PENDING, replicas_behind, state};
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::Tag;
use keyrot_core::model::{SecretState, VersionId};
use keyrot_core::{CallError, ErrorKind, SecretName};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

/// How long a promotion waits for the secret's replicas. They follow by themselves, in a small
/// fraction of `overlap`.
const REPLICAS: Duration = Duration::from_secs(20);
const BETWEEN_READS: Duration = Duration::from_secs(1);

impl Aws {
    pub(crate) async fn tag_secret(
        &self,
        secret: &SecretName,
        key: &str,
        value: &str,
    ) -> Result<(), CallError> {
        let subject = format!("{} ({key})", named(secret));
        let op = Op::write("secretsmanager:TagResource", subject, &self.inner.limits.secret_tags);
        let secrets = &self.inner.secrets;
        let call = secrets.tag_resource().secret_id(secret.as_str()).tags(tag(key, value));
        send(&op, &self.budget(), || call.clone().send()).await?;
        Ok(())
    }

    pub(crate) fn describing(&self, secret: &SecretName) -> Op<'_> {
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

    pub(crate) async fn current(
        &self,
        secret: &SecretName,
        budget: &Budget,
    ) -> Result<Option<VersionId>, CallError> {
        let answer = self.described(secret, budget).await?;
        match state(&self.describing(secret), &self.inner.region, &answer)? {
            SecretState::Present(found) => Ok(found.current.map(|held| held.version)),
            SecretState::Missing | SecretState::Deleted { .. } | SecretState::Replica { .. } => {
                let message = format!(
                    "{} is scheduled for deletion or a replica: it takes no version",
                    named(secret)
                );
                Err(CallError::refused(ErrorKind::Other, message))
            }
        }
    }

    /// Returns the text of a version, which has to have one of the labels; `None` for a binary
    /// value.
    ///
    /// The request always names the label: a policy can limit the permission to it (condition key
    /// `secretsmanager:VersionStage`), and some AWS-compatible services return another version
    /// without it.
    pub(crate) async fn value(
        &self,
        secret: &SecretName,
        version: &VersionId,
        labels: [&str; 3],
        budget: &Budget,
    ) -> Result<Option<Zeroizing<String>>, CallError> {
        let subject = format!("version {version} of {}", named(secret));
        let op =
            Op::read("secretsmanager:GetSecretValue", subject, &self.inner.limits.secret_reads);
        let by_id = self
            .inner
            .secrets
            .get_secret_value()
            .secret_id(secret.as_str())
            .version_id(version.as_str());
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
                // The version exists without that label: the label was moved since, unless another
                // one matches.
                Err(elsewhere) if elsewhere.is(&["InvalidRequestException"]) => {
                    unlabelled = Some(elsewhere);
                }
                Err(failure) => return Err(failure.into()),
            }
        }
        match unlabelled {
            Some(missing) if missing.is(&["ResourceNotFoundException"]) => Err(missing.into()),
            Some(elsewhere) => Err(elsewhere.of_kind(ErrorKind::Conflict)),
            None => Err(op.malformed_response("it was not asked for")),
        }
    }

    pub(crate) async fn put(
        &self,
        secret: &SecretName,
        version: &VersionId,
        text: &str,
        budget: &Budget,
    ) -> Result<(), CallError> {
        self.put_hiding(secret, version, text, "", budget).await
    }

    /// Creates the version under AWSPENDING. Its id is the request's token: the same content again
    /// is a no-op, other content is refused.
    pub(crate) async fn put_hiding(
        &self,
        secret: &SecretName,
        version: &VersionId,
        text: &str,
        hidden: &str,
        budget: &Budget,
    ) -> Result<(), CallError> {
        self.put_under(PENDING, secret, version, (text, hidden), budget).await
    }

    /// Creates the version under this label. Both secrets are kept out of errors; the second is
    /// part of the text.
    pub(crate) async fn put_under(
        &self,
        label: &str,
        secret: &SecretName,
        version: &VersionId,
        (text, hidden): (&str, &str),
        budget: &Budget,
    ) -> Result<(), CallError> {
        let subject = format!("version {version} of {}", named(secret));
        let op =
            Op::write("secretsmanager:PutSecretValue", subject, &self.inner.limits.secret_values);
        let op = op.hiding(text).hiding(hidden);
        let call = self.inner.secrets.put_secret_value().secret_id(secret.as_str());
        let call =
            call.client_request_token(version.as_str()).version_stages(label).secret_string(text);
        send(&op, budget, || call.clone().send()).await?;
        Ok(())
    }

    /// Moves a label. Secrets Manager refuses to move a label from a version that does not have it,
    /// so this is a compare-and-swap. Without `from`, it works only while no version has the label
    /// (Secrets Manager API reference, `UpdateSecretVersionStage`).
    pub(crate) async fn label_current(
        &self,
        secret: &SecretName,
        from: Option<&VersionId>,
        to: &VersionId,
        budget: &Budget,
    ) -> Result<(), CallError> {
        let subject = format!("{CURRENT} to version {to} of {}", named(secret));
        let op = Op::write(
            "secretsmanager:UpdateSecretVersionStage",
            subject,
            &self.inner.limits.secret_values,
        );
        let call = self
            .inner
            .secrets
            .update_secret_version_stage()
            .secret_id(secret.as_str())
            .version_stage(CURRENT);
        let call = call
            .move_to_version_id(to.as_str())
            .set_remove_from_version_id(from.map(|v| v.as_str().to_owned()));
        send(&op, budget, || call.clone().send()).await.map(|_| ()).map_err(stands_elsewhere)
    }

    pub(crate) async fn unlabel_pending(
        &self,
        secret: &SecretName,
        version: &VersionId,
        budget: &Budget,
    ) -> Result<(), CallError> {
        let subject = format!("{PENDING} off version {version} of {}", named(secret));
        let op = Op::write(
            "secretsmanager:UpdateSecretVersionStage",
            subject,
            &self.inner.limits.secret_values,
        );
        let call = self.inner.secrets.update_secret_version_stage().secret_id(secret.as_str());
        let call = call.version_stage(PENDING).remove_from_version_id(version.as_str());
        send(&op, budget, || call.clone().send()).await.map(|_| ()).map_err(stands_elsewhere)
    }

    pub(crate) fn note_replicas(&self, secret: &SecretName, answer: &DescribeSecretOutput) {
        let (any, _) = replicas_behind(answer);
        let mut known =
            self.inner.replicated.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if any {
            known.insert(secret.clone());
        } else {
            known.remove(secret);
        }
    }

    /// Waits a while for a secret's replicas, if it is known to have any. The write is done, so a
    /// replica that lags is not a failure.
    pub(crate) async fn await_replicas(&self, secret: &SecretName, budget: &Budget) {
        let known = |aws: &Self| {
            aws.inner
                .replicated
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .contains(secret)
        };
        let end = (Instant::now() + REPLICAS).min(budget.last_start());
        while known(self) && Instant::now() + BETWEEN_READS < end {
            sleep(BETWEEN_READS).await;
            match self.described(secret, budget).await {
                Ok(answer) if replicas_behind(&answer).1 => {}
                Ok(_) | Err(_) => return,
            }
        }
    }
}

pub(crate) fn named(secret: &SecretName) -> String {
    format!("secret {secret}")
}

pub(crate) fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

pub(crate) fn tag_of<'a>(answer: &'a DescribeSecretOutput, key: &str) -> Option<&'a str> {
    let mut tags = answer.tags.iter().flatten().filter(|tag| tag.key.as_deref() == Some(key));
    tags.find_map(|tag| tag.value.as_deref())
}

/// Whether the label is not where it was read, or the version is gone. A replica, or a secret that
/// is gone, does not count.
pub(crate) fn stands_elsewhere(failure: Failure) -> CallError {
    let mismatch = failure.is(&["InvalidParameterException"]) && !is_about_replica(&failure.detail);
    let version_gone =
        failure.is(&["ResourceNotFoundException"]) && is_about_version(&failure.detail);
    if mismatch || version_gone { failure.of_kind(ErrorKind::Conflict) } else { failure.into() }
}
