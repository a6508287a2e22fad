//! The answers of [`decide`](crate::decide::decide()), as types and texts.

pub(crate) mod blocked;
mod code;
pub(crate) mod refusal;

pub(crate) use blocked::Blocked;
pub(crate) use refusal::Refusal;

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

/// A wait: its reason, and its end if that is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Wait {
    /// The reason for a wait.
    pub why: Why,
    /// When to check again.
    pub until: Option<Timestamp>,
}

/// The reason for a wait.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Why {
    /// The old key stays Active while consumers move to the new key.
    Overlap(KeyId),
    /// The old key is in use, or was until just now.
    InUse {
        /// The old key.
        key: KeyId,
        /// The use on record.
        last_use: LastUse,
    },
    /// IAM has no use of the old key on record, which proves nothing yet, so keyrot waits for
    /// `recent_use` after the overlap.
    NoRecord(KeyId),
    /// Only keyrot's verification has used the current key since it was published, so consumers of
    /// the old key may still need it.
    NotPickedUp {
        /// The old key.
        key: KeyId,
        /// The current key.
        new: KeyId,
        /// The old key's last use.
        last_use: LastUse,
    },
    /// Something used the old key late in the overlap or after it. That can't be a cache that
    /// expires: it has not moved to the current key.
    UsedLate {
        /// The old key.
        key: KeyId,
        /// The current key.
        new: KeyId,
        /// The old key's last use.
        last_use: LastUse,
    },
    /// It is unknown whether a key is in use.
    UseUnknown {
        /// The old key, or the current one if its use is unknown.
        key: KeyId,
        /// Why it is unknown.
        reason: String,
    },
    /// The old key is Inactive, and will be deleted.
    Soak(KeyId),
    /// The staged key does not authenticate yet.
    Propagation {
        /// The key.
        key: KeyId,
        /// What refuses it.
        reason: String,
    },
    /// It is unknown whether the key works.
    VerificationUnknown {
        /// The key under verification.
        key: KeyId,
        /// Why it is unknown.
        reason: String,
    },
    /// Another run may still be at work on this key, or IAM may not list it yet.
    Settling(KeyId),
    /// An earlier run was about to create a key, or another has just created one, and IAM does not
    /// list it yet.
    Unlisted,
    /// The previous key still exists, and has to be deleted before the next one is created.
    OldKey(KeyId),
    /// Secrets Manager's own rotation is on, and does the next step.
    Service,
    /// A required destination does not have the current key yet.
    Delivery {
        /// The destination.
        to: DestinationName,
        /// The reason.
        reason: String,
    },
}

impl Wait {
    /// Whether the old key is kept past its date because it is, or may be, in use.
    #[must_use]
    pub fn is_hold(&self) -> bool {
        match self.why {
            Why::InUse { .. } | Why::UseUnknown { .. } | Why::NoRecord(_) => true,
            Why::NotPickedUp { .. } | Why::UsedLate { .. } => true,
            Why::Overlap(_) | Why::Soak(_) | Why::Propagation { .. } | Why::Settling(_) => false,
            Why::Unlisted | Why::OldKey(_) | Why::Service | Why::VerificationUnknown { .. } => {
                false
            }
            Why::Delivery { .. } => false,
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overlap(key) => {
                write!(f, "{key} stays Active while consumers move to the new key")
            }
            Self::InUse { key, last_use } => write!(f, "{key} is still in use: {last_use}"),
            Self::NoRecord(key) => write!(f, "{key} has no use on record, which says little"),
            Self::NotPickedUp { key, new, last_use } => {
                write!(
                    f,
                    "nothing has used the new key {new} yet, so {key} may still be needed: {last_use}"
                )
            }
            Self::UsedLate { key, new, last_use } => {
                write!(
                    f,
                    "something used {key} long after {new} was published, and may need it again: {last_use}"
                )
            }
            Self::UseUnknown { key, reason } => {
                write!(f, "whether {key} is in use is unknown: {reason}")
            }
            Self::Soak(key) => write!(f, "{key} is Inactive and will be deleted"),
            Self::Propagation { key, reason } => {
                write!(f, "{key} does not authenticate yet: {reason}")
            }
            Self::VerificationUnknown { key, reason } => {
                write!(f, "whether {key} works is unknown: {reason}")
            }
            Self::Settling(key) => {
                write!(
                    f,
                    "another run may be working on {key}, or IAM may not show its last change yet"
                )
            }
            Self::Unlisted => {
                f.write_str("another run may have created a key that IAM does not list yet")
            }
            Self::OldKey(key) => write!(
                f,
                "{key}, the previous key, has to be retired first; scheduled runs do that"
            ),
            Self::Service => f.write_str(
                "Secrets Manager's own rotation is switched on and creates the next key",
            ),
            Self::Delivery { to, reason } => {
                write!(f, "the destination {to} does not have the current key yet: {reason}")
            }
        }
    }
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

impl Why {
    /// Returns its code, one word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Overlap(_) => "overlap",
            Self::InUse { .. } => "in_use",
            Self::NoRecord(_) => "no_record",
            Self::NotPickedUp { .. } => "not_picked_up",
            Self::UsedLate { .. } => "used_late",
            Self::UseUnknown { .. } => "use_unknown",
            Self::Soak(_) => "soak",
            Self::Propagation { .. } => "propagation",
            Self::VerificationUnknown { .. } => "verification_unknown",
            Self::Settling(_) => "settling",
            Self::Unlisted => "unlisted",
            Self::OldKey(_) => "old_key",
            Self::Service => "service",
            Self::Delivery { .. } => "delivery",
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

impl Why {
    /// Returns the key that this is about, if any.
    #[must_use]
    pub fn key(&self) -> Option<&KeyId> {
        match self {
            Self::Overlap(key) | Self::NoRecord(key) | Self::Soak(key) => Some(key),
            Self::Propagation { key, .. } | Self::Settling(key) | Self::OldKey(key) => Some(key),
            Self::InUse { key, .. }
            | Self::NotPickedUp { key, .. }
            | Self::UsedLate { key, .. } => Some(key),
            Self::UseUnknown { key, .. } | Self::VerificationUnknown { key, .. } => Some(key),
            Self::Unlisted | Self::Service | Self::Delivery { .. } => None,
        }
    }
}
