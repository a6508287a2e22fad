//! The user that a run works on.

use crate::model::deployer::Deployer;
use crate::model::destination::Assignment;
use crate::model::home::{Adoption, HOME_TAG, HomeTag, Owner, Place, Residence};
use crate::model::names::{SecretName, UserArn, UserId, UserName};
use crate::model::user::IamUser;
use serde::Serialize;

/// A user that a run works on, as the selection found it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Subject {
    /// The user's name.
    pub user: UserName,
    /// The user's unique id.
    pub id: UserId,
    /// The user's ARN: what new credentials must authenticate as.
    pub arn: UserArn,
    /// The secret that holds the user's credentials.
    pub secret: SecretName,
    /// The user's owner, from the tag `keyrot:owner`.
    pub owner: Option<String>,
    /// The tool that deploys the user, if its tags show one. It is only reported.
    pub deployed_by: Option<Deployer>,
    /// The name of an attached policy by which AWS quarantined the user.
    pub quarantine: Option<String>,
    /// The region of the secret.
    pub region: String,
    /// The home in the user's tag.
    pub home: HomeTag,
    /// Whether the user may be adopted here.
    pub adoption: Adoption,
    /// Whether the secret's name comes from the user's tag and differs from the settings: the user
    /// was renamed, or the tag was forged.
    pub renamed: bool,
    /// The user's destinations, by name. They come only from the settings.
    pub destinations: Vec<Assignment>,
}

impl Subject {
    /// Returns a user as IAM lists it, with its secret in a region that the caller chose on
    /// purpose.
    #[must_use]
    pub fn of(user: &IamUser, secret: SecretName, region: impl Into<String>) -> Self {
        Self {
            user: user.arn.name().clone(),
            id: user.id.clone(),
            arn: user.arn.clone(),
            secret,
            owner: crate::model::user::owner_of(user),
            deployed_by: Deployer::of(&user.tags),
            quarantine: user.quarantine().map(str::to_owned),
            region: region.into(),
            home: HomeTag::of(user.tag(HOME_TAG).map(|(_, value)| value)),
            adoption: Adoption::Named,
            renamed: false,
            destinations: Vec::new(),
        }
    }

    /// Returns the user in the form of the secret's tag.
    #[must_use]
    pub fn owner(&self) -> Owner {
        Owner {
            id: self.id.clone(),
            account: self.arn.account().to_owned(),
            name: self.user.clone(),
        }
    }

    /// Returns the place of the user's secret in the settings.
    #[must_use]
    pub fn place(&self) -> Place {
        Place {
            partition: self.arn.partition().to_owned(),
            region: self.region.clone(),
            account: self.arn.account().to_owned(),
            name: self.secret.clone(),
        }
    }

    pub(crate) fn residence(&self) -> Residence {
        let Self { home, adoption, renamed, .. } = self;
        Residence {
            owner: self.owner(),
            place: self.place(),
            tag: home.clone(),
            adoption: *adoption,
            renamed: *renamed,
        }
    }
}
