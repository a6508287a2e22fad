//! A user to work on.

use crate::decide::decision::blocked::Blocked;
use crate::model::home::{Adoption, HomeTag};
use crate::model::names::{SecretName, UserArn, UserId, UserName};
use crate::model::subject::Subject;
use crate::model::waits::WaitPolicy;

/// A user to work on, with its policy, or the reason why nothing is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The user.
    pub subject: Subject,
    /// The policy, or the error in the user's own settings.
    pub policy: Result<WaitPolicy, Blocked>,
}

impl Target {
    /// Replaces the secret's name of a blocked user if there is no usable one. It is shown, and
    /// never used in a call.
    pub const NO_SECRET: &str = "no-usable-secret-name";

    /// Returns a user that was named, but not read or not selected: only IAM is used for it, to
    /// revoke a key.
    ///
    /// # Panics
    /// Never: a user's name is allowed in an ARN.
    #[must_use]
    pub fn for_iam_only(user: &UserName, why: impl Into<String>) -> Self {
        let arn = UserArn::parse(format!("arn:aws:iam::{}:user/{user}", Self::NO_ACCOUNT));
        let subject = Subject {
            user: user.clone(),
            arn: arn.expect("a name that was parsed"),
            id: UserId::parse(Self::NO_USER_ID).expect("a constant that the tests parse"),
            secret: SecretName::parse(Self::NO_SECRET).expect("a constant that the tests parse"),
            owner: None,
            deployed_by: None,
            quarantine: None,
            region: String::new(),
            home: HomeTag::Absent,
            adoption: Adoption::NotNamed,
            renamed: false,
            destinations: Vec::new(),
        };
        Self { subject, policy: Err(Blocked::IamOnly { reason: why.into() }) }
    }

    /// Replaces the unique id of a user that was not read. It is not shown, and never used in a
    /// call.
    const NO_USER_ID: &str = "no_user_was_looked_up";

    /// Replaces the account in the ARN of a user that was not read. It is not shown, and never used
    /// in a call.
    pub const NO_ACCOUNT: &str = "000000000000";
}
