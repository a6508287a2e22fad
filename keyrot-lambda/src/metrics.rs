//! Metrics in CloudWatch's embedded metric format: it needs only a line of JSON on stdout, and no
//! call to AWS.
//!
//! One namespace, one dimension (the function): a dimension for each user would cost one more
//! metric for each user, and no alarm would use it.

use keyrot_core::report::Counts;
use keyrot_core::{RunDocument, Timestamp};
use serde_json::{Value, json};

/// The namespace.
pub(crate) const NAMESPACE: &str = "keyrot";

/// Returns the metrics of a whole pass over the account: the state of all users, and what was done.
pub(crate) fn of_sweep(function: &str, document: &RunDocument) -> Value {
    let counts = &document.counts;
    let mut metrics = vec![
        ("UsersSelected", "Count", counts.users as f64),
        ("UsersHeld", "Count", counts.held as f64),
        ("UsersBlocked", "Count", counts.blocked as f64),
        ("OldestKeyAge", "None", counts.oldest_key_days as f64),
        ("RunTime", "Milliseconds", milliseconds(document)),
    ];
    metrics.extend(done(counts));
    line(function, document.finished, &metrics)
}

/// Returns the metrics of a pass over some users, or of a rotation step: what was done. It does not
/// know the state of the account.
pub(crate) fn of_part(function: &str, document: &RunDocument) -> Value {
    line(function, document.finished, &done(&document.counts))
}

fn done(counts: &Counts) -> [(&'static str, &'static str, f64); 4] {
    [
        ("KeysRotated", "Count", counts.rotated as f64),
        ("KeysRetired", "Count", counts.retired as f64),
        ("KeysDeleted", "Count", counts.deleted as f64),
        ("UsersFailed", "Count", counts.failed as f64),
    ]
}

fn milliseconds(document: &RunDocument) -> f64 {
    (document.finished - document.started).num_milliseconds().max(0) as f64
}

/// Source: CloudWatch user guide, "Specification: Embedded metric format".
fn line(function: &str, at: Timestamp, metrics: &[(&str, &str, f64)]) -> Value {
    let names: Vec<Value> =
        metrics.iter().map(|(name, unit, _)| json!({ "Name": name, "Unit": unit })).collect();
    let directive =
        json!({ "Namespace": NAMESPACE, "Dimensions": [["Function"]], "Metrics": names });
    let mut line = json!({
        "_aws": { "Timestamp": at.timestamp_millis(), "CloudWatchMetrics": [directive] },
        "Function": function,
    });
    for (name, _, value) in metrics {
        line[*name] = json!(value);
    }
    line
}
