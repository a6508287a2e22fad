//! What the operator asks for, and what follows from it.

pub(crate) mod resolution;
pub(crate) mod self_service;
pub(crate) mod sessions;

pub use resolution::Resolution;
pub use self_service::{OwnBlocked, OwnStep, ReplaceError, Undone, decide_own, other_key, replace_own};
#[cfg(feature = "mocks")]
pub use sessions::MockUserPolicyPort;
pub use sessions::{
    EndedSessions, LONGEST_ROLE_SESSION, LONGEST_SESSION, Lifted, NotEnded, UserPolicyPort, deny_issued_before,
    end_sessions, lift_if_over,
};
