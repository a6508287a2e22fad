//! Requests to a service other than AWS: in JSON, with a token, and retried if that is harmless.

use super::about::{About, WITHIN};
use super::limited::Limited;
use super::request::{Ask, Reply, once};
use super::token::Token;
use crate::calls::backoff::pause;
use crate::connection::Aws;
use crate::http::plain::Lost;
use crate::http::retry_after::SHORTEST;
use crate::limiter::{Limiter, Permit};
use keyrot_core::{CallError, Effect, ErrorKind, SecretKey};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout_at};
use zeroize::Zeroizing;

const ATTEMPTS: u32 = 4;
const ATTEMPT: Duration = Duration::from_secs(8);
const FIRST_PAUSE: Duration = Duration::from_millis(300);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// The wait after a refusal that names no time, if no pace is kept. GitHub requires it (GitHub
/// documentation, "Best practices for using the REST API", "Handle rate limit errors
/// appropriately").
const WAIT: Duration = Duration::from_secs(60);
/// The first and the longest pause after an answer that asks for a shorter one. GitHub requires
/// pauses that become longer (the same page).
const LEAST_WAITS: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(8));
const _: () = assert!(LEAST_WAITS.0.as_secs() / 2 >= SHORTEST.as_secs());
/// The time limit for completing a pair of which one half is written: long enough for the wait that
/// GitHub requires. Until then, consumers get halves that do not belong together.
pub(super) const COMPLETING: Duration = Duration::from_secs(100);
/// The time limit for delivering a pair: the wait for its turn, what comes before the second half,
/// the second half, and the reads behind it.
pub(super) const LONGEST_PAIR: Duration = Duration::from_secs(180);
const _: () = assert!(
    LONGEST_PAIR.as_secs() > WITHIN.as_secs() * 2 + COMPLETING.as_secs() + WITHIN.as_secs() / 2
);
/// The answer of a node of Vault that does not have the newest data yet (Vault documentation, "HTTP
/// API", "HTTP status codes").
const BEHIND: u16 = 412;
/// In the answer of a KV engine of Vault that was created a moment ago.
const UPGRADING: &str = "non-versioned to versioned data";
/// In the answer of a sealed Vault.
const SEALED: &str = "vault is sealed";

/// How long a request may be repeated.
#[derive(Clone, Copy)]
struct Limits {
    attempts: u32,
    end: Instant,
    /// Whether it waits for its turn.
    paced: bool,
}

/// A service's API.
pub(super) struct Rest {
    pub(super) aws: Aws,
    /// The service's name in messages.
    pub(super) service: &'static str,
    /// The base URL, without a trailing slash.
    pub(super) url: String,
    /// The header for the token, and the prefix of its value.
    pub(super) auth: (&'static str, &'static str),
    /// Additional headers.
    pub(super) headers: &'static [(&'static str, &'static str)],
    pub(super) token: Token,
    /// The status of the answer to an invalid token.
    pub(super) refuses_with: u16,
    /// The wait that the service asked for, shared by all requests with the same account.
    pub(super) limited: Arc<Limited>,
    /// The pace of requests. GitHub's deliveries have turns instead.
    pub(super) pace: Option<Limiter>,
}

impl Rest {
    /// Sends the request. Retries it if that is harmless, and uses another token if the service
    /// refuses the current one. An error means that there was no answer; a refusal is a [`Reply`].
    pub(super) async fn send(
        &self,
        about: &About<'_>,
        ask: &Ask,
        end: Instant,
    ) -> Result<Reply, CallError> {
        self.send_with(about, ask, Limits { attempts: ATTEMPTS, end, paced: true }).await
    }

    /// Sends a request that completes a pair of which one half is written. It does not wait for its
    /// turn, and is given up only when the time is over.
    pub(super) async fn complete(
        &self,
        about: &About<'_>,
        ask: &Ask,
        end: Instant,
    ) -> Result<Reply, CallError> {
        self.send_with(about, ask, Limits { attempts: u32::MAX, end, paced: false }).await
    }

    async fn send_with(
        &self,
        about: &About<'_>,
        ask: &Ask,
        limits: Limits,
    ) -> Result<Reply, CallError> {
        let token = Box::pin(self.token.get(about, limits.end)).await?;
        let reply = Box::pin(self.attempts(about, ask, &token, limits)).await?;
        if reply.status != self.refuses_with {
            return Ok(reply);
        }
        // The token may have been replaced since it was read.
        match Box::pin(self.token.other_than(&token, about, limits.end)).await? {
            Some(other) => {
                let again = Box::pin(self.attempts(about, ask, &other, limits)).await?;
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
        limits: Limits,
    ) -> Result<Reply, CallError> {
        let Limits { attempts: most, end, .. } = limits;
        let (mut attempt, mut refused, mut unknown) = (0, 0, false);
        let effect = |unknown| if unknown { Effect::Unknown } else { Effect::None };
        loop {
            let permit = self.turn(about, effect(unknown), limits).await?;
            attempt += 1;
            // A second creation would find the object of the first. The next read shows what
            // happened.
            let mut is_harmless = ask.method != "POST";
            let limit = end.min(Instant::now() + ATTEMPT);
            let answer = timeout_at(limit, self.once(ask, token)).await;
            tell(permit, &answer);
            let (kind, said, wait) = match answer {
                Ok(Ok(reply)) if reply.is_limit => {
                    is_harmless = true;
                    // If a pace is kept, a refused request costs only time.
                    refused += u32::from(self.pace.is_some());
                    let (said, wait) = self.refused_for_now(attempt, &reply);
                    (ErrorKind::Throttled, said, wait)
                }
                Ok(Ok(reply)) if not_begun(&reply).is_some() => {
                    is_harmless = true;
                    let why = not_begun(&reply).unwrap_or_default();
                    let said = format!("{} answered HTTP {}: {why}", self.service, reply.status);
                    (ErrorKind::Unavailable, said, asked(attempt, &reply))
                }
                Ok(Ok(reply)) if reply.status >= 500 => {
                    unknown |= !ask.is_read();
                    let sealed = if reply.says(SEALED) { ": it is sealed; unseal it" } else { "" };
                    let said = format!("{} answered HTTP {}{sealed}", self.service, reply.status);
                    (ErrorKind::Unavailable, said, asked(attempt, &reply))
                }
                Ok(Ok(reply)) => return Ok(Reply { is_unknown: unknown, ..reply }),
                Ok(Err(lost)) if lost.is_lasting => {
                    // The token may have characters that cannot be sent.
                    self.token.forget(token).await;
                    return Err(about.error(ErrorKind::Other, effect(unknown), lost));
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
            let next = Instant::now() + wait;
            if !is_harmless || attempt - refused >= most || next >= end {
                let said = format!("{said} ({}, after {attempt} attempts)", ask.method);
                return Err(about.error(kind, effect(unknown), said));
            }
            sleep_until(next).await;
        }
    }

    /// Waits until the service accepts a request, and the pace allows one.
    async fn turn(
        &self,
        about: &About<'_>,
        effect: Effect,
        Limits { end, paced, .. }: Limits,
    ) -> Result<Option<Permit>, CallError> {
        loop {
            if let Some(until) = self.limited_until(about, effect, end)? {
                sleep_until(until).await;
            }
            let Some(pace) = self.pace.as_ref().filter(|_| paced) else { return Ok(None) };
            let Ok(permit) = timeout_at(end, pace.acquire()).await else {
                let said = format!(
                    "{} limits the rate of requests, and this one got no turn; the next run tries again",
                    self.service
                );
                return Err(about.error(ErrorKind::Throttled, effect, said));
            };
            // Another request may have been refused meanwhile.
            if self.limited.until().is_none() {
                return Ok(Some(permit));
            }
        }
    }

    /// Returns what is said about an answer to too many requests, and the wait that it asks for.
    fn refused_for_now(&self, attempt: u32, reply: &Reply) -> (String, Option<Duration>) {
        let said = format!("{} answered HTTP {}: too many requests", self.service, reply.status);
        let asked = reply.retry_after.or_else(|| self.pace.is_none().then_some(WAIT));
        let Some(asked) = asked else { return (said, None) };
        let wait = at_least(attempt, asked);
        self.limited.close(wait);
        let said = match reply.retry_after {
            Some(asked) => format!("{said}, and asks to wait {}s", asked.as_secs()),
            None => said,
        };
        (said, Some(wait))
    }

    /// Returns the end of the wait that the service asked for.
    ///
    /// # Errors
    /// [`ErrorKind::Throttled`] if that is later than `end`.
    pub(super) fn limited_until(
        &self,
        about: &About<'_>,
        effect: Effect,
        end: Instant,
    ) -> Result<Option<Instant>, CallError> {
        let Some(until) = self.limited.until() else { return Ok(None) };
        if until < end {
            return Ok(Some(until));
        }
        let said = format!(
            "{} asked for a wait after too many requests, which lasts {}s more; no request was made",
            self.service,
            until.duration_since(Instant::now()).as_secs().max(1)
        );
        Err(about.error(ErrorKind::Throttled, effect, said))
    }

    async fn once(&self, ask: &Ask, token: &SecretKey) -> Result<Reply, Lost> {
        let (header, before) = self.auth;
        let value = Zeroizing::new(format!("{before}{}", token.expose()));
        let own = self.headers.iter().copied().chain([(header, value.as_str())]);
        once(&self.aws, &format!("{}{}", self.url, ask.path), ask, own).await
    }

    /// Returns why a request was refused, in keyrot's own words: the service's message may repeat
    /// the request.
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

    /// Returns the error for an answer in an unknown form.
    pub(super) fn unreadable(&self, about: &About<'_>, effect: Effect) -> CallError {
        let said = format!("{}'s answer cannot be read", self.service);
        about.error(ErrorKind::Other, effect, said)
    }
}

/// Tells the pace about the answer.
fn tell<E>(permit: Option<Permit>, answer: &Result<Result<Reply, Lost>, E>) {
    match (permit, answer) {
        (Some(permit), Ok(Ok(reply))) if reply.is_limit => permit.throttled(),
        (Some(permit), Ok(Ok(_))) => permit.succeeded(),
        // Without an answer, nothing is known about the rate.
        _ => {}
    }
}

/// Returns why Vault has not started on the request, if its answer says so.
fn not_begun(reply: &Reply) -> Option<&'static str> {
    match reply.status {
        BEHIND => Some("this node does not have the newest data yet"),
        400 if reply.says(UPGRADING) => Some("the KV engine is not ready yet"),
        _ => None,
    }
}

/// Returns the wait that the answer asks for, or a longer one.
fn asked(attempt: u32, reply: &Reply) -> Option<Duration> {
    reply.retry_after.map(|asked| at_least(attempt, asked))
}

/// Returns the wait before the next attempt after an answer that asks for this one. It doubles,
/// because a service may ask for none each time.
fn at_least(attempt: u32, asked: Duration) -> Duration {
    let (first, longest) = LEAST_WAITS;
    asked.max(pause(attempt, first, longest))
}
