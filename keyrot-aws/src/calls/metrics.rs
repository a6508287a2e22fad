//! The metrics of calls to AWS, for the recorder that your program installs with the crate
//! [`metrics`](https://docs.rs/metrics).
//!
//! No label names a user, a key or a secret. The metrics of runs are in
//! [`keyrot_core::engine::metrics`].
//!
//! | name | kind, unit | labels | what it says |
//! |---|---|---|---|
//! | `keyrot_aws_calls_total` | counter | `action`, `result` | calls, each with all its attempts; `result` is `ok` or an [`ErrorKind::code`] |
//! | `keyrot_aws_attempts_total` | counter | `action`, `result` | attempts; `result` is `ok`, `refused`, `throttled`, `lost` (no answer) or `not_sent` |
//! | `keyrot_aws_attempt_duration_seconds` | histogram, seconds | `action` | from the sending of an attempt to its answer, or to its end without one |
//!
//! `action` is an IAM action that keyrot uses, such as `iam:CreateAccessKey`. STS calls with a
//! rotated key are counted, too.

use ::metrics::{Unit, counter, describe_counter, describe_histogram, histogram};
use keyrot_core::ErrorKind;
use std::time::Duration;

/// Calls, each with all its attempts.
pub const CALLS: &str = "keyrot_aws_calls_total";
/// Attempts.
pub const ATTEMPTS: &str = "keyrot_aws_attempts_total";
/// How long attempts took.
pub const ATTEMPT_DURATION: &str = "keyrot_aws_attempt_duration_seconds";

/// Registers the units and descriptions of all these metrics with the recorder. Call it once, after
/// you installed the recorder.
pub fn describe() {
    describe_counter!(CALLS, Unit::Count, "Calls to AWS, each with all its attempts");
    describe_counter!(ATTEMPTS, Unit::Count, "Attempts at calls to AWS");
    describe_histogram!(ATTEMPT_DURATION, Unit::Seconds, "How long attempts at calls to AWS took");
}

pub(crate) fn call(action: &'static str, failed: Option<ErrorKind>) {
    let result = failed.map_or("ok", ErrorKind::code);
    counter!(CALLS, "action" => action, "result" => result).increment(1);
}

pub(crate) fn attempt(action: &'static str, result: &'static str, took: Duration) {
    counter!(ATTEMPTS, "action" => action, "result" => result).increment(1);
    histogram!(ATTEMPT_DURATION, "action" => action).record(took.as_secs_f64());
}
