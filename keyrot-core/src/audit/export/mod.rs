//! Exports an audit for spreadsheets, browsers and Security Hub.
//!
//! ```
//! # #[cfg(feature = "memory")] {
//! # use keyrot_core::memory::{MemoryAccount, World};
//! use keyrot_core::audit::{AuditPolicy, audit, export, survey};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! # let mut world = World::new("2026-01-05T04:00:00Z".parse()?);
//! # let ci = world.add_user("ci", &[])?;
//! # world.add_key(&ci)?;
//! # let account = MemoryAccount::new(world);
//! let view = survey(&account, &account, false, &|_, _| {}).await?;
//! let audit = audit(&view, &AuditPolicy::default(), account.world().now());
//! let rows = export::csv(&audit);
//! assert_eq!(rows.lines().count(), 2, "a head, and a key");
//! let page = export::html(&audit, &audit, true);
//! assert!(page.starts_with("<!DOCTYPE html>"));
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! # }
//! ```

mod asff;
mod charts;
mod csv;
mod escape;
mod html;

pub use asff::asff;
pub use csv::{csv, rows};
pub use html::html;
