//! The fields of an ARN.

/// An Amazon Resource Name, taken apart: `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE` (AWS
/// General Reference, "Amazon Resource Names (ARNs)"). The fields are not checked;
/// [`UserArn`](super::UserArn) and [`SecretArn`](super::SecretArn) check theirs.
///
/// ```
/// use keyrot_core::model::Arn;
///
/// let arn = Arn::parse("arn:aws:secretsmanager:eu-west-1:123456789012:secret:/iam/ci/access_key-a1B2c3").unwrap();
/// assert_eq!((arn.partition, arn.region), ("aws", "eu-west-1"));
/// assert_eq!(arn.secret_name(), Some("/iam/ci/access_key"));
/// assert_eq!(Arn::parse("arn:aws:iam"), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arn<'a> {
    /// The partition, such as `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: &'a str,
    /// The service, such as `iam`.
    pub service: &'a str,
    /// The region; empty for global services.
    pub region: &'a str,
    /// The account's twelve digits; empty if the resource belongs to AWS or to no account.
    pub account: &'a str,
    /// The resource, including colons.
    pub resource: &'a str,
}

/// The kind of principal that makes a request, by the resource in its ARN (IAM user guide, "IAM
/// identifiers").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PrincipalKind<'a> {
    /// The root user of the account.
    Root,
    /// An IAM user.
    User,
    /// An IAM role.
    Role,
    /// A session of a role; such an ARN lacks the role's path.
    Session {
        /// The role's name.
        role: &'a str,
    },
}

impl<'a> Arn<'a> {
    /// Whether a text is meant to be an ARN. No name of a user, secret or key begins like an ARN.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.starts_with("arn:")
    }

    /// Parses an ARN; `None` if the text does not have its six fields.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut fields = text.splitn(6, ':');
        let mut next = || fields.next();
        if next()? != "arn" {
            return None;
        }
        Some(Self {
            partition: next()?,
            service: next()?,
            region: next()?,
            account: next()?,
            resource: next()?,
        })
    }

    /// Returns whether the account is twelve digits.
    #[must_use]
    pub fn has_account(&self) -> bool {
        self.account.len() == 12 && self.account.bytes().all(|b| b.is_ascii_digit())
    }

    /// Returns the principal that the ARN names, if it names one.
    #[must_use]
    pub fn principal(&self) -> Option<PrincipalKind<'a>> {
        if !["iam", "sts"].contains(&self.service) {
            return None;
        }
        match self.resource.split_once('/') {
            None => (self.resource == "root").then_some(PrincipalKind::Root),
            Some(("user", _)) => Some(PrincipalKind::User),
            Some(("role", _)) => Some(PrincipalKind::Role),
            Some(("assumed-role", session)) => {
                Some(PrincipalKind::Session { role: session.split('/').next().unwrap_or_default() })
            }
            Some(_) => None,
        }
    }

    /// Returns the name of the secret that it names, without the hyphen and six characters that
    /// Secrets Manager adds (Secrets Manager user guide, "What's in a Secrets Manager secret?",
    /// "Secret ARN").
    #[must_use]
    pub fn secret_name(&self) -> Option<&'a str> {
        let name =
            self.resource.strip_prefix("secret:").filter(|_| self.service == "secretsmanager")?;
        Some(
            name.rsplit_once('-')
                .filter(|(_, suffix)| suffix.len() == 6)
                .map_or(name, |(name, _)| name),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Arn, PrincipalKind};

    #[test]
    fn an_arn_has_six_fields_and_the_last_may_hold_colons() {
        let arn = Arn::parse("arn:aws-cn:iam::123456789012:user/a:b").expect("an ARN");
        assert_eq!(
            (arn.partition, arn.service, arn.region, arn.resource),
            ("aws-cn", "iam", "", "user/a:b")
        );
        assert!(arn.has_account());
        assert!(!Arn::parse("arn:aws:iam::*:user/ci").expect("an ARN").has_account());
        for none in [
            "",
            "arn",
            "arn:aws:iam::123456789012",
            "urn:aws:iam::123456789012:user/ci",
            "/iam/ci/access_key",
        ] {
            assert_eq!(Arn::parse(none), None, "{none}");
        }
    }

    #[test]
    fn the_resource_determines_the_principal() {
        let of = |text| Arn::parse(text).and_then(|arn| arn.principal());
        assert_eq!(of("arn:aws:iam::123456789012:root"), Some(PrincipalKind::Root));
        assert_eq!(of("arn:aws:iam::123456789012:user/ops/jane"), Some(PrincipalKind::User));
        assert_eq!(of("arn:aws:iam::123456789012:role/ops/keyrot"), Some(PrincipalKind::Role));
        assert_eq!(
            of("arn:aws:sts::123456789012:assumed-role/keyrot/me"),
            Some(PrincipalKind::Session { role: "keyrot" })
        );
        assert_eq!(of("arn:aws:iam::123456789012:group/ops"), None);
        assert_eq!(of("arn:aws:s3:::bucket/user/x"), None);
    }

    #[test]
    fn a_secrets_name_is_without_its_suffix() {
        let of = |resource: &str| {
            let text = format!("arn:aws:secretsmanager:eu-west-1:123456789012:{resource}");
            Arn::parse(&text).and_then(|arn| arn.secret_name()).map(str::to_owned)
        };
        assert_eq!(of("secret:ci-key-a1B2c3").as_deref(), Some("ci-key"));
        assert_eq!(of("secret:ci-key").as_deref(), Some("ci-key"), "a partial ARN has no suffix");
        assert_eq!(of("user/ci"), None);
    }
}
