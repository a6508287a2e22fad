//! One file for each kind of command.

pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod policy;
pub(crate) mod run;
pub(crate) mod sandbox;
pub(crate) mod who_uses;
