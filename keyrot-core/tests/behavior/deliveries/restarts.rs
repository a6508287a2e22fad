//! Destinations that take no key, but restart consumers that read it elsewhere.

use super::desk::{Desk, assignment, events, name, secret};
use crate::support::DAY;
use keyrot_core::decide::Delivered;
use keyrot_core::memory::{Fault, FaultAt, MemoryDestination, World};
use keyrot_core::model::{Abilities, Assignment, Receiving};
use keyrot_core::{KeyStatus, Outcome, Request};
use std::time::Duration;

fn restart() -> Assignment {
    assignment("shop", true, Abilities::RESTARTS)
}

/// Returns a restart, and the SSM parameter that its consumers read.
fn both() -> Vec<Assignment> {
    // In the order of names, the restart would come first.
    vec![assignment("a-restart", true, Abilities::RESTARTS), params()]
}

fn params() -> Assignment {
    assignment("params", true, Abilities::READABLE)
}

fn restarts(desk: &Desk, to: &str) -> u32 {
    let world = desk.account.world();
    world.destination(&name(to)).unwrap().at("ci").map_or(0, |copy| copy.writes())
}

#[tokio::test]
async fn consumers_of_the_home_secret_are_restarted_once_per_key() {
    let desk = Desk::settled(vec![restart()]).await;
    let before = restarts(&desk, "shop");
    let old = desk.rotated().await;
    assert_eq!(restarts(&desk, "shop"), before + 1);
    assert_eq!(desk.receipt("shop").unwrap().state, Receiving::Delivered);
    for _ in 0..5 {
        desk.consume();
        desk.account.advance(DAY);
        desk.run().await;
    }
    assert_eq!(restarts(&desk, "shop"), before + 1);
    assert_eq!(desk.status(&old), Some(KeyStatus::Active));
    // A deployment by someone else is no reason to act.
    desk.account.change(|world| world.overwrite(&name("shop"), "ci", None));
    assert!(matches!(desk.run().await.outcome, Outcome::Waiting(_)));
    assert_eq!(restarts(&desk, "shop"), before + 2);
}

#[tokio::test]
async fn consumers_are_restarted_after_their_copy_has_the_key() {
    let desk = Desk::settled(both()).await;
    let before = restarts(&desk, "a-restart");
    desk.account.inject(FaultAt::first("deliver", Fault::Denied));
    let old = desk.current();
    desk.account.advance(77 * DAY);
    let result = desk.run().await;
    assert_ne!(desk.current(), old);
    assert_eq!(restarts(&desk, "a-restart"), before, "params failed: {result:?}");
    let state = result.destinations.iter().find(|one| one.to == name("a-restart")).unwrap();
    assert_eq!(state.state, Delivered::Waiting);
    assert!(
        state.reason.as_ref().unwrap().contains("every other required destination has the key")
    );
    let result = desk.run().await;
    assert_eq!(events(&result).iter().filter(|code| **code == "delivered").count(), 2);
    assert_eq!(restarts(&desk, "a-restart"), before + 1);
    assert_eq!(desk.copy("a-restart"), Some(desk.current()));
}

/// The entry contains the time of the previous restart. A later restart need not be repeated.
#[tokio::test]
async fn a_run_that_dies_after_the_restart_does_not_cause_a_second_one() {
    for fault in [Fault::DeathAfter, Fault::LostReply] {
        let desk = Desk::settled(vec![restart()]).await;
        let before = restarts(&desk, "shop");
        desk.account.inject(FaultAt::first("deliver", fault));
        desk.account.advance(77 * DAY);
        let _ = tokio::time::timeout(Duration::from_millis(50), desk.run()).await;
        assert_eq!(restarts(&desk, "shop"), before + 1, "{fault:?}");
        assert_eq!(desk.receipt("shop").unwrap().state, Receiving::Delivering);
        desk.account.heal();
        desk.run().await;
        assert_eq!(restarts(&desk, "shop"), before + 1, "{fault:?}");
        assert_eq!(desk.receipt("shop").unwrap().state, Receiving::Delivered);
    }
}

/// A consumer that read the copy before has an older key.
#[tokio::test]
async fn a_copy_that_arrives_after_the_restart_causes_another() {
    let optional = assignment("mail", false, Abilities::READABLE);
    let desk = Desk::settled(vec![restart(), optional]).await;
    let before = restarts(&desk, "shop");
    desk.account.inject(FaultAt::first("inspect_destination", Fault::Denied));
    desk.account.advance(77 * DAY);
    desk.run().await;
    assert_eq!(restarts(&desk, "shop"), before + 1);
    assert_ne!(desk.copy("shop"), Some(desk.current()), "it read the old copy");
    desk.run().await;
    assert_eq!(restarts(&desk, "shop"), before + 2);
    assert_eq!(desk.copy("shop"), Some(desk.current()));
    desk.run().await;
    assert_eq!(restarts(&desk, "shop"), before + 2);
}

#[tokio::test]
async fn an_operator_can_ask_for_another_restart_and_sees_it_in_the_plan() {
    let desk = Desk::settled(both()).await;
    let before = restarts(&desk, "a-restart");
    let to = Request::Deliver { to: Some(name("a-restart")) };
    let Outcome::Planned(planned) = desk.plan(to.clone()).await else { panic!("no plan") };
    let planned: Vec<String> = planned.iter().map(ToString::to_string).collect();
    assert_eq!(planned, ["restart a-restart (ci), so that it reads the current key"]);
    let result = desk.ask(to.clone()).await;
    assert_eq!(restarts(&desk, "a-restart"), before + 1, "{result:?}");
    let said = result.events.iter().map(|event| event.kind.to_string()).collect::<Vec<_>>();
    assert_eq!(said, [format!("a-restart (ci) was restarted and uses {}", desk.current())]);

    // The request is refused while the copy is behind.
    desk.account.inject(FaultAt::every("deliver", Fault::Denied));
    desk.rotated().await;
    let result = desk.ask(to).await;
    assert_eq!(restarts(&desk, "a-restart"), before + 1);
    let said = format!("{:?}", result.outcome);
    assert!(said.contains("every other required destination has the key"), "{said}");
}

/// The service was read for the earlier key. Someone then deploys it, and the next key is published
/// in the same run.
#[tokio::test]
async fn a_deployment_before_the_publication_does_not_count() {
    let desk = Desk::settled(both()).await;
    let old = desk.current();
    // The copy has to be delivered again and consumers restarted before the next key is due.
    desk.account.change(|world| {
        world.overwrite(&name("params"), "ci", Some(&old));
        world.overwrite(&name("a-restart"), "ci", None);
    });
    desk.account.advance(77 * DAY);
    let before = restarts(&desk, "a-restart");
    desk.run().await;
    assert_ne!(desk.current(), old);
    assert!(restarts(&desk, "a-restart") > before);
    assert_eq!(desk.copy("a-restart"), Some(desk.current()));
}

#[tokio::test]
async fn a_rollback_restarts_consumers_too() {
    let desk = Desk::settled(both()).await;
    let old = desk.rotated().await;
    let before = restarts(&desk, "a-restart");
    let result = desk.ask(Request::Rollback { to: old.clone() }).await;
    assert_eq!(desk.current(), old, "{result:?}");
    assert_eq!(restarts(&desk, "a-restart"), before + 1);
    assert_eq!(desk.copy("a-restart"), Some(old));
}

/// The receipt for the previous key is about an earlier restart. Tasks that have started since then
/// have the newer key.
#[tokio::test]
async fn a_rollback_before_the_restart_also_restarts_consumers() {
    let desk = Desk::settled(vec![restart()]).await;
    desk.account.inject(FaultAt::every("inspect_destination", Fault::Denied));
    let old = desk.rotated().await;
    desk.account.heal();
    let before = restarts(&desk, "shop");
    desk.ask(Request::Rollback { to: old.clone() }).await;
    assert_eq!(desk.current(), old);
    assert_eq!(restarts(&desk, "shop"), before + 1);
    assert_eq!(desk.copy("shop"), Some(old));
}

/// The service's tasks show when they were started.
#[tokio::test]
async fn a_forged_receipt_of_a_restart_does_not_retire_the_old_key() {
    let desk = Desk::settled(vec![restart()]).await;
    desk.account.inject(FaultAt::every("deliver", Fault::Denied));
    let old = desk.rotated().await;
    let mut forged = desk.receipt("shop").unwrap();
    forged.state = Receiving::Delivered;
    desk.account.change(|world| {
        world.tag_secret(&secret(), &forged.tag(), forged.to_text()).unwrap();
    });
    for _ in 0..60 {
        // Whoever reads the secret uses the new key, and the old one's consumers run once a season.
        let current = World::credentials_of(&desk.current());
        desk.account.change(|world| world.authenticate(&current, "s3", "eu-west-1"));
        desk.account.advance(DAY);
        desk.run().await;
        assert_eq!(desk.status(&old), Some(KeyStatus::Active));
    }
    desk.account.heal();
    desk.run().await;
    assert_eq!(desk.copy("shop"), Some(desk.current()));
}

/// The repeated request waits for the restart, and begins no second one.
#[tokio::test]
async fn a_repeated_request_resumes_the_restart() {
    let desk = Desk::settled(vec![restart()]).await;
    let before = restarts(&desk, "shop");
    let to = || Request::Deliver { to: Some(name("shop")) };
    desk.account.inject(FaultAt::first("deliver", Fault::LostReply));
    desk.ask(to()).await;
    assert_eq!(restarts(&desk, "shop"), before + 1);
    desk.account.heal();
    assert_eq!(desk.ask(to()).await.outcome, Outcome::Done);
    assert_eq!(restarts(&desk, "shop"), before + 1);
    assert_eq!(desk.ask(to()).await.outcome, Outcome::Done);
    assert_eq!(restarts(&desk, "shop"), before + 2, "it was over, so this is another one");
}

/// Before its first restart, there is no receipt and nothing to read in a plan.
#[tokio::test]
async fn a_rollback_can_be_planned_before_the_first_restart() {
    let mut desk = Desk::settled(Vec::new()).await;
    let old = desk.rotated().await;
    let current = desk.current();
    desk.destinations = vec![restart()];
    desk.account.change(|world| {
        world.add_destination(name("shop"), MemoryDestination::new(Abilities::RESTARTS));
    });
    let texts = |outcome: Outcome| match outcome {
        Outcome::Planned(steps) => steps.iter().map(ToString::to_string).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let back = texts(desk.plan(Request::Rollback { to: old.clone() }).await);
    let restarted = "restart shop (ci), so that it reads the current key".to_owned();
    assert!(back.contains(&restarted), "{back:?}");
    assert_eq!(desk.ask(Request::Rollback { to: old.clone() }).await.outcome, Outcome::Done);
    assert_eq!((desk.current(), desk.copy("shop")), (old.clone(), Some(old)));
    assert_ne!(desk.copy("shop"), Some(current));
}

/// It writes a time that is still to come before it moves the label.
#[tokio::test]
async fn a_run_after_a_rollback_that_died_neither_fails_nor_doubts_its_own_entries() {
    let desk = Desk::settled(both()).await;
    desk.rotated().await;
    desk.clock_is_behind(Duration::from_secs(20 * 60));
    for _ in 0..6 {
        let result = desk.run().await;
        assert!(!matches!(result.outcome, Outcome::Failed(_)), "{result:?}");
        assert!(!events(&result).contains(&"doubted"), "{result:?}");
        desk.consume();
        desk.account.advance(Duration::from_secs(10 * 60));
    }
    assert_eq!(desk.receipt("a-restart").unwrap().state, Receiving::Delivered);
    assert_eq!(desk.copy("a-restart"), Some(desk.current()));
}

/// Another machine's clock is three minutes ahead, which is allowed: its receipt of the copy is
/// later than this run's time.
#[tokio::test]
async fn a_restart_after_a_copy_from_a_clock_ahead_counts_once() {
    let desk = Desk::settled(both()).await;
    desk.rotated().await;
    let mut ahead = desk.receipt("params").unwrap();
    ahead.at = desk.account.world().now() + Duration::from_secs(180);
    desk.account.change(|world| {
        world.tag_secret(&secret(), &ahead.tag(), ahead.to_text()).unwrap();
    });
    let before = restarts(&desk, "a-restart");
    desk.account.advance(Duration::from_secs(60));
    for _ in 0..3 {
        let result = desk.run().await;
        assert!(!matches!(result.outcome, Outcome::Failed(_)), "{result:?}");
        desk.account.advance(Duration::from_secs(1));
    }
    assert_eq!(restarts(&desk, "a-restart"), before + 1, "the copy may be later than the restart");
    assert!(desk.receipt("a-restart").unwrap().at >= ahead.at);
}
