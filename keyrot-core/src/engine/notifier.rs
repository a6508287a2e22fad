//! Where a run reports to.

use crate::engine::notifier_error::NotifierError;
use crate::engine::report::Report;
use crate::machine::event::Event;
use async_trait::async_trait;

/// Where news go: a chat, a mail, an event bus, a log.
///
/// A run notifies beside its work. Each has a queue of its own, and its time is bounded by
/// [`NotifierLimits`](crate::engine::dispatch::NotifierLimits): 15 seconds a call, and 30 seconds
/// for all that is left when the last user is done, unless set. One that fails, hangs or panics is
/// reported in [`Report::notifier_failures`](crate::engine::report::Report::notifier_failures), and
/// nothing else.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Notifier: Send + Sync {
    /// What it is called in messages about it, such as `slack`.
    fn name(&self) -> String;

    /// Reports what has just happened, in order. What comes up while a call is under way comes
    /// together with the next.
    ///
    /// # Errors
    /// [`NotifierError`], without secret material. The run reports it and goes on.
    async fn happened(&self, events: &[Event]) -> Result<(), NotifierError>;

    /// The run is over, and this is all of it, with every event again: for notifiers that send one
    /// message a run.
    ///
    /// # Errors
    /// [`NotifierError`], without secret material. The run reports it.
    async fn finished(&self, report: &Report) -> Result<(), NotifierError>;
}
