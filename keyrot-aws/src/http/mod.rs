//! HTTP: the clients, the certificate authorities that they trust, and what is said of a host that
//! did not answer.

pub(crate) mod down;
pub(crate) mod guarded;
#[cfg(feature = "notify")]
pub(crate) mod plain;
#[cfg(feature = "notify")]
pub(crate) mod retry_after;
pub(crate) mod trust;
pub(crate) mod unreached;
