//! The content of a request's screens.

use keyrot_core::report::RequestDocument;
use keyrot_core::requests::{RequestKind, RequestPlan, RequestReport};
use keyrot_core::{Outcome, Request, Revocation, Target, UserResult};

/// The content of a screen: the document of `--json`, and its source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(super) kind: RequestKind,
    pub(super) document: &'a RequestDocument,
    /// The source of `document.user`.
    pub(super) result: &'a UserResult,
    /// Whether something was done, so that the screen is a record of it.
    pub(super) acted: bool,
    /// The source of `document.left`.
    pub(super) left: Option<&'a UserResult>,
    /// Whether the user's sessions were to be ended, too.
    pub(super) end_sessions: bool,
    /// The account and region.
    pub(super) place: &'a str,
}

impl<'a> View<'a> {
    /// Returns the view of what will be done, at this place.
    pub(crate) fn of_plan(plan: &'a RequestPlan, place: &'a str) -> Self {
        let RequestPlan { kind, document, result, .. } = plan;
        let (kind, acted, left, end_sessions) = (*kind, false, None, false);
        Self { kind, document, result, acted, left, end_sessions, place }
    }

    /// Returns the view of what was done.
    pub(crate) fn of_report(report: &'a RequestReport, place: &'a str) -> Self {
        let RequestReport { kind, document, result, left, acted, end_sessions, .. } = report;
        let (kind, acted, left, end_sessions) = (*kind, *acted, left.as_ref(), *end_sessions);
        Self { kind, document, result, acted, left, end_sessions, place }
    }

    /// Whether the request is done. For a revocation, whether IAM listed the key as Inactive or
    /// gone.
    pub(super) fn revoked(&self) -> bool {
        matches!(self.result.outcome, Outcome::Done | Outcome::Revoked { .. })
    }

    /// Returns the revocation, if the request is one.
    pub(super) fn order(&self) -> Option<&'a Revocation> {
        match &self.document.request {
            Some(Request::Revoke(order)) => Some(order),
            _ => None,
        }
    }
}

/// Returns the secret, if the user was read.
pub(super) fn secret_of(document: &RequestDocument) -> &str {
    match document.user.secret.as_str() {
        Target::NO_SECRET => "not looked up",
        secret => secret,
    }
}
