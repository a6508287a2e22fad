//! A reference to a user.

use crate::model::arn::Arn;
use crate::model::names::{NameError, UserArn, UserName};
use std::fmt;

/// A user as a consumer names it: often only the name is known; the ARN also has the path and the
/// account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UserRef {
    /// The name alone.
    Name(UserName),
    /// The whole ARN.
    Arn(UserArn),
}

impl UserRef {
    /// Returns the user's name.
    #[must_use]
    pub fn name(&self) -> &UserName {
        match self {
            Self::Name(name) => name,
            Self::Arn(arn) => arn.name(),
        }
    }
}

impl fmt::Display for UserRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name().fmt(f)
    }
}

impl std::str::FromStr for UserRef {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        if Arn::is_meant(text) {
            UserArn::parse(text).map(Self::Arn)
        } else {
            UserName::parse(text).map(Self::Name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_given_by_name_or_arn() {
        let name: UserRef = "ci".parse().unwrap();
        let arn: UserRef = "arn:aws:iam::123456789012:user/team/ci".parse().unwrap();
        assert_eq!((name.name(), name.to_string()), (arn.name(), "ci".to_owned()));
        assert!(
            "arn:aws:iam::123456789012:role/ci".parse::<UserRef>().is_err()
                && "a b".parse::<UserRef>().is_err()
        );
    }
}
