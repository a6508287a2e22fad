//! The error of a notifier.

use crate::model::cause::Cause;
use crate::model::error::{CallError, ErrorKind};
use serde::{Serialize, Serializer};
use std::error::Error;
use std::fmt;

/// The reason why a notifier failed. The message is complete; [`source`](Error::source) is the
/// underlying error, if one was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotifierError {
    /// What went wrong.
    pub kind: NotifierErrorKind,
    /// The message, without secret material.
    pub message: String,
    cause: Option<Cause>,
}

/// What went wrong with a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotifierErrorKind {
    /// The receiver refuses it, and will keep refusing until something is changed.
    Refused,
    /// There was no answer, or the receiver failed: the next run may succeed.
    Unavailable,
    /// The notifier's own URL, key or target could not be read, or is not usable.
    Setup,
    /// The notifier exceeded its time limit, and was stopped.
    TimedOut,
    /// The notifier's code panicked.
    Panicked,
    /// Anything else.
    Other,
}

impl NotifierError {
    /// Returns an error of this kind. The message must not contain secret material.
    #[must_use]
    pub fn new(kind: NotifierErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), cause: None }
    }

    /// Returns the error with its source. The source's whole chain must be free of secret material.
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { cause: Some(Cause::new(source)), ..self }
    }
}

impl fmt::Display for NotifierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for NotifierError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(Cause::as_error)
    }
}

/// Documents contain the message.
impl Serialize for NotifierError {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.message)
    }
}

impl From<CallError> for NotifierError {
    fn from(error: CallError) -> Self {
        let kind = match error.kind {
            ErrorKind::Throttled | ErrorKind::Unavailable => NotifierErrorKind::Unavailable,
            ErrorKind::Denied
            | ErrorKind::Conflict
            | ErrorKind::NotFound
            | ErrorKind::LimitExceeded
            | ErrorKind::NoEffect
            | ErrorKind::InProgress
            | ErrorKind::Other => NotifierErrorKind::Refused,
        };
        Self::new(kind, error.message.clone()).with_source(error)
    }
}

impl From<String> for NotifierError {
    fn from(message: String) -> Self {
        Self::new(NotifierErrorKind::Other, message)
    }
}

impl From<&str> for NotifierError {
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}
