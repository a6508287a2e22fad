//! The receiver of a run's reports.

use crate::engine::notifier_error::NotifierError;
use crate::engine::report::Report;
use crate::machine::event::Event;
use async_trait::async_trait;

/// Receives events and reports, such as for a chat, mail, an event bus or a log.
///
/// A run sends notifications in parallel to its work. Each notifier has its own queue, and its time
/// is limited by [`NotifierLimits`](crate::engine::dispatch::NotifierLimits): by default 15 seconds
/// per call, and 30 seconds for everything left when the last user is done. One that fails, hangs
/// or panics is reported in
/// [`Report::notifier_failures`](crate::engine::report::Report::notifier_failures), and has no
/// other effect.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Returns its name in messages about it, such as `slack`.
    fn name(&self) -> String;

    /// Reports new events, in order. Events during a call are batched into the next one.
    ///
    /// # Errors
    /// [`NotifierError`], without secret material. The run reports it and continues.
    async fn happened(&self, events: &[Event]) -> Result<(), NotifierError>;

    /// Reports the end of a run, with every event again: for notifiers that send one message per
    /// run.
    ///
    /// # Errors
    /// [`NotifierError`], without secret material. The run reports it.
    async fn finished(&self, report: &Report) -> Result<(), NotifierError>;
}
