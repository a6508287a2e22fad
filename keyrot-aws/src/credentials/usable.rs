//! Checks that credentials can sign a request, and are not mixed up.

use crate::credentials::no_credentials::NoCredentials;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use keyrot_core::KeyId;

/// A provider of the program, whose errors are passed on unchanged.
#[derive(Debug)]
pub(crate) struct Checked(pub(crate) SharedCredentialsProvider);

impl ProvideCredentials for Checked {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move {
            usable(self.0.provide_credentials().await?, |part, _| format!("the {part}"))
        })
    }

    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        self.0.fallback_on_interrupt()
    }
}

/// Refuses credentials that can't sign a request (the SDK panics on a line end), and a secret key
/// in place of an id, which would be shown.
pub(crate) fn usable(
    found: Credentials,
    named: impl Fn(&str, &str) -> String,
) -> Result<Credentials, CredentialsError> {
    let Some((why, advice)) = misfit(&found, named) else { return Ok(found) };
    let cause = CredentialsError::invalid_configuration("the credentials cannot be used");
    let advice = advice.to_owned();
    Err(CredentialsError::provider_error(NoCredentials { why, advice, cause }))
}

/// Returns what is wrong with credentials, and what to do, without any part of them.
fn misfit(
    found: &Credentials,
    named: impl Fn(&str, &str) -> String,
) -> Option<(String, &'static str)> {
    const TEXT: &str =
        "Enter it again; a line end often comes from `echo` or a file (use printf %s)";
    const ORDER: &str = "Enter both again: the id begins with AKIA or ASIA, and the secret access key has 40 characters";
    let (id, secret) = (found.access_key_id(), found.secret_access_key());
    let parts = [
        ("access key id", "AWS_ACCESS_KEY_ID", Some(id)),
        ("secret access key", "AWS_SECRET_ACCESS_KEY", Some(secret)),
        ("session token", "AWS_SESSION_TOKEN", found.session_token()),
    ];
    for (part, variable, text) in parts {
        let Some(text) = text else { continue };
        let problem = match text {
            "" => "is empty",
            _ if text.chars().any(|c| c.is_whitespace() || c.is_control()) => {
                "has a space or a line end"
            }
            _ if text.starts_with(['"', '\'']) => "is in quotes",
            _ if !text.is_ascii() => "has characters that no key has",
            _ => continue,
        };
        return Some((format!("{} {problem}", named(part, variable)), TEXT));
    }
    let is_id = |text: &str| {
        ["AKIA", "ASIA"].iter().any(|start| text.starts_with(start)) && KeyId::parse(text).is_ok()
    };
    if is_id(secret) && !is_id(id) {
        return Some(("the access key id and the secret access key are swapped".to_owned(), ORDER));
    }
    // A secret key has 40 characters of all kinds; an id has 20, none of them lowercase.
    let is_secret = id.len() >= 40 && id.bytes().any(|b| b.is_ascii_lowercase());
    let said = || format!("{} is a secret access key", named("access key id", "AWS_ACCESS_KEY_ID"));
    is_secret.then(|| (said(), ORDER))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "AKIAIOSFODNN7EXAMPLE";
    const SECRET: &str = "r3Qk0EbeLEAKMEr3Qk0EbeLEAKMEr3Qk0EbeLEAK";

    fn problem(id: &str, secret: &str, token: Option<&str>) -> Option<String> {
        let found = Credentials::new(id, secret, token.map(str::to_owned), None, "a test");
        misfit(&found, |part, _| format!("the {part}")).map(|(why, _)| why)
    }

    #[test]
    fn unusable_credentials_are_named_and_not_shown() {
        assert_eq!(problem(ID, SECRET, Some("FwoGZXIvYXdzE==")), None);
        assert_eq!(problem("123456789012", "test", None), None, "as emulators take it");
        for (id, secret, token, says) in [
            (
                format!("{ID}\n").as_str(),
                SECRET,
                None,
                "the access key id has a space or a line end",
            ),
            ("AKIA\0", SECRET, None, "the access key id has a space or a line end"),
            ("", SECRET, None, "the access key id is empty"),
            (ID, "abc\r", None, "the secret access key has a space or a line end"),
            ("\"AKIAIOSFODNN7EXAMPLE\"", SECRET, None, "the access key id is in quotes"),
            (ID, "'abc'", None, "the secret access key is in quotes"),
            (ID, "ä", None, "the secret access key has characters that no key has"),
            (ID, SECRET, Some("a\nb"), "the session token has a space or a line end"),
            (SECRET, ID, None, "the access key id and the secret access key are swapped"),
            (SECRET, SECRET, None, "the access key id is a secret access key"),
        ] {
            let said = problem(id, secret, token).unwrap_or_default();
            assert_eq!(said, says);
        }
    }
}
