//! One request to a service other than AWS, and its answer.

use super::about::About;
use crate::connection::Aws;
use crate::http::plain::Lost;
use crate::http::retry_after;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use chrono::{DateTime, Utc};
use keyrot_core::{CallError, Effect, ErrorKind};
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

/// The limit on the size of an answer.
const LONGEST: usize = 1024 * 1024;

/// One request.
pub(super) struct Ask {
    pub(super) method: &'static str,
    /// The path, with a leading slash.
    pub(super) path: String,
    pub(super) body: Option<Zeroizing<String>>,
}

/// The service's answer.
pub(super) struct Reply {
    pub(super) status: u16,
    /// The service's own clock.
    pub(super) date: Option<DateTime<Utc>>,
    /// Whether an earlier attempt may have been carried out, because its answer was lost.
    pub(super) is_unknown: bool,
    /// The wait that the service asked for, limited by [`retry_after`].
    pub(super) retry_after: Option<Duration>,
    pub(super) is_limit: bool,
    pub(super) body: Zeroizing<Vec<u8>>,
}

impl Ask {
    pub(super) fn get(path: String) -> Self {
        Self { method: "GET", path, body: None }
    }

    pub(super) fn is_read(&self) -> bool {
        self.method == "GET"
    }
}

impl Reply {
    /// Parses the JSON document; `None` if it has another form. Drops the parser's message, because
    /// it may quote the text.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    /// Returns the effect of a request that was refused with this reply.
    pub(super) fn effect(&self) -> Effect {
        if self.is_unknown { Effect::Unknown } else { Effect::None }
    }

    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the body contains this text, ignoring case.
    pub(super) fn says(&self, text: &str) -> bool {
        let body = Zeroizing::new(String::from_utf8_lossy(&self.body).to_ascii_lowercase());
        body.contains(text)
    }
}

/// Sends a request for a token, without retries and within the time limit. `no_answer` is the
/// message if there is none.
pub(super) async fn for_token<'a>(
    (aws, about): (&Aws, &About<'_>),
    url: &str,
    ask: &Ask,
    headers: impl Iterator<Item = (&'a str, &'a str)>,
    (no_answer, end): (&str, Instant),
) -> Result<Reply, CallError> {
    let lost = |said: String| Err(about.refused(ErrorKind::Unavailable, said));
    match timeout_at(end, once(aws, url, ask, headers)).await {
        Ok(Ok(reply)) => Ok(reply),
        Ok(Err(why)) => lost(format!("{no_answer}: {why}")),
        Err(_) => lost(no_answer.to_owned()),
    }
}

/// Sends one request, without retries.
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
    // The errors are left out of the message, because they may quote the token.
    if !built {
        return Err(Lost::lasting("the URL or the token has characters that cannot be sent"));
    }
    let http = &aws.inner.notify.http;
    let mut answer = http.send(request).await?;
    let status = answer.status().as_u16();
    let header = |name: &str| answer.headers().get(name).map(str::trim);
    let date = header("date")
        .and_then(|text| DateTime::parse_from_rfc2822(text).ok())
        .map(|date| date.with_timezone(&Utc));
    let is_spent = header("x-ratelimit-remaining") == Some("0");
    let retry_after = header("retry-after")
        .and_then(retry_after::seconds)
        .or_else(|| header("x-ratelimit-reset").filter(|_| is_spent).and_then(retry_after::until));
    let body = Zeroizing::new(http.body(&mut answer, LONGEST).await);
    let mut reply = Reply { status, date, is_unknown: false, retry_after, is_limit: false, body };
    // GitHub also answers 403 for its rate limits.
    reply.is_limit = status == 429
        || (status == 403 && (retry_after.is_some() || is_spent || reply.says("rate limit")));
    Ok(reply)
}
