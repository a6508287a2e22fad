//! One file for each kind of command.

pub(crate) mod demo;
pub(crate) mod policy;
pub(crate) mod request;
pub(crate) mod resolve;
pub(crate) mod revoke;
pub(crate) mod rollback;
pub(crate) mod run;
pub(crate) mod sandbox;
