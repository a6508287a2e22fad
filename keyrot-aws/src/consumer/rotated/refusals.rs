//! Detects that AWS refuses a key.

use super::RotatedCredentials;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::FinalizerInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// The error codes by which AWS refuses an access key that does not exist, or is Inactive: those of
/// most services, of services with JSON protocols, and of S3 (IAM user guide, "Troubleshoot access
/// denied error messages"; S3 API reference, "Error responses").
const CODES: [&str; 3] =
    ["InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId"];

/// An interceptor that makes a [`RotatedCredentials`] read its key again once AWS refuses it.
///
/// ```no_run
/// # fn example(config: &keyrot_aws::SdkConfig, ci: keyrot_aws::RotatedCredentials) {
/// use aws_sdk_sts::config::{Builder, IdentityCache};
///
/// let config = Builder::from(config)
///     .interceptor(ci.refusals())
///     .credentials_provider(ci)
///     .identity_cache(IdentityCache::no_cache());
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Refusals {
    key: RotatedCredentials,
}

impl Refusals {
    pub(super) fn of(key: RotatedCredentials) -> Self {
        Self { key }
    }
}

impl Intercept for Refusals {
    fn name(&self) -> &'static str {
        "keyrot refusals"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(response) = context.response() else { return Ok(()) };
        let header = response.headers().get("x-amzn-errortype").unwrap_or_default();
        let body = response.body().bytes().unwrap_or_default();
        if is_refusal(response.status().as_u16(), header, body) {
            self.key.invalidate();
        }
        Ok(())
    }
}

/// Whether the answer refuses the key. The code is in a header, in JSON or in XML, depending on the
/// service's protocol; a forged code elsewhere in an error only causes another read of the secret.
fn is_refusal(status: u16, header: &str, body: &[u8]) -> bool {
    let named = |text: &[u8]| {
        CODES.iter().any(|code| text.windows(code.len()).any(|part| part == code.as_bytes()))
    };
    (400..=403).contains(&status) && (named(header.as_bytes()) || named(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_recognized_in_each_protocol() {
        let xml =
            b"<ErrorResponse><Error><Code>InvalidClientTokenId</Code></Error></ErrorResponse>";
        assert!(is_refusal(403, "", xml));
        assert!(is_refusal(400, "", br#"{"__type":"UnrecognizedClientException"}"#));
        assert!(is_refusal(403, "", b"<Error><Code>InvalidAccessKeyId</Code></Error>"));
        assert!(is_refusal(403, "UnrecognizedClientException", b""));
        assert!(
            !is_refusal(403, "AccessDeniedException", b"<Code>AccessDenied</Code>"),
            "the key works"
        );
        assert!(!is_refusal(200, "", xml) && !is_refusal(500, "", xml));
    }
}
