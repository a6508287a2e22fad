//! Places at destinations: the template of a destination's places, and the stores' rules for them.

use crate::model::names::UserArn;
use crate::selection::template::{Part, TemplateError, filled, split};
use std::fmt;

/// The longest place, in characters.
const LONGEST_PLACE: usize = 512;

/// The template for the places of users' keys: text that contains `{user}`, and optionally `{path}`
/// and `{account}`.
///
/// ```
/// # use keyrot_core::selection::{PlaceForm, PlaceTemplate};
/// assert!(PlaceTemplate::parse("/ci/{user}/aws", PlaceForm::Parameter).is_ok());
/// assert!(PlaceTemplate::parse("acme/{user}:production", PlaceForm::GitHub).is_ok());
/// assert!(PlaceTemplate::parse("ci {user}", PlaceForm::Parameter).is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PlaceTemplate {
    pub(super) text: String,
    pub(super) parts: Vec<Part>,
    pub(super) form: PlaceForm,
}

/// The reason why a text is not a template for places.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// Something is wrong with its placeholders.
    #[error(transparent)]
    Template(TemplateError),
    /// The store allows no place that the template gives.
    #[error("it gives places such as {place:?}; expected {expected}")]
    Form {
        /// A place that the template gives.
        place: String,
        /// The form of places.
        expected: &'static str,
    },
}

/// The form of places, by the rules of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PlaceForm {
    /// The name of an SSM parameter.
    Parameter,
    /// The name of a secret in Secrets Manager.
    Secret,
    /// The name of the user's home secret, for a replica of it.
    Home,
    /// `OWNER/REPOSITORY`, `OWNER/REPOSITORY:ENVIRONMENT`, or `ORGANIZATION` alone.
    GitHub,
    /// The full path of a GitLab project or group. It is not a number.
    GitLab,
    /// `NAMESPACE/SECRET` in a Kubernetes cluster.
    Kubernetes,
    /// The id of a CircleCI context: a UUID in lower case.
    CircleCi,
    /// The path of a secret in Vault, below the engine's mount.
    Vault,
    /// `FILE#PROFILE`: a profile of an AWS credentials file, which has an absolute path.
    Profile,
    /// `CLUSTER/SERVICE` of Amazon ECS.
    EcsService,
    /// Any text in one line.
    Text,
}

impl PlaceTemplate {
    /// Parses the text.
    ///
    /// # Errors
    /// [`PlaceError`] for a text that gives no usable place even for a user with a simple name.
    pub fn parse(text: &str, form: PlaceForm) -> Result<Self, PlaceError> {
        let parts = split(text, |c| !c.is_control()).map_err(PlaceError::Template)?;
        let sample = UserArn::parse("arn:aws:iam::123456789012:user/ci");
        let place = sample.map(|user| filled(&parts, &user, str::to_owned)).unwrap_or_default();
        match form.check(&place) {
            Ok(()) => Ok(Self { text: text.to_owned(), parts, form }),
            Err(expected) => {
                Err(PlaceError::Form { place: place.chars().take(120).collect(), expected })
            }
        }
    }

    /// Returns the template of places that have the names of the users' home secrets.
    #[must_use]
    pub fn home() -> Self {
        Self { text: "{secret}".to_owned(), parts: Vec::new(), form: PlaceForm::Home }
    }

    /// Returns the template as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for PlaceTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl PlaceForm {
    /// Checks whether a place is valid by the store's own rules.
    ///
    /// # Errors
    /// A text that says what was expected.
    pub fn check(self, place: &str) -> Result<(), &'static str> {
        let (fits, expected) = match self {
            Self::Parameter => (
                is_parameter(place),
                "a parameter's name of A-Z a-z 0-9 _ . - and /, with / first where it has one, which does not begin with aws or ssm",
            ),
            Self::Secret | Self::Home => {
                (named(place, "/_+=.@-"), "a secret's name of A-Z a-z 0-9 / _ + = . @ -")
            }
            Self::GitHub => (
                is_github(place),
                "OWNER/REPOSITORY, OWNER/REPOSITORY:ENVIRONMENT, or ORGANIZATION alone",
            ),
            Self::GitLab => (
                place.len() <= 255
                    && place.split('/').all(|part| segment(part, 255))
                    && !is_gitlab_id(place),
                "the path of a project or group, such as GROUP/PROJECT, and not a number, which GitLab would take for an id",
            ),
            Self::CircleCi => (
                is_uuid(place),
                "the id of a context, such as f1b0a6d2-3c1e-4f7a-9a51-0d2b7c0a9e11",
            ),
            Self::Vault => (
                place.split('/').all(|part| segment(part, 255)),
                "a path of A-Z a-z 0-9 _ . - and /, without the mount and data/, and no slash first or last",
            ),
            Self::Kubernetes => (
                is_kubernetes(place),
                "NAMESPACE/SECRET, each of a-z 0-9 - (the Secret's name may have . too)",
            ),
            Self::Profile => (
                is_profile(place),
                "FILE#PROFILE, such as /srv/ci/.aws/credentials#ci: an absolute path without empty parts, . and .., \
                 and a profile's name of A-Z a-z 0-9 + = , . @ _ -",
            ),
            Self::EcsService => (
                // ECS API reference, `CreateCluster`, `clusterName`; `CreateService`, `serviceName`.
                place.split('/').count() == 2
                    && place.split('/').all(|part| part.len() <= 255 && named(part, "_-")),
                "CLUSTER/SERVICE, each of A-Z a-z 0-9 _ -",
            ),
            Self::Text => (!place.chars().any(char::is_control), "text in one line"),
        };
        let short = !place.is_empty() && place.chars().count() <= LONGEST_PLACE;
        match (fits, short) {
            (true, true) => Ok(()),
            (true, false) => Err("1 to 512 characters"),
            (false, _) => Err(expected),
        }
    }
}

fn named(text: &str, more: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
}

fn is_uuid(place: &str) -> bool {
    let lengths = place.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    lengths && place.chars().all(|c| matches!(c, '-' | '0'..='9' | 'a'..='f'))
}

/// Whether the text is a valid part of a URL's path, which must not lead out of it.
fn segment(text: &str, longest: usize) -> bool {
    text.len() <= longest && named(text, "_.-") && text != "." && text != ".."
}

/// Checks a parameter's name by Systems Manager's API reference, `PutParameter`, parameter `Name`:
/// case matters, no spaces, at most fifteen levels, and no name that begins with `aws` or `ssm` in
/// any case.
fn is_parameter(place: &str) -> bool {
    let levels: Vec<&str> = match place.strip_prefix('/') {
        Some(rest) => rest.split('/').collect(),
        None => vec![place],
    };
    let reserved = |level: &&str| {
        ["aws", "ssm"]
            .iter()
            .any(|start| level.get(..3).is_some_and(|have| have.eq_ignore_ascii_case(start)))
    };
    levels.len() <= 15
        && levels.iter().all(|level| named(level, "_.-"))
        && !levels.first().is_some_and(reserved)
}

/// Whether GitLab's API takes the text for the id of a project or group, and not for its path
/// (GitLab, `API::Helpers`, `INTEGER_ID_REGEX`).
fn is_gitlab_id(place: &str) -> bool {
    let digits = place.strip_prefix('-').unwrap_or(place);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

/// Checks owners and repositories by the rules in GitHub's documentation. Of environment names,
/// only those that need no quoting anywhere are allowed.
fn is_github(place: &str) -> bool {
    let (repository, environment) = match place.split_once(':') {
        Some((repository, environment)) => (repository, Some(environment)),
        None => (place, None),
    };
    let environment_fits = |name: &str| {
        name.len() <= 255
            && name.split('/').all(|part| named(part, "_.- ") && part != "." && part != "..")
    };
    let owner = |text: &str| text.len() <= 100 && named(text, "-_");
    match (repository.split_once('/'), environment) {
        (Some((by, name)), None) => owner(by) && segment(name, 100),
        (Some((by, name)), Some(within)) => {
            owner(by) && segment(name, 100) && environment_fits(within)
        }
        (None, None) => owner(place),
        (None, Some(_)) => false,
    }
}

/// Checks a file and profile. Every file has only one valid path here, so that two users' places
/// are recognized as the same. Profile names follow the rules for user names; `[DEFAULT]` is not a
/// profile (`configparser`).
fn is_profile(place: &str) -> bool {
    let Some((file, profile)) = place.rsplit_once('#') else { return false };
    let drive =
        file.get(1..3) == Some(":\\") && file.starts_with(|c: char| c.is_ascii_alphabetic());
    let rest = if drive { &file[3..] } else { file.strip_prefix('/').unwrap_or_default() };
    let part = |part: &str| !part.is_empty() && part != "." && part != "..";
    let between = if drive { '\\' } else { '/' };
    rest.split(between).all(part)
        && !file.chars().any(char::is_control)
        && profile.len() <= 64
        && named(profile, "+=,.@_-")
        && profile != "DEFAULT"
}

/// Checks a namespace and a Secret's name. A namespace is a DNS label, and the name of a Secret a
/// DNS subdomain (Kubernetes documentation, "Object Names and IDs").
fn is_kubernetes(place: &str) -> bool {
    let ends = |text: &str| {
        let ends = [text.chars().next(), text.chars().next_back()];
        ends.iter().all(|c| c.is_some_and(|c| c.is_ascii_alphanumeric()))
    };
    let lower = |text: &str| !text.bytes().any(|b| b.is_ascii_uppercase());
    let label = |text: &str| ends(text) && named(text, "-") && lower(text);
    place.split_once('/').is_some_and(|(namespace, name)| {
        namespace.len() <= 63 && label(namespace) && name.len() <= 253 && name.split('.').all(label)
    })
}
