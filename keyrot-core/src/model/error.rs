//! A call that failed: what went wrong, apart from whether it was carried out.

use serde::Serialize;
use std::fmt;

/// A call that failed: what went wrong, apart from whether it may have been carried out all the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error, Serialize)]
#[error("{message}")]
pub struct CallError {
    /// What went wrong.
    pub kind: ErrorKind,
    /// Whether the call may have been carried out.
    pub effect: Effect,
    /// For people: the call, the user or secret, AWS's code and message, the request id, and what to do.
    pub message: String,
}

/// What went wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
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
    /// An error after which nothing was changed.
    #[must_use]
    pub fn refused(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, effect: Effect::None, message: message.into() }
    }

    /// An error after which it is not known whether the call was carried out.
    #[must_use]
    pub fn lost(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Unavailable, effect: Effect::Unknown, message: message.into() }
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
