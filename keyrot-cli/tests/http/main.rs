//! The real binary over real HTTP: killed at every call, stopped, raced by a second process, cut
//! off by network faults, and resumed on the following days.
//!
//! For lifecycles of many days ([`life`]), it calls keyrot's own emulator, and the promises are
//! checked at each change that a call makes. For deliveries ([`destinations`]), it also calls
//! servers that behave as SSM, GitHub and GitLab document. On moto and ministack ([`elsewhere`]),
//! it runs one user's lifecycle by the machine's clock.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::disallowed_macros)]

#[path = "../support/mod.rs"]
mod support;

#[cfg(target_os = "linux")]
mod clock;
#[cfg(target_os = "linux")]
mod company;
#[cfg(target_os = "linux")]
mod deliveries;
#[cfg(target_os = "linux")]
mod destinations;
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
mod readers;
#[cfg(target_os = "linux")]
mod scene;
#[cfg(target_os = "linux")]
mod services;
#[cfg(target_os = "linux")]
mod smtp;
#[cfg(target_os = "linux")]
mod witness;
