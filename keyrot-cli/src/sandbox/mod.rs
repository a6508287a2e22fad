//! A simulated AWS account in one file: keyrot's in-memory account, kept between commands.
//!
//! Each call locks the file, reads it, is carried out, and is saved before it is answered: a
//! process that is killed at any point leaves what AWS would have, and concurrent processes see
//! each other's changes.

mod account;
mod destination;
mod document;
mod file;
pub(crate) mod region;
mod seed;

pub(crate) use account::SandboxAccount;
pub(crate) use document::{SandboxDocument, SandboxKey, SandboxUser};
pub(crate) use file::{SandboxError, SandboxFile};
pub(crate) use seed::seed;
