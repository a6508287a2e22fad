//! Operators' requests: their steps, their refusals, and that repeating them is harmless.

mod harness;
mod lag;
mod off;
mod quarantine;
mod reactivated;
mod resolve;
mod revoke;
mod revoked;
mod rollback;
mod session;
