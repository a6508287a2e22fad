//! Secrets of a Kubernetes cluster, by server-side apply.
//!
//! A write contains the uid and the resource version that were read, and the API server refuses it
//! if the Secret has changed since then (Kubernetes documentation, "Kubernetes API Concepts",
//! "Resource versions"). The write is never forced, so fields that another writer owns do not
//! change.

mod client;
mod cluster;
mod restart;
mod rollout;
mod secret;

use self::cluster::Cluster;
use self::secret::{Expected, Secret, apply};
use super::about::{About, WITHIN};
use super::request::{Ask, Reply};
use async_trait::async_trait;
use keyrot_core::model::{Abilities, Delivery, DestinationName, Found, Holds};
use keyrot_core::ports::Destination;
use keyrot_core::settings::Kubernetes;
use keyrot_core::{CallError, Effect, ErrorKind};
use serde::Deserialize;
use std::collections::BTreeSet;
use tokio::time::Instant;

/// A resource version that no object has: that of an empty store. If the Secret exists, its version
/// differs, so the server refuses the write. If it does not exist, the server creates it
/// (kube-apiserver, `Store.Update`).
const NOWHERE: &str = "1";
/// The reason for refusing a write to a field that another writer owns (Kubernetes documentation,
/// "Server-Side Apply", "Conflicts").
const OWNED: &str = "FieldManagerConflict";

pub(super) struct Secrets {
    name: DestinationName,
    kind: Kubernetes,
    cluster: Cluster,
}

/// The API server's answer to a refused request (Kubernetes API reference, "Status"). Its message
/// may quote the request.
#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    details: Option<Details>,
}

#[derive(Default, Deserialize)]
struct Details {
    kind: Option<String>,
    #[serde(default)]
    causes: Vec<Cause>,
}

#[derive(Deserialize)]
struct Cause {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
}

impl Secrets {
    pub(super) fn new(name: &DestinationName, kind: &Kubernetes) -> Self {
        Self { name: name.clone(), kind: kind.clone(), cluster: Cluster::new(kind) }
    }

    fn about<'a>(&'a self, place: &'a str) -> About<'a> {
        About { name: &self.name, what: "the Secret", place }
    }

    /// Reads the Secret, if it exists and keyrot may write to it.
    async fn get(&self, place: &str, end: Instant) -> Result<Option<Secret>, CallError> {
        let about = self.about(place);
        let reply = self.cluster.send(&about, &Ask::get(path(place)), end).await?;
        // Another server's 404 does not mean that the Secret is missing.
        let missing = || status(&reply).kind.as_deref() == Some("secrets");
        match reply.status {
            200 => {
                let secret: Secret =
                    reply.json().ok_or_else(|| unreadable(&about, Effect::None))?;
                match secret.problem() {
                    Some(problem) => Err(about.refused(ErrorKind::Other, problem)),
                    None => Ok(Some(secret)),
                }
            }
            404 if missing() => Ok(None),
            _ => Err(refusal(&about, &reply, "get")),
        }
    }

    /// Checks that the namespace exists: without it, the Secret is missing in the same way. If
    /// keyrot may not read the namespace, the write shows it.
    async fn check_namespace(&self, place: &str, end: Instant) -> Result<(), CallError> {
        let about = self.about(place);
        let (namespace, _) = parts(place);
        let ask = Ask::get(format!("/api/v1/namespaces/{namespace}"));
        let reply = self.cluster.send(&about, &ask, end).await?;
        match reply.status {
            404 if status(&reply).kind.as_deref() == Some("namespaces") => {
                Err(refusal(&about, &reply, "get"))
            }
            _ => Ok(()),
        }
    }

    async fn patch(
        &self,
        place: &str,
        delivery: &Delivery,
        labeled: bool,
        expected: &Expected<'_>,
        end: Instant,
    ) -> Result<Reply, CallError> {
        let body = apply(parts(place), &self.kind, delivery, labeled, expected);
        // The request has no `force` parameter.
        let path = format!("{}?fieldManager={}", path(place), secret::MANAGER);
        let ask = Ask { method: "PATCH", path, body: Some(body) };
        self.cluster.send(&self.about(place), &ask, end).await
    }

    async fn create(
        &self,
        place: &str,
        delivery: &Delivery,
        end: Instant,
    ) -> Result<Reply, CallError> {
        let about = self.about(place);
        let nowhere = Expected { uid: None, resource_version: Some(NOWHERE) };
        let reply = self.patch(place, delivery, true, &nowhere, end).await?;
        if reply.status != 409 {
            return Ok(reply);
        }
        if let Some(now) = self.get(place, end).await? {
            let now = now.found(&about, &self.kind)?;
            return Err(about.conflict(now.mark(), None));
        }
        // This server does not create an object if the request has a resource version. Without one,
        // the write would replace an object that was created since the read, and the message says
        // so.
        let anything = Expected { uid: None, resource_version: None };
        let reply = self.patch(place, delivery, true, &anything, end).await?;
        match reply.status {
            200 => Err(about.overtaken("it was created meanwhile")),
            _ => Ok(reply),
        }
    }

    /// Interprets the server's answer to a write.
    fn written(
        &self,
        about: &About<'_>,
        reply: &Reply,
        delivery: &Delivery,
    ) -> Result<Found, CallError> {
        match reply.status {
            200 | 201 => {}
            409 => return Err(taken(about, reply)),
            _ => return Err(refusal(about, reply, "create and patch")),
        }
        let now: Option<Secret> = reply.json();
        let now = now.ok_or_else(|| unreadable(about, Effect::Unknown))?;
        let found = now.found(about, &self.kind).map_err(super::about::after_a_write)?;
        let is_ours = matches!(&found, Found::Copy { holds: Holds::Key(key), .. } if *key == delivery.credentials.key);
        if is_ours && now.has(&self.kind, &delivery.credentials) {
            return Ok(found);
        }
        Err(about.overtaken("it holds something else than what was written; an admission webhook may have changed it"))
    }
}

#[async_trait]
impl Destination for Secrets {
    fn abilities(&self) -> Abilities {
        Abilities::READABLE
    }

    async fn inspect(&self, place: &str) -> Result<Found, CallError> {
        let end = Instant::now() + WITHIN;
        match self.get(place, end).await? {
            Some(secret) => secret.found(&self.about(place), &self.kind),
            None => self.check_namespace(place, end).await.map(|()| Found::Nothing),
        }
    }

    async fn deliver(&self, place: &str, delivery: &Delivery) -> Result<Found, CallError> {
        let (about, end) = (self.about(place), Instant::now() + WITHIN);
        let there = self.get(place, end).await?;
        let found = there.as_ref().map(|there| there.found(&about, &self.kind)).transpose()?;
        let seen = found.as_ref().and_then(Found::mark);
        if seen != delivery.replaces.as_ref() {
            return Err(about.conflict(seen, delivery.replaces.as_ref()));
        }
        let found = match (&there, found) {
            (Some(there), Some(found @ Found::Copy { holds: Holds::Key(_), .. }))
                if there.has(&self.kind, &delivery.credentials) =>
            {
                found
            }
            (Some(there), _) => {
                let labeled = !there.is_labeled_otherwise();
                let reply = self.patch(place, delivery, labeled, &there.expected(), end).await?;
                self.written(&about, &reply, delivery)?
            }
            (None, _) => {
                let reply = self.create(place, delivery, end).await?;
                self.written(&about, &reply, delivery)?
            }
        };
        self.restart(&about, delivery, end).await?;
        Ok(found)
    }
}

/// Splits a place into namespace and name. Its form was checked with the settings.
fn parts(place: &str) -> (&str, &str) {
    place.split_once('/').unwrap_or((place, ""))
}

fn path(place: &str) -> String {
    let (namespace, name) = parts(place);
    format!("/api/v1/namespaces/{namespace}/secrets/{name}")
}

fn status(reply: &Reply) -> Details {
    reply.json::<Status>().and_then(|status| status.details).unwrap_or_default()
}

/// Returns the conflict: the Secret has changed, or another writer owns some of its fields. Nothing
/// was written.
fn taken(about: &About<'_>, reply: &Reply) -> CallError {
    let owners = owner_of(reply);
    if owners.is_empty() {
        let said = "it was changed or deleted by something other than keyrot at the same time; nothing was written";
        return about.refused(ErrorKind::Conflict, said);
    }
    let said = format!(
        "its fields for the key belong to another writer ({owners}), and keyrot takes no field from another; nothing was written. \
         Make that writer stop, delete the Secret, then run keyrot deliver"
    );
    about.refused(ErrorKind::Conflict, said)
}

/// Returns the other writers of the fields in the request.
fn owner_of(reply: &Reply) -> String {
    let causes = status(reply).causes;
    let owned = causes.iter().filter(|cause| cause.reason == OWNED);
    let owners: BTreeSet<&str> = owned.map(|cause| owner(&cause.message)).collect();
    owners.into_iter().collect::<Vec<_>>().join(", ")
}

/// Returns NAME from `conflict with "NAME" using v1`.
fn owner(message: &str) -> &str {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/ ".contains(c);
    let name = message.split('"').nth(1).unwrap_or_default();
    if name.is_empty() || name.len() > 128 || !name.chars().all(plain) { "unknown" } else { name }
}

fn unreadable(about: &About<'_>, effect: Effect) -> CallError {
    about.error(ErrorKind::Other, effect, "the API server's answer cannot be read")
}

/// Returns why a request was refused, in keyrot's own words: the server's message may quote the
/// request.
fn refusal(about: &About<'_>, reply: &Reply, verbs: &str) -> CallError {
    let (namespace, name) = parts(about.place);
    let (kind, said) = match reply.status {
        300..=399 => (ErrorKind::Other, "it redirects; set the cluster's own server in the kubeconfig".to_owned()),
        401 => (
            ErrorKind::Denied,
            "the credentials of the kubeconfig or the service account are not valid, or they expired".to_owned(),
        ),
        403 => (
            ErrorKind::Denied,
            format!(
                "keyrot may not {verbs} it, or a policy or quota of the cluster refuses it; it needs a Role with get, create and patch \
                 on secrets with resourceNames [\"{name}\"] in the namespace {namespace}"
            ),
        ),
        404 => (
            ErrorKind::NotFound,
            format!("there is no namespace {namespace}, or the server is not a Kubernetes API server"),
        ),
        413 => (ErrorKind::LimitExceeded, "the Secret is too large; give keyrot one of its own".to_owned()),
        422 => (
            ErrorKind::Other,
            "the Secret's type does not allow it, or the Secret is too large; give keyrot one of its own".to_owned(),
        ),
        _ => (ErrorKind::Other, "expected another answer; a policy of the cluster may refuse it".to_owned()),
    };
    let status = reply.status;
    about.refused(kind, format!("the API server answered HTTP {status}: {said}"))
}
