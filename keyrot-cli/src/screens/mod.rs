//! The screens, one file per command.

pub(crate) mod audit;
pub(crate) mod config;
pub(crate) mod demo;
#[cfg(feature = "aws")]
pub(crate) mod doctor;
pub(crate) mod enroll;
pub(crate) mod moving;
#[cfg(feature = "aws")]
pub(crate) mod policy;
pub(crate) mod request;
pub(crate) mod sandbox;
#[cfg(feature = "aws")]
pub(crate) mod self_service;
pub(crate) mod settings;
pub(crate) mod users;
pub(crate) mod who_uses;
