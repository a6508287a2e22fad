//! One pass with these settings: the users, and the limits.

use crate::engine::rotator::Limits;
use crate::engine::target::Target;
use crate::model::error::CallError;
use crate::model::home::Adoption;
use crate::model::names::UserName;
use crate::model::time::Timestamp;
use crate::model::waits::after;
use crate::ports::IamPort;
use crate::selection::homes::Homes;
use crate::selection::missing::{Missing, MissingWhy};
use crate::selection::users::{Selected, Selection, select};
use crate::settings::loaded::Settings;

impl Settings {
    /// Returns where users' secrets are, for a store in this region. Users without a home may get
    /// one only if account and region are settings, or if the caller was `deployed` for them. A
    /// value from the environment alone is not a deliberate choice.
    #[must_use]
    pub fn homes(&self, region: &str, deployed: bool) -> Homes {
        let named = deployed || (self.account().is_some() && self.region() == Some(region));
        Homes {
            template: self.template().clone(),
            region: region.to_owned(),
            account: self.account().map(str::to_owned),
            adoption: if named { Adoption::Named } else { Adoption::NotNamed },
            chosen_by_tag: self.secret_tag().cloned(),
            destinations: self.destinations().iter().map(|spec| spec.rule(region)).collect(),
        }
    }

    /// Lists the account's users, and selects users by these settings. If `only` contains names,
    /// selects only these users.
    ///
    /// # Errors
    /// [`CallError`] if a user could not be read. In that case, no user is selected.
    pub async fn find(
        &self,
        iam: &dyn IamPort,
        homes: &Homes,
        only: &[UserName],
    ) -> Result<Selected, CallError> {
        let selection = Selection { only: only.to_vec(), ..self.selection().clone() };
        let users = iam.users(&selection.path_prefix).await?;
        Ok(select(&users, &selection, homes, self.policy()))
    }

    /// Finds one user by name, for a [`Request`](crate::model::request::Request). The user need not
    /// have the rotation tag, but must not be excluded.
    ///
    /// # Errors
    /// [`CallError`] if a user could not be read.
    pub async fn find_named(
        &self,
        iam: &dyn IamPort,
        homes: &Homes,
        user: &UserName,
    ) -> Result<Result<Target, Missing>, CallError> {
        let selection =
            Selection { only: vec![user.clone()], without_tag: true, ..self.selection().clone() };
        let users = iam.users(&selection.path_prefix).await?;
        let selected = select(&users, &selection, homes, self.policy());
        let missing = selected.missing.into_iter().next();
        Ok(selected.chosen.into_iter().next().ok_or_else(|| {
            let why =
                MissingWhy::NotFound { path_prefix: selection.path_prefix.clone(), nearest: None };
            missing.unwrap_or(Missing { user: user.clone(), why })
        }))
    }

    /// Returns the limits of a run that starts now.
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
