//! The suite that every implementation of a port has to pass, whether the in-memory account or your
//! own.
//!
//! Each function runs all cases for one port and brings a [`CaseResult`] for each, by name;
//! [`assert_all`] turns them into a test's end. What a port cannot show of itself (who made the
//! user, that a consumer used a key) the suite asks of a [`Lab`], which an implementer writes on
//! whatever is behind the port: an emulator, a sandbox account, a fake.
//!
//! What is known not to fit, such as a rule that an emulator lacks, is listed by case and reason. A
//! listed case that passes fails the test, so that the list stays true, and nothing is skipped in
//! silence.
//!
//! ```
//! use keyrot_core::conformance::{MemoryLab, assert_all, iam};
//! use keyrot_core::memory::{MemoryAccount, World};
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let account = MemoryAccount::new(World::new("2026-01-05T04:00:00Z".parse().unwrap()));
//! assert_all(&iam(&account, &MemoryLab::new(account.clone())).await, &[]);
//! # });
//! ```

pub(crate) mod case;
pub(crate) mod clock;
pub(crate) mod destination;
pub(crate) mod fixture;
pub(crate) mod iam;
pub(crate) mod lab;
#[cfg(feature = "memory")]
pub(crate) mod memory_lab;
pub(crate) mod notes;
pub(crate) mod probe;
pub(crate) mod store;
pub(crate) mod versions;

pub use case::{CaseOutcome, CaseResult, assert_all};
pub use clock::clock;
pub use destination::{DestinationLab, destination};
pub use iam::iam;
pub use lab::{Lab, Trouble};
#[cfg(feature = "memory")]
pub use memory_lab::MemoryLab;
pub use probe::probe;
pub use store::store;
