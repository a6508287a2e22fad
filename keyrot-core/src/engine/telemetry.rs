//! Telemetry of the engine: `tracing` with the feature `tracing`, `metrics` with the feature
//! `metrics`; without these features, this module costs nothing.
//!
//! The names are documented in [`crate::engine`]. No field has data that a call sends or returns,
//! and no user, key or secret is a label.

use crate::engine::report::Report;
use crate::machine::call::{Call, Reply};
use crate::machine::event::Event;
use crate::machine::rotation::Mode;
use crate::machine::rotation::task::Task;
use crate::model::error::CallError;
use crate::model::subject::Subject;

/// Runs the work on one user in its own span.
pub(crate) async fn in_span<F: Future>(subject: &Subject, work: F) -> F::Output {
    #[cfg(feature = "tracing")]
    {
        use tracing::Instrument;
        let span = tracing::debug_span!(
            target: "keyrot_core",
            "user",
            user = subject.user.as_str(),
            secret = subject.secret.as_str()
        );
        work.instrument(span).await
    }
    #[cfg(not(feature = "tracing"))]
    {
        let _ = subject;
        work.await
    }
}

/// Something happened to a user.
pub(crate) fn happened(event: &Event) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        target: "keyrot_core",
        user = event.user.as_str(),
        event = event.kind.code(),
        key = event.kind.key().map(crate::model::names::KeyId::as_str),
        "{}",
        event.kind
    );
    #[cfg(feature = "metrics")]
    super::metrics::happened(event);
    let _ = event;
}

/// A call of a rotation returned.
pub(crate) fn called(subject: &Subject, call: &Call, answer: &Result<Reply, CallError>) {
    #[cfg(feature = "tracing")]
    {
        let error = answer.as_ref().err();
        tracing::debug!(
            target: "keyrot_core",
            user = subject.user.as_str(),
            call = call.code(),
            error = error.map(|error| error.kind.code()),
            aws_code = error.and_then(CallError::aws_code),
            "{}",
            call.purpose()
        );
    }
    #[cfg(feature = "metrics")]
    super::metrics::called(call, answer.as_ref().err());
    let _ = (subject, call, answer);
}

/// A run is over.
pub(crate) fn ended(report: &Report, mode: Mode, task: &Task) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        target: "keyrot_core",
        users = report.users.len(),
        notifier_failures = report.notifier_failures.len(),
        "the run is over"
    );
    #[cfg(feature = "metrics")]
    super::metrics::ended(report, mode, task);
    let _ = (report, mode, task);
}
