//! SSM's `GetParameter`, and what its refusals mean.

use crate::connection::Aws;
use crate::limiter::{Limiter, LimiterSettings};
use crate::notify::limits::{ATTEMPT, WITHIN};
use crate::signed_requests::json_call::{Refused, Service, call};
use keyrot_core::{CallError, ErrorKind, SecretKey};
use serde::Deserialize;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};
use zeroize::Zeroizing;

const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(300);

/// The SSM API, with its error codes (Systems Manager API reference, `GetParameter`,
/// `PutParameter`).
pub(crate) const SSM: Service = Service {
    sdk_id: "SSM",
    name: "ssm",
    target: "AmazonSSM",
    kind: |code| {
        Some(match code {
            "ParameterNotFound" | "ParameterVersionNotFound" => ErrorKind::NotFound,
            "TooManyUpdates" => ErrorKind::Throttled,
            "ParameterAlreadyExists" => ErrorKind::Conflict,
            "ParameterMaxVersionLimitExceeded" | "ParameterLimitExceeded" => {
                ErrorKind::LimitExceeded
            }
            _ => return None,
        })
    },
    hint: |code, operation, by_role| match code {
        "AccessDeniedException" if by_role => {
            ". The role needs ssm:GetParameter and ssm:PutParameter, and kms:Encrypt (kms:GenerateDataKey for an advanced parameter) and \
             kms:Decrypt for a key of your own"
        }
        "AccessDeniedException" if operation == "GetParameter" => {
            ". keyrot's own credentials need ssm:GetParameter, and kms:Decrypt for a key of your own"
        }
        "AccessDeniedException" => {
            ". keyrot's own credentials need ssm:PutParameter, and kms:Encrypt (kms:GenerateDataKey for an advanced parameter) for a key of your own"
        }
        "ParameterNotFound" => ". Is it in this region and account?",
        _ => "",
    },
};

/// The response to `GetParameter` (Systems Manager API reference).
#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Parameter")]
    parameter: Parameter,
}

#[derive(Deserialize)]
struct Parameter {
    #[serde(rename = "Value")]
    value: String,
}

impl Aws {
    /// Returns the decrypted text of an SSM parameter, by its name in this region:
    /// `ssm:GetParameter`.
    ///
    /// # Errors
    /// [`CallError`], `NotFound` if there is no such parameter. It contains none of the parameter's
    /// text.
    pub async fn parameter(&self, name: &str) -> Result<SecretKey, CallError> {
        let pace = Limiter::new(LimiterSettings::secret_reads());
        get(self, name, None, &pace, Instant::now() + WITHIN).await.map(SecretKey::new)
    }
}

/// Returns the parameter's decrypted value. `id` is its name or ARN.
pub(crate) async fn get(
    aws: &Aws,
    id: &str,
    region: Option<&str>,
    pace: &Limiter,
    end: Instant,
) -> Result<String, CallError> {
    let region = region.unwrap_or_else(|| aws.region());
    let failed = |Refused { kind, code, why, .. }: Refused| {
        CallError::refused(kind, format!("ssm:GetParameter for {id} failed: {why}"))
            .with_aws_code(code)
    };
    let mut attempt = 0;
    loop {
        attempt += 1;
        let Ok(_permit) = timeout_at(end, pace.acquire()).await else {
            return Err(failed(Refused::new(ErrorKind::Throttled, "no turn in time")));
        };
        let limit = end.min(Instant::now() + ATTEMPT);
        let refused = match timeout_at(limit, once(aws, id, region)).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(refused)) => refused,
            Err(_) => Refused::new(ErrorKind::Unavailable, "no answer in time"),
        };
        let pause = PAUSE * attempt;
        let again = matches!(refused.kind, ErrorKind::Unavailable | ErrorKind::Throttled);
        if !again || attempt == ATTEMPTS || Instant::now() + pause >= end {
            return Err(failed(refused));
        }
        sleep(pause).await;
    }
}

/// One attempt.
async fn once(aws: &Aws, id: &str, region: &str) -> Result<String, Refused> {
    let body = serde_json::json!({ "Name": id, "WithDecryption": true }).to_string();
    let answer = Zeroizing::new(call(aws, &SSM, None, region, "GetParameter", body).await?);
    let answer: Answer = serde_json::from_slice(&answer)
        .map_err(|_| Refused::new(ErrorKind::Other, "the answer cannot be read"))?;
    Ok(answer.parameter.value)
}
