//! What a run is to do for its user.

use crate::model::request::Request;
use crate::model::step::RotationStep;

/// What a run is to do for its user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum Task {
    /// Every step that is due, as a scheduled run does.
    #[default]
    Everything,
    /// An order of Secrets Manager's, and nothing else.
    RotationStep(RotationStep),
    /// A person's request, and what it takes.
    Request(Request),
}

impl Task {
    /// Why a person asks for it.
    pub(super) fn reason(&self) -> Option<&str> {
        match self {
            Self::Request(Request::Revoke(order)) => order.reason.as_deref(),
            _ => None,
        }
    }
}
