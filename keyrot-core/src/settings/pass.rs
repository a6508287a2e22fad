//! One pass by these settings: whom, and within what.

use super::Settings;
use crate::{
    CallError, Chosen, IamPort, Limits, Missing, MissingWhy, Selected, Selection, Timestamp, UserName, after, select,
};

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

    /// Finds one user whom a person names, for a [`Request`](crate::Request): tagged for rotation or not, but not one who is excluded.
    ///
    /// # Errors
    /// [`CallError`] if not every user could be seen.
    pub async fn find_named(&self, iam: &dyn IamPort, user: &UserName) -> Result<Result<Chosen, Missing>, CallError> {
        let selection = Selection { only: vec![user.clone()], without_tag: true, ..self.selection().clone() };
        let users = iam.users(&selection.path_prefix).await?;
        let selected = select(&users, &selection, self.template(), self.policy().waits(), self.allow_short_waits());
        let missing = selected.missing.into_iter().next();
        Ok(selected.chosen.into_iter().next().ok_or_else(|| {
            let why = MissingWhy::NotFound { path_prefix: selection.path_prefix.clone(), nearest: None };
            missing.unwrap_or(Missing { user: user.clone(), why })
        }))
    }

    /// What bounds a run that begins now.
    #[must_use]
    pub fn limits(&self, now: Timestamp) -> Limits {
        Limits {
            concurrency: self.concurrency(),
            max_changes: self.max_changes(),
            max_adoptions: self.max_adoptions(),
            deadline: Some(after(now, self.deadline())),
        }
    }
}
