//! A failed call: what went wrong, and separately whether it was carried out.

use crate::model::cause::Cause;
use serde::Serialize;
use std::error::Error;
use std::fmt;

/// A failed call: what went wrong, and separately whether it may have been carried out anyway.
///
/// Its message is complete. [`source`](Error::source) is the underlying error, if the port kept
/// one: in `keyrot_aws`, an `AwsError`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct CallError {
    /// What went wrong.
    pub kind: ErrorKind,
    /// Whether the call may have been carried out.
    pub effect: Effect,
    /// The message: the call, the user or secret, AWS's code and message, the request id, and what
    /// to do.
    pub message: String,
    #[serde(skip)]
    code: Option<String>,
    #[serde(skip)]
    reason: Option<String>,
    #[serde(skip)]
    cause: Option<Cause>,
}

/// What went wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The permission is missing.
    Denied,
    /// Too many calls; retries did not help.
    Throttled,
    /// The target changed since it was read: another process was faster.
    Conflict,
    /// The user, key, secret or version does not exist.
    NotFound,
    /// An AWS limit, such as two access keys per user.
    LimitExceeded,
    /// No answer, or AWS failed (5xx, timeout, connection).
    Unavailable,
    /// The call was acknowledged, but a later read does not show it.
    NoEffect,
    /// A destination has the key, but what has to follow there is not finished, such as a restart
    /// of its consumers. This is not a failure: the next run checks again.
    InProgress,
    /// Anything else: refused as invalid, or an answer that could not be read.
    Other,
}

/// Whether a call that failed may have been carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Certainly not: AWS refused it, in every attempt.
    None,
    /// Perhaps: an answer was lost.
    Unknown,
}

impl CallError {
    /// Whether there was no answer at all. A denial, or a missing object, is an answer.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        matches!(self.kind, ErrorKind::Unavailable | ErrorKind::Throttled)
    }

    /// Returns an error without an AWS code.
    #[must_use]
    pub fn new(kind: ErrorKind, effect: Effect, message: impl Into<String>) -> Self {
        Self { kind, effect, message: message.into(), code: None, reason: None, cause: None }
    }

    /// Returns the error with AWS's code.
    #[must_use]
    pub fn with_aws_code(self, code: Option<String>) -> Self {
        Self { code, ..self }
    }

    /// Returns the error with only the reason from its message: without the call, its subject, the
    /// number of attempts, and the request id.
    #[must_use]
    pub fn with_reason(self, reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..self }
    }

    /// Returns why the call failed. The text is the same for each user with the same failure.
    /// `None` if the port returned only the whole message.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Returns the error with its source. The source's whole chain must be free of secret material.
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { cause: Some(Cause::new(source)), ..self }
    }

    /// Returns AWS's code, such as `NoSuchEntity`; `None` if no answer from AWS had one.
    #[must_use]
    pub fn aws_code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// Returns an error of a call that changed nothing.
    #[must_use]
    pub fn refused(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::new(kind, Effect::None, message)
    }

    /// Returns an error of a call that may have been carried out.
    #[must_use]
    pub fn lost(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, Effect::Unknown, message)
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for CallError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(Cause::as_error)
    }
}

impl ErrorKind {
    /// Returns its code, one word for programs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Throttled => "throttled",
            Self::Conflict => "conflict",
            Self::NotFound => "not_found",
            Self::LimitExceeded => "limit_exceeded",
            Self::Unavailable => "unavailable",
            Self::NoEffect => "no_effect",
            Self::InProgress => "in_progress",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Denied => "denied",
            Self::Throttled => "throttled",
            Self::Conflict => "conflict",
            Self::NotFound => "not found",
            Self::LimitExceeded => "limit exceeded",
            Self::Unavailable => "unavailable",
            Self::NoEffect => "no effect",
            Self::InProgress => "in progress",
            Self::Other => "refused",
        })
    }
}
