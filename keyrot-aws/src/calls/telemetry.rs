//! Telemetry of the calls to AWS: `tracing` with the feature `tracing`, `metrics` with the feature
//! `metrics`; without these features, this module costs nothing.
//!
//! The names are documented in [`crate`]. No field holds AWS's messages, or the content of a
//! request or an answer.

use crate::calls::errors::{Class, Failure, Fault};
use crate::calls::op::Op;
#[cfg(feature = "tracing")]
use crate::error_text::scrub::scrub;
use std::time::Duration;

/// Runs the attempts of one call in a separate span.
pub(crate) async fn in_span<F: Future>(op: &Op<'_>, attempts: F) -> F::Output {
    #[cfg(feature = "tracing")]
    {
        use tracing::Instrument;
        let span = tracing::debug_span!("aws_call", action = op.action, subject = op.subject);
        attempts.instrument(span).await
    }
    #[cfg(not(feature = "tracing"))]
    {
        let _ = op;
        attempts.await
    }
}

/// Records the end of a call, with all its attempts.
pub(crate) fn ended<T>(op: &Op<'_>, result: &Result<T, Failure>) {
    #[cfg(feature = "metrics")]
    crate::calls::metrics::call(op.action, result.as_ref().err().map(|failure| failure.error.kind));
    let _ = (op, result);
}

/// Records an attempt that was answered.
pub(crate) fn answered(op: &Op<'_>, attempt: u32, took: Duration) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        action = op.action,
        subject = op.subject,
        attempt,
        took_ms = millis(took),
        "AWS answered"
    );
    #[cfg(feature = "metrics")]
    crate::calls::metrics::attempt(op.action, "ok", took);
    let _ = (op, attempt, took);
}

/// Records a failed attempt. `again` is the wait before the next one.
pub(crate) fn failed(
    op: &Op<'_>,
    attempt: u32,
    took: Duration,
    fault: &Fault,
    again: Option<Duration>,
) {
    let what = match fault.class {
        Class::Throttled => "AWS throttled the call",
        Class::Lost { .. } => "no answer came",
        Class::Refused => "AWS refused the call",
        Class::NotSent => "the call was not sent",
    };
    #[cfg(feature = "tracing")]
    {
        macro_rules! event {
            ($level:ident) => {
                tracing::$level!(
                    action = op.action,
                    subject = op.subject,
                    attempt,
                    took_ms = millis(took),
                    code = fault.code.as_deref().map(|code| scrub(code, &op.hidden)),
                    request_id = fault.request_id.as_deref(),
                    retry_in_ms = again.map(millis),
                    "{what}"
                )
            };
        }
        match fault.class {
            // The call may have been carried out, so this is logged at the default level.
            Class::Lost { sent: true } => event!(warn),
            _ => event!(debug),
        }
        // The error says in one sentence what happened.
        if let Some(causes) = fault.causes(op) {
            tracing::warn!(
                action = op.action,
                subject = op.subject,
                attempt,
                causes,
                "the SDK says why"
            );
        }
    }
    #[cfg(feature = "metrics")]
    crate::calls::metrics::attempt(op.action, fault.class.code(), took);
    let _ = (op, attempt, took, what, again);
}

#[cfg(feature = "tracing")]
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
