//! Untrusted text, made safe to show.

use crate::model::text::clip;
use serde::{Deserialize, Serialize};
use std::fmt::{self, Write};

/// The longest text that is kept.
const LONGEST: usize = 256;

/// Text from an untrusted source, such as a user agent: at most 256 characters. Characters that
/// control a terminal, break a line or change the reading direction are escaped, as in `\u{1b}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct UntrustedText(String);

impl UntrustedText {
    /// Makes the text safe to show.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut shown = String::with_capacity(text.len().min(LONGEST));
        for c in text.chars() {
            if c.is_control() {
                let _ = write!(shown, "{}", c.escape_unicode());
            } else {
                shown.push(c);
            }
        }
        Self(clip(&shown, LONGEST))
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns at most this many characters of the text.
    #[must_use]
    pub fn clip(&self, most: usize) -> String {
        clip(&self.0, most)
    }
}

impl From<String> for UntrustedText {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl From<&str> for UntrustedText {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<UntrustedText> for String {
    fn from(text: UntrustedText) -> Self {
        text.0
    }
}

impl fmt::Display for UntrustedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for UntrustedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
