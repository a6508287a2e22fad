//! The flow around moves: found, planned, agreed to, carried out.

use super::harness::{DAY, NEW, OLD, at_rest, home_region, homes, user};
use keyrot_core::memory::{Fault, FaultAt, MemoryAccount};
use keyrot_core::report::Change;
use keyrot_core::requests::{HomeMove, MoveError, MovePlan};
use keyrot_core::selection::MissingWhy;
use keyrot_core::{Cancel, ErrorKind, Limits, Ports, Selection, UserName};

/// Returns a move to the new region, with the ports of every home.
async fn planned(account: &MemoryAccount, users: &[UserName]) -> (HomeMove, MovePlan) {
    let mut moving = to(account, NEW);
    let found = moving.find(users).await.unwrap();
    for region in moving.other_regions(&found) {
        moving = moving.old_home(&region, Ports::of(account.in_region(&*region)));
    }
    assert!(moving.other_regions(&found).is_empty());
    let plan = moving.plan(found).await.unwrap();
    (moving, plan)
}

fn to(account: &MemoryAccount, region: &str) -> HomeMove {
    HomeMove::new(Ports::of(account.in_region(region)), Selection::default(), homes(region))
}

/// Returns a user at rest, and one that was never rotated.
async fn with_another() -> (MemoryAccount, UserName) {
    let account = at_rest().await;
    let other = account.change(|world| world.add_user("mailer", &[("RotateKey", "True")])).unwrap();
    (account, other)
}

#[tokio::test]
async fn a_plan_changes_nothing_and_is_carried_out_once_it_is_agreed_to() {
    let account = at_rest().await;
    let before = account.world();
    let (moving, plan) = planned(&account, &[user()]).await;
    assert_eq!(plan.question(), "move the home of ci");
    assert!(plan.has_work() && !plan.is_refused());
    let row = &plan.document.users[0];
    assert_eq!((row.from.as_ref().unwrap().region.as_str(), row.to.region.as_str()), (OLD, NEW));
    assert_eq!(account.world(), before, "a plan");

    let done = moving.carry_out(plan, &Cancel::default()).await;
    assert_eq!(done.users[0].result, Change::Done);
    assert_eq!(done.users[0].left(), done.users[0].from.as_ref().map(|home| &home.arn));
    assert_eq!(home_region(&account), NEW);

    let (moving, again) = planned(&account, &[user()]).await;
    assert!(!again.has_work() && !again.is_refused());
    let again = moving.carry_out(again, &Cancel::default()).await;
    assert_eq!(again.users[0].result, Change::Already);
}

#[tokio::test]
async fn no_user_is_moved_if_one_cannot_be() {
    let (account, other) = with_another().await;
    let (moving, plan) = planned(&account, &[user(), other]).await;
    assert!(plan.is_refused() && plan.document.has(Change::Planned), "{:?}", plan.document);
    let before = account.world();
    let shown = plan.document.clone();
    assert_eq!(moving.carry_out(plan, &Cancel::default()).await, shown);
    assert_eq!(account.world(), before);

    // A user whose place could not be read blocks the move, too.
    let account = at_rest().await;
    account.inject(FaultAt::every("describe", Fault::Denied));
    let (_, plan) = planned(&account, &[user()]).await;
    assert_eq!(plan.document.users[0].reason, Some("denied"));
    assert!(plan.is_refused() && plan.document.has(Change::Failed));
}

#[tokio::test]
async fn after_a_cancellation_no_further_user_is_begun() {
    let account = at_rest().await;
    let (moving, plan) = planned(&account, &[user()]).await;
    let cancel = Cancel::default();
    cancel.cancel();
    let left = moving.carry_out(plan, &cancel).await;
    assert_eq!(left.users[0].result, Change::Planned);
    assert_eq!(home_region(&account), OLD);
}

#[tokio::test]
async fn a_user_whose_home_is_in_a_region_without_ports_is_not_planned() {
    let account = at_rest().await;
    let moving = to(&account, NEW);
    let found = moving.find(&[user()]).await.unwrap();
    assert_eq!(moving.other_regions(&found).into_iter().collect::<Vec<_>>(), [OLD]);
    let error = moving.plan(found).await.unwrap_err();
    assert_eq!(error, MoveError::NoPorts { user: user(), region: OLD.to_owned() });
}

#[tokio::test]
async fn released_users_are_found_and_unknown_ones_are_reported() {
    let (account, other) = with_another().await;
    account.change(|world| world.untag_user(&user(), "RotateKey")).unwrap();
    let found = to(&account, NEW).find(&[user(), other, user()]).await.unwrap();
    assert_eq!(found.len(), 2, "each once");

    let nobody: UserName = "nobody".parse().unwrap();
    let error = to(&account, NEW).find(&[user(), nobody]).await.unwrap_err();
    let MoveError::Missing(missing) = &error else { panic!("{error:?}") };
    assert!(matches!(missing[..], [ref one] if matches!(one.why, MissingWhy::NotFound { .. })));

    account.inject(FaultAt::every("users", Fault::Denied));
    let error = to(&account, NEW).find(&[user()]).await.unwrap_err();
    assert!(matches!(error, MoveError::Listing(why) if why.kind == ErrorKind::Denied));
    assert!(to(&account, NEW).find(&[]).await.unwrap().is_empty(), "nobody is not everybody");
}

#[tokio::test]
async fn a_deadline_counts_from_the_beginning_of_each_move() {
    let account = at_rest().await;
    let (moving, plan) = planned(&account, &[user()]).await;
    let end = account.world().now() + DAY;
    let moving = moving.limits(Limits::default().with_deadline(end));
    // The operator answers after a while.
    account.advance(2 * DAY);
    let late = moving.carry_out(plan.clone(), &Cancel::default()).await;
    let row = &late.users[0];
    assert_eq!((row.result, row.reason), (Change::Failed, Some("deadline")));
    assert_eq!(home_region(&account), OLD);

    let done = moving.deadline(DAY).carry_out(plan, &Cancel::default()).await;
    assert_eq!(done.users[0].result, Change::Done, "{done:?}");
    assert_eq!(home_region(&account), NEW);
}
