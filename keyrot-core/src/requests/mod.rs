//! What the operator asks for, and what follows from it.

pub(crate) mod enroll;
pub(crate) mod moving;
pub(crate) mod own_key;
pub(crate) mod self_service;
pub(crate) mod session;
pub(crate) mod sessions;
pub(crate) mod who_uses;

pub use enroll::{EnrollError, EnrollPlan, Enrollment};
pub use moving::{HomeMove, MoveError, MovePlan};
pub use own_key::{OwnAction, OwnDone, OwnError, OwnKey, OwnPlan};
pub use self_service::{
    OwnBlocked, OwnStep, ReplaceError, Undone, decide_own, other_key, replace_own,
};
pub use session::{RequestKind, RequestPlan, RequestReport, RequestSession, RequestStatus};
pub use sessions::{Lifted, NotEnded, end_sessions, lift_if_over};
pub use who_uses::{UsesProgress, WhoUses, Whose};
