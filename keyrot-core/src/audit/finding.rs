//! What an audit finds.

use crate::audit::controls::Control;
use crate::audit::kind::{FindingKind, FindingSeverity};
use crate::model::names::{KeyId, UserName};
use crate::model::time::Timestamp;
use crate::report::hint::{Hint, as_text, worded};
use serde::Serialize;

/// A finding about a key or a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// Its kind.
    pub kind: FindingKind,
    /// Its severity.
    pub severity: FindingSeverity,
    /// The user; `None` for the root user.
    pub user: Option<UserName>,
    /// The ARN of the user, or of the account's root.
    pub arn: String,
    /// The key's number in the report, if it is about a key that is in it.
    pub key: Option<u8>,
    /// The key's id, if ids were requested.
    pub key_id: Option<KeyId>,
    /// When the key was created, if the finding is about a key.
    pub key_created: Option<Timestamp>,
    /// The message for people.
    pub message: String,
    /// What the operator can do about it; never empty. In the document it is one text, `hint`.
    #[serde(rename = "hint", serialize_with = "as_text")]
    pub hints: Vec<Hint>,
    /// When the condition began, if that is known.
    pub since: Option<Timestamp>,
    /// The controls that it violates.
    pub controls: Vec<Control>,
}

impl Finding {
    /// Returns the hints in one text, as the CLI words them.
    #[must_use]
    pub fn hint(&self) -> String {
        worded(&self.hints)
    }

    /// Whether this finding is shown with the key of this user or root user (by ARN) that was
    /// created then. Only findings of these kinds are.
    pub(super) fn is_at(&self, arn: &str, created: Timestamp, kinds: &[FindingKind]) -> bool {
        self.arn == arn
            && kinds.contains(&self.kind)
            && self.key_created.is_none_or(|at| at == created)
    }
}
