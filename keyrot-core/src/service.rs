//! Runs passes over all selected users at an interval, for as long as a program runs.

use crate::engine::dispatch::panic_text;
use crate::engine::driver::YieldOnce;
use crate::engine::notifier::Notifier;
use crate::engine::rotator::{Limits, Rotator};
use crate::engine::target::Target;
use crate::machine::rotation::Mode;
use crate::model::error::CallError;
use crate::model::time::Timestamp;
use crate::model::waits::{WaitPolicy, after};
use crate::ports::cancel::Cancel;
use crate::report::run::{Counts, RunDocument};
use crate::report::schema;
use crate::report::state::RunStatus;
use crate::selection::homes::Homes;
use crate::selection::users::{Selection, select};
use futures_util::FutureExt;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Six hours: if a pass fails for a user, the next one follows long before that matters.
const EVERY: Duration = Duration::from_secs(6 * 60 * 60);

type OfRun = Arc<dyn Fn(&[Target]) -> Vec<Arc<dyn Notifier>> + Send + Sync>;
type EachPass = Arc<dyn Fn(&Result<RunDocument, ServiceError>) + Send + Sync>;

/// A loop of passes for a program that embeds keyrot. Clones are the same service, with the same
/// health.
///
/// ```no_run
/// # use keyrot_core::*;
/// # async fn example(ports: Ports, homes: Homes, stop: impl Future<Output = ()> + Send + 'static) {
/// let service = Service::new(Rotator::new(ports), Selection::default(), homes, WaitPolicy::default());
/// let health = service.clone();
/// let task = tokio::spawn(async move { service.run(&Cancel::when(stop)).await });
/// // Meanwhile, for a health check:
/// println!("{:?}", health.health());
/// # let _ = task.await;
/// # }
/// ```
#[derive(Clone)]
pub struct Service {
    rotator: Rotator,
    selection: Selection,
    homes: Homes,
    policy: WaitPolicy,
    limits: Limits,
    deadline: Option<Duration>,
    every: Duration,
    jitter: Option<Duration>,
    of_run: Vec<OfRun>,
    each_pass: Option<EachPass>,
    health: Arc<Mutex<Health>>,
}

/// The reason why a pass did nothing for any user. The next one tries again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// The users could not be listed completely, so none was selected.
    #[error("the account's users could not be listed, and no user was touched: {0}")]
    NotListed(#[source] CallError),
    /// A port's or the program's own code panicked. The next pass continues what was under way.
    #[error("the pass panicked: {0}")]
    Panicked(String),
}

/// The health of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// The number of passes that ended.
    pub passes: usize,
    /// The last pass that ended.
    pub last: Option<LastPass>,
    /// When the last pass that left nothing to do ended.
    pub last_ok: Option<Timestamp>,
    /// When the next pass begins; `None` before the first one, during a pass, and after the last
    /// one.
    pub next: Option<Timestamp>,
}

/// A pass that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastPass {
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
    /// Its result.
    pub result: Result<(RunStatus, Counts), ServiceError>,
}

impl LastPass {
    /// Whether there is nothing to do: every user is settled or waiting.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        matches!(&self.result, Ok((RunStatus::Ok, _)))
    }
}

impl Service {
    /// Returns a service that rotates the users that `selection` selects, by `policy`: one pass
    /// immediately, then one every six hours.
    #[must_use]
    pub fn new(rotator: Rotator, selection: Selection, homes: Homes, policy: WaitPolicy) -> Self {
        Self {
            rotator,
            selection,
            homes,
            policy,
            limits: Limits::default(),
            deadline: None,
            every: EVERY,
            jitter: None,
            of_run: Vec::new(),
            each_pass: None,
            health: Arc::default(),
        }
    }

    /// Returns a service with the users and the policy from these settings.
    #[cfg(feature = "settings")]
    #[must_use]
    pub fn from_settings(
        rotator: Rotator,
        settings: &crate::settings::loaded::Settings,
        homes: Homes,
    ) -> Self {
        let limits = Limits {
            concurrency: settings.concurrency(),
            max_changes: settings.max_changes(),
            max_adoptions: settings.max_adoptions(),
            deadline: None,
        };
        let service = Self::new(rotator, settings.selection().clone(), homes, *settings.policy());
        service.limits(limits).deadline(settings.deadline())
    }

    /// Sets the wait from the end of one pass to the start of the next. Default six hours. It never
    /// exceeds the policy's `run_interval`, which the deadline for keys relies on.
    #[must_use]
    pub fn every(self, every: Duration) -> Self {
        Self { every, ..self }
    }

    /// Sets the longest random addition to a wait, so that many services do not call together.
    /// Default a tenth of the wait.
    #[must_use]
    pub fn jitter(self, jitter: Duration) -> Self {
        Self { jitter: Some(jitter), ..self }
    }

    /// Sets the limits of each pass, except its deadline.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Sets how long a pass starts new steps. Default: no limit.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// Adds a notifier.
    #[must_use]
    pub fn notify(mut self, notifier: Arc<dyn Notifier>) -> Self {
        self.rotator = self.rotator.notify(notifier);
        self
    }

    /// Adds the notifiers that this function makes for the users of each pass, such as
    /// `keyrot_aws::notify::Channels::for_run`.
    #[must_use]
    pub fn notify_with(
        mut self,
        of_run: impl Fn(&[Target]) -> Vec<Arc<dyn Notifier>> + Send + Sync + 'static,
    ) -> Self {
        self.of_run.push(Arc::new(of_run));
        self
    }

    /// Calls this function with the result of each pass, for the program's own log.
    #[must_use]
    pub fn each_pass(
        self,
        each: impl Fn(&Result<RunDocument, ServiceError>) + Send + Sync + 'static,
    ) -> Self {
        Self { each_pass: Some(Arc::new(each)), ..self }
    }

    /// Returns the current health.
    #[must_use]
    pub fn health(&self) -> Health {
        self.state().clone()
    }

    /// Runs passes until a stop is requested, and returns how many. Steps under way are finished
    /// first; the next start continues the rest.
    pub async fn run(&self, cancel: &Cancel) -> usize {
        let mut passes = 0;
        while !cancel.is_cancelled() {
            // The result is part of the health, and was passed to the callback.
            let _ = self.pass(cancel).await;
            passes += 1;
            let wait = self.wait();
            self.state().next = Some(after(self.rotator.ports().clock.now(), wait));
            let sleep = async {
                // On a clock that a sleep advances, nothing else yields to other tasks.
                YieldOnce::default().await;
                self.rotator.ports().clock.sleep(wait).await;
            };
            futures_util::future::select(pin!(cancel.cancelled()), pin!(sleep)).await;
            self.state().next = None;
        }
        passes
    }

    /// Runs one pass. The document reports each user's problems.
    ///
    /// # Errors
    /// [`ServiceError`] if nothing could be done for any user.
    pub async fn pass(&self, cancel: &Cancel) -> Result<RunDocument, ServiceError> {
        let clock = &self.rotator.ports().clock;
        let started = clock.now();
        let work = AssertUnwindSafe(self.work(cancel)).catch_unwind().await;
        let result = work.unwrap_or_else(|panic| Err(ServiceError::Panicked(panic_text(&*panic))));
        let summary = match &result {
            Ok(document) => Ok((document.result, document.counts.clone())),
            Err(error) => {
                #[cfg(feature = "metrics")]
                crate::engine::metrics::pass_failed(match error {
                    ServiceError::NotListed(_) => "not_listed",
                    ServiceError::Panicked(_) => "panicked",
                });
                Err(error.clone())
            }
        };
        {
            let mut health = self.state();
            let last = LastPass { started, finished: clock.now(), result: summary };
            health.passes += 1;
            health.last_ok = if last.is_ok() { Some(last.finished) } else { health.last_ok };
            health.last = Some(last);
        }
        if let Some(each) = &self.each_pass {
            // A panic in the program's callback does not stop the service.
            let _ = std::panic::catch_unwind(AssertUnwindSafe(|| each(&result)));
        }
        result
    }

    async fn work(&self, cancel: &Cancel) -> Result<RunDocument, ServiceError> {
        let ports = self.rotator.ports();
        let users =
            ports.iam.users(&self.selection.path_prefix).await.map_err(ServiceError::NotListed)?;
        let mut selected = select(&users, &self.selection, &self.homes, &self.policy);
        drop(users);
        let chosen = std::mem::take(&mut selected.chosen);
        let notifiers = self.of_run.iter().flat_map(|of_run| of_run(&chosen));
        let rotator = notifiers.fold(self.rotator.clone(), Rotator::notify);
        let limits = Limits {
            deadline: self.deadline.map(|time| after(ports.clock.now(), time)),
            ..self.limits.clone()
        };
        let report = rotator.run(chosen, Mode::Act, &limits, cancel, &|_| {}).await;
        Ok(RunDocument::new(schema::ROTATE, &report, &selected))
    }

    fn wait(&self) -> Duration {
        let random = u32::try_from(RandomState::new().hash_one(0_u8) >> 32).unwrap_or(0);
        let jitter =
            self.jitter.unwrap_or(self.every / 10).mul_f64(f64::from(random) / f64::from(u32::MAX));
        self.every.saturating_add(jitter).min(self.policy.waits().run_interval)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rotator, selection, every, .. } = self;
        let mut shown = f.debug_struct("Service");
        shown.field("rotator", rotator).field("selection", selection).field("every", every);
        shown.field("health", &self.health()).finish_non_exhaustive()
    }
}
