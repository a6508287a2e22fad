//! A secret as a consumer names it.

use crate::model::arn::Arn;
use crate::model::names::{NameError, SecretName};
use serde::Serialize;
use std::fmt;

/// A secret as a consumer names it: its name or, if it belongs to another account, its ARN.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct SecretId(String);

impl SecretId {
    /// Takes a name or an ARN.
    ///
    /// # Errors
    /// [`NameError`], which says what was expected.
    pub fn parse(text: impl Into<String>) -> Result<Self, NameError> {
        let text = text.into();
        if !Arn::is_meant(&text) {
            return SecretName::parse(text).map(|name| Self(name.as_str().to_owned()));
        }
        let graphic = text.bytes().all(|b| b.is_ascii_graphic()) && text.len() <= 2048;
        let is_secret = |arn: Arn<'_>| {
            let named = arn.secret_name().is_some_and(|name| !name.is_empty())
                && arn.resource.matches(':').count() == 1;
            named && arn.has_account() && ![arn.partition, arn.region].contains(&"")
        };
        if graphic && Arn::parse(&text).is_some_and(is_secret) {
            return Ok(Self(text));
        }
        Err(NameError::new(
            "secret ARN",
            &text,
            "expected arn:PARTITION:secretsmanager:REGION:ACCOUNT:secret:NAME",
        ))
    }

    /// Returns the name or ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the region in the ARN.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        Arn::parse(&self.0).map(|arn| arn.region)
    }

    /// Returns the secret's name. In an ARN, Secrets Manager's hyphen and six characters at its end
    /// are removed.
    #[must_use]
    pub fn name(&self) -> Option<SecretName> {
        let name = match Arn::parse(&self.0) {
            None => self.0.as_str(),
            Some(arn) => arn.secret_name()?,
        };
        SecretName::parse(name).ok()
    }
}

impl From<SecretName> for SecretId {
    fn from(name: SecretName) -> Self {
        Self(name.as_str().to_owned())
    }
}

impl fmt::Display for SecretId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl std::str::FromStr for SecretId {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_given_by_name_or_arn() {
        let id = SecretId::parse("/iam/ci/access_key").unwrap();
        assert_eq!((id.region(), id.name().unwrap().as_str()), (None, "/iam/ci/access_key"));
        let id = SecretId::parse(
            "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:/iam/ci/access_key-a1B2c3",
        )
        .unwrap();
        assert_eq!(
            (id.region(), id.name().unwrap().as_str()),
            (Some("cn-north-1"), "/iam/ci/access_key")
        );
        for wrong in [
            "",
            "a b",
            "arn:aws:iam::123456789012:user/ci",
            "arn:aws:secretsmanager:eu:1:secret:x",
            "arn:aws:secretsmanager::123456789012:secret:x",
        ] {
            assert!(SecretId::parse(wrong).is_err(), "{wrong}");
        }
    }
}
