//! The account behind keyrot's ports.

use crate::memory::fault::{Fault, FaultAt};
use crate::memory::watch::{Actor, Broken, Watch};
use crate::memory::world::World;
use crate::model::credentials::Credentials;
use crate::model::error::{CallError, ErrorKind};
use crate::model::home::{HOME_TAG, SecretArn};
use crate::model::names::{KeyId, SecretName, UserName};
use crate::model::observed::{AccessKey, KeyStatus, LastUse};
use crate::model::stored::{NewKey, ProbeAnswer};
use crate::model::time::Timestamp;
use crate::model::user::IamUser;
use crate::model::waits::WaitPolicy;
use crate::ports::{Clock, CredentialProbe, IamPort, TagPort, UserPolicyPort};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// A [`World`] that answers as keyrot's ports. Clones share the account.
#[derive(Clone)]
pub struct MemoryAccount {
    inner: Arc<Mutex<Inner>>,
    /// The region that this handle's secrets are in.
    region: String,
    /// The other regions in which it looks for homes.
    pub(super) further: Vec<String>,
}

struct Inner {
    world: World,
    faults: Vec<FaultAt>,
    watches: Vec<Watch>,
    broken: Vec<Broken>,
    calls: BTreeMap<&'static str, usize>,
    /// The tasks that wait for the clock to advance.
    waiting: Vec<std::task::Waker>,
}

impl std::fmt::Debug for MemoryAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MemoryAccount(at {})", self.inner().world.now())
    }
}

impl MemoryAccount {
    /// Puts an account behind the ports.
    #[must_use]
    pub fn new(world: World) -> Self {
        let region = world.region().to_owned();
        let inner = Inner {
            world,
            faults: Vec::new(),
            watches: Vec::new(),
            broken: Vec::new(),
            calls: BTreeMap::new(),
            waiting: Vec::new(),
        };
        Self { inner: Arc::new(Mutex::new(inner)), region, further: Vec::new() }
    }

    /// Returns the same account with the secrets of another region. IAM is the same everywhere.
    #[must_use]
    pub fn in_region(&self, region: impl Into<String>) -> Self {
        Self { region: region.into(), ..self.clone() }
    }

    /// Returns the same account, which also looks for a user's home in these regions before it
    /// creates one.
    #[must_use]
    pub fn looking_in(&self, further: &[&str]) -> Self {
        Self {
            further: further.iter().map(|region| (*region).to_owned()).collect(),
            ..self.clone()
        }
    }

    /// Returns a copy of the account as it is now.
    #[must_use]
    pub fn world(&self) -> World {
        let mut world = self.inner().world.clone();
        world.set_region(&self.region);
        world
    }

    /// Changes the account as a person would, outside of any rotation. The watches attribute the
    /// change to a person.
    pub fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut inner = self.inner();
        inner.world.set_region(&self.region);
        let before = (!inner.watches.is_empty()).then(|| inner.world.clone());
        let result = change(&mut inner.world);
        inner.judge(before.as_ref(), Actor::Person);
        inner.wake();
        result
    }

    /// Moves the account's clock forward.
    pub fn advance(&self, time: Duration) {
        let mut inner = self.inner();
        inner.world.advance(time);
        inner.wake();
    }

    /// Injects a fault from now on.
    ///
    /// # Panics
    /// If no port has a method of that name, because a fault that hits nothing would make a
    /// meaningless test pass.
    pub fn inject(&self, fault: FaultAt) {
        fault.check();
        self.inner().faults.push(fault);
    }

    /// Removes all faults.
    pub fn heal(&self) {
        self.inner().faults.clear();
    }

    /// Checks every change to this user against the promises from now on. It is meant for a few
    /// users, because each change copies the account.
    pub fn watch(&self, user: &UserName, secret: &SecretName, policy: &WaitPolicy) {
        let mut inner = self.inner();
        let watch = Watch::new(&inner.world, user.clone(), secret.clone(), *policy);
        inner.watches.push(watch);
    }

    /// Returns the promises that were broken so far.
    #[must_use]
    pub fn broken(&self) -> Vec<Broken> {
        self.inner().broken.clone()
    }

    /// Returns the number of calls of each port method.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<&'static str, usize> {
        self.inner().calls.clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // A panic in a test's closure does not damage the account, so it stays usable.
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(super) async fn call<T>(
        &self,
        name: &'static str,
        work: impl FnOnce(&mut World) -> Result<T, CallError> + Send,
    ) -> Result<T, CallError> {
        let work = |world: &mut World| {
            world.set_region(&self.region);
            work(world)
        };
        let fault = self.inner().begin(name);
        let refused = |kind, code: &str| {
            let error = CallError::refused(kind, format!("{name} was refused ({code})"));
            Err(error.with_aws_code(Some(code.to_owned())))
        };
        match fault {
            None => self.inner().carry_out(work),
            Some(Fault::Denied) => refused(ErrorKind::Denied, "AccessDenied"),
            Some(Fault::Throttled) => refused(ErrorKind::Throttled, "Throttling"),
            Some(Fault::LostRequest) => Err(CallError::lost(format!("{name} was not answered"))),
            Some(Fault::LostReply) => {
                let result = self.inner().carry_out(work);
                result.and_then(|_| Err(CallError::lost(format!("{name} was not answered"))))
            }
            Some(Fault::DeathBefore) => std::future::pending().await,
            Some(Fault::DeathAfter) => {
                drop(self.inner().carry_out(work));
                std::future::pending().await
            }
        }
    }
}

impl Inner {
    /// The clock may have been advanced.
    fn wake(&mut self) {
        self.waiting.drain(..).for_each(std::task::Waker::wake);
    }

    fn begin(&mut self, name: &'static str) -> Option<Fault> {
        *self.calls.entry(name).or_default() += 1;
        let time = self.world.rules.call_time;
        self.world.advance(time);
        self.wake();
        self.faults.iter_mut().find_map(|f| f.hits(name).then_some(f.fault))
    }

    fn carry_out<T>(
        &mut self,
        work: impl FnOnce(&mut World) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let before = (!self.watches.is_empty()).then(|| self.world.clone());
        let result = work(&mut self.world);
        self.judge(before.as_ref(), Actor::Keyrot);
        result
    }

    fn judge(&mut self, before: Option<&World>, actor: Actor) {
        let Some(before) = before else { return };
        for watch in &mut self.watches {
            self.broken.extend(watch.step(before, &self.world, actor).err());
        }
    }
}

#[async_trait]
impl IamPort for MemoryAccount {
    async fn users(&self, path_prefix: &str) -> Result<Vec<IamUser>, CallError> {
        self.call("users", |world| Ok(world.list_users(path_prefix))).await
    }

    async fn list_keys(&self, user: &UserName) -> Result<Vec<AccessKey>, CallError> {
        self.call("list_keys", |world| Ok(world.list_keys(user)?)).await
    }

    async fn create_key(&self, user: &UserName) -> Result<NewKey, CallError> {
        self.call("create_key", |world| Ok(world.add_key(user)?)).await
    }

    async fn last_use(&self, _user: &UserName, key: &KeyId) -> Result<LastUse, CallError> {
        self.call("last_use", |world| Ok(world.last_use(key)?)).await
    }

    async fn write_home(&self, user: &UserName, home: &SecretArn) -> Result<(), CallError> {
        self.call("write_home", |world| Ok(world.tag_user(user, HOME_TAG, &home.to_string())?))
            .await
    }

    async fn deactivate_key(&self, user: &UserName, key: &KeyId) -> Result<(), CallError> {
        self.call("deactivate_key", |world| {
            Ok(world.set_key_status(user, key, KeyStatus::Inactive)?)
        })
        .await
    }

    async fn activate_key(&self, user: &UserName, key: &KeyId) -> Result<(), CallError> {
        self.call("activate_key", |world| Ok(world.set_key_status(user, key, KeyStatus::Active)?))
            .await
    }

    async fn delete_key(&self, user: &UserName, key: &KeyId) -> Result<(), CallError> {
        let gone_is_fine = |world: &mut World| match world.delete_key(user, key) {
            Err(refusal) if refusal.kind != ErrorKind::NotFound => Err(refusal.into()),
            _ => Ok(()),
        };
        self.call("delete_key", gone_is_fine).await
    }
}

#[async_trait]
impl TagPort for MemoryAccount {
    async fn tag_user(&self, user: &UserName, key: &str, value: &str) -> Result<(), CallError> {
        self.call("tag_user", |world| Ok(world.tag_user(user, key, value)?)).await
    }

    async fn untag_user(&self, user: &UserName, key: &str) -> Result<(), CallError> {
        self.call("untag_user", |world| Ok(world.untag_user(user, key)?)).await
    }
}

#[async_trait]
impl UserPolicyPort for MemoryAccount {
    async fn user_policy(&self, user: &UserName, name: &str) -> Result<Option<String>, CallError> {
        self.call("user_policy", |world| {
            Ok(world.user(user).and_then(|user| user.inline.get(name).cloned()))
        })
        .await
    }

    async fn put_user_policy(
        &self,
        user: &UserName,
        name: &str,
        document: &str,
    ) -> Result<(), CallError> {
        self.call("put_user_policy", |world| Ok(world.put_user_policy(user, name, document)?)).await
    }

    async fn delete_user_policy(&self, user: &UserName, name: &str) -> Result<(), CallError> {
        let gone_is_fine = |world: &mut World| match world.delete_user_policy(user, name) {
            Err(refusal) if refusal.kind != ErrorKind::NotFound => Err(refusal.into()),
            _ => Ok(()),
        };
        self.call("delete_user_policy", gone_is_fine).await
    }
}

#[async_trait]
impl CredentialProbe for MemoryAccount {
    async fn probe(&self, credentials: &Credentials) -> Result<ProbeAnswer, CallError> {
        self.call("probe", |world| Ok(world.authenticate(credentials, "sts", "us-east-1"))).await
    }
}

#[async_trait]
impl Clock for MemoryAccount {
    fn now(&self) -> Timestamp {
        self.inner().world.now()
    }

    fn aws_now(&self) -> Option<Timestamp> {
        Some(self.inner().world.now())
    }

    /// Does not wait, but advances the account's clock.
    async fn sleep(&self, time: Duration) {
        self.advance(time);
    }

    /// Waits until the account's clock was advanced this far by a sleep, a call that takes time, or
    /// [`advance`](Self::advance).
    async fn time_limit(&self, time: Duration) {
        let end = crate::model::waits::after(self.now(), time);
        std::future::poll_fn(|context| {
            let mut inner = self.inner();
            if inner.world.now() >= end {
                return std::task::Poll::Ready(());
            }
            if !inner.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                inner.waiting.push(context.waker().clone());
            }
            std::task::Poll::Pending
        })
        .await;
    }
}
