//! The real binary over real HTTP: killed at every call, stopped, raced, lied to by the network,
//! and resumed on the following days.
//!
//! Where the days go by ([`life`]) it talks to keyrot's own emulator, and the promises are watched
//! at each change that a call makes. On moto and ministack ([`elsewhere`]) it goes through one
//! user's story by the machine's clock.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::disallowed_macros)]

#[path = "../support/mod.rs"]
mod support;

#[cfg(target_os = "linux")]
mod clock;
#[cfg(target_os = "linux")]
mod company;
mod elsewhere;
#[cfg(target_os = "linux")]
mod faults;
#[cfg(target_os = "linux")]
mod kills;
#[cfg(target_os = "linux")]
mod lifecycle;
#[cfg(target_os = "linux")]
mod outside;
#[cfg(target_os = "linux")]
mod witness;
