//! The codes of the reasons to block.

use super::blocked::Blocked;

impl Blocked {
    /// Returns its code, one word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::ReactivatedInVain { .. } => "reactivated_in_vain",
            Self::RevokedKeyReactivated { .. } => "revoked_key_reactivated",
            Self::ReactivatedAgain { .. } => "reactivated_again",
            Self::IamOnly { .. } => "iam_only",
            Self::Quarantined { .. } => "quarantined",
            Self::ManagedElsewhere { .. } => "managed_elsewhere",
            Self::MoveBegun { .. } => "move_begun",
            Self::OtherAccount { .. } => "other_account",
            Self::HomeUnreadable { .. } => "home_unreadable",
            Self::NotNamed { .. } => "not_named",
            Self::HomeTooLong { .. } => "home_too_long",
            Self::SecretOfAnother { .. } => "secret_of_another",
            Self::SecretNotBound { .. } => "secret_not_bound",
            Self::NoTagRoom { .. } => "no_tag_room",
            Self::Overdue { .. } => "overdue",
            Self::StagingRefused { .. } => "staging_refused",
            Self::ValueTooLarge { .. } => "value_too_large",
            Self::SecretDeleted { .. } => "secret_deleted",
            Self::SecretIsReplica { .. } => "secret_is_replica",
            Self::SecretHoldsOther { .. } => "secret_holds_other",
            Self::ForeignPending { .. } => "foreign_pending",
            Self::CurrentKeyGone { .. } => "current_key_gone",
            Self::CurrentKeyInactive { .. } => "current_key_inactive",
            Self::CurrentDoesNotWork { .. } => "current_does_not_work",
            Self::NoWayBack { .. } => "no_way_back",
            Self::RevokedKeyCurrent { .. } => "revoked_key_current",
            Self::UnknownKeys(_) => "unknown_keys",
            Self::ClaimedKey { .. } => "claimed_key",
            Self::RevokedKeyInUse { .. } => "revoked_key_in_use",
            Self::UnknownStatus { .. } => "unknown_status",
            Self::RolledBack { .. } => "rolled_back",
            Self::BadTag { .. } => "bad_tag",
            Self::DestinationChanged { .. } => "destination_changed",
        }
    }

    /// Whether the reason is the place, not the secret's content: the user's home is elsewhere, or
    /// keyrot does not use the secret there. Then nothing is known about the user's keys.
    #[must_use]
    pub(crate) fn is_of_the_place(&self) -> bool {
        match self {
            Self::ManagedElsewhere { .. }
            | Self::MoveBegun { .. }
            | Self::OtherAccount { .. }
            | Self::HomeUnreadable { .. }
            | Self::NotNamed { .. }
            | Self::HomeTooLong { .. }
            | Self::SecretOfAnother { .. }
            | Self::SecretNotBound { .. }
            | Self::SecretDeleted { .. }
            | Self::SecretIsReplica { .. }
            | Self::BadTag { .. } => true,
            Self::ReactivatedInVain { .. }
            | Self::RevokedKeyReactivated { .. }
            | Self::ReactivatedAgain { .. }
            | Self::IamOnly { .. }
            | Self::Quarantined { .. }
            | Self::NoTagRoom { .. }
            | Self::Overdue { .. }
            | Self::StagingRefused { .. }
            | Self::ValueTooLarge { .. }
            | Self::SecretHoldsOther { .. }
            | Self::ForeignPending { .. }
            | Self::CurrentKeyGone { .. }
            | Self::CurrentKeyInactive { .. }
            | Self::CurrentDoesNotWork { .. }
            | Self::NoWayBack { .. }
            | Self::RevokedKeyCurrent { .. }
            | Self::UnknownKeys(_)
            | Self::ClaimedKey { .. }
            | Self::RevokedKeyInUse { .. }
            | Self::UnknownStatus { .. }
            | Self::DestinationChanged { .. }
            | Self::RolledBack { .. } => false,
        }
    }
}
