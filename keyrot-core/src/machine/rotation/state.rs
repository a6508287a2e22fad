//! The state of a run, with one enum for each part.

use crate::decide::decision::blocked::Blocked;
use crate::machine::call::Call;
use crate::machine::outcome::Outcome;
use crate::machine::verification::Verification;
use crate::model::names::KeyId;
use crate::model::stored::NewKey;
use crate::model::time::Timestamp;
use std::time::Duration;

/// What the machine needs next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Next {
    /// Make this call, then [`Rotation::answer`](crate::machine::rotation::Rotation::answer).
    Call(Call),
    /// Let this much time pass, then ask again.
    Sleep(Duration),
    /// Nothing more in this run.
    Done(Outcome),
}

/// Whether a run may change anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The run may change things.
    Act,
    /// The run reads and decides, and stops before the first change.
    Plan,
}

/// The current stage of a run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    /// Lists the user's keys, the first half of reading everything.
    ListKeys,
    /// Deactivates a key before it calls anything but IAM.
    SwitchOff(SwitchOff),
    /// The deactivation was acknowledged; the listing has to show it.
    Confirming(Confirming),
    /// Reads the secret, the second half of reading everything.
    DescribeSecret,
    /// Decides, after everything was read.
    Deciding,
    /// Verifies credentials.
    Verification(Verification),
    /// Deletes the key that could not be staged, then ends.
    Undo(KeyId, Outcome),
    /// The run has ended.
    Ended(Outcome),
}

/// The reason why a key is deactivated before anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum SwitchOff {
    /// The request says so.
    First,
    /// The key is not listed: IAM's answer to the deactivation says whether it exists.
    FindsOut,
}

/// A key whose deactivation was acknowledged, and that was not listed as Inactive yet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Confirming {
    pub(super) began: Timestamp,
    pub(super) not_before: Timestamp,
    pub(super) pauses: u32,
}

/// What a run knows about the key to revoke.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct KeyToRevoke {
    /// Whether the deactivation that comes before anything else was sent.
    pub(super) sent: Sent,
    /// What the last listing shows of the key.
    pub(super) listed: Listed,
    /// The reason why only IAM may be used.
    pub(super) iam_only: Option<Blocked>,
}

/// Whether the deactivation that comes before anything else was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) enum Sent {
    /// It was not sent yet.
    #[default]
    No,
    /// It was sent; its result may be unknown.
    Yes,
}

/// What the last listing shows about the key to revoke.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) enum Listed {
    /// The key may work.
    #[default]
    Working,
    /// The key is Inactive, or not listed anymore.
    Off,
}

/// How the observed state was obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Read {
    /// Read completely from AWS.
    Whole,
    /// This run has changed something since then, and filled in what the reply implies.
    Changed,
}

/// The key that a run creates, until the run ends.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Created {
    /// No key was created.
    No,
    /// This key was created, and it is known whether it is stored.
    Key(NewKey),
    /// This key was created. Because a reply was lost, it is unknown whether a version holds it.
    MaybeStaged(NewKey),
}

impl Created {
    pub(super) fn key(&self) -> Option<&NewKey> {
        match self {
            Self::No => None,
            Self::Key(key) | Self::MaybeStaged(key) => Some(key),
        }
    }

    pub(super) fn may_be_staged(&self) -> bool {
        matches!(self, Self::MaybeStaged(_))
    }

    pub(super) fn reply_to_staging_is_lost(&mut self) {
        if let Self::Key(key) = self {
            *self = Self::MaybeStaged(key.clone());
        }
    }
}
