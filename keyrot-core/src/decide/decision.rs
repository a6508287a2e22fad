//! The answers of [`decide`](crate::decide::decide()), as types and texts.

pub(crate) mod blocked;
mod code;
pub(crate) mod refusal;
mod wait;

pub(crate) use blocked::Blocked;
pub(crate) use refusal::Refusal;
pub use wait::{Wait, Why};

use crate::model::home::SecretArn;
use crate::model::journal::JournalEntry;
use crate::model::journal::Phase;
use crate::model::names::{DestinationName, KeyId, Mark, VersionId};
use crate::model::observed::LastUse;
use crate::model::time::Timestamp;
use serde::Serialize;
use std::fmt;

/// What to do for a user now.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Read something first. This changes nothing.
    Look(Question),
    /// Make one change.
    Act(Step),
    /// Nothing now: a wait is under way.
    Wait(Wait),
    /// Nothing until the rotation of the current key begins.
    Settled {
        /// When that is.
        until: Timestamp,
    },
    /// Nothing until an operator decides.
    Blocked(Blocked),
    /// The request or the step of Secrets Manager's rotation is done: see
    /// [`Request`](crate::model::request::Request) and
    /// [`RotationStep`](crate::model::step::RotationStep).
    Done,
    /// The request or the step cannot be done.
    Refused(Refusal),
}

/// A question that has to be answered before the next decision.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Question {
    /// Which key's credentials are in this version, which something else wrote?
    VersionContents(VersionId),
    /// How large is the next value with this version's other fields?
    NextSize(VersionId),
    /// Which versions does the store still have of the secret?
    Versions,
    /// Does the user have a home in one of the other regions?
    Elsewhere,
    /// How does the secret differ from one that keyrot would create?
    Differences,
    /// When was this key last used?
    LastUse(KeyId),
    /// Do the credentials in this version authenticate as the user?
    Verification(VersionId),
    /// What is at this destination?
    Destination(DestinationName),
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// Create the secret, with a placeholder that no client can mistake for credentials.
    CreateSecret,
    /// Put the placeholder into a secret that has no version at all.
    PutPlaceholder,
    /// Put the placeholder under AWSPENDING.
    StagePlaceholder,
    /// Tag the user with its home.
    BindUser(SecretArn),
    /// Tag the secret with its user.
    BindSecret,
    /// Write a journal entry to the secret.
    Write(JournalEntry),
    /// Write a version without credentials, to test whether the secret can be written to.
    TestWrite,
    /// Create a key.
    CreateKey,
    /// Store the key that was just created under AWSPENDING.
    Stage {
        /// The version whose other fields are carried over.
        carry: Option<VersionId>,
    },
    /// Move AWSCURRENT.
    Promote {
        /// The version that had it.
        from: VersionId,
        /// The version that gets it.
        to: VersionId,
    },
    /// Remove AWSPENDING from a version.
    Unstage(VersionId),
    /// Deactivate a key.
    Deactivate(KeyId),
    /// Reactivate a key, to publish it again.
    Activate(KeyId),
    /// Delete an Inactive key.
    Delete(KeyId),
    /// Deliver the current key, which was verified in this run, to a destination.
    Deliver {
        /// The destination.
        to: DestinationName,
        /// The mark that was read there.
        replaces: Option<Mark>,
    },
}

impl fmt::Display for LastUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At { when, service, region } => {
                write!(f, "last used {} for {service} in {region}", when.format("%F %R UTC"))
            }
            Self::NoRecord => f.write_str("no use on record"),
            Self::Unknown(reason) => write!(f, "last use unknown ({reason})"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BindUser(home) => write!(f, "tag the user with its home, {}", home.place()),
            Self::BindSecret => f.write_str("tag the secret with its user"),
            Self::CreateSecret => f.write_str("create the secret with a placeholder"),
            Self::PutPlaceholder => f.write_str("put a placeholder into the empty secret"),
            Self::StagePlaceholder => f.write_str("stage a placeholder under AWSPENDING"),
            Self::Write(note) => write!(f, "record \"{}\"", note.to_text()),
            Self::TestWrite => f.write_str("test whether the secret can be written to"),
            Self::CreateKey => f.write_str("create a new key"),
            Self::Stage { .. } => f.write_str("stage the new key under AWSPENDING"),
            Self::Promote { to, .. } => write!(f, "make {to} current"),
            Self::Unstage(version) => write!(f, "remove AWSPENDING from {version}"),
            Self::Deactivate(key) => write!(f, "deactivate {key}"),
            Self::Activate(key) => write!(f, "reactivate {key}"),
            Self::Delete(key) => write!(f, "delete {key}"),
            Self::Deliver { to, .. } => write!(f, "deliver the current key to {to}"),
        }
    }
}

impl Step {
    /// Returns its code, one word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::CreateSecret | Self::PutPlaceholder => "adopt",
            Self::StagePlaceholder => "stage",
            Self::BindUser(_) | Self::BindSecret => "bind",
            Self::Write(JournalEntry::Intent(_)) | Self::TestWrite | Self::CreateKey => "rotate",
            Self::Write(JournalEntry::Promoted(_)) => "note_promoted",
            Self::Write(JournalEntry::Revoked(_)) => "unrevoke",
            Self::Write(JournalEntry::Moved(_)) => "move",
            Self::Activate(_) => "activate",
            Self::Write(JournalEntry::Retired(note)) => match note.phase {
                Phase::Retiring => "retire",
                Phase::Abandoned => "abandon",
                Phase::Inactive => "note_inactive",
                Phase::Hold => "hold",
            },
            Self::Stage { .. } => "stage",
            Self::Promote { .. } => "publish",
            Self::Unstage(_) => "unstage",
            Self::Deactivate(_) => "retire",
            Self::Delete(_) => "delete",
            Self::Deliver { .. } | Self::Write(JournalEntry::Receipt(_)) => "deliver",
        }
    }
}
