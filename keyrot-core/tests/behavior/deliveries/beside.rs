//! A slow destination does not delay a publication in a home secret, or the end of a run.

use super::harness::{PLACE, name};
use async_trait::async_trait;
use futures_util::FutureExt;
use keyrot_core::memory::{Label, MemoryAccount, World};
use keyrot_core::model::{Abilities, Assignment, Delivery, Found, PlaceId, Receipt, Subject};
use keyrot_core::ports::Destination;
use keyrot_core::{
    CallError, Cancel, Limits, Mode, Outcome, Ports, Rotator, SecretName, Stop, Target, WaitPolicy,
    Waits,
};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

/// A destination that never answers.
struct Hung;

#[async_trait]
impl Destination for Hung {
    fn abilities(&self) -> Abilities {
        Abilities::READABLE
    }

    async fn inspect(&self, _place: &str) -> Result<Found, CallError> {
        std::future::pending().await
    }

    async fn deliver(&self, _place: &str, _delivery: &Delivery) -> Result<Found, CallError> {
        std::future::pending().await
    }
}

/// A destination whose turns never come. When this many deliveries wait for their turns, the run is
/// canceled.
#[derive(Default)]
struct Busy {
    waiting: AtomicUsize,
    deliveries: AtomicUsize,
    cancels: Option<(usize, Cancel)>,
}

#[async_trait]
impl Destination for Busy {
    fn abilities(&self) -> Abilities {
        Abilities::READABLE
    }

    async fn inspect(&self, _place: &str) -> Result<Found, CallError> {
        Ok(Found::Nothing)
    }

    async fn turn(&self) {
        let waiting = 1 + self.waiting.fetch_add(1, Ordering::Relaxed);
        if let Some((_, cancel)) = self.cancels.as_ref().filter(|(most, _)| *most == waiting) {
            cancel.cancel();
        }
        std::future::pending::<()>().await;
    }

    async fn deliver(&self, _place: &str, _delivery: &Delivery) -> Result<Found, CallError> {
        self.deliveries.fetch_add(1, Ordering::Relaxed);
        Ok(Found::unseen())
    }
}

/// An account with users without keys, which get their first keys in the first run. They all have
/// the same destination.
struct Company {
    account: MemoryAccount,
    targets: Vec<Target>,
    rotator: Rotator,
}

impl Company {
    fn of(users: usize, destination: Arc<dyn Destination>) -> Self {
        let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
        for n in 0..users {
            world.add_user(&format!("ci-{n}"), &[("RotateKey", "True")]).unwrap();
        }
        let account = MemoryAccount::new(world);
        let to = Assignment {
            to: name("slow"),
            kind: Assignment::CUSTOM,
            place: PLACE.to_owned(),
            required: true,
            place_id: PlaceId::default(),
            abilities: Abilities::READABLE,
            replica_in: None,
        };
        let policy = WaitPolicy::new(Waits::default(), false).unwrap();
        let targets = account.world().list_users("/").into_iter().map(|user| {
            let mut subject = Subject::of(&user, home(user.arn.name().as_str()), "us-east-1");
            subject.destinations = vec![to.clone()];
            Target { subject, policy: Ok(policy) }
        });
        let ports = Ports::of(account.clone());
        let rotator = Rotator::new(ports.with_destinations([(name("slow"), destination)].into()));
        Self { targets: targets.collect(), account, rotator }
    }

    /// Returns the number of keys in the users' secrets.
    fn published(&self) -> usize {
        published(&self.account.world())
    }
}

fn published(world: &World) -> usize {
    let published = world.users().filter(|user| {
        let found = world.secret(&home(user.arn.name().as_str()));
        let value = found.and_then(|found| found.value(found.labelled(Label::Current)?));
        value.is_some_and(|value| value.read().is_some())
    });
    published.count()
}

fn home(user: &str) -> SecretName {
    SecretName::parse(format!("/iam/{user}/access_key")).unwrap()
}

#[tokio::test]
async fn all_keys_are_published_while_a_destination_does_not_answer() {
    const USERS: usize = 40;
    let company = Company::of(USERS, Arc::new(Hung));
    let limits = Limits::default().with_concurrency(4).with_max_adoptions(None);
    let (targets, cancel) = (company.targets.clone(), Cancel::default());
    let run = company.rotator.run(targets, Mode::Act, &limits, &cancel, &|_| {});
    let mut run = std::pin::pin!(run);
    // The destination keeps the run from ending.
    for _ in 0..200 {
        assert!(run.as_mut().now_or_never().is_none());
    }
    assert_eq!(company.published(), USERS);
}

/// A destination that counts the keys in the users' secrets at its first call.
struct Noting {
    account: MemoryAccount,
    published: Mutex<Option<usize>>,
}

#[async_trait]
impl Destination for Noting {
    fn abilities(&self) -> Abilities {
        Abilities::READABLE
    }

    async fn inspect(&self, _place: &str) -> Result<Found, CallError> {
        let count = || published(&self.account.world());
        self.published.lock().unwrap().get_or_insert_with(count);
        std::future::pending().await
    }

    async fn deliver(&self, _place: &str, _delivery: &Delivery) -> Result<Found, CallError> {
        std::future::pending().await
    }
}

/// Otherwise, the journal entries about deliveries would use up the calls that publications need.
#[tokio::test]
async fn deliveries_begin_when_all_keys_are_published() {
    const USERS: usize = 40;
    let company = Company::of(USERS, Arc::new(Hung));
    let noting = Arc::new(Noting { account: company.account.clone(), published: Mutex::default() });
    let ports = Ports::of(company.account.clone());
    let ports = ports.with_destinations([(name("slow"), noting.clone() as Arc<_>)].into());
    let limits = Limits::default().with_concurrency(4).with_max_adoptions(None);
    let (rotator, cancel) = (Rotator::new(ports), Cancel::default());
    let run = rotator.run(company.targets, Mode::Act, &limits, &cancel, &|_| {});
    let mut run = std::pin::pin!(run);
    for _ in 0..200 {
        assert!(run.as_mut().now_or_never().is_none());
    }
    assert_eq!(*noting.published.lock().unwrap(), Some(USERS));
}

/// A destination that answers only when the test releases it.
#[derive(Default)]
struct Slow {
    asked: AtomicUsize,
    is_open: AtomicBool,
}

#[async_trait]
impl Destination for Slow {
    fn abilities(&self) -> Abilities {
        Abilities::READABLE
    }

    async fn inspect(&self, _place: &str) -> Result<Found, CallError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        while !self.is_open.load(Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
        Ok(Found::Nothing)
    }

    async fn deliver(&self, _place: &str, _delivery: &Delivery) -> Result<Found, CallError> {
        panic!("nothing is delivered after the end")
    }
}

/// This many calls run at the same time, and waiting users make no calls when the run has to stop.
#[tokio::test]
async fn users_that_wait_behind_slow_calls_make_no_calls_after_the_end() {
    const AT_A_TIME: usize = 64;
    let slow = Arc::new(Slow::default());
    let company = Company::of(100, slow.clone());
    let limits = Limits::default().with_max_adoptions(None);
    let cancel = Cancel::default();
    let (targets, rotator) = (company.targets.clone(), &company.rotator);
    let run = rotator.run(targets, Mode::Act, &limits, &cancel, &|_| {});
    let mut run = std::pin::pin!(run);
    for _ in 0..400 {
        let polled = std::future::poll_fn(|context| Poll::Ready(run.as_mut().poll(context)));
        assert!(polled.await.is_pending());
    }
    assert_eq!(slow.asked.load(Ordering::Relaxed), AT_A_TIME);
    cancel.cancel();
    slow.is_open.store(true, Ordering::Relaxed);
    let report = run.await;
    assert_eq!(slow.asked.load(Ordering::Relaxed), AT_A_TIME);
    assert!(report.users.iter().all(|user| user.outcome == Outcome::Stopped(Stop::Cancelled)));
    assert_eq!(company.published(), 100);
}

#[tokio::test]
async fn a_run_that_has_to_stop_does_not_wait_for_a_turn() {
    for (stop, most) in
        [(Stop::Cancelled, 60), (Stop::Deadline, 601), (Stop::TookTooLong, 15 * 60 + 1)]
    {
        let cancel = Cancel::default();
        let cancels = (stop == Stop::Cancelled).then(|| (3, cancel.clone()));
        let busy = Arc::new(Busy { cancels, ..Busy::default() });
        let company = Company::of(3, busy.clone());
        let begun = company.account.world().now();
        let mut limits = Limits::default().with_max_adoptions(None);
        if stop == Stop::Deadline {
            limits = limits.with_deadline(begun + Duration::from_secs(600));
        }
        let targets = company.targets.clone();
        let report = company.rotator.run(targets, Mode::Act, &limits, &cancel, &|_| {}).await;
        for user in &report.users {
            assert_eq!(user.outcome, Outcome::Stopped(stop), "{:?}", user.outcome);
        }
        let took = company.account.world().now() - begun;
        assert!(took.num_seconds() <= most, "{took}");
        assert_eq!((company.published(), busy.deliveries.load(Ordering::Relaxed)), (3, 0));
        // No journal entry says that a delivery began.
        let world = company.account.world();
        for target in &company.targets {
            let secret = world.secret(&target.subject.secret).unwrap();
            assert!(!secret.tags.keys().any(|tag| tag.starts_with(Receipt::TAGS)), "{stop:?}");
        }
    }
}
