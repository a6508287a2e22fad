//! The commands as processes: exit codes, documents and messages.
#![allow(clippy::unwrap_used)]

mod runs;
mod sandbox;
mod settings;
#[path = "../support/mod.rs"]
mod support;
