//! Converts the SDK's errors to keyrot's: what went wrong, whether the call may have been carried
//! out, and a message that names the call, its subject, AWS's code and message, the request id, and
//! what to do.
//!
//! The SDK's own texts may contain secrets: bodies and parser errors are never quoted, and AWS's
//! messages are scrubbed of secrets that were sent and of anything that looks like a secret access
//! key.

pub(crate) mod aws_error;
mod codes;
pub(crate) mod wording;

use crate::calls::errors::aws_error::{AwsError, Link};
use crate::calls::errors::wording::{denied_action, is_about_kms, is_clock};
use crate::calls::op::{Op, Repeat};
use crate::credentials::no_credentials::explain;
use crate::error_text::scrub::scrub;
use crate::error_text::{deepest, find, joined, links};
use crate::hosts::is_aws;
use crate::http::guarded::Asked;
use crate::http::unreached::Unreached;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use http_body_util::LengthLimitError;
use keyrot_core::model::{Partition, WrongClock};
use keyrot_core::{CallError, ErrorKind};
use std::error::Error;

pub(crate) use codes::Class;
use codes::{BAD_SIGNATURE, CLOCK, DENIED, EXPIRED, THROTTLES, UNKNOWN_KEY, class_of};

/// One failed attempt.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) class: Class,
    pub(crate) code: Option<String>,
    /// What happened.
    said: String,
    /// The causes in the SDK's words, unless they quote an answer.
    causes: Vec<String>,
    pub(crate) request_id: Option<String>,
    /// What to do, if AWS's answer does not show it.
    advice: Option<String>,
    /// The host that answered.
    host: Option<String>,
    /// The next attempt would fail in the same way.
    pub(crate) is_lasting: bool,
    /// The answer shows that this machine's clock is wrong.
    clock: Option<WrongClock>,
}

/// A call that failed for good: the error for the port's caller, and AWS's code for the port
/// itself.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) code: Option<String>,
    /// AWS's message.
    pub(crate) detail: String,
    /// Whether it was refused because of this machine's clock, which says nothing about the
    /// credentials.
    pub(crate) by_clock: bool,
    pub(crate) error: CallError,
}

impl From<Failure> for CallError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

impl Failure {
    pub(crate) fn is(&self, codes: &[&str]) -> bool {
        self.code.as_deref().is_some_and(|code| codes.contains(&code))
    }

    pub(crate) fn is_denied(&self) -> bool {
        self.is(DENIED)
    }

    /// Returns the error with another kind.
    pub(crate) fn of_kind(mut self, kind: ErrorKind) -> CallError {
        self.error.kind = kind;
        self.error
    }
}

const NOT_VALID: &str = "keyrot's own credentials are not valid, or no longer: renew them, for example with `aws sso login`, and check AWS_PROFILE";
/// What the SDK's endpoint rules say about settings that contradict each other.
const BAD_ENDPOINT: &str = "Invalid Configuration:";
/// The text before the request id in a message. A parenthesis follows the id.
const REQUEST_ID: &str = " (request id ";
const CLOCK_ADVICE: &str =
    "This machine's clock is off by more than five minutes: set it, then run again";
impl Fault {
    pub(crate) fn read<E: ProvideErrorMetadata + Error + 'static>(
        error: &SdkError<E, HttpResponse>,
    ) -> Self {
        match error {
            SdkError::ServiceError(answer) => {
                let (service, raw) = (answer.err(), answer.raw());
                let status = raw.status().as_u16();
                let code = service.code().map(plain);
                let said = service.message().map(ToOwned::to_owned).unwrap_or_else(|| match status {
                    200..300 => format!("the answer could not be read (HTTP {status})"),
                    _ => format!("HTTP {status}, without an AWS error code; is a proxy or another server in between?"),
                });
                let class = class_of(code.as_deref(), status);
                let clock = raw.extension::<WrongClock>().copied();
                Self {
                    class,
                    code,
                    said,
                    causes: Vec::new(),
                    request_id: request_id(raw),
                    advice: None,
                    host: host(raw),
                    is_lasting: false,
                    clock,
                }
            }
            SdkError::ResponseError(answer) => {
                // The cause may quote the answer, which may contain a secret.
                let status = answer.raw().status().as_u16();
                let said = match find::<LengthLimitError>(error) {
                    Some(_) => format!(
                        "the answer was longer than any of AWS's and was not read (HTTP {status})"
                    ),
                    None => format!("the answer broke off or could not be read (HTTP {status})"),
                };
                Self {
                    request_id: request_id(answer.raw()),
                    ..Self::without_code(Class::Lost { sent: true }, said)
                }
            }
            SdkError::TimeoutError(_) => {
                Self::without_code(Class::Lost { sent: true }, "no answer in time")
            }
            SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
                Some(cause) => Self::not_answered(cause),
                None => Self::without_code(Class::Lost { sent: true }, "the connection failed"),
            },
            // This is ConstructionFailure, or a variant that the SDK adds later: no request was
            // sent.
            SdkError::ConstructionFailure(_) => {
                Self::without_code(Class::NotSent, "the request could not be made").caused(error)
            }
            _ => Self::without_code(Class::Lost { sent: true }, "the call failed").caused(error),
        }
    }

    fn without_code(class: Class, said: impl Into<String>) -> Self {
        let said = said.into();
        Self {
            class,
            code: None,
            said,
            causes: Vec::new(),
            request_id: None,
            advice: None,
            host: None,
            is_lasting: false,
            clock: None,
        }
    }

    fn caused(self, causes: &dyn Error) -> Self {
        Self { causes: links(causes), ..self }
    }

    /// Returns the causes in the SDK's words, on one line, for logs: an error has keyrot's own
    /// sentence.
    pub(crate) fn causes(&self, op: &Op<'_>) -> Option<String> {
        (!self.causes.is_empty()).then(|| scrub(&joined(&self.causes), &op.hidden))
    }

    fn is_about_time(&self) -> bool {
        is_clock(&self.said) || self.causes.iter().any(|cause| is_clock(cause))
    }

    fn not_answered(cause: &ConnectorError) -> Self {
        if let Some(no) = explain(cause) {
            let fault = Self::without_code(Class::NotSent, no.said).caused(cause);
            // The provider's own signature may have been refused, such as for a role.
            let clock = fault.is_about_time();
            let advice = if clock { CLOCK_ADVICE.to_owned() } else { no.advice };
            return Self { advice: Some(advice), ..fault };
        }
        if let Some(unreached) = find::<Unreached>(cause) {
            let class = Class::Lost { sent: unreached.reason.sent() };
            let fault = Self::without_code(class, &unreached.said);
            let fault = unreached.source().map_or(fault.clone(), |below| fault.caused(below));
            let advice = (!unreached.reason.sent()).then(|| unreached.advice.clone());
            return Self { advice, is_lasting: unreached.is_lasting, ..fault };
        }
        if let Some(why) = links(cause).iter().find_map(|text| text.split_once(BAD_ENDPOINT)) {
            let said = format!("the endpoint cannot be used: {}", why.1.trim());
            return Self::without_code(Class::NotSent, said).caused(cause);
        }
        let class = if cause.is_user() { Class::NotSent } else { Class::Lost { sent: true } };
        // If keyrot itself refused to send the request, it has its own message.
        let said = match deepest(cause) {
            Some(refused) if cause.is_user() => format!("the request was not sent: {refused}"),
            _ if cause.is_user() => "the request could not be sent".to_owned(),
            _ => "the call failed before it was sent, or while it was".to_owned(),
        };
        Self::without_code(class, said).caused(cause)
    }

    pub(crate) fn into_failure(self, op: &Op<'_>, attempts: u32, unknown: bool) -> Failure {
        let detail = scrub(&self.said, &op.hidden);
        let kind = self.kind();
        let by_clock = self.is_by_clock();
        let verb = if by_clock { "was refused" } else { "failed" };
        let mut message = format!("{} for {} {verb}", op.action, op.subject);
        if attempts > 1 {
            message += &format!(" in {} attempts", attempts);
        }
        let code = self.code.as_deref().map(|code| scrub(code, &op.hidden));
        let mut reason = match &code {
            Some(code) => format!("{code}: {detail}"),
            None => detail.clone(),
        };
        message += &format!(": {reason}");
        let request_id = self.request_id.as_deref().map(|id| scrub(id, &op.hidden));
        if let Some(id) = &request_id {
            message += &format!("{REQUEST_ID}{id})");
        }
        if let Some(hint) = self.hint(op, &detail) {
            message += &format!(". {hint}");
            reason += &format!(". {hint}");
        }
        let unknown = unknown && op.repeat != Repeat::Read;
        if unknown {
            message += ". It is not known whether it was carried out";
        }
        let source = AwsError {
            code: code.clone(),
            request_id,
            attempts,
            message: scrub(&self.said, &op.hidden),
            source: Link::chain(self.causes.iter().map(|cause| scrub(cause, &op.hidden))),
        };
        let error = CallError::new(kind, op.effect(unknown), message)
            .with_aws_code(code.clone())
            .with_reason(reason)
            .with_source(source);
        Failure { code, detail, by_clock, error }
    }

    /// Whether a signature was refused because of its time, not because of the secret.
    fn is_by_clock(&self) -> bool {
        let code = self.code.as_deref().unwrap_or_default();
        CLOCK.contains(&code)
            || (BAD_SIGNATURE.contains(&code) && (self.clock.is_some() || self.is_about_time()))
    }

    fn kind(&self) -> ErrorKind {
        match self.class {
            Class::Throttled => return ErrorKind::Throttled,
            Class::Lost { .. } => return ErrorKind::Unavailable,
            Class::NotSent => return ErrorKind::Other,
            Class::Refused => {}
        }
        match self.code.as_deref().unwrap_or_default() {
            code if DENIED.contains(&code) => ErrorKind::Denied,
            "NoSuchEntity" | "NoSuchEntityException" | "ResourceNotFoundException" => {
                ErrorKind::NotFound
            }
            "LimitExceeded" | "LimitExceededException" => ErrorKind::LimitExceeded,
            "ResourceExistsException"
            | "EntityAlreadyExists"
            | "ConcurrentModification"
            | "ConcurrentModificationException"
            | "EntityTemporarilyUnmodifiable" => ErrorKind::Conflict,
            _ => ErrorKind::Other,
        }
    }

    /// Names the partition that was called: other partitions do not know its keys (AWS General
    /// Reference, "Amazon Resource Names": "A partition is a group of AWS Regions. Each AWS account
    /// is scoped to one partition").
    fn called_partition(&self) -> String {
        match self.host.as_deref().filter(|host| is_aws(host)) {
            Some(host) => {
                let partition = partition_of(host);
                format!(
                    ". {host} belongs to {partition}, where keys of another partition (commercial, AWS GovCloud, China) are unknown"
                )
            }
            None => String::new(),
        }
    }

    fn hint(&self, op: &Op<'_>, detail: &str) -> Option<String> {
        if let Some(advice) = &self.advice {
            return Some(advice.clone());
        }
        let code = self.code.as_deref()?;
        if DENIED.contains(&code) && op.action == "sts:GetCallerIdentity" {
            // The call needs no permission, and no policy of the caller can deny it (STS API
            // reference, GetCallerIdentity).
            return Some(
                "No IAM policy can deny this call: check the policy of the VPC endpoint for STS, and the proxy"
                    .to_owned(),
            );
        }
        if DENIED.contains(&code) {
            let missing = denied_action(detail).unwrap_or(op.action);
            let key = if is_about_kms(detail) && !missing.starts_with("kms:") {
                " and the use of the secret's KMS key (kms:Decrypt, kms:GenerateDataKey)"
            } else {
                ""
            };
            return Some(format!(
                "keyrot's own credentials need {missing}{key}; an explicit deny, a permissions boundary, a session policy or an \
                 organization's policy may also withhold it"
            ));
        }
        Some(match code {
            "LimitExceeded" if op.action == "iam:CreateAccessKey" => {
                "A user has at most two keys, Inactive ones count, and no quota can be raised: one has to go first".to_owned()
            }
            code if UNKNOWN_KEY.contains(&code) => format!("{NOT_VALID}, and whether the region is enabled for the account{}", self.called_partition()),
            code if EXPIRED.contains(&code) => NOT_VALID.to_owned(),
            _ if self.is_by_clock() => match self.clock {
                Some(wrong) => format!("{}: set it, then run again", capital(&wrong.to_string())),
                None => CLOCK_ADVICE.to_owned(),
            },
            code if BAD_SIGNATURE.contains(&code) => {
                "The secret access key that keyrot calls with does not fit its id: check the credentials".to_owned()
            }
            "DecryptionFailure" | "EncryptionFailure" | "KMSInvalidStateException" => {
                "The secret's KMS key cannot be used: check that it exists, is enabled, and that its policy lets keyrot use it".to_owned()
            }
            code if THROTTLES.contains(&code) => {
                "AWS limits the rate of such calls for the whole account: lower the concurrency, or find who else calls so often".to_owned()
            }
            _ => return None,
        })
    }
}

/// Returns the partition of an AWS host, in words.
fn partition_of(host: &str) -> &'static str {
    match Partition::of_host(host) {
        Partition::China => "the China regions",
        Partition::Government => "AWS GovCloud (US)",
        Partition::European => "the AWS European Sovereign Cloud",
        _ => "the commercial regions",
    }
}

/// Returns the host that was called, without its port.
fn host(raw: &HttpResponse) -> Option<String> {
    let uri: http::Uri = raw.extension::<Asked>()?.0.parse().ok()?;
    uri.host().map(str::to_owned)
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// Returns the request id from the header or, if a service leaves that out, from the XML of IAM and
/// STS.
fn request_id(raw: &HttpResponse) -> Option<String> {
    let header =
        ["x-amzn-requestid", "x-amz-request-id"].iter().find_map(|name| raw.headers().get(name));
    let in_body = || {
        let text = std::str::from_utf8(raw.body().bytes()?).ok()?;
        Some(text.split_once("<RequestId>")?.1.split_once("</RequestId>")?.0)
    };
    let id = header.or_else(in_body)?;
    let sound = |id: &str| {
        !id.is_empty()
            && id.len() <= 80
            && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    sound(id).then(|| id.to_owned())
}

/// Returns a message, or a text that quotes one, without the request id.
#[cfg(feature = "notify")]
pub(crate) fn without_request_id(text: &str) -> String {
    match text.split_once(REQUEST_ID).and_then(|(before, id)| Some((before, id.split_once(')')?))) {
        Some((before, (_, after))) => format!("{before}{after}"),
        None => text.to_owned(),
    }
}

fn plain(code: &str) -> String {
    code.chars().filter(|c| c.is_ascii_alphanumeric() || ".:_-".contains(*c)).take(80).collect()
}
