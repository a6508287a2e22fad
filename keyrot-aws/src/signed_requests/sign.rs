//! Signatures of requests that are not made by an SDK client.

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use std::time::SystemTime;

/// Returns the headers that sign a POST request with these credentials.
pub(crate) async fn headers(
    provider: &SharedCredentialsProvider,
    (service, region): (&str, &str),
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Vec<(String, String)>, String> {
    let credentials = provider.provide_credentials().await.map_err(|error| {
        let no = crate::credentials::no_credentials::explain(&error);
        no.map_or_else(
            || "no AWS credentials".to_owned(),
            |no| format!("{}. {}", no.said, no.advice),
        )
    })?;
    let identity = credentials.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .map_err(|e| e.to_string())?;
    let own = headers.iter().copied();
    let signable = SignableRequest::new("POST", url, own, SignableBody::Bytes(body))
        .map_err(|e| e.to_string())?;
    let (instructions, _) = sign(signable, &params.into()).map_err(|e| e.to_string())?.into_parts();
    let signed = instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
    Ok(signed.collect())
}
