//! The document of users who are enrolled or released.

use crate::model::names::{SecretName, UserName};
use crate::report::schema::RELEASE;
use crate::report::state::State;
use crate::report::user::UserDocument;
use serde::Serialize;

/// The result for one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// There was nothing to do.
    Already,
    /// The change would be made, or was not made yet.
    Planned,
    /// The change was made.
    Done,
    /// The change was not made, because a rotation would be blocked.
    Refused,
    /// The change could not be made.
    Failed,
}

/// Users who are enrolled or released, each with its result: the document that `keyrot enroll` and
/// `keyrot release` print with `--json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EnrollDocument {
    /// `keyrot.enroll/1` or `keyrot.release/1`.
    pub schema: &'static str,
    /// Whether this was a dry run, so that nothing was changed.
    pub dry_run: bool,
    /// The rotation tag.
    pub tag: String,
    /// Its value.
    pub tag_value: String,
    /// Each user.
    pub users: Vec<EnrollRow>,
}

/// One user who is enrolled or released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EnrollRow {
    /// The user.
    pub user: UserName,
    /// Its result.
    pub result: Change,
    /// The user's state, according to a plan.
    pub state: Option<State>,
    /// The state in detail, as one word.
    pub reason: Option<&'static str>,
    /// The message: what the first rotation will do, or what stays after a release.
    pub message: String,
    /// What the operator can do, as one text.
    pub hint: Option<String>,
    /// The user's secret.
    pub secret: Option<SecretName>,
}

impl EnrollRow {
    /// Returns a row for a user that was not read.
    pub(crate) fn new(user: &UserName, result: Change, message: &str) -> Self {
        let message = message.to_owned();
        Self {
            user: user.clone(),
            result,
            state: None,
            reason: None,
            message,
            hint: None,
            secret: None,
        }
    }

    pub(crate) fn of(user: &UserDocument, result: Change, message: String) -> Self {
        Self {
            user: user.user.clone(),
            result,
            state: Some(user.state),
            reason: Some(user.reason),
            message,
            hint: user.hint(),
            secret: Some(user.secret.clone()),
        }
    }
}

impl EnrollDocument {
    /// Whether some user has this result.
    #[must_use]
    pub fn has(&self, result: Change) -> bool {
        self.users.iter().any(|row| row.result == result)
    }

    /// Whether users are released, not enrolled.
    #[must_use]
    pub fn is_release(&self) -> bool {
        self.schema == RELEASE
    }
}
