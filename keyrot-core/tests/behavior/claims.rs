//! Tests that forged claims can't affect a key in use, even while IAM does not show the use yet.

use crate::support::{HOUR, Life, MINUTE, Start};
use futures_util::FutureExt as _;
use keyrot_core::memory::{Label, Rules, Value, World};
use keyrot_core::model::{Content, HOME_TAG, Owner, VersionId};
use keyrot_core::{
    Blocked, Cancel, Clock as _, KeyId, KeyStatus, Limits, Mode, Outcome, Ports, Request, Rotator,
};

/// IAM shows a use four hours late.
fn at_rest() -> Life {
    let mut life = Life::new(Start::OneKey, Rules { use_lag: HOUR * 4, ..Rules::default() });
    let ports = Ports::of(life.account.clone());
    life.settle(&ports, HOUR, 24).unwrap();
    life
}

fn current(life: &Life) -> KeyId {
    let world = life.account.world();
    let version = world.secret(&life.secret).unwrap().labelled(Label::Current).unwrap().clone();
    Content::of(&version).key().unwrap().clone()
}

fn is_active(life: &Life, key: &KeyId) -> bool {
    let world = life.account.world();
    let keys = world.user(&life.user).unwrap().keys();
    keys.iter().any(|k| k.listed.id == *key && k.listed.status == KeyStatus::Active)
}

#[test]
fn a_forged_revocation_of_a_young_key_that_is_used_does_not_take_it_away() {
    let life = at_rest();
    life.until_due();
    life.run_plain();
    let new = current(&life);
    life.account.advance(MINUTE * 30);
    let credentials = World::credentials_of(&new);
    let at = life.account.now().format("%Y-%m-%dT%H:%M:%SZ");
    life.account
        .change(|w| w.tag_secret(&life.secret, "keyrot:revoked", format!("revoked {new} {at}")))
        .unwrap();
    for _ in 0..150 {
        life.account.change(|w| w.authenticate(&credentials, "s3", "us-east-1"));
        life.run_plain();
        assert!(is_active(&life, &new), "{} was in use minutes ago", life.account.now());
        life.account.advance(MINUTE * 10);
    }
}

/// keyrot verifies the current key then, and only keyrot has used it.
#[test]
fn after_the_secrets_tags_are_removed_keyrot_does_not_count_as_a_consumer() {
    for enrolled in [false, true] {
        let life = at_rest();
        let old = current(&life);
        let credentials = World::credentials_of(&old);
        life.until_due();
        life.account.change(|w| w.authenticate(&credentials, "s3", "us-east-1"));
        life.run_plain();
        let new = World::credentials_of(&current(&life));
        assert_ne!(new.key, old);
        for day in 0..30 {
            life.account.advance(HOUR * 24);
            if day == 3 {
                life.account.change(|w| w.untag_secret(&life.secret, Owner::TAG)).unwrap();
                life.account.change(|w| w.untag_user(&life.user, HOME_TAG).map(drop)).unwrap();
                if enrolled {
                    assert_eq!(binds(&life), Outcome::Done);
                }
            }
            let outcome = life.run_plain().outcome;
            assert!(is_active(&life, &old), "day {day}: {outcome:?}");
            assert!(life.account.broken().is_empty());
        }
        life.account.change(|w| w.authenticate(&new, "sts", "us-east-1"));
        life.account.advance(HOUR * 24);
        life.run_plain();
        assert!(!is_active(&life, &old), "a consumer may call STS alone");
    }
}

/// The request of `enroll`.
fn binds(life: &Life) -> Outcome {
    let rotator = Rotator::new(Ports::of(life.account.clone()));
    let (limits, cancel) = (Limits::default(), Cancel::default());
    rotator
        .fulfill(life.chosen(), Request::Bind, Mode::Act, &limits, &cancel, &|_| {})
        .now_or_never()
        .unwrap()
        .users
        .remove(0)
        .outcome
}

/// A job that uses the key from Monday to Friday, and an attacker who writes the entry on a
/// Saturday.
#[test]
fn a_forged_revocation_does_not_take_a_key_away_between_two_uses() {
    for word in ["revoked", "revoked-if-unused"] {
        let life = at_rest();
        let old = current(&life);
        let credentials = World::credentials_of(&old);
        life.account.advance(HOUR * 24 * 10);
        life.account.change(|w| w.authenticate(&credentials, "s3", "us-east-1"));
        life.account.advance(HOUR * 26);
        let at = life.account.now().format("%Y-%m-%dT%H:%M:%SZ");
        let forged = format!("{word} {old} {at}");
        life.account.change(|w| w.tag_secret(&life.secret, "keyrot:revoked", forged)).unwrap();
        let mut loud = 0;
        for hour in 0..60 {
            let outcome = life.run_plain().outcome;
            loud +=
                usize::from(matches!(outcome, Outcome::Blocked(Blocked::RevokedKeyInUse { .. })));
            assert!(is_active(&life, &old), "hour {hour}, {word}: {outcome:?}");
            life.account.advance(HOUR);
        }
        assert_ne!(current(&life), old, "a successor costs nothing");
        assert!(loud > 50, "{loud}, {word}");
        // Monday. One consumer moves, and another does not.
        let new = World::credentials_of(&current(&life));
        for day in 0..20 {
            life.account.change(|w| w.authenticate(&credentials, "s3", "us-east-1"));
            life.account.change(|w| w.authenticate(&new, "s3", "us-east-1"));
            life.account.advance(HOUR * if day % 5 == 4 { 72 } else { 24 });
            let outcome = life.run_plain().outcome;
            assert!(is_active(&life, &old), "day {day}, {word}: {outcome:?}");
        }
    }
}

#[test]
fn no_entry_turns_a_key_younger_than_the_current_one_into_an_old_key() {
    for forged in ["promoted", "intent"] {
        let life = at_rest();
        let now = || life.account.now().format("%Y-%m-%dT%H:%M:%SZ").to_string();
        // A person's own key, which a job uses each month.
        life.account.advance(HOUR * 24 * 10);
        let own = life.account.change(|w| w.add_key(&life.user).unwrap()).credentials;
        life.account.advance(HOUR * 24);
        life.account.change(|w| w.authenticate(&own, "s3", "us-east-1"));
        life.account.advance(HOUR);
        let version = life
            .account
            .world()
            .secret(&life.secret)
            .unwrap()
            .labelled(Label::Current)
            .unwrap()
            .clone();
        let (tag, text) = match forged {
            "promoted" => {
                ("keyrot:promoted", format!("promoted {version} replacing {} {}", own.key, now()))
            }
            _ => ("keyrot:intent", format!("intent {} {}", own.key, now())),
        };
        life.account.change(|w| w.tag_secret(&life.secret, tag, text)).unwrap();
        let current = World::credentials_of(&current(&life));
        for _ in 0..29 {
            life.account.advance(HOUR * 24);
            life.account.change(|w| w.authenticate(&current, "s3", "us-east-1"));
            life.run_plain();
            assert!(is_active(&life, &own.key), "{forged}, {}", life.account.now());
        }
    }
}

#[test]
fn a_claim_that_the_run_overwrites_is_still_reported() {
    let life = at_rest();
    let version = life
        .account
        .world()
        .secret(&life.secret)
        .unwrap()
        .labelled(Label::Current)
        .unwrap()
        .clone();
    let forged = format!("promoted {version} replacing none 9999-01-01T00:00:00Z");
    life.account.change(|w| w.tag_secret(&life.secret, "keyrot:promoted", forged)).unwrap();
    let told = |driven: &keyrot_core::UserResult| {
        let doubted =
            |event: &&keyrot_core::Event| matches!(event.kind, keyrot_core::EventKind::Doubted(_));
        driven.events.iter().filter(doubted).count()
    };
    assert_eq!(told(&life.run_plain()), 1, "it is ignored, and written again");
    assert_eq!(told(&life.run_plain()), 0);
}

#[test]
fn a_forged_version_and_an_abandonment_do_not_take_a_young_key_away() {
    let life = at_rest();
    let new = life.account.change(|w| w.add_key(&life.user).unwrap());
    let key = new.credentials.key.clone();
    life.account.advance(MINUTE * 5);
    let version =
        VersionId::parse(format!("keyrot-key-{key}-{}", new.created.timestamp())).unwrap();
    life.account.change(|w| {
        w.put_secret_value(&life.secret, &version, Value::text("{}"), &[Label::Pending]).unwrap();
        w.move_label(&life.secret, Label::Pending, Some(&version), None).unwrap();
        let at = new.created.format("%Y-%m-%dT%H:%M:%S%.3fZ");
        w.tag_secret(&life.secret, "keyrot:retired", format!("abandoned {key} {at}")).unwrap();
    });
    for _ in 0..150 {
        life.account.change(|w| w.authenticate(&new.credentials, "s3", "us-east-1"));
        life.run_plain();
        assert!(is_active(&life, &key), "{} was in use minutes ago", life.account.now());
        life.account.advance(MINUTE * 15);
    }
}
