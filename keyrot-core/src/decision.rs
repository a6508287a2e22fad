//! The answers of [`decide`](crate::decide()), in types and in words.

use crate::{KeyId, LastUse, Note, Timestamp, UserName, VersionId};
use serde::Serialize;
use std::fmt;

/// What is to be done for a user now.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Find out something first; it changes nothing.
    Look(Question),
    /// Make one change.
    Act(Step),
    /// Nothing now: something runs its course.
    Wait(Wait),
    /// Nothing until the current key is due.
    Settled {
        /// When that is.
        until: Timestamp,
    },
    /// Nothing until a person decides.
    Blocked(Blocked),
    /// What was ordered is done: see [`Order`](crate::Order).
    Done,
    /// What was ordered cannot be done: see [`Order`](crate::Order).
    Refused(Refusal),
}

/// Something that has to be known before more can be decided.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Which key's credentials does this version hold, that somebody else wrote?
    Inside(VersionId),
    /// Which versions has the secret ever had, as far as the store still knows them?
    Versions,
    /// When was this key last used?
    LastUse(KeyId),
    /// Do the credentials in this version authenticate as the user?
    Proof(VersionId),
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Create the secret, with a placeholder that no client can take for credentials.
    CreateSecret,
    /// Put the placeholder into a secret that has no version at all.
    PutPlaceholder,
    /// Write a note onto the secret.
    Write(Note),
    /// Make a key.
    CreateKey,
    /// Put the key that was just made under AWSPENDING.
    Stage {
        /// The version whose further fields are carried along.
        carry: Option<VersionId>,
    },
    /// Move AWSCURRENT.
    Promote {
        /// Where it was seen.
        from: VersionId,
        /// Where it is to stand.
        to: VersionId,
    },
    /// Take AWSPENDING off a version.
    Unstage(VersionId),
    /// Deactivate a key.
    Deactivate(KeyId),
    /// Reactivate a key, to publish it again.
    Activate(KeyId),
    /// Delete an Inactive key.
    Delete(KeyId),
}

/// A wait: what for, and until when if that is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Wait {
    /// What is waited for.
    pub why: Why,
    /// When it is worth looking again.
    pub until: Option<Timestamp>,
}

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The old key stays Active while readers move over.
    Overlap(KeyId),
    /// The old key is still in use, or was until just now.
    InUse {
        /// The old key.
        key: KeyId,
        /// The use on record.
        last_use: LastUse,
    },
    /// IAM has no use of the old key on record, which proves little: `quiet` is waited for on top of the overlap.
    NoRecord(KeyId),
    /// It could not be found out whether the old key is in use.
    UseUnknown {
        /// The old key.
        key: KeyId,
        /// Why it could not be found out.
        reason: String,
    },
    /// The old key is Inactive, and will be deleted.
    Soak(KeyId),
    /// The staged key does not authenticate yet.
    Propagation(KeyId),
    /// Another run may still be at work on this key, or IAM may not list it yet.
    Settling(KeyId),
    /// An earlier run was about to make a key, or another has just made one, and IAM does not list it yet.
    Unlisted,
    /// The key before still exists, and has to go before the next one is made.
    OldKey(KeyId),
    /// Secrets Manager's own rotation is switched on, and the next step is its own.
    Service,
}

/// Why an [`Order`](crate::Order) of Secrets Manager's, or a person's [`Request`](crate::Request), is refused. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Rotation is not switched on for the secret, so this is no order of Secrets Manager's.
    RotationOff,
    /// The secret has nothing under AWSCURRENT.
    NothingCurrent,
    /// The version does not stand under AWSPENDING, or stood under AWSCURRENT already and was moved away from.
    NotStaged {
        /// The version.
        version: VersionId,
    },
    /// The version holds no key yet.
    NotMade {
        /// The version.
        version: VersionId,
    },
    /// The credentials are somebody else's, or will never work.
    DoesNotWork {
        /// The key.
        key: KeyId,
        /// What the trial brought.
        reason: String,
    },
    /// A newer key became current meanwhile.
    Superseded {
        /// The key that was to be published.
        key: KeyId,
        /// The one that is current.
        by: KeyId,
    },
    /// The secret has no key under AWSPREVIOUS.
    NothingBefore {
        /// The user's keys beside the current one, whose credentials the secret never held.
        left: Vec<KeyId>,
    },
    /// The key to go back to does not stand under AWSPREVIOUS.
    NotBefore {
        /// The key.
        key: KeyId,
    },
    /// The key to go back to is deleted.
    Gone {
        /// The key.
        key: KeyId,
    },
    /// The key to go back to was revoked.
    WasRevoked {
        /// The key.
        key: KeyId,
    },
    /// The user has more keys than one, or none, and which is meant was not said.
    WhichKey {
        /// The user's keys.
        keys: Vec<KeyId>,
    },
    /// The user has no such key.
    NoSuchKey {
        /// The key.
        key: KeyId,
        /// The user's keys.
        keys: Vec<KeyId>,
    },
    /// The key cannot be replaced before it is revoked: the user has two, and the other one's credentials are not in the secret.
    NoRoom {
        /// The key to be revoked.
        key: KeyId,
        /// The other one.
        other: KeyId,
        /// Whether that one was revoked before, and is Inactive already.
        revoked: bool,
    },
    /// The key stands under AWSCURRENT, and was to be revoked only if nobody uses it.
    IsCurrent {
        /// The key.
        key: KeyId,
    },
    /// The key is in use, and was to be revoked only if it is not.
    InUse {
        /// The key.
        key: KeyId,
        /// The use on record.
        last_use: LastUse,
    },
}

/// Why a person has to decide. Nothing of the user's is changed until then.
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

impl Refusal {
    /// What a person can do about it for this user, where there is something.
    #[must_use]
    pub fn hint(&self, user: &UserName) -> Option<String> {
        Some(match self {
            Self::NothingBefore { left } => match left.first() {
                Some(key) => format!(
                    "keyrot never had the secret of {key}; put it under AWSCURRENT by hand if somebody still has it"
                ),
                None => format!("if the current key does not work, replace it: keyrot rotate --force --user {user}"),
            },
            Self::NotBefore { .. } => {
                format!("somebody changed the secret meanwhile; look again: keyrot status --user {user}")
            }
            Self::Gone { .. } => {
                format!("to replace the current key with a new one: keyrot rotate --force --user {user}")
            }
            Self::WasRevoked { .. } => {
                format!("to replace the current key with a new one: keyrot rotate --force --user {user}")
            }
            Self::WhichKey { keys } if keys.is_empty() => "there is nothing to revoke".into(),
            Self::WhichKey { .. } | Self::NoSuchKey { .. } => "name the key; nothing was done".into(),
            Self::NoRoom { key, other, revoked: true } => format!(
                "{other} was revoked too, and waits for its soak: delete it now (keyrot revoke {user} {other} --delete), then revoke {key}"
            ),
            Self::NoRoom { key, other, .. } => format!(
                "a user has two keys at most. If {key} must go now, whoever uses it: keyrot revoke {user} {key} --without-successor. If nobody needs {other}: keyrot resolve {user} first"
            ),
            Self::IsCurrent { key } => {
                format!(
                    "to replace it now: keyrot rotate --force --user {user}; if it leaked: keyrot revoke {user} {key}"
                )
            }
            Self::InUse { key, .. } => {
                format!("find out who uses it: keyrot who-uses {key}; if it leaked: keyrot revoke {user} {key}")
            }
            Self::NothingCurrent => format!("what adopting takes: keyrot plan --user {user}"),
            Self::DoesNotWork { .. }
            | Self::RotationOff
            | Self::NotStaged { .. }
            | Self::NotMade { .. }
            | Self::Superseded { .. } => return None,
        })
    }
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

fn list(keys: &[KeyId]) -> String {
    keys.iter().map(KeyId::as_str).collect::<Vec<_>>().join(" and ")
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overlap(key) => write!(f, "{key} stays Active while readers move over"),
            Self::InUse { key, last_use } => write!(f, "{key} is still in use: {last_use}"),
            Self::NoRecord(key) => write!(f, "{key} has no use on record, which proves little"),
            Self::UseUnknown { key, reason } => write!(f, "whether {key} is in use is unknown: {reason}"),
            Self::Soak(key) => write!(f, "{key} is Inactive and will be deleted"),
            Self::Propagation(key) => write!(f, "{key} does not authenticate yet"),
            Self::Settling(key) => {
                write!(f, "{key} was made or changed just now, and another run may be at work on it")
            }
            Self::Unlisted => f.write_str("another run may have made a key that IAM does not list yet"),
            Self::OldKey(key) => write!(f, "{key}, the key before, has to be retired first; scheduled runs do that"),
            Self::Service => f.write_str("Secrets Manager's own rotation is switched on and makes the next key"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RotationOff => f.write_str("rotation is not switched on for this secret"),
            Self::NothingCurrent => {
                f.write_str("the secret has nothing under AWSCURRENT: the user was not adopted yet")
            }
            Self::NotStaged { version } => {
                write!(f, "version {version} is not under AWSPENDING (any more); Secrets Manager will ask anew")
            }
            Self::NotMade { version } => write!(f, "version {version} holds no key: createSecret comes first"),
            Self::DoesNotWork { key, reason } => write!(f, "{key} is not published: {reason}"),
            Self::Superseded { key, by } => write!(f, "{key} is not published: {by}, which is newer, is current"),
            Self::NothingBefore { .. } => {
                f.write_str("there is nothing to go back to: the secret holds no key under AWSPREVIOUS")
            }
            Self::NotBefore { key } => write!(f, "{key} does not stand under AWSPREVIOUS (any more)"),
            Self::Gone { key } => write!(f, "there is nothing to go back to: {key}, the key before, is deleted"),
            Self::WasRevoked { key } => write!(f, "{key}, the key before, was revoked, and is never published again"),
            Self::WhichKey { keys } if keys.is_empty() => f.write_str("the user has no access key"),
            Self::WhichKey { keys } => {
                let before = if keys.len() == 1 { ", and another was revoked before" } else { "" };
                write!(f, "which key? The user has {}{before}", list(keys))
            }
            Self::NoSuchKey { key, keys } if keys.is_empty() => write!(f, "the user has no key {key}, and no other"),
            Self::NoSuchKey { key, keys } => write!(f, "the user has no key {key}, but {}", list(keys)),
            Self::NoRoom { key, other, .. } => write!(
                f,
                "{key} cannot be replaced before it is revoked: the user has {other} too, whose credentials are not in the secret"
            ),
            Self::IsCurrent { key } => write!(f, "{key} is the key that readers of the secret get"),
            Self::InUse { key, last_use } => write!(f, "{key} is in use: {last_use}"),
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
            Self::CreateSecret => f.write_str("create the secret with a placeholder"),
            Self::PutPlaceholder => f.write_str("put a placeholder into the empty secret"),
            Self::Write(note) => write!(f, "note down \"{}\"", note.to_text()),
            Self::CreateKey => f.write_str("make a new key"),
            Self::Stage { .. } => f.write_str("stage the new key under AWSPENDING"),
            Self::Promote { to, .. } => write!(f, "make {to} current"),
            Self::Unstage(version) => write!(f, "take AWSPENDING off {version}"),
            Self::Deactivate(key) => write!(f, "deactivate {key}"),
            Self::Activate(key) => write!(f, "reactivate {key}"),
            Self::Delete(key) => write!(f, "delete {key}"),
        }
    }
}
