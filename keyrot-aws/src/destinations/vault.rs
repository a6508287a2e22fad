//! Secrets of Vault or OpenBao, in a KV engine of version 2. Each write names the version that it
//! follows (`cas`). Vault refuses the write if another one came first (Vault documentation, "KV
//! secrets engine - version 2 (API)").

use super::about::{About, WITHIN, hidden};
use super::kept::Kept;
use super::request::{Ask, Reply};
use super::rest::Rest;
use super::token::Token;
use super::vault_login::{Login, STANDBY};
use crate::connection::Aws;
use crate::limiter::{Limiter, LimiterSettings};
use crate::notify::secret_ref::Hidden;
use crate::secrets_manager::value;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use keyrot_core::model::{Abilities, Delivery, DestinationName, Found, Holds};
use keyrot_core::ports::Destination;
use keyrot_core::settings::{Vault, VaultAuth};
use keyrot_core::{CallError, Effect, ErrorKind};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::time::Instant;
use zeroize::Zeroizing;

pub(super) struct VaultSecrets {
    name: DestinationName,
    mount: String,
    rest: Rest,
    aws: Aws,
}

/// The response to a read.
#[derive(Deserialize)]
struct Read<'a> {
    #[serde(borrow)]
    data: Secret<'a>,
}

#[derive(Deserialize)]
struct Secret<'a> {
    /// `null` if the version was deleted.
    #[serde(borrow)]
    data: &'a RawValue,
    metadata: Version,
}

/// The response to a write.
#[derive(Deserialize)]
struct Written {
    data: Version,
}

#[derive(Deserialize)]
struct Version {
    version: u64,
    created_time: Option<DateTime<Utc>>,
}

/// The response to a read of a mount.
#[derive(Deserialize)]
struct MountRead {
    data: Mount,
}

#[derive(Deserialize)]
struct Mount {
    path: String,
    options: Option<BTreeMap<String, String>>,
}

/// The content of a path.
struct There {
    version: u64,
    found: Found,
    /// The text of the version; `None` if it was deleted.
    text: Option<Zeroizing<String>>,
}

/// A field of a secret.
#[derive(Deserialize, PartialEq, Eq)]
struct Text(#[serde(deserialize_with = "hidden")] Zeroizing<String>);

/// Returns the fields of a value; `None` if one of them is not text. Vault writes the value
/// itself, with the fields in another order.
fn fields(value: &str) -> Option<BTreeMap<String, Text>> {
    serde_json::from_str(value).ok()
}

impl VaultSecrets {
    pub(super) fn new(name: &DestinationName, kind: &Vault, aws: &Aws) -> Self {
        let Vault { url, auth, mount, namespace } = kind;
        let namespace = namespace.as_ref().map(|name| format!("/{name}")).unwrap_or_default();
        let url = format!("{url}/v1{namespace}");
        let token = match auth {
            VaultAuth::Token(source) => {
                let reads = Limiter::new(LimiterSettings::secret_reads());
                Token::Kept(Hidden::new(source, aws, &reads))
            }
            VaultAuth::Aws { role, mount, server_id } => Token::OfVault(Box::new(Login {
                aws: aws.clone(),
                url: url.clone(),
                mount: mount.clone(),
                role: role.clone(),
                server_id: server_id.clone(),
                kept: Kept::default(),
            })),
        };
        let rest = Rest {
            aws: aws.clone(),
            service: "Vault",
            url,
            auth: ("x-vault-token", ""),
            headers: &[("x-vault-request", "true")],
            token,
            refuses_with: 403,
            limited: Arc::default(),
            pace: Some(Limiter::new(LimiterSettings::service())),
        };
        Self { name: name.clone(), mount: mount.clone(), rest, aws: aws.clone() }
    }

    fn about<'a>(&'a self, place: &'a str) -> About<'a> {
        About { name: &self.name, what: "Vault", place }
    }

    fn path(&self, place: &str) -> String {
        format!("/{}/data/{place}", self.mount)
    }

    async fn get(&self, place: &str, end: Instant) -> Result<Option<There>, CallError> {
        let about = self.about(place);
        let reply = self.rest.send(&about, &Ask::get(self.path(place)), end).await?;
        match reply.status {
            200 => {}
            // A deleted version also has a number.
            404 if reply.says("\"metadata\"") => {}
            404 if !reply.says("no handler for route") => {
                self.check_version(&about, end).await?;
                return Ok(None);
            }
            _ => return Err(self.refusal(&about, &reply)),
        }
        // The parser's message is dropped, because it may quote the text.
        let Ok(read) = serde_json::from_slice::<Read<'_>>(&reply.body) else {
            self.check_version(&about, end).await?;
            let said =
                "Vault's answer cannot be read: it has no version, as in a KV engine of version 1";
            return Err(about.refused(ErrorKind::Other, said));
        };
        let Version { version, created_time } = read.data.metadata;
        if version == 0 {
            return Ok(None);
        }
        let text = Zeroizing::new(read.data.data.get().to_owned());
        let text = Some(text).filter(|text| text.as_str() != "null");
        let key = text
            .as_ref()
            .and_then(|text| value::inside(&self.aws.inner.secret.fields, text).key.ok());
        let found = match &text {
            Some(_) => Found::Copy {
                mark: about.mark(version.to_string())?,
                holds: key.map_or(Holds::Other, Holds::Key),
                written: created_time,
            },
            // It was deleted, or it has expired. A write adds a version, and removes nothing.
            None => Found::Nothing,
        };
        Ok(Some(There { version, found, text }))
    }

    /// Checks that the KV engine is of version 2. In version 1, an empty place looks the same, but a
    /// write has no condition, and stores the whole request. Any token may read this that may read
    /// something in the mount (Vault, `pathInternalUIMountRead`).
    async fn check_version(&self, about: &About<'_>, end: Instant) -> Result<(), CallError> {
        let Self { mount, rest, .. } = self;
        let ask = Ask::get(format!("/sys/internal/ui/mounts/{mount}"));
        let reply = rest.send(about, &ask, end).await?;
        // If something in front of Vault refuses this read, the answer to the write shows the
        // version.
        let read: Option<MountRead> = reply.json().filter(|_| reply.status == 200);
        let Some(MountRead { data: Mount { path, options } }) = read else { return Ok(()) };
        let said = match options.as_ref().and_then(|options| options.get("version")) {
            // The mount's own path has no namespace, and `mount` may have one.
            Some(version) if version == "2" && format!("{mount}/").ends_with(&path) => {
                return Ok(());
            }
            Some(version) if version == "2" => format!("the KV engine there is mounted at {path}"),
            _ => "the engine there is not a KV engine of version 2".to_owned(),
        };
        let said =
            format!("`mount` is {mount}, and {said}; set `mount` to a KV engine of version 2");
        Err(about.refused(ErrorKind::NotFound, said))
    }

    fn refusal(&self, about: &About<'_>, reply: &Reply) -> CallError {
        let Self { mount, rest, .. } = self;
        let place = about.place;
        let (kind, said) = match reply.status {
            204 => {
                let said = format!(
                    "Vault answered HTTP 204, as a KV engine of version 1 does: it stored the key without a condition and without a version. Delete it (vault delete {mount}/data/{place}), and set `mount` to a KV engine of version 2"
                );
                return about.error(ErrorKind::Other, Effect::Unknown, said);
            }
            300..=399 => (ErrorKind::Other, STANDBY.to_owned()),
            403 => (
                ErrorKind::Denied,
                format!(
                    "the token ({}) is not valid anymore, or its policy does not allow it; it needs create, read and update on \
                     {mount}/data/{place}",
                    rest.token.source()
                ),
            ),
            404 => (
                ErrorKind::NotFound,
                format!("there is no KV engine of version 2 at {mount}, or not in this namespace"),
            ),
            400 => (
                ErrorKind::Other,
                format!("it does not take the value; is the KV engine at {mount} of version 2?"),
            ),
            _ => return rest.refusal(about, reply, "create, read and update"),
        };
        let said = format!("Vault answered HTTP {}: {said}", reply.status);
        about.error(kind, reply.effect(), said)
    }
}

#[async_trait]
impl Destination for VaultSecrets {
    fn abilities(&self) -> Abilities {
        Abilities::READABLE
    }

    async fn inspect(&self, place: &str) -> Result<Found, CallError> {
        let there = self.get(place, Instant::now() + WITHIN).await?;
        Ok(there.map_or(Found::Nothing, |there| there.found))
    }

    async fn deliver(&self, place: &str, delivery: &Delivery) -> Result<Found, CallError> {
        let (about, end) = (self.about(place), Instant::now() + WITHIN);
        let credentials = &delivery.credentials;
        let text = value::compose(&self.aws.inner.secret.fields, credentials, None);
        let text = text.unwrap_or_default();
        let there = self.get(place, end).await?;
        let seen = there.as_ref().and_then(|there| there.found.mark());
        if seen != delivery.replaces.as_ref() {
            return Err(about.conflict(seen, delivery.replaces.as_ref()));
        }
        // Writing the same value again would only use up a version.
        if let Some(there) = &there
            && let (Some(held), Some(own)) = (there.text.as_deref(), fields(&text))
            && fields(held).as_ref() == Some(&own)
        {
            return Ok(there.found.clone());
        }
        let cas = there.map_or(0, |there| there.version);
        let mut body = Zeroizing::new(String::with_capacity(text.len() + 64));
        body.push_str(&format!("{{\"options\":{{\"cas\":{cas}}},\"data\":"));
        body.push_str(&text);
        body.push('}');
        let ask = Ask { method: "POST", path: self.path(place), body: Some(body) };
        let reply = self.rest.send(&about, &ask, end).await?;
        match reply.status {
            200 => {}
            400 if reply.says("check-and-set") => {
                let said = format!("version {cas} is not the last one anymore");
                let said =
                    format!("it was changed by something other than keyrot meanwhile: {said}");
                return Err(about.error(ErrorKind::Conflict, reply.effect(), said));
            }
            _ => return Err(self.refusal(&about, &reply)),
        }
        let written: Written =
            reply.json().ok_or_else(|| self.rest.unreadable(&about, Effect::Unknown))?;
        Ok(Found::Copy {
            mark: about.mark(written.data.version.to_string())?,
            holds: Holds::Key(credentials.key.clone()),
            written: written.data.created_time,
        })
    }
}
