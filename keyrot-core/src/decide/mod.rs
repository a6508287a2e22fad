//! The decision: one pure, total function from the observed state of a user to what to do.
//!
//! `table.rs` is the decision itself: read it first. It matches over facts, which `facts.rs` lists;
//! each has its own file in `facts/`. `run.rs`, `rotation_step.rs`, `request.rs` and `moving.rs`
//! are the entry points for callers, and `belief.rs` decides which claims in the observed state
//! count. CONTRIBUTING.md has a table of what to change where.

mod answer;
pub(crate) mod belief;
pub(crate) mod decision;
pub(crate) mod destinations;
mod evidence;
mod facts;
mod moving;
pub(crate) mod overdue;
#[cfg(test)]
mod random_states;
pub(crate) mod request;
pub(crate) mod rotation_step;
pub(crate) mod run;
mod table;
#[cfg(test)]
mod tests;

pub use belief::{Doubt, Implausible};
pub use decision::blocked::{Blocked, Evidence, Unhoused};
pub use decision::refusal::Refusal;
pub use decision::{Decision, Question, Step, Wait, Why};
pub use destinations::{Delivered, DestinationState};
pub use facts::next_key::MOST_BYTES;
pub use request::decide_request;
pub use rotation_step::decide_rotation_step;
pub use run::decide;
