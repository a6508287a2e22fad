//! A consumer's reads: one GetSecretValue by the staging label, and the place of a secret that is
//! not here.

use crate::calls::op::Op;
use crate::calls::retry::{Budget, send};
use crate::clock::AwsTime;
use crate::connect_error::ConnectError;
#[cfg(feature = "rotate")]
use crate::connection::Aws;
use crate::connection::sdk_config::{check_endpoints, guarded, region_of};
use crate::http::guarded::SHORT_ANSWER;
use crate::limiter::Limiter;
use crate::secrets_manager::labels::{CURRENT, PREVIOUS};
use crate::secrets_manager::value;
use crate::settings::{AwsSettings, FieldNames, Timeouts};
#[cfg(feature = "rotate")]
use crate::{iam::users::user_tags, secrets_manager::requests::tag_of};
use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_types::SdkConfig;
use keyrot_core::CallError;
use keyrot_core::consumer::{CredentialSource, Published, SecretId, VersionStage};
#[cfg(feature = "rotate")]
use keyrot_core::model::{HOME_TAG, HomeTag, JournalEntry, SecretArn};
use keyrot_core::model::{NoKey, VersionId};
#[cfg(feature = "rotate")]
use keyrot_core::{UserName, consumer::HomeSource};
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Secrets Manager for a program that only reads rotated keys: `secretsmanager:GetSecretValue`, and
/// no other call. Cheap to clone.
///
/// [`Aws`](crate::Aws) can do the same, and much more. This type does not need the feature
/// `rotate`.
#[derive(Clone)]
pub struct SecretReader {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    fields: FieldNames,
    limiter: Limiter,
    timeouts: Timeouts,
    region: String,
}

impl SecretReader {
    /// Creates the client from an `SdkConfig` that the program already has. See
    /// `Aws::from_sdk_config` for the safety measures that keyrot keeps.
    ///
    /// # Errors
    /// [`ConnectError`], as `Aws::from_sdk_config`.
    pub fn from_sdk_config(
        config: &SdkConfig,
        settings: &AwsSettings,
    ) -> Result<Self, ConnectError> {
        let (config, http) = guarded(config, settings)?;
        check_endpoints(&config, settings)?;
        let region = region_of(&config, settings)?;
        let mut client = aws_sdk_secretsmanager::config::Builder::from(&config)
            .retry_config(RetryConfig::disabled())
            .http_client(http.of_service(SHORT_ANSWER, &AwsTime::default()));
        let own = &settings.endpoints;
        if let Some(url) = own.secrets_manager.as_ref().or(own.all.as_ref()) {
            client.set_endpoint_url(Some(url.clone()));
        }
        let inner = Inner {
            client: Client::from_conf(client.build()),
            fields: settings.secret.fields.clone(),
            limiter: Limiter::new(settings.rates.secret_reads),
            timeouts: settings.timeouts,
            region,
        };
        Ok(Self { inner: Arc::new(inner) })
    }
}

/// Shows the region, and nothing about the credentials.
impl fmt::Debug for SecretReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretReader").field("region", &self.inner.region).finish_non_exhaustive()
    }
}

#[async_trait]
impl CredentialSource for SecretReader {
    async fn published(
        &self,
        secret: &SecretId,
        edition: VersionStage,
    ) -> Result<Published, CallError> {
        let Inner { client, fields, limiter, timeouts, .. } = &*self.inner;
        read((client, limiter), Budget::begin(timeouts), fields, secret, edition).await
    }
}

#[cfg(feature = "rotate")]
#[async_trait]
impl CredentialSource for Aws {
    async fn published(
        &self,
        secret: &SecretId,
        edition: VersionStage,
    ) -> Result<Published, CallError> {
        let inner = &self.inner;
        let client = (&inner.secrets, &inner.limits.secret_reads);
        read(client, self.budget(), &inner.secret.fields, secret, edition).await
    }
}

#[cfg(feature = "rotate")]
#[async_trait]
impl HomeSource for Aws {
    async fn moved_to(&self, secret: &SecretId) -> Result<Option<SecretArn>, CallError> {
        let op = Op::read(
            "secretsmanager:DescribeSecret",
            format!("secret {secret}"),
            &self.inner.limits.secret_reads,
        );
        let call = self.inner.secrets.describe_secret().secret_id(secret.as_str());
        let answer = send(&op, &self.budget(), || call.clone().send()).await?;
        let here = answer.arn.as_deref().and_then(|arn| SecretArn::parse(arn).ok());
        let to = tag_of(&answer, JournalEntry::MOVED_TO).and_then(|to| SecretArn::parse(to).ok());
        // This is the secret's own ARN, so the home was moved back.
        Ok(to.filter(|to| here.is_none_or(|here| here.place() != to.place())))
    }

    async fn home_of(&self, user: &UserName) -> Result<HomeTag, CallError> {
        let tags = user_tags(self, user).await?;
        let home = tags.iter().find(|(key, _)| key.eq_ignore_ascii_case(HOME_TAG));
        Ok(HomeTag::of(home.map(|(_, value)| value.as_str())))
    }
}

async fn read(
    (client, limiter): (&Client, &Limiter),
    budget: Budget,
    fields: &FieldNames,
    secret: &SecretId,
    edition: VersionStage,
) -> Result<Published, CallError> {
    let label = match edition {
        VersionStage::Current => CURRENT,
        VersionStage::Previous => PREVIOUS,
    };
    let op =
        Op::read("secretsmanager:GetSecretValue", format!("{label} of secret {secret}"), limiter);
    let call = client.get_secret_value().secret_id(secret.as_str()).version_stage(label);
    let answer = send(&op, &budget, || call.clone().send()).await?;
    let version = answer.version_id.ok_or_else(|| op.malformed_response("it names no version"))?;
    let version = VersionId::parse(version).map_err(|e| op.malformed_response(&e.to_string()))?;
    // A binary value holds no access key that keyrot could read.
    let Some(text) = answer.secret_string.map(Zeroizing::new) else {
        return Ok(Published::SomethingElse(NoKey::Binary));
    };
    Ok(match value::read(fields, &text) {
        Ok(credentials) => Published::Key { version, credentials },
        Err(_) if value::is_placeholder(&text) => Published::NotYet,
        Err(why) => Published::SomethingElse(why),
    })
}
