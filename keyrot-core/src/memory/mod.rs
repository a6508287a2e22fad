//! An AWS account in memory, with the rules of the real services that matter to a rotation.
//!
//! It serves tests of what you build on keyrot, `keyrot --sandbox`, and the model checker. Its
//! rules:
//! - at most two keys per user, including Inactive ones; a key that is Inactive, deleted, or not
//!   propagated yet does not authenticate;
//! - `ListAccessKeys` and the last use may lag ([`Rules`]); of several uses within 15 minutes the
//!   first is recorded;
//! - a secret's first version gets AWSCURRENT, whatever labels were requested; AWSPREVIOUS follows
//!   AWSCURRENT; a label is on one version at a time, and is moved only if the caller names the
//!   version that has it; the same version id with the same value is a no-op, with another value a
//!   conflict;
//! - a secret that is deleted or a replica refuses calls.
//!
//! [`World`] is the account as plain data: cloneable (clones share what neither has changed),
//! hashable, serializable. [`MemoryAccount`] puts it behind keyrot's ports, with [`Fault`]s to
//! inject and a [`Watch`] that checks every change against the promises.
//!
//! ```
//! use keyrot_core::memory::{MemoryAccount, World};
//! # use keyrot_core::*;
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
//! let user = world.add_user("ci", &[("RotateKey", "True")])?;
//! world.add_key(&user)?;
//! let account = MemoryAccount::new(world);
//! assert_eq!(account.list_keys(&user).await?.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```

pub(crate) mod account;
pub(crate) mod deliveries;
pub(crate) mod delivering;
pub(crate) mod destination;
pub(crate) mod fault;
pub(crate) mod iam;
pub(crate) mod report;
pub(crate) mod rules;
pub(crate) mod secret;
pub(crate) mod secrets;
pub(crate) mod shared;
pub(crate) mod store;
pub(crate) mod trail;
pub(crate) mod trailed;
pub(crate) mod user;
pub(crate) mod watch;
pub(crate) mod world;

pub use account::MemoryAccount;
pub use destination::{Copy, MemoryDestination};
pub use fault::{Countdown, Fault, FaultAt};
pub use rules::{Refusal, Rules};
pub use secret::{Label, MemorySecret, Value};
pub use trailed::TrailedUse;
pub use user::{KeyUse, MemoryKey, MemoryUser};
pub use watch::{Actor, Broken, Watch};
pub use world::World;
