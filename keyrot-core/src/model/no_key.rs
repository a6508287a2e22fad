//! Why a secret's value holds no access key.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The reason why a value holds no usable access key. It names the kind of the value, and shows
/// none of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NoKey {
    /// The value is a `SecretBinary`.
    Binary,
    /// The value is empty.
    Empty,
    /// The value is text that is not JSON.
    NotJson,
    /// The value is a JSON array.
    Array,
    /// The value is a JSON string, number, boolean or null.
    Scalar,
    /// A field appears twice.
    FieldTwice,
    /// The fields of a key are inside another field.
    Nested,
    /// A field of the key is not a JSON string.
    NotText,
    /// There is an id, but no secret half.
    NoSecretHalf,
    /// There is a secret half, but no id.
    NoId,
    /// The id is not an access key id.
    NotAnId,
    /// Different names hold different keys.
    SeveralKeys,
    /// The value has none of the fields of a key.
    NoFields,
}

impl NoKey {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Binary,
        Self::Empty,
        Self::NotJson,
        Self::Array,
        Self::Scalar,
        Self::FieldTwice,
        Self::Nested,
        Self::NotText,
        Self::NoSecretHalf,
        Self::NoId,
        Self::NotAnId,
        Self::SeveralKeys,
        Self::NoFields,
    ];

    /// Returns what to do so that keyrot can read the value.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::Binary => "write the value as text (SecretString), not as SecretBinary",
            Self::Empty => "write a JSON object with the key's id and its secret half",
            Self::NotJson | Self::Array | Self::Scalar => {
                "write the value as one JSON object with the key's id and its secret half"
            }
            Self::FieldTwice => "remove one of the two fields of the same name",
            Self::Nested => "move the key's two fields to the top level of the JSON object",
            Self::NotText => "write the key's id and its secret half as JSON strings",
            Self::NoSecretHalf => "add the key's secret half to the JSON object",
            Self::NoId => "add the key's id to the JSON object",
            Self::NotAnId => {
                "correct the key's id: an id begins with AKIA. Are the id and the secret half swapped, or is it a session's (ASIA)?"
            }
            Self::SeveralKeys => "remove the fields of the key that keyrot should not rotate",
            Self::NoFields => {
                "name the fields by the settings field_access_key_id and field_secret_access_key"
            }
        }
    }
}

impl fmt::Display for NoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Binary => "its value is binary (SecretBinary), expected text",
            Self::Empty => "its value is empty",
            Self::NotJson => "its value is not JSON",
            Self::Array => "its value is a JSON array, expected an object",
            Self::Scalar => "its value is a single JSON value, expected an object",
            Self::FieldTwice => {
                "its JSON object has a field twice, and readers disagree which one counts"
            }
            Self::Nested => {
                "the key's fields are nested in another field, expected at the top level"
            }
            Self::NotText => "a field of the key is not a JSON string",
            Self::NoSecretHalf => "its JSON object has a key's id, and no secret half",
            Self::NoId => "its JSON object has a key's secret half, and no id",
            Self::NotAnId => "the field for the key's id does not hold the id of an access key",
            Self::SeveralKeys => "its JSON object has several keys under different names",
            Self::NoFields => "its JSON object has none of the fields of a key",
        })
    }
}
