//! The format of a secret's value, and how it is read.
//!
//! keyrot writes a JSON object with two fields, `AccessKeyId` and `SecretAccessKey` unless
//! configured otherwise. There is no documented format for access keys in Secrets Manager, so
//! keyrot also reads a few common spellings that other programs write. Fields that do not belong to
//! the access key are carried into the next version verbatim and in order. So are other spellings
//! of the same access key, with the new key in them, because they may be in use. Copies of the
//! secret half and SES SMTP passwords that belong to the access key are replaced, too, whatever the
//! names of their fields: the next version has the new key's secret half, or its password for the
//! same region, and the new key's id in each field that had the old one, because that is the user
//! name.
//!
//! Nothing here returns an error: the text of a JSON error may quote the value.

use crate::settings::FieldNames;
use crate::smtp;
use keyrot_core::model::{NoKey, VersionContents};
use keyrot_core::{Credentials, KeyId, SecretKey};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;
use zeroize::Zeroizing;

/// Common spellings of the fields for an access key's id and secret half.
const SPELLINGS: [(&str, &str); 6] = [
    ("AccessKeyId", "SecretAccessKey"),
    ("accessKeyId", "secretAccessKey"),
    ("access_key_id", "secret_access_key"),
    ("aws_access_key_id", "aws_secret_access_key"),
    ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    ("AWSAccessKeyId", "AWSSecretKey"),
];

/// A shorter text may be equal to a secret half by chance. AWS's have 40 characters.
const SHORTEST: usize = 16;

pub use keyrot_core::model::PLACEHOLDER;

/// The value of the test version that shows whether the secret can be written to.
pub(crate) const TEST_WRITE: &str = r#"{"keyrot":"placeholder: written to see whether this secret can be written to; nothing reads it"}"#;

/// Returns the credentials in a value, if it holds exactly one key.
#[must_use]
pub fn credentials(fields: &FieldNames, text: &str) -> Option<Credentials> {
    read(fields, text).ok()
}

/// Returns the credentials in a value, or what the value is instead.
///
/// # Errors
/// [`NoKey`], which reveals none of the value's content.
pub fn read(fields: &FieldNames, text: &str) -> Result<Credentials, NoKey> {
    let object = Object::parse(text)?;
    let found = object.access_key(fields).ok_or_else(|| object.no_key(fields))?;
    Ok(Credentials { key: found.id, secret: found.secret })
}

/// Whether a value is keyrot's placeholder, in any wording: one field `keyrot`, which says so.
#[must_use]
pub fn is_placeholder(text: &str) -> bool {
    let Ok(object) = Object::parse(text) else { return false };
    object.0.len() == 1 && object.text("keyrot").is_some_and(|says| says.starts_with("placeholder"))
}

/// Returns the key in a value, and whether it has more than keyrot's two fields.
#[must_use]
pub fn inside(fields: &FieldNames, text: &str) -> VersionContents {
    let object = match Object::parse(text) {
        Ok(object) => object,
        Err(why) => return VersionContents { key: Err(why), extras: false, next_size: None },
    };
    let found = object.access_key(fields);
    let key = found.map(|found| found.id).ok_or_else(|| object.no_key(fields));
    let own = |name: &str| {
        name == fields.id() || name == fields.secret() || fields.smtp().any(|(own, _)| own == name)
    };
    let extras = object.0.iter().any(|(name, _)| !own(name));
    let next_size = compose(fields, &Credentials::longest(), Some(text)).map(|next| next.len());
    VersionContents { key, extras, next_size }
}

/// Returns the content of a value that is not text.
pub(crate) const BINARY: VersionContents =
    VersionContents { key: Err(NoKey::Binary), extras: false, next_size: None };

/// Returns the value with the credentials and their SMTP passwords, and everything else from
/// `carry`. `None` if `carry` is not a JSON object.
#[must_use]
pub fn compose(
    fields: &FieldNames,
    new: &Credentials,
    carry: Option<&str>,
) -> Option<Zeroizing<String>> {
    let object = match carry {
        Some(text) => Object::parse(text).ok()?,
        None => Object(Vec::new()),
    };
    let id = quoted(new.key.as_str());
    let secret = quoted(new.secret.expose());
    let replaced = object.spelled(fields);
    let derived = object.derived(fields, new);
    let mut values: Vec<(&str, &str)> = Vec::new();
    for (name, raw) in &object.0 {
        let value = if replaced.iter().any(|(i, _)| i == name) {
            id.as_str()
        } else if replaced.iter().any(|(_, s)| s == name) {
            secret.as_str()
        } else if let Some((_, password)) = derived.iter().find(|(n, _)| n == name) {
            password.as_str()
        } else {
            raw.get()
        };
        values.push((name, value));
    }
    let derived = derived.iter().map(|(name, password)| (name.as_str(), password.as_str()));
    for (name, value) in
        [(fields.id(), id.as_str()), (fields.secret(), secret.as_str())].into_iter().chain(derived)
    {
        if !values.iter().any(|(n, _)| *n == name) {
            values.push((name, value));
        }
    }
    // The size is reserved, because a buffer that grows leaves copies behind.
    let size =
        values.iter().map(|(name, value)| 6 * name.len() + value.len() + 4).sum::<usize>() + 2;
    let mut text = Zeroizing::new(String::with_capacity(size));
    text.push('{');
    for (n, (name, value)) in values.iter().enumerate() {
        if n > 0 {
            text.push(',');
        }
        text.push_str(&quoted(name));
        text.push(':');
        text.push_str(value);
    }
    text.push('}');
    Some(text)
}

struct AccessKey {
    id: KeyId,
    secret: SecretKey,
}

/// A JSON object with its fields' texts as written, in order.
struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Object<'a> {
    /// Also refuses an object with a duplicate field, because readers would disagree on its
    /// content.
    fn parse(text: &'a str) -> Result<Self, NoKey> {
        let Ok(object) = serde_json::from_str::<Self>(text) else {
            let is_json = serde_json::from_str::<IgnoredAny>(text).is_ok();
            return Err(match text.trim_start().chars().next() {
                None => NoKey::Empty,
                Some('[') if is_json => NoKey::Array,
                Some(_) if is_json => NoKey::Scalar,
                Some(_) => NoKey::NotJson,
            });
        };
        let mut names: Vec<&str> = object.0.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        let once = names.windows(2).all(|pair| pair[0] != pair[1]);
        if once { Ok(object) } else { Err(NoKey::FieldTwice) }
    }

    /// Returns why the object has no access key.
    fn no_key(&self, fields: &FieldNames) -> NoKey {
        if SPELLINGS.iter().any(|(id, secret)| self.pair(id, secret).is_some()) {
            return NoKey::SeveralKeys;
        }
        let own = std::iter::once((fields.id(), fields.secret()));
        for (id, secret) in own.chain(SPELLINGS) {
            let is_text = |name| self.raw(name).map(|raw| raw.starts_with('"'));
            return match (is_text(id), is_text(secret)) {
                (None, None) => continue,
                (Some(false), _) | (_, Some(false)) => NoKey::NotText,
                (None, Some(true)) => NoKey::NoId,
                (Some(true), _) if self.text(id).is_none_or(|text| key_id(&text).is_none()) => {
                    NoKey::NotAnId
                }
                (Some(true), _) => NoKey::NoSecretHalf,
            };
        }
        let holds =
            |raw: &str| Object::parse(raw).is_ok_and(|inner| inner.access_key(fields).is_some());
        let nested = self.0.iter().any(|(name, raw)| {
            holds(raw.get()) || self.text(name).map(Zeroizing::new).is_some_and(|text| holds(&text))
        });
        if nested { NoKey::Nested } else { NoKey::NoFields }
    }

    /// keyrot's own fields take precedence over other spellings; spellings with different keys are
    /// ambiguous.
    fn access_key(&self, fields: &FieldNames) -> Option<AccessKey> {
        if let Some(own) = self.pair(fields.id(), fields.secret()) {
            return Some(own);
        }
        let mut found = SPELLINGS.iter().filter_map(|(id, secret)| self.pair(id, secret));
        let first = found.next()?;
        found.all(|other| other.id == first.id && other.secret == first.secret).then_some(first)
    }

    /// Returns the names of all fields that hold the object's access key, and keyrot's own fields:
    /// the next version replaces them.
    fn spelled<'n>(&self, fields: &'n FieldNames) -> Vec<(&'n str, &'n str)> {
        let mut names = vec![(fields.id(), fields.secret())];
        if let Some(held) = self.access_key(fields) {
            let same = |pair: &AccessKey| pair.id == held.id;
            names.extend(
                SPELLINGS
                    .iter()
                    .copied()
                    .filter(|(i, s)| self.pair(i, s).as_ref().is_some_and(same)),
            );
        }
        names
    }

    /// Returns the fields that hold a copy of the secret half or an SMTP password, or should hold
    /// one, each with the quoted text for the new key. If one is found, other fields with the key's
    /// id belong to it.
    fn derived(&self, fields: &FieldNames, new: &Credentials) -> Vec<(String, Zeroizing<String>)> {
        let password = |region: &str| quoted(&smtp::password(&new.secret, region));
        let mut all: Vec<(String, Zeroizing<String>)> =
            fields.smtp().map(|(name, region)| (name, password(region))).collect();
        let Some(held) = self.access_key(fields) else { return all };
        let (own, mut found, mut ids) = (all.len(), false, Vec::new());
        let spelled = self.spelled(fields);
        let others = self
            .0
            .iter()
            .filter(|(name, _)| spelled.iter().all(|(id, secret)| id != name && secret != name));
        for (name, _) in others {
            let Some(text) = self.text(name).map(Zeroizing::new) else { continue };
            if text.trim() == held.id.as_str() {
                ids.push((name.clone(), quoted(new.key.as_str())));
            } else if text.len() >= SHORTEST && text.trim() == held.secret.expose() {
                found = true;
                all.push((name.clone(), quoted(new.secret.expose())));
            } else if let Some(region) =
                smtp::region_of(&held.secret, text.trim(), fields.smtp_regions())
            {
                found = true;
                if !all[..own].iter().any(|(known, _)| known == name) {
                    all.push((name.clone(), password(region)));
                }
            }
        }
        if found {
            all.extend(ids);
        }
        all
    }

    fn pair(&self, id: &str, secret: &str) -> Option<AccessKey> {
        let id = key_id(&self.text(id)?)?;
        let secret = SecretKey::new(self.text(secret)?);
        (!secret.expose().is_empty()).then_some(AccessKey { id, secret })
    }

    fn raw(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, raw)| raw.get())
    }

    fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.raw(name)?).ok()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(fields)
            }
        }
        from.deserialize_map(Fields).map(Self)
    }
}

fn quoted(text: &str) -> Zeroizing<String> {
    Zeroizing::new(serde_json::to_string(text).expect("every text can be written as JSON"))
}

/// Parses the id of a long-lived key. A session's id, which needs a token, does not count (IAM user
/// guide, "IAM identifiers", unique ID prefixes).
fn key_id(text: &str) -> Option<KeyId> {
    KeyId::parse(text).ok().filter(|id| !id.as_str().starts_with("ASIA"))
}

#[cfg(test)]
mod tests;
