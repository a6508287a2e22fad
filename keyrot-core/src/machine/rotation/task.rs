//! The task of a run for its user.

use crate::model::request::Request;
use crate::model::step::RotationStep;

/// The task of a run for its user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum Task {
    /// Every step that is due, as a scheduled run does.
    #[default]
    Everything,
    /// Only this step, which Secrets Manager ordered.
    RotationStep(RotationStep),
    /// An operator's request, and the steps that it needs.
    Request(Request),
}

impl Task {
    /// Returns the operator's reason.
    pub(super) fn reason(&self) -> Option<&str> {
        match self {
            Self::Request(Request::Revoke(order)) => order.reason.as_deref(),
            _ => None,
        }
    }
}
