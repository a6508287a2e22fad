//! Version ids that name what the version holds, so that a secret's state can be read without its
//! value.
//!
//! Secrets Manager takes the writer's `ClientRequestToken` (32 to 64 characters) as the new
//! version's id. keyrot writes
//! - `keyrot-key-AKIAIOSFODNN7EXAMPLE-1700000000` for the credentials of that key, created at that
//!   Unix second;
//! - `keyrot-keyx-…` for the same with other JSON fields that are not keyrot's and have to be
//!   carried over;
//! - `keyrot-placeholder-…` for the adoption placeholder.
//!
//! In a copy of a secret, the id may end with `-v` and a digest: see
//! [`VersionId::with_other_value`].
//!
//! Something else wrote a version with any other id. A repeated write with the same id is a no-op,
//! so a lost reply does no harm.

use crate::model::names::{KeyId, NameError, VersionId};
use crate::model::no_key::NoKey;
use crate::model::time::Timestamp;
use chrono::DateTime;
use serde::{Deserialize, Serialize};

/// What a version holds, according to its id or, if something else wrote it, to its value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// The adoption placeholder: no credentials yet.
    Placeholder,
    /// The credentials of a key, written by keyrot.
    Key {
        /// The key's id.
        key: KeyId,
        /// When IAM created the key.
        created: Timestamp,
        /// Whether the value has other fields that the next version has to keep.
        extras: bool,
    },
    /// Something else wrote the version, and it was not read yet.
    Foreign,
    /// Something else wrote the version. It holds the credentials of a key.
    ForeignKey {
        /// The key's id.
        key: KeyId,
        /// Whether the value has other fields that the next version has to keep.
        extras: bool,
    },
    /// Something else wrote the version. It holds no access key, for this reason.
    ForeignOther(NoKey),
    /// Secrets Manager created it for its rotation function to fill: it has no value yet.
    ForeignEmpty,
}

impl Content {
    /// Returns the content that the id names.
    #[must_use]
    pub fn of(version: &VersionId) -> Self {
        Self::described(version.as_str()).unwrap_or(Self::Foreign)
    }

    fn described(id: &str) -> Option<Self> {
        let rest = id.strip_prefix("keyrot-")?;
        if rest.starts_with("placeholder-") {
            return Some(Self::Placeholder);
        }
        let (kind, rest) = rest.split_once('-')?;
        let extras = match kind {
            "key" => false,
            "keyx" => true,
            _ => return None,
        };
        let (key, created) = without_digest(rest).rsplit_once('-')?;
        Some(Self::Key {
            key: KeyId::parse(key).ok()?,
            created: DateTime::from_timestamp(created.parse().ok()?, 0)?,
            extras,
        })
    }

    /// Returns the key whose credentials the version holds, if known.
    #[must_use]
    pub fn key(&self) -> Option<&KeyId> {
        match self {
            Self::Key { key, .. } | Self::ForeignKey { key, .. } => Some(key),
            Self::Placeholder | Self::Foreign | Self::ForeignOther(_) | Self::ForeignEmpty => None,
        }
    }

    /// Whether something else wrote it.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        matches!(
            self,
            Self::Foreign | Self::ForeignKey { .. } | Self::ForeignOther(_) | Self::ForeignEmpty
        )
    }

    /// Whether the next version has to carry over other fields.
    #[must_use]
    pub fn extras(&self) -> bool {
        matches!(self, Self::Key { extras: true, .. } | Self::ForeignKey { extras: true, .. })
    }
}

/// The separator between an id and the digest of a value.
const DIGEST: &str = "-v";

fn without_digest(id: &str) -> &str {
    let is_digest = |text: &str| {
        text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    id.rsplit_once(DIGEST).filter(|(_, digest)| is_digest(digest)).map_or(id, |(start, _)| start)
}

impl VersionId {
    /// Returns the version id under which keyrot stores this key's credentials.
    ///
    /// # Errors
    /// [`NameError`] if the key's id is too long for a version id of 64 characters (AWS's ids have
    /// 20).
    pub fn for_key(key: &KeyId, created: Timestamp, extras: bool) -> Result<Self, NameError> {
        let kind = if extras { "keyx" } else { "key" };
        Self::parse(format!("keyrot-{kind}-{key}-{}", created.timestamp()))
    }

    /// Returns the id of a version with the same content and another value, for a copy of the
    /// secret that already has a version with this id. The value has other fields besides the key,
    /// such as after a change of the settings. The digest identifies the value.
    ///
    /// # Panics
    /// Never: the id is 50 to 64 characters long, all of them allowed.
    #[must_use]
    pub fn with_other_value(&self, digest: u64) -> Self {
        // Ids of keyrot's own are shorter than that.
        let start = &self.as_str()[..self.as_str().len().min(64 - DIGEST.len() - 16)];
        Self::parse(format!("{start}{DIGEST}{digest:016x}"))
            .expect("50 to 64 characters that the type allows")
    }

    /// Returns when the placeholder with this id was written.
    pub(crate) fn placeholder_since(&self) -> Option<Timestamp> {
        DateTime::from_timestamp_millis(
            self.as_str().strip_prefix("keyrot-placeholder-")?.parse().ok()?,
        )
    }

    /// Returns the id of a test version without credentials. No reader and no run reads it.
    ///
    /// # Panics
    /// Never: the id is 38 characters long or a few more, all of them allowed.
    #[must_use]
    pub fn for_test_write(at: Timestamp) -> Self {
        Self::parse(format!("keyrot-test-write-{:020}", at.timestamp_millis().max(0)))
            .expect("38 characters that the type allows")
    }

    /// Returns the id of the adoption placeholder. `at` makes it differ from that of an earlier
    /// secret of the same name.
    ///
    /// # Panics
    /// Never: the id is 39 characters long or a few more, all of them allowed.
    #[must_use]
    pub fn for_placeholder(at: Timestamp) -> Self {
        Self::parse(format!("keyrot-placeholder-{:020}", at.timestamp_millis().max(0)))
            .expect("39 characters that the type allows")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, key};

    #[test]
    fn an_id_says_what_the_version_holds() {
        for extras in [false, true] {
            let id = VersionId::for_key(&key("A"), at(7), extras).expect("fits");
            let content = Content::Key { key: key("A"), created: at(7), extras };
            assert_eq!(Content::of(&id), content);
        }
        assert_eq!(Content::of(&VersionId::for_placeholder(at(7))), Content::Placeholder);
    }

    #[test]
    fn an_id_for_another_value_says_the_same() {
        for extras in [false, true] {
            let id = VersionId::for_key(&key("A"), at(7), extras).expect("fits");
            let (one, two) = (id.with_other_value(1), id.with_other_value(u64::MAX));
            assert!(one != two && one != id && one.as_str().starts_with(id.as_str()));
            for other in [one, two] {
                assert_eq!(Content::of(&other), Content::of(&id), "{other}");
            }
        }
        for length in [32, 45, 46, 47, 64] {
            let foreign = VersionId::parse("f".repeat(length)).expect("an id");
            assert_eq!(Content::of(&foreign.with_other_value(7)), Content::Foreign);
        }
        for no in ["-v", "-v000000000000000", "-v000000000000000G", "-w0000000000000000"] {
            let id = VersionId::parse(format!("keyrot-key-AKIAIOSFODNN7EXAMPLE-1700000000{no}"));
            assert_eq!(Content::of(&id.expect("an id")), Content::Foreign, "{no}");
        }
    }

    #[test]
    fn any_other_id_is_foreign() {
        for id in [
            "01234567-89ab-cdef-0123-456789abcdef",
            "keyrot-key-AKIAIOSFODNN7EXAMPLE-notatime",
            "keyrot-other-AKIAIOSFODNN7EXAMPLE-1700000000",
        ] {
            let id = VersionId::parse(id).expect("32 to 64 characters");
            assert_eq!(Content::of(&id), Content::Foreign, "{id}");
        }
    }
}
