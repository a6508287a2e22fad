//! Destinations: the places beside the home secret that get a copy of each published key.

use crate::model::credentials::Credentials;
use crate::model::names::{DestinationName, KeyId, Mark, VersionId};
use crate::model::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A destination that a user's key is delivered to, as the operator's settings say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Assignment {
    /// The destination.
    pub to: DestinationName,
    /// Where in it this user's key is put, such as a parameter's name or `OWNER/REPOSITORY`: the
    /// template of the settings, filled in.
    pub place: String,
    /// Whether the previous key stays Active until this destination has the current one.
    pub required: bool,
    /// What this kind of destination can do.
    pub abilities: Abilities,
}

/// What a kind of destination can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[non_exhaustive]
pub struct Abilities {
    /// Whether both halves of a key get there in one write. Where they do not, a delivery that died
    /// halfway has left a pair that does not work.
    pub whole: bool,
    /// Whether it can be read which key is there.
    pub readable: bool,
    /// Whether it can be seen that something was written there. Where it cannot, nobody notices what
    /// somebody else writes.
    pub visible: bool,
}

impl Abilities {
    /// It takes a key as a whole, and can be read.
    pub const READABLE: Self = Self { whole: true, readable: true, visible: true };
    /// It takes a key as a whole, and never shows it again.
    pub const WRITE_ONLY: Self = Self { whole: true, readable: false, visible: true };
    /// It takes the halves of a key one after the other, and never shows them again.
    pub const IN_PARTS: Self = Self { whole: false, readable: false, visible: true };
    /// It takes a key as a whole, and nothing else is known of it.
    pub const UNSEEN: Self = Self { whole: true, readable: false, visible: false };
}

/// What is at a place.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// Nothing yet.
    Nothing,
    /// Something that was written there.
    Copy {
        /// Tells this write from every other one to the place.
        mark: Mark,
        /// What it holds, as far as the place shows it.
        holds: Holds,
        /// When it was written, by the destination's own clock, if it says so.
        written: Option<Timestamp>,
    },
}

/// What a place holds, as far as it shows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holds {
    /// This key, whole.
    Key(KeyId),
    /// Something that is no key, or a part of one.
    Other,
    /// The place never shows what it holds.
    NotShown,
}

impl Found {
    /// What a delivery answers of a place that cannot be looked at; a look there finds
    /// [`Nothing`](Self::Nothing).
    #[must_use]
    pub fn unseen() -> Self {
        Self::Copy { mark: Mark::unseen(), holds: Holds::NotShown, written: None }
    }

    /// The mark of what is there.
    #[must_use]
    pub fn mark(&self) -> Option<&Mark> {
        match self {
            Self::Nothing => None,
            Self::Copy { mark, .. } => Some(mark),
        }
    }
}

/// What a run knows of one of the user's destinations.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct SeenDestination {
    /// Which, and where.
    pub assignment: Assignment,
    /// What is at the place, once that was asked since the last look at the user.
    pub found: Option<Found>,
    /// Why it could not be asked, or the key not be delivered, in this run. It is not tried again
    /// before the next.
    pub failed: Option<String>,
    /// The version that this run has noted down as about to be delivered there.
    pub announced_here: Option<VersionId>,
    /// The version that this run has delivered there.
    pub delivered_here: Option<VersionId>,
}

impl SeenDestination {
    /// A destination that nothing is known of yet.
    #[must_use]
    pub fn unasked(assignment: Assignment) -> Self {
        Self { assignment, found: None, failed: None, announced_here: None, delivered_here: None }
    }
}

/// What somebody else did to a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Changed {
    /// Something was there before keyrot delivered for the first time.
    Occupied,
    /// Somebody wrote to it after keyrot did.
    Overwritten,
    /// Somebody removed it.
    Removed,
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Occupied => "it has something that keyrot did not put there",
            Self::Overwritten => "somebody else wrote to it after the last delivery",
            Self::Removed => "somebody removed what was delivered",
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
    /// What was seen at the place: where the destination can, it writes only if that is still
    /// there.
    pub replaces: Option<Mark>,
}
