//! Delivery of keys to destinations: whole lifecycles in the in-memory account.

mod beside;
mod desk;
mod foreign;
mod plans;
mod restarts;
mod suite;
mod unfinished;

use self::desk::{Desk, PLACE, assignment, events, name, secret, three};
use crate::support::{DAY, HOUR};
use keyrot_core::decide::Delivered;
use keyrot_core::memory::{Fault, FaultAt, MemoryDestination, World};
use keyrot_core::model::{Abilities, Changed, PlaceId, Receipt, Receiving};
use keyrot_core::{
    Blocked, ErrorKind, EventKind, KeyStatus, Outcome, Request, Revocation, WaitPolicy, Waits, Why,
};

#[tokio::test]
async fn a_key_is_delivered_in_the_run_that_publishes_it() {
    let desk = Desk::settled(three()).await;
    let old = desk.rotated().await;
    for to in ["github", "gitlab", "lake"] {
        assert_eq!(desk.copy(to), Some(desk.current()), "{to}");
        assert_eq!(desk.receipt(to).unwrap().state, Receiving::Delivered, "{to}");
    }
    assert_eq!(desk.status(&old), Some(KeyStatus::Active));
    let again = desk.run().await;
    assert!(again.destinations.iter().all(|one| one.state == Delivered::Delivered), "{again:?}");
    assert!(again.events.is_empty(), "{again:?}");
}

/// If a user is settled, a run reads no destination and no credentials.
#[tokio::test]
async fn a_settled_user_costs_no_more_calls() {
    let (with, without) = (Desk::settled(three()).await, Desk::settled(Vec::new()).await);
    assert_eq!(with.run().await.calls, without.run().await.calls);
}

/// Three rotations with consumers of the secret and of each destination, which must never fail. In
/// the second rotation, one destination is down for ten days.
#[tokio::test]
async fn three_rotations_with_an_outage_of_ten_days() {
    let desk = Desk::settled(three()).await;
    let policy = WaitPolicy::new(Waits::default(), false).unwrap();
    desk.account.watch(&desk.user, &secret(), &policy);
    for rotation in 0..3 {
        let old = desk.current();
        desk.account.advance(76 * DAY);
        let mut left = None;
        for day in 0..60 {
            if rotation == 1 {
                match day {
                    0 => desk.account.inject(FaultAt::every("deliver", Fault::Denied)),
                    10 => desk.account.heal(),
                    _ => {}
                }
            }
            let result = desk.run().await;
            desk.consume();
            let behind = rotation == 1 && day < 10 && desk.current() != old;
            if behind {
                assert!(matches!(&result.outcome, Outcome::Failed(failure)
                    if failure.error.kind == ErrorKind::Denied && failure.doing.contains("github")));
                assert_eq!(desk.status(&old), Some(KeyStatus::Active));
            }
            if left.is_none() && desk.status(&old) == Some(KeyStatus::Inactive) {
                left = Some(day);
            }
            if left.is_some() && desk.status(&old).is_none() {
                break;
            }
            desk.account.advance(DAY);
        }
        assert_eq!(desk.status(&old), None, "rotation {rotation}");
        // The overlap is seven days, counted from the last receipt.
        let earliest = if rotation == 1 { 17 } else { 7 };
        assert!(left.is_some_and(|day| day >= earliest), "rotation {rotation}: {left:?}");
    }
    assert_eq!(desk.account.broken(), []);
}

#[tokio::test]
async fn an_optional_destination_delays_nothing() {
    let desk = Desk::settled(vec![assignment("mail", false, Abilities::WRITE_ONLY)]).await;
    desk.account.inject(FaultAt::every("deliver", Fault::LostRequest));
    let old = desk.rotated().await;
    let result = desk.run().await;
    assert!(
        matches!(&result.outcome, Outcome::Waiting(wait) if matches!(wait.why, Why::Overlap(_)))
    );
    assert!(events(&result).contains(&"not_delivered"), "{result:?}");
    for _ in 0..40 {
        desk.account.advance(DAY);
        let current = World::credentials_of(&desk.current());
        desk.account.change(|world| drop(world.authenticate(&current, "s3", "eu-west-1")));
        desk.run().await;
    }
    assert_eq!(desk.status(&old), None);
}

/// If a user's key is due, a new destination gets only the next key.
#[tokio::test]
async fn a_destination_added_when_the_key_is_due_gets_the_next_one() {
    let mut desk = Desk::settled(Vec::new()).await;
    desk.destinations = three();
    for one in three() {
        let destination = MemoryDestination::new(one.abilities);
        desk.account.change(|world| world.add_destination(one.to, destination));
    }
    desk.account.advance(77 * DAY);
    let result = desk.run().await;
    let delivered = events(&result).into_iter().filter(|event| *event == "delivered").count();
    assert_eq!(delivered, 3, "{result:?}");
    for to in ["github", "gitlab", "lake"] {
        assert_eq!(desk.copy(to), Some(desk.current()), "{to}");
    }
}

/// To deliver, a run verifies the current key, which IAM records as a use. That use does not count
/// as a pickup.
#[tokio::test]
async fn a_verification_for_a_delivery_is_not_a_pickup() {
    for fails in [true, false] {
        let desk = Desk::settled(vec![assignment("mail", false, Abilities::WRITE_ONLY)]).await;
        if fails {
            desk.account.inject(FaultAt::every("deliver", Fault::Denied));
        }
        desk.account.advance(76 * DAY);
        desk.consume();
        let old = desk.rotated_after(DAY).await;
        for day in 0..30 {
            desk.account.advance(DAY);
            desk.run().await;
            if !fails && day % 7 == 3 {
                let asked = desk.ask(Request::Deliver { to: None }).await;
                assert_eq!(asked.outcome, Outcome::Done);
            }
            assert_eq!(desk.status(&old), Some(KeyStatus::Active), "day {day}, fails: {fails}");
        }
        let result = desk.run().await;
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
    let desk = Desk::settled(vec![assignment("hook", true, Abilities::UNSEEN)]).await;
    let (before, version) = (desk.current(), desk.receipt("hook").unwrap().version);
    desk.account.inject(FaultAt::every("deliver", Fault::Denied));
    let old = desk.rotated().await;
    assert_eq!(old, before);
    desk.account.heal();
    // The other run writes this entry right before it delivers.
    let now = desk.account.world().now();
    let other = Receipt {
        to: name("hook"),
        place: PlaceId::default(),
        state: Receiving::Delivering,
        version,
        at: now,
        mark: None,
    };
    desk.account
        .change(|world| world.tag_secret(&secret(), &other.tag(), other.to_text()))
        .unwrap();
    let result = desk.run().await;
    assert!(
        matches!(&result.outcome, Outcome::Failed(_) | Outcome::Waiting(_)),
        "{:?}",
        result.outcome
    );
    assert_eq!(desk.copy("hook"), Some(old.clone()), "the current key would not stay there");
    assert_eq!(desk.status(&old), Some(KeyStatus::Active));
    desk.account.advance(Waits::default().settle);
    desk.run().await;
    assert_eq!(desk.copy("hook"), Some(desk.current()));
    assert_eq!(desk.receipt("hook").unwrap().state, Receiving::Delivered);
}

#[tokio::test]
async fn a_destination_that_was_given_up_delays_nothing() {
    let desk = Desk::settled(vec![assignment("gitlab", true, Abilities::READABLE)]).await;
    desk.account.change(|world| world.empty(&name("gitlab"), PLACE));
    let old = desk.rotated().await;
    let blocked = desk.run().await;
    assert!(matches!(blocked.outcome, Outcome::Blocked(_)), "{blocked:?}");
    let done = desk.ask(Request::LetGo { to: name("gitlab") }).await;
    assert_eq!((done.outcome.clone(), events(&done)), (Outcome::Done, vec!["let_go"]));
    for _ in 0..40 {
        desk.account.advance(DAY);
        desk.consume();
        desk.run().await;
    }
    assert_eq!((desk.status(&old), desk.copy("gitlab")), (None, None));
    // A requested delivery resumes it.
    assert_eq!(desk.ask(Request::Deliver { to: None }).await.outcome, Outcome::Done);
    assert_eq!(desk.copy("gitlab"), Some(desk.current()));
}

#[tokio::test]
async fn a_rollback_delivers_the_key_that_is_current_again() {
    let desk = Desk::settled(three()).await;
    let old = desk.rotated().await;
    let done = desk.ask(Request::Rollback { to: old.clone() }).await;
    assert_eq!(done.outcome, Outcome::Done, "{done:?}");
    for to in ["github", "gitlab", "lake"] {
        assert_eq!(desk.copy(to), Some(old.clone()), "{to}");
    }
    desk.consume();

    // An unreachable destination still has the key that was rolled back from, and that is a
    // failure.
    let desk = Desk::settled(three()).await;
    let old = desk.rotated().await;
    desk.account.inject(FaultAt::every("deliver", Fault::LostRequest));
    let failed = desk.ask(Request::Rollback { to: old.clone() }).await;
    assert!(matches!(failed.outcome, Outcome::Failed(_)), "{failed:?}");
    assert_eq!(desk.current(), old);
}

#[tokio::test]
async fn a_revocation_does_not_wait_for_a_destination() {
    let desk = Desk::settled(three()).await;
    let leaked = desk.rotated().await;
    desk.account.inject(FaultAt::every("deliver", Fault::LostRequest));
    desk.account.inject(FaultAt::every("inspect_destination", Fault::LostRequest));
    let done = desk.ask(Request::Revoke(Revocation::of(leaked.clone()))).await;
    assert_eq!(done.outcome, Outcome::Done, "{done:?}");
    assert_eq!(desk.status(&leaked), Some(KeyStatus::Inactive));

    // If the current key is revoked, a successor is published, the key is deactivated, and then the
    // successor is delivered.
    desk.account.heal();
    let leaked = desk.current();
    let done = desk
        .ask(Request::Revoke(Revocation { delete: true, ..Revocation::of(leaked.clone()) }))
        .await;
    let kinds: Vec<_> = done.events.iter().map(|event| &event.kind).collect();
    let at = |found: fn(&EventKind) -> bool| kinds.iter().position(|kind| found(kind));
    let gone = at(|kind| matches!(kind, EventKind::Retired { .. }));
    let delivered = at(|kind| matches!(kind, EventKind::Delivered { .. }));
    if let (Some(gone), Some(delivered)) = (gone, delivered) {
        assert!(gone < delivered, "{kinds:?}");
    }
    desk.run().await;
    for to in ["github", "gitlab", "lake"] {
        assert_eq!(desk.copy(to), Some(desk.current()), "{to}: {done:?}");
    }
}

/// Consumers there have a deactivated key, so no run may ignore that.
#[tokio::test]
async fn after_a_revocation_a_destination_that_is_behind_is_a_failure() {
    for is_down in [true, false] {
        let desk = Desk::settled(three()).await;
        let leaked = desk.current();
        if is_down {
            desk.account.inject(FaultAt::every("deliver", Fault::LostRequest));
        } else {
            desk.account.change(|world| world.overwrite(&name("gitlab"), PLACE, None));
        }
        desk.ask(Request::Revoke(Revocation::of(leaked.clone()))).await;
        assert_eq!(desk.status(&leaked), Some(KeyStatus::Inactive));
        for _ in 0..3 {
            desk.account.advance(DAY);
            let result = desk.run().await;
            match is_down {
                true => assert!(matches!(result.outcome, Outcome::Failed(_)), "{result:?}"),
                false => assert!(
                    matches!(result.outcome, Outcome::Blocked(Blocked::DestinationChanged { .. })),
                    "{result:?}"
                ),
            }
        }
        for _ in 0..20 {
            desk.account.advance(DAY);
            desk.run().await;
        }
        assert_eq!(desk.status(&leaked), None, "its deletion waits for no destination either");
    }
}

/// If a run dies anywhere during the deliveries, the next run continues.
#[tokio::test]
async fn a_run_that_dies_during_deliveries_is_continued() {
    for call in ["deliver", "deliver_rest", "write_note", "inspect_destination"] {
        for nth in 0..6 {
            let desk = Desk::settled(three()).await;
            desk.account.advance(77 * DAY);
            desk.account.inject(FaultAt { after: nth, ..FaultAt::first(call, Fault::LostReply) });
            for _ in 0..4 {
                desk.run().await;
                desk.account.advance(HOUR);
            }
            for to in ["github", "gitlab", "lake"] {
                assert_eq!(desk.copy(to), Some(desk.current()), "{to}, {call} {nth}");
                assert_eq!(desk.receipt(to).unwrap().state, Receiving::Delivered);
            }
        }
    }
}

/// The settings now name another place: another repository, or one secret in place of two.
#[tokio::test]
async fn a_receipt_for_another_place_does_not_count() {
    for (abilities, is_delivered) in [(Abilities::READABLE, true), (Abilities::IN_PARTS, false)] {
        let mut desk = Desk::settled(vec![assignment("x", true, abilities)]).await;
        let before = desk.receipt("x").unwrap();
        assert!(matches!(desk.run().await.outcome, Outcome::Settled { .. }));
        let moved = PlaceId::of("elsewhere", "ci", [""]);
        desk.destinations[0].place_id = moved;
        let result = desk.run().await;
        let receipt = desk.receipt("x").unwrap();
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
