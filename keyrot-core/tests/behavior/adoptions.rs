//! One run adopts at most ten users: those whose names come first. The limit does not apply to
//! users that keyrot knows.

use crate::support::DAY;
use keyrot_core::engine::Progress;
use keyrot_core::memory::{Fault, FaultAt, MemoryAccount, World};
use keyrot_core::report::{RunStatus, State, schema};
use keyrot_core::{
    Cancel, Homes, IamPort, Limits, Mode, Outcome, Ports, Report, Rotator, RunDocument, Selected,
    Selection, Stop, Target, UserName, WaitPolicy, select,
};
use std::collections::BTreeMap;
use std::sync::Mutex;

fn account(users: usize) -> MemoryAccount {
    let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
    for n in 0..users {
        let user = world.add_user(&format!("user-{n:02}"), &[("RotateKey", "True")]).unwrap();
        world.add_key(&user).unwrap();
    }
    MemoryAccount::new(world)
}

async fn selected(account: &MemoryAccount) -> Selected {
    let users = account.users("/").await.unwrap();
    select(&users, &Selection::default(), &Homes::in_region("us-east-1"), &WaitPolicy::default())
}

async fn chosen(account: &MemoryAccount) -> Vec<Target> {
    selected(account).await.chosen
}

async fn run(account: &MemoryAccount, limits: &Limits, mode: Mode) -> Report {
    let rotator = Rotator::new(Ports::of(account.clone()));
    rotator.run(chosen(account).await, mode, limits, &Cancel::default(), &|_| {}).await
}

fn waiting(report: &Report) -> Vec<&str> {
    let stopped = |outcome: &Outcome| *outcome == Outcome::Stopped(Stop::AdoptionLimit);
    report.users.iter().filter(|one| stopped(&one.outcome)).map(|one| one.user.as_str()).collect()
}

fn secrets(account: &MemoryAccount) -> usize {
    account.world().secrets().count()
}

#[tokio::test]
async fn ten_are_adopted_by_name_and_the_others_wait_for_the_next_run() {
    let account = account(23);
    let done = Mutex::new(BTreeMap::<UserName, usize>::new());
    let progress = |progress: Progress| {
        if let Progress::Done(one) = progress {
            *done.lock().unwrap().entry(one.user.clone()).or_default() += 1;
        }
    };
    let rotator = Rotator::new(Ports::of(account.clone()));
    let selected = selected(&account).await;
    let limits = Limits::default();
    let report = rotator
        .run(selected.chosen.clone(), Mode::Act, &limits, &Cancel::default(), &progress)
        .await;
    let names: Vec<String> = (10..23).map(|n| format!("user-{n:02}")).collect();
    assert_eq!(waiting(&report), names);
    assert_eq!(secrets(&account), 10, "who waits was not changed");
    assert!(
        done.lock().unwrap().values().all(|times| *times == 1) && done.lock().unwrap().len() == 23
    );

    let document = RunDocument::new(schema::ROTATE, &report, &selected);
    assert_eq!((document.result, document.counts.to_adopt), (RunStatus::Ok, 13));
    let last = document.users.last().unwrap();
    assert_eq!((last.state, last.reason), (State::Stopped, "adoption_limit"));
    assert!(
        last.message.contains("max_adoptions") && last.hint().unwrap().contains("run keyrot again")
    );

    for left in [3, 0] {
        assert_eq!(waiting(&run(&account, &limits, Mode::Act).await).len(), left);
    }
    assert_eq!(secrets(&account), 23);
}

#[tokio::test]
async fn rotations_of_users_it_knows_are_not_limited() {
    let account = account(15);
    let free = Limits::default().with_max_adoptions(None);
    run(&account, &free, Mode::Act).await;
    for _ in 0..12 {
        account.advance(10 * DAY);
        run(&account, &free, Mode::Act).await;
    }
    account.change(|world| drop(world.add_user("user-00-new", &[("RotateKey", "True")])));
    let before = account.calls()["create_key"];
    account.advance(80 * DAY);
    let none = Limits::default().with_max_adoptions(Some(0));
    let report = run(&account, &none, Mode::Act).await;
    assert_eq!(waiting(&report), ["user-00-new"]);
    assert_eq!(account.calls()["create_key"] - before, 15, "{report:#?}");
}

#[tokio::test]
async fn a_user_that_cannot_be_adopted_does_not_count_toward_the_limit() {
    let account = account(14);
    // The first ten users to adopt are refused.
    account.inject(FaultAt { call: Some("create"), after: 0, times: 10, fault: Fault::Denied });
    let report = run(&account, &Limits::default(), Mode::Act).await;
    let failed =
        report.users.iter().filter(|one| matches!(one.outcome, Outcome::Failed(_))).count();
    assert_eq!((failed, waiting(&report).len(), secrets(&account)), (10, 0, 4));
}

#[tokio::test]
async fn a_foreign_secret_is_an_adoption_too() {
    let account = account(12);
    account.change(|world| {
        for n in 0..12 {
            let user: UserName = format!("user-{n:02}").parse().unwrap();
            let key = world.user(&user).unwrap().keys()[0].listed.id.clone();
            let value = keyrot_core::memory::Value::credentials(&World::credentials_of(&key), None);
            let version = keyrot_core::model::VersionId::parse(format!(
                "5f0c0e6e-9a53-4b3e-8f35-1d1c52a7c0{n:02}"
            ))
            .unwrap();
            world
                .create_secret(
                    &format!("/iam/{user}/access_key").parse().unwrap(),
                    Some((version, value)),
                )
                .unwrap();
        }
    });
    account.advance(100 * DAY);
    let report = run(&account, &Limits::default(), Mode::Act).await;
    assert_eq!(waiting(&report), ["user-10", "user-11"]);
    assert_eq!(account.calls()["create_key"], 10);
}

#[tokio::test]
async fn a_plan_shows_and_counts_all_users() {
    let account = account(12);
    let selected = selected(&account).await;
    let report = run(&account, &Limits::default(), Mode::Plan).await;
    let document = RunDocument::new(schema::PLAN, &report, &selected);
    assert_eq!(
        (document.counts.due, document.counts.to_adopt, document.counts.stopped),
        (12, 12, 0)
    );
}
