//! One profile's access key: found unambiguously, and replaced without changing anything else.

use super::{Problem, Profiles, Setting};
use keyrot_core::{Credentials, KeyId, SecretKey};
use std::ops::Range;
use zeroize::Zeroizing;

const ID: &str = "aws_access_key_id";
const SECRET: &str = "aws_secret_access_key";
/// The two names of the session token; the second is the older one (`botocore.credentials`,
/// `TOKENS`).
const TOKENS: [&str; 2] = ["aws_session_token", "aws_security_token"];

/// A profile's access key, and where it is in the file.
#[derive(Debug)]
pub struct KeyPair {
    /// The key.
    pub credentials: Credentials,
    id: Range<usize>,
    secret: Range<usize>,
}

/// The reason why the profile's access key is ambiguous or invalid. The text contains no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unclear {
    /// Two sections, in these lines.
    #[error(
        "the profile appears twice (lines {0} and {1}), and tools disagree which one counts: merge them"
    )]
    ProfileTwice(usize, usize),
    /// One setting, in two lines.
    #[error(
        "the profile has {0} twice (lines {1} and {2}), and tools disagree which one counts: remove one"
    )]
    SettingTwice(&'static str, usize, usize),
    /// One half of a key, in this line.
    #[error("the profile has {0} but no {1} (line {2})")]
    Half(&'static str, &'static str, usize),
    /// A session token of this name, in this line.
    #[error(
        "the profile has {0} (line {1}): its credentials are temporary, so there is no key to rotate"
    )]
    Temporary(&'static str, usize),
    /// A setting that boto3 gives to every profile, in this line.
    #[error(
        "{0} is in the section [DEFAULT] (line {1}), which boto3 adds to every profile and other tools do not: move it into the profile"
    )]
    Shared(&'static str, usize),
    /// A line of the profile that is not understood.
    #[error("{0}")]
    Line(Problem),
    /// An unusable value, in this line, and what was expected.
    #[error("the value of {0} (line {1}) is invalid: expected {2}")]
    Value(&'static str, usize, &'static str),
}

impl Profiles<'_> {
    /// Returns the profile's access key; `None` if it has none.
    ///
    /// # Errors
    /// [`Unclear`].
    pub fn key_pair(&self, profile: &str) -> Result<Option<KeyPair>, Unclear> {
        let mut sections = self.of(profile);
        let (Some(section), second) = (sections.next(), sections.next()) else { return Ok(None) };
        if let Some(second) = second {
            return Err(Unclear::ProfileTwice(section.line, second.line));
        }
        if let Some(problem) = section.problem {
            return Err(Unclear::Line(problem));
        }
        for setting in self.defaults().flat_map(|section| &section.settings) {
            let shared = [ID, SECRET].into_iter().chain(TOKENS).find(|name| *name == setting.name);
            if let Some(name) = shared {
                return Err(Unclear::Shared(name, setting.line));
            }
        }
        let one = |name: &'static str| {
            let mut found = section.settings.iter().filter(|setting| setting.name == name);
            match (found.next(), found.next()) {
                (Some(first), Some(second)) => {
                    Err(Unclear::SettingTwice(name, first.line, second.line))
                }
                (found, _) => Ok(found),
            }
        };
        let (id, secret) = match (one(ID)?, one(SECRET)?) {
            (None, None) => return Ok(None),
            (Some(id), None) => return Err(Unclear::Half(ID, SECRET, id.line)),
            (None, Some(secret)) => return Err(Unclear::Half(SECRET, ID, secret.line)),
            (Some(id), Some(secret)) => (id, secret),
        };
        for name in TOKENS {
            // An empty value counts as missing, as in boto3.
            if let Some(token) =
                one(name)?.filter(|token| !token.value.is_empty() || token.continued)
            {
                return Err(Unclear::Temporary(name, token.line));
            }
        }
        let (id_at, id_text) =
            self.word(id, ID, "the id of an access key, such as AKIAIOSFODNN7EXAMPLE")?;
        let (secret_at, secret_text) = self.word(secret, SECRET, "40 characters without spaces")?;
        let wrong =
            |setting: &Setting, name, expected| Unclear::Value(name, setting.line, expected);
        let key = KeyId::parse(id_text).map_err(|_| wrong(id, ID, "the id of an access key"))?;
        if key.as_str().starts_with("ASIA") {
            return Err(wrong(
                id,
                ID,
                "the id of a user's own key (AKIA…); ASIA… is a temporary one",
            ));
        }
        let credentials = Credentials { key, secret: SecretKey::new(secret_text.to_owned()) };
        Ok(Some(KeyPair { credentials, id: id_at, secret: secret_at }))
    }

    /// Returns the value, if it is one word on one line, followed by nothing but a comment.
    fn word(
        &self,
        setting: &Setting,
        name: &'static str,
        expected: &'static str,
    ) -> Result<(Range<usize>, &str), Unclear> {
        let wrong = || Unclear::Value(name, setting.line, expected);
        let value = &self.text[setting.value.clone()];
        let length = value.iter().position(u8::is_ascii_whitespace).unwrap_or(value.len());
        let (word, behind) = value.split_at(length);
        let behind = behind.trim_ascii();
        let comment = behind.is_empty() || behind.starts_with(b"#") || behind.starts_with(b";");
        let sound =
            !word.is_empty() && word.iter().all(|b| b.is_ascii_graphic() && !b"\"'#;".contains(b));
        if setting.continued || !comment || !sound {
            return Err(wrong());
        }
        let start = setting.value.start;
        Ok((start..start + length, std::str::from_utf8(word).map_err(|_| wrong())?))
    }

    /// Returns the whole text with this key in place of the old pair.
    #[must_use]
    pub fn with(&self, pair: &KeyPair, new: &Credentials) -> Zeroizing<Vec<u8>> {
        let (id, secret) = (new.key.as_str().as_bytes(), new.secret.expose().as_bytes());
        let mut places = [(pair.id.clone(), &[id][..]), (pair.secret.clone(), &[secret][..])];
        places.sort_by_key(|(place, _)| place.start);
        self.replaced(&places)
    }

    /// Returns the whole text with this key in a profile that has none: in its section, or in a new
    /// one at the end.
    #[must_use]
    pub fn with_added(&self, profile: &str, new: &Credentials) -> Zeroizing<Vec<u8>> {
        let end = match self.text.iter().position(|b| matches!(b, b'\n' | b'\r')) {
            Some(at) if self.text[at..].starts_with(b"\r\n") => "\r\n",
            _ => "\n",
        };
        let (id, secret) = (new.key.as_str(), new.secret.expose());
        if let Some(section) = self.of(profile).next() {
            // The lines are indented like the section's own lines. Otherwise those lines would
            // continue the secret.
            let indent = section.settings.first().map_or("", |first| self.indent(first));
            let lines = [end, indent, ID, " = ", id, end, indent, SECRET, " = ", secret];
            return self.replaced(&[(section.end..section.end, &lines.map(str::as_bytes))]);
        }
        let finished = matches!(self.text.last(), None | Some(b'\n' | b'\r'));
        let apart = if self.text.is_empty() { "" } else { end };
        let ended = if finished { "" } else { end };
        let lines =
            [ended, apart, "[", profile, "]", end, ID, " = ", id, end, SECRET, " = ", secret, end];
        let at = self.text.len();
        self.replaced(&[(at..at, &lines.map(str::as_bytes))])
    }

    /// Returns the spaces before a setting.
    fn indent(&self, setting: &Setting) -> &str {
        let before = &self.text[..setting.value.start];
        let start = before.iter().rposition(|b| matches!(b, b'\n' | b'\r')).map_or(0, |at| at + 1);
        let length = before[start..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        std::str::from_utf8(&before[start..start + length]).unwrap_or_default()
    }

    /// Returns the text with these ranges replaced; the ranges are in order.
    fn replaced(&self, places: &[(Range<usize>, &[&[u8]])]) -> Zeroizing<Vec<u8>> {
        let more: usize = places.iter().flat_map(|(_, parts)| *parts).map(|part| part.len()).sum();
        // The size is reserved, because a buffer that grows leaves copies behind.
        let mut text = Zeroizing::new(Vec::with_capacity(self.text.len() + more));
        let mut at = 0;
        for (place, parts) in places {
            text.extend_from_slice(&self.text[at..place.start]);
            parts.iter().for_each(|part| text.extend_from_slice(part));
            at = place.end;
        }
        text.extend_from_slice(&self.text[at..]);
        text
    }
}
