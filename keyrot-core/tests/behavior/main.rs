//! What a run, a request, a move and a service do, through the public API: on the in-memory
//! account, with faults, interference and clocks of all kinds. The model checker is separate
//! (`tests/model`).
#![allow(clippy::unwrap_used)]

mod adoptions;
mod before_create;
mod claims;
mod conformance;
mod deadline;
mod deliveries;
mod faults;
mod home;
mod interference;
mod lifecycle;
mod memory;
mod moving;
mod moving_event;
mod outside;
mod planted;
mod requests;
mod run;
mod service;
mod shortened;
mod spawn;
mod standing_still;
mod support;
mod trail;
mod who_uses;
