//! What a consumer reads: one GetSecretValue by the staging label, and nothing else; and where to look, if that is not the place.

use crate::calls::{Op, send};
use crate::connect::Aws;
use crate::discovery::user_tags;
use crate::secret_state::{CURRENT, PREVIOUS};
use crate::secrets::tag_of;
use crate::value;
use async_trait::async_trait;
use keyrot_core::{
    CallError, CredentialSource, Edition, HOME_TAG, HomeSource, HomeTag, Note, Published, SecretArn, SecretId,
    UserName, VersionId,
};
use zeroize::Zeroizing;

#[async_trait]
impl CredentialSource for Aws {
    async fn published(&self, secret: &SecretId, edition: Edition) -> Result<Published, CallError> {
        let label = match edition {
            Edition::Current => CURRENT,
            Edition::Previous => PREVIOUS,
        };
        let subject = format!("{label} of secret {secret}");
        let op = Op::read("secretsmanager:GetSecretValue", subject, &self.inner.limits.secret_reads);
        let call = self.inner.secrets.get_secret_value().secret_id(secret.as_str()).version_stage(label);
        let answer = send(&op, &self.budget(), || call.clone().send()).await?;
        let version = answer.version_id.ok_or_else(|| op.strange("it names no version"))?;
        let version = VersionId::parse(version).map_err(|e| op.strange(&e.to_string()))?;
        // A binary value holds no access key that keyrot could read.
        let text = Zeroizing::new(answer.secret_string.unwrap_or_default());
        Ok(match value::credentials(&self.inner.secret.fields, &text) {
            Some(credentials) => Published::Key { version, credentials },
            None if value::is_placeholder(&text) => Published::NotYet,
            None => Published::SomethingElse,
        })
    }
}

#[async_trait]
impl HomeSource for Aws {
    async fn moved_to(&self, secret: &SecretId) -> Result<Option<SecretArn>, CallError> {
        let op = Op::read("secretsmanager:DescribeSecret", format!("secret {secret}"), &self.inner.limits.secret_reads);
        let call = self.inner.secrets.describe_secret().secret_id(secret.as_str());
        let answer = send(&op, &self.budget(), || call.clone().send()).await?;
        let here = answer.arn.as_deref().and_then(|arn| SecretArn::parse(arn).ok());
        let to = tag_of(&answer, Note::MOVED_TO).and_then(|to| SecretArn::parse(to).ok());
        // The secret's own ARN: the home was moved back.
        Ok(to.filter(|to| here.is_none_or(|here| here.place() != to.place())))
    }

    async fn home_of(&self, user: &UserName) -> Result<HomeTag, CallError> {
        let tags = user_tags(self, user).await?;
        let home = tags.iter().find(|(key, _)| key.eq_ignore_ascii_case(HOME_TAG));
        Ok(HomeTag::of(home.map(|(_, value)| value.as_str())))
    }
}
