//! Rotations on the ports: one user, and many concurrently.
//!
//! # Tracing
//! With the feature `tracing`, the work on each user is a span `user` (level DEBUG; fields `user`,
//! `secret`), with an event for each call that the rotation makes (`call`, and of a failure `error`
//! and AWS's code `aws_code`), for everything that happens (`event`, `key`), and for the end of the
//! run. All have the target `keyrot_core` and the level DEBUG; secret material is in none.
//!
//! # Metrics
//! With the feature `metrics`: see `engine::metrics`.

pub(crate) mod crowd;
pub(crate) mod dispatch;
pub(crate) mod driver;
pub(crate) mod held_use;
mod limits_with;
#[cfg(feature = "metrics")]
pub mod metrics;
pub(crate) mod notifier;
pub(crate) mod notifier_error;
pub(crate) mod report;
pub(crate) mod rotator;
pub(crate) mod target;
pub(crate) mod telemetry;

pub use dispatch::NotifierLimits;
pub use driver::{Driven, Ports, drive};
#[cfg(feature = "mocks")]
pub use notifier::MockNotifier;
pub use notifier::Notifier;
pub use notifier_error::{NotifierError, NotifierErrorKind};
pub use report::{NotifierFailure, Report, UserResult};
pub use rotator::moving::{MoveReport, Moved};
pub use rotator::{Limits, Progress, Rotator};
pub use target::Target;
