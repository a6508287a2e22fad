//! Rollback to the previous key: back and forth, what is refused, and from when it counts.

use super::harness::{Harness, back_to, secret};
use crate::support::{DAY, HOUR, MINUTE};
use keyrot_core::decide::Refusal;
use keyrot_core::machine::PlannedAction;
use keyrot_core::memory::{Label, Value, World};
use keyrot_core::model::VersionId;
use keyrot_core::{Blocked, KeyId, KeyStatus, Mode, Outcome, Request, Wait, Why};

#[tokio::test]
async fn back_and_forth_between_two_keys() {
    let harness = Harness::in_overlap().await;
    let (old, new) = (harness.labelled(Label::Previous).unwrap(), harness.current().unwrap());
    let request = back_to(&Request::key_before(&harness.look().await).unwrap());
    assert_eq!(harness.intended(&request).await, [PlannedAction::PublishAgain(old.clone())]);
    assert_eq!(harness.ask(&request).await, Outcome::Done);
    assert_eq!((harness.current(), harness.active().len()), (Some(old.clone()), 2));

    let before = harness.account.world();
    assert_eq!(harness.ask(&request).await, Outcome::Done, "to ask again is harmless");
    assert_eq!(harness.account.world().secret(&secret()), before.secret(&secret()));

    // No run undoes it, however long it takes.
    for _ in 0..20 {
        harness.account.advance(5 * DAY);
        let blocked = Blocked::RolledBack { from: new.clone(), to: Some(old.clone()) };
        assert_eq!(harness.run().await.outcome, Outcome::Blocked(blocked));
    }
    assert_eq!((harness.current(), harness.active().len()), (Some(old.clone()), 2));

    let forward = back_to(&Request::key_before(&harness.look().await).unwrap());
    assert_eq!((harness.ask(&forward).await, harness.current()), (Outcome::Done, Some(new)));
    let why = Why::Overlap(old);
    // The key that is current again is past its deadline by now, and the run says so.
    let outcome = harness.run().await.outcome;
    assert!(
        matches!(&outcome, Outcome::Blocked(Blocked::Overdue { wait, .. }) if wait.why == why),
        "{outcome:?}"
    );
    harness.settles().await;
}

#[tokio::test]
async fn a_key_that_is_inactive_already_is_reactivated_before_it_is_published() {
    let harness = Harness::in_overlap().await;
    let old = harness.labelled(Label::Previous).unwrap();
    harness.until_the_old_key_is_off().await;
    let request = back_to(&old);
    assert_eq!(
        harness.intended(&request).await,
        [PlannedAction::Activate(old.clone()), PlannedAction::PublishAgain(old.clone())]
    );
    harness.account.advance(HOUR);
    assert_eq!(harness.ask(&request).await, Outcome::Done);
    assert_eq!((harness.current(), harness.active().len()), (Some(old), 2));
}

#[tokio::test]
async fn a_rollback_that_is_not_possible_says_why() {
    let new = Harness::new(1);
    let key = new.active().remove(0);
    assert_eq!(Request::key_before(&new.look().await), Err(Refusal::NothingCurrent));
    assert_eq!(new.refused(&back_to(&key)).await, Refusal::NothingCurrent);

    let adopted = Harness::new(1);
    adopted.run().await;
    let own = adopted.active().remove(0);
    let none = Refusal::NothingBefore { left: vec![own.clone()] };
    assert_eq!(Request::key_before(&adopted.look().await), Err(none.clone()));
    assert!(none.hint(&adopted.user).unwrap().contains(own.as_str()));
    assert_eq!(adopted.refused(&back_to(&own)).await, Refusal::NotBefore { key: own });

    let harness = Harness::in_overlap().await;
    let old = harness.labelled(Label::Previous).unwrap();
    slip_of_the_pen(&harness, &old);
    let refusal = harness.refused(&back_to(&old)).await;
    assert!(matches!(&refusal, Refusal::DoesNotWork { key, .. } if *key == old), "{refusal:?}");
    assert!(!format!("{refusal} {refusal:?}").contains("slip of the pen"));

    let gone = Harness::in_overlap().await;
    let old = gone.labelled(Label::Previous).unwrap();
    gone.settles().await;
    assert_eq!(gone.refused(&back_to(&old)).await, Refusal::Gone { key: old });
}

#[tokio::test]
async fn a_listing_that_lags_does_not_block_a_user_that_was_just_rolled_back() {
    let harness = Harness::in_overlap().await;
    let old = harness.labelled(Label::Previous).unwrap();
    harness.until_the_old_key_is_off().await;
    harness.account.advance(HOUR);
    harness.account.change(|world| world.rules.listing_lag = 5 * MINUTE);
    assert_eq!(harness.ask(&back_to(&old)).await, Outcome::Done);
    let outcome = harness.look().await.outcome;
    let Outcome::Waiting(wait) = &outcome else { panic!("{outcome:?}") };
    assert_eq!(wait.why, Why::Settling(old.clone()));
    // It was deactivated by hand, for longer than any listing lags, so that is reported.
    harness.account.advance(HOUR);
    harness
        .account
        .change(|world| world.set_key_status(&harness.user, &old, KeyStatus::Inactive).unwrap());
    harness.account.advance(HOUR);
    assert_eq!(
        harness.look().await.outcome,
        Outcome::Blocked(Blocked::CurrentKeyInactive { key: old })
    );
}

/// The key that is current again is past its deadline. What needs a decision is the rollback, also
/// while a run only waits until IAM shows that the key was reactivated.
#[tokio::test]
async fn an_overdue_key_does_not_hide_the_rollback() {
    for since_off in [MINUTE, HOUR] {
        let harness = Harness::in_overlap().await;
        let (old, new) = (harness.labelled(Label::Previous).unwrap(), harness.current().unwrap());
        harness.account.advance(20 * DAY);
        harness.until_the_old_key_is_off().await;
        harness.account.advance(since_off);
        harness.account.change(|world| world.rules.listing_lag = 5 * MINUTE);
        assert_eq!(harness.ask(&back_to(&old)).await, Outcome::Done);
        let blocked = Blocked::RolledBack { from: new, to: Some(old) };
        for minute in (0..60).step_by(4) {
            let outcome = harness.run().await.outcome;
            assert_eq!(outcome, Outcome::Blocked(blocked.clone()), "after {minute} minutes");
            harness.account.advance(4 * MINUTE);
        }
    }
}

#[tokio::test]
async fn an_earlier_entry_does_not_shorten_the_overlap_after_a_rollback() {
    let harness = Harness::in_overlap().await;
    let (old, new) = (harness.labelled(Label::Previous).unwrap(), harness.current().unwrap());
    harness.account.advance(6 * DAY);
    // A person makes the older key current by hand, and undoes that before any run has read the
    // state.
    let by_hand = VersionId::parse("00000000-0000-0000-0000-000000000009").unwrap();
    let value = Value::credentials(&World::credentials_of(&old), None);
    harness
        .account
        .change(|world| world.put_secret_value(&secret(), &by_hand, value, &[]).unwrap());
    assert_eq!(harness.current(), Some(old.clone()));
    assert_eq!(harness.ask(&back_to(&new)).await, Outcome::Done);
    assert_eq!(harness.current(), Some(new));
    let until = harness.account.world().now() + 7 * DAY;
    harness.account.advance(2 * DAY);
    match harness.run().await.outcome {
        Outcome::Waiting(Wait { why: Why::Overlap(key), until: Some(end) }) => {
            assert_eq!(
                (key, (end - until).num_minutes()),
                (old, 0),
                "it counts from when the key was left"
            );
        }
        other => panic!("{other:?}"),
    }
    harness.settles().await;
}

#[tokio::test]
async fn a_key_that_was_reactivated_in_vain_is_not_a_refusal() {
    let harness = Harness::in_overlap().await;
    let old = harness.labelled(Label::Previous).unwrap();
    harness.until_the_old_key_is_off().await;
    harness.account.advance(HOUR);
    slip_of_the_pen(&harness, &old);
    let outcome = harness.put(&back_to(&old), Mode::Act).await.outcome;
    assert!(
        matches!(&outcome, Outcome::Blocked(Blocked::ReactivatedInVain { key, .. }) if *key == old),
        "{outcome:?}"
    );
    assert_ne!(harness.current(), Some(old.clone()));
    let refusal = harness.refused(&back_to(&old)).await;
    assert!(
        matches!(&refusal, Refusal::DoesNotWork { .. }),
        "now it is Active, and nothing was changed: {refusal:?}"
    );
    harness.settles().await;
}

/// Another program overwrites the version under AWSPREVIOUS: it names the key, but does not work.
fn slip_of_the_pen(harness: &Harness, key: &KeyId) {
    let wrong =
        Value::text(format!(r#"{{"AccessKeyId":"{key}","SecretAccessKey":"slip of the pen"}}"#));
    harness.account.change(|world| {
        let other = VersionId::parse("00000000-0000-0000-0000-000000000009").unwrap();
        let now = world.secret(&secret()).unwrap().labelled(Label::Current).unwrap().clone();
        world.put_secret_value(&secret(), &other, wrong, &[]).unwrap();
        world.move_label(&secret(), Label::Current, Some(&other), Some(&now)).unwrap();
    });
}

#[tokio::test]
async fn a_mistyped_key_is_named() {
    let harness = Harness::in_overlap().await;
    let keys = harness.active();
    let stranger = KeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap();
    let refusal = harness.refused(&back_to(&stranger)).await;
    assert_eq!(refusal, Refusal::NoSuchKey { key: stranger, keys });
}
