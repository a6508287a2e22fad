//! Secrets Manager: the secret store, its requests, and the format of a secret's value.

pub(crate) mod labels;
#[cfg(feature = "rotate")]
pub(crate) mod requests;
#[cfg(feature = "rotate")]
pub(crate) mod state;
#[cfg(feature = "rotate")]
mod store;
pub mod value;
