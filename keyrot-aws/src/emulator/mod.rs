//! An HTTP server on 127.0.0.1 that acts as AWS: it serves the in-memory account
//! [`World`](keyrot_core::memory::World) with the wire protocols of IAM, STS, Secrets Manager and
//! CloudTrail (`LookupEvents`), for tests and benchmarks of programs that call AWS through the SDKs
//! or the AWS CLI.
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
//! // Start a client with these variables; then inspect what it did.
//! for (name, value) in emulator.env() {
//!     assert!((name.starts_with("AWS_") || name.starts_with("KEYROT_")) && !value.is_empty());
//! }
//! assert_eq!(emulator.stats().calls(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it does
//! - The rules of [`World`](keyrot_core::memory::World), with AWS's error codes, HTTP statuses and
//!   request ids. Lists have pages where AWS's have them.
//! - The caller is named by the `Authorization` header, and its signature (Signature Version 4) is
//!   verified. The emulator's own administrator may do everything; a user whose key is Active and
//!   propagated may do what [`ADMINISTRATOR`] allows, if attached, and otherwise only
//!   `GetCallerIdentity` and `GetSessionToken`, which requires [`MFA_CODE`]. Every authenticated
//!   call counts as a use of its key, and is in the trail immediately, from 127.0.0.1 and with the
//!   client's user agent.
//! - The `Date` of each answer is the account's time.
//! - The second call that requests a credential report creates it. It is kept for four hours.
//! - A request that has arrived is carried out, even if the client has disconnected by then.
//! - [`RateLimit`]s are token buckets that refill without pause; a refused call returns
//!   `Throttling` (Secrets Manager: `ThrottlingException`).
//!
//! # What it does not
//! There is one account. Its secrets are separated by region, according to the request's signature.
//! Other policies are not evaluated. Of inline policies and of the service control policy
//! ([`Emulator::service_control_policy`]), it evaluates what they deny by action, resource,
//! `aws:PrincipalArn`, `aws:RequestedRegion`, `aws:RequestTag/…`, `aws:TagKeys` and
//! `aws:TokenIssueTime`, and `SimulatePrincipalPolicy` simulates that, too. There is no KMS, no
//! replication, no binary secret, no label except AWS's own three, and no deletion of a secret
//! without recovery. The age of a signature is checked only if [`EmulatorOptions::strict_time`]
//! says so, because the account's clock need not be the client's. A user's creation date, and a
//! secret's description, KMS key and dates are not kept.
//!
//! # Use in tests
//! It runs on a separate thread, so it serves a test's own runtime, blocking code and child
//! processes. [`Emulator::pause`] holds a call, before or after it is carried out, until the test
//! releases it, for example after killing the client. [`Emulator::observe`] observes every change,
//! such as with [`keyrot_core::memory::Watch`], which checks keyrot's promises.

mod auth;
mod control;
mod deny;
mod handle;
mod iam;
mod iam_keys;
mod observe;
mod options;
mod principals;
mod reply;
mod report;
mod request;
mod secrets;
mod server;
mod service;
mod simulate;
mod stats;
mod throttle;
mod trail;

pub use control::{CallAt, Fault, Gate, When};
pub use deny::{AccessRequest, denied_by};
pub use handle::Emulator;
pub use observe::{By, Change};
pub use options::{EmulatorOptions, WorldTime};
pub use principals::{ADMINISTRATOR, ADMINISTRATOR_WITH_MFA, MFA_CODE};
pub use stats::{Count, Entry, Outcome, Stats};
pub use throttle::{IAM_READS, IAM_WRITES, RateLimit, SECRET_READS, SECRET_WRITES, STS, TRAIL};
