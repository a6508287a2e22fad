//! One POST to a secret URL: over the SDK's own HTTP and TLS, with a time limit, and retries if
//! they help.

use super::failed::{self, setup};
use super::secret_ref::Hidden;
use crate::calls::backoff::pause;
use crate::http::plain::Http;
use crate::http::retry_after;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use keyrot_core::SecretKey;
use keyrot_core::engine::NotifierError;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

const ATTEMPTS: u32 = 4;
const ATTEMPT: Duration = Duration::from_secs(5);
/// The pause before the second attempt; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// The user agent that receivers see.
pub(super) const USER_AGENT: &str = concat!("keyrot/", env!("CARGO_PKG_VERSION"));

/// A webhook: a URL that is secret.
pub(crate) struct Hook {
    url: Hidden,
}

/// One answer.
struct Answer {
    status: u16,
    wait: Option<Duration>,
    /// The body, if it is one plain word.
    word: String,
}

/// The reason why nothing was delivered.
pub(super) struct Failed {
    /// Whether the receiver rejected the sender's URL or key.
    pub(super) refused: bool,
    pub(super) error: NotifierError,
}

impl From<NotifierError> for Failed {
    fn from(error: NotifierError) -> Self {
        Self { refused: false, error }
    }
}

/// What to do after an attempt.
enum Next {
    /// The message arrived.
    Done,
    /// Retry, after this time if the receiver asked for it.
    Again(String, Option<Duration>),
    /// The receiver does not know the URL, or no longer knows it.
    Refused(String),
    /// The receiver will never accept the message.
    Never(String),
}

impl Hook {
    pub(super) fn new(url: Hidden) -> Self {
        Self { url }
    }

    /// Reads the URL, and returns its host. Nothing is sent there.
    #[cfg(feature = "doctor")]
    pub(super) async fn leads_to(&self, end: Instant) -> Result<String, NotifierError> {
        let url = self.url.get(end).await?;
        self.host(&url).map(str::to_owned)
    }

    fn host<'a>(&self, url: &'a SecretKey) -> Result<&'a str, NotifierError> {
        host(url.expose()).map_err(|why| setup(format!("the text in {} {why}", self.url.source())))
    }

    /// Posts the JSON text. `headers` is called before each attempt.
    pub(super) async fn post(
        &self,
        http: &Http,
        body: &str,
        headers: &(dyn Fn() -> Vec<(&'static str, String)> + Sync),
        end: Instant,
    ) -> Result<(), Failed> {
        let url = self.url.get(end).await?;
        let refused = match self.post_to(&url, http, body, headers, end).await? {
            None => return Ok(()),
            Some(why) => why,
        };
        // The URL may have been replaced since it was read.
        let refused = match self.url.other_than(&url, end).await? {
            Some(other) => match self.post_to(&other, http, body, headers, end).await? {
                None => return Ok(()),
                Some(why) => why,
            },
            None => refused,
        };
        Err(Failed { refused: true, error: failed::refused(self.hint(&refused)) })
    }

    fn hint(&self, why: &str) -> String {
        format!("{why}. Make a new webhook, and put its URL into {}", self.url.source())
    }

    /// Posts to this URL. `Some` if the receiver does not know it.
    async fn post_to(
        &self,
        url: &SecretKey,
        http: &Http,
        body: &str,
        headers: &(dyn Fn() -> Vec<(&'static str, String)> + Sync),
        end: Instant,
    ) -> Result<Option<String>, NotifierError> {
        let host = match self.host(url) {
            Ok(host) => host,
            Err(error) => {
                self.url.forget(url).await;
                return Err(error);
            }
        };
        let mut attempt = 0;
        loop {
            attempt += 1;
            let limit = end.min(Instant::now() + ATTEMPT);
            let next = match timeout_at(limit, once(http, url, host, body, headers())).await {
                Ok(next) => next,
                Err(_) => Next::Again(format!("{host} did not answer in time"), None),
            };
            let (why, wait) = match next {
                Next::Done => return Ok(None),
                Next::Refused(why) => return Ok(Some(why)),
                Next::Never(why) => return Err(failed::refused(why)),
                Next::Again(why, wait) => {
                    (why, wait.unwrap_or_else(|| pause(attempt, FIRST_PAUSE, LONGEST_PAUSE)))
                }
            };
            let tries = if attempt > 1 { format!(" ({attempt} attempts)") } else { String::new() };
            if attempt == ATTEMPTS || Instant::now() + wait >= end {
                return Err(failed::unavailable(format!("{why}{tries}")));
            }
            sleep(wait).await;
        }
    }
}

async fn once(
    http: &Http,
    url: &SecretKey,
    host: &str,
    body: &str,
    headers: Vec<(&'static str, String)>,
) -> Next {
    let mut request = HttpRequest::new(SdkBody::from(body));
    let built = request.set_method("POST").is_ok() && request.set_uri(url.expose()).is_ok();
    let fixed =
        [("content-type", "application/json".to_owned()), ("user-agent", USER_AGENT.to_owned())];
    let mut all = fixed.into_iter().chain(headers);
    // The errors are not repeated: they may quote the URL.
    if !built || !all.all(|(name, value)| request.headers_mut().try_insert(name, value).is_ok()) {
        return Next::Never(format!("the URL, which begins with {host}, is not a URL"));
    }
    let mut reply = match http.send(request).await {
        Ok(reply) => reply,
        Err(lost) if lost.is_lasting => return Next::Never(format!("{host}: {lost}")),
        Err(lost) => return Next::Again(format!("{host}: {lost}"), None),
    };
    let status = reply.status().as_u16();
    if (200..300).contains(&status) {
        return Next::Done;
    }
    let wait = reply.headers().get("retry-after").and_then(retry_after::seconds);
    let said = http.body(&mut reply, 200).await;
    Answer { status, wait, word: word(&said, url) }.judge(host)
}

impl Answer {
    fn judge(self, host: &str) -> Next {
        let Self { status, wait, word } = self;
        let said = if word.is_empty() { String::new() } else { format!(" ({word})") };
        let text = format!("{host} answered HTTP {status}{said}");
        match status {
            300..=399 => Next::Never(format!(
                "{text}, a redirect, which is not followed: put the final URL in its place"
            )),
            429 => {
                let pause = wait
                    .map(|wait| format!(", and asks to wait {}s", wait.as_secs()))
                    .unwrap_or_default();
                Next::Again(format!("{text}{pause}"), wait)
            }
            408 | 425 | 500.. => Next::Again(text, wait),
            401 | 403 | 404 | 410 => Next::Refused(text),
            _ => Next::Never(text),
        }
    }
}

/// Returns Slack's answer, which is one word, such as `invalid_payload`. A longer text is unknown,
/// and may quote the URL.
fn word(body: &[u8], url: &SecretKey) -> String {
    let text = std::str::from_utf8(body).unwrap_or_default().trim();
    let fits =
        (3..=40).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if fits && !url.expose().contains(text) { text.to_owned() } else { String::new() }
}

/// Returns the host of a URL, if keyrot may post to it. HTTP without TLS is only for this machine.
fn host(url: &str) -> Result<&str, String> {
    let (scheme, rest) = url.split_once("://").ok_or("is not a URL: expected https://…")?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.is_empty() || host.contains('@') || !url.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(
            "is not a URL that can be used: expected https://HOST/…, without user and password"
                .to_owned(),
        );
    }
    let name = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
        .map_or(host, |h| h.0);
    let here = matches!(name, "127.0.0.1" | "localhost" | "[::1]");
    match scheme {
        "https" => Ok(host),
        "http" if here => Ok(host),
        _ => Err(
            "begins with another scheme than https://: what is sent there could be read on the way"
                .to_owned(),
        ),
    }
}
