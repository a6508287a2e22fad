//! The connection to an account: `Aws`, its clients, and the SDK configuration behind them.

#[cfg(feature = "rotate")]
mod connect;
#[cfg(feature = "rotate")]
mod from_sdk_config;
pub(crate) mod sdk_config;
#[cfg(feature = "trail")]
pub(crate) mod trail_clients;

#[cfg(feature = "rotate")]
pub use connect::{Aws, Caller};
