//! The errors of notifiers, by kind.

use keyrot_core::CallError;
use keyrot_core::engine::{NotifierError, NotifierErrorKind};

/// Returns the error for a message that the receiver refuses.
pub(super) fn refused(text: impl Into<String>) -> NotifierError {
    NotifierError::new(NotifierErrorKind::Refused, text)
}

/// Returns the error for a missing answer, or a receiver that failed.
pub(super) fn unavailable(text: impl Into<String>) -> NotifierError {
    NotifierError::new(NotifierErrorKind::Unavailable, text)
}

/// Returns the error for an unusable URL, key or target.
pub(super) fn setup(text: impl Into<String>) -> NotifierError {
    NotifierError::new(NotifierErrorKind::Setup, text)
}

/// Returns the error for a URL or a key that could not be read.
pub(super) fn not_read(error: CallError) -> NotifierError {
    let kind =
        if error.is_outage() { NotifierErrorKind::Unavailable } else { NotifierErrorKind::Setup };
    NotifierError::new(kind, error.message.clone()).with_source(error)
}

/// Returns the error for a failure that only a bug can cause.
pub(super) fn document(error: serde_json::Error) -> NotifierError {
    NotifierError::new(
        NotifierErrorKind::Other,
        format!("the document could not be written: {error}"),
    )
    .with_source(error)
}
