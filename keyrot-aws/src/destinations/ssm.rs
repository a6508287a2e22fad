//! Parameters of SSM's Parameter Store: a SecureString with the key as a JSON object.
//!
//! Parameter Store has no conditional write. A write returns its version. If that version does not
//! directly follow the version that was read, something else wrote in between (Systems Manager API
//! reference, `PutParameter`).

use super::about::{About, WITHIN, hidden};
use super::json_service::{JsonService, instant};
use crate::connection::Aws;
use crate::notify::parameter::SSM;
use crate::secrets_manager::value;
use crate::signed_requests::json_call::Refused;
use async_trait::async_trait;
use keyrot_core::model::{Abilities, Delivery, DestinationName, Found, Holds};
use keyrot_core::ports::Destination;
use keyrot_core::settings::{ParameterStore, Tier};
use keyrot_core::{CallError, Effect, ErrorKind};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;
use zeroize::Zeroizing;

/// The longest value in each tier (Systems Manager user guide, "Managing parameter tiers").
const LONGEST: [(Tier, usize); 3] =
    [(Tier::Standard, 4096), (Tier::Advanced, 8192), (Tier::Intelligent, 8192)];

pub(super) struct Parameters {
    name: DestinationName,
    kind: ParameterStore,
    aws: Aws,
    service: JsonService,
}

/// The response to `GetParameter`.
#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Parameter")]
    parameter: Parameter,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    r#type: String,
    #[serde(deserialize_with = "hidden")]
    value: Zeroizing<String>,
    version: i64,
    last_modified_date: Option<f64>,
}

/// The response to `PutParameter`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Written {
    version: i64,
}

impl Parameters {
    pub(super) fn new(name: &DestinationName, kind: &ParameterStore, aws: &Aws) -> Self {
        Self {
            name: name.clone(),
            kind: kind.clone(),
            aws: aws.clone(),
            service: JsonService::new(aws, &SSM, kind.region.as_deref(), kind.role.as_ref()),
        }
    }

    fn about<'a>(&'a self, place: &'a str) -> About<'a> {
        About { name: &self.name, what: "the parameter", place }
    }

    /// Reads the parameter, if it exists.
    async fn get(&self, place: &str, end: Instant) -> Result<Option<Parameter>, CallError> {
        let about = self.about(place);
        let body = json!({ "Name": place, "WithDecryption": true }).to_string();
        let sent = self.service.read("GetParameter", &body, end).await;
        let answer = match sent {
            Ok(answer) => answer,
            Err(missing) if missing.code.as_deref() == Some("ParameterNotFound") => {
                return Ok(None);
            }
            Err(refused) => return Err(self.failed(&about, "ssm:GetParameter", refused, false)),
        };
        let answer: Answer = serde_json::from_slice(&answer).map_err(|_| {
            about.refused(ErrorKind::Other, "the answer of ssm:GetParameter cannot be read")
        })?;
        if answer.parameter.r#type != "SecureString" {
            let kind = crate::error_text::scrub::scrub(&answer.parameter.r#type, &[]);
            return Err(about.refused(
                ErrorKind::Other,
                format!(
                    "it has the type {kind}, which is not encrypted; expected SecureString: delete the parameter, and keyrot creates it"
                ),
            ));
        }
        Ok(Some(answer.parameter))
    }

    fn found(&self, about: &About<'_>, parameter: &Parameter) -> Result<Found, CallError> {
        let key = value::inside(&self.aws.inner.secret.fields, &parameter.value).key;
        Ok(Found::Copy {
            mark: about.mark(parameter.version.to_string())?,
            holds: key.map_or(Holds::Other, Holds::Key),
            written: parameter.last_modified_date.and_then(instant),
        })
    }

    fn failed(&self, about: &About<'_>, action: &str, refused: Refused, write: bool) -> CallError {
        let effect = if write && refused.is_lost { Effect::Unknown } else { Effect::None };
        let hint = match refused.code.as_deref() {
            Some("ParameterMaxVersionLimitExceeded") => {
                ". It has 100 versions, and the oldest has a label: remove that label (aws ssm unlabel-parameter-version)"
            }
            Some("InvalidKeyId") => ". Correct kms_key",
            _ => "",
        };
        let region = self.service.region();
        let said = format!("{action} in {region} failed: {}{hint}", refused.why);
        about.error(refused.kind, effect, said).with_aws_code(refused.code)
    }
}

#[async_trait]
impl Destination for Parameters {
    fn abilities(&self) -> Abilities {
        Abilities::READABLE
    }

    async fn inspect(&self, place: &str) -> Result<Found, CallError> {
        let found = self.get(place, Instant::now() + WITHIN).await?;
        found.map_or(Ok(Found::Nothing), |parameter| self.found(&self.about(place), &parameter))
    }

    async fn deliver(&self, place: &str, delivery: &Delivery) -> Result<Found, CallError> {
        let end = Instant::now() + WITHIN;
        let about = self.about(place);
        let text = value::compose(&self.aws.inner.secret.fields, &delivery.credentials, None)
            .unwrap_or_default();
        let longest = LONGEST.iter().find(|(tier, _)| *tier == self.kind.tier).map_or(0, |l| l.1);
        if text.len() > longest {
            let said = format!("the value has {} bytes; expected at most {longest}", text.len());
            return Err(about.refused(ErrorKind::LimitExceeded, said));
        }

        let there = self.get(place, end).await?;
        let found = there.as_ref().map(|there| self.found(&about, there)).transpose()?;
        let mark = found.as_ref().and_then(Found::mark);
        if mark != delivery.replaces.as_ref() {
            return Err(about.conflict(mark, delivery.replaces.as_ref()));
        }
        // Writing the same value again would only use up a version.
        if let (Some(there), Some(found)) = (&there, found)
            && *there.value == *text
        {
            return Ok(found);
        }
        let seen = there.map_or(0, |there| there.version);
        let body = Zeroizing::new(self.request(place, &text, seen > 0, self.kind.tier));
        let mut sent = self.service.write("PutParameter", &body, end).await;
        if seen > 0 && self.kind.tier == Tier::Standard && sent.as_ref().is_err_and(is_advanced) {
            let body = Zeroizing::new(self.request(place, &text, true, Tier::Advanced));
            sent = self.service.write("PutParameter", &body, end).await;
        }
        let answer = sent.map_err(|refused| {
            let hidden = Refused {
                why: refused.why.replace(delivery.credentials.secret.expose(), "[hidden]"),
                ..refused
            };
            self.failed(&about, "ssm:PutParameter", hidden, true)
        })?;
        let written: Written = serde_json::from_slice(&answer).map_err(|_| {
            about.error(
                ErrorKind::Other,
                Effect::Unknown,
                "the answer of ssm:PutParameter cannot be read",
            )
        })?;
        let next = seen.saturating_add(1);
        if written.version != next {
            return Err(about.overtaken(format!(
                "version {} was written, expected version {next}",
                written.version
            )));
        }
        // The response to a write contains no time, and a missing time is no reason to fail.
        let written_at = match self.get(place, end).await {
            Ok(Some(there)) if there.version > written.version => {
                return Err(about.overtaken(format!("it has version {} already", there.version)));
            }
            Ok(Some(there)) if there.version == written.version => {
                there.last_modified_date.and_then(instant)
            }
            _ => None,
        };
        Ok(Found::Copy {
            mark: about.mark(written.version.to_string())?,
            holds: Holds::Key(delivery.credentials.key.clone()),
            written: written_at,
        })
    }
}

/// Whether the parameter is an advanced one, which SSM never makes a standard one (Systems Manager
/// API reference, `PutParameter`, `Tier`). It has no code of its own for this refusal, and writes
/// nothing.
fn is_advanced(refused: &Refused) -> bool {
    refused.code.as_deref() == Some("ValidationException")
        && !refused.is_lost
        && refused.why.contains("downgrade")
}

impl Parameters {
    /// Returns the request. Without a tier in it, SSM would use the account's default tier, also for
    /// an existing parameter (Systems Manager API reference, `PutParameter`, `Tier`).
    fn request(&self, place: &str, text: &str, exists: bool, tier: Tier) -> String {
        let tier = match tier {
            Tier::Standard => "Standard",
            Tier::Advanced => "Advanced",
            Tier::Intelligent => "Intelligent-Tiering",
        };
        let mut body = json!({
            "Name": place,
            "Value": text,
            "Type": "SecureString",
            "Overwrite": exists,
            "Tier": tier,
        });
        let description = (!exists).then_some("Access key of an IAM user, delivered by keyrot");
        let kms_key = self.kind.kms_key.as_deref();
        for (field, value) in [("KeyId", kms_key), ("Description", description)] {
            if let Some(value) = value {
                body[field] = json!(value);
            }
        }
        let whole = body.to_string();
        if let Some(serde_json::Value::String(text)) = body.get_mut("Value").map(|v| v.take()) {
            drop(Zeroizing::new(text));
        }
        whole
    }
}
