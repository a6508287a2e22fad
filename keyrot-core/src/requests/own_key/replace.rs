//! One's own key: whoever has a key in a file of their own, and no secret store, replaces it by
//! themselves.
//!
//! There is no journal and no database. IAM's record is enough: the newer key is the one in the
//! file, so the older one is leaving; it has had its overlap when the newer is that old, and it is
//! unused when IAM says so. What IAM does not record is when a key was deactivated, so nothing is
//! deleted without being asked for.
//!
//! # Guarantees
//! - [`replace_own`] creates a key, verifies it, and hands it over to be stored. If any of that
//!   fails, the new key is deleted again: nobody has it. The key before is not touched.
//! - A lost reply to `CreateAccessKey` is never repeated, and what it may have left is named, not
//!   guessed at.
//! - [`decide_own`] has the old key deactivated only after `overlap`, when nothing used it within
//!   `quiet`; "could not find out" is not "unused".

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

/// What there is to do about one's own key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnStep {
    /// Nothing until its rotation begins.
    Settled {
        /// When that is.
        until: Timestamp,
    },
    /// Its rotation begins: make another, and put it into its place.
    Replace,
    /// The previous key is not touched for now.
    Wait(Wait),
    /// The key before has had its overlap, and is unused.
    Deactivate(KeyId),
    /// There is a second key, and it is Inactive. It has to go before the next rotation; when, is
    /// for its owner to say.
    Inactive(KeyId),
    /// Nothing, until a person decides.
    Blocked(OwnBlocked),
}

/// Why a person has to decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OwnBlocked {
    /// IAM does not list the key.
    #[error(
        "IAM does not list {0} among the user's keys; it may have been created or deleted this very moment"
    )]
    Unlisted(KeyId),
    /// There is another key that was not made before this one, so this is not its successor.
    #[error(
        "{key} was created after {mine}, which is the one in the file: either somebody uses it elsewhere, or a rotation was cut off and nobody has it"
    )]
    Unexplained {
        /// The other key.
        key: KeyId,
        /// The one in the file.
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

/// What to do for the owner of the key `mine`, whose keys are these. `last_use` is the other key's,
/// if there is one.
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
        // IAM shows whole seconds: of two made in the same one, neither is the later.
        KeyStatus::Active if other.created >= own.created => {
            OwnStep::Blocked(OwnBlocked::Unexplained { key, mine: mine.clone() })
        }
        KeyStatus::Active => leaving(key, own, last_use, policy, now),
    }
}

/// The same waits as for a key that left AWSCURRENT; the successor is in place since it was made.
/// Whether something uses it is not asked: its owner is at the keyboard.
fn leaving(
    key: KeyId,
    own: &AccessKey,
    last_use: Option<&LastUse>,
    policy: &WaitPolicy,
    now: Timestamp,
) -> OwnStep {
    let since = own.created;
    let overlap = after(since, policy.waits().overlap);
    let quiet = policy.waits().quiet;
    let wait = |why, until| OwnStep::Wait(Wait { why, until });
    if now < overlap {
        return wait(Why::Overlap(key), Some(overlap));
    }
    match last_use {
        None => wait(Why::UseUnknown { key, reason: "it was not asked for".to_owned() }, None),
        Some(LastUse::Unknown(reason)) => {
            wait(Why::UseUnknown { key, reason: reason.clone() }, None)
        }
        Some(used @ LastUse::At { when, .. }) if now < after(*when, quiet) => {
            wait(Why::InUse { key, last_use: used.clone() }, Some(after(*when, quiet)))
        }
        Some(used @ LastUse::At { when, .. })
            if policy.caches_until(since) < *when && now < after(*when, policy.waits().idle) =>
        {
            let why = Why::UsedLate { key, new: own.id.clone(), last_use: used.clone() };
            wait(why, Some(after(*when, policy.waits().idle)))
        }
        Some(LastUse::NoRecord) if now < after(overlap, quiet) => {
            wait(Why::NoRecord(key), Some(after(overlap, quiet)))
        }
        Some(LastUse::At { .. } | LastUse::NoRecord) => OwnStep::Deactivate(key),
    }
}

/// The user's key that is not this one.
#[must_use]
pub fn other_key<'a>(keys: &'a [AccessKey], mine: &KeyId) -> Option<&'a AccessKey> {
    keys.iter().find(|key| key.id != *mine)
}

/// Why a key was not replaced. Whatever stands in here, the key before works as it did.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplaceError {
    /// No key was made.
    #[error("no key was created: {0}")]
    NotMade(#[source] CallError),
    /// It is not known whether a key was made: the reply was lost. Its secret is lost with it.
    #[error("it is not known whether a key was created: {error}")]
    Lost {
        /// What happened.
        #[source]
        error: CallError,
        /// Keys that IAM lists now and did not before; empty also if it could not be asked.
        since: Vec<KeyId>,
    },
    /// A key was made, and deleted again.
    #[error("{why}; the new key {key} was deleted again")]
    Undone {
        /// The key.
        key: KeyId,
        /// Why.
        #[source]
        why: Undone,
    },
    /// A key was made, and could not be deleted again. Nobody has it.
    #[error(
        "{why}; the new key {key} exists, nobody has its secret, and it could not be deleted: {error}"
    )]
    LeftBehind {
        /// The key.
        key: KeyId,
        /// Why it should have gone.
        why: Undone,
        /// Why it could not.
        #[source]
        error: CallError,
    },
}

/// Why a new key was not kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Undone {
    /// It did not work.
    #[error("the new key does not work: {0}")]
    NotProved(String),
    /// AWS could not be asked whether it works.
    #[error("the new key could not be verified: {0}")]
    NotVerified(String),
    /// It could not be stored.
    #[error("the new key could not be stored: {0}")]
    NotStored(#[source] Cause),
    /// It was asked to stop.
    #[error("stopped")]
    Cancelled,
}

/// Creates a key for `owner`, verifies it, and has it stored. `keys` are those that IAM listed just
/// before.
///
/// `store` puts the key where its user finds it; if it fails, nothing may be there. What it says is
/// for people, and holds no secret material.
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
    // What is due, and whether it is due yet, was decided by this clock.
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

/// A pause is slept in pieces, so that a request to stop is heard.
const NAP: Duration = Duration::from_millis(250);

/// Tries the key as often running as the policy asks; `None` if it was asked to stop.
async fn verify(
    (probe, clock): (&dyn CredentialProbe, &dyn Clock),
    made: &NewKey,
    owner: &UserArn,
    policy: &WaitPolicy,
    cancel: &Cancel,
) -> Option<Verified> {
    // It stands in no version; the id is only a name here.
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
