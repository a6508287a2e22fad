//! One pass by these settings: whom, and within what.

use super::Settings;
use crate::{CallError, IamPort, Limits, Selected, Selection, Timestamp, UserName, after, select};

impl Settings {
    /// Lists the account's users, and chooses from them by these settings; only these, where some are named.
    ///
    /// # Errors
    /// [`CallError`] if not every user could be seen: nobody is selected then.
    pub async fn find(&self, iam: &dyn IamPort, only: &[UserName]) -> Result<Selected, CallError> {
        let selection = Selection { only: only.to_vec(), ..self.selection().clone() };
        let users = iam.users(&selection.path_prefix).await?;
        Ok(select(&users, &selection, self.template(), self.policy().waits(), self.allow_short_waits()))
    }

    /// What bounds a run that begins now.
    #[must_use]
    pub fn limits(&self, now: Timestamp) -> Limits {
        Limits {
            concurrency: self.concurrency(),
            max_changes: self.max_changes(),
            deadline: Some(after(now, self.deadline())),
        }
    }
}
