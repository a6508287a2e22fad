//! The model check explores every order of crashes, lost replies, denials, lag, races and
//! interference that a small model allows, and checks each state against the promises.
//!
//! Each test prints the number of states that it explored. `KEYROT_MODEL=deep` explores larger
//! models, which takes minutes instead of seconds.
// A check may read the clock to report how long it took; the core may not.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs)]

/// The model makes many small allocations on each thread.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod actions;
mod check;
mod claims;
mod delivering;
mod explore;
mod forged;
mod homes;
mod moves;
mod mutants;
mod requests;
mod rotations;
mod runs;
mod setting;
mod world;
