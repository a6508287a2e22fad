//! A person's own key: plan, agree, carry out, plan again.

pub(crate) mod replace;

use crate::engine::driver::Ports;
use crate::model::clock::WrongClock;
use crate::model::credentials::Credentials;
use crate::model::error::CallError;
use crate::model::names::{KeyId, UserArn};
use crate::model::observed::{AccessKey, LastUse};
use crate::model::time::Timestamp;
use crate::model::waits::WaitPolicy;
use crate::ports::cancel::Cancel;
use crate::requests::own_key::replace::{
    OwnStep, ReplaceError, decide_own, other_key, replace_own,
};
use std::error::Error;

/// The key of a person who replaces it without an operator, kept in a place such as
/// `~/.aws/credentials`.
///
/// ```
/// # #[cfg(feature = "memory")] {
/// # use keyrot_core::memory::{MemoryAccount, World};
/// # use keyrot_core::*;
/// use keyrot_core::requests::{OwnAction, OwnDone, OwnKey};
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// # let mut world = World::new("2026-01-05T04:00:00Z".parse()?);
/// # let jane = world.add_user("jane", &[])?;
/// # let mine = world.add_key(&jane)?.credentials.key;
/// # world.advance(std::time::Duration::from_secs(91 * 86_400));
/// # let account = MemoryAccount::new(world);
/// # let arn = UserArn::parse("arn:aws:iam::123456789012:user/jane")?;
/// let mut own = OwnKey::new(Ports::of(account), arn, mine, WaitPolicy::default());
///
/// let plan = own.plan().await?;
/// assert_eq!(plan.action(false), Some(OwnAction::Replace));
/// // Once its owner agrees:
/// let mut file = String::new();
/// let store = |new: &Credentials| {
///     file = new.key.to_string();
///     Ok(())
/// };
/// let OwnDone::Replaced(new) = own.carry_out(&OwnAction::Replace, &Cancel::default(), store).await? else { unreachable!() };
/// assert_eq!(file, new.to_string());
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct OwnKey {
    ports: Ports,
    owner: UserArn,
    mine: KeyId,
    policy: WaitPolicy,
    /// The keys in IAM's last listing.
    keys: Vec<AccessKey>,
    /// The deleted keys. IAM may still list a key for a while after its deletion.
    deleted: Vec<KeyId>,
}

/// The next step, and the data that it is based on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnPlan {
    /// The next step.
    pub step: OwnStep,
    /// The user's other key.
    pub other: Option<AccessKey>,
    /// The other key's last use.
    pub last_use: Option<LastUse>,
    /// When the data was read.
    pub now: Timestamp,
}

/// A change that needs the owner's agreement.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OwnAction {
    /// Create a key, verify it, and store it in place of the old one.
    Replace,
    /// Deactivate the previous key.
    Deactivate(KeyId),
    /// Delete the other key.
    Delete(KeyId),
}

/// The change that was made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OwnDone {
    /// This new key is in place.
    Replaced(KeyId),
    /// This key was deactivated.
    Deactivated(KeyId),
    /// This key was deleted.
    Deleted(KeyId),
}

/// The reason why a change could not be planned or carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OwnError {
    /// The clock is wrong, so it is unknown what is due.
    #[error("{0}, so keyrot cannot know what is due; nothing more was changed")]
    Clock(WrongClock),
    /// A call failed.
    #[error("your keys could not be {doing}: {error}")]
    Call {
        /// What was attempted, such as `listed`.
        doing: &'static str,
        /// What went wrong.
        error: CallError,
    },
    /// No key was put in place.
    #[error(transparent)]
    Replace(#[from] ReplaceError),
}

impl OwnPlan {
    /// Returns the change that can be made now. An Inactive key is deleted only if its owner
    /// agrees.
    #[must_use]
    pub fn action(&self, delete_inactive: bool) -> Option<OwnAction> {
        match &self.step {
            OwnStep::Replace => Some(OwnAction::Replace),
            OwnStep::Deactivate(key) => Some(OwnAction::Deactivate(key.clone())),
            OwnStep::Inactive(key) if delete_inactive => Some(OwnAction::Delete(key.clone())),
            OwnStep::Inactive(_)
            | OwnStep::Settled { .. }
            | OwnStep::Wait(_)
            | OwnStep::Blocked(_) => None,
        }
    }
}

impl OwnKey {
    /// Returns the flow for the user's key `mine`. The ports act as the user; the secret store is
    /// not used.
    #[must_use]
    pub fn new(ports: Ports, owner: UserArn, mine: KeyId, policy: WaitPolicy) -> Self {
        Self { ports, owner, mine, policy, keys: Vec::new(), deleted: Vec::new() }
    }

    /// Returns the user.
    #[must_use]
    pub fn owner(&self) -> &UserArn {
        &self.owner
    }

    /// Returns the key that was in place at the beginning.
    #[must_use]
    pub fn mine(&self) -> &KeyId {
        &self.mine
    }

    /// Returns the user's keys from the last listing, without those that were deleted.
    #[must_use]
    pub fn keys(&self) -> &[AccessKey] {
        &self.keys
    }

    /// Reads the keys and the last use of the other key, and decides.
    ///
    /// # Errors
    /// [`OwnError`]. Nothing was changed.
    pub async fn plan(&mut self) -> Result<OwnPlan, OwnError> {
        let user = self.owner.name();
        let listed = self.ports.iam.list_keys(user).await;
        let mut keys = listed.map_err(|error| OwnError::Call { doing: "listed", error })?;
        keys.retain(|key| !self.deleted.contains(&key.id));
        let other = other_key(&keys, &self.mine).cloned();
        let last_use = match &other {
            None => None,
            Some(other) => {
                let answer = self.ports.iam.last_use(user, &other.id).await;
                Some(answer.unwrap_or_else(|error| LastUse::Unknown(error.to_string())))
            }
        };
        self.keys = keys;
        let now = WrongClock::read(&*self.ports.clock).map_err(OwnError::Clock)?;
        let step = decide_own(&self.keys, &self.mine, last_use.as_ref(), &self.policy, now);
        Ok(OwnPlan { step, other, last_use, now })
    }

    /// Carries out the plan. `store` puts a new key where its owner reads it, as for
    /// [`replace_own`]. Only [`OwnAction::Replace`] calls `store`. After any other action, plan
    /// again.
    ///
    /// # Errors
    /// [`OwnError`]. Its [`ReplaceError`] says whether a key is left behind.
    pub async fn carry_out(
        &mut self,
        action: &OwnAction,
        cancel: &Cancel,
        store: impl FnOnce(&Credentials) -> Result<(), Box<dyn Error + Send + Sync>>,
    ) -> Result<OwnDone, OwnError> {
        let Ports { iam, probe, clock, .. } = &self.ports;
        let failed = |doing| move |error| OwnError::Call { doing, error };
        match action {
            OwnAction::Replace => {
                let ports = (iam.as_ref(), probe.as_ref(), clock.as_ref());
                let new = replace_own(ports, &self.owner, &self.keys, &self.policy, cancel, store)
                    .await?;
                Ok(OwnDone::Replaced(new))
            }
            OwnAction::Deactivate(key) => {
                iam.deactivate_key(self.owner.name(), key).await.map_err(failed("deactivated"))?;
                Ok(OwnDone::Deactivated(key.clone()))
            }
            OwnAction::Delete(key) => {
                iam.delete_key(self.owner.name(), key).await.map_err(failed("deleted"))?;
                self.keys.retain(|listed| listed.id != *key);
                self.deleted.push(key.clone());
                Ok(OwnDone::Deleted(key.clone()))
            }
        }
    }
}
