//! The API server of a cluster. Requests are retried if that is harmless.
//!
//! Requests go through kube's client as raw requests. Its typed calls log answers that they cannot
//! parse, and the answers here contain secrets.

use super::client;
use crate::calls::backoff::pause;
use crate::destinations::about::About;
use crate::destinations::request::{Ask, Reply};
use crate::http::retry_after;
use crate::http::unreached::Reason;
use aws_smithy_runtime_api::client::result::ConnectorError;
use http_body_util::{BodyExt, Limited};
use keyrot_core::settings::Kubernetes;
use keyrot_core::{CallError, Effect, ErrorKind};
use kube::Client;
use kube::client::Body;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout_at};
use zeroize::Zeroizing;

const ATTEMPTS: u32 = 4;
const ATTEMPT: Duration = Duration::from_secs(8);
const FIRST_PAUSE: Duration = Duration::from_millis(300);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// The limit on the size of an answer: a Secret has up to 1 MiB, in base64.
const LONGEST: usize = 2 * 1024 * 1024;

pub(super) struct Cluster {
    kind: Kubernetes,
    /// Created at the first request.
    client: Mutex<Option<Client>>,
}

/// A request that got no answer.
struct Lost {
    said: String,
    /// Whether the request may have been carried out.
    sent: bool,
    /// Whether the next attempt would fail in the same way.
    is_lasting: bool,
}

impl Cluster {
    pub(super) fn new(kind: &Kubernetes) -> Self {
        Self { kind: kind.clone(), client: Mutex::default() }
    }

    /// Sends the request. Retries it if that is harmless, and uses other credentials if the server
    /// refuses the current ones. An error means that there was no answer; a refusal is a [`Reply`].
    pub(super) async fn send(
        &self,
        about: &About<'_>,
        ask: &Ask,
        end: Instant,
    ) -> Result<Reply, CallError> {
        let reply = self.attempts(about, ask, end).await?;
        if reply.status != 401 {
            return Ok(reply);
        }
        // The token may have been replaced since it was read, or a credential plugin may return a
        // new one.
        *self.client.lock().await = None;
        self.attempts(about, ask, end).await
    }

    async fn attempts(
        &self,
        about: &About<'_>,
        ask: &Ask,
        end: Instant,
    ) -> Result<Reply, CallError> {
        let client = self.client(about, end).await?;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let limit = end.min(Instant::now() + ATTEMPT);
            let (kind, said, wait, sent) = match timeout_at(limit, once(&client, ask)).await {
                // With this answer, the server has not started on the request (Kubernetes
                // documentation, "API Priority and Fairness").
                Ok(Ok(reply)) if reply.is_limit => {
                    let said = "answered HTTP 429: too many requests".to_owned();
                    (ErrorKind::Throttled, said, reply.retry_after, false)
                }
                Ok(Ok(reply)) if reply.status >= 500 => {
                    let said = format!("answered HTTP {}", reply.status);
                    (ErrorKind::Unavailable, said, reply.retry_after, true)
                }
                Ok(Ok(reply)) => return Ok(reply),
                Ok(Err(lost)) if lost.is_lasting => {
                    return Err(about.refused(ErrorKind::Other, lost.said));
                }
                Ok(Err(lost)) => (ErrorKind::Unavailable, lost.said, None, lost.sent),
                Err(_) => (ErrorKind::Unavailable, "did not answer in time".to_owned(), None, true),
            };
            let wait = wait.unwrap_or_else(|| pause(attempt, FIRST_PAUSE, LONGEST_PAUSE));
            // The next read shows what a lost write did.
            let unclear = sent && !ask.is_read();
            if unclear || attempt == ATTEMPTS || Instant::now() + wait >= end {
                let effect = if unclear { Effect::Unknown } else { Effect::None };
                let said = format!("the API server: {said} ({} of {attempt} attempts)", ask.method);
                return Err(about.error(kind, effect, said));
            }
            sleep(wait).await;
        }
    }

    async fn client(&self, about: &About<'_>, end: Instant) -> Result<Client, CallError> {
        let mut slot = match timeout_at(end, self.client.lock()).await {
            Ok(slot) => slot,
            Err(_) => return Err(no_credentials(about)),
        };
        if let Some(client) = slot.as_ref().filter(|client| !client::has_expired(client)) {
            return Ok(client.clone());
        }
        let made = timeout_at(end, client::connect(&self.kind));
        let client = made.await.map_err(|_| no_credentials(about))?;
        let client = client.map_err(|said| about.refused(ErrorKind::Other, said))?;
        *slot = Some(client.clone());
        Ok(client)
    }
}

fn no_credentials(about: &About<'_>) -> CallError {
    let said = "the credential plugin of the kubeconfig does not end; run it yourself to see why";
    about.refused(ErrorKind::Unavailable, said)
}

/// Sends one request, without retries.
async fn once(client: &Client, ask: &Ask) -> Result<Reply, Lost> {
    let body = ask.body.as_ref().map_or_else(Body::empty, |b| Body::from(b.as_bytes().to_vec()));
    let mut request = http::Request::builder().method(ask.method).uri(&ask.path);
    request = request.header("accept", "application/json").header("user-agent", "keyrot");
    if ask.body.is_some() {
        // JSON is YAML (Kubernetes documentation, "Server-Side Apply").
        request = request.header("content-type", "application/apply-patch+yaml");
    }
    let unsent = |said: &str| Lost { said: said.to_owned(), sent: false, is_lasting: true };
    let request = request.body(body).map_err(|_| unsent("the request cannot be made"))?;
    let answer = client.send(request).await.map_err(|error| lost(error, ask))?;
    let (head, body) = answer.into_parts();
    let status = head.status.as_u16();
    let seconds = head.headers.get("retry-after").and_then(|text| text.to_str().ok());
    let retry_after = seconds.and_then(retry_after::seconds);
    let broke = |_| Lost {
        said: "the answer broke off, or is too long".to_owned(),
        sent: true,
        is_lasting: false,
    };
    let body = Limited::new(body, LONGEST).collect().await.map_err(broke)?;
    Ok(Reply {
        status,
        date: None,
        is_unknown: false,
        retry_after,
        is_limit: status == 429,
        body: Zeroizing::new(body.to_bytes().to_vec()),
    })
}

/// Returns keyrot's own message: kube's errors may quote what a credential plugin printed.
fn lost(error: kube::Error, ask: &Ask) -> Lost {
    if let Some(said) = client::refused_credentials(&error) {
        return Lost { said, sent: false, is_lasting: true };
    }
    let reason = Reason::of(&ConnectorError::other(error.into(), None));
    let is_lasting = reason.is_lasting();
    let mut said = reason.said("the API server", None);
    if is_lasting {
        said.push_str(". Check the cluster's server and certificate-authority in the kubeconfig");
    }
    Lost { said, sent: reason.sent() && !ask.is_read(), is_lasting }
}
