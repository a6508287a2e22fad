//! An old key that something reactivates whenever keyrot deactivates it: it is kept once, and then
//! left to an operator.

use super::harness::{Harness, back_to, revoke, secret};
use crate::support::{DAY, HOUR};
use keyrot_core::memory::Label;
use keyrot_core::model::Deployer;
use keyrot_core::report::Resolution;
use keyrot_core::{Blocked, EventKind, KeyId, KeyStatus, Mode, Outcome, Request, UserResult};

/// Something reactivates the key each night, and a run follows in the morning.
async fn nights(harness: &Harness, key: &KeyId, nights: usize) -> Vec<UserResult> {
    let mut seen = Vec::new();
    for _ in 0..nights {
        harness.account.advance(DAY);
        harness.consume();
        harness.account.change(|world| {
            world.set_key_status(&harness.user, key, KeyStatus::Active).unwrap();
        });
        harness.account.advance(HOUR);
        seen.push(harness.run().await);
    }
    seen
}

fn deactivations(seen: &[UserResult], key: &KeyId) -> usize {
    let of_key = |event: &keyrot_core::Event| matches!(&event.kind, EventKind::Retired { key: its } if its == key);
    seen.iter().flat_map(|one| &one.events).filter(|event| of_key(event)).count()
}

#[tokio::test]
async fn a_key_that_is_reactivated_each_night_is_deactivated_twice_and_then_left_to_an_operator() {
    let harness = Harness::in_overlap().await;
    let old = harness.labelled(Label::Previous).unwrap();
    harness.account.change(|world| {
        world.tag_secret(&secret(), "aws:cloudformation:stack-name", "iam-users".into()).unwrap();
    });
    let seen = nights(&harness, &old, 90).await;
    assert_eq!(deactivations(&seen, &old), 2, "and not every ninth day");
    let last = seen.last().unwrap();
    let blocked = Blocked::ReactivatedAgain { key: old.clone() };
    assert_eq!(last.outcome, Outcome::Blocked(blocked));
    assert_eq!(last.deployed_by, Some(Deployer::CloudFormation("iam-users".to_owned())));
    assert!(last.hint().contains("the CloudFormation stack iam-users deploys"), "{}", last.hint());
    assert!(harness.active().contains(&old), "it is kept");
    // The offered resolutions end this, once the tool is stopped.
    let choices: Vec<String> =
        Resolution::of(last).iter().map(|one| one.choice.to_string()).collect();
    assert_eq!(choices, [format!("retire:{old}"), format!("revoke:{old}")]);
    assert_eq!(harness.put(&Request::Revoke(revoke(&old)), Mode::Act).await.outcome, Outcome::Done);
    assert!(!harness.active().contains(&old));
    harness.settles().await;
}

#[tokio::test]
async fn a_key_that_was_reactivated_once_is_kept_and_later_retired() {
    let harness = Harness::in_overlap().await;
    let old = harness.labelled(Label::Previous).unwrap();
    while harness.active().len() == 2 {
        harness.account.advance(DAY);
        harness.consume();
        harness.run().await;
    }
    let seen = nights(&harness, &old, 1).await;
    assert!(
        seen[0].events.iter().any(|event| matches!(event.kind, EventKind::Reactivated { .. })),
        "{seen:?}"
    );
    harness.settles().await;
}

#[tokio::test]
async fn a_leaked_current_key_is_revoked_although_an_old_one_is_reactivated_again() {
    let harness = Harness::in_overlap().await;
    let (old, leaked) = (harness.labelled(Label::Previous).unwrap(), harness.current().unwrap());
    let seen = nights(&harness, &old, 60).await;
    assert!(matches!(seen[59].outcome, Outcome::Blocked(Blocked::ReactivatedAgain { .. })));
    let request = Request::Revoke(revoke(&leaked));
    for _ in 0..4 {
        if harness.put(&request, Mode::Act).await.outcome == Outcome::Done {
            break;
        }
        harness.account.advance(HOUR);
    }
    assert!(!harness.active().contains(&leaked), "{:?}", harness.keys());
}

#[tokio::test]
async fn a_key_that_an_operator_made_current_again_starts_over() {
    let harness = Harness::in_overlap().await;
    let old = harness.labelled(Label::Previous).unwrap();
    nights(&harness, &old, 60).await;
    harness.account.advance(HOUR);
    // The key may be about to be retired, and that is stopped first.
    for _ in 0..2 {
        drop(harness.put(&back_to(&old), Mode::Act).await);
        harness.account.advance(HOUR);
    }
    assert_eq!(harness.current(), Some(old));
    let outcome = harness.run().await.outcome;
    assert!(matches!(&outcome, Outcome::Blocked(Blocked::RolledBack { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_revocation_that_died_is_finished_although_another_key_was_reactivated_twice() {
    let harness = Harness::in_overlap().await;
    let (old, leaked) = (harness.labelled(Label::Previous).unwrap(), harness.current().unwrap());
    nights(&harness, &old, 60).await;
    let blocked = Outcome::Blocked(Blocked::ReactivatedAgain { key: old });
    assert_eq!(harness.look().await.outcome, blocked);
    let revoked = format!("revoked {leaked} {}", harness.account.world().now().to_rfc3339());
    harness.account.change(|world| {
        world.tag_secret(&secret(), "keyrot:revoked", revoked).unwrap();
    });
    harness.account.advance(HOUR);
    assert_ne!(harness.look().await.outcome, blocked, "the leaked key comes first");
}
