//! The steps of Secrets Manager's own rotation.

use crate::model::names::VersionId;
use serde::{Deserialize, Serialize};

/// A step that Secrets Manager orders from its rotation function (Secrets Manager user guide,
/// "Rotation by Lambda function").
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RotationStep {
    /// The step to do.
    pub step: StepName,
    /// The version that it is about: the event's `ClientRequestToken`.
    pub version: VersionId,
}

/// One of four steps. Each may be ordered again, after a failure or a lost answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StepName {
    /// Create a key and put it into the version.
    CreateSecret,
    /// Set the key in IAM. There is nothing to do, because IAM created it.
    SetSecret,
    /// Verify the key.
    TestSecret,
    /// Make the version current.
    FinishSecret,
}
