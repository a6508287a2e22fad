//! One user's rotation as a machine without I/O: it returns the next call, and takes its reply.

pub(crate) mod call;
pub(crate) mod event;
pub(crate) mod outcome;
pub(crate) mod planned;
pub(crate) mod rotation;
pub(crate) mod verification;

pub use call::{Call, Reply};
pub use event::{Event, EventKind, Failure, Severity};
pub use outcome::{Outcome, Stop};
pub use planned::PlannedAction;
pub use rotation::Rotation;
pub use rotation::decider::Decider;
pub use rotation::state::{Mode, Next};
pub use rotation::task::Task;
