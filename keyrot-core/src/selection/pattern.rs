//! Patterns for names, with `*` and `?`.

use crate::model::names::{SecretName, UserName};
use serde::Serialize;
use std::fmt;

/// A user name, or a glob over user names: `*` stands for any characters, `?` for one. Case is
/// ignored, because IAM's user names are unique without regard to it.
///
/// ```
/// # use keyrot_core::selection::Pattern;
/// # use keyrot_core::UserName;
/// let robots = Pattern::parse("robot-*")?;
/// assert!(robots.matches(&UserName::parse("Robot-7")?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Pattern(String);

/// A pattern that no user name could ever match, or an empty one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} matches no {what} name: expected letters, digits, {more} and the wildcards * and ?"
)]
pub struct PatternError {
    text: String,
    what: &'static str,
    more: &'static str,
}

impl PatternError {
    fn new(text: &str, what: &'static str, more: &'static str) -> Self {
        Self { text: text.chars().take(80).collect(), what, more }
    }
}

impl Pattern {
    /// Parses the text.
    ///
    /// # Errors
    /// [`PatternError`] for a text that can match no user name: an exclusion that excludes no user
    /// would be a trap.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-*?".contains(c);
        let needed = text.chars().filter(|c| *c != '*').count();
        if text.is_empty() || needed > 64 || !text.chars().all(fits) {
            return Err(PatternError::new(text, "user", "+ = , . @ _ -"));
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether the pattern matches the whole name.
    #[must_use]
    pub fn matches(&self, user: &UserName) -> bool {
        glob(self.0.as_bytes(), user.as_str().as_bytes(), u8::eq_ignore_ascii_case)
    }

    /// Returns the pattern as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A glob over secret names: `*` stands for any characters, slashes too, and `?` for one. Case
/// matters, as it does in secret names.
///
/// ```
/// # use keyrot_core::SecretName;
/// # use keyrot_core::selection::SecretPattern;
/// let vendors = SecretPattern::parse("/vendors/*")?;
/// assert!(vendors.matches(&SecretName::parse("/vendors/mail/key")?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct SecretPattern(String);

impl SecretPattern {
    /// Parses the text.
    ///
    /// # Errors
    /// [`PatternError`] for a text that can match no secret's name.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-*?".contains(c);
        if text.is_empty() || text.len() > 512 || !text.chars().all(fits) {
            return Err(PatternError::new(text, "secret", "/ _ + = . @ -"));
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether the pattern matches the whole name.
    #[must_use]
    pub fn matches(&self, name: &SecretName) -> bool {
        glob(self.0.as_bytes(), name.as_str().as_bytes(), u8::eq)
    }
}

impl fmt::Display for SecretPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

fn glob(pattern: &[u8], name: &[u8], same: fn(&u8, &u8) -> bool) -> bool {
    let (mut p, mut n) = (0, 0);
    // The position of the last star, and how much of the name it has matched so far.
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == b'?' || same(c, &name[n]) => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    n = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<UserName> for Pattern {
    fn from(user: UserName) -> Self {
        Self(user.into())
    }
}

impl std::str::FromStr for Pattern {
    type Err = PatternError;
    fn from_str(text: &str) -> Result<Self, PatternError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(&UserName::parse(name).unwrap())
    }

    #[test]
    fn stars_and_question_marks() {
        for (pattern, name) in [
            ("*", "a"),
            ("a*", "a"),
            ("a*c*e", "abcde"),
            ("a?c", "a-c"),
            ("*@x.org", "b@X.org"),
            ("*ab", "aab"),
            ("A", "a"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("a", "ab"), ("a?", "a"), ("*b", "abc"), ("a*b", "a"), ("??", "a"), ("a.c", "abc")]
        {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn a_pattern_that_matches_no_user_is_refused() {
        for bad in ["", "a b", "/ci/*", "[ab]", &"?".repeat(65)] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
        let error = Pattern::parse("a b").unwrap_err().to_string();
        assert!(error.contains("\"a b\" matches no user name"), "{error}");
    }

    /// The definition, in its shortest and slowest form.
    fn by_definition(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) => (0..=name.len()).any(|n| by_definition(rest, &name[n..])),
            (Some((p, rest)), Some((n, names))) if p == n || *p == b'?' => {
                by_definition(rest, names)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[ab*?]{1,8}", name in "[ab]{1,10}") {
            prop_assert_eq!(matches(&pattern, &name), by_definition(pattern.as_bytes(), name.as_bytes()));
        }
    }
}
