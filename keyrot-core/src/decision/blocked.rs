//! Why a person has to decide, and what they can do.

use crate::{KeyId, LastUse, Timestamp, UserName, VersionId};
use serde::Serialize;
use std::fmt;

/// Why a person has to decide. Nothing of the user's is changed until then; a [`Request`](crate::Request) may have changed something before.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Blocked {
    /// AWS put the user in quarantine because a key leaked.
    Quarantined {
        /// The attached policy.
        policy: String,
    },
    /// The secret is scheduled for deletion.
    SecretDeleted {
        /// Since when.
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
    },
    /// Somebody else staged a version.
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
    /// Somebody moved AWSCURRENT back from a key that keyrot had published and that is still Active.
    RolledBack {
        /// The newer key, which was current.
        from: KeyId,
        /// The key that is current now.
        to: Option<KeyId>,
    },
    /// The credentials under AWSCURRENT, which somebody else put there, do not work.
    CurrentDoesNotWork {
        /// The key.
        key: KeyId,
        /// What the trial brought.
        reason: String,
    },
    /// The current key was revoked, and the one under AWSPREVIOUS, which leaves no room for a new one, does not work.
    NoWayBack {
        /// The key under AWSPREVIOUS.
        key: KeyId,
        /// What the trial brought.
        reason: String,
    },
    /// A key was reactivated to be published again, and its credentials do not work.
    ReactivatedInVain {
        /// The key, which is Active now.
        key: KeyId,
        /// What the trial brought.
        reason: String,
    },
    /// A key that was revoked and seen Inactive is Active again.
    RevokedKeyReactivated {
        /// The key.
        key: KeyId,
    },
    /// Only IAM can be used for this user: keyrot does not know the user's secret, or may not use it.
    IamOnly {
        /// Why.
        reason: String,
    },
    /// Keys that can be attributed neither to keyrot nor to the secret stand in the way.
    UnknownKeys(Vec<Evidence>),
    /// A key that was taken for a lost one of keyrot's was reactivated: somebody claims it.
    ClaimedKey {
        /// The key.
        key: KeyId,
    },
    /// A key is in a state that keyrot does not know.
    StrangeStatus {
        /// The key.
        key: KeyId,
        /// IAM's word for it.
        status: String,
    },
    /// The user's own settings, in tags, cannot be used.
    BadTag {
        /// What is wrong.
        reason: String,
    },
}

/// What is known of a key that nobody can be blamed for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Evidence {
    /// The key.
    pub key: KeyId,
    /// When it was made.
    pub created: Timestamp,
    /// Its last use.
    pub last_use: LastUse,
}

impl Blocked {
    /// What a person can do about it for this user.
    #[must_use]
    pub fn hint(&self, user: &UserName) -> String {
        match self {
            Self::Quarantined { .. } => format!("treat the key as leaked: `keyrot who-uses {user}` says what it did, `keyrot revoke {user} KEY` replaces it; then detach the policy"),
            Self::SecretDeleted { .. } => "restore it with `aws secretsmanager restore-secret`, or remove the user's rotation tag".into(),
            Self::SecretIsReplica { primary } => format!("run keyrot in {primary}, or name another secret in the tag keyrot:secret"),
            Self::SecretHoldsOther { .. } => {
                "name another secret in the tag keyrot:secret, or put the user's present credentials into this one".into()
            }
            Self::ForeignPending { .. } => {
                "finish or cancel the other rotation (`aws secretsmanager cancel-rotate-secret`), so that AWSPENDING is free".into()
            }
            Self::CurrentKeyGone { .. } | Self::CurrentKeyInactive { .. } => {
                format!("if the user is being decommissioned, remove its rotation tag; otherwise reactivate the key, or have it replaced: keyrot resolve {user}")
            }
            Self::RolledBack { from, to } => {
                let end = match to {
                    Some(_) => format!("`keyrot revoke {user} {from}`"),
                    None => "delete it, and keyrot makes another".to_owned(),
                };
                let on = if to.is_some() { format!("`keyrot rollback {user}` once more") } else { "move AWSCURRENT to its version again".to_owned() };
                format!("to go on with {from}: {on}; to give it up: {end}")
            }
            Self::NoWayBack { key, .. } => {
                format!("to make room for a new key: keyrot revoke {user} {key} --without-successor --delete")
            }
            Self::ReactivatedInVain { .. } => format!("it may need some minutes; ask again: keyrot rollback {user}. AWSCURRENT stands where it stood, and runs retire the key again"),
            Self::CurrentDoesNotWork { .. } => format!("put working credentials of this user under AWSCURRENT, or: keyrot resolve {user}"),
            Self::UnknownKeys(keys) => {
                let known = keys.iter().filter(|k| !matches!(k.last_use, LastUse::Unknown(_)));
                let idle = known.min_by_key(|k| match k.last_use {
                    LastUse::At { when, .. } => when,
                    _ => k.created,
                });
                let least = idle.map_or_else(String::new, |k| format!(" ({} was used least recently)", k.key));
                format!("`keyrot resolve {user}` retires the one that nobody needs{least}; or put the key that is in use under AWSCURRENT by hand")
            }
            Self::RevokedKeyReactivated { key } => format!(
                "whoever has the key may have done that. To deactivate it again: keyrot revoke {user} {key} --without-successor. If the revocation was a mistake: keyrot resolve {user} --choose reinstate:{key}"
            ),
            Self::IamOnly { .. } => format!("to see what is left to do: keyrot status --user {user}"),
            Self::ClaimedKey { key } => format!("if {key} is yours, put it under AWSCURRENT; if not: keyrot resolve {user}"),
            Self::StrangeStatus { .. } => "look at the key in the IAM console; keyrot leaves it alone".into(),
            Self::BadTag { .. } => "correct or remove the tag".into(),
        }
    }
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quarantined { policy } => {
                write!(f, "AWS has quarantined the user (policy {policy}): a key has leaked")
            }
            Self::SecretDeleted { since } => {
                write!(f, "the secret has been scheduled for deletion since {}", since.format("%F %R UTC"))
            }
            Self::SecretIsReplica { primary } => write!(f, "the secret is a replica; its primary is in {primary}"),
            Self::SecretHoldsOther { version } => write!(f, "AWSCURRENT (version {version}) holds no access key"),
            Self::ForeignPending { version } => write!(f, "somebody else staged version {version} under AWSPENDING"),
            Self::CurrentKeyGone { key } => write!(f, "{key}, the key under AWSCURRENT, does not exist"),
            Self::CurrentKeyInactive { key } => write!(f, "{key}, the key under AWSCURRENT, is not Active"),
            Self::RolledBack { from, to: Some(to) } => write!(f, "AWSCURRENT was moved back from {from} to {to}"),
            Self::RolledBack { from, to: None } => {
                write!(f, "AWSCURRENT was moved back from {from} to the placeholder")
            }
            Self::CurrentDoesNotWork { key, reason } => {
                write!(f, "the credentials under AWSCURRENT ({key}) do not work: {reason}")
            }
            Self::NoWayBack { key, reason } => {
                write!(f, "the current key was revoked, and {key}, the one before, cannot be published again: {reason}")
            }
            Self::ReactivatedInVain { key, reason } => {
                write!(f, "{key} was reactivated to be published again, and does not work: {reason}")
            }
            Self::RevokedKeyReactivated { key } => write!(f, "{key} was revoked, and is Active again: it works"),
            Self::IamOnly { reason } => write!(f, "nothing but IAM was used: {reason}"),
            Self::UnknownKeys(keys) => {
                f.write_str("nobody knows whose these are: ")?;
                for (i, k) in keys.iter().enumerate() {
                    let comma = if i > 0 { "; " } else { "" };
                    write!(f, "{comma}{} of {}, {}", k.key, k.created.format("%F"), k.last_use)?;
                }
                Ok(())
            }
            Self::ClaimedKey { key } => {
                write!(f, "{key} looked like a lost key of keyrot's, and somebody reactivated it")
            }
            Self::StrangeStatus { key, status } => {
                write!(f, "{key} has the status {status}, which keyrot does not know")
            }
            Self::BadTag { reason } => f.write_str(reason),
        }
    }
}
