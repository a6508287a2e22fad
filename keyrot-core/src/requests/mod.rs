//! The requests that an operator can make, and their flows.

pub(crate) mod end_sessions;
pub(crate) mod enroll;
pub(crate) mod flow;
pub(crate) mod moving;
pub(crate) mod own_key;
pub(crate) mod who_uses;

pub use end_sessions::{Lifted, NotEnded, end_sessions, lift_if_over};
pub use enroll::{EnrollError, EnrollPlan, Enrollment};
pub use flow::{Caution, RequestFlow, RequestKind, RequestPlan, RequestReport, RequestStatus};
pub use moving::{HomeMove, MoveError, MovePlan};
pub use own_key::replace::{
    OwnBlocked, OwnStep, ReplaceError, Undone, decide_own, other_key, replace_own,
};
pub use own_key::{OwnAction, OwnDone, OwnError, OwnKey, OwnPlan};
pub use who_uses::{UsesProgress, WhoUses, Whose};
