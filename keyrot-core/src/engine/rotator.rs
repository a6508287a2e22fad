//! Rotates many users, with limits on concurrency, changes and time. One user's failure or panic
//! never affects another.

use crate::engine::target::Target;
use crate::engine::telemetry;
pub(crate) mod adoption;
pub(crate) mod moving;

use crate::decide::decision::blocked::Blocked;
use crate::engine::crowd::{self, Away};
use crate::engine::dispatch::{EventQueues, NotifierLimits, notify_beside, panic_text};
use crate::engine::driver::Ports;
use crate::engine::driver::{Bounds, drive_within};
use crate::engine::held_use::{HeldUse, held_uses, look_up_within};
use crate::engine::notifier::Notifier;
use crate::engine::report::{Report, UserResult};
use crate::machine::event::{Event, EventKind};
use crate::machine::outcome::{Outcome, Stop};
use crate::machine::rotation::task::Task;
use crate::machine::rotation::{Mode, Rotation};
use crate::model::error::ErrorKind;
use crate::model::request::Request;
use crate::model::step::RotationStep;
use crate::model::time::Timestamp;
use crate::model::waits::{WaitPolicy, after};
use crate::ports::cancel::Cancel;
use crate::trail::TrailPort;
use adoption::adopt;
use futures_util::{FutureExt, StreamExt, stream};
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// The total time limit for asking the trail.
const FOR_THE_TRAIL: Duration = Duration::from_secs(60);
/// The number of users that are asked about concurrently.
const TRAILS_AT_ONCE: usize = 4;

/// The limits of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The number of users that are worked on concurrently. Those that wait for a destination are
    /// not counted.
    pub concurrency: usize,
    /// The number of users that may be changed; `None` for no limit.
    pub max_changes: Option<usize>,
    /// The number of users that may be adopted: changed although keyrot has no journal for them
    /// yet. `None` for no limit. Users are adopted in the order of their names, after all others
    /// are done. Steps of Secrets Manager's rotation and requests are not limited.
    pub max_adoptions: Option<usize>,
    /// The time after which no new step starts.
    pub deadline: Option<Timestamp>,
}

impl Default for Limits {
    /// 64 users concurrently, ten adoptions, and no other limit.
    fn default() -> Self {
        Self { concurrency: 64, max_changes: None, max_adoptions: Some(10), deadline: None }
    }
}

impl Limits {
    /// Returns the limits for work that begins now and may last this long. Without a duration, they
    /// are unchanged.
    pub(crate) fn lasting(&self, long: Option<Duration>, now: Timestamp) -> Self {
        let deadline = long.map_or(self.deadline, |long| Some(after(now, long)));
        Self { deadline, ..self.clone() }
    }
}

/// Rotates many users.
#[derive(Clone)]
pub struct Rotator {
    ports: Ports,
    notifiers: Vec<Arc<dyn Notifier>>,
    trail: Option<Arc<dyn TrailPort>>,
    notifier_limits: NotifierLimits,
}

/// The task for each user.
struct Job {
    mode: Mode,
    task: Task,
}

/// A message from a run in progress.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time; a box would burden every match"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Something happened.
    Event(Event),
    /// This user is done.
    Done(Box<UserResult>),
}

impl Rotator {
    /// Returns a rotator on these ports, without notifiers.
    #[must_use]
    pub fn new(ports: Ports) -> Self {
        Self {
            ports,
            notifiers: Vec::new(),
            trail: None,
            notifier_limits: NotifierLimits::default(),
        }
    }

    /// Adds a notifier.
    #[must_use]
    pub fn notify(mut self, notifier: Arc<dyn Notifier>) -> Self {
        self.notifiers.push(notifier);
        self
    }

    /// Sets the time limits of notifiers.
    #[must_use]
    pub fn notifier_limits(self, notifier_limits: NotifierLimits) -> Self {
        Self { notifier_limits, ..self }
    }

    /// Lets a run ask this trail, at its end, who uses the old keys that are held because they are
    /// in use ([`EventKind::UsedBy`]).
    ///
    /// That takes at most a minute, ends by the run's deadline, and covers at most 25 users. A
    /// failure is only reported.
    #[must_use]
    pub fn trail(mut self, trail: Arc<dyn TrailPort>) -> Self {
        self.trail = Some(trail);
        self
    }

    /// Returns the ports.
    #[must_use]
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// Works on each of these users: does every step that is due now, or with [`Mode::Plan`] only
    /// decides.
    ///
    /// It never fails as a whole; a failure of one user is in that user's [`UserResult`].
    pub async fn run(
        &self,
        chosen: Vec<Target>,
        mode: Mode,
        limits: &Limits,
        cancel: &Cancel,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Report {
        self.work(chosen, Job { mode, task: Task::Everything }, limits, cancel, progress).await
    }

    /// Carries out one step that Secrets Manager ordered from its rotation function, for the user
    /// whose secret the step names.
    ///
    /// The step is done if the user's outcome is [`Outcome::Done`]. Report anything else as a
    /// failure to Secrets Manager, which then repeats the step.
    pub async fn carry_out(
        &self,
        chosen: Target,
        order: RotationStep,
        limits: &Limits,
        cancel: &Cancel,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Report {
        self.work(
            vec![chosen],
            Job { mode: Mode::Act, task: Task::RotationStep(order) },
            limits,
            cancel,
            progress,
        )
        .await
    }

    /// Carries out an operator's request for one user; or, with [`Mode::Plan`], returns its steps
    /// ([`Outcome::Planned`]).
    ///
    /// It is done if the user's outcome is [`Outcome::Done`]. [`Outcome::Revoked`] is a revocation
    /// whose key is confirmed Inactive but whose rest is not done. [`Outcome::Refused`] and
    /// [`Outcome::Blocked`] say why it cannot be done; after anything else, repeat the request.
    pub async fn fulfill(
        &self,
        chosen: Target,
        request: Request,
        mode: Mode,
        limits: &Limits,
        cancel: &Cancel,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Report {
        self.work(
            vec![chosen],
            Job { mode, task: Task::Request(request) },
            limits,
            cancel,
            progress,
        )
        .await
    }

    async fn work(
        &self,
        chosen: Vec<Target>,
        job: Job,
        limits: &Limits,
        cancel: &Cancel,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Report {
        let started = self.ports.clock.now();
        let changes_left = limits.max_changes.map(AtomicUsize::new);
        // A step or a request names its user.
        let most = limits
            .max_adoptions
            .filter(|most| job.task == Task::Everything && *most < chosen.len());
        let may_adopt = AtomicBool::new(most.is_none());
        let (cancel, away) = (cancel.clone(), Away::at(self.ports.destinations.keys()));
        let bounds = Bounds { cancel, deadline: limits.deadline, changes_left, may_adopt, away };
        let (bounds, job) = (&bounds, &job);
        // A plan sends no notifications.
        let notifiers = if job.mode == Mode::Act { &self.notifiers[..] } else { &[] };
        let report = notify_beside(
            notifiers,
            self.notifier_limits,
            self.ports.clock.as_ref(),
            async move |queues: EventQueues| {
                // Each target is copied only while its user is at work.
                let all = |chosen: Vec<_>| {
                    let work = chosen
                        .into_iter()
                        .map(|one| self.one(Target::clone(one), job, bounds, &queues, progress));
                    crowd::all(work, limits.concurrency, &bounds.away)
                };
                let mut users = all(chosen.iter().collect()).await;
                if let Some(most) = most {
                    bounds.may_adopt.store(true, Ordering::Relaxed);
                    adopt(&mut users, &chosen, most, all).await;
                    for one in users.iter().filter(|one| one.waits_for_adoption()) {
                        progress(Progress::Done(Box::new(one.clone())));
                    }
                }
                self.ask_who(&mut users, job, bounds, &queues, progress).await;
                users.sort_by(|a: &UserResult, b| a.user.cmp(&b.user));
                Report::new(started, self.ports.clock.now(), users)
            },
        )
        .await;
        telemetry::ended(&report, job.mode, &job.task);
        report
    }

    async fn one(
        &self,
        chosen: Target,
        job: &Job,
        bounds: &Bounds,
        queues: &EventQueues,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> UserResult {
        let Target { subject, policy } = chosen;
        let mut happened = Vec::new();
        let mut tell = |event: Event| {
            telemetry::happened(&event);
            happened.push(event.clone());
            queues.tell(&event);
            progress(Progress::Event(event));
        };
        let at = self.ports.clock.now();
        let event = |kind| Event {
            at,
            user: subject.user.clone(),
            owner: subject.owner.clone(),
            secret: subject.secret.clone(),
            kind,
        };
        let mut standing = UserResult::unread(&subject, Outcome::Panicked(String::new()));
        // An error in the user's settings is no reason to leave a leaked key Active: IAM is enough
        // to deactivate it.
        let off_first =
            matches!(&job.task, Task::Request(request) if request.off_first().is_some());
        let rotation = match policy {
            Ok(policy) => Ok((Rotation::new(subject.clone(), policy, job.mode), policy)),
            Err(reason) if off_first => {
                let policy = WaitPolicy::default();
                Ok((Rotation::new(subject.clone(), policy, job.mode).with_iam_only(reason), policy))
            }
            Err(reason) => Err(reason),
        };
        match rotation {
            Err(reason) => {
                // The user's keys are listed whatever its tags say.
                if let Ok(keys) = self.ports.iam.list_keys(&subject.user).await {
                    standing.list(keys);
                }
                // A leaked key is more serious than a bad tag, but for an operator who revokes the
                // key, the tag is what blocks.
                let quarantine =
                    subject.quarantine.clone().filter(|_| !matches!(job.task, Task::Request(_)));
                let reason = quarantine.map_or(reason, |policy| Blocked::Quarantined { policy });
                if job.mode == Mode::Act {
                    tell(event(EventKind::Blocked { reason: reason.clone() }));
                }
                standing.outcome = Outcome::Blocked(reason);
            }
            Ok((rotation, policy)) => {
                let rotation = Box::new(rotation.to_do(job.task.clone()));
                // Boxed, because each adapter around a future may hold it twice.
                let work = Box::pin(drive_within(&self.ports, rotation, bounds, &mut tell));
                let work = telemetry::in_span(&subject, work);
                match AssertUnwindSafe(work).catch_unwind().await {
                    Ok(driven) => {
                        let now = self.ports.clock.now();
                        standing.see(driven.rotation.seen(), &policy, now);
                        standing.calls = driven.calls;
                        standing.outcome = match driven.outcome {
                            // IAM's first answer about the user. A request was made on purpose, so
                            // it fails.
                            Outcome::Failed(failure)
                                if driven.calls == 1
                                    && job.task == Task::Everything
                                    && failure.error.kind == ErrorKind::NotFound =>
                            {
                                Outcome::Stopped(Stop::UserGone)
                            }
                            outcome => outcome,
                        };
                    }
                    Err(panic) => {
                        let reason = panic_text(&*panic);
                        tell(event(EventKind::Panicked { reason: reason.clone() }));
                        standing.outcome = Outcome::Panicked(reason);
                    }
                }
            }
        }
        standing.events = happened;
        if !standing.waits_for_adoption() && !self.will_ask(&standing, job) {
            progress(Progress::Done(Box::new(standing.clone())));
        }
        standing
    }

    /// Whether the trail will be asked about the user, once the others are done.
    fn will_ask(&self, standing: &UserResult, job: &Job) -> bool {
        self.trail.is_some() && job.mode == Mode::Act && standing.is_in_use()
    }

    /// Asks the trail. This is the last part of a run, so no user waits for it.
    async fn ask_who(
        &self,
        users: &mut [UserResult],
        job: &Job,
        bounds: &Bounds,
        queues: &EventQueues,
        progress: &(dyn Fn(Progress) + Sync),
    ) {
        let Some(trail) = self.trail.as_deref().filter(|_| job.mode == Mode::Act) else { return };
        let clock = self.ports.clock.as_ref();
        let end = after(clock.now(), FOR_THE_TRAIL);
        let end = bounds.deadline.map_or(end, |deadline| deadline.min(end));
        let ask = |held: HeldUse| async move {
            let found = look_up_within(trail, clock, &held, end, &bounds.cancel).await;
            (held.at, found)
        };
        let mut answers =
            pin!(stream::iter(held_uses(users)).map(ask).buffer_unordered(TRAILS_AT_ONCE));
        while let Some((at, found)) = answers.next().await {
            let standing = &mut users[at];
            let Some(evidence) = found else { continue };
            let event = standing.event(clock.now(), EventKind::UsedBy(evidence));
            telemetry::happened(&event);
            standing.events.push(event.clone());
            queues.tell(&event);
            progress(Progress::Event(event));
        }
        for one in users.iter().filter(|one| self.will_ask(one, job)) {
            progress(Progress::Done(Box::new(one.clone())));
        }
    }
}

impl fmt::Debug for Rotator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let notifiers: Vec<String> =
            self.notifiers.iter().map(|notifier| notifier.name()).collect();
        let mut shown = f.debug_struct("Rotator");
        shown
            .field("notifiers", &notifiers)
            .field("trail", &self.trail.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "memory")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{MemoryAccount, World};
    use crate::model::names::SecretName;
    use crate::model::subject::Subject;

    /// Up to a thousand users wait for a destination at the same time.
    #[test]
    fn a_user_at_work_takes_less_than_nine_kilobytes() {
        let mut world = World::new("2026-01-05T04:00:00Z".parse().expect("a time"));
        world.add_user("ci", &[("RotateKey", "True")]).expect("a user");
        let users = world.list_users("/");
        let secret = SecretName::parse("/iam/ci/access_key").expect("a name");
        let subject = Subject::of(&users[0], secret, "us-east-1");
        let target = Target { subject, policy: Ok(WaitPolicy::default()) };
        let rotator = Rotator::new(Ports::of(MemoryAccount::new(world)));
        let job = Job { mode: Mode::Act, task: Task::Everything };
        let bounds = Bounds {
            cancel: Cancel::default(),
            deadline: None,
            changes_left: None,
            may_adopt: AtomicBool::new(true),
            away: Away::default(),
        };
        let queues = EventQueues::default();
        let policy = target.policy.clone().expect("no tags");
        let rotation = Box::new(Rotation::new(target.subject.clone(), policy, Mode::Act));
        let rotation_size = size_of_val(&*rotation);
        let mut tell = |_: Event| {};
        let work = size_of_val(&drive_within(&rotator.ports, rotation, &bounds, &mut tell));
        let user = size_of_val(&rotator.one(target, &job, &bounds, &queues, &|_| {}));
        let sizes = format!("user {user}, work {work}, rotation {rotation_size}");
        assert!(user + work + rotation_size < 9_000, "{sizes}");
    }
}
