//! The suite that every implementation of a port has to pass, whether the in-memory account or your
//! own.
//!
//! Each function runs all cases for one port and returns a [`CaseResult`] for each; [`assert_all`]
//! turns them into a test's result. For what a port cannot do itself (create a user, use a key as a
//! consumer), the suite needs a [`Lab`], which you write for the system behind the port: an
//! emulator, a sandbox account, a fake.
//!
//! Known gaps, such as a rule that an emulator lacks, are listed by case and reason. A listed case
//! that passes fails the test, so the list stays correct, and nothing is skipped silently.
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
