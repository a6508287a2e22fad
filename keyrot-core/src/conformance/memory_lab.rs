//! The lab on the in-memory account. It is also an example of how to write one.

use crate::conformance::lab::{Lab, Trouble};
use crate::memory::account::MemoryAccount;
use crate::memory::rules::Refusal;
use crate::memory::secret::Value;
use crate::model::credentials::Credentials;
use crate::model::names::{KeyId, NameError, SecretName, UserArn, UserName, VersionId};
use crate::model::observed::KeyStatus;
use crate::model::stored::{NewKey, ProbeAnswer};
use async_trait::async_trait;

/// A [`Lab`] on a [`MemoryAccount`].
#[derive(Debug, Clone)]
pub struct MemoryLab {
    account: MemoryAccount,
}

impl MemoryLab {
    /// Returns a lab on this account. The ports under test may be the account itself, or something
    /// in front of it.
    #[must_use]
    pub fn new(account: MemoryAccount) -> Self {
        Self { account }
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Failed(refusal.to_string())
    }
}

impl From<NameError> for Trouble {
    fn from(error: NameError) -> Self {
        Self::Failed(error.to_string())
    }
}

#[async_trait]
impl Lab for MemoryLab {
    fn prefix(&self) -> String {
        "conformance".into()
    }

    async fn add_user(
        &self,
        name: &UserName,
        path: &str,
        tags: &[(&str, &str)],
    ) -> Result<UserArn, Trouble> {
        let path = path.trim_start_matches('/');
        self.account.change(|world| {
            world.add_user(&format!("{path}{name}"), tags)?;
            let user =
                world.user(name).ok_or_else(|| Trouble::Failed(format!("{name} was not made")))?;
            Ok(user.arn.clone())
        })
    }

    async fn attach_policy(&self, user: &UserName, policy: &str) -> Result<(), Trouble> {
        Ok(self.account.change(|world| world.attach_user_policy(user, policy))?)
    }

    async fn add_key(&self, user: &UserName) -> Result<NewKey, Trouble> {
        Ok(self.account.change(|world| world.add_key(user))?)
    }

    async fn set_key_status(
        &self,
        user: &UserName,
        key: &KeyId,
        status: KeyStatus,
    ) -> Result<(), Trouble> {
        Ok(self.account.change(|world| world.set_key_status(user, key, status))?)
    }

    async fn delete_key(&self, user: &UserName, key: &KeyId) -> Result<(), Trouble> {
        Ok(self.account.change(|world| world.delete_key(user, key))?)
    }

    async fn use_key(&self, credentials: &Credentials) -> Result<(), Trouble> {
        let answer =
            self.account.change(|world| world.authenticate(credentials, "s3", "eu-central-1"));
        self.account.advance(self.account.world().rules.use_lag);
        match answer {
            ProbeAnswer::Authenticated(_) => Ok(()),
            other => Err(Trouble::Failed(format!("{} got {other:?}", credentials.key))),
        }
    }

    async fn settle(&self) -> Result<(), Trouble> {
        self.account.advance(self.account.world().rules.settling());
        Ok(())
    }

    async fn create_empty_secret(&self, secret: &SecretName) -> Result<(), Trouble> {
        Ok(self.account.change(|world| world.create_secret(secret, None))?)
    }

    async fn create_secret(
        &self,
        secret: &SecretName,
        version: &VersionId,
        text: &str,
    ) -> Result<(), Trouble> {
        let first = (version.clone(), Value::text(text));
        Ok(self.account.change(|world| world.create_secret(secret, Some(first)))?)
    }

    async fn delete_secret(&self, secret: &SecretName) -> Result<(), Trouble> {
        self.account.change(|world| {
            let now = world.now();
            let found = world
                .secret_mut(secret)
                .ok_or_else(|| Trouble::Failed(format!("{secret} is not there")))?;
            found.deleted = Some(now);
            Ok(())
        })
    }

    async fn text_of(&self, secret: &SecretName, version: &VersionId) -> Result<String, Trouble> {
        Ok(self.account.world().secret_value(secret, version)?.expose().to_owned())
    }
}
