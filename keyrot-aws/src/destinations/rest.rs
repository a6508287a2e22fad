//! Requests to a service that is not AWS: in JSON, with a token, sent again where that does no
//! harm.

use super::about::About;
use super::token::Token;
use crate::backoff::pause;
use crate::connect::Aws;
use crate::plain_http::Lost;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use chrono::{DateTime, Utc};
use keyrot_core::{CallError, Effect, ErrorKind, SecretKey};
use serde::de::DeserializeOwned;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, sleep, timeout_at};
use zeroize::Zeroizing;

const ATTEMPTS: u32 = 4;
const ATTEMPT: Duration = Duration::from_secs(8);
const FIRST_PAUSE: Duration = Duration::from_millis(300);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// What GitHub asks for where an answer says no time (GitHub documentation, "Best practices for
/// using the REST API", "Handle rate limit errors appropriately").
const WAIT: Duration = Duration::from_secs(60);
/// The longest answer that is read.
const LONGEST: usize = 1024 * 1024;

/// A service's API.
pub(super) struct Rest {
    pub(super) aws: Aws,
    /// What the service is called in messages.
    pub(super) service: &'static str,
    /// Without a slash at its end.
    pub(super) url: String,
    /// The header that has the token, and what stands before it there.
    pub(super) auth: (&'static str, &'static str),
    /// Further headers.
    pub(super) headers: &'static [(&'static str, &'static str)],
    pub(super) token: Token,
}

/// One request.
pub(super) struct Ask {
    pub(super) method: &'static str,
    /// With a slash first.
    pub(super) path: String,
    pub(super) body: Option<Zeroizing<String>>,
}

/// What the service answered.
pub(super) struct Reply {
    pub(super) status: u16,
    /// The service's own time.
    pub(super) date: Option<DateTime<Utc>>,
    /// Whether an earlier attempt may have been carried out: its answer was lost.
    is_unknown: bool,
    retry_after: Option<Duration>,
    is_limit: bool,
    body: Zeroizing<Vec<u8>>,
}

impl Ask {
    pub(super) fn get(path: String) -> Self {
        Self { method: "GET", path, body: None }
    }

    fn is_read(&self) -> bool {
        self.method == "GET"
    }
}

impl Reply {
    /// The JSON document; `None` if it is another one. No message of the parser's: it may quote
    /// what it could not read.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    /// What is left of a request that was refused with this reply.
    pub(super) fn effect(&self) -> Effect {
        if self.is_unknown { Effect::Unknown } else { Effect::None }
    }

    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the body has this text, in any case.
    pub(super) fn says(&self, text: &str) -> bool {
        let body = Zeroizing::new(String::from_utf8_lossy(&self.body).to_ascii_lowercase());
        body.contains(text)
    }
}

impl Rest {
    /// Sends it, again where that can do no harm, and with another token if the service refuses
    /// the one at hand. An error is that no answer could be had; a refusal is a [`Reply`].
    pub(super) async fn send(
        &self,
        about: &About<'_>,
        ask: &Ask,
        end: Instant,
    ) -> Result<Reply, CallError> {
        let token = Box::pin(self.token.get(about, end)).await?;
        let reply = Box::pin(self.attempts(about, ask, &token, end)).await?;
        if reply.status != 401 {
            return Ok(reply);
        }
        // It may have been replaced since it was read.
        match Box::pin(self.token.other_than(&token, about, end)).await? {
            Some(other) => {
                let again = Box::pin(self.attempts(about, ask, &other, end)).await?;
                Ok(Reply { is_unknown: again.is_unknown || reply.is_unknown, ..again })
            }
            None => Ok(reply),
        }
    }

    async fn attempts(
        &self,
        about: &About<'_>,
        ask: &Ask,
        token: &SecretKey,
        end: Instant,
    ) -> Result<Reply, CallError> {
        let (mut attempt, mut unknown) = (0, false);
        loop {
            attempt += 1;
            let limit = end.min(Instant::now() + ATTEMPT);
            let (kind, said, wait) = match timeout_at(limit, self.once(ask, token)).await {
                Ok(Ok(reply)) if reply.is_limit => {
                    let wait = reply.retry_after.unwrap_or(WAIT);
                    let said = format!(
                        "{} answered HTTP {}: too many requests, and asks to wait {}s",
                        self.service,
                        reply.status,
                        wait.as_secs()
                    );
                    (ErrorKind::Throttled, said, Some(wait))
                }
                Ok(Ok(reply)) if reply.status >= 500 => {
                    unknown |= !ask.is_read();
                    let said = format!("{} answered HTTP {}", self.service, reply.status);
                    (ErrorKind::Unavailable, said, reply.retry_after)
                }
                Ok(Ok(reply)) => return Ok(Reply { is_unknown: unknown, ..reply }),
                Ok(Err(lost)) if lost.is_lasting => {
                    let effect = if unknown { Effect::Unknown } else { Effect::None };
                    return Err(about.error(ErrorKind::Other, effect, lost));
                }
                Ok(Err(lost)) => {
                    unknown |= !ask.is_read();
                    (ErrorKind::Unavailable, format!("{}: {lost}", self.service), None)
                }
                Err(_) => {
                    unknown |= !ask.is_read();
                    let said = format!("{} did not answer in time", self.service);
                    (ErrorKind::Unavailable, said, None)
                }
            };
            let wait = wait.unwrap_or_else(|| pause(attempt, FIRST_PAUSE, LONGEST_PAUSE));
            // Who creates something twice finds it there: that is for the next look to find out.
            let may_repeat = kind == ErrorKind::Throttled || ask.method != "POST";
            if !may_repeat || attempt == ATTEMPTS || Instant::now() + wait >= end {
                let effect = if unknown { Effect::Unknown } else { Effect::None };
                let said = format!("{said} ({} of {attempt} attempts)", ask.method);
                return Err(about.error(kind, effect, said));
            }
            sleep(wait).await;
        }
    }

    async fn once(&self, ask: &Ask, token: &SecretKey) -> Result<Reply, Lost> {
        let (header, before) = self.auth;
        let value = Zeroizing::new(format!("{before}{}", token.expose()));
        let own = self.headers.iter().copied().chain([(header, value.as_str())]);
        once(&self.aws, &format!("{}{}", self.url, ask.path), ask, own).await
    }

    /// Why a reply is a refusal, in words of keyrot's own: what the service says may repeat what
    /// was sent.
    pub(super) fn refusal(&self, about: &About<'_>, reply: &Reply, needed: &str) -> CallError {
        let (service, status) = (self.service, reply.status);
        let source = self.token.source();
        let (kind, said) = match status {
            300..=399 => (
                ErrorKind::NotFound,
                "it was renamed or moved; set `to` to its present name".to_owned(),
            ),
            401 => (
                ErrorKind::Denied,
                format!(
                    "the token is not valid, or it expired; make a new one, and put it into {source}"
                ),
            ),
            403 => (
                ErrorKind::Denied,
                format!("the token ({source}) lacks a permission; it needs {needed}"),
            ),
            404 => (
                ErrorKind::NotFound,
                format!(
                    "there is no such place, or the token ({source}) may not see it; it needs {needed}"
                ),
            ),
            409 => (ErrorKind::Conflict, "something else changes it".to_owned()),
            _ => (
                ErrorKind::Other,
                "expected another answer; see the service's documentation".to_owned(),
            ),
        };
        let said = format!("{service} answered HTTP {status}: {said}");
        about.error(kind, reply.effect(), said)
    }

    /// An answer of a form that the service does not have.
    pub(super) fn unreadable(&self, about: &About<'_>, effect: Effect) -> CallError {
        let said = format!("{}'s answer cannot be read", self.service);
        about.error(ErrorKind::Other, effect, said)
    }
}

/// Sends one request once.
pub(super) async fn once<'a>(
    aws: &Aws,
    url: &str,
    ask: &Ask,
    headers: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<Reply, Lost> {
    let body = ask.body.as_ref().map_or(SdkBody::empty(), |text| SdkBody::from(text.as_str()));
    let mut request = HttpRequest::new(body);
    let mut built = request.set_method(ask.method).is_ok() && request.set_uri(url).is_ok();
    let fixed = [("user-agent", "keyrot"), ("content-type", "application/json")];
    let fixed = fixed.into_iter().filter(|(name, _)| *name == "user-agent" || ask.body.is_some());
    for (name, value) in fixed.chain(headers) {
        built &= request.headers_mut().try_insert(name.to_owned(), value.to_owned()).is_ok();
    }
    // The errors are not repeated: they may quote the token.
    if !built {
        return Err(Lost::lasting("the URL or the token has characters that cannot be sent"));
    }
    let http = &aws.inner.notify.http;
    let mut answer = http.send(request).await?;
    let status = answer.status().as_u16();
    let header = |name: &str| answer.headers().get(name).map(str::trim).map(str::to_owned);
    let seconds = |name: &str| header(name)?.parse::<u64>().ok();
    let date = header("date")
        .and_then(|text| DateTime::parse_from_rfc2822(&text).ok())
        .map(|date| date.with_timezone(&Utc));
    let until = |at: u64| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Duration::from_secs(at).saturating_sub(now).max(Duration::from_secs(1))
    };
    let is_spent = seconds("x-ratelimit-remaining") == Some(0);
    let retry_after = seconds("retry-after")
        .map(Duration::from_secs)
        .or_else(|| seconds("x-ratelimit-reset").filter(|_| is_spent).map(until));
    let body = Zeroizing::new(http.body(&mut answer, LONGEST).await);
    let mut reply = Reply { status, date, is_unknown: false, retry_after, is_limit: false, body };
    // GitHub answers 403 for its limits, too.
    reply.is_limit = status == 429
        || (status == 403 && (retry_after.is_some() || is_spent || reply.says("rate limit")));
    Ok(reply)
}
