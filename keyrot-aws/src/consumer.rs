//! What a consumer reads: one GetSecretValue by the staging label, and nothing else.

use crate::calls::{Op, send};
use crate::connect::Aws;
use crate::secret_state::{CURRENT, PREVIOUS};
use crate::value;
use async_trait::async_trait;
use keyrot_core::CallError;
use keyrot_core::consumer::{CredentialSource, Published, SecretId, VersionStage};
use keyrot_core::model::VersionId;
use zeroize::Zeroizing;

#[async_trait]
impl CredentialSource for Aws {
    async fn published(&self, secret: &SecretId, edition: VersionStage) -> Result<Published, CallError> {
        let label = match edition {
            VersionStage::Current => CURRENT,
            VersionStage::Previous => PREVIOUS,
        };
        let subject = format!("{label} of secret {secret}");
        let op = Op::read("secretsmanager:GetSecretValue", subject, &self.inner.limits.secret_reads);
        let call = self.inner.secrets.get_secret_value().secret_id(secret.as_str()).version_stage(label);
        let answer = send(&op, &self.budget(), || call.clone().send()).await?;
        let version = answer.version_id.ok_or_else(|| op.malformed_response("it names no version"))?;
        let version = VersionId::parse(version).map_err(|e| op.malformed_response(&e.to_string()))?;
        // A binary value holds no access key that keyrot could read.
        let text = Zeroizing::new(answer.secret_string.unwrap_or_default());
        Ok(match value::credentials(&self.inner.secret.fields, &text) {
            Some(credentials) => Published::Key { version, credentials },
            None if value::is_placeholder(&text) => Published::NotYet,
            None => Published::SomethingElse,
        })
    }
}
