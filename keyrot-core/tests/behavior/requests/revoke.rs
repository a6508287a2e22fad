//! Revoking a leaked key: the order of steps, refusals, and that repeating it is harmless.

use super::harness::{Harness, back_to, revoke, secret};
use crate::support::{DAY, HOUR, MINUTE};
use keyrot_core::decide::Refusal;
use keyrot_core::machine::PlannedAction;
use keyrot_core::memory::{Fault, FaultAt, Label, World};
use keyrot_core::report::{Choice, Resolution};
use keyrot_core::{Blocked, KeyId, KeyStatus, Outcome, Request, Revocation, Wait, Why};

#[tokio::test]
async fn a_leaked_key_is_replaced_first_and_then_deactivated_immediately() {
    for start in ["no secret yet", "current", "in its overlap"] {
        let harness = match start {
            "no secret yet" => Harness::new(1),
            "current" => Harness::new(0),
            _ => Harness::in_overlap().await,
        };
        if start == "current" {
            harness.run().await;
        }
        let leaked =
            harness.labelled(Label::Previous).unwrap_or_else(|| harness.active().remove(0));
        let request = Request::Revoke(Revocation {
            reason: Some("in a public repository".into()),
            ..revoke(&leaked)
        });
        let intended = harness.intended(&request).await;
        assert_eq!(intended.contains(&PlannedAction::MakeSecret), start == "no secret yet");
        assert_eq!(intended.contains(&PlannedAction::PublishNewKey), start != "in its overlap");
        assert!(
            intended.contains(&PlannedAction::Deactivate(leaked.clone())),
            "{start}: {intended:?}"
        );

        assert_eq!(harness.ask(&request).await, Outcome::Done, "{start}");
        let active = harness.active();
        assert_eq!((active.len(), harness.current()), (1, Some(active[0].clone())), "{start}");
        assert_ne!(active[0], leaked);
        let made = harness.account.calls().get("create_key").copied();
        assert_eq!(harness.ask(&request).await, Outcome::Done, "{start}: to ask again is harmless");
        assert_eq!(harness.account.calls().get("create_key").copied(), made, "{start}");

        let refusal = harness.refused(&back_to(&leaked)).await;
        match start {
            "no secret yet" => assert_eq!(refusal, Refusal::NotBefore { key: leaked.clone() }),
            _ => assert_eq!(refusal, Refusal::WasRevoked { key: leaked.clone() }, "{start}"),
        }
        harness.account.advance(6 * DAY);
        harness.run().await;
        assert_eq!(harness.keys().len(), 2, "{start}: it soaks");
        harness.settles().await;
    }
}

#[tokio::test]
async fn without_room_the_previous_key_replaces_the_leaked_one() {
    let harness = Harness::in_overlap().await;
    let (old, leaked) = (harness.labelled(Label::Previous).unwrap(), harness.current().unwrap());
    let request = Request::Revoke(revoke(&leaked));
    let intended = harness.intended(&request).await;
    let until = harness.account.world().now() + 30 * MINUTE;
    let settling = Wait { why: Why::Settling(leaked.clone()), until: Some(until) };
    assert_eq!(
        intended[..4],
        [
            PlannedAction::Revoke(leaked.clone()),
            PlannedAction::Wait(settling),
            PlannedAction::PublishAgain(old.clone()),
            PlannedAction::Deactivate(leaked.clone())
        ]
    );
    // It was just published: a run that is still under way may publish it again.
    let settling = harness.ask(&request).await;
    assert!(
        matches!(settling, Outcome::Waiting(Wait { why: Why::Settling(_), .. })),
        "{settling:?}"
    );
    harness.account.advance(30 * MINUTE);
    assert_eq!(harness.ask(&request).await, Outcome::Done);
    assert_eq!((harness.current(), harness.active()), (Some(old.clone()), vec![old]));
    harness.settles().await;
}

/// Both keys leaked, minutes after a rotation. The older one goes, and then nothing replaces the
/// newer one for a whole soak: that must not look like a wait.
#[tokio::test]
async fn a_revoked_current_key_that_still_works_is_an_alarm_until_it_is_off() {
    let harness = Harness::in_overlap().await;
    let (old, new) = (harness.labelled(Label::Previous).unwrap(), harness.current().unwrap());
    for key in [&new, &old] {
        harness.ask(&Request::Revoke(revoke(key))).await;
    }
    let look = harness.look().await;
    assert!(matches!(look.outcome, Outcome::Waiting(_)), "{:?}", look.outcome);
    assert!(look.hint().contains("--without-successor"), "{}", look.hint());

    harness.account.advance(35 * MINUTE);
    let works = |outcome: &Outcome| matches!(outcome, Outcome::Blocked(Blocked::RevokedKeyInUse { key, .. }) if *key == new);
    for _ in 0..3 {
        let outcome = harness.run().await.outcome;
        assert!(works(&outcome), "{outcome:?}");
        harness.account.advance(DAY);
    }
    assert_eq!(harness.active(), vec![new.clone()]);
    assert!(works(&harness.look().await.outcome));

    let off = Revocation { without_successor: true, ..revoke(&new) };
    harness.ask(&Request::Revoke(off)).await;
    assert!(harness.active().is_empty());
}

#[tokio::test]
async fn a_revocation_is_refused_before_anything_is_changed() {
    let harness = Harness::new(2);
    let keys = harness.active();
    let no_room = Refusal::NoRoom { key: keys[0].clone(), other: keys[1].clone(), revoked: false };
    assert_eq!(harness.refused(&Request::Revoke(revoke(&keys[0]))).await, no_room);
    let stranger = KeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap();
    let no_such = Refusal::NoSuchKey { key: stranger.clone(), keys: keys.clone() };
    assert_eq!(harness.refused(&Request::Revoke(revoke(&stranger))).await, no_such);
    let which = Refusal::WhichKey { keys: keys.clone() };
    assert_eq!(Request::revoke(&harness.look().await, None), Err(which));

    let credentials = World::credentials_of(&keys[1]);
    harness.account.change(|world| world.authenticate(&credentials, "s3", "eu-west-1"));
    harness.account.advance(HOUR);
    let if_unused =
        |key: &KeyId| Request::Revoke(Revocation { only_if_unused: true, ..revoke(key) });
    let refusal = harness.refused(&if_unused(&keys[1])).await;
    assert!(matches!(&refusal, Refusal::InUse { key, .. } if *key == keys[1]), "{refusal:?}");
    assert!(refusal.hint(&harness.user).unwrap().contains("keyrot who-uses"));

    let adopted = Harness::new(0);
    adopted.run().await;
    adopted.account.advance(30 * DAY);
    let current = adopted.current().unwrap();
    assert_eq!(adopted.refused(&if_unused(&current)).await, Refusal::IsCurrent { key: current });
}

#[tokio::test]
async fn without_a_successor_the_key_is_deactivated_first_and_a_deletion_makes_room() {
    let harness = Harness::new(2);
    let keys = harness.active();
    let order = Revocation { without_successor: true, delete: true, ..revoke(&keys[0]) };
    let intended = harness.intended(&Request::Revoke(order.clone())).await;
    assert_eq!(intended[0], PlannedAction::Deactivate(keys[0].clone()));
    assert!(intended.contains(&PlannedAction::Delete(keys[0].clone())), "{intended:?}");
    let told = harness.told(&Request::Revoke(order)).await;
    let expected = ["retired", "adopted", "revoked", "deleted"];
    assert_eq!(told, expected, "each once, in the order in which it happened");
    assert_eq!(harness.keys(), [(keys[1].clone(), KeyStatus::Active)]);
    // The remaining key is adopted like any other.
    harness.settles().await;
}

#[tokio::test]
async fn a_revocation_that_dies_halfway_is_finished_by_the_next_run() {
    for call in ["create_key", "stage", "probe", "promote", "deactivate_key", "write_note"] {
        let harness = Harness::new(0);
        harness.run().await;
        let leaked = harness.current().unwrap();
        harness.account.advance(DAY);
        // The entry that it is revoked is written first, so it exists.
        let nth = usize::from(call == "write_note");
        let death = FaultAt { after: nth, ..FaultAt::first(call, Fault::DeathAfter) };
        let request = Request::Revoke(revoke(&leaked));
        harness.dies_at(death, &request).await;
        for _ in 0..6 {
            harness.account.advance(HOUR);
            harness.run().await;
        }
        // The key whose creation reply was lost leaves no room for another, and is not mistaken for
        // a successor.
        assert_eq!(harness.active().contains(&leaked), call == "create_key", "{call}");
        assert_eq!(harness.look().await.revoked, [leaked], "{call}");
        harness.settles().await;
    }
}

/// Nothing distinguishes its entry from a forged one: IAM's record of uses decides.
#[tokio::test]
async fn a_revocation_of_a_key_with_consumers_that_dies_is_finished_once_they_moved_or_it_is_repeated()
 {
    for repeated in [false, true] {
        let harness = Harness::new(0);
        harness.run().await;
        let leaked = harness.current().unwrap();
        let uses = |key: &KeyId| {
            let credentials = World::credentials_of(key);
            harness.account.change(|world| world.authenticate(&credentials, "s3", "eu-west-1"));
        };
        harness.account.advance(3 * DAY);
        uses(&leaked);
        harness.account.advance(2 * DAY);
        let death = FaultAt::first("promote", Fault::DeathAfter);
        let request = Request::Revoke(revoke(&leaked));
        harness.dies_at(death, &request).await;
        let successor = harness.current().unwrap();
        assert_ne!(successor, leaked);
        for _ in 0..4 {
            harness.account.advance(DAY);
            let outcome = harness.run().await.outcome;
            let Outcome::Blocked(reason @ Blocked::RevokedKeyInUse { .. }) = &outcome else {
                panic!("{outcome:?}");
            };
            assert!(reason.to_string().contains(leaked.as_str()), "{reason}");
            assert!(harness.active().contains(&leaked));
        }
        if repeated {
            assert_eq!(harness.ask(&request).await, Outcome::Done);
        } else {
            uses(&successor);
            for _ in 0..5 {
                harness.account.advance(DAY);
                harness.run().await;
            }
        }
        assert!(!harness.active().contains(&leaked), "repeated: {repeated}");
        harness.settles().await;
    }
}

#[tokio::test]
async fn a_leaked_key_is_deactivated_immediately_although_it_was_just_published_again() {
    // Rotated and rolled back; then the key that was rolled back to turns out to have leaked.
    let harness = Harness::in_overlap().await;
    let (old, new) = (harness.labelled(Label::Previous).unwrap(), harness.current().unwrap());
    harness.account.advance(HOUR);
    assert_eq!(harness.ask(&back_to(&old)).await, Outcome::Done);
    harness.account.advance(MINUTE);
    assert_eq!(harness.ask(&Request::Revoke(revoke(&old))).await, Outcome::Done);
    assert_eq!((harness.current(), harness.active()), (Some(new.clone()), vec![new]));
    harness.settles().await;

    // The previous key had been kept for another overlap, which was nearly over when it was
    // published again.
    let harness = Harness::in_overlap().await;
    let (old, new) = (harness.labelled(Label::Previous).unwrap(), harness.current().unwrap());
    harness.until_the_old_key_is_off().await;
    assert_eq!(harness.ask(&back_to(&old)).await, Outcome::Done);
    harness.account.advance(HOUR);
    harness.run().await;
    harness.account.advance(20 * DAY);
    assert_eq!(harness.ask(&back_to(&new)).await, Outcome::Done);
    harness.account.advance(HOUR);
    assert_eq!(harness.ask(&Request::Revoke(revoke(&new))).await, Outcome::Done);
    assert_eq!((harness.current(), harness.active()), (Some(old.clone()), vec![old]));
    harness.settles().await;
}

#[tokio::test]
async fn repeating_a_command_without_a_key_never_means_the_successor() {
    let harness = Harness::new(1);
    let leaked = harness.active().remove(0);
    let order = Request::revoke(&harness.look().await, None).unwrap();
    assert_eq!(order, revoke(&leaked));
    assert_eq!(
        harness.ask(&Request::Revoke(Revocation { delete: true, ..order })).await,
        Outcome::Done
    );
    let successor = harness.current().unwrap();
    let which = Request::revoke(&harness.look().await, None).unwrap_err();
    assert_eq!(which, Refusal::WhichKey { keys: vec![successor] });
    assert!(which.to_string().contains("another was revoked before"), "{which}");
}

#[tokio::test]
async fn if_both_keys_leaked_the_refusal_says_how_to_make_room() {
    let harness = Harness::in_overlap().await;
    let (old, new) = (harness.labelled(Label::Previous).unwrap(), harness.current().unwrap());
    harness.account.advance(HOUR);
    assert_eq!(harness.ask(&Request::Revoke(revoke(&old))).await, Outcome::Done);
    let refusal = harness.refused(&Request::Revoke(revoke(&new))).await;
    assert_eq!(refusal, Refusal::NoRoom { key: new.clone(), other: old.clone(), revoked: true });
    let hint = refusal.hint(&harness.user).unwrap();
    assert!(hint.contains(&format!("keyrot revoke ci {old} --delete")), "{hint}");
    assert_eq!(
        harness.ask(&Request::Revoke(Revocation { delete: true, ..revoke(&old) })).await,
        Outcome::Done
    );
    assert_eq!(harness.ask(&Request::Revoke(revoke(&new))).await, Outcome::Done);
    assert!(!harness.active().contains(&new));
    harness.settles().await;
}

#[tokio::test]
async fn the_soak_counts_from_the_last_time_a_key_was_deactivated() {
    // The key was Inactive for six days. It is reactivated, and revoked before any run sees that.
    let harness = Harness::in_overlap().await;
    let old = harness.labelled(Label::Previous).unwrap();
    harness.until_the_old_key_is_off().await;
    harness.account.advance(6 * DAY);
    harness
        .account
        .change(|world| world.set_key_status(&harness.user, &old, KeyStatus::Active).unwrap());
    let order = Revocation { without_successor: true, ..revoke(&old) };
    assert_eq!(harness.ask(&Request::Revoke(order)).await, Outcome::Done);
    for _ in 0..6 {
        harness.account.advance(DAY);
        harness.run().await;
        assert_eq!(harness.keys().len(), 2, "it soaks again");
    }
    harness.settles().await;

    // One of two unknown keys was retired, reactivated, and is retired again, long after.
    let harness = Harness::new(2);
    harness.account.advance(30 * DAY);
    let key = harness.active().remove(0);
    let retire = Request::Revoke(Revocation { only_if_unused: true, ..revoke(&key) });
    assert_eq!(harness.ask(&retire).await, Outcome::Done);
    harness.account.advance(HOUR);
    harness
        .account
        .change(|world| world.set_key_status(&harness.user, &key, KeyStatus::Active).unwrap());
    harness.account.advance(20 * DAY);
    assert_eq!(harness.ask(&retire).await, Outcome::Done);
    harness.run().await;
    assert_eq!(harness.keys().len(), 2, "it soaks");
    harness.settles().await;
}

#[tokio::test]
async fn only_if_unused_also_applies_to_the_run_that_finishes_it() {
    let harness = Harness::in_overlap().await;
    let old = harness.labelled(Label::Previous).unwrap();
    harness.account.advance(2 * DAY);
    let retire = Request::Revoke(Revocation { only_if_unused: true, ..revoke(&old) });
    let death = FaultAt::first("write_note", Fault::DeathAfter);
    harness.dies_at(death, &retire).await;
    let credentials = World::credentials_of(&old);
    harness.account.change(|world| world.authenticate(&credentials, "s3", "eu-west-1"));
    harness.account.advance(HOUR);
    let outcome = harness.run().await.outcome;
    assert!(
        matches!(&outcome, Outcome::Blocked(Blocked::RevokedKeyInUse { key, .. }) if *key == old),
        "{outcome:?}"
    );
    // Repeating the request has the same result. Revoking the key anyway is a different request.
    let outcome = harness.ask(&retire).await;
    assert!(
        matches!(&outcome, Outcome::Waiting(Wait { why: Why::InUse { .. }, .. })),
        "{outcome:?}"
    );
    assert_eq!(harness.active().len(), 2);
    assert_eq!(harness.ask(&Request::Revoke(revoke(&old))).await, Outcome::Done);
    assert!(!harness.active().contains(&old));
    harness.settles().await;
}

#[tokio::test]
async fn a_key_that_is_too_young_for_its_use_to_be_on_record_is_not_unused() {
    let harness = Harness::new(2);
    let key = harness.active().remove(1);
    harness.account.change(|world| world.delete_key(&harness.user, &key).unwrap());
    let young =
        harness.account.change(|world| world.add_key(&harness.user).unwrap().credentials.key);
    harness.account.advance(30 * MINUTE);
    let retire = Request::Revoke(Revocation { only_if_unused: true, ..revoke(&young) });
    let outcome = harness.ask(&retire).await;
    assert!(
        matches!(&outcome, Outcome::Waiting(Wait { why: Why::NoRecord(_), .. })),
        "{outcome:?}"
    );
    assert_eq!(harness.active().len(), 2);
    harness.account.advance(2 * DAY);
    assert_eq!(harness.ask(&retire).await, Outcome::Done);
    assert!(!harness.active().contains(&young));
}

#[tokio::test]
async fn an_empty_secret_does_not_start_a_revocation_that_will_be_refused() {
    let harness = Harness::new(2);
    let owner = harness.chosen().await.subject.owner().to_text();
    harness.account.change(|world| {
        world.create_secret(&secret(), None).unwrap();
        world.tag_secret(&secret(), keyrot_core::model::Owner::TAG, owner).unwrap();
    });
    let keys = harness.active();
    let stranger = KeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap();
    let no_such = Refusal::NoSuchKey { key: stranger.clone(), keys: keys.clone() };
    assert_eq!(harness.refused(&Request::Revoke(revoke(&stranger))).await, no_such);
    let no_room = Refusal::NoRoom { key: keys[0].clone(), other: keys[1].clone(), revoked: false };
    assert_eq!(harness.refused(&Request::Revoke(revoke(&keys[0]))).await, no_room);
}

/// Its consumers are refused meanwhile, and operators should not have to learn that from them.
#[tokio::test]
async fn a_revoked_current_key_that_leaves_no_room_is_an_alarm() {
    for makes_room in [true, false] {
        let harness = Harness::new(1);
        harness.run().await;
        while harness.active().len() == 2 {
            harness.account.advance(DAY);
            harness.consume();
            harness.run().await;
        }
        let revoked = harness.current().unwrap();
        let order = Revocation { without_successor: true, ..revoke(&revoked) };
        assert_eq!(harness.ask(&Request::Revoke(order)).await, Outcome::Done);
        harness.account.advance(HOUR);
        let mut seen = harness.run().await;
        let Outcome::Blocked(Blocked::RevokedKeyCurrent { key, until }) = &seen.outcome else {
            panic!("{:?}", seen.outcome)
        };
        assert_eq!((key, harness.active().len()), (&revoked, 0));
        assert!(*until > harness.account.world().now() + 6 * DAY, "{until}");
        if makes_room {
            let resolution = Resolution::named(&seen, &Choice::MakeRoom).expect("it is offered");
            assert_eq!(harness.ask(&resolution.request).await, Outcome::Done);
            seen = harness.run().await;
        }
        // This is optional: runs continue by themselves.
        for _ in 0..8 {
            if harness.current() != Some(revoked.clone()) {
                break;
            }
            assert!(matches!(seen.outcome, Outcome::Blocked(_)), "{:?}", seen.outcome);
            harness.account.advance(DAY);
            seen = harness.run().await;
        }
        assert_eq!(harness.active(), [harness.current().unwrap()]);
        assert_ne!(harness.current(), Some(revoked));
        harness.settles().await;
    }
}

/// IAM shows a use hours late, so for a young key a missing record says nothing. But a revoked key
/// that works is an alarm, not a wait.
#[tokio::test]
async fn an_interrupted_revocation_of_a_young_key_blocks_until_it_is_repeated() {
    let harness = Harness::new(0);
    harness.run().await;
    let leaked = harness.current().unwrap();
    harness.account.advance(HOUR);
    let death = FaultAt::first("deactivate_key", Fault::DeathBefore);
    harness.dies_at(death, &Request::Revoke(revoke(&leaked))).await;
    harness.account.advance(HOUR);
    for _ in 0..2 {
        let outcome = harness.run().await.outcome;
        assert!(
            matches!(&outcome, Outcome::Blocked(Blocked::RevokedKeyInUse { key, .. }) if *key == leaked),
            "{outcome:?}"
        );
        assert!(harness.active().contains(&leaked));
    }
    assert_eq!(harness.ask(&Request::Revoke(revoke(&leaked))).await, Outcome::Done);
    assert!(!harness.active().contains(&leaked));
    harness.settles().await;
}
