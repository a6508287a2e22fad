//! `keyrot revoke` over HTTP, where everything but IAM is down, full, denied or misconfigured: a
//! revocation revokes.
#![allow(clippy::unwrap_used)]

mod company;
mod outages;
mod sessions;
#[path = "../support/mod.rs"]
mod support;
