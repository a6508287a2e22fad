//! The calls of SSM: `GetParameter`, and for destinations `PutParameter`. AWS's own crate for SSM
//! has all 150 calls, and takes more time and memory to build than the rest of keyrot together. So
//! these calls are signed by `aws-sigv4` and sent through the SDK's HTTP client, with the SDK's
//! credentials and endpoints.

use crate::connect::Aws;
use crate::limiter::{Limiter, LimiterSettings};
use crate::notify::limits::{ATTEMPT, WITHIN};
use crate::sign;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_secretsmanager::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_types::service_config::ServiceConfigKey;
use keyrot_core::{CallError, ErrorKind, SecretKey};
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};
use zeroize::Zeroizing;

const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(300);

/// The answer (Systems Manager API reference, `GetParameter`).
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

/// The reason why an attempt failed.
pub(crate) struct Refused {
    pub(crate) kind: ErrorKind,
    pub(crate) code: Option<String>,
    pub(crate) why: String,
    /// Whether the call may have been carried out.
    #[cfg_attr(not(feature = "destinations"), allow(dead_code, reason = "reads are repeated"))]
    pub(crate) is_lost: bool,
}

impl Refused {
    pub(crate) fn new(kind: ErrorKind, why: impl Into<String>) -> Self {
        Self { kind, code: None, why: why.into(), is_lost: false }
    }
}

/// Makes one attempt.
async fn once(aws: &Aws, id: &str, region: &str) -> Result<String, Refused> {
    let body = serde_json::json!({ "Name": id, "WithDecryption": true }).to_string();
    let answer = Zeroizing::new(call(aws, None, region, "GetParameter", body).await?);
    let answer: Answer = serde_json::from_slice(&answer)
        .map_err(|_| Refused::new(ErrorKind::Other, "the answer cannot be read"))?;
    Ok(answer.parameter.value)
}

/// Sends one request, once, and returns the answer's body. `caller` has credentials other than
/// keyrot's own.
pub(crate) async fn call(
    aws: &Aws,
    caller: Option<&SharedCredentialsProvider>,
    region: &str,
    operation: &'static str,
    body: String,
) -> Result<Vec<u8>, Refused> {
    let request = signed(aws, caller, region, operation, body)
        .await
        .map_err(|why| Refused::new(ErrorKind::Other, why))?;
    let sent = aws.inner.notify.http.send(request).await;
    let mut answer = sent.map_err(|lost| match lost.is_lasting {
        true => Refused::new(ErrorKind::Other, lost.to_string()),
        false => {
            Refused { is_lost: true, ..Refused::new(ErrorKind::Unavailable, lost.to_string()) }
        }
    })?;
    let status = answer.status().as_u16();
    let body = aws.inner.notify.http.body(&mut answer, 64 * 1024).await;
    if status == 200 {
        return Ok(body);
    }
    let refusal: Value = serde_json::from_slice(&body).unwrap_or_default();
    let word = |name: &str| refusal.get(name).and_then(Value::as_str);
    let code = word("__type")
        .and_then(|code| code.rsplit('#').next())
        .map(|code| crate::scrub::scrub(code, &[]));
    let name = code.as_deref().unwrap_or_default();
    let kind = match name {
        "AccessDeniedException" => ErrorKind::Denied,
        "ParameterNotFound" | "ParameterVersionNotFound" => ErrorKind::NotFound,
        "ThrottlingException" | "TooManyUpdates" => ErrorKind::Throttled,
        "ParameterAlreadyExists" => ErrorKind::Conflict,
        "ParameterMaxVersionLimitExceeded" | "ParameterLimitExceeded" => ErrorKind::LimitExceeded,
        _ if status == 429 => ErrorKind::Throttled,
        _ if status >= 500 => ErrorKind::Unavailable,
        _ => ErrorKind::Other,
    };
    let hint = match name {
        "AccessDeniedException" if caller.is_some() => {
            ". The role needs ssm:GetParameter and ssm:PutParameter, and kms:Encrypt and kms:Decrypt for a key of your own"
        }
        "AccessDeniedException" if operation == "GetParameter" => {
            ". keyrot's own credentials need ssm:GetParameter, and kms:Decrypt for a key of your own"
        }
        "AccessDeniedException" => {
            ". keyrot's own credentials need ssm:PutParameter, and kms:Encrypt for a key of your own"
        }
        "ParameterNotFound" => ". Is it in this region and account?",
        _ => "",
    };
    let said =
        crate::scrub::scrub(word("message").or(word("Message")).unwrap_or("no message"), &[]);
    let named = code.clone().unwrap_or_else(|| format!("HTTP {status}"));
    let is_lost = status >= 500;
    Err(Refused { kind, why: format!("{named}: {said}{hint}"), code, is_lost })
}

async fn signed(
    aws: &Aws,
    caller: Option<&SharedCredentialsProvider>,
    region: &str,
    operation: &str,
    body: String,
) -> Result<HttpRequest, String> {
    let url = endpoint(aws, region).await?;
    let target = format!("AmazonSSM.{operation}");
    let headers =
        [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];

    let caller = caller.cloned().map_or_else(|| aws.own_credentials(), Ok)?;
    let signature =
        sign::headers(&caller, ("ssm", region), &url, &headers, body.as_bytes()).await?;
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method("POST").map_err(|e| e.to_string())?;
    request.set_uri(url).map_err(|e| e.to_string())?;
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    for (name, value) in headers.into_iter().chain(signature) {
        request.headers_mut().try_insert(name, value).map_err(|e| e.to_string())?;
    }
    Ok(request)
}

/// Returns SSM's endpoint: from settings, environment or profile; otherwise derived from Secrets
/// Manager's, whose rules know the partitions.
async fn endpoint(aws: &Aws, region: &str) -> Result<String, String> {
    let notify = &aws.inner.notify;
    let key = ServiceConfigKey::builder()
        .service_id("SSM")
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build();
    let of_service = || notify.config.service_config()?.load_config(key.ok()?);
    let own = notify
        .endpoint
        .clone()
        .or_else(of_service)
        .or_else(|| notify.config.endpoint_url().map(str::to_owned));
    if let Some(url) = own {
        return Ok(format!("{}/", url.trim_end_matches('/')));
    }
    let fips = notify.config.use_fips().unwrap_or(false);
    let params = Params::builder()
        .region(region)
        .use_fips(fips)
        .use_dual_stack(notify.config.use_dual_stack().unwrap_or(false))
        .build()
        .map_err(|e| e.to_string())?;
    let resolver = DefaultResolver::new();
    let beside = resolver.resolve_endpoint(&params).await.map_err(|e| e.to_string())?;
    Ok(format!("{}/", in_place_of_secrets_manager(beside.url(), fips)))
}

/// `https://secretsmanager.REGION.SUFFIX` is `https://ssm.REGION.SUFFIX`; GovCloud's ordinary
/// endpoints are the FIPS ones (AWS General Reference, "AWS Systems Manager endpoints and quotas").
fn in_place_of_secrets_manager(url: &str, fips: bool) -> String {
    let url = url.trim_end_matches('/').replacen("//secretsmanager", "//ssm", 1);
    if fips && url.contains(".us-gov-") { url.replacen("//ssm-fips.", "//ssm.", 1) } else { url }
}

#[cfg(test)]
mod tests {
    use super::in_place_of_secrets_manager as beside;

    #[test]
    fn ssm_has_an_endpoint_in_each_partition() {
        for (of_secrets, fips, of_ssm) in [
            (
                "https://secretsmanager.eu-central-1.amazonaws.com",
                false,
                "https://ssm.eu-central-1.amazonaws.com",
            ),
            (
                "https://secretsmanager-fips.us-east-1.amazonaws.com",
                true,
                "https://ssm-fips.us-east-1.amazonaws.com",
            ),
            (
                "https://secretsmanager-fips.us-gov-west-1.amazonaws.com",
                true,
                "https://ssm.us-gov-west-1.amazonaws.com",
            ),
            (
                "https://secretsmanager.cn-north-1.amazonaws.com.cn",
                false,
                "https://ssm.cn-north-1.amazonaws.com.cn",
            ),
            ("https://secretsmanager.eu-west-1.api.aws", false, "https://ssm.eu-west-1.api.aws"),
        ] {
            assert_eq!(beside(of_secrets, fips), of_ssm);
        }
    }
}
