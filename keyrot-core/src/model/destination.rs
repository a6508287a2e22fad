//! Destinations: the places that get a copy of each published key, in addition to the home secret.

use crate::model::credentials::Credentials;
use crate::model::names::{DestinationName, KeyId, Mark, VersionId};
use crate::model::time::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// A destination that the settings assign to a user.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Assignment {
    /// The destination.
    pub to: DestinationName,
    /// Its kind, as the settings write it, such as `ssm`.
    pub kind: &'static str,
    /// The place of this user's key in it, such as a parameter's name or `OWNER/REPOSITORY`: the
    /// template from the settings, filled in.
    pub place: String,
    /// Whether the previous key stays Active until this destination has the current one.
    pub required: bool,
    /// Identifies the place among all places; not in documents.
    #[serde(skip)]
    pub place_id: PlaceId,
    /// The abilities of this kind of destination; not in documents.
    #[serde(skip)]
    pub abilities: Abilities,
    /// The region, if it is a replica of the home; not in documents.
    #[serde(skip)]
    pub replica_in: Option<String>,
}

/// Identifies a place among all places of all stores, so that a receipt is only about that place.
/// If the settings then name another place, the key is delivered there.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct PlaceId(u32);

impl PlaceId {
    /// Returns the id of a place in a store, and of the parts of it that are written.
    #[must_use]
    pub fn of<'a>(
        store: &'a str,
        place: &'a str,
        parts: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut hash = Sha256::new();
        for text in [store, place].into_iter().chain(parts) {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        let hash = hash.finalize();
        Self(u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]))
    }

    /// Parses what [`Display`](fmt::Display) prints: eight hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.len() == 8 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        plain.then(|| u32::from_str_radix(text, 16).ok().map(Self)).flatten()
    }
}

impl fmt::Display for PlaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl Assignment {
    /// The kind of a destination that is not from the settings, unless the service names another.
    pub const CUSTOM: &str = "custom";
}

/// Formats the destination for messages: `params (ssm /ci/deployer/aws)`.
impl fmt::Display for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { to, kind, place, required, .. } = self;
        let optional = if *required { "" } else { ", optional" };
        write!(f, "{to} ({kind} {place}{optional})")
    }
}

/// The abilities of a kind of destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[non_exhaustive]
pub struct Abilities {
    /// Whether one write delivers both halves of a key. If not, a delivery that is interrupted
    /// halfway leaves a pair that does not work.
    pub whole: bool,
    /// Whether the key at the place can be read back.
    pub readable: bool,
    /// Whether a write to the place can be detected. If not, a foreign write goes unnoticed.
    pub visible: bool,
    /// Whether it takes no key, but restarts consumers, which read the key elsewhere: in the home
    /// secret, or at another destination. It is served after all others.
    pub restarts: bool,
}

impl Abilities {
    /// Takes a key in one write, and can be read.
    pub const READABLE: Self = Self { whole: true, readable: true, visible: true, restarts: false };
    /// Takes a key in one write, and never shows it again.
    pub const WRITE_ONLY: Self = Self { readable: false, ..Self::READABLE };
    /// Takes the halves of a key one after the other, and never shows them again.
    pub const IN_PARTS: Self = Self { whole: false, ..Self::WRITE_ONLY };
    /// Takes a key in one write, and nothing else is known about it.
    pub const UNSEEN: Self = Self { visible: false, ..Self::WRITE_ONLY };
    /// Restarts consumers.
    pub const RESTARTS: Self = Self { restarts: true, ..Self::UNSEEN };
}

/// What was found at a place.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// Nothing.
    Nothing,
    /// Something that was written there.
    Copy {
        /// Identifies this write among all writes to the place.
        mark: Mark,
        /// The content, if the place shows it.
        holds: Holds,
        /// When it was written, by the destination's own clock, if known.
        written: Option<Timestamp>,
    },
}

/// What a place holds, if it shows that.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holds {
    /// This key, both halves of it.
    Key(KeyId),
    /// Something other than a key, or only a part of one.
    Other,
    /// The place never shows what it holds.
    NotShown,
}

impl Found {
    /// Returns the result of a delivery to a place that cannot be read; a read there returns
    /// [`Nothing`](Self::Nothing).
    #[must_use]
    pub fn unseen() -> Self {
        Self::Copy { mark: Mark::unseen(), holds: Holds::NotShown, written: None }
    }

    /// Returns the mark of the content.
    #[must_use]
    pub fn mark(&self) -> Option<&Mark> {
        match self {
            Self::Nothing => None,
            Self::Copy { mark, .. } => Some(mark),
        }
    }
}

/// What a run knows about one of the user's destinations.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct SeenDestination {
    /// The destination and the place.
    pub assignment: Assignment,
    /// The content of the place, if it was read since the last read of the user.
    pub found: Option<Found>,
    /// Why the place could not be read or written in this run. The next run tries again.
    pub failed: Option<String>,
    /// What is still happening there after the delivery of this run, such as a restart of
    /// consumers. The next run checks again, and writes the receipt when it is over.
    pub unfinished: Option<String>,
    /// The version whose delivery there this run has announced.
    pub announced_here: Option<VersionId>,
    /// The version that this run has delivered there, and the mark that the place gave to it.
    pub delivered_here: Option<(VersionId, Option<Mark>)>,
}

impl SeenDestination {
    /// Returns a destination about which nothing is known yet.
    #[must_use]
    pub fn unasked(assignment: Assignment) -> Self {
        Self {
            assignment,
            found: None,
            failed: None,
            unfinished: None,
            announced_here: None,
            delivered_here: None,
        }
    }

    /// Whether this run has delivered the version.
    #[must_use]
    pub fn has_delivered(&self, version: &VersionId) -> bool {
        self.delivered_here.as_ref().is_some_and(|(delivered, _)| delivered == version)
    }

    /// Whether the mark is the one that the place gave to this run's delivery.
    #[must_use]
    pub fn is_own(&self, mark: &Mark) -> bool {
        matches!(&self.delivered_here, Some((_, Some(own))) if own == mark)
    }
}

/// A foreign change to a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Changed {
    /// Something was there before keyrot delivered for the first time.
    Occupied,
    /// Something else wrote to it after keyrot did.
    Overwritten,
    /// Something removed the content.
    Removed,
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Occupied => "it has something that keyrot did not put there",
            Self::Overwritten => "something else wrote to it after the last delivery",
            Self::Removed => "what was delivered was removed",
        })
    }
}

/// A verified key on its way to a place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Delivery {
    /// The version of the home secret that holds the key.
    pub version: VersionId,
    /// The key.
    pub credentials: Credentials,
    /// The mark that was read at the place: a destination that supports conditional writes writes
    /// only if it is unchanged.
    pub replaces: Option<Mark>,
}
