//! One file for each kind of command.

pub(crate) mod aftermath;
pub(crate) mod audit;
pub(crate) mod completion;
pub(crate) mod credentials;
pub(crate) mod demo;
#[cfg(feature = "aws")]
pub(crate) mod doctor;
pub(crate) mod enroll;
pub(crate) mod exec;
pub(crate) mod init;
pub(crate) mod man;
pub(crate) mod moving;
#[cfg(feature = "aws")]
pub(crate) mod policy;
pub(crate) mod request;
pub(crate) mod resolve;
pub(crate) mod revoke;
pub(crate) mod rollback;
pub(crate) mod run;
pub(crate) mod sandbox;
#[cfg(feature = "aws")]
pub(crate) mod self_service;
pub(crate) mod who_uses;
