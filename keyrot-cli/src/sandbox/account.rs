//! The sandbox behind keyrot's ports.

use super::{SandboxError, SandboxFile};
use async_trait::async_trait;
use futures_util::FutureExt;
use keyrot_core::audit::{AccountPort, CredentialReport};
use keyrot_core::consumer::{CredentialSource, HomeSource, Published, SecretId, VersionStage};
use keyrot_core::memory::{MemoryAccount, World};
use keyrot_core::model::{
    Difference, HomeTag, JournalEntry, NewKey, Owner, ProbeAnswer, SecretArn, SecretState, StoredVersion,
    VersionContents, VersionId,
};
use keyrot_core::ports::TagPort;
use keyrot_core::requests::UserPolicyPort;
use keyrot_core::usage::{KeyRecord, TrailAsk, TrailPage, TrailPort};
use keyrot_core::{
    AccessKey, CallError, Clock, CredentialProbe, Credentials, ErrorKind, IamPort, IamUser, KeyId, LastUse, SecretName,
    SecretStorePort, Timestamp, UserName,
};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a call really takes, such as `20ms`: for tests that stop a run halfway.
const PACE: &str = "KEYROT_TEST_SANDBOX_PACE";
/// `N:before` or `N:after`: the process aborts right before or after its Nth call, counted from 1, is carried out.
const DIE: &str = "KEYROT_TEST_SANDBOX_DIE";

/// The account in a sandbox's file. Clones share it.
#[derive(Clone)]
pub(crate) struct SandboxAccount {
    shared: Arc<Shared>,
}

struct Shared {
    file: SandboxFile,
    /// Whose secrets are worked on.
    region: String,
    /// The regions in which a user's secret is looked for before one is created.
    further: Vec<String>,
    /// The account's clock as it was seen last.
    now: Mutex<Timestamp>,
    calls: AtomicUsize,
    pace: Duration,
    die: Option<(usize, Moment)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Before,
    After,
}

impl SandboxAccount {
    /// The account in this file, or in the usual one, with the secrets of this region; homes are looked for in these further ones, too.
    pub(crate) async fn open(path: Option<&Path>, region: &str, further: &[String]) -> Result<Self, SandboxError> {
        let (file, made) = SandboxFile::open(path).await?;
        if made {
            say!("created a sandbox in {}", file.path().display());
        }
        let now = Mutex::new(file.load()?.now());
        let test = |name| std::env::var(name).ok().filter(|v| !v.is_empty());
        let pace = test(PACE).and_then(|v| humantime::parse_duration(&v).ok()).unwrap_or_default();
        let die = test(DIE).and_then(|v| {
            let (nth, moment) = v.split_once(':')?;
            let moment = if moment == "after" { Moment::After } else { Moment::Before };
            Some((nth.parse().ok()?, moment))
        });
        let (region, further, calls) = (region.to_owned(), further.to_vec(), AtomicUsize::new(0));
        Ok(Self { shared: Arc::new(Shared { file, region, further, now, calls, pace, die }) })
    }

    /// Makes one call: under the lock, saved before it is answered.
    async fn call<T>(
        &self,
        work: impl FnOnce(&MemoryAccount) -> Option<Result<T, CallError>> + Send,
    ) -> Result<T, CallError> {
        let shared = &self.shared;
        if shared.pace.is_zero() {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(shared.pace).await;
        }
        let nth = shared.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let die = |moment| {
            if shared.die == Some((nth, moment)) {
                std::process::abort();
            }
        };
        die(Moment::Before);
        let answer = shared.file.change(|world| {
            let usual = world.region().to_owned();
            let further: Vec<&str> = shared.further.iter().map(String::as_str).collect();
            let account = MemoryAccount::new(world.clone()).in_region(shared.region.as_str()).looking_in(&further);
            let answer = work(&account);
            *world = account.world();
            world.set_region(usual);
            self.see(world.now());
            answer
        });
        die(Moment::After);
        match answer {
            // No fault is injected here, so that every answer of the in-memory account is there at once.
            Ok(answer) => answer.unwrap_or_else(|| Err(CallError::lost("the sandbox did not answer"))),
            Err(error) => Err(CallError::refused(ErrorKind::Other, error.to_string())),
        }
    }

    fn look(&self) -> Result<World, CallError> {
        self.shared.file.load().map_err(|error| CallError::refused(ErrorKind::Other, error.to_string()))
    }

    fn see(&self, now: Timestamp) {
        *self.shared.now.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }
}

#[async_trait]
impl IamPort for SandboxAccount {
    async fn users(&self, path_prefix: &str) -> Result<Vec<IamUser>, CallError> {
        self.call(|a| a.users(path_prefix).now_or_never()).await
    }

    async fn list_keys(&self, user: &UserName) -> Result<Vec<AccessKey>, CallError> {
        self.call(|a| a.list_keys(user).now_or_never()).await
    }

    async fn create_key(&self, user: &UserName) -> Result<NewKey, CallError> {
        self.call(|a| a.create_key(user).now_or_never()).await
    }

    async fn last_use(&self, user: &UserName, key: &KeyId) -> Result<LastUse, CallError> {
        self.call(|a| a.last_use(user, key).now_or_never()).await
    }

    async fn write_home(&self, user: &UserName, home: &SecretArn) -> Result<(), CallError> {
        self.call(|a| a.write_home(user, home).now_or_never()).await
    }

    async fn deactivate_key(&self, user: &UserName, key: &KeyId) -> Result<(), CallError> {
        self.call(|a| a.deactivate_key(user, key).now_or_never()).await
    }

    async fn activate_key(&self, user: &UserName, key: &KeyId) -> Result<(), CallError> {
        self.call(|a| a.activate_key(user, key).now_or_never()).await
    }

    async fn delete_key(&self, user: &UserName, key: &KeyId) -> Result<(), CallError> {
        self.call(|a| a.delete_key(user, key).now_or_never()).await
    }
}

#[async_trait]
impl TagPort for SandboxAccount {
    async fn tag_user(&self, user: &UserName, key: &str, value: &str) -> Result<(), CallError> {
        self.call(|a| a.tag_user(user, key, value).now_or_never()).await
    }

    async fn untag_user(&self, user: &UserName, key: &str) -> Result<(), CallError> {
        self.call(|a| a.untag_user(user, key).now_or_never()).await
    }
}

#[async_trait]
impl UserPolicyPort for SandboxAccount {
    async fn user_policy(&self, user: &UserName, name: &str) -> Result<Option<String>, CallError> {
        self.call(|a| a.user_policy(user, name).now_or_never()).await
    }

    async fn put_user_policy(&self, user: &UserName, name: &str, document: &str) -> Result<(), CallError> {
        self.call(|a| a.put_user_policy(user, name, document).now_or_never()).await
    }

    async fn delete_user_policy(&self, user: &UserName, name: &str) -> Result<(), CallError> {
        self.call(|a| a.delete_user_policy(user, name).now_or_never()).await
    }
}

#[async_trait]
impl AccountPort for SandboxAccount {
    async fn credential_report(&self) -> Result<CredentialReport, CallError> {
        self.call(|a| a.credential_report().now_or_never()).await
    }
}

#[async_trait]
impl SecretStorePort for SandboxAccount {
    async fn describe(&self, secret: &SecretName) -> Result<SecretState, CallError> {
        self.call(|a| a.describe(secret).now_or_never()).await
    }

    async fn create(
        &self,
        secret: &SecretName,
        owner: &Owner,
        placeholder: &VersionId,
    ) -> Result<SecretArn, CallError> {
        self.call(|a| a.create(secret, owner, placeholder).now_or_never()).await
    }

    async fn bind(&self, secret: &SecretName, owner: &Owner) -> Result<(), CallError> {
        self.call(|a| a.bind(secret, owner).now_or_never()).await
    }

    async fn elsewhere(&self, secret: &SecretName, owner: &Owner) -> Result<Vec<SecretArn>, CallError> {
        self.call(|a| a.elsewhere(secret, owner).now_or_never()).await
    }

    async fn differences(&self, secret: &SecretName) -> Result<Vec<Difference>, CallError> {
        self.call(|a| a.differences(secret).now_or_never()).await
    }

    async fn put_placeholder(&self, secret: &SecretName, placeholder: &VersionId) -> Result<(), CallError> {
        self.call(|a| a.put_placeholder(secret, placeholder).now_or_never()).await
    }

    async fn test_write(&self, secret: &SecretName, version: &VersionId) -> Result<(), CallError> {
        self.call(|a| a.test_write(secret, version).now_or_never()).await
    }

    async fn stage_placeholder(&self, secret: &SecretName, placeholder: &VersionId) -> Result<(), CallError> {
        self.call(|a| a.stage_placeholder(secret, placeholder).now_or_never()).await
    }

    async fn write_note(&self, secret: &SecretName, note: &JournalEntry) -> Result<(), CallError> {
        self.call(|a| a.write_note(secret, note).now_or_never()).await
    }

    async fn inspect_version(
        &self,
        secret: &SecretName,
        version: &VersionId,
    ) -> Result<Option<VersionContents>, CallError> {
        self.call(|a| a.inspect_version(secret, version).now_or_never()).await
    }

    async fn versions(&self, secret: &SecretName) -> Result<Vec<StoredVersion>, CallError> {
        self.call(|a| a.versions(secret).now_or_never()).await
    }

    async fn stage(
        &self,
        secret: &SecretName,
        version: &VersionId,
        credentials: &Credentials,
        carry: Option<VersionId>,
    ) -> Result<(), CallError> {
        self.call(|a| a.stage(secret, version, credentials, carry.clone()).now_or_never()).await
    }

    async fn read(&self, secret: &SecretName, version: &VersionId) -> Result<Option<Credentials>, CallError> {
        self.call(|a| a.read(secret, version).now_or_never()).await
    }

    async fn promote(&self, secret: &SecretName, from: &VersionId, to: &VersionId) -> Result<(), CallError> {
        self.call(|a| a.promote(secret, from, to).now_or_never()).await
    }

    async fn unstage(&self, secret: &SecretName, version: &VersionId) -> Result<(), CallError> {
        self.call(|a| a.unstage(secret, version).now_or_never()).await
    }
}

#[async_trait]
impl CredentialSource for SandboxAccount {
    async fn published(&self, secret: &SecretId, edition: VersionStage) -> Result<Published, CallError> {
        self.call(|a| a.published(secret, edition).now_or_never()).await
    }
}

#[async_trait]
impl HomeSource for SandboxAccount {
    async fn moved_to(&self, secret: &SecretId) -> Result<Option<SecretArn>, CallError> {
        self.call(|a| a.moved_to(secret).now_or_never()).await
    }

    async fn home_of(&self, user: &UserName) -> Result<HomeTag, CallError> {
        self.call(|a| a.home_of(user).now_or_never()).await
    }
}

#[async_trait]
impl CredentialProbe for SandboxAccount {
    async fn probe(&self, credentials: &Credentials) -> Result<ProbeAnswer, CallError> {
        self.call(|a| a.probe(credentials).now_or_never()).await
    }
}

/// Read from the file at once: a look into the trail takes no time on the account's clock.
#[async_trait]
impl TrailPort for SandboxAccount {
    fn regions(&self) -> Vec<String> {
        let mut regions = self.shared.file.load().map(|world| world.trailed_regions()).unwrap_or_default();
        regions.insert("us-east-1".to_owned());
        regions.into_iter().collect()
    }

    async fn key_record(&self, key: &KeyId) -> Result<KeyRecord, CallError> {
        Ok(self.look()?.key_record(key)?)
    }

    async fn page<'a>(&self, ask: &TrailAsk, next: Option<&'a str>) -> Result<TrailPage, CallError> {
        self.look()?.trail_page(ask, next)
    }
}

#[async_trait]
impl Clock for SandboxAccount {
    fn now(&self) -> Timestamp {
        *self.shared.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn aws_now(&self) -> Option<Timestamp> {
        Some(self.now())
    }

    /// Moves the account's clock without waiting.
    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(self.shared.pace).await;
        let moved = self.shared.file.change(|world| {
            world.advance(time);
            world.now()
        });
        if let Ok(now) = moved {
            self.see(now);
        }
    }

    /// By the machine's clock: notifiers are real in a sandbox, too.
    async fn time_limit(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}
