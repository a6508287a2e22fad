//! Ports in front of the in-memory account.

use super::give_way;
use async_trait::async_trait;
use keyrot_core::memory::MemoryAccount;
use keyrot_core::model::{
    Difference, JournalEntry, NewKey, Owner, ProbeAnswer, SecretArn, SecretState, StoredVersion, VersionContents,
    VersionId,
};
use keyrot_core::{
    AccessKey, CallError, Clock, CredentialProbe, Credentials, IamPort, IamUser, KeyId, LastUse, Ports, SecretName,
    SecretStorePort, Timestamp, UserName,
};
use std::sync::Arc;
use std::time::Duration;

/// What happens around each call; `of` is the user or the secret that the call is about.
#[async_trait]
pub(crate) trait Hook: Send + Sync {
    async fn before(&self, call: &'static str, of: &str);
    async fn after(&self, call: &'static str, of: &str);
}

pub(crate) struct Hooked<H> {
    account: MemoryAccount,
    hook: H,
}

impl<H: Hook + 'static> Hooked<H> {
    pub(crate) fn ports(account: &MemoryAccount, hook: H) -> Ports {
        let all = Arc::new(Self { account: account.clone(), hook });
        Ports { iam: all.clone(), store: all.clone(), probe: all.clone(), clock: all }
    }

    async fn around<T>(&self, call: &'static str, of: &str, work: impl Future<Output = T> + Send) -> T {
        self.hook.before(call, of).await;
        let result = work.await;
        self.hook.after(call, of).await;
        result
    }
}

#[async_trait]
impl<H: Hook + 'static> IamPort for Hooked<H> {
    async fn users(&self, path_prefix: &str) -> Result<Vec<IamUser>, CallError> {
        self.around("users", path_prefix, self.account.users(path_prefix)).await
    }
    async fn list_keys(&self, user: &UserName) -> Result<Vec<AccessKey>, CallError> {
        self.around("list_keys", user.as_str(), self.account.list_keys(user)).await
    }
    async fn create_key(&self, user: &UserName) -> Result<NewKey, CallError> {
        self.around("create_key", user.as_str(), self.account.create_key(user)).await
    }
    async fn last_use(&self, user: &UserName, key: &KeyId) -> Result<LastUse, CallError> {
        self.around("last_use", user.as_str(), self.account.last_use(user, key)).await
    }
    async fn write_home(&self, user: &UserName, home: &SecretArn) -> Result<(), CallError> {
        self.around("write_home", user.as_str(), self.account.write_home(user, home)).await
    }
    async fn deactivate_key(&self, user: &UserName, key: &KeyId) -> Result<(), CallError> {
        self.around("deactivate_key", user.as_str(), self.account.deactivate_key(user, key)).await
    }
    async fn activate_key(&self, user: &UserName, key: &KeyId) -> Result<(), CallError> {
        self.around("activate_key", user.as_str(), self.account.activate_key(user, key)).await
    }

    async fn delete_key(&self, user: &UserName, key: &KeyId) -> Result<(), CallError> {
        self.around("delete_key", user.as_str(), self.account.delete_key(user, key)).await
    }
}

#[async_trait]
impl<H: Hook + 'static> SecretStorePort for Hooked<H> {
    async fn describe(&self, secret: &SecretName) -> Result<SecretState, CallError> {
        self.around("describe", secret.as_str(), self.account.describe(secret)).await
    }
    async fn create(
        &self,
        secret: &SecretName,
        owner: &Owner,
        placeholder: &VersionId,
    ) -> Result<SecretArn, CallError> {
        self.around("create", secret.as_str(), self.account.create(secret, owner, placeholder)).await
    }
    async fn bind(&self, secret: &SecretName, owner: &Owner) -> Result<(), CallError> {
        self.around("bind", secret.as_str(), self.account.bind(secret, owner)).await
    }
    async fn elsewhere(&self, secret: &SecretName, owner: &Owner) -> Result<Vec<SecretArn>, CallError> {
        self.around("elsewhere", secret.as_str(), self.account.elsewhere(secret, owner)).await
    }
    async fn differences(&self, secret: &SecretName) -> Result<Vec<Difference>, CallError> {
        self.around("differences", secret.as_str(), self.account.differences(secret)).await
    }
    async fn stage_placeholder(&self, secret: &SecretName, placeholder: &VersionId) -> Result<(), CallError> {
        self.around("stage_placeholder", secret.as_str(), self.account.stage_placeholder(secret, placeholder)).await
    }
    async fn put_placeholder(&self, secret: &SecretName, placeholder: &VersionId) -> Result<(), CallError> {
        self.around("put_placeholder", secret.as_str(), self.account.put_placeholder(secret, placeholder)).await
    }
    async fn test_write(&self, secret: &SecretName, version: &VersionId) -> Result<(), CallError> {
        self.around("test_write", secret.as_str(), self.account.test_write(secret, version)).await
    }
    async fn write_note(&self, secret: &SecretName, note: &JournalEntry) -> Result<(), CallError> {
        self.around("write_note", secret.as_str(), self.account.write_note(secret, note)).await
    }
    async fn inspect_version(
        &self,
        secret: &SecretName,
        version: &VersionId,
    ) -> Result<Option<VersionContents>, CallError> {
        self.around("inspect_version", secret.as_str(), self.account.inspect_version(secret, version)).await
    }
    async fn versions(&self, secret: &SecretName) -> Result<Vec<StoredVersion>, CallError> {
        self.around("versions", secret.as_str(), self.account.versions(secret)).await
    }
    async fn stage(
        &self,
        secret: &SecretName,
        version: &VersionId,
        credentials: &Credentials,
        carry: Option<VersionId>,
    ) -> Result<(), CallError> {
        self.around("stage", secret.as_str(), self.account.stage(secret, version, credentials, carry)).await
    }
    async fn read(&self, secret: &SecretName, version: &VersionId) -> Result<Option<Credentials>, CallError> {
        self.around("read", secret.as_str(), self.account.read(secret, version)).await
    }
    async fn promote(&self, secret: &SecretName, from: &VersionId, to: &VersionId) -> Result<(), CallError> {
        self.around("promote", secret.as_str(), self.account.promote(secret, from, to)).await
    }
    async fn unstage(&self, secret: &SecretName, version: &VersionId) -> Result<(), CallError> {
        self.around("unstage", secret.as_str(), self.account.unstage(secret, version)).await
    }
}

#[async_trait]
impl<H: Hook + 'static> CredentialProbe for Hooked<H> {
    async fn probe(&self, credentials: &Credentials) -> Result<ProbeAnswer, CallError> {
        self.around("probe", credentials.key.as_str(), self.account.probe(credentials)).await
    }
}

#[async_trait]
impl<H: Hook + 'static> Clock for Hooked<H> {
    fn now(&self) -> Timestamp {
        self.account.now()
    }
    fn aws_now(&self) -> Option<Timestamp> {
        self.account.aws_now()
    }
    async fn sleep(&self, time: Duration) {
        self.account.sleep(time).await;
    }
    async fn time_limit(&self, time: Duration) {
        self.account.time_limit(time).await;
    }
}

/// Gives way before and after each call, so that another run can come between.
pub(crate) struct Yielding;

#[async_trait]
impl Hook for Yielding {
    async fn before(&self, _: &'static str, _: &str) {
        give_way().await;
    }
    async fn after(&self, _: &'static str, _: &str) {
        give_way().await;
    }
}
