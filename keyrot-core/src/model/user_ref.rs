//! A user, as people name one.

use crate::model::names::{NameError, UserArn, UserName};
use async_trait::async_trait;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// A user as a consumer names it: often only the name is known, and the ARN has the path and the account too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UserRef {
    /// The name alone.
    Name(UserName),
    /// The whole ARN.
    Arn(UserArn),
}

impl UserRef {
    /// The user's name.
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
        if text.starts_with("arn:") {
            UserArn::parse(text).map(Self::Arn)
        } else {
            UserName::parse(text).map(Self::Name)
        }
    }
}
