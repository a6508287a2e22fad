//! Destinations that take no key, but restart consumers that read it elsewhere.

use super::harness::{Harness, assignment, events, name, secret};
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

fn restarts(harness: &Harness, to: &str) -> u32 {
    let world = harness.account.world();
    world.destination(&name(to)).unwrap().at("ci").map_or(0, |copy| copy.writes())
}

#[tokio::test]
async fn consumers_of_the_home_secret_are_restarted_once_per_key() {
    let harness = Harness::settled(vec![restart()]).await;
    let before = restarts(&harness, "shop");
    let old = harness.rotated().await;
    assert_eq!(restarts(&harness, "shop"), before + 1);
    assert_eq!(harness.receipt("shop").unwrap().state, Receiving::Delivered);
    for _ in 0..5 {
        harness.consume();
        harness.account.advance(DAY);
        harness.run().await;
    }
    assert_eq!(restarts(&harness, "shop"), before + 1);
    assert_eq!(harness.status(&old), Some(KeyStatus::Active));
    // A deployment by someone else is no reason to act.
    harness.account.change(|world| world.overwrite(&name("shop"), "ci", None));
    assert!(matches!(harness.run().await.outcome, Outcome::Waiting(_)));
    assert_eq!(restarts(&harness, "shop"), before + 2);
}

#[tokio::test]
async fn consumers_are_restarted_after_their_copy_has_the_key() {
    let harness = Harness::settled(both()).await;
    let before = restarts(&harness, "a-restart");
    harness.account.inject(FaultAt::first("deliver", Fault::Denied));
    let old = harness.current();
    harness.account.advance(77 * DAY);
    let result = harness.run().await;
    assert_ne!(harness.current(), old);
    assert_eq!(restarts(&harness, "a-restart"), before, "params failed: {result:?}");
    let state = result.destinations.iter().find(|one| one.to == name("a-restart")).unwrap();
    assert_eq!(state.state, Delivered::Waiting);
    assert!(
        state.reason.as_ref().unwrap().contains("every other required destination has the key")
    );
    let result = harness.run().await;
    assert_eq!(events(&result).iter().filter(|code| **code == "delivered").count(), 2);
    assert_eq!(restarts(&harness, "a-restart"), before + 1);
    assert_eq!(harness.copy("a-restart"), Some(harness.current()));
}

/// The entry contains the time of the previous restart. A later restart need not be repeated.
#[tokio::test]
async fn a_run_that_dies_after_the_restart_does_not_cause_a_second_one() {
    for fault in [Fault::DeathAfter, Fault::LostReply] {
        let harness = Harness::settled(vec![restart()]).await;
        let before = restarts(&harness, "shop");
        harness.account.inject(FaultAt::first("deliver", fault));
        harness.account.advance(77 * DAY);
        let _ = tokio::time::timeout(Duration::from_millis(50), harness.run()).await;
        assert_eq!(restarts(&harness, "shop"), before + 1, "{fault:?}");
        assert_eq!(harness.receipt("shop").unwrap().state, Receiving::Delivering);
        harness.account.heal();
        harness.run().await;
        assert_eq!(restarts(&harness, "shop"), before + 1, "{fault:?}");
        assert_eq!(harness.receipt("shop").unwrap().state, Receiving::Delivered);
    }
}

/// A consumer that read the copy before has an older key.
#[tokio::test]
async fn a_copy_that_arrives_after_the_restart_causes_another() {
    let optional = assignment("mail", false, Abilities::READABLE);
    let harness = Harness::settled(vec![restart(), optional]).await;
    let before = restarts(&harness, "shop");
    harness.account.inject(FaultAt::first("inspect_destination", Fault::Denied));
    harness.account.advance(77 * DAY);
    harness.run().await;
    assert_eq!(restarts(&harness, "shop"), before + 1);
    assert_ne!(harness.copy("shop"), Some(harness.current()), "it read the old copy");
    harness.run().await;
    assert_eq!(restarts(&harness, "shop"), before + 2);
    assert_eq!(harness.copy("shop"), Some(harness.current()));
    harness.run().await;
    assert_eq!(restarts(&harness, "shop"), before + 2);
}

#[tokio::test]
async fn an_operator_can_ask_for_another_restart_and_sees_it_in_the_plan() {
    let harness = Harness::settled(both()).await;
    let before = restarts(&harness, "a-restart");
    let to = Request::Deliver { to: Some(name("a-restart")) };
    let Outcome::Planned(planned) = harness.plan(to.clone()).await else { panic!("no plan") };
    let planned: Vec<String> = planned.iter().map(ToString::to_string).collect();
    assert_eq!(planned, ["restart a-restart (ci), so that it reads the current key"]);
    let result = harness.ask(to.clone()).await;
    assert_eq!(restarts(&harness, "a-restart"), before + 1, "{result:?}");
    let said = result.events.iter().map(|event| event.kind.to_string()).collect::<Vec<_>>();
    assert_eq!(said, [format!("a-restart (ci) was restarted and uses {}", harness.current())]);

    // The request is refused while the copy is behind.
    harness.account.inject(FaultAt::every("deliver", Fault::Denied));
    harness.rotated().await;
    let result = harness.ask(to).await;
    assert_eq!(restarts(&harness, "a-restart"), before + 1);
    let said = format!("{:?}", result.outcome);
    assert!(said.contains("every other required destination has the key"), "{said}");
}

/// The service was read for the earlier key. Someone then deploys it, and the next key is published
/// in the same run.
#[tokio::test]
async fn a_deployment_before_the_publication_does_not_count() {
    let harness = Harness::settled(both()).await;
    let old = harness.current();
    // The copy has to be delivered again and consumers restarted before the next key is due.
    harness.account.change(|world| {
        world.overwrite(&name("params"), "ci", Some(&old));
        world.overwrite(&name("a-restart"), "ci", None);
    });
    harness.account.advance(77 * DAY);
    let before = restarts(&harness, "a-restart");
    harness.run().await;
    assert_ne!(harness.current(), old);
    assert!(restarts(&harness, "a-restart") > before);
    assert_eq!(harness.copy("a-restart"), Some(harness.current()));
}

#[tokio::test]
async fn a_rollback_restarts_consumers_too() {
    let harness = Harness::settled(both()).await;
    let old = harness.rotated().await;
    let before = restarts(&harness, "a-restart");
    let result = harness.ask(Request::Rollback { to: old.clone() }).await;
    assert_eq!(harness.current(), old, "{result:?}");
    assert_eq!(restarts(&harness, "a-restart"), before + 1);
    assert_eq!(harness.copy("a-restart"), Some(old));
}

/// The receipt for the previous key is about an earlier restart. Tasks that have started since then
/// have the newer key.
#[tokio::test]
async fn a_rollback_before_the_restart_also_restarts_consumers() {
    let harness = Harness::settled(vec![restart()]).await;
    harness.account.inject(FaultAt::every("inspect_destination", Fault::Denied));
    let old = harness.rotated().await;
    harness.account.heal();
    let before = restarts(&harness, "shop");
    harness.ask(Request::Rollback { to: old.clone() }).await;
    assert_eq!(harness.current(), old);
    assert_eq!(restarts(&harness, "shop"), before + 1);
    assert_eq!(harness.copy("shop"), Some(old));
}

/// The service's tasks show when they were started.
#[tokio::test]
async fn a_forged_receipt_of_a_restart_does_not_retire_the_old_key() {
    let harness = Harness::settled(vec![restart()]).await;
    harness.account.inject(FaultAt::every("deliver", Fault::Denied));
    let old = harness.rotated().await;
    let mut forged = harness.receipt("shop").unwrap();
    forged.state = Receiving::Delivered;
    harness.account.change(|world| {
        world.tag_secret(&secret(), &forged.tag(), forged.to_text()).unwrap();
    });
    for _ in 0..60 {
        // Whoever reads the secret uses the new key, and the old one's consumers run once a season.
        let current = World::credentials_of(&harness.current());
        harness.account.change(|world| world.authenticate(&current, "s3", "eu-west-1"));
        harness.account.advance(DAY);
        harness.run().await;
        assert_eq!(harness.status(&old), Some(KeyStatus::Active));
    }
    harness.account.heal();
    harness.run().await;
    assert_eq!(harness.copy("shop"), Some(harness.current()));
}

/// The repeated request waits for the restart, and begins no second one.
#[tokio::test]
async fn a_repeated_request_resumes_the_restart() {
    let harness = Harness::settled(vec![restart()]).await;
    let before = restarts(&harness, "shop");
    let to = || Request::Deliver { to: Some(name("shop")) };
    harness.account.inject(FaultAt::first("deliver", Fault::LostReply));
    harness.ask(to()).await;
    assert_eq!(restarts(&harness, "shop"), before + 1);
    harness.account.heal();
    assert_eq!(harness.ask(to()).await.outcome, Outcome::Done);
    assert_eq!(restarts(&harness, "shop"), before + 1);
    assert_eq!(harness.ask(to()).await.outcome, Outcome::Done);
    assert_eq!(restarts(&harness, "shop"), before + 2, "it was over, so this is another one");
}

/// Before its first restart, there is no receipt and nothing to read in a plan.
#[tokio::test]
async fn a_rollback_can_be_planned_before_the_first_restart() {
    let mut harness = Harness::settled(Vec::new()).await;
    let old = harness.rotated().await;
    let current = harness.current();
    harness.destinations = vec![restart()];
    harness.account.change(|world| {
        world.add_destination(name("shop"), MemoryDestination::new(Abilities::RESTARTS));
    });
    let texts = |outcome: Outcome| match outcome {
        Outcome::Planned(steps) => steps.iter().map(ToString::to_string).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let back = texts(harness.plan(Request::Rollback { to: old.clone() }).await);
    let restarted = "restart shop (ci), so that it reads the current key".to_owned();
    assert!(back.contains(&restarted), "{back:?}");
    assert_eq!(harness.ask(Request::Rollback { to: old.clone() }).await.outcome, Outcome::Done);
    assert_eq!((harness.current(), harness.copy("shop")), (old.clone(), Some(old)));
    assert_ne!(harness.copy("shop"), Some(current));
}

/// It writes a time that is still to come before it moves the label.
#[tokio::test]
async fn a_run_after_a_rollback_that_died_neither_fails_nor_doubts_its_own_entries() {
    let harness = Harness::settled(both()).await;
    harness.rotated().await;
    harness.clock_is_behind(Duration::from_secs(20 * 60));
    for _ in 0..6 {
        let result = harness.run().await;
        assert!(!matches!(result.outcome, Outcome::Failed(_)), "{result:?}");
        assert!(!events(&result).contains(&"doubted"), "{result:?}");
        harness.consume();
        harness.account.advance(Duration::from_secs(10 * 60));
    }
    assert_eq!(harness.receipt("a-restart").unwrap().state, Receiving::Delivered);
    assert_eq!(harness.copy("a-restart"), Some(harness.current()));
}

/// Another machine's clock is three minutes ahead, which is allowed: its receipt of the copy is
/// later than this run's time.
#[tokio::test]
async fn a_restart_after_a_copy_from_a_clock_ahead_counts_once() {
    let harness = Harness::settled(both()).await;
    harness.rotated().await;
    let mut ahead = harness.receipt("params").unwrap();
    ahead.at = harness.account.world().now() + Duration::from_secs(180);
    harness.account.change(|world| {
        world.tag_secret(&secret(), &ahead.tag(), ahead.to_text()).unwrap();
    });
    let before = restarts(&harness, "a-restart");
    harness.account.advance(Duration::from_secs(60));
    for _ in 0..3 {
        let result = harness.run().await;
        assert!(!matches!(result.outcome, Outcome::Failed(_)), "{result:?}");
        harness.account.advance(Duration::from_secs(1));
    }
    assert_eq!(
        restarts(&harness, "a-restart"),
        before + 1,
        "the copy may be later than the restart"
    );
    assert!(harness.receipt("a-restart").unwrap().at >= ahead.at);
}
