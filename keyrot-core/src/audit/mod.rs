//! An audit of a whole account's access keys: what each is, whether keyrot rotates it, and which
//! rules it violates.
//!
//! [`survey`] collects an [`AccountView`] in a handful of calls, and [`audit`] evaluates it.
//! Nothing is changed, and no rotation relies on an audit: IAM's credential report may be four
//! hours old, and rotations read the state themselves.
//!
//! ```
//! # #[cfg(feature = "memory")] {
//! use keyrot_core::audit::{AuditPolicy, FindingKind, audit, survey};
//! use keyrot_core::memory::{MemoryAccount, World};
//! use std::time::Duration;
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let mut world = World::new("2026-01-05T04:00:00Z".parse()?);
//! let ci = world.add_user("ci", &[])?;
//! world.add_key(&ci)?;
//! world.advance(Duration::from_secs(91 * 86_400));
//! let account = MemoryAccount::new(world);
//!
//! let view = survey(&account, &account, false, &|_, _| {}).await?;
//! let audit = audit(&view, &AuditPolicy::default(), account.world().now());
//! assert_eq!(audit.findings[0].kind, FindingKind::OldKey);
//! assert_eq!(audit.findings[0].controls[0].to_string(), "AWS Security Hub IAM.3");
//! assert!(!audit.keys[0].managed);
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! # }
//! ```
//!
//! # The edges
//! - Only Active keys violate rules on age, use and number. An Inactive root key is still a
//!   finding, because the root user must have no key.
//! - A key is too old once it is older than the limit, not at it: the rules say "every 90 days or
//!   less".
//! - A key is unused once it was not used for as long as the rule says: "for 45 days or greater". A
//!   key without a recorded use counts from its creation. An unknown use never counts as unused.
//! - Age is measured up to the present, idle time up to the report, because the report's evidence
//!   ends there.

pub(crate) mod controls;
pub(crate) mod document;
#[cfg(feature = "export")]
pub mod export;
pub(crate) mod finding;
pub(crate) mod found;
pub(crate) mod judge;
pub(crate) mod kind;
pub(crate) mod managed;
pub(crate) mod port;
pub(crate) mod survey;
#[cfg(test)]
mod tests;
pub(crate) mod view;

pub use controls::{CONTROLS, Control, Standard, controls_of};
pub use document::{Audit, AuditCounts, KeyRow, Only, Tagged, UseKnown, UserRow};
pub use finding::Finding;
pub use judge::audit;
pub use kind::{FindingKind, FindingSeverity};
pub use managed::AuditPolicy;
pub use port::AccountPort;
#[cfg(feature = "mocks")]
pub use port::MockAccountPort;
pub use survey::survey;
pub use view::{
    AccountView, CredentialReport, KeyView, ReportedKey, ReportedUser, UnreadableRow, UserView,
};
