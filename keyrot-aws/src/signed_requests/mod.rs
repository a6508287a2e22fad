//! Requests to AWS that are made without a client of the SDK, and their signatures.

pub(crate) mod json_call;
pub(crate) mod sign;
