//! The template for the name of a user's secret.

use crate::model::names::{SecretName, UserArn};
use crate::model::nearest::nearest;
use crate::model::user_ref::UserRef;
use std::fmt;

/// The template for a secret's name: text that contains `{user}`, and optionally `{path}` and
/// `{account}`.
///
/// A character that Secrets Manager does not allow in a name is written as `=` and two hexadecimal
/// digits, and so is `=` itself: the comma of an IAM user name becomes `=2C`. So no two users of an
/// account get the same name.
///
/// ```
/// # use keyrot_core::selection::SecretTemplate;
/// # use keyrot_core::UserArn;
/// let template = SecretTemplate::parse("/iam/{user}/access_key")?;
/// let user = UserArn::parse("arn:aws:iam::123456789012:user/ci/doe,jane")?;
/// assert_eq!(template.secret_name(&user)?.as_str(), "/iam/doe=2Cjane/access_key");
/// let template = SecretTemplate::parse("{account}{path}{user}")?;
/// assert_eq!(template.secret_name(&user)?.as_str(), "123456789012/ci/doe=2Cjane");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SecretTemplate {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Part {
    Fixed(String),
    User,
    Path,
    Account,
}

/// The reason why a text is not a template for secret names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// All users would share one secret.
    #[error(
        "it has no {{user}}, so all users would share one secret; expected for example /iam/{{user}}/access_key"
    )]
    NoUser,
    /// A placeholder appears twice.
    #[error("it has {{{0}}} twice; expected it once")]
    Twice(String),
    /// There is no such placeholder.
    #[error("it has {{{name}}}, which is not known; expected {{user}}, {{path}} or {{account}}{}",
        suggestion.map(|s| format!("; did you mean {{{s}}}?")).unwrap_or_default())]
    Unknown {
        /// The text between the braces.
        name: String,
        /// The placeholder that was probably meant.
        suggestion: Option<&'static str>,
    },
    /// A brace without its other half.
    #[error("a brace is not closed or not opened; expected placeholders such as {{user}}")]
    Brace,
    /// A character that Secrets Manager does not allow.
    #[error("it has the character {0:?}; expected A-Z a-z 0-9 / _ + = . @ - and placeholders")]
    Character(char),
    /// A slash next to `{path}`, which has its own.
    #[error(
        "it has a slash next to {{path}}, which begins and ends with one itself; expected for example /iam{{path}}{{user}}"
    )]
    SlashAtPath,
    /// There is so much fixed text that long user names do not fit.
    #[error(
        "its fixed text is longer than {LONGEST_FIXED} characters; expected less, so that every user name fits"
    )]
    TooLong,
}

/// A user for which the template gives no usable name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the template {template} gives the secret name {name:?}, which Secrets Manager does not allow: {why}; set another template, or name this user's secret in the tag keyrot:secret"
)]
pub struct Unnameable {
    template: String,
    name: String,
    why: String,
}

fn fits(parts: &[Part], text: &str, account: &str) -> bool {
    let Some((first, rest)) = parts.split_first() else { return text.is_empty() };
    let behind = |length: usize| fits(rest, &text[length..], account);
    match first {
        Part::Fixed(fixed) => text.starts_with(fixed.as_str()) && behind(fixed.len()),
        Part::Account => text.starts_with(account) && behind(account.len()),
        // A user's name has no slash.
        Part::User => (1..=text.find('/').unwrap_or(text.len())).any(behind),
        Part::Path => {
            text.starts_with('/') && (1..=text.len()).any(|n| text[..n].ends_with('/') && behind(n))
        }
    }
}

/// The limit on fixed text: Secrets Manager's 512 characters, less a user name of 64 characters
/// that are all escaped.
const LONGEST_FIXED: usize = 320;

const PLACEHOLDERS: [(&str, Part); 3] =
    [("user", Part::User), ("path", Part::Path), ("account", Part::Account)];

impl SecretTemplate {
    /// Parses the text.
    ///
    /// # Errors
    /// [`TemplateError`], for a template under which two users could share a secret, or which fits
    /// no user.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let parts = split(text, |c| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c))?;
        for (name, placeholder) in &PLACEHOLDERS {
            if parts.iter().filter(|p| *p == placeholder).count() > 1 {
                return Err(TemplateError::Twice((*name).to_owned()));
            }
        }
        if !parts.contains(&Part::User) {
            return Err(TemplateError::NoUser);
        }
        for pair in parts.windows(2) {
            match pair {
                [Part::Fixed(before), Part::Path] if before.ends_with('/') => {
                    return Err(TemplateError::SlashAtPath);
                }
                [Part::Path, Part::Fixed(behind)] if behind.starts_with('/') => {
                    return Err(TemplateError::SlashAtPath);
                }
                _ => {}
            }
        }
        let fixed = |part: &Part| if let Part::Fixed(text) = part { text.len() } else { 0 };
        if parts.iter().map(fixed).sum::<usize>() > LONGEST_FIXED {
            return Err(TemplateError::TooLong);
        }
        Ok(Self { text: text.to_owned(), parts })
    }

    /// Whether the template could give this name to some user of this user's account, such as to
    /// this user before it was renamed or moved to another path.
    #[must_use]
    pub fn fits(&self, name: &SecretName, user: &UserArn) -> bool {
        fits(&self.parts, name.as_str(), user.account())
    }

    /// Returns the name of this user's secret.
    ///
    /// # Errors
    /// [`Unnameable`] if the name would be too long.
    pub fn secret_name(&self, user: &UserArn) -> Result<SecretName, Unnameable> {
        let name = filled(&self.parts, user, escaped);
        if name.len() > 512 {
            let why = format!("it has {} characters, at most 512 are allowed", name.len());
            let name = format!("{}…", &name[..60]);
            return Err(Unnameable { template: self.text.clone(), name, why });
        }
        SecretName::parse(name.as_str()).map_err(|error| Unnameable {
            template: self.text.clone(),
            name,
            why: error.to_string(),
        })
    }

    /// Returns the name of a user's secret for a caller that may know only the user's name; `None`
    /// if the template needs more.
    ///
    /// # Errors
    /// As [`SecretTemplate::secret_name`].
    pub fn secret_of(&self, user: &UserRef) -> Option<Result<SecretName, Unnameable>> {
        match user {
            UserRef::Arn(arn) => Some(self.secret_name(arn)),
            UserRef::Name(_)
                if self.parts.iter().any(|part| matches!(part, Part::Path | Part::Account)) =>
            {
                None
            }
            UserRef::Name(name) => {
                // Neither the account nor the path is in the template.
                let arn = UserArn::parse(format!("arn:aws:iam::000000000000:user/{name}")).ok()?;
                Some(self.secret_name(&arn))
            }
        }
    }

    /// Returns the template as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Fills in the parts for this user; `write` writes its name and path.
pub(super) fn filled(parts: &[Part], user: &UserArn, write: fn(&str) -> String) -> String {
    let part = |part: &Part| match part {
        Part::Fixed(text) => text.clone(),
        Part::User => write(user.name().as_str()),
        Part::Path => write(user.path()),
        Part::Account => user.account().to_owned(),
    };
    parts.iter().map(part).collect()
}

/// Parses fixed texts of allowed characters, and placeholders, one after the other.
pub(super) fn split(mut text: &str, allowed: fn(char) -> bool) -> Result<Vec<Part>, TemplateError> {
    let mut parts = Vec::new();
    while !text.is_empty() {
        if let Some(rest) = text.strip_prefix('{') {
            let (name, rest) = rest.split_once('}').ok_or(TemplateError::Brace)?;
            let known = PLACEHOLDERS.iter().find(|(known, _)| *known == name);
            let (_, part) = known.ok_or_else(|| TemplateError::Unknown {
                name: name.to_owned(),
                suggestion: nearest(name, PLACEHOLDERS.iter().map(|(known, _)| *known)),
            })?;
            parts.push(part.clone());
            text = rest;
        } else {
            let end = text.find('{').unwrap_or(text.len());
            for c in text[..end].chars() {
                match c {
                    '}' => return Err(TemplateError::Brace),
                    c if allowed(c) => {}
                    c => return Err(TemplateError::Character(c)),
                }
            }
            parts.push(Part::Fixed(text[..end].to_owned()));
            text = &text[end..];
        }
    }
    Ok(parts)
}

/// Escapes every character that a secret's name must not contain, and the escape character itself.
fn escaped(text: &str) -> String {
    let mut onto = String::with_capacity(64);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"/_+.@-".contains(&byte) {
            onto.push(char::from(byte));
        } else {
            onto.push_str(&format!("={byte:02X}"));
        }
    }
    onto
}

impl Default for SecretTemplate {
    /// `/iam/{user}/access_key`
    fn default() -> Self {
        let fixed = |text: &str| Part::Fixed(text.to_owned());
        Self {
            text: "/iam/{user}/access_key".to_owned(),
            parts: vec![fixed("/iam/"), Part::User, fixed("/access_key")],
        }
    }
}

impl fmt::Display for SecretTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl std::str::FromStr for SecretTemplate {
    type Err = TemplateError;
    fn from_str(text: &str) -> Result<Self, TemplateError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::names::UserName;
    use proptest::prelude::*;

    fn arn(path: &str, name: &str) -> UserArn {
        UserArn::parse(format!("arn:aws:iam::123456789012:user{path}{name}")).unwrap()
    }

    fn unescape(text: &str) -> String {
        let mut parts = text.split('=');
        let mut bytes = parts.next().unwrap().as_bytes().to_vec();
        for part in parts {
            bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
            bytes.extend(part[2..].bytes());
        }
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_default_parses_to_itself() {
        let default = SecretTemplate::default();
        assert_eq!(SecretTemplate::parse(default.as_str()), Ok(default));
    }

    #[test]
    fn a_template_that_cannot_work_is_refused_with_a_suggestion() {
        let wrong = |text: &str| SecretTemplate::parse(text).unwrap_err().to_string();
        assert!(wrong("/iam/key").contains("no {user}, so all users would share one secret"));
        assert!(wrong("{path}").contains("no {user}"));
        assert!(wrong("{user}/{user}").contains("{user} twice"));
        assert!(
            wrong("/iam/{usr}").contains("{usr}, which is not known")
                && wrong("{usr}").contains("did you mean {user}?")
        );
        assert!(wrong("/iam/{user").contains("brace") && wrong("/iam/user}").contains("brace"));
        assert!(wrong("/iam/{user} key").contains("the character ' '"));
        assert!(
            wrong("/iam/{path}{user}").contains("/iam{path}{user}")
                && wrong("{path}/{user}").contains("slash")
        );
        assert!(wrong(&format!("{{user}}/{}", "x".repeat(320))).contains("longer than 320"));
    }

    #[test]
    fn a_name_may_end_as_an_arn_does() {
        let of = |template: &str, user: &str| {
            let template = SecretTemplate::parse(template).unwrap();
            template.secret_name(&arn("/", user)).unwrap().to_string()
        };
        assert_eq!(of("prod/{user}", "ci-deploy"), "prod/ci-deploy");
        assert_eq!(of("{user}-access", "ci"), "ci-access");
    }

    #[test]
    fn a_name_alone_is_enough_unless_the_template_has_more() {
        let of = |template: &str, user: &str| {
            let found = SecretTemplate::parse(template).unwrap().secret_of(&user.parse().unwrap());
            found.map(|name| name.unwrap().to_string())
        };
        assert_eq!(of("/iam/{user}/key", "a,b").unwrap(), "/iam/a=2Cb/key");
        assert_eq!(of("/iam{path}{user}", "ci"), None);
        assert_eq!(of("{account}/{user}", "ci"), None);
        assert_eq!(
            of("{account}{path}{user}", "arn:aws:iam::123456789012:user/team/ci").unwrap(),
            "123456789012/team/ci"
        );
    }

    #[test]
    fn a_name_that_the_template_may_have_given_is_recognized() {
        let fits = |template: &str, name: &str| {
            let template = SecretTemplate::parse(template).unwrap();
            template.fits(&SecretName::parse(name).unwrap(), &arn("/team/", "ci"))
        };
        assert!(fits("/iam/{user}/access_key", "/iam/other/access_key"));
        assert!(
            !fits("/iam/{user}/access_key", "/iam/team/ci/access_key"),
            "no user has a slash in its name"
        );
        assert!(
            !fits("/iam/{user}/access_key", "/iam/ci/key")
                && !fits("/iam/{user}/access_key", "/iam//access_key")
        );
        assert!(fits("/iam{path}{user}", "/iam/a/b/ci") && fits("/iam{path}{user}", "/iam/ci"));
        assert!(
            fits("{account}/{user}", "123456789012/x")
                && !fits("{account}/{user}", "210987654321/x")
        );
    }

    #[test]
    fn a_name_that_cannot_be_used_is_refused_with_the_reason() {
        let template = SecretTemplate::parse("{path}{user}").unwrap();
        let error = template
            .secret_name(&arn(&format!("/{}/", "x".repeat(510)), "ci"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("514 characters, at most 512") && error.contains("keyrot:secret"),
            "{error}"
        );
    }

    proptest! {
        #[test]
        fn every_user_name_can_be_read_back(name in "[A-Za-z0-9+=,.@_-]{1,64}") {
            let user = UserName::parse(name.as_str()).unwrap();
            let secret = SecretTemplate::default().secret_name(&arn("/", user.as_str())).unwrap();
            let middle = secret.as_str().strip_prefix("/iam/").unwrap().strip_suffix("/access_key").unwrap();
            prop_assert_eq!(unescape(middle), name);
        }

        /// Similar names full of escaped characters, with templates of every shape.
        #[test]
        fn no_two_users_share_a_secret(
            names in proptest::collection::btree_map("[a=,2CD-]{1,4}", "/|/a/|/a/a/|/=,/|/2C/", 2..12),
            template in prop_oneof![
                Just("{user}"), Just("/iam/{user}/access_key"), Just("{path}{user}"), Just("{path}a/{user}"),
                Just("{user}a{path}"), Just("{user}{account}"), Just("{account}{user}=2C"), Just("{path}-{account}{user}a"),
            ],
        ) {
            let template = SecretTemplate::parse(template).unwrap();
            let mut seen = std::collections::BTreeMap::new();
            for (name, path) in &names {
                if let Ok(secret) = template.secret_name(&arn(path, name)) {
                    prop_assert!(seen.insert(secret.clone(), name).is_none(), "{} twice", secret);
                }
            }
        }

        #[test]
        fn no_text_panics(text in any::<String>(), name in "[A-Za-z,=-]{1,64}", more in "[a-z{}/-]{0,30}") {
            for text in [text, more] {
                if let Ok(template) = SecretTemplate::parse(&text) {
                    let _ = template.secret_name(&arn("/x,é/", &name));
                }
            }
        }
    }
}
