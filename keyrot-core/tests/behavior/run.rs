//! Runs over many users: limits, cancellation, and that one user's or notifier's failure affects no
//! other.

use async_trait::async_trait;
use keyrot_core::engine::{NotifierError, NotifierLimits, Progress};
use keyrot_core::memory::{Fault, FaultAt, MemoryAccount, World};
use keyrot_core::model::{NewKey, SecretArn};
use keyrot_core::report::RunStatus;
use keyrot_core::{
    AccessKey, CallError, Cancel, Event, Homes, IamPort, IamUser, KeyId, LastUse, Limits, Mode,
    Notifier, Outcome, Ports, Report, Request, Rotator, Selection, Stop, Target, UserName,
    WaitPolicy, select,
};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn account(users: usize) -> MemoryAccount {
    let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
    for n in 0..users {
        let user = world.add_user(&format!("user-{n:02}"), &[("RotateKey", "True")]).unwrap();
        world.add_key(&user).unwrap();
    }
    MemoryAccount::new(world)
}

async fn chosen(account: &MemoryAccount) -> Vec<Target> {
    let users = account.users("/").await.unwrap();
    select(&users, &Selection::default(), &Homes::in_region("us-east-1"), &WaitPolicy::default())
        .chosen
}

async fn run(
    account: &MemoryAccount,
    rotator: &Rotator,
    limits: &Limits,
    cancel: &Cancel,
) -> Report {
    rotator.run(chosen(account).await, Mode::Act, limits, cancel, &|_| {}).await
}

fn rotated(report: &Report) -> usize {
    report.users.iter().filter(|u| matches!(u.outcome, Outcome::Waiting(_))).count()
}

#[tokio::test]
async fn no_more_users_are_changed_than_allowed() {
    let account = account(20);
    let limits = Limits::default().with_max_changes(Some(7)).with_max_adoptions(None);
    let report =
        run(&account, &Rotator::new(Ports::of(account.clone())), &limits, &Cancel::default()).await;
    assert_eq!(rotated(&report), 7);
    let stopped =
        report.users.iter().filter(|u| u.outcome == Outcome::Stopped(Stop::ChangeLimit)).count();
    assert_eq!(stopped, 13);
    assert_eq!(account.world().secrets().count(), 7, "who was not reached was not changed");
}

/// Between the listing of all users and the work on one, minutes may pass.
#[tokio::test]
async fn a_user_that_was_deleted_in_the_meantime_is_no_failure() {
    let account = account(2);
    let targets = chosen(&account).await;
    let gone = targets[0].subject.user.clone();
    account.change(|world| world.rename_user(&gone, "renamed").unwrap());
    let rotator = Rotator::new(Ports::of(account.clone()));
    let (limits, cancel) = (Limits::default(), Cancel::default());
    let report = rotator.run(targets.clone(), Mode::Act, &limits, &cancel, &|_| {}).await;
    assert_eq!(report.users[0].outcome, Outcome::Stopped(Stop::UserGone));
    assert_eq!((report.verdict(), rotated(&report)), (RunStatus::Ok, 1));

    let request = Request::Rollback { to: KeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap() };
    let asked =
        rotator.fulfill(targets[0].clone(), request, Mode::Act, &limits, &cancel, &|_| {}).await;
    assert!(matches!(asked.users[0].outcome, Outcome::Failed(_)), "a request is made on purpose");
}

#[tokio::test]
async fn nothing_is_begun_after_the_deadline_or_a_cancellation() {
    let account = account(3);
    let rotator = Rotator::new(Ports::of(account.clone()));
    let limits = Limits::default().with_deadline(account.world().now());
    let report = run(&account, &rotator, &limits, &Cancel::default()).await;
    assert!(
        report.users.iter().all(|u| u.outcome == Outcome::Stopped(Stop::Deadline)),
        "{report:#?}"
    );
    let cancel = Cancel::default();
    cancel.cancel();
    let report = run(&account, &rotator, &Limits::default(), &cancel).await;
    assert!(
        report.users.iter().all(|u| u.outcome == Outcome::Stopped(Stop::Cancelled)),
        "{report:#?}"
    );
    assert_eq!(account.world().secrets().count(), 0);
}

#[tokio::test]
async fn a_run_that_is_canceled_after_creating_a_key_stages_it_first() {
    let account = account(1);
    let rotator = Rotator::new(Ports::of(account.clone()));
    let cancel = Cancel::default();
    let on_creation = |progress: Progress| {
        if let Progress::Event(Event { kind: keyrot_core::EventKind::KeyCreated { .. }, .. }) =
            progress
        {
            cancel.cancel();
        }
    };
    let users = chosen(&account).await;
    let report = rotator.run(users, Mode::Act, &Limits::default(), &cancel, &on_creation).await;
    assert_eq!(report.users[0].outcome, Outcome::Stopped(Stop::Cancelled));
    let calls = account.calls();
    assert_eq!((calls.get("stage"), calls.get("promote")), (Some(&1), None), "{calls:?}");
    // The next run continues with the staged key; no second one is created.
    let report = run(&account, &rotator, &Limits::default(), &Cancel::default()).await;
    assert_eq!(rotated(&report), 1);
    assert_eq!(account.calls()["create_key"], 1);
}

/// A port that panics for one user, and acts as the account for all others.
struct Panics(MemoryAccount);

#[async_trait]
impl IamPort for Panics {
    async fn users(&self, path_prefix: &str) -> Result<Vec<IamUser>, CallError> {
        self.0.users(path_prefix).await
    }
    async fn list_keys(&self, user: &UserName) -> Result<Vec<AccessKey>, CallError> {
        assert!(user.as_str() != "user-03", "a fault in a port");
        self.0.list_keys(user).await
    }
    async fn create_key(&self, user: &UserName) -> Result<NewKey, CallError> {
        self.0.create_key(user).await
    }
    async fn last_use(&self, user: &UserName, key: &KeyId) -> Result<LastUse, CallError> {
        self.0.last_use(user, key).await
    }
    async fn write_home(&self, user: &UserName, home: &SecretArn) -> Result<(), CallError> {
        self.0.write_home(user, home).await
    }
    async fn deactivate_key(&self, user: &UserName, key: &KeyId) -> Result<(), CallError> {
        self.0.deactivate_key(user, key).await
    }
    async fn activate_key(&self, user: &UserName, key: &KeyId) -> Result<(), CallError> {
        self.0.activate_key(user, key).await
    }
    async fn delete_key(&self, user: &UserName, key: &KeyId) -> Result<(), CallError> {
        self.0.delete_key(user, key).await
    }
}

#[tokio::test]
async fn one_users_panic_or_failure_leaves_the_others_rotated() {
    let account = account(21);
    let ports = Ports { iam: Arc::new(Panics(account.clone())), ..Ports::of(account.clone()) };
    let limits = Limits::default().with_max_adoptions(None);
    let report = run(&account, &Rotator::new(ports), &limits, &Cancel::default()).await;
    assert_eq!(rotated(&report), 20);
    assert!(
        matches!(&report.users[3].outcome, Outcome::Panicked(why) if why.contains("a fault in a port"))
    );

    let account = self::account(21);
    account.inject(FaultAt { call: Some("create_key"), after: 5, times: 1, fault: Fault::Denied });
    let report =
        run(&account, &Rotator::new(Ports::of(account.clone())), &limits, &Cancel::default()).await;
    assert_eq!(rotated(&report), 20);
    assert_eq!(report.users.iter().filter(|u| matches!(u.outcome, Outcome::Failed(_))).count(), 1);
}

struct Bad(&'static str);

#[async_trait]
impl Notifier for Bad {
    fn name(&self) -> String {
        self.0.into()
    }
    async fn happened(&self, _events: &[Event]) -> Result<(), NotifierError> {
        match self.0 {
            "fails" => Err("the hook answered 500".into()),
            "panics" => panic!("a fault in a notifier"),
            _ => std::future::pending().await,
        }
    }
    async fn finished(&self, _report: &Report) -> Result<(), NotifierError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_notifier_that_fails_hangs_or_panics_is_only_reported() {
    for (name, expected) in [("fails", "500"), ("panics", "panicked"), ("hangs", "no answer")] {
        let account = account(2);
        let good = Arc::new(Good::default());
        let rotator = Rotator::new(Ports::of(account.clone()))
            .notify(Arc::new(Bad(name)))
            .notify(good.clone());
        let report = while_time_goes_on(&account, &rotator).await;
        assert_eq!(rotated(&report), 2, "{name}: {report:#?}");
        let told = &report.notifier_failures;
        assert!(
            !told.is_empty()
                && told.iter().all(|f| f.notifier == name && f.reason.message.contains(expected)),
            "{told:?}"
        );
        let events: Vec<Event> = report.users.iter().flat_map(|u| u.events.clone()).collect();
        assert_eq!(
            told.iter().map(|f| f.untold).sum::<usize>(),
            events.len(),
            "each event is in one failure: {told:?}"
        );
        // The other notifier got every event, in order for each user, and the summary once.
        let heard = good.0.lock().unwrap();
        assert_eq!(heard.summaries, [(2, events.len())]);
        for user in &report.users {
            let heard: Vec<_> =
                heard.events.iter().filter(|e| e.user == user.user).cloned().collect();
            assert_eq!(heard, user.events);
        }
    }
}

async fn while_time_goes_on(account: &MemoryAccount, rotator: &Rotator) -> Report {
    let time_goes_on = async {
        loop {
            tokio::task::yield_now().await;
            account.advance(Duration::from_secs(1));
        }
    };
    let (limits, cancel) = (Limits::default(), Cancel::default());
    tokio::select! {
        report = run(account, rotator, &limits, &cancel) => report,
        () = time_goes_on => unreachable!(),
    }
}

/// A notifier that calls a real service: it ends after a while, by a clock other than the
/// account's.
struct Slow;

#[async_trait]
impl Notifier for Slow {
    fn name(&self) -> String {
        "slow".into()
    }
    async fn happened(&self, _events: &[Event]) -> Result<(), NotifierError> {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(())
    }
    async fn finished(&self, _report: &Report) -> Result<(), NotifierError> {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(())
    }
}

#[tokio::test]
async fn a_slow_notifier_is_not_late_by_a_clock_that_stands_still() {
    let account = account(1);
    let plain = self::account(1);
    run(&plain, &Rotator::new(Ports::of(plain.clone())), &Limits::default(), &Cancel::default())
        .await;
    let rotator = Rotator::new(Ports::of(account.clone())).notify(Arc::new(Slow));
    let report = run(&account, &rotator, &Limits::default(), &Cancel::default()).await;
    assert_eq!(report.notifier_failures, []);
    assert_eq!(account.world().now(), plain.world().now(), "nor does it make the time pass");
}

#[tokio::test]
async fn the_time_limit_of_notifiers_can_be_set() {
    let account = account(1);
    let limits = NotifierLimits::default()
        .with_call(Duration::from_secs(3))
        .with_rest(Duration::from_secs(9));
    let rotator = Rotator::new(Ports::of(account.clone()))
        .notify(Arc::new(Bad("hangs")))
        .notifier_limits(limits);
    let before = account.world().now();
    let report = while_time_goes_on(&account, &rotator).await;
    let reasons: Vec<_> =
        report.notifier_failures.iter().map(|failure| failure.reason.message.as_str()).collect();
    assert!(reasons.contains(&"no answer within 3 seconds"), "{reasons:?}");
    assert!((account.world().now() - before).num_seconds() < 15);
}

/// A notifier that records what it gets.
#[derive(Default)]
struct Good(Mutex<Heard>);

#[derive(Default)]
struct Heard {
    events: Vec<Event>,
    /// For each summary, the number of its users, and of the events reported before it.
    summaries: Vec<(usize, usize)>,
}

#[async_trait]
impl Notifier for Good {
    fn name(&self) -> String {
        "good".into()
    }
    async fn happened(&self, events: &[Event]) -> Result<(), NotifierError> {
        self.0.lock().unwrap().events.extend_from_slice(events);
        Ok(())
    }
    async fn finished(&self, report: &Report) -> Result<(), NotifierError> {
        let mut heard = self.0.lock().unwrap();
        let before = heard.events.len();
        heard.summaries.push((report.users.len(), before));
        Ok(())
    }
}

#[tokio::test]
async fn a_plan_sends_no_notifications() {
    let account = account(2);
    let good = Arc::new(Good::default());
    let rotator = Rotator::new(Ports::of(account.clone())).notify(good.clone());
    let users = chosen(&account).await;
    let report =
        rotator.run(users, Mode::Plan, &Limits::default(), &Cancel::default(), &|_| {}).await;
    assert!(report.users.iter().all(|u| matches!(u.outcome, Outcome::Due(_))));
    assert!(good.0.lock().unwrap().summaries.is_empty());
}
