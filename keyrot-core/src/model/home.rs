//! One user, one home: the one secret, in one account and region, where a user's key is published.
//!
//! IAM is global, and secrets are regional: a run in another region, with another template, or for
//! a user who was renamed finds another secret, or none. If it created one, runs for the two
//! secrets would take each other's keys away. So a home is recorded on both sides, in tags that a
//! run reads anyway: the user's tag [`HOME_TAG`] names the secret by its full ARN, and the secret's
//! tag [`Owner::TAG`] names the user by the unique id that IAM never gives to another (IAM user
//! guide, "IAM identifiers", "Unique identifiers").

use crate::model::arn::Arn;
use crate::model::names::{NameError, SecretName, UserId, UserName};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The tag on a user that names the user's home: the ARN of the secret.
pub const HOME_TAG: &str = "keyrot:home";

/// The longest value of a tag (IAM API reference, data type `Tag`).
const LONGEST_TAG: usize = 256;

/// The place of a secret: its ARN without the six characters that Secrets Manager adds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The partition, such as `aws`.
    pub partition: String,
    /// The region.
    pub region: String,
    /// The account's twelve digits.
    pub account: String,
    /// The secret's name.
    pub name: SecretName,
}

/// The ARN of a secret: `arn:PARTITION:secretsmanager:REGION:ACCOUNT:secret:NAME-SUFFIX`.
///
/// Without the hyphen and six characters that Secrets Manager adds to each secret that it creates,
/// it is the place for a secret that does not exist yet: `keyrot enroll` writes such an ARN. If the
/// name itself ends in a hyphen and six characters, such as `ci-deploy`, a colon follows it, which
/// no name contains.
///
/// ```
/// # use keyrot_core::model::SecretArn;
/// let arn = SecretArn::parse("arn:aws:secretsmanager:eu-central-1:123456789012:secret:/iam/ci/access_key-a1B2c3")?;
/// assert_eq!((arn.place().region.as_str(), arn.place().name.as_str()), ("eu-central-1", "/iam/ci/access_key"));
/// assert_eq!(arn.suffix(), Some("a1B2c3"));
/// # Ok::<(), keyrot_core::model::NameError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretArn {
    place: Place,
    suffix: Option<String>,
}

/// The owner of a secret's key, from the secret's tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Owner {
    /// The user's unique id.
    pub id: UserId,
    /// The user's account.
    pub account: String,
    /// The user's name when the tag was written. A renamed user keeps its id.
    pub name: UserName,
}

/// The home in the user's tag.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HomeTag {
    /// There is no such tag.
    Absent,
    /// This secret.
    At(SecretArn),
    /// Something that is not a secret's ARN.
    Unreadable(String),
}

/// Whether a user without a home may get one here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Adoption {
    /// No: account and region come only from the environment, and were not chosen on purpose.
    NotNamed,
    /// Yes: account and region were named on purpose.
    Named,
    /// Yes, even in an existing secret with any content, because the operator asked for it.
    TakeOver,
}

/// A user's identity, and the place of its secret in the settings.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Residence {
    /// The user.
    pub owner: Owner,
    /// The place of the secret in the settings.
    pub place: Place,
    /// What the user's tag says.
    pub tag: HomeTag,
    /// Whether the user may be adopted here.
    pub adoption: Adoption,
    /// Whether the place comes from the tag and differs from the settings: the user was renamed, or
    /// the tag was forged.
    pub renamed: bool,
}

/// A difference between an existing secret and one that keyrot would create.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// The secret is encrypted with a KMS key other than the one in the settings.
    KmsKey {
        /// The secret's key.
        found: String,
        /// The settings' key.
        expected: String,
    },
    /// The secret belongs to an AWS service.
    OwningService(String),
    /// The secret has a resource policy: others may be allowed to read it.
    ResourcePolicy,
    /// The secret is replicated to these regions.
    Replicas(Vec<String>),
}

impl Difference {
    /// Whether an operator may adopt such a secret explicitly. Another KMS key or an owning service
    /// can't be accepted.
    #[must_use]
    pub fn may_be_accepted(&self) -> bool {
        matches!(self, Self::ResourcePolicy | Self::Replicas(_))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KmsKey { found, expected } => {
                write!(f, "its KMS key is {found}, expected {expected}")
            }
            Self::OwningService(service) => write!(f, "it belongs to the service {service}"),
            Self::ResourcePolicy => f.write_str("it has a resource policy"),
            Self::Replicas(regions) => write!(f, "it is replicated to {}", regions.join(", ")),
        }
    }
}

impl SecretArn {
    /// Parses the text.
    ///
    /// # Errors
    /// [`NameError`] for anything but the ARN of a secret.
    pub fn parse(text: impl AsRef<str>) -> Result<Self, NameError> {
        let text = text.as_ref();
        let wrong = || {
            NameError::new(
                "secret ARN",
                text,
                "expected arn:PARTITION:secretsmanager:REGION:ACCOUNT:secret:NAME",
            )
        };
        let arn =
            Arn::parse(text).filter(|arn| arn.service == "secretsmanager" && arn.has_account());
        let Arn { partition, region, account, resource, .. } = arn.ok_or_else(wrong)?;
        let resource = resource.strip_prefix("secret:").ok_or_else(wrong)?;
        let word = |text: &str| {
            let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            !text.is_empty() && text.len() <= 32 && text.bytes().all(known)
        };
        if !word(partition) || !word(region) {
            return Err(wrong());
        }
        let (name, suffix) = match (resource.strip_suffix(':'), split_suffix(resource)) {
            // Written only if the name is ambiguous.
            (Some(name), _) if split_suffix(name).is_some() => (name, None),
            (_, Some((name, suffix))) => (name, Some(suffix)),
            (_, None) => (resource, None),
        };
        let name = SecretName::parse(name).map_err(|_| wrong())?;
        let (partition, region, account) =
            (partition.to_owned(), region.to_owned(), account.to_owned());
        Ok(Self {
            place: Place { partition, region, account, name },
            suffix: suffix.map(str::to_owned),
        })
    }

    /// Returns the ARN of a chosen place without a secret yet.
    #[must_use]
    pub fn planned(place: Place) -> Self {
        Self { place, suffix: None }
    }

    /// Returns the place of the secret.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Returns the six characters that Secrets Manager added when it created the secret; `None` if
    /// it is only planned.
    #[must_use]
    pub fn suffix(&self) -> Option<&str> {
        self.suffix.as_deref()
    }
}

impl Place {
    /// Returns by how many characters the ARN of a secret here exceeds a tag's value; zero if it
    /// fits.
    #[must_use]
    pub fn excess(&self) -> usize {
        let suffix = "-xxxxxx".len();
        (SecretArn::planned(self.clone()).to_string().len() + suffix).saturating_sub(LONGEST_TAG)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { region, account, name, .. } = self;
        write!(f, "{name} in {region}, account {account}")
    }
}

impl fmt::Display for SecretArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { partition, region, account, name } = &self.place;
        write!(f, "arn:{partition}:secretsmanager:{region}:{account}:secret:{name}")?;
        match &self.suffix {
            Some(suffix) => write!(f, "-{suffix}"),
            None if split_suffix(name.as_str()).is_some() => f.write_str(":"),
            None => Ok(()),
        }
    }
}

/// Splits a name from the hyphen and six characters that Secrets Manager may have added.
fn split_suffix(text: &str) -> Option<(&str, &str)> {
    let (name, end) = text.rsplit_once('-')?;
    let added = end.len() == 6 && end.bytes().all(|b| b.is_ascii_alphanumeric());
    (added && !name.is_empty()).then_some((name, end))
}

impl fmt::Debug for SecretArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for SecretArn {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

impl From<SecretArn> for String {
    fn from(arn: SecretArn) -> Self {
        arn.to_string()
    }
}

impl HomeTag {
    /// Reads the tag's value.
    #[must_use]
    pub fn of(value: Option<&str>) -> Self {
        match value.map(|text| (text, SecretArn::parse(text))) {
            None => Self::Absent,
            Some((_, Ok(arn))) => Self::At(arn),
            Some((text, Err(_))) => Self::Unreadable(text.chars().take(LONGEST_TAG).collect()),
        }
    }
}

impl Owner {
    /// The tag on a secret that names its user.
    pub const TAG: &str = "keyrot:user-id";

    /// Returns the tag's value: `AIDA… 123456789012 name`. A comma, which a tag's value must not
    /// contain (Secrets Manager API reference, data type `Tag`), is written as `=2C`, and `=` as
    /// `=3D`.
    #[must_use]
    pub fn to_text(&self) -> String {
        let name = self.name.as_str().replace('=', "=3D").replace(',', "=2C");
        format!("{} {} {name}", self.id, self.account)
    }

    /// Parses a tag's value; `None` if it does not name an owner.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split(' ').collect();
        let [id, account, name] = words[..] else { return None };
        let name = name.replace("=2C", ",").replace("=3D", "=");
        let digits = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
        let (id, name) = (UserId::parse(id).ok()?, UserName::parse(name).ok()?);
        digits.then(|| Self { id, account: account.to_owned(), name })
    }

    /// Whether both are the same user, even under different names.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.id == other.id && self.account == other.account
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} of account {})", self.name, self.id, self.account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_arn_is_read_back_with_its_suffix_and_without_one() {
        for text in [
            "arn:aws:secretsmanager:eu-central-1:123456789012:secret:/iam/ci/access_key-a1B2c3",
            "arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:/iam/ci/access_key",
        ] {
            assert_eq!(SecretArn::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "/iam/ci/access_key",
            "arn:aws:secretsmanager:eu-central-1:123:secret:x",
            "arn:aws:secretsmanager::123456789012:secret:x",
            "arn:aws:iam:eu-central-1:123456789012:secret:x",
            "arn:aws:secretsmanager:eu-central-1:123456789012:secret:",
            "arn:aws:secretsmanager:eu central:123456789012:secret:x",
        ] {
            assert!(SecretArn::parse(text).is_err(), "{text}");
            assert!(matches!(HomeTag::of(Some(text)), HomeTag::Unreadable(_)));
        }
    }

    #[test]
    fn a_name_that_ends_as_an_arn_does_is_read_back_whole() {
        let at = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:prod/ci-deploy";
        let arn = SecretArn::parse(format!("{at}-a1B2c3")).unwrap();
        assert_eq!((arn.place().name.as_str(), arn.suffix()), ("prod/ci-deploy", Some("a1B2c3")));
        let planned = SecretArn::planned(arn.place().clone()).to_string();
        let read = SecretArn::parse(&planned).unwrap();
        assert_eq!((read.place(), read.suffix()), (arn.place(), None), "{planned}");
        for wrong in [format!("{at}:x"), format!("{at}-a1B2c3:x"), at.replace("deploy", ":")] {
            assert!(SecretArn::parse(&wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn an_arn_of_any_name_is_read_back(
            name in "[a-z/]{0,3}[A-Za-z0-9/_+=.@-]{1,12}(-[a-zA-Z0-9]{6}){0,2}",
            suffix in "[A-Za-z0-9]{6}",
        ) {
            let place = Place {
                partition: "aws".to_owned(),
                region: "eu-central-1".to_owned(),
                account: "123456789012".to_owned(),
                name: SecretName::parse(name).unwrap(),
            };
            let planned = SecretArn::planned(place.clone());
            prop_assert_eq!(SecretArn::parse(planned.to_string()).unwrap(), planned);
            let there = SecretArn { place, suffix: Some(suffix) };
            prop_assert_eq!(SecretArn::parse(there.to_string()).unwrap(), there);
        }

        #[test]
        fn an_owner_is_read_back(id in "AIDA[A-Z0-9]{17}", account in "[0-9]{12}", name in "[A-Za-z0-9+=,.@_-]{1,64}") {
            let owner = Owner { id: UserId::parse(id).unwrap(), account, name: UserName::parse(name).unwrap() };
            let text = owner.to_text();
            prop_assert!(text.chars().all(|c| c.is_ascii_alphanumeric() || " +-=._:/@".contains(c)), "{}", text);
            prop_assert_eq!(Owner::parse(&text), Some(owner));
        }

        #[test]
        fn no_text_makes_the_parsers_panic(text in "\\PC{0,120}") {
            let _ = (Owner::parse(&text), SecretArn::parse(&text));
        }
    }
}
