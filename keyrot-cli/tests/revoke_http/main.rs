//! `keyrot revoke` over HTTP, while everything except IAM is down, full, denied or misconfigured:
//! the key is still revoked.
#![allow(clippy::unwrap_used)]

mod company;
mod outages;
mod sessions;
#[path = "../support/mod.rs"]
mod support;
