//! What a person asks for: what it takes, what is refused, and that to ask again is harmless.

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
