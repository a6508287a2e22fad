//! Delivery of keys to destinations: whole lifecycles in the in-memory account.

mod beside;
mod foreign;
mod harness;
mod panics;
mod plans;
mod restarts;
mod suite;
mod unfinished;

use self::harness::{Harness, PLACE, assignment, events, name, secret, three};
use crate::support::{DAY, HOUR};
use keyrot_core::decide::Delivered;
use keyrot_core::memory::{Fault, FaultAt, MemoryDestination, World};
use keyrot_core::model::{Abilities, Changed, PlaceId, Receipt, Receiving};
use keyrot_core::{
    Blocked, ErrorKind, EventKind, KeyStatus, Outcome, Request, Revocation, WaitPolicy, Waits, Why,
};

#[tokio::test]
async fn a_key_is_delivered_in_the_run_that_publishes_it() {
    let harness = Harness::settled(three()).await;
    let old = harness.rotated().await;
    for to in ["github", "gitlab", "lake"] {
        assert_eq!(harness.copy(to), Some(harness.current()), "{to}");
        assert_eq!(harness.receipt(to).unwrap().state, Receiving::Delivered, "{to}");
    }
    assert_eq!(harness.status(&old), Some(KeyStatus::Active));
    let again = harness.run().await;
    assert!(again.destinations.iter().all(|one| one.state == Delivered::Delivered), "{again:?}");
    assert!(again.events.is_empty(), "{again:?}");
}

/// If a user is settled, a run reads no destination and no credentials.
#[tokio::test]
async fn a_settled_user_costs_no_more_calls() {
    let (with, without) = (Harness::settled(three()).await, Harness::settled(Vec::new()).await);
    assert_eq!(with.run().await.calls, without.run().await.calls);
}

/// Three rotations with consumers of the secret and of each destination, which must never fail. In
/// the second rotation, one destination is down for ten days.
#[tokio::test]
async fn three_rotations_with_an_outage_of_ten_days() {
    let harness = Harness::settled(three()).await;
    let policy = WaitPolicy::new(Waits::default(), false).unwrap();
    harness.account.watch(&harness.user, &secret(), &policy);
    for rotation in 0..3 {
        let old = harness.current();
        harness.account.advance(76 * DAY);
        let mut left = None;
        for day in 0..60 {
            if rotation == 1 {
                match day {
                    0 => harness.account.inject(FaultAt::every("deliver", Fault::Denied)),
                    10 => harness.account.heal(),
                    _ => {}
                }
            }
            let result = harness.run().await;
            harness.consume();
            let behind = rotation == 1 && day < 10 && harness.current() != old;
            if behind {
                assert!(matches!(&result.outcome, Outcome::Failed(failure)
                    if failure.error.kind == ErrorKind::Denied && failure.doing.contains("github")));
                assert_eq!(harness.status(&old), Some(KeyStatus::Active));
            }
            if left.is_none() && harness.status(&old) == Some(KeyStatus::Inactive) {
                left = Some(day);
            }
            if left.is_some() && harness.status(&old).is_none() {
                break;
            }
            harness.account.advance(DAY);
        }
        assert_eq!(harness.status(&old), None, "rotation {rotation}");
        // The overlap is seven days, counted from the last receipt.
        let earliest = if rotation == 1 { 17 } else { 7 };
        assert!(left.is_some_and(|day| day >= earliest), "rotation {rotation}: {left:?}");
    }
    assert_eq!(harness.account.broken(), []);
}

#[tokio::test]
async fn an_optional_destination_delays_nothing() {
    let harness = Harness::settled(vec![assignment("mail", false, Abilities::WRITE_ONLY)]).await;
    harness.account.inject(FaultAt::every("deliver", Fault::LostRequest));
    let old = harness.rotated().await;
    let result = harness.run().await;
    assert!(
        matches!(&result.outcome, Outcome::Waiting(wait) if matches!(wait.why, Why::Overlap(_)))
    );
    assert!(events(&result).contains(&"not_delivered"), "{result:?}");
    for _ in 0..40 {
        harness.account.advance(DAY);
        let current = World::credentials_of(&harness.current());
        harness.account.change(|world| drop(world.authenticate(&current, "s3", "eu-west-1")));
        harness.run().await;
    }
    assert_eq!(harness.status(&old), None);
}

/// If a user's key is due, a new destination gets only the next key.
#[tokio::test]
async fn a_destination_added_when_the_key_is_due_gets_the_next_one() {
    let mut harness = Harness::settled(Vec::new()).await;
    harness.destinations = three();
    for one in three() {
        let destination = MemoryDestination::new(one.abilities);
        harness.account.change(|world| world.add_destination(one.to, destination));
    }
    harness.account.advance(77 * DAY);
    let result = harness.run().await;
    let delivered = events(&result).into_iter().filter(|event| *event == "delivered").count();
    assert_eq!(delivered, 3, "{result:?}");
    for to in ["github", "gitlab", "lake"] {
        assert_eq!(harness.copy(to), Some(harness.current()), "{to}");
    }
}

/// To deliver, a run verifies the current key, which IAM records as a use. That use does not count
/// as a pickup.
#[tokio::test]
async fn a_verification_for_a_delivery_is_not_a_pickup() {
    for fails in [true, false] {
        let harness =
            Harness::settled(vec![assignment("mail", false, Abilities::WRITE_ONLY)]).await;
        if fails {
            harness.account.inject(FaultAt::every("deliver", Fault::Denied));
        }
        harness.account.advance(76 * DAY);
        harness.consume();
        let old = harness.rotated_after(DAY).await;
        for day in 0..30 {
            harness.account.advance(DAY);
            harness.run().await;
            if !fails && day % 7 == 3 {
                let asked = harness.ask(Request::Deliver { to: None }).await;
                assert_eq!(asked.outcome, Outcome::Done);
            }
            assert_eq!(harness.status(&old), Some(KeyStatus::Active), "day {day}, fails: {fails}");
        }
        let result = harness.run().await;
        assert!(
            matches!(&result.outcome, Outcome::Waiting(wait)
                if matches!(wait.why, Why::NotPickedUp { .. })),
            "{result:?}"
        );
    }
}

/// A run that was overtaken may still be delivering an earlier key. If that key arrived last,
/// nothing would notice.
#[tokio::test]
async fn a_delivery_to_an_unreadable_place_waits_for_an_earlier_delivery() {
    let harness = Harness::settled(vec![assignment("hook", true, Abilities::UNSEEN)]).await;
    let (before, version) = (harness.current(), harness.receipt("hook").unwrap().version);
    harness.account.inject(FaultAt::every("deliver", Fault::Denied));
    let old = harness.rotated().await;
    assert_eq!(old, before);
    harness.account.heal();
    // The other run writes this entry right before it delivers.
    let now = harness.account.world().now();
    let other = Receipt {
        to: name("hook"),
        place: PlaceId::default(),
        state: Receiving::Delivering,
        version,
        at: now,
        mark: None,
    };
    harness
        .account
        .change(|world| world.tag_secret(&secret(), &other.tag(), other.to_text()))
        .unwrap();
    let result = harness.run().await;
    assert!(
        matches!(&result.outcome, Outcome::Failed(_) | Outcome::Waiting(_)),
        "{:?}",
        result.outcome
    );
    assert_eq!(harness.copy("hook"), Some(old.clone()), "the current key would not stay there");
    assert_eq!(harness.status(&old), Some(KeyStatus::Active));
    harness.account.advance(Waits::default().settle);
    harness.run().await;
    assert_eq!(harness.copy("hook"), Some(harness.current()));
    assert_eq!(harness.receipt("hook").unwrap().state, Receiving::Delivered);
}

#[tokio::test]
async fn a_destination_that_was_given_up_delays_nothing() {
    let harness = Harness::settled(vec![assignment("gitlab", true, Abilities::READABLE)]).await;
    harness.account.change(|world| world.empty(&name("gitlab"), PLACE));
    let old = harness.rotated().await;
    let blocked = harness.run().await;
    assert!(matches!(blocked.outcome, Outcome::Blocked(_)), "{blocked:?}");
    let done = harness.ask(Request::LetGo { to: name("gitlab") }).await;
    assert_eq!((done.outcome.clone(), events(&done)), (Outcome::Done, vec!["let_go"]));
    for _ in 0..40 {
        harness.account.advance(DAY);
        harness.consume();
        harness.run().await;
    }
    assert_eq!((harness.status(&old), harness.copy("gitlab")), (None, None));
    // A requested delivery resumes it.
    assert_eq!(harness.ask(Request::Deliver { to: None }).await.outcome, Outcome::Done);
    assert_eq!(harness.copy("gitlab"), Some(harness.current()));
}

#[tokio::test]
async fn a_rollback_delivers_the_key_that_is_current_again() {
    let harness = Harness::settled(three()).await;
    let old = harness.rotated().await;
    let done = harness.ask(Request::Rollback { to: old.clone() }).await;
    assert_eq!(done.outcome, Outcome::Done, "{done:?}");
    for to in ["github", "gitlab", "lake"] {
        assert_eq!(harness.copy(to), Some(old.clone()), "{to}");
    }
    harness.consume();

    // An unreachable destination still has the key that was rolled back from, and that is a
    // failure.
    let harness = Harness::settled(three()).await;
    let old = harness.rotated().await;
    harness.account.inject(FaultAt::every("deliver", Fault::LostRequest));
    let failed = harness.ask(Request::Rollback { to: old.clone() }).await;
    assert!(matches!(failed.outcome, Outcome::Failed(_)), "{failed:?}");
    assert_eq!(harness.current(), old);
}

#[tokio::test]
async fn a_revocation_does_not_wait_for_a_destination() {
    let harness = Harness::settled(three()).await;
    let leaked = harness.rotated().await;
    harness.account.inject(FaultAt::every("deliver", Fault::LostRequest));
    harness.account.inject(FaultAt::every("inspect_destination", Fault::LostRequest));
    let done = harness.ask(Request::Revoke(Revocation::of(leaked.clone()))).await;
    assert_eq!(done.outcome, Outcome::Done, "{done:?}");
    assert_eq!(harness.status(&leaked), Some(KeyStatus::Inactive));

    // If the current key is revoked, a successor is published, the key is deactivated, and then the
    // successor is delivered.
    harness.account.heal();
    let leaked = harness.current();
    let done = harness
        .ask(Request::Revoke(Revocation { delete: true, ..Revocation::of(leaked.clone()) }))
        .await;
    let kinds: Vec<_> = done.events.iter().map(|event| &event.kind).collect();
    let at = |found: fn(&EventKind) -> bool| kinds.iter().position(|kind| found(kind));
    let gone = at(|kind| matches!(kind, EventKind::Retired { .. }));
    let delivered = at(|kind| matches!(kind, EventKind::Delivered { .. }));
    if let (Some(gone), Some(delivered)) = (gone, delivered) {
        assert!(gone < delivered, "{kinds:?}");
    }
    harness.run().await;
    for to in ["github", "gitlab", "lake"] {
        assert_eq!(harness.copy(to), Some(harness.current()), "{to}: {done:?}");
    }
}

/// Consumers there have a deactivated key, so no run may ignore that.
#[tokio::test]
async fn after_a_revocation_a_destination_that_is_behind_is_a_failure() {
    for is_down in [true, false] {
        let harness = Harness::settled(three()).await;
        let leaked = harness.current();
        if is_down {
            harness.account.inject(FaultAt::every("deliver", Fault::LostRequest));
        } else {
            harness.account.change(|world| world.overwrite(&name("gitlab"), PLACE, None));
        }
        harness.ask(Request::Revoke(Revocation::of(leaked.clone()))).await;
        assert_eq!(harness.status(&leaked), Some(KeyStatus::Inactive));
        for _ in 0..3 {
            harness.account.advance(DAY);
            let result = harness.run().await;
            match is_down {
                true => assert!(matches!(result.outcome, Outcome::Failed(_)), "{result:?}"),
                false => assert!(
                    matches!(result.outcome, Outcome::Blocked(Blocked::DestinationChanged { .. })),
                    "{result:?}"
                ),
            }
        }
        for _ in 0..20 {
            harness.account.advance(DAY);
            harness.run().await;
        }
        assert_eq!(harness.status(&leaked), None, "its deletion waits for no destination either");
    }
}

/// If a run dies anywhere during the deliveries, the next run continues.
#[tokio::test]
async fn a_run_that_dies_during_deliveries_is_continued() {
    for call in ["deliver", "deliver_rest", "write_note", "inspect_destination"] {
        for nth in 0..6 {
            let harness = Harness::settled(three()).await;
            harness.account.advance(77 * DAY);
            harness
                .account
                .inject(FaultAt { after: nth, ..FaultAt::first(call, Fault::LostReply) });
            for _ in 0..4 {
                harness.run().await;
                harness.account.advance(HOUR);
            }
            for to in ["github", "gitlab", "lake"] {
                assert_eq!(harness.copy(to), Some(harness.current()), "{to}, {call} {nth}");
                assert_eq!(harness.receipt(to).unwrap().state, Receiving::Delivered);
            }
        }
    }
}

/// The settings now name another place: another repository, or one secret in place of two.
#[tokio::test]
async fn a_receipt_for_another_place_does_not_count() {
    for (abilities, is_delivered) in [(Abilities::READABLE, true), (Abilities::IN_PARTS, false)] {
        let mut harness = Harness::settled(vec![assignment("x", true, abilities)]).await;
        let before = harness.receipt("x").unwrap();
        assert!(matches!(harness.run().await.outcome, Outcome::Settled { .. }));
        let moved = PlaceId::of("elsewhere", "ci", [""]);
        harness.destinations[0].place_id = moved;
        let result = harness.run().await;
        let receipt = harness.receipt("x").unwrap();
        if is_delivered {
            // The place has one of the user's own keys, so the delivery replaces it.
            assert!(matches!(result.outcome, Outcome::Settled { .. }), "{:?}", result.outcome);
            assert_eq!((receipt.place, receipt.state), (moved, Receiving::Delivered));
            assert_eq!(receipt.version, before.version);
        } else {
            // The content of the place is unknown.
            let Outcome::Blocked(Blocked::DestinationChanged { how, .. }) = result.outcome else {
                panic!("{:?}", result.outcome)
            };
            assert_eq!((how, receipt), (Changed::Occupied, before));
        }
    }
}
