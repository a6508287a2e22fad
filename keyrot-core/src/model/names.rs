//! Validated names: users, access key ids, secrets, versions, ARNs.
//!
//! Each type has one parsing constructor (`parse`, also as [`FromStr`](std::str::FromStr) and
//! `TryFrom<String>`); it follows the rule of the AWS API for that name, so a value of the type can
//! be sent as it is. Clones share the text.

use crate::model::arn::Arn;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A name that is invalid for its type: the type, what was expected, and the text if it may be
/// shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {text:?} is not usable: {expected}")]
pub struct NameError {
    what: &'static str,
    text: String,
    expected: &'static str,
}

impl NameError {
    pub(crate) fn new(what: &'static str, text: &str, expected: &'static str) -> Self {
        // A text that is not an id may be a secret half, which has 40 characters.
        let is_hidden = what == "access key id" && text.chars().count() > 24;
        let text =
            if is_hidden { "(not shown)".to_owned() } else { text.chars().take(80).collect() };
        Self { what, text, expected }
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $what:literal, $expected:literal, $ok:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses the text.
            ///
            /// # Errors
            /// [`NameError`], which says what was expected.
            pub fn parse(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                let fits: fn(&str) -> bool = $ok;
                if fits(&text) {
                    Ok(Self(text.into()))
                } else {
                    Err(NameError::new($what, &text, $expected))
                }
            }

            /// Returns the name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.as_str().to_owned()
            }
        }
    };
}

fn all(text: &str, lengths: std::ops::RangeInclusive<usize>, more: &str) -> bool {
    lengths.contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
}

name_type!(
    /// The name of a destination in the settings: 1 to 32 of `a-z 0-9 -`, starting with a letter.
    DestinationName,
    "destination",
    "expected 1 to 32 of a-z 0-9 -, a letter first",
    |t| all(t, 1..=32, "-")
        && !t.bytes().any(|b| b.is_ascii_uppercase())
        && t.starts_with(|c: char| c.is_ascii_lowercase())
);

name_type!(
    /// Identifies a write to a destination, such as by a version's number or a time: 1 to 64 of
    /// `A-Z a-z 0-9 + - = . _ : / @`. It is kept in a tag and is not secret.
    Mark,
    "mark of a delivery",
    "expected 1 to 64 of A-Z a-z 0-9 + - = . _ : / @",
    |t| all(t, 1..=64, "+-=._:/@")
);

impl Mark {
    /// Returns the mark of every write to a place that cannot be read.
    pub(crate) fn unseen() -> Self {
        Self(Arc::from("unseen"))
    }
}

name_type!(
    /// The name of an IAM user: 1 to 64 of `A-Z a-z 0-9 + = , . @ _ -`
    /// (IAM API reference, `CreateUser`, parameter `UserName`).
    UserName,
    "IAM user name",
    "expected 1 to 64 of A-Z a-z 0-9 + = , . @ _ -",
    |t| all(t, 1..=64, "+=,.@_-")
);

name_type!(
    /// The unique id of an IAM user, such as `AIDAJQABLZS4A3QDU576Q`, which IAM never gives to
    /// another user: 16 to 128 of `A-Z a-z 0-9 _` (IAM API reference, data type `User`).
    UserId,
    "IAM user id",
    "expected 16 to 128 letters, digits or underscores, such as AIDAJQABLZS4A3QDU576Q",
    |t| all(t, 16..=128, "_")
);

name_type!(
    /// The id of an access key, such as `AKIAIOSFODNN7EXAMPLE`: 16 to 128 of `A-Z 0-9 _` (IAM API
    /// reference, data type `AccessKey`). An id is not secret. The reference also allows lowercase
    /// letters. IAM never uses them, and with them a secret half would pass for an id.
    KeyId,
    "access key id",
    "expected 16 to 128 capital letters, digits or underscores, such as AKIAIOSFODNN7EXAMPLE",
    |t| all(t, 16..=128, "_") && !t.bytes().any(|b| b.is_ascii_lowercase())
);

name_type!(
    /// The name of a secret: 1 to 512 of `A-Z a-z 0-9 / _ + = . @ -` (Secrets Manager API
    /// reference, `CreateSecret`, parameter `Name`). AWS advises against a name such as
    /// `ci-deploy`, which ends like an ARN, but it works: only an ARN without its suffix would be
    /// ambiguous.
    SecretName,
    "secret name",
    "expected 1 to 512 of A-Z a-z 0-9 / _ + = . @ -",
    |t| all(t, 1..=512, "/_+=.@-")
);

name_type!(
    /// The id of a secret's version: 32 to 64 characters (Secrets Manager API reference,
    /// `PutSecretValue`, parameter `ClientRequestToken`, which becomes the id).
    VersionId,
    "secret version id",
    "expected 32 to 64 letters, digits, underscores or hyphens",
    |t| all(t, 32..=64, "_-")
);

/// The ARN of an IAM user, in any partition: `arn:PARTITION:iam::ACCOUNT:user/PATH/NAME`.
///
/// ```
/// # use keyrot_core::UserArn;
/// let arn = UserArn::parse("arn:aws-cn:iam::123456789012:user/ci/deployer")?;
/// assert_eq!((arn.account(), arn.path(), arn.name().as_str()), ("123456789012", "/ci/", "deployer"));
/// # Ok::<(), keyrot_core::model::NameError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserArn {
    text: Arc<str>,
    name: UserName,
}

impl UserArn {
    /// Parses the text.
    ///
    /// # Errors
    /// [`NameError`] for anything but the ARN of an IAM user: a role, a root user, a federated
    /// session.
    pub fn parse(text: impl Into<String>) -> Result<Self, NameError> {
        let text = text.into();
        let name = Self::parts(&text).and_then(|name| UserName::parse(name).ok());
        match name {
            Some(name) => Ok(Self { text: text.into(), name }),
            None => Err(NameError {
                what: "user ARN",
                text: text.chars().take(120).collect(),
                expected: "expected arn:PARTITION:iam::ACCOUNT:user/PATH/NAME",
            }),
        }
    }

    fn parts(text: &str) -> Option<&str> {
        let arn = Arn::parse(text).filter(|arn| arn.service == "iam" && arn.has_account())?;
        let resource = arn.resource.strip_prefix("user/")?;
        let sound = !arn.partition.is_empty() && arn.region.is_empty();
        sound.then(|| resource.rsplit('/').next().unwrap_or(resource))
    }

    fn field<'a>(&'a self, field: impl Fn(Arn<'a>) -> &'a str) -> &'a str {
        Arn::parse(&self.text).map(field).unwrap_or_default()
    }

    /// Returns the user's name, the last part.
    #[must_use]
    pub fn name(&self) -> &UserName {
        &self.name
    }

    /// Returns the account's twelve digits.
    #[must_use]
    pub fn account(&self) -> &str {
        self.field(|arn| arn.account)
    }

    /// Returns the partition, such as `aws`, `aws-cn` or `aws-us-gov`.
    #[must_use]
    pub fn partition(&self) -> &str {
        self.field(|arn| arn.partition)
    }

    /// Returns the path with a slash at both ends; `/` if there is none.
    #[must_use]
    pub fn path(&self) -> &str {
        let resource = self.field(|arn| arn.resource);
        let path = resource.strip_prefix("user").unwrap_or(resource);
        &path[..path.len() - self.name.as_str().len()]
    }

    /// Returns the ARN as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for UserArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for UserArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for UserArn {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

impl From<UserArn> for String {
    fn from(arn: UserArn) -> Self {
        arn.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_names_follow_iam() {
        for good in ["ci", "a+b=c,d.e@f_g-h", &"x".repeat(64)] {
            assert!(UserName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "a/b", "ü", &"x".repeat(65)] {
            assert!(UserName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn secret_names_follow_secrets_manager() {
        for good in ["/iam/ci/access_key", "prod/ci-deploy", "/iam/ci-AbC123", &"x".repeat(512)] {
            assert!(SecretName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "/iam/a,b", "a:b", &"x".repeat(513)] {
            assert!(SecretName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_arn_of_anything_but_a_user_is_refused() {
        for bad in [
            "arn:aws:iam::123456789012:root",
            "arn:aws:sts::123456789012:assumed-role/x/y",
            "arn:aws:iam::123456789012:role/x",
            "arn:aws:iam::12345:user/x",
            "user/x",
        ] {
            assert!(UserArn::parse(bad).is_err(), "{bad}");
        }
        let arn = UserArn::parse("arn:aws:iam::123456789012:user/ci").expect("a user's ARN");
        assert_eq!((arn.path(), arn.partition()), ("/", "aws"));
    }

    #[test]
    fn an_error_names_the_type_and_the_expectation() {
        let error = KeyId::parse("short").expect_err("too short").to_string();
        assert!(
            error.contains("access key id \"short\"") && error.contains("16 to 128"),
            "{error}"
        );
    }
}
