//! Replaces a person's own key, which is in a file, not in a secret store.
//!
//! There is no journal and no database, because IAM's record is enough. The newer key is the one in
//! the file, so the older one has to be retired. Its overlap is over once the newer key is as old
//! as `overlap`, and IAM says whether it is unused. IAM does not record when a key was deactivated,
//! so a key is deleted only if the owner asks.
//!
//! # Guarantees
//! - [`replace_own`] creates a key, verifies it, and passes it on to be stored. If any of that
//!   fails, it deletes the new key again, because nothing can be using it. The previous key does
//!   not change.
//! - After a lost reply, `CreateAccessKey` is never repeated. Keys that it may have left behind are
//!   reported.
//! - [`decide_own`] deactivates the old key only after `overlap`, and only if nothing used it
//!   within `recent_use`. "Could not find out" does not count as "unused".

use crate::decide::decision::{Wait, Why};
use crate::machine::verification::{Verification, VerifyStep};
use crate::model::cause::Cause;
use crate::model::clock::WrongClock;
use crate::model::credentials::Credentials;
use crate::model::error::{CallError, Effect, ErrorKind};
use crate::model::names::{KeyId, UserArn, VersionId};
use crate::model::observed::{AccessKey, KeyStatus, LastUse, Verified};
use crate::model::stored::NewKey;
use crate::model::time::Timestamp;
use crate::model::waits::WaitPolicy;
use crate::model::waits::after;
use crate::ports::cancel::Cancel;
use crate::ports::{Clock, CredentialProbe, IamPort};
use serde::Serialize;
use std::error::Error;
use std::time::Duration;

/// The next step for a person's own key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnStep {
    /// Nothing to do until the key's rotation begins.
    Settled {
        /// When its rotation begins.
        until: Timestamp,
    },
    /// The key's rotation begins: create another key, and store it in place of this one.
    Replace,
    /// The previous key is not changed for now.
    Wait(Wait),
    /// The previous key's overlap is over, and it is unused.
    Deactivate(KeyId),
    /// There is a second key, which is Inactive. It has to be deleted before the next rotation, and
    /// its owner decides when.
    Inactive(KeyId),
    /// Nothing to do until the owner decides.
    Blocked(OwnBlocked),
}

/// The reason why the owner has to decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OwnBlocked {
    /// IAM does not list the key.
    #[error(
        "IAM does not list {0} among the user's keys; it may have been created or deleted this very moment"
    )]
    Unlisted(KeyId),
    /// There is another key that was not created before the key in the file, so the key in the file
    /// is not its successor.
    #[error(
        "{key} was created after {mine}, which is the one in the file: either it is used elsewhere, or a rotation was interrupted and its secret key is lost"
    )]
    Unexplained {
        /// The other key.
        key: KeyId,
        /// The key in the file.
        mine: KeyId,
    },
    /// IAM shows a status that is neither Active nor Inactive.
    #[error("IAM shows the status {status} for {key}; expected Active or Inactive")]
    UnknownStatus {
        /// The key.
        key: KeyId,
        /// Its status.
        status: String,
    },
}

/// Decides the next step for the owner of the key `mine`. `keys` are all keys of the owner.
/// `last_use` is that of the other key, if there is one.
///
/// ```
/// use keyrot_core::{AccessKey, KeyId, KeyStatus, WaitPolicy, Waits};
/// use keyrot_core::requests::{OwnStep, decide_own};
///
/// let policy = WaitPolicy::new(Waits::default(), false)?;
/// let mine = KeyId::parse("AKIAIOSFODNN7EXAMPLE")?;
/// let created = "2026-01-05T04:00:00Z".parse()?;
/// let keys = [AccessKey { id: mine.clone(), status: KeyStatus::Active, created }];
/// assert_eq!(decide_own(&keys, &mine, None, &policy, "2026-04-05T04:00:00Z".parse()?), OwnStep::Replace);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn decide_own(
    keys: &[AccessKey],
    mine: &KeyId,
    last_use: Option<&LastUse>,
    policy: &WaitPolicy,
    now: Timestamp,
) -> OwnStep {
    let Some(own) = keys.iter().find(|key| key.id == *mine) else {
        return OwnStep::Blocked(OwnBlocked::Unlisted(mine.clone()));
    };
    let Some(other) = other_key(keys, mine) else {
        let due = policy.due(own.created);
        return if due <= now { OwnStep::Replace } else { OwnStep::Settled { until: due } };
    };
    let key = other.id.clone();
    match &other.status {
        KeyStatus::Other(status) => {
            OwnStep::Blocked(OwnBlocked::UnknownStatus { key, status: status.clone() })
        }
        KeyStatus::Inactive => OwnStep::Inactive(key),
        // IAM shows whole seconds. Of two keys created in the same second, neither is newer.
        KeyStatus::Active if other.created >= own.created => {
            OwnStep::Blocked(OwnBlocked::Unexplained { key, mine: mine.clone() })
        }
        KeyStatus::Active => leaving(key, own, last_use, policy, now),
    }
}

/// Uses the same waits as for a key that is no longer current. The successor has been in place
/// since its creation. Its use is not checked, because its owner runs the command interactively.
fn leaving(
    key: KeyId,
    own: &AccessKey,
    last_use: Option<&LastUse>,
    policy: &WaitPolicy,
    now: Timestamp,
) -> OwnStep {
    let since = own.created;
    let overlap = after(since, policy.waits().overlap);
    let recent_use = policy.waits().recent_use;
    let wait = |why, until| OwnStep::Wait(Wait { why, until });
    if now < overlap {
        return wait(Why::Overlap(key), Some(overlap));
    }
    match last_use {
        None => wait(Why::UseUnknown { key, reason: "it was not asked for".to_owned() }, None),
        Some(LastUse::Unknown(reason)) => {
            wait(Why::UseUnknown { key, reason: reason.clone() }, None)
        }
        Some(used @ LastUse::At { when, .. }) if now < after(*when, recent_use) => {
            wait(Why::InUse { key, last_use: used.clone() }, Some(after(*when, recent_use)))
        }
        Some(used @ LastUse::At { when, .. })
            if policy.caches_until(since) < *when && now < after(*when, policy.waits().idle) =>
        {
            let why = Why::UsedLate { key, new: own.id.clone(), last_use: used.clone() };
            wait(why, Some(after(*when, policy.waits().idle)))
        }
        Some(LastUse::NoRecord) if now < after(overlap, recent_use) => {
            wait(Why::NoRecord(key), Some(after(overlap, recent_use)))
        }
        Some(LastUse::At { .. } | LastUse::NoRecord) => OwnStep::Deactivate(key),
    }
}

/// Returns the user's other key.
#[must_use]
pub fn other_key<'a>(keys: &'a [AccessKey], mine: &KeyId) -> Option<&'a AccessKey> {
    keys.iter().find(|key| key.id != *mine)
}

/// The reason why a key was not replaced. In every case, the previous key still works.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplaceError {
    /// No key was created.
    #[error("no key was created: {0}")]
    NotMade(#[source] CallError),
    /// The reply was lost, so it is unknown whether a key was created. If so, its secret half is
    /// lost.
    #[error("it is not known whether a key was created: {error}")]
    Lost {
        /// What happened.
        #[source]
        error: CallError,
        /// Keys that IAM lists now and did not list before. Also empty if IAM could not be asked.
        since: Vec<KeyId>,
    },
    /// A key was created and deleted again.
    #[error("{why}; the new key {key} was deleted again")]
    Undone {
        /// The key.
        key: KeyId,
        /// The reason.
        #[source]
        why: Undone,
    },
    /// A key was created and could not be deleted again. Nothing can be using it.
    #[error(
        "{why}; the new key {key} exists, its secret key is lost, and it could not be deleted: {error}"
    )]
    LeftBehind {
        /// The key.
        key: KeyId,
        /// Why it should have been deleted.
        why: Undone,
        /// Why it was not deleted.
        #[source]
        error: CallError,
    },
}

/// The reason why a new key was not kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Undone {
    /// The key did not work.
    #[error("the new key does not work: {0}")]
    NotProved(String),
    /// AWS could not be asked whether the key works.
    #[error("the new key could not be verified: {0}")]
    NotVerified(String),
    /// The key could not be stored.
    #[error("the new key could not be stored: {0}")]
    NotStored(#[source] Cause),
    /// A stop was requested.
    #[error("stopped")]
    Cancelled,
}

/// Creates a key for `owner`, verifies it, and stores it with `store`. `keys` are the keys that IAM
/// listed just before.
///
/// `store` puts the key where its owner reads it. If `store` fails, it must leave nothing there.
/// Its error is a message without secret material.
///
/// # Errors
/// [`ReplaceError`], which says whether a key is left behind.
pub async fn replace_own(
    (iam, probe, clock): (&dyn IamPort, &dyn CredentialProbe, &dyn Clock),
    owner: &UserArn,
    keys: &[AccessKey],
    policy: &WaitPolicy,
    cancel: &Cancel,
    store: impl FnOnce(&Credentials) -> Result<(), Box<dyn Error + Send + Sync>>,
) -> Result<KeyId, ReplaceError> {
    // The decision was made with this clock, so it must not be wrong.
    if let Err(wrong) = WrongClock::read(clock) {
        let message = format!("{wrong}; set the clock, then run again");
        return Err(ReplaceError::NotMade(CallError::refused(ErrorKind::Other, message)));
    }
    let made = match iam.create_key(owner.name()).await {
        Ok(made) => made,
        Err(error) if error.effect == Effect::None => return Err(ReplaceError::NotMade(error)),
        Err(error) => {
            let listed = iam.list_keys(owner.name()).await.unwrap_or_default();
            let new = |key: &AccessKey| keys.iter().all(|before| before.id != key.id);
            let since = listed.iter().filter(|key| new(key)).map(|key| key.id.clone()).collect();
            return Err(ReplaceError::Lost { error, since });
        }
    };
    let key = made.credentials.key.clone();
    let why = match verify((probe, clock), &made, owner, policy, cancel).await {
        Some(Verified::Works) => match store(&made.credentials) {
            Ok(()) => return Ok(key),
            Err(reason) => Undone::NotStored(Cause::new(reason)),
        },
        Some(Verified::Unknown(reason)) => Undone::NotVerified(reason),
        Some(Verified::Refused(reason) | Verified::Wrong(reason)) => Undone::NotProved(reason),
        None => Undone::Cancelled,
    };
    match iam.delete_key(owner.name(), &key).await {
        Ok(()) => Err(ReplaceError::Undone { key, why }),
        Err(error) => Err(ReplaceError::LeftBehind { key, why, error }),
    }
}

/// A pause consists of naps of this length, so that a request to stop is noticed.
const NAP: Duration = Duration::from_millis(250);

/// Verifies the key as many times in a row as the policy requires; `None` if a stop was requested.
async fn verify(
    (probe, clock): (&dyn CredentialProbe, &dyn Clock),
    made: &NewKey,
    owner: &UserArn,
    policy: &WaitPolicy,
    cancel: &Cancel,
) -> Option<Verified> {
    // No version holds this key; the id only serves as a name here.
    let name = VersionId::for_placeholder(made.created);
    let key = made.credentials.key.clone();
    let mut verification =
        Verification::new(name, key, Some(made.credentials.clone()), owner.clone(), clock.now());
    loop {
        if cancel.is_cancelled() {
            return None;
        }
        if let Some(verified) = verification.result(clock.now(), policy) {
            return Some(verified);
        }
        match verification.next(clock.now()) {
            VerifyStep::Pause(time) => clock.sleep(time.min(NAP)).await,
            VerifyStep::Read(_) => verification.read(None),
            VerifyStep::Probe(credentials) => match probe.probe(&credentials).await {
                Ok(answer) => verification.answered(answer, clock.now(), policy),
                Err(error) => verification.failed(&error, clock.now()),
            },
        }
    }
}

#[cfg(test)]
mod tests;
