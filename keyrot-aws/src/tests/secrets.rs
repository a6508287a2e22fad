//! The secret store on Secrets Manager, call by call.

mod reading;
mod writing;

use super::{Answer, json};
use keyrot_core::model::VersionId;
use serde_json::{Value, json};

const ARN: &str =
    "arn:aws:secretsmanager:eu-central-1:123456789012:secret:/iam/ci/access_key-AbCdEf";
const FOREIGN: &str = "01234567-89ab-cdef-0123-456789abcdef";

fn placeholder() -> VersionId {
    VersionId::for_placeholder(chrono::DateTime::from_timestamp(1_700_000_000, 0).unwrap())
}

fn described(stages: &Value) -> Answer {
    json(&json!({ "ARN": ARN,
                  "VersionIdsToStages": stages }))
}

fn sent(body: &str) -> Value {
    serde_json::from_str(body).unwrap()
}

fn value_of(version: &VersionId, text: &str) -> Answer {
    json(&json!({ "VersionId": version.as_str(), "SecretString": text }))
}
