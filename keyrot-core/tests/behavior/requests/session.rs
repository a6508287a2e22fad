//! The flow around a request: a plan, the question, and a report that is never lost.

use super::harness::{Harness, secret};
use keyrot_core::memory::{Fault, FaultAt};
use keyrot_core::report::{Change, Remains};
use keyrot_core::requests::{Caution, Enrollment, RequestFlow, RequestKind, RequestStatus};
use keyrot_core::{
    Cancel, Homes, KeyId, Limits, Ports, Request, Revocation, Selection, Target, UserName,
};
use std::sync::Arc;
use std::time::Duration;

async fn session(harness: &Harness, kind: RequestKind) -> RequestFlow {
    let all = Arc::new(harness.account.clone());
    RequestFlow::new(
        kind,
        Ports::of(harness.account.clone()),
        all.clone(),
        all,
        harness.chosen().await,
    )
}

#[tokio::test]
async fn a_plan_changes_nothing_and_is_carried_out_once_it_is_agreed_to() {
    let harness = Harness::in_overlap().await;
    let session = session(&harness, RequestKind::Rollback).await;
    let seen = session.look().await;
    let to = Request::key_before(&seen).unwrap();
    let plan = session.plan(&seen, Request::Rollback { to: to.clone() }).await;
    assert!(plan.has_work());
    assert_eq!(plan.question().as_deref(), Some(&*format!("Publish {to} again for ci")));
    assert_eq!(harness.look().await.current, seen.current, "a plan");

    let shown = plan.clone().into_report();
    assert_eq!(
        (shown.status(), shown.acted, shown.document.left),
        (RequestStatus::Done, false, None)
    );

    let report = session.carry_out(plan, &Cancel::default(), &|_| {}).await;
    assert_eq!((report.status(), report.acted), (RequestStatus::Done, true));
    assert_eq!(report.document.left.unwrap().current, Some(to.clone()));
    assert_eq!(harness.look().await.current, Some(to.clone()));

    // If it is repeated, there is nothing to do, and nothing to ask.
    let seen = session.look().await;
    let again = session.plan(&seen, Request::Rollback { to }).await;
    assert!(!again.has_work());
}

#[tokio::test]
async fn a_deadline_counts_from_the_answer_and_not_from_the_plan() {
    let harness = Harness::in_overlap().await;
    let end = harness.account.world().now() + Duration::from_secs(600);
    let limits = Limits::default().with_deadline(end);
    let session = session(&harness, RequestKind::Rollback).await.limits(limits.clone());
    let seen = session.look().await;
    let to = Request::key_before(&seen).unwrap();
    let plan = session.plan(&seen, Request::Rollback { to: to.clone() }).await;
    let account = Arc::new(harness.account.clone());
    let ports = Ports::of(harness.account.clone());
    let late: UserName = harness.account.change(|world| world.add_user("late", &[])).unwrap();
    let homes = Homes::in_region("us-east-1");
    let enrollment = Enrollment::new(ports, account, Selection::default(), homes).limits(limits);
    let enroll = enrollment.plan(std::slice::from_ref(&late), false).await.unwrap();

    // The operator answers after a while.
    harness.account.advance(Duration::from_secs(1200));
    let report = session.carry_out(plan.clone(), &Cancel::default(), &|_| {}).await;
    assert_eq!(report.status(), RequestStatus::NotDone);
    let row = enrollment.carry_out(enroll.clone(), &Cancel::default()).await.users.remove(0);
    assert_eq!(row.result, Change::Failed, "{row:?}");

    let long = Duration::from_secs(600);
    let report = session.deadline(long).carry_out(plan, &Cancel::default(), &|_| {}).await;
    assert_eq!(report.status(), RequestStatus::Done);
    assert_eq!(harness.look().await.current, Some(to));
    let done = enrollment.deadline(long).carry_out(enroll, &Cancel::default()).await;
    assert_eq!(done.users[0].result, Change::Done, "{done:?}");
}

#[tokio::test]
async fn a_revocation_that_would_stop_before_its_first_step_is_not_started() {
    let harness = Harness::new(0);
    harness.run().await;
    let leaked = harness.current().unwrap();
    harness.account.change(|world| {
        for n in 0.. {
            if world.tag_secret(&secret(), &format!("theirs-{n}"), String::new()).is_err() {
                break;
            }
        }
    });
    let session = session(&harness, RequestKind::Revoke).await;
    let seen = session.look().await;
    let plan = session.plan(&seen, Request::Revoke(Revocation::of(leaked.clone()))).await;
    assert!(!plan.has_work(), "{:?}", plan.document.intended);
    let report = plan.into_report();
    assert_eq!((report.status(), report.acted), (RequestStatus::Blocked, false));
    // Without a successor, or to end sessions, only IAM is needed.
    let order = Revocation { without_successor: true, ..Revocation::of(leaked.clone()) };
    assert!(session.plan(&seen, Request::Revoke(order)).await.has_work());
    let ending = session.end_sessions(true);
    assert!(ending.plan(&seen, Request::Revoke(Revocation::of(leaked))).await.has_work());
}

/// The successor of a revocation that died has to be deleted before there is another, and that
/// takes a day.
#[tokio::test]
async fn a_revocation_that_waits_says_how_to_deactivate_the_key_now() {
    let harness = Harness::new(0);
    harness.run().await;
    let leaked = harness.current().unwrap();
    let order = || Request::Revoke(Revocation::of(leaked.clone()));
    let session = session(&harness, RequestKind::Revoke).await;
    harness.account.inject(FaultAt::first("create_key", Fault::LostReply));
    let plan = session.plan(&session.look().await, order()).await;
    session.carry_out(plan, &Cancel::default(), &|_| {}).await;
    assert_eq!(harness.account.world().users().next().unwrap().keys().len(), 2, "an orphan");
    let mut waited = false;
    for _ in 0..6 {
        let plan = session.plan(&session.look().await, order()).await;
        let report = match plan.has_work() {
            true => session.carry_out(plan, &Cancel::default(), &|_| {}).await,
            false => plan.into_report(),
        };
        let hints = &report.document.user.hints;
        let names = |hint: &keyrot_core::report::Hint| {
            let command = hint.action.as_ref().map(keyrot_core::report::Action::command);
            command.is_some_and(|command| command.contains("--without-successor"))
        };
        if report.document.user.state == keyrot_core::report::State::Waiting {
            waited = true;
            assert!(hints.iter().any(names), "{hints:?}");
        }
        harness.account.advance(Duration::from_secs(300));
    }
    assert!(waited);
}

#[tokio::test]
async fn a_request_for_a_key_that_nobody_named_is_refused_and_reported() {
    let harness = Harness::in_overlap().await;
    let session = session(&harness, RequestKind::Revoke).await;
    let seen = session.look().await;
    let refusal = Request::revoke(&seen, None).unwrap_err();
    let report = session.refuse(&seen, refusal).await;
    assert_eq!((report.status(), report.acted), (RequestStatus::Unclear, false));
    assert_eq!(report.document.evidence.len(), 2, "the last use of both keys helps to choose");
}

#[tokio::test]
async fn a_cancelled_revocation_is_reported_as_stopped_and_resumes() {
    let harness = Harness::in_overlap().await;
    let session = session(&harness, RequestKind::Revoke).await;
    let seen = session.look().await;
    let leaked = seen.previous.clone().unwrap();
    let request = Request::Revoke(Revocation::of(leaked.clone()));
    let cancel = Cancel::default();
    cancel.cancel();
    let plan = session.plan(&seen, request.clone()).await;
    let report = session.carry_out(plan, &cancel, &|_| {}).await;
    assert_eq!((report.status(), report.document.left), (RequestStatus::Stopped, None));
    assert!(harness.active().contains(&leaked));

    let plan = session.plan(&seen, request).await;
    let report = session.carry_out(plan, &Cancel::default(), &|_| {}).await;
    assert_eq!(report.status(), RequestStatus::Done);
    assert!(!harness.active().contains(&leaked));
}

#[tokio::test]
async fn a_revocation_whose_sessions_could_not_be_ended_is_not_done() {
    let harness = Harness::in_overlap().await;
    let session = session(&harness, RequestKind::Revoke).await.end_sessions(true);
    let seen = session.look().await;
    let leaked = seen.previous.clone().unwrap();
    let plan = session.plan(&seen, Request::Revoke(Revocation::of(leaked.clone()))).await;
    assert!(
        plan.question().unwrap().ends_with("and end the user's sessions"),
        "{:?}",
        plan.question()
    );
    harness.account.inject(FaultAt::first("put_user_policy", Fault::Denied));
    let report = session.carry_out(plan, &Cancel::default(), &|_| {}).await;
    assert!(report.is_done(), "the key is off");
    assert_eq!(report.status(), RequestStatus::NotDone);
    assert!(report.document.sessions_not_ended.is_some());
    assert!(report.document.still_alive.iter().any(|one| one.what == Remains::Sessions));
}

#[tokio::test]
async fn an_older_key_is_not_a_thiefs_and_the_last_active_one_is_warned_of() {
    let harness = Harness::in_overlap().await;
    let off = |key: &KeyId| {
        Request::Revoke(Revocation { without_successor: true, ..Revocation::of(key.clone()) })
    };
    let flow = session(&harness, RequestKind::Revoke).await;
    let seen = flow.look().await;
    let (leaked, old) = (seen.current.clone().unwrap(), seen.previous.clone().unwrap());
    let plan = flow.plan(&seen, off(&leaked)).await;
    let report = flow.carry_out(plan, &Cancel::default(), &|_| {}).await;
    assert!(report.is_done());
    let remains = |what| report.document.still_alive.iter().any(|one| one.what == what);
    assert!(remains(Remains::Sessions) && !remains(Remains::OtherKey), "{old} is older");

    harness.account.advance(Duration::from_secs(3_600));
    let flow = session(&harness, RequestKind::Revoke).await;
    let seen = flow.look().await;
    let plan = flow.plan(&seen, off(&old)).await;
    let cautions = Caution::of(RequestKind::Revoke, &plan.document.intended, &seen);
    assert!(cautions.contains(&Caution::Refused(old)), "{cautions:?}");

    // Somebody may have created this one with the leaked key.
    let newer = Harness::in_overlap().await;
    let flow = session(&newer, RequestKind::Revoke).await;
    let seen = flow.look().await;
    let plan = flow.plan(&seen, off(seen.previous.as_ref().unwrap())).await;
    newer.account.change(|world| {
        world.delete_key(&newer.user, seen.current.as_ref().unwrap()).unwrap();
        world.add_key(&newer.user).unwrap();
    });
    let report = flow.carry_out(plan, &Cancel::default(), &|_| {}).await;
    assert!(report.document.still_alive.iter().any(|one| one.what == Remains::OtherKey));
}

/// Without the account's list of users, only the name and the key are known, which is enough to
/// deactivate the key.
#[tokio::test]
async fn a_key_is_deactivated_although_its_user_cannot_be_read() {
    let harness = Harness::in_overlap().await;
    let leaked = harness.look().await.current.unwrap();
    let all = Arc::new(harness.account.clone());
    let target = Target::for_iam_only(&harness.user, "the user was not looked up");
    let session = RequestFlow::new(
        RequestKind::Revoke,
        Ports::of(harness.account.clone()),
        all.clone(),
        all,
        target,
    )
    .off_first(|| Box::pin(async { Err("the list is out of reach".to_owned()) }));
    let order = Revocation { without_successor: true, ..Revocation::of(leaked.clone()) };
    let plan = session.plan_off_first(Request::Revoke(order.clone())).await;
    assert!(plan.has_work());
    assert!(harness.active().contains(&leaked), "a plan");

    let plan = session.unplanned(Request::Revoke(order));
    let report = session.carry_out(plan, &Cancel::default(), &|_| {}).await;
    assert!(!harness.active().contains(&leaked));
    assert!(report.is_done(), "{:?}", report.result.outcome);
    assert!(
        report.document.user.message.contains("the list is out of reach"),
        "{}",
        report.document.user.message
    );
}
