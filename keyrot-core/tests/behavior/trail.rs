//! A run that may ask a trail: what it reports, its limits, and that a failing trail affects
//! nothing else.

use async_trait::async_trait;
use keyrot_core::engine::Progress;
use keyrot_core::memory::{Fault, FaultAt, MemoryAccount, TrailedUse, World};
use keyrot_core::model::{UseEvidence, after};
use keyrot_core::report::schema;
use keyrot_core::trail::{KeyRecord, TrailAsk, TrailPage, TrailPort};
use keyrot_core::{
    CallError, Cancel, Clock, EventKind, Homes, KeyId, Limits, Mode, Outcome, Ports, Report,
    Rotator, RunDocument, Selected, Selection, Timestamp, UserName, UserResult, WaitPolicy, Why,
    select,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// Returns this many users whose old key is still in use when it could be retired.
async fn account(users: usize) -> MemoryAccount {
    let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
    for n in 0..users {
        let user = world.add_user(&format!("user-{n:02}"), &[("RotateKey", "True")]).unwrap();
        world.add_key(&user).unwrap();
    }
    let account = MemoryAccount::new(world);
    let limits = Limits::default().with_max_adoptions(None);
    within(&account, &Rotator::new(Ports::of(account.clone())), Mode::Act, &limits, &|_| {}).await;
    account.advance(8 * DAY);
    account.change(|world| {
        let names: Vec<UserName> = world.users().map(|u| u.arn.name().clone()).collect();
        for name in names {
            let old = world.user(&name).unwrap().keys()[0].listed.id.clone();
            world.authenticate(&World::credentials_of(&old), "s3", "eu-west-1");
            let what = TrailedUse {
                service: "s3",
                action: "ListBuckets",
                region: "eu-west-1",
                address: "192.0.2.7",
                agent: "aws-cli/2.15",
                error: None,
                role: None,
            };
            world.note_use(&old, &what);
        }
    });
    account
}

async fn run(account: &MemoryAccount, rotator: &Rotator, mode: Mode) -> Report {
    within(account, rotator, mode, &Limits::default(), &|_| {}).await
}

async fn within(
    account: &MemoryAccount,
    rotator: &Rotator,
    mode: Mode,
    limits: &Limits,
    progress: &(dyn Fn(Progress) + Sync),
) -> Report {
    let users = account.change(|world| world.list_users("/"));
    let chosen = select(
        &users,
        &Selection::default(),
        &Homes::in_region("us-east-1"),
        &WaitPolicy::default(),
    )
    .chosen;
    rotator.run(chosen, mode, limits, &Cancel::default(), progress).await
}

fn asking(account: &MemoryAccount, trail: impl TrailPort + 'static) -> Rotator {
    Rotator::new(Ports::of(account.clone())).trail(Arc::new(trail))
}

fn evidence(one: &UserResult) -> Option<&UseEvidence> {
    one.events.iter().find_map(|event| match &event.kind {
        EventKind::UsedBy(evidence) => Some(evidence),
        _ => None,
    })
}

fn all_held(report: &Report) -> bool {
    let held = |one: &UserResult| matches!(&one.outcome, Outcome::Waiting(wait) if matches!(wait.why, Why::InUse { .. }));
    report.users.iter().all(held)
}

#[tokio::test]
async fn a_held_key_is_reported_with_what_uses_it() {
    let account = account(1).await;
    let told = AtomicUsize::new(0);
    let done = AtomicUsize::new(0);
    let count = |progress: Progress| match progress {
        Progress::Event(event) if matches!(event.kind, EventKind::UsedBy(_)) => {
            let _ = told.fetch_add(1, Ordering::SeqCst);
        }
        Progress::Event(_) => {}
        Progress::Done(standing) => {
            assert!(evidence(&standing).is_some(), "who is done is told of with all that happened");
            done.fetch_add(1, Ordering::SeqCst);
        }
    };
    let rotator = asking(&account, account.clone());
    let report = within(&account, &rotator, Mode::Act, &Limits::default(), &count).await;
    assert!(all_held(&report));
    assert_eq!((told.load(Ordering::SeqCst), done.load(Ordering::SeqCst)), (1, 1));
    let found = evidence(&report.users[0]).unwrap();
    let source = &found.sources[0];
    assert_eq!((source.address.as_ref().unwrap().as_str(), source.events), ("192.0.2.7", 1));
    // The event follows the hold, and the report has it next to IAM's last use.
    assert!(
        matches!(report.users[0].events[..], [ref held, _] if matches!(held.kind, EventKind::Held(_)))
    );
    let document = RunDocument::new(schema::ROTATE, &report, &Selected::default());
    let beside = &document.users[0].evidence[0];
    assert_eq!((beside.service.as_deref(), beside.uses.as_ref()), (Some("s3"), Some(found)));
    assert_eq!((document.users[0].events[1].event, document.counts.held), ("used_by", 1));
}

#[tokio::test]
async fn without_a_trail_and_in_a_plan_nothing_is_asked() {
    let account = account(2).await;
    let plain = run(&account, &Rotator::new(Ports::of(account.clone())), Mode::Act).await;
    let plan = run(&account, &asking(&account, account.clone()), Mode::Plan).await;
    assert!(all_held(&plain) && all_held(&plan));
    assert!(plain.users.iter().chain(&plan.users).all(|one| evidence(one).is_none()));
    assert_eq!(account.calls().get("page"), None);
}

#[tokio::test]
async fn a_trail_that_refuses_changes_only_what_is_reported() {
    let account = account(1).await;
    account.inject(FaultAt { times: usize::MAX, ..FaultAt::first("page", Fault::Denied) });
    let report = run(&account, &asking(&account, account.clone()), Mode::Act).await;
    assert!(all_held(&report));
    let found = evidence(&report.users[0]).unwrap();
    assert!(found.is_blind() && found.to_string().contains("could not be found out"), "{found}");
}

/// A trail that never answers, panics, or counts concurrent requests.
#[derive(Clone)]
enum Bad {
    Silent,
    Panics,
    Counts { now: Arc<AtomicUsize>, most: Arc<AtomicUsize>, all: Arc<AtomicUsize> },
}

#[async_trait]
impl TrailPort for Bad {
    fn regions(&self) -> Vec<String> {
        Vec::new()
    }

    async fn key_record(&self, _key: &KeyId) -> Result<KeyRecord, CallError> {
        std::future::pending().await
    }

    async fn page<'a>(
        &self,
        _ask: &TrailAsk,
        _next: Option<&'a str>,
    ) -> Result<TrailPage, CallError> {
        match self {
            Self::Silent => std::future::pending().await,
            Self::Panics => panic!("a port that panics"),
            Self::Counts { now, most, all } => {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                now.fetch_sub(1, Ordering::SeqCst);
                all.fetch_add(1, Ordering::SeqCst);
                Ok(TrailPage::default())
            }
        }
    }
}

/// The account's time, with a pause that lets other tasks work.
struct Patient(MemoryAccount);

#[async_trait]
impl Clock for Patient {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn aws_now(&self) -> Option<Timestamp> {
        self.0.aws_now()
    }

    async fn sleep(&self, _time: Duration) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    async fn time_limit(&self, time: Duration) {
        self.0.time_limit(time).await;
    }
}

#[tokio::test]
async fn a_trail_that_hangs_is_dropped_after_twenty_seconds_and_one_that_panics_immediately() {
    let account = account(1).await;
    let before = account.world().now();
    let time_goes_on = async {
        loop {
            tokio::task::yield_now().await;
            account.advance(Duration::from_secs(1));
        }
    };
    let rotator = asking(&account, Bad::Silent);
    let report = tokio::select! {
        report = run(&account, &rotator, Mode::Act) => report,
        () = time_goes_on => unreachable!(),
    };
    assert!(all_held(&report));
    assert!(evidence(&report.users[0]).unwrap().to_string().contains("no answer in time"));
    let took = account.world().now() - before;
    assert!((20..25).contains(&took.num_seconds()), "{took}");
    let report = run(&account, &asking(&account, Bad::Panics), Mode::Act).await;
    assert!(all_held(&report));
    assert!(
        evidence(&report.users[0]).unwrap().to_string().contains("it panicked: a port that panics")
    );
}

#[tokio::test]
async fn the_trail_is_asked_about_few_keys_concurrently_up_to_a_limit() {
    let account = account(40).await;
    let (now, most, all) = Default::default();
    let counts = Bad::Counts { now, most, all };
    let ports = Ports { clock: Arc::new(Patient(account.clone())), ..Ports::of(account.clone()) };
    let report =
        run(&account, &Rotator::new(ports).trail(Arc::new(counts.clone())), Mode::Act).await;
    let Bad::Counts { most, all, .. } = &counts else { unreachable!() };
    // Each key has one region: that of IAM's last use.
    assert_eq!((most.load(Ordering::SeqCst), all.load(Ordering::SeqCst)), (4, 25));
    assert!(all_held(&report));
    assert_eq!(report.users.iter().filter(|one| evidence(one).is_some()).count(), 25);
}

#[tokio::test]
async fn the_deadline_applies_to_the_trail_too() {
    let account = account(1).await;
    let now: Timestamp = account.world().now();
    let limits = Limits::default().with_deadline(after(now, Duration::from_secs(3)));
    let rotator = asking(&account, Bad::Silent);
    let time_goes_on = async {
        loop {
            tokio::task::yield_now().await;
            account.advance(Duration::from_millis(250));
        }
    };
    tokio::select! {
        _ = within(&account, &rotator, Mode::Act, &limits, &|_| {}) => {}
        () = time_goes_on => unreachable!(),
    }
    let took = account.world().now() - now;
    assert!(took.num_seconds() <= 4, "{took}");
}
