//! Where a run is, in one enum for each thing that it keeps track of.

use crate::decide::decision::blocked::Blocked;
use crate::machine::call::Call;
use crate::machine::outcome::Outcome;
use crate::machine::verification::Verification;
use crate::model::names::KeyId;
use crate::model::stored::NewKey;
use crate::model::time::Timestamp;
use std::time::Duration;

/// What the machine wants next.
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
    /// It may.
    Act,
    /// It looks and decides, and stops before the first change.
    Plan,
}

/// What the run is doing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    /// It lists the user's keys, the first half of reading everything.
    ListKeys,
    /// It deactivates a key before it calls anything but IAM.
    SwitchOff(SwitchOff),
    /// The deactivation was acknowledged; the listing has to show it.
    Confirming(Confirming),
    /// It reads the secret, the second half of reading everything.
    DescribeSecret,
    /// Everything is read: it decides.
    Deciding,
    /// It verifies credentials.
    Verification(Verification),
    /// It deletes the key that could not be staged, then ends.
    Undo(KeyId, Outcome),
    /// It has ended.
    Ended(Outcome),
}

/// Why a key is deactivated before anything else.
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

/// What a run knows of the key that it is to revoke.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct KeyToRevoke {
    /// Whether the deactivation that comes before anything else was sent.
    pub(super) sent: Sent,
    /// What the last listing shows of the key.
    pub(super) listed: Listed,
    /// Why nothing but IAM may be used.
    pub(super) iam_only: Option<Blocked>,
}

/// Whether the deactivation that comes before anything else was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) enum Sent {
    /// Not yet.
    #[default]
    No,
    /// It was; what came of it may be unknown.
    Yes,
}

/// What the last listing shows of the key that is to be revoked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) enum Listed {
    /// It may work.
    #[default]
    Working,
    /// It is Inactive, or not listed anymore.
    Off,
}

/// How what is known of the user came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Read {
    /// From AWS, as a whole.
    Whole,
    /// This run has changed something since: what the reply implies was filled in.
    Changed,
}

/// The key that a run creates, until the run ends.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Created {
    /// None was created.
    No,
    /// This one; what is stored of it is known.
    Key(NewKey),
    /// This one; a lost reply leaves open whether a version holds it.
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
