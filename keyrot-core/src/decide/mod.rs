//! The decision: one pure, total function from what is seen of a user to what is to be done.

pub(crate) mod belief;
pub(crate) mod decision;
pub(crate) mod evidence;
pub(crate) mod ground;
pub(crate) mod home;
pub(crate) mod leaving;
pub(crate) mod moving;
pub(crate) mod order;
pub(crate) mod overdue;
pub(crate) mod pickup;
pub(crate) mod request;
pub(crate) mod revoke;
pub(crate) mod revoking;
pub(crate) mod run;
pub(crate) mod situation;
#[cfg(test)]
mod states;
pub(crate) mod table;
#[cfg(test)]
mod tests;

pub use belief::{Doubt, Implausible};
pub use decision::blocked::{Blocked, Evidence, Unhoused};
pub use decision::refusal::Refusal;
pub use decision::{Decision, Question, Step, Wait, Why};
pub use order::decide_rotation_step;
pub use request::decide_request;
pub use run::{MOST_BYTES, decide};
