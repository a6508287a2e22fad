//! AWS's error codes, by what they mean.

/// The result of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Throttled; nothing was done.
    Throttled,
    /// No valid answer. `sent`: the request may have arrived and been carried out.
    Lost { sent: bool },
    /// AWS refused; nothing was done.
    Refused,
    /// It never left this machine: no credentials, or a request that cannot be built.
    NotSent,
}

impl Class {
    /// Returns its code.
    #[cfg(feature = "metrics")]
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Lost { .. } => "lost",
            Self::Refused => "refused",
            Self::NotSent => "not_sent",
        }
    }
}

pub(super) const DENIED: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "AuthorizationErrorException",
];
/// Codes of throttled calls: nothing was done (AWS SDKs and Tools Reference Guide, "Retry
/// behavior"). `LimitExceeded` and `LimitExceededException` are not among them: here they are
/// quotas, so waiting does not help.
pub(super) const THROTTLES: &[&str] = &[
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "PriorRequestNotComplete",
    "SlowDown",
];
/// Codes of AWS's own failures: the call may have been carried out or not.
const FAILED: &[&str] = &[
    "InternalFailure",
    "InternalError",
    "InternalServiceError",
    "ServiceFailure",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "RequestTimeout",
    "RequestTimeoutException",
];
/// Codes for the caller's own credentials not being accepted.
pub(super) const UNKNOWN_KEY: &[&str] =
    &["InvalidClientTokenId", "InvalidAccessKeyId", "UnrecognizedClientException"];
/// Codes for a signature that does not match: a wrong secret, or a wrong clock.
pub(super) const BAD_SIGNATURE: &[&str] = &["SignatureDoesNotMatch", "InvalidSignatureException"];
pub(super) const EXPIRED: &[&str] =
    &["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"];
pub(super) const CLOCK: &[&str] = &["RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture"];

pub(super) fn class_of(code: Option<&str>, status: u16) -> Class {
    let code = code.unwrap_or_default();
    // If the SDK could not read the answer of a successful call, it returns an error without a
    // code.
    let unread = code.is_empty() && (200..300).contains(&status);
    if THROTTLES.contains(&code) || status == 429 {
        Class::Throttled
    } else if FAILED.contains(&code) || status >= 500 || unread {
        Class::Lost { sent: true }
    } else {
        Class::Refused
    }
}
