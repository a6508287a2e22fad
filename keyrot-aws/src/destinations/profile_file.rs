//! A key in the form of a credentials file for the AWS tools, with one profile.

use super::digest::digest;
use keyrot_core::{Credentials, KeyId, SecretKey};
use std::fmt::Write;
use zeroize::Zeroizing;

const ID: &str = "aws_access_key_id";
const SECRET: &str = "aws_secret_access_key";
/// Secret access keys have 40 characters; a much shorter value is a placeholder.
const SHORTEST: usize = 30;

/// Returns the file's text.
pub(super) fn text(profile: &str, credentials: &Credentials) -> Zeroizing<String> {
    let secret = credentials.secret.expose();
    // The size is reserved, because a buffer that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(profile.len() + secret.len() + 160));
    for part in ["[", profile, "]\n", ID, " = ", credentials.key.as_str(), "\n"] {
        text.push_str(part);
    }
    for part in [SECRET, " = ", secret, "\n"] {
        text.push_str(part);
    }
    text
}

/// Returns the profile's key, if the text is a credentials file and has that key.
pub(super) fn key(profile: &str, text: &str) -> Option<Credentials> {
    let (mut id, mut secret, mut inside) = (None, None, false);
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            inside = name.trim() == profile;
        } else if inside && let Some((name, value)) = line.split_once('=') {
            match name.trim() {
                ID => id = Some(value.trim()),
                SECRET => secret = Some(value.trim()),
                _ => {}
            }
        }
    }
    let secret = secret.filter(|secret| secret.len() >= SHORTEST)?;
    Some(Credentials { key: KeyId::parse(id?).ok()?, secret: SecretKey::new(secret.to_owned()) })
}

/// Returns a mark that identifies the content: the key's id, and an HMAC of these parts with the
/// secret half as its key.
pub(super) fn mark(credentials: Option<&Credentials>, parts: &[&str]) -> String {
    let secret = credentials.map_or("", |credentials| credentials.secret.expose());
    let mut hex = String::with_capacity(24);
    for byte in &digest(secret, parts)[..10] {
        let _ = write!(hex, "{byte:02x}");
    }
    match credentials {
        Some(credentials) => format!("{}.{hex}", credentials.key),
        None => format!("other.{hex}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn credentials() -> Credentials {
        Credentials {
            key: KeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap(),
            secret: SecretKey::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into()),
        }
    }

    #[test]
    fn written_text_is_read_back_and_the_profile_matters() {
        let text = text("ci", &credentials());
        assert_eq!(
            *text,
            "[ci]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n"
        );
        assert_eq!(key("ci", &text), Some(credentials()));
        assert_eq!(key("default", &text), None);
        let other = format!("[default]\nregion = x\n\n{}", *text);
        assert_eq!(key("ci", &other), Some(credentials()));
        for no in ["", "hello", "[ci]", "[ci]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n"] {
            assert_eq!(key("ci", no), None, "{no}");
        }
        let short = text.replace("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "todo");
        assert_eq!(key("ci", &short), None);
    }
}
