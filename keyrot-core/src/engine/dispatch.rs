//! Sends notifications in parallel to the work: each notifier has its own queue, so none delays a
//! rotation or another notifier.

use crate::engine::notifier::Notifier;
use crate::engine::notifier_error::{NotifierError, NotifierErrorKind};
use crate::engine::report::NotifierFailure;
use crate::engine::report::Report;
use crate::machine::event::Event;
use crate::ports::Clock;
use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures_channel::oneshot;
use futures_util::future::{Either, join_all, select};
use futures_util::{FutureExt, StreamExt};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The time limits of notifiers. A notifier that exceeds them is stopped, and reported in
/// [`Report::notifier_failures`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotifierLimits {
    /// The limit for one call. Default 15 seconds.
    pub call: Duration,
    /// The limit for everything left to report when the last user is done. Default 30 seconds.
    pub rest: Duration,
}

impl Default for NotifierLimits {
    fn default() -> Self {
        Self { call: Duration::from_secs(15), rest: Duration::from_secs(30) }
    }
}
/// The limit on events in one call.
const AT_ONCE: usize = 100;

/// The queues to which the work reports events.
#[derive(Clone, Default)]
pub(crate) struct EventQueues(Vec<UnboundedSender<Event>>);

impl EventQueues {
    pub(crate) fn tell(&self, event: &Event) {
        for queue in &self.0 {
            // The receiver lives as long as the run. If it doesn't, the event is dropped.
            let _ = queue.unbounded_send(event.clone());
        }
    }
}

/// Runs the work, notifies at the same time, and passes the report to the notifiers at the end.
pub(crate) async fn notify_beside<W: Future<Output = Report>>(
    notifiers: &[Arc<dyn Notifier>],
    limits: NotifierLimits,
    clock: &dyn Clock,
    work: impl FnOnce(EventQueues) -> W,
) -> Report {
    let ledgers: Vec<Ledger> = notifiers.iter().map(|_| Ledger::default()).collect();
    let (mut queues, mut ends, mut lines) = (EventQueues::default(), Vec::new(), Vec::new());
    for (notifier, ledger) in notifiers.iter().zip(&ledgers) {
        let (queue, events) = unbounded();
        let (end, ended) = oneshot::channel();
        queues.0.push(queue);
        ends.push(end);
        lines.push(Line { notifier: notifier.as_ref(), clock, limits, ledger }.work(events, ended));
    }
    let mut lines = pin!(join_all(lines));
    let mut report = match select(pin!(work(queues)), &mut lines).await {
        Either::Left((report, _)) => report,
        Either::Right((_, work)) => work.await,
    };
    if notifiers.is_empty() {
        return report;
    }
    let summary = Arc::new(report.clone());
    let events = report.users.iter().map(|one| one.events.len()).sum();
    for (end, ledger) in ends.into_iter().zip(&ledgers) {
        ledger.state().summary = Some(events);
        // A queue that has already ended panicked outside of a notifier; it needs no report.
        let _ = end.send(Arc::clone(&summary));
    }
    select(lines, clock.time_limit(limits.rest)).await;
    report.notifier_failures = notifiers
        .iter()
        .zip(&ledgers)
        .flat_map(|(notifier, ledger)| ledger.close(&notifier.name(), limits))
        .collect();
    report
}

/// What one notifier has received so far. It is separate from the work, so that it survives when
/// the work is stopped.
#[derive(Default)]
struct Ledger(Mutex<State>);

#[derive(Default)]
struct State {
    /// Events that were neither reported nor failed yet.
    waiting: usize,
    /// The number of events in the summary, while it is still to be reported.
    summary: Option<usize>,
    failures: Vec<(usize, NotifierError)>,
}

impl Ledger {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self, name: &str, limits: NotifierLimits) -> Vec<NotifierFailure> {
        let State { waiting, summary, mut failures } = std::mem::take(&mut *self.state());
        if waiting > 0 || summary.is_some() {
            let untold = waiting.max(summary.unwrap_or(0));
            let text = format!("not done within {} of the run's end", spell(limits.rest));
            failures.push((untold, NotifierError::new(NotifierErrorKind::TimedOut, text)));
        }
        let failure =
            |(untold, reason)| NotifierFailure { notifier: name.to_owned(), untold, reason };
        failures.into_iter().map(failure).collect()
    }
}

/// One notifier's queue at work.
struct Line<'a> {
    notifier: &'a dyn Notifier,
    clock: &'a dyn Clock,
    limits: NotifierLimits,
    ledger: &'a Ledger,
}

impl Line<'_> {
    async fn work(
        self,
        mut events: UnboundedReceiver<Event>,
        ended: oneshot::Receiver<Arc<Report>>,
    ) {
        while let Some(first) = events.next().await {
            let mut batch = vec![first];
            // Events that arrived during the previous call are sent together.
            while batch.len() < AT_ONCE
                && let Ok(event) = events.try_recv()
            {
                batch.push(event);
            }
            self.ledger.state().waiting += batch.len();
            let result = self.within_time(self.notifier.happened(&batch)).await;
            let mut state = self.ledger.state();
            state.waiting -= batch.len();
            state.failures.extend(result.err().map(|reason| (batch.len(), reason)));
        }
        let Ok(report) = ended.await else { return };
        let result = self.within_time(self.notifier.finished(&report)).await;
        let mut state = self.ledger.state();
        let untold = state.summary.take().unwrap_or(0);
        state.failures.extend(result.err().map(|reason| (untold, reason)));
    }

    async fn within_time(
        &self,
        call: impl Future<Output = Result<(), NotifierError>> + Send,
    ) -> Result<(), NotifierError> {
        let call = pin!(AssertUnwindSafe(call).catch_unwind());
        match select(call, self.clock.time_limit(self.limits.call)).await {
            Either::Left((Ok(result), _)) => result,
            Either::Left((Err(panic), _)) => {
                let text = format!("it panicked: {}", panic_text(&*panic));
                Err(NotifierError::new(NotifierErrorKind::Panicked, text))
            }
            Either::Right(_) => {
                let text = format!("no answer within {}", spell(self.limits.call));
                Err(NotifierError::new(NotifierErrorKind::TimedOut, text))
            }
        }
    }
}

/// Formats whole seconds without a fraction, as in every other message.
fn spell(time: Duration) -> String {
    match time.subsec_nanos() {
        0 => format!("{} seconds", time.as_secs()),
        _ => format!("{time:?}"),
    }
}

pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|t| (*t).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}
