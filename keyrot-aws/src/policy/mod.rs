//! The least-privilege IAM policy, generated from one list of [`ACTIONS`].
//!
//! ```
//! use keyrot_aws::policy::{Scope, Text};
//! use keyrot_core::selection::SecretTemplate;
//!
//! let scope = Scope {
//!     region: Text::fixed("eu-central-1"),
//!     ..Scope::new(Text::fixed("123456789012"), &SecretTemplate::default(), "/ci/", "RotateKey", "True")
//! };
//! let policy = scope.policy();
//! assert!(policy.actions().contains("iam:CreateAccessKey"));
//! let json = serde_json::to_string_pretty(&policy)?;
//! assert!(json.contains("arn:aws:iam::123456789012:user/ci/*"));
//! assert!(json.contains("arn:aws:secretsmanager:eu-central-1:123456789012:secret:/iam/*/access_key-??????"));
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! # Limits
//! Sources: the Service Authorization Reference, "Actions, resources, and condition keys for …" AWS
//! Identity and Access Management (IAM), AWS Secrets Manager, AWS KMS, Amazon SNS, Amazon
//! EventBridge, AWS Systems Manager, Amazon CloudWatch Logs and AWS CloudTrail; and those named
//! below.
//!
//! - **Users.** `GetAccountAuthorizationDetails` and `ListUsers` have no resource type, so they
//!   need `*`. `GetAccessKeyLastUsed` names a key and no user, and only reads a date, so it also
//!   gets `*`. Everything that reads or changes a user's keys is limited to the path and, by
//!   `aws:ResourceTag`, to the rotation tag. Its values are compared without regard to case, as in
//!   keyrot; condition keys always ignore case (IAM user guide, "Controlling access to and for IAM
//!   users and roles using tags").
//! - **Audits.** [`Scope::audit_policy`] is separate: it only reads, on all users, and is for
//!   auditors. The credential report has no resource type.
//! - **Everyone else.** [`Scope::guard_policy`] denies everyone except the named principals the
//!   actions that could influence keyrot. It is an SCP or a permissions boundary.
//! - **Operators and users.** [`Scope::operator_policy`] is for operators on call;
//!   [`Scope::consumer_policy`] for consumers of a key; [`Scope::own_policy`] for users who rotate
//!   their own key.
//! - **Secrets.** The ARN of a secret is its name, a hyphen and six characters (Secrets Manager
//!   user guide, "What's in a secret"). Before a secret exists, a request contains only the name,
//!   so the policy has both forms.
//! - **Values.** keyrot names the staging label in every request for a value and in every move of a
//!   label, and `secretsmanager:VersionStage` limits it to AWS's own three. The two conditions on
//!   Secrets Manager's keys have `IfExists`, so that they also work in AWS-compatible services that
//!   don't evaluate these keys. On AWS, this only adds permission to read a version without a label
//!   by its id, and that version's key was deleted long ago.
//! - **The trail.** `LookupEvents` has no resource type, so it needs `*`. It shows the management
//!   events of the whole account, and is in the policy only if it is used.
//! - **KMS.** Only through Secrets Manager, and only for these secrets, by the encryption context.
//!   The context is `RequestToValidateKeyAccess` when a secret gets its key (Secrets Manager user
//!   guide, "Secret encryption and decryption").

mod actions;
#[cfg(feature = "settings")]
mod deliveries;
mod guard;
mod named;
mod places;
mod principals;
mod scope;
mod text;

pub use actions::{ACTIONS, Action, Sid};
pub use guard::{GUARDED, Guard, LONGEST_MANAGED_POLICY, LONGEST_SCP, NoPrincipal, Principal};
pub use places::Key;
#[cfg(feature = "settings")]
pub use places::{Delivery, DeliveryKind, OpenDeliveries};
pub use scope::{Discovery, Hooks, Many, Scope};
pub use text::{Syntax, Text};

use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A policy document. It serializes to IAM's format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policy {
    /// The version of the policy language: `2012-10-17`.
    pub version: &'static str,
    /// The statements.
    pub statement: Vec<Statement>,
}

/// One statement. It allows actions, except in a [`Guard`], where it denies them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    /// Its name.
    pub sid: Sid,
    /// `Allow` or `Deny`.
    pub effect: &'static str,
    /// The actions, from [`ACTIONS`] or [`GUARDED`].
    pub action: Vec<&'static str>,
    /// The resources.
    pub resource: OneOrMany,
    /// The conditions: operator, key, values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub condition: BTreeMap<&'static str, BTreeMap<String, OneOrMany>>,
}

/// A text, or a list of texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One text, or a placeholder for a list.
    One(String),
    /// A list.
    Many(Vec<String>),
}

impl Policy {
    /// Returns the document with these statements.
    #[must_use]
    pub fn of(statement: Vec<Statement>) -> Self {
        Self { version: "2012-10-17", statement }
    }

    /// Returns the actions in its statements: those that it allows, or that a [`Guard`] denies.
    #[must_use]
    pub fn actions(&self) -> BTreeSet<&'static str> {
        self.statement.iter().flat_map(|statement| statement.action.iter().copied()).collect()
    }
}

impl Statement {
    fn new(sid: Sid, resource: impl Into<OneOrMany>) -> Self {
        let resource = resource.into();
        Self { sid, effect: "Allow", action: sid.actions(), resource, condition: BTreeMap::new() }
    }

    fn deny(sid: Sid, resource: impl Into<OneOrMany>) -> Self {
        Self { effect: "Deny", ..Self::new(sid, resource) }
    }

    fn when(
        mut self,
        operator: &'static str,
        key: impl Into<String>,
        values: impl Into<OneOrMany>,
    ) -> Self {
        self.condition.entry(operator).or_default().insert(key.into(), values.into());
        self
    }

    /// Returns the condition that limits a statement to versions with these staging labels.
    fn labelled(self, labels: &[&str]) -> Self {
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        self.when("ForAnyValue:StringEqualsIfExists", "secretsmanager:VersionStage", labels)
    }
}

impl From<String> for OneOrMany {
    fn from(text: String) -> Self {
        Self::One(text)
    }
}

impl From<&str> for OneOrMany {
    fn from(text: &str) -> Self {
        Self::One(text.to_owned())
    }
}

impl From<Vec<String>> for OneOrMany {
    fn from(mut list: Vec<String>) -> Self {
        if list.len() == 1 { Self::One(list.remove(0)) } else { Self::Many(list) }
    }
}

#[cfg(test)]
mod tests;
