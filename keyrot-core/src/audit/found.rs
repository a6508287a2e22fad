//! What a rule found, and which controls that violates.

use crate::audit::controls::{Control, controls_of};
use crate::audit::kind::{FindingKind, FindingSeverity};
use crate::model::time::Timestamp;
use crate::report::hint::Hint;
use std::time::Duration;

/// The content of a finding, without its subject.
pub(crate) struct Found {
    pub(crate) kind: FindingKind,
    pub(crate) severity: FindingSeverity,
    pub(crate) message: String,
    pub(crate) hints: Vec<Hint>,
    pub(crate) since: Option<Timestamp>,
    pub(crate) controls: Vec<Control>,
}

impl Found {
    /// It violates the controls that set no limit.
    pub(crate) fn new(
        kind: FindingKind,
        severity: FindingSeverity,
        message: String,
        hints: Vec<Hint>,
    ) -> Self {
        Self { kind, severity, message, hints, since: None, controls: broken(kind, None) }
    }

    pub(crate) fn since(self, when: Timestamp) -> Self {
        Self { since: Some(when), ..self }
    }
}

/// A key's age or idle time, to compare with limits.
#[derive(Clone, Copy)]
pub(crate) enum Reached {
    /// A limit is violated once it is exceeded.
    Past(Duration),
    /// A limit is violated once it is reached.
    At(Duration),
}

/// Returns the controls that a finding violates, by the key's age or idle time.
pub(crate) fn broken(kind: FindingKind, reached: Option<Reached>) -> Vec<Control> {
    let is_broken = |control: &&Control| match (control.limit, reached) {
        (Some(limit), Some(Reached::Past(time))) => time > limit,
        (Some(limit), Some(Reached::At(time))) => time >= limit,
        (limit, _) => limit.is_none(),
    };
    controls_of(kind).filter(is_broken).copied().collect()
}
