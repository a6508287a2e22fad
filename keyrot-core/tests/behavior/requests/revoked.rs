//! A revoked key stays revoked, until the operator takes that back.

use super::harness::{Harness, back_to, revoke, secret};
use crate::support::{DAY, HOUR, MINUTE};
use keyrot_core::decide::Refusal;
use keyrot_core::machine::PlannedAction;
use keyrot_core::memory::{Fault, FaultAt, Label};
use keyrot_core::model::{JournalEntry, Phase, Retired};
use keyrot_core::report::Resolution;
use keyrot_core::{
    Blocked, KeyId, KeyStatus, Mode, Outcome, Request, Revocation, Severity, Wait, Why,
};

#[tokio::test]
async fn a_deactivation_is_reported_once_although_the_listing_lags() {
    let harness = Harness::new(1);
    let key = harness.active().remove(0);
    harness.account.change(|world| world.rules.listing_lag = MINUTE / 2);
    let told = harness
        .told(&Request::Revoke(Revocation { without_successor: true, ..revoke(&key) }))
        .await;
    assert_eq!(told.iter().filter(|word| **word == "retired").count(), 1, "{told:?}");
}

#[tokio::test]
async fn a_revoked_key_is_never_published_again_whatever_is_revoked_after_it() {
    let harness = Harness::new(0);
    harness.run().await;
    harness.account.advance(DAY);
    let first = harness.current().unwrap();
    assert_eq!(harness.ask(&Request::Revoke(revoke(&first))).await, Outcome::Done);
    let second = harness.current().unwrap();
    harness.account.advance(2 * HOUR);
    let order = Request::Revoke(Revocation { without_successor: true, ..revoke(&second) });
    let intended = harness.intended(&order).await;
    assert!(!intended.contains(&PlannedAction::PublishAgain(first.clone())), "{intended:?}");
    harness.ask(&order).await;
    assert_eq!(harness.active(), [], "whoever asks for it gets it: there is no other");
    for _ in 0..30 {
        harness.account.advance(DAY);
        harness.run().await;
        assert!(!harness.active().contains(&first) && !harness.active().contains(&second));
    }
    assert_eq!(
        harness.active(),
        [harness.current().unwrap()],
        "in the end there is room for a new one"
    );
    let refusal = harness.refused(&back_to(&second)).await;
    assert!(matches!(refusal, Refusal::Gone { .. } | Refusal::NoSuchKey { .. }), "{refusal:?}");
}

#[tokio::test]
async fn a_revoked_key_that_is_reactivated_can_be_reinstated() {
    let harness = Harness::in_overlap().await;
    harness.account.advance(HOUR);
    let (old, new) = (harness.labelled(Label::Previous).unwrap(), harness.current().unwrap());
    harness.put(&Request::Revoke(revoke(&old)), Mode::Act).await;
    assert!(!harness.active().contains(&old));
    harness.account.advance(HOUR);
    reactivate(&harness, &old);
    let [_, reinstate] = resolutions_once_blocked(&harness, &old).await;
    assert_eq!(harness.ask(&reinstate).await, Outcome::Done);
    assert_eq!(harness.ask(&reinstate).await, Outcome::Done, "to ask again is harmless");
    assert_eq!(harness.look().await.revoked, []);
    // From here on it is like any other key: kept for another overlap, and available for a
    // rollback.
    let waits = harness.run().await.outcome;
    assert!(
        matches!(&waits, Outcome::Waiting(Wait { why: Why::Overlap(key), .. }) if *key == old),
        "{waits:?}"
    );
    harness.account.advance(HOUR);
    assert_eq!(harness.ask(&back_to(&old)).await, Outcome::Done);
    harness.account.advance(HOUR);
    assert_eq!(harness.ask(&Request::Revoke(revoke(&new))).await, Outcome::Done);
    assert_eq!((harness.look().await.revoked, harness.current()), (vec![new], Some(old)));
}

#[tokio::test]
async fn a_revoked_current_key_that_is_reactivated_can_be_deactivated_again() {
    let harness = Harness::in_overlap().await;
    harness.account.advance(HOUR);
    let (old, leaked) = (harness.labelled(Label::Previous).unwrap(), harness.current().unwrap());
    // There is no successor of any kind.
    harness.account.change(|world| world.delete_key(&harness.user, &old).unwrap());
    harness.account.inject(FaultAt::every("create_key", Fault::Denied));
    let order = Revocation { without_successor: true, ..revoke(&leaked) };
    harness.put(&Request::Revoke(order), Mode::Act).await;
    assert!(!harness.active().contains(&leaked));
    harness.account.heal();
    harness.account.advance(HOUR);
    // It is recorded as Inactive one time more than the run that revoked it could do.
    harness.account.change(|world| {
        let note = JournalEntry::Retired(Retired {
            key: leaked.clone(),
            phase: Phase::Inactive,
            at: world.now(),
            soak: None,
            reactivated: false,
        });
        world.tag_secret(&secret(), &note.tag(), note.to_text()).unwrap();
    });
    harness.account.advance(HOUR);
    reactivate(&harness, &leaked);
    let [deactivate, _] = resolutions_once_blocked(&harness, &leaked).await;
    harness.put(&deactivate, Mode::Act).await;
    assert!(!harness.active().contains(&leaked), "off again");
    assert_eq!(harness.look().await.revoked, std::slice::from_ref(&leaked));
    harness.settles().await;
}

fn reactivate(harness: &Harness, key: &KeyId) {
    harness.account.change(|world| {
        world.set_key_status(&harness.user, key, KeyStatus::Active).unwrap();
    });
}

/// Requires that the reactivated key blocks every run until an operator decides. Returns the
/// requests that deactivate and reinstate it.
async fn resolutions_once_blocked(harness: &Harness, leaked: &KeyId) -> [Request; 2] {
    let before = harness.account.world();
    for _ in 0..20 {
        let seen = harness.run().await;
        let blocked = Blocked::RevokedKeyReactivated { key: leaked.clone() };
        assert_eq!(seen.outcome, Outcome::Blocked(blocked));
        assert_eq!(seen.events.last().map(|event| event.kind.severity()), Some(Severity::Error));
        harness.account.advance(DAY);
    }
    assert_eq!(
        harness.account.world().secret(&secret()),
        before.secret(&secret()),
        "it waits for a decision"
    );
    let ways = Resolution::of(&harness.look().await);
    let choices: Vec<_> = ways.iter().map(|way| way.choice.to_string()).collect();
    assert_eq!(choices, [format!("deactivate:{leaked}"), format!("reinstate:{leaked}")]);
    let [deactivate, reinstate] = [0, 1].map(|n| ways[n].request.clone());
    assert_eq!(harness.intended(&reinstate).await, [PlannedAction::Reinstate(leaked.clone())]);
    [deactivate, reinstate]
}

#[tokio::test]
async fn only_the_key_that_is_named_is_reinstated() {
    let harness = Harness::in_overlap().await;
    let (old, new) = (harness.labelled(Label::Previous).unwrap(), harness.current().unwrap());
    assert_eq!(harness.ask(&Request::Revoke(revoke(&old))).await, Outcome::Done);
    harness.account.advance(2 * HOUR);
    harness.ask(&Request::Revoke(Revocation { without_successor: true, ..revoke(&new) })).await;
    assert_eq!(harness.look().await.revoked, [old.clone(), new.clone()]);
    assert_eq!(harness.ask(&Request::Reinstate { key: old.clone() }).await, Outcome::Done);
    assert_eq!(harness.look().await.revoked, std::slice::from_ref(&new));
    let stranger = KeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap();
    let refusal = harness.refused(&Request::Reinstate { key: stranger.clone() }).await;
    assert!(matches!(&refusal, Refusal::NoSuchKey { key, .. } if *key == stranger), "{refusal:?}");
}

/// The entry is believed, because its time is within the allowed difference between clocks.
#[tokio::test]
async fn a_forged_entry_of_the_next_minutes_keeps_no_leaked_key_active() {
    let harness = Harness::in_overlap().await;
    let leaked = harness.labelled(Label::Previous).unwrap();
    for minutes in [0, 4] {
        let at = harness.account.world().now() + minutes * MINUTE;
        let forged = format!("inactive {leaked} {}", at.to_rfc3339());
        harness.account.change(|world| {
            world.tag_secret(&secret(), "keyrot:retired", forged).unwrap();
            world.set_key_status(&harness.user, &leaked, KeyStatus::Active).unwrap();
        });
        let done = harness.put(&Request::Revoke(revoke(&leaked)), Mode::Act).await;
        assert_eq!(done.outcome, Outcome::Done, "{minutes}");
        assert!(!harness.active().contains(&leaked), "{minutes}");
    }
}
