//! The errors of notifiers, by kind.

use keyrot_core::CallError;
use keyrot_core::engine::{NotifierError, NotifierErrorKind};

/// The receiver refuses the message.
pub(super) fn refused(text: impl Into<String>) -> NotifierError {
    NotifierError::new(NotifierErrorKind::Refused, text)
}

/// No answer came, or the receiver failed.
pub(super) fn unavailable(text: impl Into<String>) -> NotifierError {
    NotifierError::new(NotifierErrorKind::Unavailable, text)
}

/// A URL, a key or a target is not usable.
pub(super) fn setup(text: impl Into<String>) -> NotifierError {
    NotifierError::new(NotifierErrorKind::Setup, text)
}

/// A URL or a key could not be read.
pub(super) fn not_read(error: CallError) -> NotifierError {
    let kind =
        if error.is_outage() { NotifierErrorKind::Unavailable } else { NotifierErrorKind::Setup };
    NotifierError::new(kind, error.message.clone()).with_source(error)
}

/// A failure that only a bug can cause.
pub(super) fn document(error: serde_json::Error) -> NotifierError {
    NotifierError::new(
        NotifierErrorKind::Other,
        format!("the document could not be written: {error}"),
    )
    .with_source(error)
}
