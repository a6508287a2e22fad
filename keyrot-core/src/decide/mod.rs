//! The decision: one pure, total function from what is seen of a user to what is to be done.
//!
//! `table.rs` is the decision itself: read it first. It matches over facts, which `facts.rs` lists
//! and each of which has a file of its own. `run.rs`, `order.rs` and `request.rs` have what callers
//! ask, and `belief.rs` says which claims of the observed state count at all.

mod answer;
mod asked;
pub(crate) mod belief;
mod contents;
mod current;
pub(crate) mod decision;
mod evidence;
mod facts;
mod ground;
mod grounds;
mod home;
mod leaving;
mod moved_back;
mod moving;
mod need;
mod next;
pub(crate) mod order;
mod ordered;
pub(crate) mod overdue;
mod published;
mod reactivated;
pub(crate) mod request;
mod revoked;
mod rollback;
mod row;
pub(crate) mod run;
mod situation;
mod staged;
#[cfg(test)]
mod states;
mod table;
#[cfg(test)]
mod tests;
mod unattributed;
mod way_back;

pub use belief::{Doubt, Implausible};
pub use decision::blocked::{Blocked, Evidence, Unhoused};
pub use decision::refusal::Refusal;
pub use decision::{Decision, Question, Step, Wait, Why};
pub use next::MOST_BYTES;
pub use order::decide_rotation_step;
pub use request::decide_request;
pub use run::decide;
