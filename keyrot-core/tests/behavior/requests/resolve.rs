//! The resolutions of a blocked user, and which users can be named.

use super::harness::{Harness, back_to, homes, revoke, settings};
use crate::support::{DAY, HOUR, MINUTE};
use keyrot_core::decide::Refusal;
use keyrot_core::memory::{Label, World};
use keyrot_core::report::{Choice, Resolution};
use keyrot_core::{ErrorKind, KeyStatus, Outcome, Request, Revocation, UserName};

#[tokio::test]
async fn each_resolution_unblocks_the_user() {
    // Two keys that keyrot can't explain: the unused one is retired, the other is adopted.
    let harness = Harness::new(2);
    let keys = harness.active();
    harness.account.advance(30 * DAY);
    let seen = harness.run().await;
    let ways = Resolution::of(&seen);
    let choices: Vec<_> = ways.iter().map(|way| way.choice.to_string()).collect();
    assert_eq!(choices, [format!("retire:{}", keys[0]), format!("retire:{}", keys[1])]);
    assert_eq!(harness.ask(&ways[0].request).await, Outcome::Done);
    assert_eq!(harness.active(), [keys[1].clone()]);
    harness.settles().await;

    // A key in use is not offered; if it is named anyway, the refusal says why.
    let harness = Harness::new(2);
    let keys = harness.active();
    harness.account.advance(30 * DAY);
    harness.account.change(|world| {
        drop(world.authenticate(&World::credentials_of(&keys[0]), "s3", "eu-west-1"));
    });
    harness.account.advance(HOUR);
    let seen = harness.run().await;
    let choices: Vec<_> =
        Resolution::of(&seen).into_iter().map(|way| way.choice.to_string()).collect();
    assert_eq!(choices, [format!("retire:{}", keys[1])]);
    let named = Resolution::named(&seen, &Choice::Retire(keys[0].clone())).unwrap();
    assert!(matches!(harness.ask(&named.request).await, Outcome::Refused(Refusal::InUse { .. })));

    // The current key was deactivated, or deleted, by hand.
    for deleted in [false, true] {
        let harness = Harness::new(0);
        harness.run().await;
        let current = harness.current().unwrap();
        harness.account.advance(DAY);
        harness.account.change(|world| {
            world.set_key_status(&harness.user, &current, KeyStatus::Inactive).unwrap();
            if deleted {
                world.delete_key(&harness.user, &current).unwrap();
            }
        });
        let ways = Resolution::of(&harness.run().await);
        assert_eq!(ways.iter().map(|way| way.choice.to_string()).collect::<Vec<_>>(), ["replace"]);
        assert_eq!(harness.ask(&ways[0].request).await, Outcome::Done);
        assert_ne!(harness.current(), Some(current));
        harness.settles().await;
    }

    // Another key leaves no room for a new one, and is no way back.
    let harness = Harness::new(1);
    harness.run().await;
    let current = harness.current().unwrap();
    harness.account.advance(DAY);
    harness.account.change(|world| {
        world.set_key_status(&harness.user, &current, KeyStatus::Inactive).unwrap();
    });
    let ways = Resolution::of(&harness.run().await);
    assert_eq!(ways.iter().map(|way| way.choice.to_string()).collect::<Vec<_>>(), ["make-room"]);
    assert_eq!(harness.ask(&ways[0].request).await, Outcome::Done);
    harness.settles().await;

    // AWSCURRENT was moved back. The newer key is published again, or revoked.
    for choice in [Choice::GoOn, Choice::GiveUp] {
        let harness = Harness::in_overlap().await;
        let (old, new) = (harness.labelled(Label::Previous).unwrap(), harness.current().unwrap());
        harness.account.advance(HOUR);
        assert_eq!(harness.ask(&back_to(&old)).await, Outcome::Done);
        let ways = Resolution::of(&harness.run().await);
        let way = ways.iter().find(|way| way.choice == choice).unwrap();
        assert_eq!(harness.ask(&way.request).await, Outcome::Done);
        let expected = if choice == Choice::GoOn { new } else { old };
        assert_eq!(harness.current(), Some(expected));
        harness.settles().await;
    }

    assert_eq!(Resolution::of(&Harness::new(1).look().await), [], "nothing blocks it");
}

#[tokio::test]
async fn a_user_without_the_tag_can_be_named() {
    let harness = Harness::new(1);
    harness.account.change(|world| world.untag_user(&harness.user, "RotateKey").unwrap());
    let leaked = harness.active().remove(0);
    assert_eq!(harness.ask(&Request::Revoke(revoke(&leaked))).await, Outcome::Done);
    assert_eq!(harness.active(), [harness.current().unwrap()]);
    let nobody = UserName::parse("cj").unwrap();
    let missing =
        settings().find_named(&harness.account, &homes(), &nobody).await.unwrap().unwrap_err();
    assert!(missing.to_string().contains("did you mean ci?"), "{missing}");
}

#[tokio::test]
async fn a_listing_that_lags_does_not_block_a_user_that_was_just_resolved() {
    let harness = Harness::new(2);
    let keys = harness.active();
    harness.account.advance(30 * DAY);
    harness.account.change(|world| world.rules.listing_lag = 5 * MINUTE);
    let request = Request::Revoke(Revocation { only_if_unused: true, ..revoke(&keys[0]) });
    let outcome = harness.ask(&request).await;
    assert!(
        matches!(&outcome, Outcome::Failed(failure) if failure.error.kind == ErrorKind::NoEffect),
        "{outcome:?}"
    );
    let seen = harness.look().await;
    assert_eq!(seen.keys[0].status, KeyStatus::Active, "the listing lags");
    assert!(!matches!(seen.outcome, Outcome::Blocked(_)), "{:?}", seen.outcome);
    harness.account.advance(5 * MINUTE);
    assert_eq!(harness.ask(&request).await, Outcome::Done, "to ask again is enough");
    harness.settles().await;
}
