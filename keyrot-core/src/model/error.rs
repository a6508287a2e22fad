//! A call that failed: what went wrong, apart from whether it was carried out.

use crate::model::cause::Cause;
use serde::Serialize;
use std::error::Error;
use std::fmt;

/// A call that failed: what went wrong, apart from whether it may have been carried out all the
/// same.
///
/// Its message is complete. [`source`](Error::source) is the error that it was made from, where the
/// port kept one: of `keyrot_aws`, an `AwsError`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct CallError {
    /// What went wrong.
    pub kind: ErrorKind,
    /// Whether the call may have been carried out.
    pub effect: Effect,
    /// For people: the call, the user or secret, AWS's code and message, the request id, and what
    /// to do.
    pub message: String,
    #[serde(skip)]
    code: Option<String>,
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
    /// Too many calls; already retried as long as was reasonable.
    Throttled,
    /// What was to be changed is no longer as it was seen: somebody else was faster.
    Conflict,
    /// The user, key, secret or version is not there.
    NotFound,
    /// An AWS limit, such as two access keys a user.
    LimitExceeded,
    /// No answer, or AWS failed (5xx, time-out, connection).
    Unavailable,
    /// It was acknowledged, and what is read afterwards does not show it.
    NoEffect,
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
    /// Whether it says nothing of what was asked for, only that no answer could be had. A denial,
    /// or something that is gone, is an answer.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        matches!(self.kind, ErrorKind::Unavailable | ErrorKind::Throttled)
    }

    /// An error, without a code of AWS's.
    #[must_use]
    pub fn new(kind: ErrorKind, effect: Effect, message: impl Into<String>) -> Self {
        Self { kind, effect, message: message.into(), code: None, cause: None }
    }

    /// The same error, with the code that AWS gave it.
    #[must_use]
    pub fn with_aws_code(self, code: Option<String>) -> Self {
        Self { code, ..self }
    }

    /// The same error, with the one that it was made from. That one's whole chain must be free of
    /// secret material.
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { cause: Some(Cause::new(source)), ..self }
    }

    /// The code that AWS gave it, such as `NoSuchEntity`; `None` if no answer of AWS's had one.
    #[must_use]
    pub fn aws_code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// An error after which nothing was changed.
    #[must_use]
    pub fn refused(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::new(kind, Effect::None, message)
    }

    /// An error after which it is not known whether the call was carried out.
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
    /// One word for it, for machines.
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
            Self::Other => "refused",
        })
    }
}
