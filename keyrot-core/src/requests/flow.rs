//! The flow of every request about a user: read, plan, agree, carry out, read again, report.

mod after;
mod caution;
mod next;
mod report;
mod without_successor;

use crate::decide::decision::refusal::Refusal;
use crate::engine::driver::Ports;
use crate::engine::notifier::Notifier;
use crate::engine::report::{Report, UserResult};
use crate::engine::rotator::{Limits, Progress, Rotator};
use crate::engine::target::Target;
use crate::machine::outcome::Outcome;
use crate::machine::planned::PlannedAction;
use crate::machine::rotation::Mode;
use crate::model::names::KeyId;
use crate::model::observed::LastUse;
use crate::model::request::{Request, Revocation};
use crate::ports::UserPolicyPort;
use crate::ports::cancel::Cancel;
use crate::report::request::RequestDocument;
use crate::report::resolution::Resolution;
use crate::report::user::{EvidenceDocument, UserDocument};
use crate::requests::end_sessions::{Lifted, lift_if_over};
use crate::trail::TrailPort;
pub use caution::Caution;
use futures_util::future::BoxFuture;
pub use report::{RequestKind, RequestPlan, RequestReport, RequestStatus};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Chooses the notifiers for a user.
type Notifiers = dyn Fn(&Target) -> Vec<Arc<dyn Notifier>> + Send + Sync;
/// Finds the user for the rest of a revocation after the key was deactivated, or returns why the
/// user was not found.
type FindTarget = dyn Fn() -> BoxFuture<'static, Result<Target, String>> + Send + Sync;

/// An operator's request for one user: its plan, its execution, and its report.
///
/// A front end shows the [`RequestPlan`], asks, and carries it out.
///
/// ```
/// # #[cfg(feature = "memory")] {
/// # use keyrot_core::memory::{MemoryAccount, World};
/// # use keyrot_core::*;
/// use keyrot_core::requests::{RequestKind, RequestFlow, RequestStatus};
/// use std::sync::Arc;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// # let mut world = World::new("2026-01-05T04:00:00Z".parse()?);
/// # let ci = world.add_user("ci", &[("RotateKey", "True")])?;
/// # let leaked = world.add_key(&ci)?.credentials.key;
/// # let account = MemoryAccount::new(world);
/// # let users = account.users("/").await?;
/// # let homes = Homes::in_region("us-east-1");
/// # let target = select(&users, &Selection::default(), &homes, &WaitPolicy::default()).chosen.remove(0);
/// // The account is all ports here.
/// let all = Arc::new(account.clone());
/// let session = RequestFlow::new(RequestKind::Revoke, Ports::of(account), all.clone(), all, target);
///
/// let seen = session.look().await;
/// let order = Request::revoke(&seen, Some(leaked))?;
/// let plan = session.plan(&seen, Request::Revoke(order)).await;
/// println!("{}?", plan.question().unwrap_or_default());
///
/// let report = session.carry_out(plan, &Cancel::default(), &|_| {}).await;
/// assert_eq!(report.status(), RequestStatus::Done);
/// assert!(!report.document.still_alive.is_empty(), "sessions started with the key, for one");
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// # }
/// ```
#[derive(Clone)]
pub struct RequestFlow {
    kind: RequestKind,
    ports: Ports,
    policies: Arc<dyn UserPolicyPort>,
    trail: Arc<dyn TrailPort>,
    target: Target,
    region: Option<String>,
    limits: Limits,
    deadline: Option<Duration>,
    end_sessions: bool,
    notifiers: Arc<Notifiers>,
    rest: Option<Arc<FindTarget>>,
}

impl RequestFlow {
    /// Returns a flow for this user. `policies` ends sessions, and `trail` shows which roles a
    /// revoked key has assumed; both are for revocations.
    #[must_use]
    pub fn new(
        kind: RequestKind,
        ports: Ports,
        policies: Arc<dyn UserPolicyPort>,
        trail: Arc<dyn TrailPort>,
        target: Target,
    ) -> Self {
        // The limit on changed users does not apply to a named user.
        let limits = Limits { max_changes: None, ..Limits::default() };
        let notifiers = Arc::new(|_: &Target| Vec::new());
        Self {
            kind,
            ports,
            policies,
            trail,
            target,
            region: None,
            limits,
            deadline: None,
            end_sessions: false,
            notifiers,
            rest: None,
        }
    }

    /// Sets other limits, except the number of users that may be changed.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self.limits.max_changes = None;
        self
    }

    /// Sets how long keyrot starts new steps. The time counts from the start of the work on the
    /// user, because a plan may wait long for an answer. Default: the limits' deadline.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// Sets the region of the secret, for the report.
    #[must_use]
    pub fn region(self, region: Option<String>) -> Self {
        Self { region, ..self }
    }

    /// Sets whether a revocation also ends the sessions that were started with any key of the user.
    #[must_use]
    pub fn end_sessions(self, end_sessions: bool) -> Self {
        Self { end_sessions, ..self }
    }

    /// Whether a revocation also ends the user's sessions.
    #[must_use]
    pub fn ends_sessions(&self) -> bool {
        self.end_sessions
    }

    /// Adds the notifiers for what is done.
    #[must_use]
    pub fn notify(
        self,
        notifiers: impl Fn(&Target) -> Vec<Arc<dyn Notifier>> + Send + Sync + 'static,
    ) -> Self {
        Self { notifiers: Arc::new(notifiers), ..self }
    }

    /// Sets up a revocation [without a successor](Revocation::without_successor) for a user that
    /// was not read. The key is deactivated with IAM alone, and `find` then finds the user for the
    /// rest. If `find` fails, the rest is not done.
    #[must_use]
    pub fn off_first(
        self,
        find: impl Fn() -> BoxFuture<'static, Result<Target, String>> + Send + Sync + 'static,
    ) -> Self {
        Self { rest: Some(Arc::new(find)), ..self }
    }

    /// Returns the user.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Reads the user, as the plan of a run does.
    pub async fn look(&self) -> UserResult {
        self.look_at(&self.target).await
    }

    async fn look_at(&self, target: &Target) -> UserResult {
        let rotator = Rotator::new(self.ports.clone());
        let report = rotator
            .run(vec![target.clone()], Mode::Plan, &self.limits_now(), &Cancel::default(), &|_| {})
            .await;
        only(&report, target)
    }

    /// Plans the request. It changes nothing.
    pub async fn plan(&self, seen: &UserResult, request: Request) -> RequestPlan {
        let report = self.preview(&self.target, &request).await;
        let evidence = self.evidence(seen).await;
        self.planned(&self.target, (request, &report), evidence, Some(seen.clone()))
    }

    /// Carries out the plan.
    ///
    /// After a cancellation, or if the request did not finish, repeat it: it resumes.
    pub async fn carry_out(
        &self,
        plan: RequestPlan,
        cancel: &Cancel,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> RequestReport {
        if let (Some(find), Some(key)) = (&self.rest, plan.request.off_first().cloned()) {
            return self.switch_off(plan, &key, find.as_ref(), (cancel, progress)).await;
        }
        let report = self.fulfill(&self.target, &plan.request, (cancel, progress)).await;
        let RequestDocument { intended, evidence, .. } = plan.document;
        let done = Done { report, before: plan.before, intended, evidence };
        self.close(&self.target, plan.request, done, cancel).await
    }

    /// Returns the report of a request that cannot be made, such as for a key that the user does
    /// not have.
    pub async fn refuse(&self, seen: &UserResult, refusal: Refusal) -> RequestReport {
        let outcome = match seen.outcome.hides(&refusal) {
            true => seen.outcome.clone(),
            false => Outcome::Refused(refusal),
        };
        self.show(&UserResult { outcome, ..seen.clone() }).await
    }

    /// Returns a report of the user and its resolutions, without a request.
    pub async fn show(&self, seen: &UserResult) -> RequestReport {
        let evidence = self.evidence(seen).await;
        let now = self.ports.clock.now();
        let report = Report {
            started: now,
            finished: now,
            users: vec![seen.clone()],
            notifier_failures: Vec::new(),
        };
        let mut document = self.document(&self.target, None, Vec::new(), evidence, &report);
        document.choices = Resolution::of(seen);
        RequestReport {
            kind: self.kind,
            document,
            result: seen.clone(),
            left: None,
            acted: false,
            end_sessions: self.end_sessions,
            lifted: None,
        }
    }

    /// Removes the policy that had ended the user's sessions, once they have expired.
    ///
    /// # Errors
    /// [`CallError`](crate::model::error::CallError) if the policy could not be read; `Denied` if
    /// the permission is missing.
    pub async fn lift(&self) -> Result<Lifted, crate::model::error::CallError> {
        lift_if_over(&*self.policies, &self.target.subject.user, self.ports.clock.now()).await
    }

    fn limits_now(&self) -> Limits {
        self.limits.lasting(self.deadline, self.ports.clock.now())
    }

    /// Returns the last use of each of the user's keys.
    async fn evidence(&self, seen: &UserResult) -> Vec<EvidenceDocument> {
        let mut evidence = Vec::new();
        for key in &seen.keys {
            let used = self.ports.iam.last_use(&seen.user, &key.id).await;
            let used = used.unwrap_or_else(|error| LastUse::Unknown(error.message));
            evidence.push(EvidenceDocument::new(&key.id, &used));
        }
        evidence
    }

    async fn preview(&self, target: &Target, request: &Request) -> Report {
        let rotator = Rotator::new(self.ports.clone());
        rotator
            .fulfill(
                target.clone(),
                request.clone(),
                Mode::Plan,
                &self.limits_now(),
                &Cancel::default(),
                &|_| {},
            )
            .await
    }

    fn planned(
        &self,
        target: &Target,
        (request, report): (Request, &Report),
        evidence: Vec<EvidenceDocument>,
        before: Option<UserResult>,
    ) -> RequestPlan {
        let result = only(report, target);
        let document =
            self.document(target, Some(request.clone()), steps_of(&result), evidence, report);
        let off_first = self.rest.is_some();
        let end_sessions = self.end_sessions;
        RequestPlan { kind: self.kind, document, result, request, before, end_sessions, off_first }
    }

    async fn fulfill(
        &self,
        target: &Target,
        request: &Request,
        (cancel, progress): (&Cancel, &(dyn Fn(Progress) + Sync)),
    ) -> Report {
        let notifiers = (self.notifiers)(target);
        let rotator = notifiers.into_iter().fold(Rotator::new(self.ports.clone()), Rotator::notify);
        rotator
            .fulfill(
                target.clone(),
                request.clone(),
                Mode::Act,
                &self.limits_now(),
                cancel,
                progress,
            )
            .await
    }

    fn document(
        &self,
        target: &Target,
        request: Option<Request>,
        intended: Vec<PlannedAction>,
        evidence: Vec<EvidenceDocument>,
        report: &Report,
    ) -> RequestDocument {
        let account = target.subject.arn.account();
        let result = only(report, target);
        let mut user = UserDocument::new(&result, report.finished);
        if let (Some(_), Outcome::Stopped(stop)) = (&request, &result.outcome) {
            user.message = stop.of_request();
        }
        let at_once = next::at_once(request.as_ref(), &result);
        user.hints.extend(at_once.filter(|_| result.revoked_and_active().is_none()));
        user.hints.extend(next::unfinished(&result));
        RequestDocument {
            schema: self.kind.schema(),
            started: report.started,
            finished: report.finished,
            account: (account != Target::NO_ACCOUNT).then(|| account.to_owned()),
            region: self.region.clone(),
            request,
            dry_run: false,
            intended,
            evidence,
            user,
            choices: Vec::new(),
            left: None,
            still_alive: Vec::new(),
            sessions_ended: None,
            sessions_not_ended: None,
            notifier_failures: report.notifier_failures.clone(),
        }
    }
}

/// The result of a request, and the facts that were known before it.
struct Done {
    report: Report,
    before: Option<UserResult>,
    intended: Vec<PlannedAction>,
    evidence: Vec<EvidenceDocument>,
}

fn only(report: &Report, target: &Target) -> UserResult {
    report.users.first().cloned().unwrap_or_else(|| {
        UserResult::unread(
            &target.subject,
            Outcome::Panicked("the run has no result for the user".to_owned()),
        )
    })
}

fn steps_of(planned: &UserResult) -> Vec<PlannedAction> {
    match &planned.outcome {
        Outcome::Planned(steps) => steps.clone(),
        _ => Vec::new(),
    }
}

/// Whether IAM listed the key as Inactive or gone.
fn is_revoked(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Done | Outcome::Revoked { .. })
}

impl Request {
    /// Returns the previous key, to which a rollback goes, as a plan found the user.
    ///
    /// # Errors
    /// [`Refusal`] if there is no previous key.
    pub fn key_before(seen: &UserResult) -> Result<KeyId, Refusal> {
        match (&seen.previous, &seen.current) {
            (Some(to), _) => Ok(to.clone()),
            (None, Some(_)) => {
                let current = seen.current.as_ref();
                let left = seen
                    .keys
                    .iter()
                    .map(|k| k.id.clone())
                    .filter(|id| Some(id) != current)
                    .collect();
                Err(Refusal::NothingBefore { left })
            }
            (None, None) => Err(Refusal::NothingCurrent),
        }
    }

    /// Returns the request to revoke a key, as a plan found the user. If no key is named, it is the
    /// user's only key, unless a key was revoked before.
    ///
    /// # Errors
    /// [`Refusal`] if no key is named and more than one could be meant.
    pub fn revoke(seen: &UserResult, key: Option<KeyId>) -> Result<Revocation, Refusal> {
        let key = match (key, seen.keys.as_slice()) {
            (Some(key), _) => key,
            // After a revocation, the successor may be the only key, and repeating the command must
            // not revoke it. Also, right after a rotation, IAM may list only the old key.
            (None, [only])
                if seen.revoked.is_empty()
                    && seen.current.as_ref().is_none_or(|current| *current == only.id) =>
            {
                only.id.clone()
            }
            (None, keys) => {
                let listed = keys.iter().map(|k| k.id.clone());
                let unlisted = seen.current.clone();
                let unlisted = unlisted.filter(|id| keys.iter().all(|k| k.id != *id));
                return Err(Refusal::WhichKey { keys: listed.chain(unlisted).collect() });
            }
        };
        Ok(Revocation::of(key))
    }
}

/// Shows only the user.
impl fmt::Debug for RequestFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RequestFlow");
        shown
            .field("kind", &self.kind)
            .field("user", &self.target.subject.user)
            .finish_non_exhaustive()
    }
}
