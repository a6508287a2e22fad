//! What a session hands out: a plan, and a report.

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

/// Which kind of request it is, as its documents call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestKind {
    /// The previous key is published again.
    Rollback,
    /// For a key that leaked: its report is a record to be kept.
    Revoke,
    /// What blocks a user is resolved.
    Resolve,
    /// The current key is delivered again.
    Deliver,
}

impl RequestKind {
    /// In a word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rollback => "rollback",
            Self::Revoke => "revoke",
            Self::Resolve => "resolve",
            Self::Deliver => "deliver",
        }
    }

    /// The schema of its document.
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

/// What a request will do. Nothing was changed.
#[derive(Debug, Clone)]
pub struct RequestPlan {
    /// Which request it is.
    pub kind: RequestKind,
    /// The plan as a document.
    pub document: RequestDocument,
    /// What the document was made from.
    pub result: UserResult,
    pub(super) request: Request,
    /// The user as it was read before.
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
            // Where the first thing is to stop, nothing would be changed, or half of it.
            false => match self.document.intended.first() {
                Some(PlannedAction::Stop(_)) => false,
                Some(_) => true,
                None => self.is_repeated(),
            },
        }
    }

    /// Even if the key seems to be revoked already, its state is verified.
    fn is_repeated(&self) -> bool {
        !self.off_first
            && matches!(self.request, Request::Revoke(_))
            && self.result.outcome == Outcome::Done
    }

    /// What to ask before it is carried out, without the question mark; `None` where nothing will
    /// be changed.
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

    /// The plan as the result, for a front end that carries nothing out.
    #[must_use]
    pub fn into_report(self) -> RequestReport {
        let Self { kind, document, result, end_sessions, .. } = self;
        let (left, acted, lifted) = (None, false, None);
        RequestReport { kind, document, result, left, acted, end_sessions, lifted }
    }
}

/// What came of a request.
#[derive(Debug, Clone)]
pub struct RequestReport {
    /// Which request it was.
    pub kind: RequestKind,
    /// The report as a document.
    pub document: RequestDocument,
    /// What `document.user` was made from.
    pub result: UserResult,
    /// What `document.left` was made from: the user as it was read afterwards.
    pub left: Option<UserResult>,
    /// Whether something was done, or tried.
    pub acted: bool,
    /// Whether the user's sessions were to be ended, too.
    pub end_sessions: bool,
    /// What became of a policy that had ended the user's sessions, if it was looked for.
    pub lifted: Option<Result<Lifted, CallError>>,
}

/// How a request ended, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestStatus {
    /// What was asked for is done, or there was nothing to do.
    Done,
    /// It is not finished, or only in part: ask again.
    NotDone,
    /// Something needs manual action first.
    Blocked,
    /// The request names no key, or a wrong one.
    Unclear,
    /// It was cancelled.
    Stopped,
}

impl RequestReport {
    /// Whether it is done: of a revocation, that the key was seen Inactive or gone.
    #[must_use]
    pub fn is_done(&self) -> bool {
        super::is_revoked(&self.result.outcome)
    }

    /// How it ended.
    #[must_use]
    pub fn status(&self) -> RequestStatus {
        let document = &self.document;
        match &self.result.outcome {
            // What was asked for on top is not done.
            _ if self.is_done() && document.sessions_not_ended.is_some() => RequestStatus::NotDone,
            Outcome::Refused(
                Refusal::WhichKey { .. }
                | Refusal::NoSuchKey { .. }
                | Refusal::NoSuchDestination { .. },
            ) => RequestStatus::Unclear,
            // It has to be asked for again.
            Outcome::Waiting(_)
            | Outcome::Due(_)
            | Outcome::Settled { .. }
            | Outcome::Verifying { .. }
            | Outcome::Stopped(Stop::ChangeLimit)
                if document.request.is_some() =>
            {
                RequestStatus::NotDone
            }
            // It is unknown what it would do.
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
    /// Whether the user was read no further than this, so that nothing is known of what the refusal
    /// says is missing: the secret is another place's, or could not be read.
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
