//! What an audit finds.

use crate::audit::controls::Control;
use crate::audit::kind::{FindingKind, FindingSeverity};
use crate::model::names::{KeyId, UserName};
use crate::model::time::Timestamp;
use serde::Serialize;

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// How bad it is.
    pub severity: FindingSeverity,
    /// Whose it is; `None` for the root user.
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
    /// What to do.
    pub hint: String,
    /// Since when it has been so, where that is known.
    pub since: Option<Timestamp>,
    /// The controls that it breaks.
    pub controls: Vec<Control>,
}

impl Finding {
    /// Whether it shows at the key that was made then, of the user or root of this ARN, at which
    /// findings of these kinds show.
    pub(super) fn is_at(&self, arn: &str, created: Timestamp, kinds: &[FindingKind]) -> bool {
        self.arn == arn
            && kinds.contains(&self.kind)
            && self.key_created.is_none_or(|at| at == created)
    }
}
