//! A secret with its versions, as the account keeps it.

use crate::memory::rules::Refusal;
use crate::model::credentials::{Credentials, SecretKey};
use crate::model::error::ErrorKind;
use crate::model::home::{Difference, Owner, SecretArn};
use crate::model::journal::Journal;
use crate::model::names::{KeyId, SecretName, VersionId};
use crate::model::no_key::NoKey;
use crate::model::observed::LabeledVersion;
use crate::model::stored::VersionContents;
use crate::model::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A staging label. There are others in AWS; a rotation uses these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Label {
    /// AWSCURRENT.
    Current,
    /// AWSPENDING.
    Pending,
    /// AWSPREVIOUS.
    Previous,
    /// keyrot's own label, for a version without credentials that shows whether the secret can be
    /// written to.
    TestWrite,
}

/// What a version holds: the `SecretString`.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Value(Arc<str>);

/// A secret with its versions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MemorySecret {
    pub(super) versions: BTreeMap<VersionId, Value>,
    /// When each version was written.
    #[serde(default)]
    pub(super) written: BTreeMap<VersionId, Timestamp>,
    pub(super) labels: BTreeMap<Label, VersionId>,
    /// The secret's tags.
    pub tags: BTreeMap<String, String>,
    /// When it was scheduled for deletion.
    pub deleted: Option<Timestamp>,
    /// The region of its primary, if it is a replica.
    pub replica_of: Option<String>,
    /// Whether Secrets Manager's own rotation is on.
    #[serde(default)]
    pub rotation: bool,
    /// How it differs from what keyrot creates.
    #[serde(default)]
    pub differences: Vec<Difference>,
    /// When it was created: it distinguishes a secret from an earlier one of the same name.
    #[serde(default)]
    pub(super) made: Option<Timestamp>,
}

impl Value {
    /// Returns a value with any text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::from(text.into())
    }

    /// Returns the placeholder.
    #[must_use]
    pub fn placeholder() -> Self {
        Self::text(r#"{"keyrot":"placeholder"}"#)
    }

    /// Whether it is one of keyrot's placeholders: only a field `keyrot`, whose text may differ
    /// between stores.
    #[must_use]
    pub fn is_placeholder(&self) -> bool {
        let Some(fields) = self.fields() else { return false };
        let says = fields.get("keyrot").and_then(serde_json::Value::as_str);
        fields.len() == 1 && says.is_some_and(|text| text.starts_with("placeholder"))
    }

    /// Returns credentials as keyrot writes them, with the other fields of an earlier value.
    #[must_use]
    pub fn credentials(credentials: &Credentials, carry: Option<&Self>) -> Self {
        let mut fields = carry.and_then(Self::fields).unwrap_or_default();
        fields.insert(ID.into(), credentials.key.as_str().into());
        fields.insert(SECRET.into(), credentials.secret.expose().into());
        Self::text(serde_json::Value::Object(fields).to_string())
    }

    /// Returns the text itself, which may be secret.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns the credentials in the value.
    #[must_use]
    pub fn read(&self) -> Option<Credentials> {
        let fields = self.fields()?;
        let key = KeyId::parse(fields.get(ID)?.as_str()?).ok()?;
        let secret = SecretKey::new(fields.get(SECRET)?.as_str()?.to_owned());
        Some(Credentials { key, secret })
    }

    /// Returns which key the value holds, and whether it has other fields.
    #[must_use]
    pub fn inside(&self) -> VersionContents {
        let fields = self.fields();
        let extras =
            fields.as_ref().is_some_and(|f| f.keys().any(|name| name != ID && name != SECRET));
        let next_size =
            fields.map(|_| Self::credentials(&Credentials::longest(), Some(self)).0.len());
        let key = self.read().map(|c| c.key).ok_or_else(|| self.no_key());
        VersionContents { key, extras, next_size }
    }

    /// Returns why the value holds no credentials.
    pub(crate) fn no_key(&self) -> NoKey {
        use serde_json::Value;
        let fields = match serde_json::from_str(&self.0) {
            Err(_) if self.0.trim().is_empty() => return NoKey::Empty,
            Err(_) => return NoKey::NotJson,
            Ok(Value::Array(_)) => return NoKey::Array,
            Ok(Value::Object(fields)) => fields,
            Ok(_) => return NoKey::Scalar,
        };
        let text = |name| fields.get(name).map(|value: &Value| value.as_str());
        match (text(ID), text(SECRET)) {
            (Some(None), _) | (_, Some(None)) => NoKey::NotText,
            (Some(Some(id)), _) if KeyId::parse(id).is_err() => NoKey::NotAnId,
            (Some(_), _) => NoKey::NoSecretHalf,
            (None, Some(_)) => NoKey::NoId,
            (None, None) => NoKey::NoFields,
        }
    }

    fn fields(&self) -> Option<serde_json::Map<String, serde_json::Value>> {
        serde_json::from_str(&self.0).ok()
    }
}

pub(crate) const ID: &str = "AccessKeyId";
pub(crate) const SECRET: &str = "SecretAccessKey";

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value(hidden)")
    }
}

impl MemorySecret {
    /// Returns the version with a label.
    #[must_use]
    pub fn labelled(&self, label: Label) -> Option<&VersionId> {
        self.labels.get(&label)
    }

    /// Returns all versions with their labels.
    pub fn versions(&self) -> impl Iterator<Item = (&VersionId, Vec<Label>)> {
        let on = |id: &VersionId| {
            self.labels.iter().filter(|(_, v)| *v == id).map(|(l, _)| *l).collect()
        };
        self.versions.keys().map(move |id| (id, on(id)))
    }

    /// Returns when a version was written.
    #[must_use]
    pub fn written(&self, version: &VersionId) -> Option<Timestamp> {
        self.written.get(version).copied()
    }

    /// Returns what a version holds.
    #[must_use]
    pub fn value(&self, version: &VersionId) -> Option<&Value> {
        self.versions.get(version)
    }

    /// Returns whose key it holds, according to its tag.
    #[must_use]
    pub fn owner(&self) -> Option<Owner> {
        Owner::parse(self.tags.get(Owner::TAG)?)
    }

    /// Returns where the user's home was moved to, according to its tag.
    #[must_use]
    pub fn moved_to(&self) -> Option<SecretArn> {
        Journal::from_tags(&self.tags).moved_to
    }

    pub(super) fn held(&self, label: Label) -> Option<LabeledVersion> {
        self.labels.get(&label).cloned().map(LabeledVersion::of)
    }

    pub(super) fn writable(&self, name: &SecretName) -> Result<(), Refusal> {
        if self.deleted.is_some() {
            let message = format!(
                "You can't perform this operation on the secret {name} because it was marked for deletion."
            );
            return Err(Refusal::new("InvalidRequestException", ErrorKind::Other, message));
        }
        if self.replica_of.is_some() {
            let message = format!("You can't change {name}: it is a replica.");
            return Err(Refusal::new("InvalidRequestException", ErrorKind::Other, message));
        }
        Ok(())
    }

    pub(super) fn move_label(&mut self, label: Label, to: &VersionId) {
        let from = self.labels.insert(label, to.clone());
        if label == Label::Current
            && let Some(from) = from.filter(|from| from != to)
        {
            self.labels.insert(Label::Previous, from);
        }
    }
}
