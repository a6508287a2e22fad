//! An IAM user as the account lists it.

use crate::model::names::{UserArn, UserId};
use crate::model::time::Timestamp;
use std::collections::BTreeMap;

/// One IAM user as the account lists it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IamUser {
    /// The unique id, which IAM never gives to another user.
    pub id: UserId,
    /// The ARN, with path and name.
    pub arn: UserArn,
    /// When the user was created; `None` if that is unknown.
    pub created: Option<Timestamp>,
    /// The user's tags.
    pub tags: BTreeMap<String, String>,
    /// The names of the attached managed policies.
    pub policies: Vec<String>,
}

impl IamUser {
    /// Returns the policy that AWS attaches to quarantine a user after it found one of its keys in
    /// public, if there is one (IAM user guide, "AWS managed policies":
    /// `AWSCompromisedKeyQuarantine`, with a version behind it).
    #[must_use]
    pub fn quarantine(&self) -> Option<&str> {
        self.policies
            .iter()
            .map(String::as_str)
            .find(|policy| policy.starts_with("AWSCompromisedKeyQuarantine"))
    }
}

impl IamUser {
    /// Returns the value of the tag, and its key as it is written there. For IAM, keys that differ
    /// only in case are the same (IAM user guide, "Tags for IAM resources").
    #[must_use]
    pub fn tag(&self, key: &str) -> Option<(&str, &str)> {
        let found = self.tags.iter().find(|(known, _)| known.eq_ignore_ascii_case(key));
        found.map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Returns the user with this tag, which replaces one whose key differs only in case: to
    /// preview the effect of a tag.
    #[must_use]
    pub fn with_tag(mut self, key: &str, value: &str) -> Self {
        self.tags.retain(|known, _| !known.eq_ignore_ascii_case(key));
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }
}

pub(crate) const OWNER: &str = "keyrot:owner";

/// Compares tag keys as IAM does, ignoring case. Here this applies only to ASCII letters: by
/// Unicode's rules, a Kelvin sign would match a K, and only an exact tag may select a user.
pub(crate) fn same_key(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

/// Returns the user's owner, whether or not keyrot rotates the user.
pub(crate) fn owner_of(user: &IamUser) -> Option<String> {
    user.tags.iter().find(|(key, _)| same_key(key, OWNER)).and_then(|(_, value)| written(value))
}

pub(crate) fn written(owner: &str) -> Option<String> {
    Some(owner.trim()).filter(|owner| !owner.is_empty()).map(str::to_owned)
}
