//! Calls to AWS services of which keyrot needs only a few operations: `GetParameter` and
//! `PutParameter` of SSM, and those of ECS. AWS's own crate for SSM has all of its 150 operations,
//! and takes more time and memory to build than the rest of keyrot. So these requests are signed by
//! `aws-sigv4` and sent through the SDK's HTTP client, with the SDK's credentials and endpoints.

use crate::connection::Aws;
use crate::signed_requests::sign;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_secretsmanager::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_types::service_config::ServiceConfigKey;
use keyrot_core::ErrorKind;
use serde_json::Value;

/// A service that uses AWS's JSON protocol, version 1.1.
pub(crate) struct Service {
    /// The id in `AWS_ENDPOINT_URL_…`.
    pub(crate) sdk_id: &'static str,
    /// The name in signatures and hosts.
    pub(crate) name: &'static str,
    /// The prefix of an operation's name in the header `x-amz-target`.
    pub(crate) target: &'static str,
    /// Returns the kind of an error code that is specific to this service.
    pub(crate) kind: fn(&str) -> Option<ErrorKind>,
    /// Returns what to do about an error code of an operation. The last argument is whether a role
    /// made the call.
    pub(crate) hint: fn(&str, &str, bool) -> &'static str,
}

/// The reason why an attempt failed.
pub(crate) struct Refused {
    pub(crate) kind: ErrorKind,
    pub(crate) code: Option<String>,
    pub(crate) why: String,
    /// Whether the request may have been carried out.
    #[cfg_attr(not(feature = "destinations"), allow(dead_code, reason = "reads are repeated"))]
    pub(crate) is_lost: bool,
}

impl Refused {
    pub(crate) fn new(kind: ErrorKind, why: impl Into<String>) -> Self {
        Self { kind, code: None, why: why.into(), is_lost: false }
    }
}

/// Sends one request, without retries, and returns the answer's body. `caller` are the credentials
/// to use in place of keyrot's own.
pub(crate) async fn call(
    aws: &Aws,
    service: &Service,
    caller: Option<&SharedCredentialsProvider>,
    region: &str,
    operation: &'static str,
    body: String,
) -> Result<Vec<u8>, Refused> {
    let request = signed(aws, service, caller, region, operation, body)
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
    let body = aws.inner.notify.http.body(&mut answer, 512 * 1024).await;
    if status == 200 {
        return Ok(body);
    }
    let refusal: Value = serde_json::from_slice(&body).unwrap_or_default();
    let word = |name: &str| refusal.get(name).and_then(Value::as_str);
    let code = word("__type")
        .and_then(|code| code.rsplit('#').next())
        .map(|code| crate::error_text::scrub::scrub(code, &[]));
    let name = code.as_deref().unwrap_or_default();
    let kind = match name {
        "AccessDeniedException" => ErrorKind::Denied,
        "ThrottlingException" => ErrorKind::Throttled,
        _ if status == 429 => ErrorKind::Throttled,
        _ if status >= 500 => ErrorKind::Unavailable,
        _ => (service.kind)(name).unwrap_or(ErrorKind::Other),
    };
    let hint = (service.hint)(name, operation, caller.is_some());
    let said = crate::error_text::scrub::scrub(
        word("message").or(word("Message")).unwrap_or("no message"),
        &[],
    );
    let named = code.clone().unwrap_or_else(|| format!("HTTP {status}"));
    let is_lost = status >= 500;
    Err(Refused { kind, why: format!("{named}: {said}{hint}"), code, is_lost })
}

async fn signed(
    aws: &Aws,
    service: &Service,
    caller: Option<&SharedCredentialsProvider>,
    region: &str,
    operation: &str,
    body: String,
) -> Result<HttpRequest, String> {
    let url = endpoint(aws, service, region).await?;
    let target = format!("{}.{operation}", service.target);
    let headers =
        [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];

    let caller = caller.cloned().map_or_else(|| aws.own_credentials(), Ok)?;
    let signature =
        sign::headers(&caller, (service.name, region), &url, &headers, body.as_bytes()).await?;
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method("POST").map_err(|e| e.to_string())?;
    request.set_uri(url).map_err(|e| e.to_string())?;
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    for (name, value) in headers.into_iter().chain(signature) {
        request.headers_mut().try_insert(name, value).map_err(|e| e.to_string())?;
    }
    Ok(request)
}

/// Returns the service's endpoint: from settings, environment or profile, or else derived from the
/// endpoint of Secrets Manager, whose rules cover the partitions.
async fn endpoint(aws: &Aws, service: &Service, region: &str) -> Result<String, String> {
    let notify = &aws.inner.notify;
    let key = ServiceConfigKey::builder()
        .service_id(service.sdk_id)
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
    Ok(format!("{}/", in_place_of_secrets_manager(beside.url(), service, fips)))
}

/// Replaces the host name, such as `https://secretsmanager.REGION.SUFFIX` with
/// `https://ssm.REGION.SUFFIX`. In GovCloud, the ordinary endpoints of SSM are the FIPS ones (AWS
/// General Reference, "AWS Systems Manager endpoints and quotas"); those of ECS are not ("Amazon
/// ECS endpoints and quotas").
fn in_place_of_secrets_manager(url: &str, service: &Service, fips: bool) -> String {
    let name = service.name;
    let url = url.trim_end_matches('/').replacen("//secretsmanager", &format!("//{name}"), 1);
    if fips && name == "ssm" && url.contains(".us-gov-") {
        return url.replacen("//ssm-fips.", "//ssm.", 1);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::parameter::SSM;

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
            assert_eq!(in_place_of_secrets_manager(of_secrets, &SSM, fips), of_ssm);
        }
    }
}
