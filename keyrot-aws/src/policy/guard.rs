//! The guard: a policy that denies everyone except the named principals the actions that could
//! influence keyrot.
//!
//! Journal entries, version ids and tags are claims: anyone who may write them can make keyrot wait
//! or block, and anyone who may write a secret chooses what its consumers get. keyrot checks claims
//! against AWS's own facts. The guard keeps others from writing them.
//!
//! # The rules it relies on
//! - For `iam:CreateUser`, `iam:TagUser`, `iam:UntagUser`, `secretsmanager:CreateSecret`,
//!   `secretsmanager:TagResource` and `secretsmanager:UntagResource`, `aws:TagKeys` contains the
//!   keys of the tags (Service Authorization Reference, "Actions, resources, and condition keys for
//!   AWS Identity and Access Management" and "… for AWS Secrets Manager").
//! - IAM treats tag keys that differ only in case as the same (IAM user guide, "Tags for IAM
//!   resources"), while `aws:TagKeys` contains them as spelled in the request.
//!   `StringEqualsIgnoreCase` ignores case and has no wildcards; `StringLike` has wildcards and is
//!   case-sensitive (IAM user guide, "Condition operators"). So the tag that selects users is
//!   compared with the first, and the prefix `keyrot:` with the second, in each of its 64
//!   spellings: keyrot reads all of them, and an unknown tag with that prefix blocks a user.
//! - `ForAnyValue` does not match if a request has no tags (IAM user guide, "Set operators for
//!   multivalued context keys").
//! - `aws:PrincipalArn` is the ARN of the role, not of its session, and is in every signed request
//!   (IAM user guide, "Global condition context keys"). `ArnNotLike` also matches if it is missing,
//!   so the statement denies.
//! - Users are guarded regardless of their path: `iam:UpdateUser` can move a user, with its tags,
//!   under another path.
//! - Anyone who can act as an exempt principal is exempt. So the guard also denies becoming such a
//!   principal.
//! - A service control policy has at most 5,120 characters (Organizations user guide, "Quotas for
//!   AWS Organizations"). A managed policy, such as a permissions boundary, has at most 6,144
//!   without white space (IAM user guide, "IAM and AWS STS quotas").

use super::actions::{Action, Sid, action};
use super::{Policy, Scope, Statement, Text};
use keyrot_core::model::{Arn, Partition, PrincipalKind};
use std::fmt;

/// The longest document that Organizations accepts as a service control policy, in characters.
pub const LONGEST_SCP: usize = 5_120;
/// The longest document that IAM accepts as a managed policy, in characters without white space.
pub const LONGEST_MANAGED_POLICY: usize = 6_144;

const TAGS: &[Sid] = &[Sid::DenyRotationTag, Sid::DenyKeyrotTags];
const SECRETS: &[Sid] = &[Sid::DenySecretChanges];
const TAKEOVER: &[Sid] = &[Sid::DenyPrincipalTakeover];
const FUNCTION: &[Sid] = &[Sid::DenyFunctionChanges];
const BOUNDARY: &[Sid] = &[Sid::DenyBoundaryRemoval];
const WITHOUT: &[Sid] = &[Sid::DenyWithoutBoundary];

/// Every action that the guard denies, with what it would allow an attacker to do. keyrot's own
/// actions are in [`ACTIONS`](super::ACTIONS).
pub const GUARDED: &[Action] = &[
    action(
        "iam:TagUser",
        TAGS,
        "puts a user into rotation, chooses its waits or its home, or blocks it",
    ),
    action("iam:UntagUser", TAGS, "takes a user out of rotation, or takes its home off"),
    action(
        "iam:CreateUser",
        &[
            Sid::DenyRotationTag,
            Sid::DenyKeyrotTags,
            Sid::DenyPrincipalTakeover,
            Sid::DenyWithoutBoundary,
        ],
        "creates a user with such tags, or one that is exempt, or one without the boundary",
    ),
    action(
        "secretsmanager:TagResource",
        &[Sid::DenyKeyrotTags],
        "writes journal entries, or says whose a secret is",
    ),
    action(
        "secretsmanager:UntagResource",
        &[Sid::DenyKeyrotTags],
        "removes journal entries, such as a revocation",
    ),
    action(
        "secretsmanager:CreateSecret",
        &[Sid::DenyKeyrotTags, Sid::DenySecretChanges],
        "squats the name of a user's secret, with a value, policy, KMS key or replicas of its own",
    ),
    action(
        "secretsmanager:PutSecretValue",
        SECRETS,
        "gives consumers other credentials, or stages a version",
    ),
    action(
        "secretsmanager:UpdateSecret",
        SECRETS,
        "gives consumers other credentials, or changes the KMS key",
    ),
    action("secretsmanager:UpdateSecretVersionStage", SECRETS, "makes another version current"),
    action(
        "secretsmanager:PutResourcePolicy",
        SECRETS,
        "lets others read the key, or keeps keyrot out",
    ),
    action(
        "secretsmanager:DeleteResourcePolicy",
        SECRETS,
        "lifts what the secret's own policy denies",
    ),
    action("secretsmanager:DeleteSecret", SECRETS, "takes the key from its consumers"),
    action("secretsmanager:RestoreSecret", SECRETS, "brings back a secret that was given up"),
    action("secretsmanager:RotateSecret", SECRETS, "has another function rotate the secret"),
    action("secretsmanager:CancelRotateSecret", SECRETS, "stops Secrets Manager's own rotation"),
    action(
        "secretsmanager:ReplicateSecretToRegions",
        SECRETS,
        "copies the key to another region and KMS key",
    ),
    action(
        "secretsmanager:RemoveRegionsFromReplication",
        SECRETS,
        "takes the key from consumers in another region",
    ),
    action(
        "secretsmanager:StopReplicationToReplica",
        SECRETS,
        "makes a copy that no rotation reaches",
    ),
    action(
        "iam:CreateRole",
        &[Sid::DenyPrincipalTakeover, Sid::DenyWithoutBoundary],
        "creates a role that is exempt",
    ),
    action("iam:UpdateAssumeRolePolicy", TAKEOVER, "lets others assume an exempt role"),
    action("iam:PassRole", TAKEOVER, "runs other code as a role that is exempt"),
    action("iam:UpdateUser", TAKEOVER, "gives a user the name of one that is exempt"),
    action("iam:CreateAccessKey", TAKEOVER, "creates a key of a user that is exempt"),
    action("iam:CreateLoginProfile", TAKEOVER, "gives a user that is exempt a password"),
    action("iam:UpdateLoginProfile", TAKEOVER, "changes the password of a user that is exempt"),
    action("lambda:UpdateFunctionCode", FUNCTION, "runs other code as keyrot"),
    action(
        "lambda:UpdateFunctionConfiguration",
        FUNCTION,
        "changes keyrot's settings, layers or endpoints",
    ),
    action("ssm:PutParameter", &[Sid::DenyParameterChanges], "changes keyrot's settings"),
    action("*", &[Sid::AllowTheRest], "a boundary that only denies would allow nothing"),
    action("iam:DeleteUserPermissionsBoundary", BOUNDARY, "takes the boundary off a user"),
    action("iam:DeleteRolePermissionsBoundary", BOUNDARY, "takes the boundary off a role"),
    action("iam:PutUserPermissionsBoundary", WITHOUT, "puts another boundary in its place"),
    action("iam:PutRolePermissionsBoundary", WITHOUT, "puts another boundary in its place"),
    action("iam:CreatePolicyVersion", &[Sid::DenyBoundaryChanges], "changes the boundary"),
    action("iam:DeletePolicyVersion", &[Sid::DenyBoundaryChanges], "changes the boundary"),
    action("iam:SetDefaultPolicyVersion", &[Sid::DenyBoundaryChanges], "changes the boundary"),
    action("iam:DeletePolicy", &[Sid::DenyBoundaryChanges], "deletes the boundary"),
];

/// A principal that the guard exempts: the ARN of a role or a user, perhaps with wildcards, or an
/// account's root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Principal(String);

/// The reason why a text is not a principal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoPrincipal {
    /// The text names a session.
    #[error(
        "{arn} is a session; name its role instead: {role}, with the role's path if it has one"
    )]
    Session {
        /// The text.
        arn: String,
        /// The role's ARN without its path, which a session does not show.
        role: String,
    },
    /// The text would match every principal.
    #[error(
        "{0} fits every role or user; expected a name, such as arn:aws:iam::123456789012:role/keyrot"
    )]
    Everybody(String),
    /// The text is not the ARN of a role, a user or an account's root.
    #[error(
        "{0:?} is not the ARN of a role or user; expected for example arn:aws:iam::123456789012:role/keyrot or arn:aws:iam::*:role/keyrot"
    )]
    Malformed(String),
}

impl Principal {
    /// Parses an ARN. `*` and `?` are wildcards, in the account and after `role/` or `user/`.
    ///
    /// # Errors
    /// [`NoPrincipal`]
    pub fn parse(text: &str) -> Result<Self, NoPrincipal> {
        let malformed = || NoPrincipal::Malformed(text.to_owned());
        let arn = Arn::parse(text).filter(|arn| arn.region.is_empty()).ok_or_else(malformed)?;
        let Arn { partition, service, account, resource, .. } = arn;
        if !Partition::NAMES.contains(&partition) || account != "*" && !arn.has_account() {
            return Err(malformed());
        }
        if let ("sts", Some(PrincipalKind::Session { role })) = (service, arn.principal()) {
            let role = format!("arn:{partition}:iam::{account}:role/{role}");
            return Err(NoPrincipal::Session { arn: text.to_owned(), role });
        }
        if service != "iam" {
            return Err(malformed());
        }
        if resource == "root" {
            return Ok(Self(text.to_owned()));
        }
        let name = ["role/", "user/"]
            .iter()
            .find_map(|kind| resource.strip_prefix(kind))
            .ok_or_else(malformed)?;
        // IAM allows `$` and `"` in paths, but they have another meaning in a policy.
        let plain = |b: u8| b.is_ascii_graphic() && !b"$\"\\:".contains(&b);
        if name.is_empty() || name.ends_with('/') || !name.bytes().all(plain) {
            return Err(malformed());
        }
        if !name.bytes().any(|b| b.is_ascii_alphanumeric()) {
            return Err(NoPrincipal::Everybody(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns the ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The principals that the guard exempts, and its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// keyrot's own principals, and the administrators. If this is empty, no principal is exempt,
    /// not even keyrot.
    pub principals: Vec<Principal>,
    /// The name of keyrot's Lambda function.
    pub function: Text,
    /// The name of the managed policy if the guard is a permissions boundary; `None` for a service
    /// control policy. A boundary allows everything that it does not deny. It works only if its
    /// holders cannot remove it, and if everything they create must have it, too.
    pub boundary: Option<Text>,
}

impl Scope {
    /// Returns the guard for these users and secrets. It has no placeholders: an unknown account or
    /// region matches any ([`Text::any`]).
    #[must_use]
    pub fn guard_policy(&self, guard: &Guard) -> Policy {
        let every_user = self.users_under("/".into());
        let tag = vec![self.tag.plain(self.syntax)];
        let prefix: Vec<String> = spellings("keyrot").map(|word| format!("{word}:*")).collect();
        #[cfg(feature = "settings")]
        let replicas = self.replica_regions();
        #[cfg(not(feature = "settings"))]
        let replicas: [Text; 0] = [];
        let regions = std::iter::once(self.clone())
            .chain(self.home_regions.iter().map(|region| self.in_region(region)))
            .chain(replicas.iter().map(|region| self.in_region(region)));
        let places: Vec<Self> = regions.collect();
        let secrets: Vec<String> = places.iter().flat_map(Self::secret_names_and_arns).collect();
        let mut statements = vec![
            Statement::deny(Sid::DenyRotationTag, every_user).when(
                "ForAnyValue:StringEqualsIgnoreCase",
                "aws:TagKeys",
                tag,
            ),
            Statement::deny(Sid::DenyKeyrotTags, "*").when(
                "ForAnyValue:StringLike",
                "aws:TagKeys",
                prefix,
            ),
            Statement::deny(Sid::DenySecretChanges, secrets),
        ];
        let exempt: Vec<String> = guard.principals.iter().map(|one| one.0.clone()).collect();
        let takeable: Vec<String> =
            exempt.iter().filter(|arn| !arn.ends_with(":root")).cloned().collect();
        if !takeable.is_empty() {
            statements.push(Statement::deny(Sid::DenyPrincipalTakeover, takeable));
        }
        statements.push(Statement::deny(
            Sid::DenyFunctionChanges,
            self.arn("lambda", "function:", &guard.function),
        ));
        if let Some(name) = &self.config {
            statements.push(Statement::deny(Sid::DenyParameterChanges, self.parameter(name)));
        }
        let mut allow = Vec::new();
        if let Some(name) = &guard.boundary {
            let arn = self.of_iam(Text::fixed("policy/").then(name.clone()));
            statements.push(Statement::deny(Sid::DenyBoundaryRemoval, "*"));
            statements.push(Statement::deny(Sid::DenyBoundaryChanges, arn.clone()));
            // `StringNotLike` also matches if there is no boundary.
            statements.push(Statement::deny(Sid::DenyWithoutBoundary, "*").when(
                "StringNotLike",
                "iam:PermissionsBoundary",
                arn,
            ));
            allow.push(Statement::new(Sid::AllowTheRest, "*"));
        }
        if !exempt.is_empty() {
            let but = |statement: Statement| {
                statement.when("ArnNotLike", "aws:PrincipalArn", exempt.clone())
            };
            statements = statements.into_iter().map(but).collect();
        }
        allow.extend(statements);
        Policy::of(allow)
    }

    /// Returns the secrets in the forms that requests use before and after they exist.
    pub(super) fn secret_names_and_arns(&self) -> Vec<String> {
        let names = self.secrets.iter().map(|name| self.arn("secretsmanager", "secret:", name));
        names.chain(self.secret_arns()).collect()
    }
}

impl Policy {
    /// Returns the length without the white space between the parts, which is what Organizations
    /// and IAM count.
    #[must_use]
    pub fn characters(&self) -> usize {
        serde_json::to_string(self).map_or(usize::MAX, |text| text.chars().count())
    }
}

/// Returns the word in every spelling that differs only in case.
fn spellings(word: &str) -> impl Iterator<Item = String> {
    (0_u32..1 << word.len()).map(move |upper| {
        let spell = |(n, letter): (usize, char)| {
            if upper & (1 << n) == 0 { letter } else { letter.to_ascii_uppercase() }
        };
        word.chars().enumerate().map(spell).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_is_a_role_or_a_user_but_not_everyone() {
        for good in [
            "arn:aws:iam::123456789012:role/keyrot",
            "arn:aws-cn:iam::123456789012:user/ops/jane",
            "arn:aws:iam::*:role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_Admin_*",
            "arn:aws:iam::123456789012:root",
        ] {
            assert_eq!(Principal::parse(good).unwrap().as_str(), good);
        }
        for (bad, says) in [
            (
                "arn:aws:sts::123456789012:assumed-role/keyrot/me",
                "arn:aws:iam::123456789012:role/keyrot, with",
            ),
            ("arn:aws:iam::123456789012:role/*", "fits every"),
            ("arn:aws:iam::123456789012:user/*/?*", "fits every"),
            ("arn:aws:iam::123456789012:group/admins", "not the ARN"),
            ("arn:aws:iam::1234:role/keyrot", "not the ARN"),
            ("arn:aws:iam::123456789012:role/${aws:username}", "not the ARN"),
            ("arn:aws:iam::123456789012:role/", "not the ARN"),
            ("arn:*:iam::123456789012:role/a", "not the ARN"),
            ("123456789012", "not the ARN"),
            ("*", "not the ARN"),
        ] {
            let error = Principal::parse(bad).unwrap_err().to_string();
            assert!(error.contains(says), "{bad}: {error}");
        }
    }

    #[test]
    fn the_guard_has_every_spelling_of_the_prefix_once() {
        let all: std::collections::BTreeSet<_> = spellings("keyrot").collect();
        assert_eq!(all.len(), 64);
        assert!(all.iter().all(|word| word.eq_ignore_ascii_case("keyrot")));
    }
}
