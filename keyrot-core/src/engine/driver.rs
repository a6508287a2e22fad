//! Drives one user's rotation on the ports: asks the machine for the next call, makes it, and
//! passes the reply back.

use crate::engine::crowd::Away;
use crate::engine::dispatch::panic_text;
use crate::engine::telemetry;
use crate::machine::call::{Call, Reply};
use crate::machine::event::Event;
use crate::machine::outcome::{Outcome, Stop};
use crate::machine::rotation::delivering::no_such_port;
use crate::machine::rotation::{Mode, Next, Rotation};
use crate::model::clock::WrongClock;
use crate::model::destination::{Delivery, Found};
use crate::model::error::{CallError, Effect, ErrorKind};
use crate::model::journal::JournalEntry;
use crate::model::names::DestinationName;
use crate::model::observed::Observed;
use crate::model::receipt::Receiving;
use crate::model::subject::Subject;
use crate::model::time::Timestamp;
use crate::model::waits::WaitPolicy;
use crate::ports::cancel::Cancel;
use crate::ports::destination::Destination;
use crate::ports::{Clock, CredentialProbe, IamPort, SecretStorePort};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Either, select};
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

/// A pause is split into naps of this length, so that a request to stop is noticed.
const NAP: Duration = Duration::from_millis(250);

/// The ports that a rotation acts through.
#[derive(Clone)]
pub struct Ports {
    /// IAM.
    pub iam: Arc<dyn IamPort>,
    /// The secret store.
    pub store: Arc<dyn SecretStorePort>,
    /// The verification of new credentials.
    pub probe: Arc<dyn CredentialProbe>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The destinations, by their names in the settings.
    pub destinations: Arc<BTreeMap<DestinationName, Arc<dyn Destination>>>,
}

/// Shows only that the ports exist, not their contents.
impl std::fmt::Debug for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ports").finish_non_exhaustive()
    }
}

impl Ports {
    /// Returns ports that are all served by one value, such as the in-memory account. It has no
    /// destinations.
    #[must_use]
    pub fn of<P: IamPort + SecretStorePort + CredentialProbe + Clock + 'static>(all: P) -> Self {
        let all = Arc::new(all);
        Self {
            iam: all.clone(),
            store: all.clone(),
            probe: all.clone(),
            clock: all,
            destinations: Arc::default(),
        }
    }

    /// Returns the ports with these destinations.
    #[must_use]
    pub fn with_destinations(self, all: BTreeMap<DestinationName, Arc<dyn Destination>>) -> Self {
        Self { destinations: Arc::new(all), ..self }
    }

    fn destination(&self, name: &DestinationName) -> Result<&dyn Destination, CallError> {
        let found = self.destinations.get(name);
        found.map(AsRef::as_ref).ok_or_else(|| no_such_port(name))
    }

    /// Makes one call.
    ///
    /// # Errors
    /// The port's error.
    pub async fn perform(&self, subject: &Subject, call: &Call) -> Result<Reply, CallError> {
        let Subject { user, secret, .. } = subject;
        let (iam, store) = (&self.iam, &self.store);
        Ok(match call {
            Call::ListKeys => Reply::Keys(iam.list_keys(user).await?),
            Call::DescribeSecret => Reply::Secret(store.describe(secret).await?),
            Call::InspectVersion(version) | Call::Measure(version) => {
                Reply::VersionContents(store.inspect_version(secret, version).await?)
            }
            Call::ListVersions => Reply::Versions(store.versions(secret).await?),
            Call::LastUse(key) => Reply::LastUse(iam.last_use(user, key).await?),
            Call::CreateKey => Reply::Created(iam.create_key(user).await?),
            Call::ReadVersion(version) => Reply::Credentials(store.read(secret, version).await?),
            Call::Probe(credentials) => Reply::Probe(self.probe.probe(credentials).await?),
            Call::FindElsewhere => {
                Reply::Elsewhere(store.elsewhere(secret, &subject.owner()).await?)
            }
            Call::Compare => Reply::Differences(store.differences(secret).await?),
            Call::WriteHome(home) => done(iam.write_home(user, home).await)?,
            Call::BindSecret => done(store.bind(secret, &subject.owner()).await)?,
            Call::CreateSecret(placeholder) => {
                Reply::SecretCreated(store.create(secret, &subject.owner(), placeholder).await?)
            }
            Call::PutPlaceholder(placeholder) => {
                done(store.put_placeholder(secret, placeholder).await)?
            }
            Call::TestWrite(version) => done(store.test_write(secret, version).await)?,
            Call::StagePlaceholder(placeholder) => {
                done(store.stage_placeholder(secret, placeholder).await)?
            }
            Call::Write(note) => done(store.write_note(secret, note).await)?,
            Call::Stage { version, credentials, carry } => {
                done(store.stage(secret, version, credentials, carry.clone()).await)?
            }
            Call::Promote { from, to } => done(store.promote(secret, from, to).await)?,
            Call::Unstage(version) => done(store.unstage(secret, version).await)?,
            Call::Deactivate(key) => done(iam.deactivate_key(user, key).await)?,
            Call::Activate(key) => done(iam.activate_key(user, key).await)?,
            Call::DeleteKey(key) => done(iam.delete_key(user, key).await)?,
            Call::InspectDestination { to, place } => {
                let call = async { self.destination(to)?.inspect(place).await };
                Reply::Found(caught(call, (to, place), None).await?)
            }
            Call::Deliver { to, place, delivery } => {
                let call = async { self.destination(to)?.deliver(place, delivery).await };
                Reply::Found(caught(call, (to, place), Some(delivery)).await?)
            }
        })
    }
}

/// Makes a call of a destination. If its code panics, that is an error of the destination, and the
/// rest of the user's run goes on.
async fn caught(
    call: impl Future<Output = Result<Found, CallError>>,
    (to, place): (&DestinationName, &str),
    delivery: Option<&Delivery>,
) -> Result<Found, CallError> {
    let panic = match AssertUnwindSafe(call).catch_unwind().await {
        Ok(result) => return result,
        Err(panic) => panic,
    };
    let mut text = panic_text(&*panic);
    if let Some(delivery) = delivery {
        text = text.replace(delivery.credentials.secret.expose(), "[hidden]");
    }
    let effect = if delivery.is_some() { Effect::Unknown } else { Effect::None };
    let message = format!("destination {to}, {place}: its code panicked, please report it: {text}");
    Err(CallError::new(ErrorKind::Other, effect, message))
}

fn done(result: Result<(), CallError>) -> Result<Reply, CallError> {
    result.map(|()| Reply::Done)
}

/// Yields once to the task's other futures.
#[derive(Default)]
pub(crate) struct YieldOnce(bool);

impl Future for YieldOnce {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// The limits of a run across all its users.
#[derive(Debug)]
pub(crate) struct Bounds {
    pub(crate) cancel: Cancel,
    pub(crate) deadline: Option<Timestamp>,
    /// The number of users that may still be changed.
    pub(crate) changes_left: Option<AtomicUsize>,
    /// Whether users without a journal may be changed.
    pub(crate) may_adopt: AtomicBool,
    /// The users that wait for a destination.
    pub(crate) away: Away,
}

impl Bounds {
    fn why_stop(&self, now: Timestamp) -> Option<Stop> {
        if self.cancel.is_cancelled() {
            Some(Stop::Cancelled)
        } else if self.deadline.is_some_and(|deadline| now >= deadline) {
            Some(Stop::Deadline)
        } else {
            None
        }
    }

    /// Reserves one of the remaining changes for a user, or returns why the user must not be
    /// changed.
    fn take_change(&self, seen: &Observed) -> Result<(), Stop> {
        if !self.may_adopt.load(Ordering::Relaxed) && seen.is_unadopted() {
            return Err(Stop::AdoptionLimit);
        }
        let Some(left) = &self.changes_left else { return Ok(()) };
        let taken = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        taken.map(|_| ()).map_err(|_| Stop::ChangeLimit)
    }
}

/// The end of one user's run: the machine with its observed state, the outcome, and the number of
/// calls.
#[derive(Debug)]
#[non_exhaustive]
pub struct Driven {
    /// The machine; [`Rotation::seen`] has the last observed state.
    pub rotation: Rotation,
    /// The user's outcome.
    pub outcome: Outcome,
    /// The number of calls.
    pub calls: usize,
}

/// Rotates one user: every step that is due now, one after the other. Events go to `tell` as they
/// happen.
///
/// To rotate many with bounds, cancellation and notifiers, use
/// [`Rotator`](crate::engine::rotator::Rotator).
pub async fn drive(
    ports: &Ports,
    subject: Subject,
    policy: WaitPolicy,
    mode: Mode,
    tell: &mut (dyn FnMut(Event) + Send),
) -> Driven {
    let may_adopt = AtomicBool::new(true);
    let (cancel, away) = (Cancel::default(), Away::default());
    let bounds = Bounds { cancel, deadline: None, changes_left: None, may_adopt, away };
    drive_within(ports, Box::new(Rotation::new(subject, policy, mode)), &bounds, tell).await
}

/// The rotation is boxed: hundreds of users may wait for a destination at the same time.
pub(crate) async fn drive_within(
    ports: &Ports,
    mut rotation: Box<Rotation>,
    bounds: &Bounds,
    tell: &mut (dyn FnMut(Event) + Send),
) -> Driven {
    let mut calls = 0;
    let mut may_change = false;
    let mut turns = Turns::default();
    let mut at_home = Some(bounds.away.at_home());
    loop {
        // AWS's time from before this run may be out of date: so the first read is made in any
        // case.
        let now = if calls > 0 { time(ports, &mut rotation) } else { ports.clock.now() };
        if let Some(why) = bounds.why_stop(now) {
            rotation.stop(why);
        }
        let next = rotation.next(now);
        rotation.take_events().into_iter().for_each(&mut *tell);
        match next {
            Next::Done(outcome) => return Driven { rotation: *rotation, outcome, calls },
            Next::Sleep(pause) => ports.clock.sleep(pause.min(NAP)).await,
            Next::Call(call) => {
                let may_go = {
                    let leaves = call.destination().or(announces(&call)).is_some();
                    let _waiting = leaves.then(|| bounds.away.one());
                    match at_home.take_if(|_| leaves) {
                        Some(home) => {
                            drop(home);
                            others_first(ports, &bounds.away).await;
                            false
                        }
                        None => turns.take(ports, &call).await,
                    }
                };
                // The machine is asked again: time has passed, and the run may have to stop.
                if !may_go {
                    continue;
                }
                if !may_change && !call.only_reads() {
                    if let Err(why) = bounds.take_change(rotation.seen()) {
                        rotation.stop(why);
                        continue;
                    }
                    may_change = true;
                }
                let answer = {
                    let to = call.destination();
                    let _waiting = to.map(|_| bounds.away.one());
                    let _lane = match at_home {
                        Some(_) => None,
                        None => bounds.away.lane(to).await,
                    };
                    // The wait may have been long, behind others whose calls hang.
                    if let Some(why) = to.and_then(|_| bounds.why_stop(ports.clock.now())) {
                        rotation.stop(why);
                        continue;
                    }
                    calls += 1;
                    ports.perform(rotation.subject(), &call).await
                };
                telemetry::called(rotation.subject(), &call, &answer);
                let now = time(ports, &mut rotation);
                rotation.answer(now, answer);
            }
        }
    }
}

/// Waits until the other users' keys are published in their home secrets, because journal entries
/// about deliveries would slow that down. The wait is limited, so one key that is not accepted yet
/// does not hold up the others' deliveries.
async fn others_first(ports: &Ports, away: &Away) {
    const AT_MOST: Duration = Duration::from_secs(120);
    let all = std::pin::pin!(away.all_have_left_home());
    select(all, ports.clock.time_limit(AT_MOST)).await;
}

/// A delivery that waits for its turn at a destination.
struct InLine<'a> {
    to: DestinationName,
    turn: BoxFuture<'a, ()>,
}

/// The turns of one user's deliveries. A turn is taken before the delivery is announced, so the
/// delivery follows within seconds, or was never announced.
#[derive(Default)]
struct Turns<'a> {
    in_line: Option<InLine<'a>>,
    has: Option<DestinationName>,
}

impl<'a> Turns<'a> {
    /// Waits for the turn of the delivery that this call announces, in short steps, so that the run
    /// notices when it has to stop. Returns whether the call may be made.
    async fn take(&mut self, ports: &'a Ports, call: &Call) -> bool {
        let Some(to) = announces(call).filter(|to| self.has.as_ref() != Some(to)) else {
            return true;
        };
        // If there is no port, the delivery itself fails.
        let Ok(destination) = ports.destination(to) else { return true };
        let in_line = self.in_line.take().filter(|in_line| in_line.to == *to);
        let turn = in_line.map_or_else(|| destination.turn(), |in_line| in_line.turn);
        match select(turn, ports.clock.sleep(NAP)).await {
            Either::Left(((), _)) => self.has = Some(to.clone()),
            Either::Right(((), turn)) => {
                self.in_line = Some(InLine { to: to.clone(), turn });
                // On a simulated clock, a sleep takes no real time, so other tasks have to run
                // meanwhile.
                YieldOnce::default().await;
            }
        }
        false
    }
}

/// Returns the destination, if the call announces a delivery.
fn announces(call: &Call) -> Option<&DestinationName> {
    match call {
        Call::Write(JournalEntry::Receipt(receipt)) if receipt.state == Receiving::Delivering => {
            Some(&receipt.to)
        }
        _ => None,
    }
}

/// Returns the time, and informs the machine if the clock is wrong.
fn time(ports: &Ports, rotation: &mut Rotation) -> Timestamp {
    let now = ports.clock.now();
    if let Some(wrong) = WrongClock::check(now, ports.clock.aws_now()) {
        rotation.distrust(wrong);
    }
    now
}
