//! A wait, its reason, and its text: the reason alone, the reason with the end, and a short form.

use crate::model::names::{DestinationName, KeyId};
use crate::model::observed::LastUse;
use crate::model::time::Timestamp;
use serde::Serialize;
use std::fmt;

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
    /// The old key is still in use, or was until just now.
    InUse {
        /// The old key.
        key: KeyId,
        /// The use on record.
        last_use: LastUse,
    },
    /// IAM has no use of the old key on record, which is weak evidence. So the wait is `recent_use`
    /// in addition to the overlap.
    NoRecord(KeyId),
    /// Nothing but keyrot's verification has used the current key since it was published: consumers
    /// of the old key may still need it.
    NotPickedUp {
        /// The old key.
        key: KeyId,
        /// The current key.
        new: KeyId,
        /// The old key's last use.
        last_use: LastUse,
    },
    /// Something used the old key so late in the overlap, or after it, that a cache can't be the
    /// cause: it has not moved to the current key.
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
        /// The old key, or the current one if its use was the question.
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
    /// Another run may still be working on this key, or IAM may not list it yet.
    Settling(KeyId),
    /// An earlier run was about to create a key, or another run has just created one, and IAM does
    /// not list it yet.
    Unlisted,
    /// The previous key still exists, and has to be deleted before the next key is created.
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

    /// Returns a short form of the wait, for a table that has the keys in other columns; `None` if
    /// the [sentence](Self#impl-Display-for-Wait) is short enough. `until` is the end and `used`
    /// the old key's last use, both as the front end formats them.
    #[must_use]
    pub fn in_short(&self, until: &str, used: &str) -> Option<String> {
        Some(match &self.why {
            Why::Overlap(_) => format!(
                "old key kept while consumers move to the new one; deactivated {until} if they have moved by then"
            ),
            Why::Soak(key) => format!("{key} will be deleted {until}"),
            Why::InUse { .. } => {
                format!("old key is still in use: {used}; deactivated {until} at the earliest")
            }
            Why::NotPickedUp { .. } => format!(
                "nothing has used the new key yet; old key deactivated {until}, or once the new key is used (old key: {used})"
            ),
            Why::UsedLate { .. } => format!(
                "old key kept: it was used long after it was replaced ({used}); deactivated {until} at the earliest"
            ),
            Why::NoRecord(_)
            | Why::UseUnknown { .. }
            | Why::Propagation { .. }
            | Why::VerificationUnknown { .. }
            | Why::Settling(_)
            | Why::Unlisted
            | Why::OldKey(_)
            | Why::Service
            | Why::Delivery { .. } => return None,
        })
    }
}

impl Why {
    /// Returns the wait's code, one word for machines.
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

    /// Returns the key that the wait is about, if any.
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

/// Formats the reason, and the end if it is known.
impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = &self.why;
        let Some(until) = self.until.map(|until| until.format("%F %R UTC")) else {
            return why.fmt(f);
        };
        match why {
            Why::Overlap(key) => write!(
                f,
                "the old key {key} stays Active until {until} while consumers move to the new key"
            ),
            Why::InUse { .. } | Why::UsedLate { .. } => {
                write!(f, "held: {why}; kept until {until} at least")
            }
            Why::NoRecord(_) => write!(f, "held: {why}; kept until {until}"),
            Why::NotPickedUp { .. } => {
                write!(f, "held: {why}; kept until {until}, or until something uses the new key")
            }
            Why::Soak(key) => {
                write!(f, "the old key {key} is Inactive; it will be deleted after {until}")
            }
            Why::Propagation { .. } => write!(f, "{why}; it is given up after {until}"),
            Why::Settling(_) => write!(f, "{why}; not touched until {until}"),
            Why::Unlisted => write!(f, "{why}; checked again after {until}"),
            Why::UseUnknown { .. }
            | Why::VerificationUnknown { .. }
            | Why::OldKey(_)
            | Why::Service
            | Why::Delivery { .. } => why.fmt(f),
        }
    }
}
