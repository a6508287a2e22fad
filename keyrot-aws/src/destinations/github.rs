//! Secrets of GitHub Actions or Dependabot, of a repository, an environment or an organization: two
//! secrets for the key's id and its secret half, or one secret for both.
//!
//! GitHub never shows a secret's value, only the time of its last change (GitHub documentation,
//! "REST API endpoints for GitHub Actions Secrets"). The time is in seconds, so two changes within
//! one second look like one.

use super::about::{About, WITHIN, after_a_write};
use super::github_app::{App, HEADERS};
use super::github_pace::Turns;
use super::github_place::{GitHubPlace, Owner};
use super::kept::Kept;
use super::request::{Ask, Reply};
use super::rest::{COMPLETING, LONGEST_PAIR, Rest};
use super::token::Token;
use super::variables;
use crate::connection::Aws;
use crate::limiter::{Limiter, LimiterSettings};
use crate::notify::secret_ref::Hidden;
use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use crypto_box::PublicKey;
use crypto_box::aead::OsRng;
use keyrot_core::model::{Abilities, Delivery, DestinationName, Found};
use keyrot_core::ports::Destination;
use keyrot_core::settings::{GitHub, GitHubAuth};
use keyrot_core::{CallError, Effect, ErrorKind};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use zeroize::Zeroizing;

const API: &str = "https://api.github.com";
/// A change this much later than keyrot's own was made by something else.
const LATER: TimeDelta = TimeDelta::seconds(5);
/// The limit on reads for a change that GitHub does not show yet.
const LOOKS: usize = 4;
const BETWEEN_LOOKS: Duration = Duration::from_millis(700);
/// The limit on pages of a hundred repositories that may use an organization's secret.
const MOST_PAGES: usize = 50;
/// The limit on reads of a list that changes while it is read.
const MOST_LISTS: usize = 5;

pub(super) struct GitHubSecrets {
    name: DestinationName,
    kind: GitHub,
    rest: Rest,
    turns: Arc<Turns>,
}

/// A secret as GitHub returns it.
#[derive(Deserialize)]
struct Shown {
    updated_at: DateTime<Utc>,
    /// For an organization's secret: `all`, `private` or `selected`.
    visibility: Option<String>,
}

/// All secrets that hold a key, in the order of their names.
type AllShown = Vec<Option<Shown>>;

#[derive(Deserialize)]
struct SealingKey {
    key_id: String,
    key: String,
}

#[derive(Deserialize)]
struct Selected {
    total_count: usize,
    repositories: Vec<Repository>,
}

#[derive(Deserialize)]
struct Repository {
    id: u64,
}

/// The fields of a request that say who may use an organization's secret.
type Access = Vec<(&'static str, Value)>;

impl GitHubSecrets {
    pub(super) fn new(name: &DestinationName, kind: &GitHub, aws: &Aws, turns: Arc<Turns>) -> Self {
        let reads = Limiter::new(LimiterSettings::secret_reads());
        let url = kind.url.clone().unwrap_or_else(|| API.to_owned());
        let token = match &kind.auth {
            GitHubAuth::Token(source) => Token::Kept(Hidden::new(source, aws, &reads)),
            GitHubAuth::App { app, installation, private_key } => Token::OfApp(Box::new(App {
                aws: aws.clone(),
                url: url.clone(),
                id: app.clone(),
                installation: installation.clone(),
                private_key: Hidden::new(private_key, aws, &reads),
                kept: Kept::default(),
            })),
        };
        let rest = Rest {
            aws: aws.clone(),
            service: "GitHub",
            url,
            auth: ("authorization", "Bearer "),
            headers: HEADERS,
            token,
            refuses_with: 401,
            limited: turns.limited.clone(),
            pace: None,
        };
        Self { name: name.clone(), kind: kind.clone(), rest, turns }
    }

    fn about<'a>(&'a self, place: &'a str) -> About<'a> {
        About { name: &self.name, what: "GitHub", place }
    }

    async fn get(&self, about: &About<'_>, path: String, end: Instant) -> Result<Reply, CallError> {
        self.rest.send(about, &Ask::get(path), end).await
    }

    fn refusal(&self, about: &About<'_>, at: &GitHubPlace, reply: &Reply) -> CallError {
        self.rest.refusal(about, reply, at.needed())
    }

    async fn shown(
        &self,
        about: &About<'_>,
        at: &GitHubPlace,
        name: &str,
        end: Instant,
    ) -> Result<Option<Shown>, CallError> {
        let reply = self.get(about, at.secret(name), end).await?;
        match reply.status {
            200 => reply.json().map(Some).ok_or_else(|| self.rest.unreadable(about, Effect::None)),
            404 => Ok(None),
            _ => Err(self.refusal(about, at, &reply)),
        }
    }

    /// Reads the secrets. If one is missing, checks that the place itself exists.
    async fn all_shown(
        &self,
        about: &About<'_>,
        at: &GitHubPlace,
        end: Instant,
    ) -> Result<AllShown, CallError> {
        let mut all = AllShown::new();
        for name in self.kind.names.all() {
            all.push(self.shown(about, at, name, end).await?);
        }
        if all.iter().any(Option::is_none) {
            self.sealing_key(about, at, end).await?;
        }
        Ok(all)
    }

    async fn sealing_key(
        &self,
        about: &About<'_>,
        at: &GitHubPlace,
        end: Instant,
    ) -> Result<SealingKey, CallError> {
        let reply = self.get(about, at.public_key(), end).await?;
        if reply.status != 200 {
            return Err(self.refusal(about, at, &reply));
        }
        reply.json().ok_or_else(|| self.rest.unreadable(about, Effect::None))
    }

    fn found(about: &About<'_>, all: &AllShown) -> Result<Found, CallError> {
        let times: Vec<_> = all.iter().map(|one| one.as_ref().map(|it| it.updated_at)).collect();
        variables::found(about, &times)
    }

    /// Returns who may use the secret, so that each write sends it unchanged. No repository may use
    /// a new secret until some are selected.
    async fn access(
        &self,
        about: &About<'_>,
        at: &GitHubPlace,
        of: Option<(&str, &Shown)>,
        end: Instant,
    ) -> Result<Access, CallError> {
        if at.owner != Owner::Organization {
            return Ok(Vec::new());
        }
        let Some((name, shown)) = of else {
            return Ok(vec![
                ("visibility", json!("selected")),
                ("selected_repository_ids", json!([])),
            ]);
        };
        let visibility =
            shown.visibility.as_deref().ok_or_else(|| self.rest.unreadable(about, Effect::None))?;
        let mut access = vec![("visibility", json!(visibility))];
        if visibility == "selected" {
            let ids = self.selected(about, at, name, end).await?;
            access.push(("selected_repository_ids", at.repository_ids(&ids)));
        }
        Ok(access)
    }

    /// Returns the repositories that may use the secret. A write without them, or with some of
    /// them, takes the secret away from the others (external-secrets, issue 6514). GitHub counts
    /// pages by position, so a change between two pages moves a repository to a page that was read
    /// already. So a list of several pages has to be the same twice in a row.
    async fn selected(
        &self,
        about: &About<'_>,
        at: &GitHubPlace,
        name: &str,
        end: Instant,
    ) -> Result<Vec<u64>, CallError> {
        let mut before = None;
        for _ in 0..MOST_LISTS {
            let list = self.selected_once(about, at, name, end).await?;
            match list {
                Some((ids, pages)) if pages == 1 || before.as_ref() == Some(&ids) => {
                    return Ok(ids.into_iter().collect());
                }
                other => before = other.map(|(ids, _)| ids),
            }
        }
        let said = format!(
            "the list of repositories that may use {name} could not be read as a whole, because it changes; nothing was written"
        );
        Err(about.refused(ErrorKind::Unavailable, said))
    }

    /// Reads the list, and returns it with the number of its pages; `None` if it is not complete.
    async fn selected_once(
        &self,
        about: &About<'_>,
        at: &GitHubPlace,
        name: &str,
        end: Instant,
    ) -> Result<Option<(BTreeSet<u64>, usize)>, CallError> {
        let (mut ids, mut total) = (BTreeSet::new(), None);
        for page in 1..=MOST_PAGES {
            let reply = self.get(about, at.selected(name, page), end).await?;
            if reply.status != 200 {
                return Err(self.refusal(about, at, &reply));
            }
            let Selected { total_count, repositories } =
                reply.json().ok_or_else(|| self.rest.unreadable(about, Effect::None))?;
            let is_end = repositories.is_empty();
            ids.extend(repositories.into_iter().map(|repository| repository.id));
            if *total.get_or_insert(total_count) != total_count {
                return Ok(None);
            }
            if is_end || ids.len() >= total_count {
                return Ok(Some((ids, page)).filter(|(ids, _)| ids.len() == total_count));
            }
        }
        Ok(None)
    }

    /// Writes one secret, and returns its time of change according to GitHub. If GitHub has a new
    /// public key by now, seals the value again with that key. `completes` means that the other half
    /// of a pair is written already.
    async fn put(
        &self,
        about: &About<'_>,
        at: &GitHubPlace,
        key: &mut SealingKey,
        (name, value): (&str, &str),
        access: &Access,
        (completes, end): (bool, Instant),
    ) -> Result<Option<DateTime<Utc>>, CallError> {
        for again in [false, true] {
            let sealed = seal(&key.key, value).ok_or_else(|| {
                about.refused(ErrorKind::Other, "GitHub's public key cannot be used")
            })?;
            let mut body = json!({ "encrypted_value": sealed.as_str(), "key_id": key.key_id });
            for (field, value) in access {
                body[*field] = value.clone();
            }
            let ask = Ask {
                method: "PUT",
                path: at.secret(name),
                body: Some(Zeroizing::new(body.to_string())),
            };
            let reply = match completes {
                true => self.rest.complete(about, &ask, end).await?,
                false => self.rest.send(about, &ask, end).await?,
            };
            match reply.status {
                201 | 204 => return Ok(reply.date),
                422 if !again => {
                    let newer = self.sealing_key(about, at, end).await?;
                    if newer.key_id == key.key_id {
                        return Err(about.error(
                            ErrorKind::Other,
                            reply.effect(),
                            format!("GitHub answered HTTP 422 for {name}: it does not take the value; expected 201 or 204"),
                        ));
                    }
                    *key = newer;
                }
                _ => return Err(self.refusal(about, at, &reply)),
            }
        }
        Err(about.refused(ErrorKind::Unavailable, "GitHub changed its public key twice"))
    }

    /// Reads the place after a delivery, and checks that this delivery wrote the content.
    async fn confirmed(
        &self,
        about: &About<'_>,
        at: &GitHubPlace,
        put: &[Option<DateTime<Utc>>],
        end: Instant,
    ) -> Result<Found, CallError> {
        let mut late = Vec::new();
        for look in 0..LOOKS {
            if look > 0 {
                sleep(BETWEEN_LOOKS).await;
            }
            let all = self.all_shown(about, at, end).await?;
            late.clear();
            for ((name, put), shown) in self.kind.names.all().into_iter().zip(put).zip(&all) {
                let (Some(put), Some(shown)) = (*put, shown) else {
                    if shown.is_none() {
                        late.push(name);
                    }
                    continue;
                };
                // The difference of any two dates fits, but not the sum.
                let behind = shown.updated_at - put;
                if behind > LATER {
                    return Err(about.overtaken(format!(
                        "{name} was changed at {}, and keyrot wrote it at {}",
                        shown.updated_at.to_rfc3339_opts(SecondsFormat::Secs, true),
                        put.to_rfc3339_opts(SecondsFormat::Secs, true)
                    )));
                }
                if behind < -LATER {
                    late.push(name);
                }
            }
            if late.is_empty() {
                // The secrets are written in this order, so none is newer than the next one.
                let names = self.kind.names.all();
                let shown: Vec<_> = names.iter().zip(all.iter().flatten()).collect();
                let swapped =
                    shown.windows(2).find(|two| two[0].1.updated_at > two[1].1.updated_at);
                return match swapped {
                    Some(two) => Err(about.overtaken(format!(
                        "{} was changed after {} was written, and keyrot wrote it before",
                        two[0].0, two[1].0
                    ))),
                    None => Self::found(about, &all),
                };
            }
        }
        Err(about.error(
            ErrorKind::NoEffect,
            Effect::Unknown,
            format!("GitHub took {}, and does not show the change", late.join(" and ")),
        ))
    }
}

#[async_trait]
impl Destination for GitHubSecrets {
    fn abilities(&self) -> Abilities {
        self.kind.names.abilities()
    }

    fn longest(&self) -> Duration {
        LONGEST_PAIR
    }

    async fn inspect(&self, place: &str) -> Result<Found, CallError> {
        let (about, at) = (self.about(place), GitHubPlace::parse(place, self.kind.store));
        let all = self.all_shown(&about, &at, Instant::now() + WITHIN).await?;
        Self::found(&about, &all)
    }

    async fn turn(&self) {
        self.turns.announce(self.kind.names.all().len()).await;
    }

    async fn deliver(&self, place: &str, delivery: &Delivery) -> Result<Found, CallError> {
        let (about, at) = (self.about(place), GitHubPlace::parse(place, self.kind.store));
        // Wait before the place is read, so that changes during the wait are noticed.
        self.rest.limited_until(&about, Effect::None, Instant::now() + WITHIN)?;
        let turn = self.turns.write(self.kind.names.all().len());
        if timeout(WITHIN, turn).await.is_err() {
            let said = "so many changes wait that GitHub's limit left none for this one within half a minute; the next run tries again";
            return Err(about.refused(ErrorKind::Throttled, said));
        }
        let end = Instant::now() + WITHIN;
        let all = self.all_shown(&about, &at, end).await?;
        let found = Self::found(&about, &all)?;
        if found.mark() != delivery.replaces.as_ref() {
            return Err(about.conflict(found.mark(), delivery.replaces.as_ref()));
        }
        let mut key = self.sealing_key(&about, &at, end).await?;
        let names = self.kind.names.all();
        let mut access = Vec::new();
        for (n, shown) in all.iter().enumerate() {
            // If the other secret exists, a new secret gets the same access as that one.
            let of = shown.is_some().then_some(n).or(all.iter().position(Option::is_some));
            let of = of.and_then(|n| Some((names[n], all[n].as_ref()?)));
            access.push(self.access(&about, &at, of, end).await?);
        }
        let (mut done, mut put) = (Vec::new(), Vec::new());
        let values = variables::values(&self.kind.names, &delivery.credentials);
        for ((name, value), access) in values.iter().zip(&access) {
            let completes = !done.is_empty();
            let end = if completes { Instant::now() + COMPLETING } else { end };
            let value = (*name, value.as_str());
            let written = self.put(&about, &at, &mut key, value, access, (completes, end)).await;
            put.push(written.map_err(|error| variables::halfway(error, &done))?);
            done.push(*name);
        }
        // A pair may have taken longer to complete.
        let end = end.max(Instant::now() + WITHIN / 2);
        self.confirmed(&about, &at, &put, end).await.map_err(after_a_write)
    }
}

/// Seals the value with this public key, in base64; `None` if the key is invalid.
fn seal(public_key: &str, value: &str) -> Option<Zeroizing<String>> {
    let bytes = aws_smithy_types::base64::decode(public_key).ok()?;
    let key = PublicKey::from(<[u8; 32]>::try_from(bytes).ok()?);
    let sealed = key.seal(&mut OsRng, value.as_bytes()).ok()?;
    Some(Zeroizing::new(aws_smithy_types::base64::encode(sealed)))
}
