//! Environment variables of CircleCI contexts: two variables for the key's id and its secret half,
//! or one variable for both.
//!
//! CircleCI never shows a value again, only the time of its last change (CircleCI API v2,
//! "Context").

use super::about::{About, WITHIN, after_a_write};
use super::github_place::part;
use super::request::Ask;
use super::rest::{COMPLETING, LONGEST_PAIR, Rest};
use super::token::Token;
use super::variables;
use crate::connection::Aws;
use crate::limiter::{Limiter, LimiterSettings};
use crate::notify::secret_ref::Hidden;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use keyrot_core::model::{Abilities, Delivery, DestinationName, Found};
use keyrot_core::ports::Destination;
use keyrot_core::settings::CircleCi;
use keyrot_core::{CallError, Effect, ErrorKind};
use serde::{Deserialize, de};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use zeroize::Zeroizing;

const SERVER: &str = "https://circleci.com";
const NEEDED: &str = "to belong to an account that may change the context";
/// The limit on pages of variables: a context has at most a hundred variables (CircleCI
/// documentation, "Using contexts").
const MOST_PAGES: usize = 20;

pub(super) struct Contexts {
    name: DestinationName,
    kind: CircleCi,
    rest: Rest,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Variable>,
    next_page_token: Option<String>,
}

#[derive(Clone, Deserialize)]
struct Variable {
    variable: String,
    updated_at: DateTime<Utc>,
}

/// An answer that names no variable.
#[derive(Deserialize)]
struct Message {
    #[serde(rename = "message")]
    _message: de::IgnoredAny,
}

/// The times of the last changes of the variables.
type Times = Vec<Option<DateTime<Utc>>>;

impl Contexts {
    pub(super) fn new(name: &DestinationName, kind: &CircleCi, aws: &Aws) -> Self {
        let reads = Limiter::new(LimiterSettings::secret_reads());
        let rest = Rest {
            aws: aws.clone(),
            service: "CircleCI",
            url: kind.url.clone().unwrap_or_else(|| SERVER.to_owned()),
            auth: ("circle-token", ""),
            headers: &[("accept", "application/json")],
            token: Token::Kept(Hidden::new(&kind.token, aws, &reads)),
            refuses_with: 401,
            limited: Arc::default(),
            pace: Some(Limiter::new(LimiterSettings::service())),
        };
        Self { name: name.clone(), kind: kind.clone(), rest }
    }

    fn about<'a>(&'a self, place: &'a str) -> About<'a> {
        About { name: &self.name, what: "CircleCI, context", place }
    }

    fn variables(place: &str) -> String {
        format!("/api/v2/context/{}/environment-variable", part(place))
    }

    async fn times(&self, place: &str, end: Instant) -> Result<Times, CallError> {
        let about = self.about(place);
        let names = self.kind.names.all();
        let mut times = vec![None; names.len()];
        let mut next = None;
        for _ in 0..MOST_PAGES {
            let query = next.map(|token: String| format!("?page-token={}", part(&token)));
            let path = format!("{}{}", Self::variables(place), query.unwrap_or_default());
            let reply = self.rest.send(&about, &Ask::get(path), end).await?;
            if reply.status != 200 {
                return Err(self.rest.refusal(&about, &reply, NEEDED));
            }
            let page: Page =
                reply.json().ok_or_else(|| self.rest.unreadable(&about, Effect::None))?;
            for Variable { variable, updated_at } in page.items {
                if let Some(n) = names.iter().position(|name| *name == variable) {
                    times[n] = Some(updated_at);
                }
            }
            next = page.next_page_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(times);
            }
        }
        let said = format!("the context has more than {MOST_PAGES} pages of variables");
        Err(about.refused(ErrorKind::Other, said))
    }

    /// Writes one variable, and returns its time of change if CircleCI's answer has one. `completes`
    /// means that the other half of a pair is written already.
    async fn put(
        &self,
        place: &str,
        (name, value): (&str, &str),
        (completes, end): (bool, Instant),
    ) -> Result<Option<DateTime<Utc>>, CallError> {
        let about = self.about(place);
        let ask = Ask {
            method: "PUT",
            path: format!("{}/{}", Self::variables(place), part(name)),
            body: Some(Zeroizing::new(json!({ "value": value }).to_string())),
        };
        let reply = match completes {
            true => self.rest.complete(&about, &ask, end).await?,
            false => self.rest.send(&about, &ask, end).await?,
        };
        if !reply.is_success() {
            return Err(self.rest.refusal(&about, &reply, NEEDED));
        }
        if let Some(written) = reply.json::<Variable>() {
            let at = Some(written.updated_at).filter(|_| written.variable == name);
            return at.map(Some).ok_or_else(|| self.rest.unreadable(&about, Effect::Unknown));
        }
        // CircleCI may answer with a message only (CircleCI API v2,
        // `addEnvironmentVariableToContext`). Then the list shows the time.
        let is_message = reply.json::<Message>().is_some();
        is_message.then_some(None).ok_or_else(|| self.rest.unreadable(&about, Effect::Unknown))
    }
}

#[async_trait]
impl Destination for Contexts {
    fn abilities(&self) -> Abilities {
        self.kind.names.abilities()
    }

    fn longest(&self) -> Duration {
        LONGEST_PAIR
    }

    async fn inspect(&self, place: &str) -> Result<Found, CallError> {
        let times = self.times(place, Instant::now() + WITHIN).await?;
        variables::found(&self.about(place), &times)
    }

    async fn deliver(&self, place: &str, delivery: &Delivery) -> Result<Found, CallError> {
        let (about, end) = (self.about(place), Instant::now() + WITHIN);
        let found = variables::found(&about, &self.times(place, end).await?)?;
        if found.mark() != delivery.replaces.as_ref() {
            return Err(about.conflict(found.mark(), delivery.replaces.as_ref()));
        }
        let (mut done, mut written) = (Vec::new(), Times::new());
        for (name, value) in variables::values(&self.kind.names, &delivery.credentials) {
            let completes = !done.is_empty();
            let end = if completes { Instant::now() + COMPLETING } else { end };
            let put = self.put(place, (name, &value), (completes, end)).await;
            written.push(put.map_err(|error| variables::halfway(error, &done))?);
            done.push(name);
        }
        // A pair may have taken longer to complete.
        let end = end.max(Instant::now() + WITHIN / 2);
        let now = self.times(place, end).await.map_err(after_a_write)?;
        // The list may lag. If it is newer than keyrot's writes, there is another writer.
        let is_newer = |(now, written): (&_, &Option<_>)| written.is_some() && now > written;
        if now.iter().zip(&written).any(is_newer) {
            return Err(about.overtaken("a variable was changed after keyrot wrote it"));
        }
        let times: Times = written.iter().zip(now).map(|(written, now)| written.or(now)).collect();
        if times.iter().any(Option::is_none) {
            return Err(self.rest.unreadable(&about, Effect::Unknown));
        }
        variables::found(&about, &times).map_err(after_a_write)
    }
}
