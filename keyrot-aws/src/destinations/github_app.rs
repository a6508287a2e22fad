//! The token of a GitHub App's installation: a JWT signed with the App's private key is exchanged
//! for it (GitHub documentation, "Generating an installation access token for a GitHub App").

use super::about::{About, hidden, not_read};
use super::kept::Kept;
use super::request::{Ask, for_token};
use crate::connection::Aws;
use crate::notify::secret_ref::Hidden;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use chrono::{DateTime, Utc};
use keyrot_core::{CallError, ErrorKind, SecretKey};
use serde::Deserialize;
use serde_json::json;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;
use zeroize::Zeroizing;

/// The headers of every request to GitHub.
pub(super) const HEADERS: &[(&str, &str)] =
    &[("accept", "application/vnd.github+json"), ("x-github-api-version", "2022-11-28")];

/// A token is valid for an hour.
const LASTS: Duration = Duration::from_secs(60 * 60);
/// A token with less time left than this is not used.
const LEFT: Duration = Duration::from_secs(5 * 60);
/// The allowance for clock differences in a JWT, which is valid for ten minutes.
const BEFORE: u64 = 60;
const AFTER: u64 = 8 * 60;

pub(super) struct App {
    pub(super) aws: Aws,
    /// The API's base URL, without a trailing slash.
    pub(super) url: String,
    pub(super) id: String,
    pub(super) installation: String,
    pub(super) private_key: Hidden,
    pub(super) kept: Kept,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(deserialize_with = "hidden")]
    token: Zeroizing<String>,
    expires_at: Option<DateTime<Utc>>,
}

/// The reason why there is no token.
struct NoToken {
    /// Whether the private key is not valid, or does not belong to the App.
    by_key: bool,
    error: CallError,
}

impl From<CallError> for NoToken {
    fn from(error: CallError) -> Self {
        Self { by_key: false, error }
    }
}

impl App {
    pub(super) fn source(&self) -> String {
        format!("of the App {}, whose key is in {}", self.id, self.private_key.source())
    }

    pub(super) async fn make(
        &self,
        about: &About<'_>,
        end: Instant,
    ) -> Result<(SecretKey, SystemTime), CallError> {
        let pem = self.private_key.get(end).await.map_err(|e| not_read(about, &e))?;
        let refusal = match self.make_with(&pem, about, end).await {
            Err(NoToken { by_key: true, error }) => error,
            other => return other.map_err(|refusal| refusal.error),
        };
        // The private key may have been replaced since it was read.
        let other = self.private_key.other_than(&pem, end).await;
        match other.map_err(|e| not_read(about, &e))? {
            Some(other) => {
                self.make_with(&other, about, end).await.map_err(|refusal| refusal.error)
            }
            None => Err(refusal),
        }
    }

    async fn make_with(
        &self,
        pem: &SecretKey,
        about: &About<'_>,
        end: Instant,
    ) -> Result<(SecretKey, SystemTime), NoToken> {
        let jwt = jwt(&self.id, pem.expose()).map_err(|why| {
            let said = format!("the key in {} {why}", self.private_key.source());
            NoToken { by_key: true, error: about.refused(ErrorKind::Other, said) }
        })?;
        let ask = Ask {
            method: "POST",
            path: String::new(),
            body: Some(Zeroizing::new("{}".to_owned())),
        };
        let url = format!("{}/app/installations/{}/access_tokens", self.url, self.installation);
        let bearer = Zeroizing::new(format!("Bearer {}", jwt.as_str()));
        let headers = HEADERS.iter().copied().chain([("authorization", bearer.as_str())]);
        let no_answer = ("GitHub did not answer when asked for the App's token", end);
        let reply = for_token((&self.aws, about), &url, &ask, headers, no_answer).await?;
        let refused = |kind, what: &str| {
            let said = format!(
                "GitHub answered HTTP {} when asked for a token of the App {}: {what}",
                reply.status, self.id
            );
            Err(NoToken { by_key: reply.status == 401, error: about.refused(kind, said) })
        };
        match reply.status {
            201 => {}
            401 => return refused(ErrorKind::Denied, "the id and the private key do not fit"),
            404 => return refused(ErrorKind::NotFound, "there is no such installation"),
            429 | 500.. => return refused(ErrorKind::Unavailable, "expected a token"),
            _ => return refused(ErrorKind::Other, "expected a token"),
        }
        let Some(Answer { token, expires_at }) = reply.json::<Answer>() else {
            return refused(ErrorKind::Other, "the answer cannot be read");
        };
        let now = SystemTime::now();
        let lasts = expires_at.and_then(|at| (at - DateTime::<Utc>::from(now)).to_std().ok());
        let until = now + lasts.unwrap_or_default().min(LASTS).saturating_sub(LEFT);
        Ok((SecretKey::new(token.to_string()), until))
    }
}

/// Returns a JWT for the App, or what is wrong with the private key.
fn jwt(app: &str, pem: &str) -> Result<Zeroizing<String>, &'static str> {
    let key = pair(pem)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let header = json!({ "alg": "RS256", "typ": "JWT" }).to_string();
    let claims = json!({ "iat": now.saturating_sub(BEFORE), "exp": now + AFTER, "iss": app });
    let signed =
        format!("{}.{}", url_base64(header.as_bytes()), url_base64(claims.to_string().as_bytes()));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
        .map_err(|_| "cannot sign")?;
    Ok(Zeroizing::new(format!("{signed}.{}", url_base64(&signature))))
}

/// Parses a key in PKCS #1, as GitHub issues it, or PKCS #8.
fn pair(pem: &str) -> Result<RsaKeyPair, &'static str> {
    const NO_PEM: &str =
        "is not a PEM private key; expected GitHub's file, from -----BEGIN RSA PRIVATE KEY----- on";
    let of_github = pem.contains("BEGIN RSA PRIVATE KEY");
    let base64: Zeroizing<String> = Zeroizing::new(
        // In a field of a JSON object, line breaks may be written as `\n`.
        pem.replace("\\n", "\n")
            .lines()
            .filter(|line| !line.contains("-----"))
            .map(str::trim)
            .collect(),
    );
    let der =
        Zeroizing::new(aws_smithy_types::base64::decode(base64.as_str()).map_err(|_| NO_PEM)?);
    let pair = if of_github { RsaKeyPair::from_der(&der) } else { RsaKeyPair::from_pkcs8(&der) };
    pair.map_err(|_| NO_PEM)
}

fn url_base64(bytes: &[u8]) -> String {
    let text = aws_smithy_types::base64::encode(bytes);
    text.trim_end_matches('=').replace('+', "-").replace('/', "_")
}
