//! stub

pub mod limiter;
