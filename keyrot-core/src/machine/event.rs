//! The events of a run: one typed event for every step that matters.

use crate::decide::belief::Doubt;
use crate::decide::decision::Wait;
use crate::decide::decision::blocked::Blocked;
use crate::model::error::CallError;
use crate::model::home::SecretArn;
use crate::model::names::{DestinationName, KeyId, SecretName, UserName, VersionId};
use crate::model::time::Timestamp;
use crate::model::trail::evidence::UseEvidence;
use serde::Serialize;
use std::fmt;

/// Something that happened to one user, or that the operator needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// The user.
    pub user: UserName,
    /// The user's owner, from the tag `keyrot:owner`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The user's secret.
    pub secret: SecretName,
    /// The kind of event.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// The kind of an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case", tag = "event")]
#[non_exhaustive]
pub enum EventKind {
    /// The secret was created, with a placeholder.
    Adopted,
    /// A key was created; only this run has its secret half yet.
    KeyCreated {
        /// The key.
        key: KeyId,
    },
    /// A new key was verified and published: readers of the secret get it from now on.
    Rotated {
        /// The new key.
        key: KeyId,
        /// The previous key, if there was one.
        replaced: Option<KeyId>,
        /// The version under AWSCURRENT.
        version: VersionId,
    },
    /// An old key stays Active past its date, for this reason.
    Held(Wait),
    /// The uses of the held key, according to a trail. Follows [`Held`](Self::Held) if the run may
    /// ask one ([`Rotator::trail`](crate::engine::rotator::Rotator::trail)).
    UsedBy(UseEvidence),
    /// An operator reactivated a key that was being retired: its overlap starts again.
    Reactivated {
        /// The key.
        key: KeyId,
    },
    /// An operator revoked a key: it is being replaced, and deactivated without a wait.
    Revoked {
        /// The key.
        key: KeyId,
        /// The operator's reason.
        reason: Option<String>,
    },
    /// The operator took a revocation back.
    Reinstated {
        /// The key.
        key: KeyId,
    },
    /// The current key was delivered to a destination.
    Delivered {
        /// The key.
        key: KeyId,
        /// The destination.
        to: DestinationName,
        /// The place in it.
        place: String,
        /// Whether it takes no key, but consumers there were restarted.
        restarts: bool,
    },
    /// A destination does not have the current key, but the run continued.
    NotDelivered {
        /// The destination.
        to: DestinationName,
        /// The place in it.
        place: String,
        /// Whether the previous key stays Active for it.
        required: bool,
        /// The reason.
        reason: String,
    },
    /// The operator gave a destination up.
    LetGo {
        /// The destination.
        to: DestinationName,
    },
    /// At an operator's request, the previous key was verified and published again.
    RolledBack {
        /// The key that is current again.
        key: KeyId,
        /// The key that is no longer current.
        from: Option<KeyId>,
        /// The version under AWSCURRENT.
        version: VersionId,
    },
    /// At an operator's request, a key was reactivated to be published again.
    Activated {
        /// The key.
        key: KeyId,
    },
    /// A key was deactivated.
    Retired {
        /// The key.
        key: KeyId,
    },
    /// A key was deleted.
    Deleted {
        /// The key.
        key: KeyId,
    },
    /// A new key will not be published, and will be removed.
    Abandoned {
        /// The key.
        key: KeyId,
        /// The reason.
        reason: String,
    },
    /// A key whose creation reply was lost: its secret half is lost, and it is being removed.
    OrphanFound {
        /// The key.
        key: KeyId,
    },
    /// A key that was created and could not be staged was deleted immediately: nothing could be
    /// using it.
    OrphanRemoved {
        /// The key.
        key: KeyId,
    },
    /// The user had lost the tag that names its home: it was written again.
    HomeRestored {
        /// The home.
        home: SecretArn,
    },
    /// At the operator's request, the user's home was moved: from now on keys are published at the
    /// new place.
    Moved {
        /// The old home.
        from: SecretArn,
        /// The new home.
        home: SecretArn,
    },
    /// A journal entry or a version id contradicts AWS's own facts. It counts as absent; find out
    /// what wrote it.
    Doubted(Doubt),
    /// An operator has to decide.
    Blocked {
        /// The reason.
        reason: Blocked,
    },
    /// A call failed; the next run continues.
    Failed(Failure),
    /// keyrot's own code, or a port's, panicked while it worked on the user.
    Panicked {
        /// The panic's message.
        reason: String,
    },
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Failure {
    /// The purpose of the call, to be read after "could not".
    pub doing: String,
    /// What went wrong.
    pub error: CallError,
}

/// The severity of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// No action is needed.
    Info,
    /// Worth reading.
    Warning,
    /// Manual action is needed.
    Error,
}

impl EventKind {
    /// Returns its severity.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::Adopted
            | Self::KeyCreated { .. }
            | Self::Rotated { .. }
            | Self::Delivered { .. }
            | Self::Retired { .. }
            | Self::Deleted { .. } => Severity::Info,
            Self::NotDelivered { required: true, .. } => Severity::Error,
            Self::Held(_)
            | Self::Revoked { .. }
            | Self::Reinstated { .. }
            | Self::RolledBack { .. }
            | Self::Activated { .. }
            | Self::UsedBy(_)
            | Self::Reactivated { .. }
            | Self::NotDelivered { required: false, .. }
            | Self::LetGo { .. }
            | Self::Abandoned { .. }
            | Self::Doubted(_)
            | Self::HomeRestored { .. }
            | Self::Moved { .. }
            | Self::OrphanFound { .. }
            | Self::OrphanRemoved { .. } => Severity::Warning,
            Self::Blocked { .. } | Self::Failed(_) | Self::Panicked { .. } => Severity::Error,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not {}: {}", self.doing, self.error)
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Adopted => f.write_str("stored the placeholder in the secret"),
            Self::KeyCreated { key } => write!(f, "created {key}"),
            Self::Rotated { key, replaced: Some(old), .. } => {
                write!(f, "published {key} in place of {old}")
            }
            Self::Rotated { key, replaced: None, .. } => write!(f, "published {key}"),
            Self::Held(wait) => write!(f, "held: {}", wait.why),
            Self::UsedBy(evidence) => evidence.fmt(f),
            Self::Reactivated { key } => {
                write!(f, "{key} was reactivated; it is kept for another overlap")
            }
            Self::Revoked { key, reason: Some(reason) } => write!(f, "revoking {key}: {reason}"),
            Self::Revoked { key, reason: None } => write!(f, "revoking {key}"),
            Self::Reinstated { key } => write!(f, "undid the revocation of {key}"),
            Self::RolledBack { key, from: Some(from), .. } => {
                write!(f, "published {key} again in place of {from}")
            }
            Self::RolledBack { key, from: None, .. } => write!(f, "published {key} again"),
            Self::Delivered { key, to, place, restarts: false } => {
                write!(f, "delivered {key} to {to} ({place})")
            }
            Self::Delivered { key, to, place, restarts: true } => {
                write!(f, "{to} ({place}) was restarted and uses {key}")
            }
            Self::NotDelivered { to, place, required, reason } => {
                let kept = if *required { "; the previous key stays as it is" } else { "" };
                write!(f, "{to} ({place}) does not have the current key: {reason}{kept}")
            }
            Self::LetGo { to } => write!(f, "let the destination {to} go"),
            Self::Activated { key } => write!(f, "reactivated {key}"),
            Self::Retired { key } => write!(f, "deactivated {key}"),
            Self::Deleted { key } => write!(f, "deleted {key}"),
            Self::Abandoned { key, reason } => write!(f, "abandoned {key}: {reason}"),
            Self::OrphanFound { key } => {
                write!(
                    f,
                    "found {key}, created by an interrupted run; its secret key is lost, so keyrot will remove it"
                )
            }
            Self::OrphanRemoved { key } => {
                write!(
                    f,
                    "deleted {key} immediately: it could not be staged, so nothing can use it"
                )
            }
            Self::HomeRestored { home } => write!(
                f,
                "the tag keyrot:home was gone from the user, and was written again ({}); if Terraform manages the user, add \
                 ignore_tags {{ key_prefixes = [\"keyrot:\"] }} to the provider",
                home.place()
            ),
            Self::Moved { from, home } => {
                let (old, new) = (from.place(), home.place());
                write!(
                    f,
                    "moved from {old} to {new}: the next run publishes a new key there; let consumers read it there"
                )
            }
            Self::Doubted(doubt) => doubt.fmt(f),
            Self::Blocked { reason } => write!(f, "blocked: {reason}"),
            Self::Failed(failure) => failure.fmt(f),
            Self::Panicked { reason } => write!(f, "keyrot panicked, please report it: {reason}"),
        }
    }
}

/// Defines the code of each kind, and the list of all codes.
macro_rules! codes {
    ($($kind:pat => $code:literal,)*) => {
        impl EventKind {
            /// The codes of all kinds, as [`code`](Self::code) returns them.
            pub const CODES: &'static [&'static str] = &[$($code),*];

            /// Returns its code, one word for programs.
            #[must_use]
            pub fn code(&self) -> &'static str {
                match self {
                    $($kind => $code,)*
                }
            }
        }
    };
}

codes! {
    EventKind::Adopted => "adopted",
    EventKind::KeyCreated { .. } => "key_created",
    EventKind::Rotated { .. } => "rotated",
    EventKind::Held(_) => "held",
    EventKind::UsedBy(_) => "used_by",
    EventKind::Reactivated { .. } => "reactivated",
    EventKind::Revoked { .. } => "revoked",
    EventKind::Reinstated { .. } => "reinstated",
    EventKind::RolledBack { .. } => "rolled_back",
    EventKind::Activated { .. } => "activated",
    EventKind::Delivered { .. } => "delivered",
    EventKind::NotDelivered { .. } => "not_delivered",
    EventKind::LetGo { .. } => "let_go",
    EventKind::Retired { .. } => "retired",
    EventKind::Deleted { .. } => "deleted",
    EventKind::Abandoned { .. } => "abandoned",
    EventKind::OrphanFound { .. } => "orphan_found",
    EventKind::OrphanRemoved { .. } => "orphan_removed",
    EventKind::Doubted(_) => "claim_ignored",
    EventKind::HomeRestored { .. } => "home_restored",
    EventKind::Moved { .. } => "moved",
    EventKind::Blocked { .. } => "blocked",
    EventKind::Failed(_) => "failed",
    EventKind::Panicked { .. } => "panicked",
}

impl EventKind {
    /// Returns the key that the event is about, if any.
    #[must_use]
    pub fn key(&self) -> Option<&KeyId> {
        match self {
            Self::KeyCreated { key }
            | Self::Rotated { key, .. }
            | Self::Revoked { key, .. }
            | Self::Reinstated { key }
            | Self::RolledBack { key, .. }
            | Self::Activated { key }
            | Self::Delivered { key, .. }
            | Self::Reactivated { key }
            | Self::Retired { key }
            | Self::Deleted { key }
            | Self::Abandoned { key, .. }
            | Self::OrphanFound { key }
            | Self::OrphanRemoved { key } => Some(key),
            Self::Held(wait) => wait.why.key(),
            Self::UsedBy(evidence) => Some(&evidence.key),
            Self::Adopted
            | Self::HomeRestored { .. }
            | Self::Moved { .. }
            | Self::NotDelivered { .. }
            | Self::LetGo { .. }
            | Self::Doubted(_)
            | Self::Blocked { .. }
            | Self::Failed(_)
            | Self::Panicked { .. } => None,
        }
    }
}
