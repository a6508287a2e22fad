//! Rotations on the ports: one user, and many concurrently.

pub(crate) mod dispatch;
pub(crate) mod driver;
pub(crate) mod held_use;
pub(crate) mod notifier;
pub(crate) mod report;
pub(crate) mod rotator;
pub(crate) mod target;

pub use dispatch::NotifierLimits;
pub use driver::{Driven, Ports, drive};
#[cfg(feature = "mocks")]
pub use notifier::MockNotifier;
pub use notifier::{Notifier, NotifierError, NotifierErrorKind};
pub use report::{NotifierFailure, Report, UserResult};
pub use rotator::moving::Moved;
pub use rotator::{Limits, Progress, Rotator};
pub use target::Target;
