//! A Secret in the API server's format.

use crate::destinations::about::{About, hidden};
use chrono::{DateTime, Utc};
use keyrot_core::model::{Delivery, Found, Holds, KeyId};
use keyrot_core::settings::Kubernetes;
use keyrot_core::{CallError, Credentials};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// keyrot's name in a Secret's `managedFields`.
pub(super) const MANAGER: &str = "keyrot";
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// The metadata of a Secret (Kubernetes API reference, "Secret").
#[derive(Deserialize)]
pub(super) struct Secret {
    metadata: Metadata,
    #[serde(default)]
    data: Option<BTreeMap<String, Base64>>,
    immutable: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    uid: String,
    resource_version: String,
    deletion_timestamp: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    managed_fields: Vec<Managed>,
}

/// The fields that one writer owns.
#[derive(Deserialize)]
struct Managed {
    #[serde(default)]
    manager: String,
    #[serde(default)]
    operation: String,
    time: Option<DateTime<Utc>>,
    #[serde(default, rename = "fieldsV1")]
    fields: Value,
}

#[derive(Deserialize)]
struct Base64(#[serde(deserialize_with = "hidden")] Zeroizing<String>);

/// What a request asks the server to compare before it writes.
pub(super) struct Expected<'a> {
    pub(super) uid: Option<&'a str>,
    pub(super) resource_version: Option<&'a str>,
}

impl Secret {
    pub(super) fn expected(&self) -> Expected<'_> {
        let Metadata { uid, resource_version, .. } = &self.metadata;
        Expected { uid: Some(uid), resource_version: Some(resource_version) }
    }

    /// Returns why keyrot cannot write to this Secret.
    pub(super) fn problem(&self) -> Option<&'static str> {
        if self.immutable == Some(true) {
            Some("it is immutable; delete it, and keyrot creates it, or set another `to`")
        } else if self.metadata.deletion_timestamp.is_some() {
            Some("it is being deleted; wait until it is gone, and keyrot creates it")
        } else {
            None
        }
    }

    fn text(&self, name: &str) -> Option<Zeroizing<String>> {
        let encoded = &self.data.as_ref()?.get(name)?.0;
        let bytes = aws_smithy_types::base64::decode(encoded.as_str()).ok().map(Zeroizing::new)?;
        std::str::from_utf8(&bytes).ok().map(|text| Zeroizing::new(text.to_owned()))
    }

    /// Whether the Secret holds exactly this key.
    pub(super) fn has(&self, kind: &Kubernetes, credentials: &Credentials) -> bool {
        let is = |name: &str, value: &str| self.text(name).is_some_and(|text| *text == value);
        is(&kind.id_name, credentials.key.as_str())
            && is(&kind.secret_name, credentials.secret.expose())
    }

    /// Returns the fields that keyrot applied, if they include both halves of a key.
    fn applied(&self, kind: &Kubernetes) -> Option<&Managed> {
        let owns = |one: &Managed, name: &str| {
            let field = one.fields.get("f:data").and_then(|data| data.get(format!("f:{name}")));
            field.is_some()
        };
        self.metadata.managed_fields.iter().find(|one| {
            one.manager == MANAGER
                && one.operation == "Apply"
                && owns(one, &kind.id_name)
                && owns(one, &kind.secret_name)
        })
    }

    /// Returns the Secret's content. According to `managedFields`, each half belongs to its writer,
    /// so the Secret holds a key only if keyrot wrote both halves.
    pub(super) fn found(&self, about: &About<'_>, kind: &Kubernetes) -> Result<Found, CallError> {
        let Metadata { uid, resource_version, .. } = &self.metadata;
        let applied = self.applied(kind);
        let id = self.text(&kind.id_name).and_then(|id| KeyId::parse(id.as_str()).ok());
        let secret = self.text(&kind.secret_name).filter(|secret| !secret.is_empty());
        let (holds, written) = match (applied, id, secret) {
            (Some(applied), Some(id), Some(_)) => (Holds::Key(id), applied.time),
            _ => (Holds::Other, None),
        };
        Ok(Found::Copy { mark: about.mark(format!("{uid}.{resource_version}"))?, holds, written })
    }

    /// Whether the label says that something else manages the Secret. Then the label does not
    /// change.
    pub(super) fn is_labeled_otherwise(&self) -> bool {
        self.metadata.labels.get(MANAGED_BY).is_some_and(|by| by != MANAGER)
    }
}

/// Returns everything that keyrot applies. A field that keyrot applied before and that is not
/// included is removed (Kubernetes documentation, "Server-Side Apply", "Field management").
pub(super) fn apply(
    (namespace, name): (&str, &str),
    kind: &Kubernetes,
    delivery: &Delivery,
    labeled: bool,
    expected: &Expected<'_>,
) -> Zeroizing<String> {
    let Credentials { key, secret } = &delivery.credentials;
    let encode = aws_smithy_types::base64::encode;
    let mut body = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": name, "namespace": namespace },
        "data": {
            kind.id_name.as_str(): encode(key.as_str()),
            kind.secret_name.as_str(): encode(secret.expose()),
        },
    });
    let metadata = &mut body["metadata"];
    if let Some(uid) = expected.uid {
        metadata["uid"] = json!(uid);
    }
    if let Some(version) = expected.resource_version {
        metadata["resourceVersion"] = json!(version);
    }
    if labeled {
        metadata["labels"] = json!({ MANAGED_BY: MANAGER });
    }
    let text = Zeroizing::new(body.to_string());
    if let Some(Value::String(text)) = body["data"].get_mut(&kind.secret_name).map(Value::take) {
        drop(Zeroizing::new(text));
    }
    text
}
