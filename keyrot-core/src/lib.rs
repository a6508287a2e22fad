//! Rotates AWS IAM access keys: a pure state machine, and the ports that it acts through.
//!
//! This crate decides; it has no clock, no I/O and no AWS type. `keyrot-aws` runs it on AWS,
//! [`memory`] on an account in memory.
//!
//! # Layers
//! Each module imports only from those above it in this table.
//!
//! | module | what is in it |
//! |---|---|
//! | [`model`] | values: names, keys, secrets, the journal, waits, observed state |
//! | [`decide`] | the decision: one pure, total function |
//! | [`machine`] | one user's rotation without I/O: which call is next, and what its reply means |
//! | [`ports`] | the traits that keyrot acts through |
//! | [`trail`] | who uses a key, from a trail |
//! | [`engine`] | rotations on the ports: one user, and many concurrently |
//! | [`selection`], [`settings`] | which users are selected; the settings |
//! | [`report`] | every JSON document and its codes; hints as data |
//! | [`requests`] | rollback, revoke, resolve, deliver; enroll, move, end sessions; your own key |
//! | [`service`] | a loop of passes, for a program that embeds keyrot |
//! | [`audit`], [`consumer`] | every key of an account; reading a published key |
//! | [`memory`], [`conformance`] | the simulated account, and the suites for your own ports |
//!
//! # Where to begin
//! - To rotate: call [`Rotator::run`] on [`Ports`], for the users that [`select`] chose, with a
//!   [`WaitPolicy`]. The [`Report`] has each user's [`Outcome`].
//! - To understand: [`decide`](decide::decide) is the decision, [`Rotation`](machine::Rotation) the
//!   machine around it, and [`Journal`](model::Journal) what keyrot remembers.
//! - To test what you build: [`memory`] (feature `memory`), mocks of the ports (feature `mocks`).
//! - To run it on something else: implement the ports, and run the suites in [`conformance`]
//!   (feature `conformance`).
//!
//! # Example
//! ```
//! # #[cfg(feature = "memory")] {
//! use keyrot_core::memory::{MemoryAccount, World};
//! use keyrot_core::*;
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let mut world = World::new("2026-01-05T04:00:00Z".parse()?);
//! let ci = world.add_user("ci", &[("RotateKey", "True")])?;
//! world.add_key(&ci)?;
//! let account = MemoryAccount::new(world);
//!
//! let users = account.users("/").await?;
//! let homes = Homes::in_region("us-east-1");
//! let selected = select(&users, &Selection::default(), &homes, &WaitPolicy::default());
//! let rotator = Rotator::new(Ports::of(account.clone()));
//! let report = rotator.run(selected.chosen, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {}).await;
//!
//! // A new key is published; the old one stays Active for the overlap.
//! assert!(matches!(&report.users[0].outcome, Outcome::Waiting(Wait { why: Why::Overlap(_), .. })));
//! assert_eq!(account.list_keys(&ci).await?.len(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! # }
//! ```
//!
//! # What it promises
//! The key with the AWSCURRENT label works. A key is deactivated only after its overlap, once IAM
//! shows no use within `recent_use`, and while a verified successor is in place. A key that cannot
//! be attributed is never changed. A run may die anywhere, and two runs may work concurrently. The
//! project's `docs/protocol.md` has the promises in full, and their limits.

pub mod audit;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod consumer;
pub mod decide;
pub mod engine;
pub mod machine;
#[cfg(feature = "memory")]
pub mod memory;
pub mod model;
pub mod ports;
pub mod report;
pub mod requests;
pub mod selection;
pub mod service;
#[cfg(feature = "settings")]
pub mod settings;
#[cfg(test)]
mod testing;
pub mod trail;

/// An instant in UTC.
pub type Timestamp = chrono::DateTime<chrono::Utc>;

// These are the names that most programs need; everything else is in the modules.
pub use async_trait::async_trait;
pub use chrono;
pub use decide::{Blocked, Wait, Why};
pub use engine::{Limits, Notifier, Ports, Report, Rotator, Target, UserResult};
pub use machine::{Event, EventKind, Mode, Outcome, Severity, Stop};
pub use model::{
    AccessKey, CallError, Credentials, Effect, ErrorKind, IamUser, KeyId, KeyStatus, LastUse,
    Request, Revocation, SecretKey, SecretName, UserArn, UserName, WaitPolicy, Waits,
};
pub use ports::{Cancel, Clock, CredentialProbe, IamPort, SecretStorePort};
pub use report::RunDocument;
pub use selection::homes::Homes;
pub use selection::{Selected, Selection, select};
pub use service::{Service, ServiceError};
