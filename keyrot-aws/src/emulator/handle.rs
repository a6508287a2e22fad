//! The handle of a running emulator.

use super::control::{CallAt, Control, Fault, Gate, When};
use super::observe::{By, Change};
use super::options::EmulatorOptions;
use super::server::{self, Shared};
use super::stats::Stats;
use super::throttle::RateLimit;
use keyrot_core::memory::World;
use keyrot_core::{Credentials, KeyId, Timestamp};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// The access key id of the emulator's own administrator.
pub(crate) const ADMIN_KEY: &str = "AKIAEMULATORADMIN001";

/// A running emulator. It stops when it is dropped.
pub struct Emulator {
    shared: Arc<Shared>,
    address: SocketAddr,
    admin: Credentials,
    region: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Emulator {
    /// Serves the account from now on, on a port of 127.0.0.1.
    ///
    /// # Errors
    /// If the port is taken, or no thread can be started.
    ///
    /// # Panics
    /// Never: the administrator's key id is well-formed.
    pub fn start(world: World, options: EmulatorOptions) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let admin = World::credentials_of(
            &KeyId::parse(ADMIN_KEY).expect("twenty capital letters and digits"),
        );
        let region = options.region.clone();
        let mut world = world;
        world.relocate(&region);
        let shared = Arc::new(Shared::new(world, options, admin.clone()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let serving = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("aws-emulator".into())
            .spawn(move || runtime.block_on(server::serve(listener, serving, stopped)))?;
        Ok(Self { shared, address, admin, region, stop: Some(stop), thread: Some(thread) })
    }

    /// Returns the endpoint, for `AWS_ENDPOINT_URL`: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the administrator's access key.
    #[must_use]
    pub fn admin_credentials(&self) -> &Credentials {
        &self.admin
    }

    /// Returns the variables that a client process needs to call the emulator as its administrator,
    /// and those that keyrot needs to adopt its users.
    #[must_use]
    pub fn env(&self) -> [(&'static str, String); 7] {
        [
            ("AWS_ENDPOINT_URL", self.url()),
            ("AWS_ACCESS_KEY_ID", self.admin.key.to_string()),
            ("AWS_SECRET_ACCESS_KEY", self.admin.secret.expose().to_owned()),
            ("AWS_REGION", self.region.clone()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            // The account and the region are named on purpose, so that users may be adopted.
            ("KEYROT_ACCOUNT", self.shared.world().account().to_owned()),
            ("KEYROT_REGION", self.region.clone()),
        ]
    }

    /// Returns a copy of the account as it is now.
    #[must_use]
    pub fn world(&self) -> World {
        let mut world = self.shared.world().clone();
        world.set_region(&self.region);
        world
    }

    /// Returns the account's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.world().now()
    }

    /// Changes the account as a person would.
    pub fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.shared.world();
        world.set_region(&self.region);
        let before = world.before();
        let result = change(&mut world);
        world.show(before.as_ref(), &By::Test, None);
        result
    }

    /// Observes the account: from now on the function gets the change of each call, when the call
    /// is carried out and before another one can act. It does not get calls from unknown callers,
    /// calls that a fault prevented, or the passing of time.
    ///
    /// The account is locked during the call, so the function must not use the emulator: that would
    /// deadlock. If it panics, the connection is cut, so collect data and assert later. It is meant
    /// for small accounts, because each call copies the account.
    ///
    /// ```
    /// use keyrot_aws::emulator::{By, Emulator, EmulatorOptions};
    /// use keyrot_core::memory::World;
    /// use std::sync::{Arc, Mutex};
    ///
    /// let emulator = Emulator::start(World::new("2026-01-05T04:00:00Z".parse()?), EmulatorOptions::default())?;
    /// let made = Arc::new(Mutex::new(0));
    /// let count = Arc::clone(&made);
    /// emulator.observe(move |change| {
    ///     assert_eq!(*change.by, By::Test);
    ///     *count.lock().unwrap() += change.after.users().count() - change.before.users().count();
    /// });
    /// emulator.change(|world| world.add_user("ci", &[]))?;
    /// assert_eq!(*made.lock().unwrap(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn observe(&self, observer: impl FnMut(&Change<'_>) + Send + 'static) {
        self.shared.world().add(Box::new(observer));
    }

    /// Moves the account's clock forward, in addition to the time that passes by itself.
    pub fn advance(&self, time: Duration) {
        self.shared.advance(time);
    }

    /// Sets the account's service control policy; `None` removes it. It denies to all callers,
    /// including the emulator's administrator (`arn:aws:iam::ACCOUNT:role/emulator`), and allows
    /// everything that it does not deny.
    pub fn service_control_policy(&self, policy: Option<serde_json::Value>) {
        self.shared.set_scp(policy);
    }

    /// Injects a fault from now on.
    pub fn inject(&self, at: CallAt, fault: Fault) {
        self.control().inject(at, fault);
    }

    /// Removes all faults. Held calls stay held.
    pub fn heal(&self) {
        self.control().heal();
    }

    /// Replaces the limits; the buckets start full.
    pub fn limit(&self, limits: Vec<RateLimit>) {
        self.control().limit(limits);
    }

    /// Holds the first matching call until [`Gate::release`].
    #[must_use = "a gate that is dropped loses the call"]
    pub fn pause(&self, at: CallAt, when: When) -> Gate {
        self.control().pause(at, when)
    }

    /// Returns the statistics so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.control().stats.clone()
    }

    /// Resets the statistics.
    pub fn reset_stats(&self) {
        self.control().stats = Stats::default();
    }

    /// Stops the emulator: calls under way are cut off. Dropping it does the same.
    pub fn stop(self) {
        drop(self);
    }

    fn control(&self) -> std::sync::MutexGuard<'_, Control> {
        self.shared.control()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread, if any, was already printed.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator").field("url", &self.url()).finish_non_exhaustive()
    }
}
