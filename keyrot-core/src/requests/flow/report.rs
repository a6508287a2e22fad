//! The results of a flow: a plan, and a report.

use crate::decide::decision::refusal::Refusal;
use crate::engine::report::UserResult;
use crate::machine::outcome::{Outcome, Stop};
use crate::machine::planned::PlannedAction;
use crate::model::error::CallError;
use crate::model::request::Request;
use crate::report::request::RequestDocument;
use crate::report::schema;
use crate::report::state::RunStatus;
use crate::requests::end_sessions::Lifted;

/// The kind of a request, as its documents name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestKind {
    /// The previous key is published again.
    Rollback,
    /// A leaked key is revoked. Keep the report as a record.
    Revoke,
    /// A blocked user is resolved.
    Resolve,
    /// The current key is delivered again.
    Deliver,
}

impl RequestKind {
    /// Returns the kind in one word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rollback => "rollback",
            Self::Revoke => "revoke",
            Self::Resolve => "resolve",
            Self::Deliver => "deliver",
        }
    }

    /// Returns the schema of the request's document.
    #[must_use]
    pub fn schema(self) -> &'static str {
        match self {
            Self::Rollback => schema::ROLLBACK,
            Self::Revoke => schema::REVOKE,
            Self::Resolve => schema::RESOLVE,
            Self::Deliver => schema::DELIVER,
        }
    }
}

/// What a request will do. Nothing has been changed.
#[derive(Debug, Clone)]
pub struct RequestPlan {
    /// The kind of the request.
    pub kind: RequestKind,
    /// The plan as a document.
    pub document: RequestDocument,
    /// The result behind the document.
    pub result: UserResult,
    pub(super) request: Request,
    /// The user as it was read before planning.
    pub(super) before: Option<UserResult>,
    pub(super) end_sessions: bool,
    pub(super) off_first: bool,
}

impl RequestPlan {
    /// Whether there is something to do.
    #[must_use]
    pub fn has_work(&self) -> bool {
        match self.off_first {
            true => !matches!(self.result.outcome, Outcome::Refused(_)),
            false if self.end_sessions => !self.document.intended.is_empty() || self.is_repeated(),
            // If the first step is to stop, nothing or only part of the request would be done.
            false => match self.document.intended.first() {
                Some(PlannedAction::Stop(_)) => false,
                Some(_) => true,
                None => self.is_repeated(),
            },
        }
    }

    /// Whether the key seems to be revoked already. Its state is verified anyway.
    fn is_repeated(&self) -> bool {
        !self.off_first
            && matches!(self.request, Request::Revoke(_))
            && self.result.outcome == Outcome::Done
    }

    /// Returns the question to ask before the plan is carried out, without the question mark;
    /// `None` if nothing will change.
    #[must_use]
    pub fn question(&self) -> Option<String> {
        if self.is_repeated() && !self.end_sessions {
            return None;
        }
        let (user, steps) = (&self.result.user, &self.document.intended);
        Some(match (self.end_sessions, steps.is_empty()) {
            (false, _) => PlannedAction::question(steps, user),
            (true, true) => format!("End the sessions of {user}"),
            (true, false) => {
                format!("{} and end the user's sessions", PlannedAction::question(steps, user))
            }
        })
    }

    /// Returns the plan as the result, for a front end that does not carry it out.
    #[must_use]
    pub fn into_report(self) -> RequestReport {
        let Self { kind, document, result, end_sessions, .. } = self;
        let (left, acted, lifted) = (None, false, None);
        RequestReport { kind, document, result, left, acted, end_sessions, lifted }
    }
}

/// The result of a request.
#[derive(Debug, Clone)]
pub struct RequestReport {
    /// The kind of the request.
    pub kind: RequestKind,
    /// The report as a document.
    pub document: RequestDocument,
    /// The result behind `document.user`.
    pub result: UserResult,
    /// The result behind `document.left`: the user as it was read afterwards.
    pub left: Option<UserResult>,
    /// Whether something was done, or was attempted.
    pub acted: bool,
    /// Whether the request was also to end the user's sessions.
    pub end_sessions: bool,
    /// What happened to a policy that had ended the user's sessions, if it was checked.
    pub lifted: Option<Result<Lifted, CallError>>,
}

/// The status of a request, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestStatus {
    /// The request is done, or there was nothing to do.
    Done,
    /// The request is not finished, or is finished only in part. Repeat it.
    NotDone,
    /// Something needs manual action first.
    Blocked,
    /// The request names no key or the wrong one.
    Unclear,
    /// The request was canceled.
    Stopped,
}

impl RequestReport {
    /// Whether the request is done. For a revocation, whether IAM listed the key as Inactive or
    /// gone.
    #[must_use]
    pub fn is_done(&self) -> bool {
        super::is_revoked(&self.result.outcome)
    }

    /// Returns how the request ended.
    #[must_use]
    pub fn status(&self) -> RequestStatus {
        let document = &self.document;
        match &self.result.outcome {
            // The user's sessions were not ended, although that was requested.
            _ if self.is_done() && document.sessions_not_ended.is_some() => RequestStatus::NotDone,
            Outcome::Refused(
                Refusal::WhichKey { .. }
                | Refusal::NoSuchKey { .. }
                | Refusal::NoSuchDestination { .. },
            ) => RequestStatus::Unclear,
            // The key is off, and was also to be deleted, to make room for another.
            Outcome::Revoked { .. } if matches!(&document.request, Some(Request::Revoke(order)) if order.delete) => {
                RequestStatus::NotDone
            }
            // The request has to be repeated.
            Outcome::Waiting(_)
            | Outcome::Due(_)
            | Outcome::Settled { .. }
            | Outcome::Verifying { .. }
            | Outcome::Stopped(Stop::ChangeLimit)
                if document.request.is_some() =>
            {
                RequestStatus::NotDone
            }
            // It is unknown what the request would do.
            Outcome::Planned(steps) if steps.is_empty() => RequestStatus::NotDone,
            Outcome::Planned(steps)
                if steps.iter().any(|step| matches!(step, PlannedAction::Wait(_))) =>
            {
                RequestStatus::NotDone
            }
            Outcome::Planned(steps)
                if steps.iter().any(|step| matches!(step, PlannedAction::Stop(_))) =>
            {
                RequestStatus::Blocked
            }
            outcome => match outcome.verdict() {
                RunStatus::Ok => RequestStatus::Done,
                RunStatus::Blocked => RequestStatus::Blocked,
                RunStatus::Stopped => RequestStatus::Stopped,
                RunStatus::Failed => RequestStatus::NotDone,
            },
        }
    }
}

impl Outcome {
    /// Whether the read ended before it could find the data that the refusal calls missing, because
    /// the secret is elsewhere or could not be read.
    pub(super) fn hides(&self, refusal: &Refusal) -> bool {
        if !matches!(refusal, Refusal::NothingCurrent | Refusal::NothingBefore { .. }) {
            return false;
        }
        match self {
            Self::Failed(_) | Self::Stopped(_) | Self::Panicked(_) => true,
            Self::Blocked(blocked) => blocked.is_of_the_place(),
            _ => false,
        }
    }
}
