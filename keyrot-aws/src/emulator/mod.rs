//! An AWS look-alike on 127.0.0.1: serves the in-memory account [`World`] with the wire protocols of IAM, STS, Secrets Manager and CloudTrail (`LookupEvents`), for tests and
//! benchmarks of whatever speaks to AWS through the SDKs or the AWS CLI.
//!
//! ```
//! use keyrot_aws::emulator::{CallAt, Emulator, EmulatorOptions, Fault};
//! use keyrot_core::memory::World;
//!
//! let mut world = World::new("2026-01-05T04:00:00Z".parse()?);
//! let user = world.add_user("ci", &[("keyrot", "true")])?;
//! world.add_key(&user)?;
//!
//! let emulator = Emulator::start(world, EmulatorOptions::default())?;
//! emulator.inject(CallAt::first("CreateAccessKey"), Fault::LostReply);
//! // Start a client with these variables; then look at what it did.
//! for (name, value) in emulator.env() {
//!     assert!((name.starts_with("AWS_") || name.starts_with("KEYROT_")) && !value.is_empty());
//! }
//! assert_eq!(emulator.stats().calls(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it keeps to
//! - The rules of [`World`], with AWS's error codes, HTTP statuses and request ids; lists are cut into pages, where AWS's are.
//! - Who calls is told by the `Authorization` header, and its signature (Signature Version 4) is verified. The emulator's own administrator
//!   may do everything; a user whose key is Active and propagated may do what [`ADMINISTRATOR`] allows, if attached, and otherwise only
//!   `GetCallerIdentity` and `GetSessionToken`, which wants [`MFA_CODE`]. Every authenticated call counts as a use of its key, and is in the
//!   trail at once, from 127.0.0.1 and with the client's user agent.
//! - The `Date` of each answer is the account's time.
//! - A credential report is made by the second call that asks for it, and stands for four hours.
//! - A request that has arrived is carried out, even if the client is gone by then.
//! - [`RateLimit`]s are token buckets that refill without pause; a refused call answers `Throttling` (Secrets Manager: `ThrottlingException`).
//!
//! # What it does not
//! One account; its secrets are by region, as the request is signed. No policies but the above; of inline policies and of the service control policy
//! ([`Emulator::service_control_policy`]) what they deny by action, resource, `aws:PrincipalArn`, `aws:TagKeys` and `aws:TokenIssueTime`; no KMS, no replication, no binary secrets, no labels but AWS's own three, no deletion of a secret without recovery. The
//! age of a signature is checked only if [`EmulatorOptions::strict_time`] says so, because the account's clock need not be the client's. A user's
//! creation date, and a secret's description, KMS key and dates are not kept.
//!
//! # Use in tests
//! It runs on a thread of its own, so it serves a test's own runtime, blocking code and child processes alike. [`Emulator::pause`] holds a
//! call, before or after it is carried out, until the test has done what it wants, such as killing the client. [`Emulator::observe`] looks on
//! at every change, such as with [`keyrot_core::memory::Watch`], which knows keyrot's promises.

mod auth;
mod control;
mod deny;
mod iam;
mod iam_keys;
mod observe;
mod options;
mod reply;
mod report;
mod request;
mod secrets;
mod server;
mod stats;
mod throttle;
mod trail;

pub use control::{CallAt, Fault, Gate, When};
pub use deny::{AccessRequest, denied_by};
pub use observe::{By, Change};
pub use options::{EmulatorOptions, WorldTime};
pub use stats::{Count, Entry, Outcome, Stats};
pub use throttle::{IAM_READS, IAM_WRITES, RateLimit, SECRET_READS, SECRET_WRITES, STS, TRAIL};

use control::Control;
use keyrot_core::memory::World;
use keyrot_core::{Credentials, KeyId, Timestamp};
use server::Shared;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// The managed policy by whose name a user may make every call.
pub const ADMINISTRATOR: &str = "AdministratorAccess";

/// The managed policy by whose name a user may make every call that it makes in a session with MFA.
pub const ADMINISTRATOR_WITH_MFA: &str = "AdministratorAccessWithMfa";

/// What every MFA device shows, whatever its serial number.
pub const MFA_CODE: &str = "246810";

/// The access key id of the emulator's own administrator.
const ADMIN_KEY: &str = "AKIAEMULATORADMIN001";

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
        let admin = World::credentials_of(&KeyId::parse(ADMIN_KEY).expect("twenty capital letters and digits"));
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

    /// The endpoint, for `AWS_ENDPOINT_URL`: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The administrator's access key.
    #[must_use]
    pub fn admin_credentials(&self) -> &Credentials {
        &self.admin
    }

    /// What a client's process needs in its environment to call the emulator as its administrator, and what keyrot needs to adopt its users.
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

    /// A copy of the account as it is.
    #[must_use]
    pub fn world(&self) -> World {
        let mut world = self.shared.world().clone();
        world.set_region(&self.region);
        world
    }

    /// The account's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.world().now()
    }

    /// Does something to the account as a person would.
    pub fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.shared.world();
        world.set_region(&self.region);
        let before = world.before();
        let result = change(&mut world);
        world.show(before.as_ref(), &By::Test, None);
        result
    }

    /// Looks on: from now on the function sees what each call does to the account, at the moment when it is carried out and before anybody else
    /// can act. A call whose caller is not known, and one that a fault kept from being carried out, is not shown; nor is time that passes.
    ///
    /// The account is locked meanwhile, so the function must not use the emulator: that would wait forever. If it panics, the connection is cut;
    /// better keep what is to be asserted for later. Meant for small accounts: each call copies the account.
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

    /// Moves the account's clock forward, on top of what passes by itself.
    pub fn advance(&self, time: Duration) {
        self.shared.advance(time);
    }

    /// Puts a service control policy on the account, in the place of the one before; `None` takes it off. What it denies is denied to everybody,
    /// the emulator's administrator (`arn:aws:iam::ACCOUNT:role/emulator`) included. What it does not deny, it allows.
    pub fn service_control_policy(&self, policy: Option<serde_json::Value>) {
        self.shared.set_scp(policy);
    }

    /// Lets something go wrong from now on.
    pub fn inject(&self, at: CallAt, fault: Fault) {
        self.control().inject(at, fault);
    }

    /// Takes all faults away. Calls that are held stay so.
    pub fn heal(&self) {
        self.control().heal();
    }

    /// Puts these limits in the place of the ones before; the buckets begin full.
    pub fn limit(&self, limits: Vec<RateLimit>) {
        self.control().limit(limits);
    }

    /// Holds the first call that fits, until [`Gate::release`].
    #[must_use = "a gate that is dropped loses the call"]
    pub fn pause(&self, at: CallAt, when: When) -> Gate {
        self.control().pause(at, when)
    }

    /// What was called so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.control().stats.clone()
    }

    /// Forgets what was called so far.
    pub fn reset_stats(&self) {
        self.control().stats = Stats::default();
    }

    /// Ends it: calls under way are cut off. To drop it does the same.
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
            // Its panic, if any, was printed by then.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator").field("url", &self.url()).finish_non_exhaustive()
    }
}
