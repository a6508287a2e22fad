//! The reasons why a user is blocked.

use crate::decide::decision::Wait;
use crate::model::destination::Changed;
use crate::model::home::{Difference, Owner, Place, SecretArn};
use crate::model::names::{DestinationName, KeyId, VersionId};
use crate::model::no_key::NoKey;
use crate::model::observed::LastUse;
use crate::model::time::Timestamp;
use serde::Serialize;
use std::fmt;

/// The reason why a user is blocked until an operator decides. Until then, keyrot changes nothing
/// for this user. A [`Request`](crate::model::request::Request) may have changed something before.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Blocked {
    /// AWS has quarantined the user because a key leaked.
    Quarantined {
        /// The attached policy.
        policy: String,
    },
    /// The user's home differs from the secret, region or account in the settings.
    ManagedElsewhere {
        /// The home.
        home: SecretArn,
    },
    /// The user's home was closed to be moved, and the move was not finished.
    MoveBegun {
        /// The new home.
        to: SecretArn,
    },
    /// The credentials belong to an account other than the one in the settings.
    OtherAccount {
        /// The settings' account.
        expected: String,
        /// The user's account.
        found: String,
    },
    /// The user's tag `keyrot:home` is not a secret's ARN.
    HomeUnreadable {
        /// The tag's value.
        text: String,
    },
    /// The user has no home yet, and this account and region were not chosen on purpose.
    NotNamed {
        /// The place where the secret would be.
        place: Place,
    },
    /// The secret's ARN does not fit into the user's tag.
    HomeTooLong {
        /// The place where the secret would be.
        place: Place,
        /// How many characters too long it is.
        excess: usize,
    },
    /// The secret belongs to another user, by its unique id.
    SecretOfAnother {
        /// That user.
        owner: Owner,
        /// The secret.
        arn: SecretArn,
    },
    /// A secret of that name exists, but nothing shows that it belongs to this user.
    SecretNotBound {
        /// The secret.
        arn: SecretArn,
        /// What is missing.
        why: Unhoused,
    },
    /// The secret has too many tags to fit keyrot's.
    NoTagRoom {
        /// The number of tags that are not keyrot's.
        tags: usize,
        /// The allowed number.
        most: usize,
    },
    /// With the other fields that have to be carried over, the next value would be too large for a
    /// secret.
    ValueTooLarge {
        /// Its size in bytes, with the longest key.
        bytes: usize,
        /// The allowed size in bytes.
        most: usize,
    },
    /// An earlier run could not store its new key, and the secret still refuses a version.
    StagingRefused {
        /// AWS's reason.
        reason: String,
    },
    /// The current key is past its deadline, or none was ever published, and the run can only wait.
    /// Something else may keep renewing the wait.
    Overdue {
        /// The current key; `None` while the secret holds the placeholder.
        key: Option<KeyId>,
        /// When the key should have been retired, or the first one should have been published.
        since: Timestamp,
        /// The wait.
        wait: Wait,
    },
    /// The secret is scheduled for deletion.
    SecretDeleted {
        /// When the deletion was scheduled.
        since: Timestamp,
    },
    /// The secret is a replica.
    SecretIsReplica {
        /// The region of the primary.
        primary: String,
    },
    /// AWSCURRENT holds something that is neither credentials nor the placeholder.
    SecretHoldsOther {
        /// The version.
        version: VersionId,
        /// What it holds instead, if it was read.
        why: Option<NoKey>,
    },
    /// A version that something else staged.
    ForeignPending {
        /// The version.
        version: VersionId,
    },
    /// The key under AWSCURRENT does not exist.
    CurrentKeyGone {
        /// The key.
        key: KeyId,
    },
    /// The key under AWSCURRENT is not Active.
    CurrentKeyInactive {
        /// The key.
        key: KeyId,
    },
    /// AWSCURRENT was moved back from a key that keyrot had published and that is still Active.
    RolledBack {
        /// The newer key, which was current.
        from: KeyId,
        /// The key that is current now.
        to: Option<KeyId>,
    },
    /// The credentials under AWSCURRENT, which something else put there, do not work.
    CurrentDoesNotWork {
        /// The key.
        key: KeyId,
        /// The result of the verification.
        reason: String,
    },
    /// The current key was revoked. The key under AWSPREVIOUS does not work, and leaves no room for
    /// a new one.
    NoWayBack {
        /// The key under AWSPREVIOUS.
        key: KeyId,
        /// The result of the verification.
        reason: String,
    },
    /// The current key was revoked and is Inactive, so its consumers fail. There is no room for a
    /// new key until it is deleted.
    RevokedKeyCurrent {
        /// The key.
        key: KeyId,
        /// When its soak is over, and a run deletes it.
        until: Timestamp,
    },
    /// A key was reactivated to be published again, but its credentials do not work.
    ReactivatedInVain {
        /// The key, which is Active now.
        key: KeyId,
        /// The result of the verification.
        reason: String,
    },
    /// A revoked key that was Inactive is Active again.
    RevokedKeyReactivated {
        /// The key.
        key: KeyId,
    },
    /// An old key was reactivated for the second time after keyrot had deactivated it.
    ReactivatedAgain {
        /// The key, which is Active now.
        key: KeyId,
    },
    /// Only IAM can be used for this user: the user's secret is unknown, or must not be used.
    IamOnly {
        /// The reason.
        reason: String,
    },
    /// There are keys that can be attributed neither to keyrot nor to the secret.
    UnknownKeys(Vec<Evidence>),
    /// A key that keyrot never published is in use or was reactivated, although it looked like one
    /// that a run had lost, or was retired.
    ClaimedKey {
        /// The key.
        key: KeyId,
    },
    /// A journal entry says that the key was revoked, but its consumers may still need it. Anyone
    /// who may write the secret can write the entry.
    RevokedKeyInUse {
        /// The key.
        key: KeyId,
        /// The use on record.
        last_use: LastUse,
    },
    /// A key has an unknown status.
    UnknownStatus {
        /// The key.
        key: KeyId,
        /// IAM's word for it.
        status: String,
    },
    /// Something else wrote to a required destination. keyrot does not overwrite it unless asked.
    DestinationChanged {
        /// The destination.
        to: DestinationName,
        /// The place in it.
        place: String,
        /// What happened there.
        how: Changed,
    },
    /// The user's own settings in tags cannot be used.
    BadTag {
        /// What is wrong.
        reason: String,
    },
}

/// The reason why an existing secret is not the user's home.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unhoused {
    /// It has no version.
    Empty,
    /// It holds a placeholder, and no tag names the user.
    Placeholder,
    /// It holds a key that is not one of the user's Active ones.
    NoSuchKey,
    /// It holds no access key, for this reason if it was read.
    HoldsOther(Option<NoKey>),
    /// The credentials in it do not work.
    DoesNotWork(String),
    /// It differs from one that keyrot would create.
    Differs(Vec<Difference>),
}

/// Returns when the wait ends, if that is known.
fn wait_end(wait: &Wait) -> String {
    let end = wait.until.map(|until| until.format("; this wait ends %F %R UTC").to_string());
    end.unwrap_or_default()
}

fn because(why: Option<NoKey>) -> String {
    why.map(|why| format!(": {why}")).unwrap_or_default()
}

impl fmt::Display for Unhoused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty"),
            Self::Placeholder => {
                f.write_str("it holds a placeholder, and no tag that names this user")
            }
            Self::NoSuchKey => {
                f.write_str("it holds a key that is not one of this user's Active keys")
            }
            Self::HoldsOther(why) => write!(f, "it holds no access key{}", because(*why)),
            Self::DoesNotWork(reason) => write!(f, "the credentials in it do not work: {reason}"),
            Self::Differs(all) => {
                f.write_str(&all.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
            }
        }
    }
}

/// What is known about an unattributed key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Evidence {
    /// The key.
    pub key: KeyId,
    /// When it was created.
    pub created: Timestamp,
    /// Its last use.
    pub last_use: LastUse,
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quarantined { policy } => {
                write!(f, "AWS has quarantined the user (policy {policy}): a key has leaked")
            }
            Self::ManagedElsewhere { home } => {
                write!(f, "the user's key is managed elsewhere: in {}", home.place())
            }
            Self::MoveBegun { to } => {
                write!(
                    f,
                    "a move of the user's home to {} was started and is not finished",
                    to.place()
                )
            }
            Self::OtherAccount { expected, found } => {
                write!(
                    f,
                    "the user is in account {found}, and the settings are for account {expected}"
                )
            }
            Self::HomeUnreadable { text } => {
                write!(f, "the user's tag keyrot:home is {text:?}, expected the ARN of a secret")
            }
            Self::NotNamed { place } => {
                write!(
                    f,
                    "the user has no secret yet, and no setting says where to create it; it would be {place}"
                )
            }
            Self::HomeTooLong { place, excess } => {
                write!(
                    f,
                    "the ARN of the secret ({place}) is {excess} characters too long for the tag keyrot:home"
                )
            }
            Self::SecretOfAnother { owner, arn } => {
                write!(f, "the secret {} belongs to another user: {owner}", arn.place().name)
            }
            Self::SecretNotBound { arn, why } => {
                write!(
                    f,
                    "the secret {} exists, but nothing shows that it belongs to this user: {why}",
                    arn.place().name
                )
            }
            Self::NoTagRoom { tags, most } => {
                write!(
                    f,
                    "the secret has {tags} tags that are not keyrot's, expected at most {most}, so that the journal fits beside them"
                )
            }
            Self::ValueTooLarge { bytes, most } => {
                write!(
                    f,
                    "the secret's next value would have {bytes} bytes with the other fields that it has, expected at most {most}: {} too many; no key was created",
                    bytes - most
                )
            }
            Self::StagingRefused { reason } => {
                write!(f, "a new key could not be stored, so none was created: {reason}")
            }
            Self::Overdue { key: Some(key), since, wait } => {
                write!(
                    f,
                    "{key} is past its deadline ({}), and its rotation waits: {}{}",
                    since.format("%F %R UTC"),
                    wait.why,
                    wait_end(wait)
                )
            }
            Self::Overdue { key: None, since, wait } => {
                write!(
                    f,
                    "no key has been published yet, although that should have been done by {}: {}{}",
                    since.format("%F %R UTC"),
                    wait.why,
                    wait_end(wait)
                )
            }
            Self::SecretDeleted { since } => {
                write!(f, "the secret is scheduled for deletion ({})", since.format("%F %R UTC"))
            }
            Self::SecretIsReplica { primary } => {
                write!(f, "the secret is a replica; its primary is in {primary}")
            }
            Self::SecretHoldsOther { version, why } => {
                write!(f, "AWSCURRENT (version {version}) holds no access key{}", because(*why))
            }
            Self::ForeignPending { version } => {
                write!(f, "another process staged version {version} under AWSPENDING")
            }
            Self::CurrentKeyGone { key } => {
                write!(f, "{key}, the key under AWSCURRENT, does not exist")
            }
            Self::CurrentKeyInactive { key } => {
                write!(f, "{key}, the key under AWSCURRENT, is not Active")
            }
            Self::RolledBack { from, to: Some(to) } => {
                write!(f, "AWSCURRENT was moved back from {from} to {to}")
            }
            Self::RolledBack { from, to: None } => {
                write!(f, "AWSCURRENT was moved back from {from} to the placeholder")
            }
            Self::CurrentDoesNotWork { key, reason } => {
                write!(f, "the credentials under AWSCURRENT ({key}) do not work: {reason}")
            }
            Self::NoWayBack { key, reason } => {
                write!(
                    f,
                    "the current key was revoked, and {key}, the previous key, cannot be published again: {reason}"
                )
            }
            Self::RevokedKeyCurrent { key, until } => {
                write!(
                    f,
                    "consumers are refused: {key}, the current key, is Inactive and marked as revoked, and there is no room for a new key until a run deletes it after {}",
                    until.format("%F %R UTC")
                )
            }
            Self::ReactivatedInVain { key, reason } => {
                write!(
                    f,
                    "{key} was reactivated to be published again, and does not work: {reason}"
                )
            }
            Self::RevokedKeyReactivated { key } => {
                write!(f, "{key} was revoked, and is Active again: it works")
            }
            Self::ReactivatedAgain { key } => write!(
                f,
                "{key}, an old key, was deactivated twice and is Active again: something reactivates it"
            ),
            Self::IamOnly { reason } => write!(f, "only IAM was used: {reason}"),
            Self::DestinationChanged { to, place, how } => {
                write!(f, "the destination {to} ({place}) is not written to: {how}")
            }
            Self::UnknownKeys(keys) => {
                f.write_str("keys that keyrot can't explain: ")?;
                for (i, k) in keys.iter().enumerate() {
                    let comma = if i > 0 { "; " } else { "" };
                    write!(f, "{comma}{} of {}, {}", k.key, k.created.format("%F"), k.last_use)?;
                }
                Ok(())
            }
            Self::RevokedKeyInUse { key, last_use } => {
                write!(
                    f,
                    "a journal entry says that {key} was revoked, but it may still be in use ({last_use})"
                )
            }
            Self::ClaimedKey { key } => {
                write!(f, "{key} was never published by keyrot, and is in use or was reactivated")
            }
            Self::UnknownStatus { key, status } => {
                write!(f, "{key} has the status {status}, which keyrot does not know")
            }
            Self::BadTag { reason } => f.write_str(reason),
        }
    }
}
