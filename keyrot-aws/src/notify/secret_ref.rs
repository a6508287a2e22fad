//! A URL or a key: read when it is first needed, kept, and read again when the receiver refuses it
//! or when it cannot be used.

use super::failed::{not_read, setup};
use super::parameter;
use crate::calls::op::Op;
use crate::calls::retry::send;
use crate::connection::Aws;
use crate::limiter::Limiter;
use crate::notify::limits::budget;
use keyrot_core::SecretKey;
use keyrot_core::engine::NotifierError;
use keyrot_core::settings::{SecretPlace, SecretSource};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use tokio::sync::Mutex;
use tokio::time::Instant;
use zeroize::Zeroizing;

const LONGEST_FILE: u64 = 64 * 1024;
const CURRENT: &str = "AWSCURRENT";

/// The text that a [`SecretSource`] names.
pub(crate) struct Hidden {
    source: SecretSource,
    aws: Aws,
    pace: Limiter,
    kept: Mutex<Option<SecretKey>>,
}

impl Hidden {
    pub(crate) fn new(source: &SecretSource, aws: &Aws, pace: &Limiter) -> Self {
        Self {
            source: source.clone(),
            aws: aws.clone(),
            pace: pace.clone(),
            kept: Mutex::default(),
        }
    }

    /// Returns the place, as it is written in the setting.
    pub(crate) fn source(&self) -> &SecretSource {
        &self.source
    }

    /// Returns the text.
    pub(crate) async fn get(&self, end: Instant) -> Result<SecretKey, NotifierError> {
        let mut kept = self.kept.lock().await;
        if let Some(text) = &*kept {
            return Ok(text.clone());
        }
        let text = self.read(end).await?;
        *kept = Some(text.clone());
        Ok(text)
    }

    /// Reads the text again, and returns it if it differs from this one, which was refused.
    pub(crate) async fn other_than(
        &self,
        refused: &SecretKey,
        end: Instant,
    ) -> Result<Option<SecretKey>, NotifierError> {
        let mut kept = self.kept.lock().await;
        // Another task may have read it again in the meantime.
        if kept.as_ref().is_none_or(|text| text == refused) {
            *kept = Some(self.read(end).await?);
        }
        Ok(kept.clone().filter(|text| text != refused))
    }

    /// Forgets this text, because it cannot be used: the next call reads it again.
    pub(crate) async fn forget(&self, unusable: &SecretKey) {
        let mut kept = self.kept.lock().await;
        if kept.as_ref() == Some(unusable) {
            *kept = None;
        }
    }

    async fn read(&self, end: Instant) -> Result<SecretKey, NotifierError> {
        let whole = Zeroizing::new(match self.source.place() {
            SecretPlace::SecretsManager => self.secret_string_of(end).await?,
            SecretPlace::ParameterStore => {
                parameter::get(&self.aws, self.source.id(), self.source.region(), &self.pace, end)
                    .await
                    .map_err(not_read)?
            }
            SecretPlace::Environment => std::env::var(self.source.id())
                .map_err(|_| self.is_not(" is not set in the environment, or is not UTF-8"))?,
            SecretPlace::File => self.text_of_file()?,
        });
        let text = match self.source.field() {
            Some(field) => self.field(&whole, field)?,
            None if whole.trim_start().starts_with('{') => {
                return Err(setup(format!(
                    "{0} holds a JSON object: name its field, as in {0}#url",
                    self.source
                )));
            }
            None => Zeroizing::new(whole.trim().to_owned()),
        };
        if text.is_empty() {
            return Err(self.is_not(" is empty"));
        }
        Ok(SecretKey::new(text.to_string()))
    }

    fn is_not(&self, what: &str) -> NotifierError {
        setup(format!("{}{what}", self.source))
    }

    /// Extracts only this field; the others may be secret, too.
    fn field(&self, whole: &str, field: &str) -> Result<Zeroizing<String>, NotifierError> {
        // The parser's message is dropped, because it may quote the text.
        let fields: BTreeMap<String, &RawValue> =
            serde_json::from_str(whole).map_err(|_| self.is_not(" holds no JSON object"))?;
        let raw =
            fields.get(field).ok_or_else(|| self.is_not(": the JSON object has no such field"))?;
        let text: String = serde_json::from_str(raw.get())
            .map_err(|_| self.is_not(": the JSON field is not text"))?;
        let text = Zeroizing::new(text);
        Ok(Zeroizing::new(text.trim().to_owned()))
    }

    /// Reads a small file. A mounted file is replaced as a whole, and read again then.
    fn text_of_file(&self) -> Result<String, NotifierError> {
        let path = std::path::Path::new(self.source.id());
        let found = std::fs::metadata(path)
            .map_err(|error| self.is_not(&format!(" cannot be read: {}", error.kind())))?;
        if !found.is_file() || found.len() > LONGEST_FILE {
            return Err(self.is_not(" is not a file of at most 64 KiB"));
        }
        std::fs::read_to_string(path)
            .map_err(|error| self.is_not(&format!(" cannot be read: {}", error.kind())))
    }

    async fn secret_string_of(&self, end: Instant) -> Result<String, NotifierError> {
        let client = &self.aws.inner.secrets;
        let elsewhere =
            self.source.region().filter(|region| *region != self.aws.region()).map(|region| {
                let region = aws_config::Region::new(region.to_owned());
                aws_sdk_secretsmanager::Client::from_conf(
                    client.config().to_builder().region(region).build(),
                )
            });
        let client = elsewhere.as_ref().unwrap_or(client);
        let op = Op::read(
            "secretsmanager:GetSecretValue",
            format!("the secret {}", self.source.id()),
            &self.pace,
        );
        // The request names the label, because a policy may require it, and because some emulators
        // would otherwise return an old version.
        let call = client.get_secret_value().secret_id(self.source.id()).version_stage(CURRENT);
        let answer = send(&op, &budget(end), || call.clone().send())
            .await
            .map_err(|failure| not_read(failure.error))?;
        answer.secret_string.ok_or_else(|| self.is_not(" holds no text"))
    }
}
