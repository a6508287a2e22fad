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
    /// The key's id, if ids were asked for.
    pub key_id: Option<KeyId>,
    /// When the key was made, if it is about a key.
    pub key_created: Option<Timestamp>,
    /// For people.
    pub message: String,
    /// What the operator can do about it; never empty. In the document it is one text, `hint`.
    #[serde(rename = "hint", serialize_with = "as_text")]
    pub hints: Vec<Hint>,
    /// When it began, if that is known.
    pub since: Option<Timestamp>,
    /// The controls that it breaks.
    pub controls: Vec<Control>,
}

impl Finding {
    /// The hints in one text, as the CLI words them.
    #[must_use]
    pub fn hint(&self) -> String {
        worded(&self.hints)
    }

    /// Whether it shows at the key that was made then, of the user or root of this ARN, at which
    /// findings of these kinds show.
    pub(super) fn is_at(&self, arn: &str, created: Timestamp, kinds: &[FindingKind]) -> bool {
        self.arn == arn
            && kinds.contains(&self.kind)
            && self.key_created.is_none_or(|at| at == created)
    }
}
