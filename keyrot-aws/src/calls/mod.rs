//! How a call to AWS is made: its description, its retries and the pauses between them, its pages,
//! its telemetry, and how its failure becomes an error.
//!
//! Every call of the ports goes through [`retry::send`]. How many calls may be sent is decided in
//! [`limiter`](crate::limiter).

pub(crate) mod backoff;
pub(crate) mod errors;
#[cfg(feature = "metrics")]
pub mod metrics;
pub(crate) mod op;
#[cfg(feature = "rotate")]
pub(crate) mod pages;
pub(crate) mod retry;
pub(crate) mod telemetry;
pub(crate) mod time;
