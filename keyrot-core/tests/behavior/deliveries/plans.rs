//! The plan of a request shows its deliveries.

use super::harness::{Harness, PLACE, name, three};
use keyrot_core::machine::PlannedAction;
use keyrot_core::memory::{Fault, FaultAt};
use keyrot_core::{Outcome, Request};
use std::time::Duration;

/// Destinations that can be read come first, because others may have to wait for their turns.
const ALL: [&str; 3] = ["gitlab", "github", "lake"];

fn deliver(to: &str) -> PlannedAction {
    PlannedAction::Deliver { to: name(to), place: PLACE.to_owned(), restarts: false }
}

/// When the plan is made, no destination has been read.
#[tokio::test]
async fn a_rollback_names_the_destinations_to_which_it_delivers() {
    let harness = Harness::settled(three()).await;
    let old = harness.rotated().await;
    let mut steps = vec![PlannedAction::PublishAgain(old.clone())];
    steps.extend(ALL.map(deliver));
    assert_eq!(harness.plan(Request::Rollback { to: old }).await, Outcome::Planned(steps));
}

/// The clock of the repeated request does not matter.
#[tokio::test]
async fn an_interrupted_rollback_is_repeated_with_a_clock_that_is_behind() {
    for (nth, ms) in (0..3).flat_map(|nth| [0, 1, 200, 400, 401, 60_000].map(|ms| (nth, ms))) {
        let harness = Harness::settled(three()).await;
        let old = harness.rotated().await;
        let back = || Request::Rollback { to: old.clone() };
        let death = FaultAt::first("inspect_destination", Fault::DeathAfter);
        harness.account.inject(FaultAt { after: nth, ..death });
        let died = tokio::time::timeout(Duration::from_millis(50), harness.ask(back())).await;
        assert!(died.is_err(), "it did not die");
        harness.account.heal();
        harness.clock_is_behind(Duration::from_millis(ms));
        let Outcome::Planned(steps) = harness.plan(back()).await else { panic!("{nth} {ms}") };
        let left = ALL[nth..].iter().map(|to| deliver(to));
        assert_eq!(steps, left.collect::<Vec<_>>(), "{nth} {ms}");
        assert_eq!(harness.ask(back()).await.outcome, Outcome::Done, "{nth} {ms}");
        for to in ALL {
            assert_eq!(harness.copy(to), Some(old.clone()), "{to}, {nth} {ms}");
        }
    }
}

#[tokio::test]
async fn a_delivery_to_no_destination_is_refused() {
    let harness = Harness::settled(Vec::new()).await;
    let Outcome::Refused(refusal) = harness.ask(Request::Deliver { to: None }).await.outcome else {
        panic!("there is nothing to deliver to")
    };
    let says = "the settings do not deliver this user's key to any destination";
    assert_eq!(refusal.to_string(), says);
}

/// A destination that is down does not delay others, in a request or in a run.
#[tokio::test]
async fn a_delivery_by_request_reaches_the_destinations_that_can_be_reached() {
    let harness = Harness::settled(three()).await;
    let again = || Request::Deliver { to: None };
    let steps = |planned| match planned {
        Outcome::Planned(steps) => steps,
        other => panic!("{other:?}"),
    };
    assert_eq!(steps(harness.plan(again()).await), ALL.map(deliver));
    harness.account.inject(FaultAt::first("inspect_destination", Fault::Denied));
    let planned = steps(harness.plan(again()).await);
    assert_eq!(planned[..2], ["github", "lake"].map(deliver), "{planned:?}");
    assert!(matches!(planned[2..], [PlannedAction::Wait(_)]), "{planned:?}");
}
