//! A person at work on the same user, between the runs: keyrot breaks no promise, and does not fight.
#![allow(clippy::unwrap_used)]

mod support;

use keyrot_core::memory::{Label, Rules, Value, World};
use keyrot_core::{KeyId, KeyStatus, Ports, VersionId};
use std::time::Duration;
use support::{DAY, Dice, HOUR, Hooked, Life, MINUTE, Pace, Start, Yielding, interleave};

fn labelled(life: &Life, label: Label) -> Option<VersionId> {
    life.account.world().secret(&life.secret).unwrap().labelled(label).cloned()
}

fn status_of(life: &Life, version: &VersionId) -> Option<KeyStatus> {
    let world = life.account.world();
    let key = world.secret(&life.secret).unwrap().value(version).unwrap().read().unwrap().key;
    world.user(&life.user).unwrap().key(&key).map(|k| k.listed.status.clone())
}

/// In the overlap of the second rotation: both keys Active, the old one under AWSPREVIOUS.
fn in_the_second_overlap() -> Life {
    let mut life = Life::new(Start::OneKey, Rules::default());
    let ports = Ports::of(life.account.clone());
    life.settle(&ports, Pace::Eager(HOUR), 24).unwrap();
    life.until_due();
    life.run_plain();
    life
}

/// Moves AWSCURRENT back to AWSPREVIOUS, as the console and the documents on rollback say.
fn roll_back(life: &Life) -> (VersionId, VersionId) {
    let (new, old) = (labelled(life, Label::Current).unwrap(), labelled(life, Label::Previous).unwrap());
    life.account.change(|w| w.move_label(&life.secret, Label::Current, Some(&new), Some(&old))).unwrap();
    (new, old)
}

#[test]
fn a_rollback_by_a_person_is_not_undone() {
    let life = in_the_second_overlap();
    life.account.advance(DAY);
    let (_, old) = roll_back(&life);
    life.account.advance(HOUR);
    let standing = life.run_plain();
    assert_eq!(labelled(&life, Label::Current), Some(old), "{standing:#?}");
    assert_eq!(life.account.broken(), []);
}

#[test]
fn after_a_late_rollback_the_old_key_keeps_its_overlap() {
    let life = in_the_second_overlap();
    life.account.advance(8 * DAY);
    let (_, old) = roll_back(&life);
    life.account.advance(DAY + HOUR);
    let standing = life.run_plain();
    assert_eq!(status_of(&life, &old), Some(KeyStatus::Active), "{standing:#?}");
    assert_eq!(life.account.broken(), []);
}

#[test]
fn the_last_key_is_not_deleted_while_the_placeholder_is_current() {
    let life = Life::new(Start::NoKey, Rules::default());
    life.run_plain();
    let (new, _) = roll_back(&life);
    let key = life.account.world().user(&life.user).unwrap().keys()[0].listed.id.clone();
    life.account.change(|w| w.set_key_status(&life.user, &key, KeyStatus::Inactive)).unwrap();
    for _ in 0..30 {
        life.account.advance(DAY);
        life.run_plain();
        assert_eq!(life.account.broken(), []);
    }
    assert!(status_of(&life, &new).is_some());
}

/// Something that a person does in the console, or a consumer with a key. What no program can notice is left out: a label or a status that is
/// changed and changed back between two runs.
fn meddle(life: &Life, dice: &mut Dice) {
    let (user, secret) = (&life.user, &life.secret);
    let world = life.account.world();
    let keys: Vec<KeyId> = world.user(user).unwrap().keys().iter().map(|k| k.listed.id.clone()).collect();
    let Some(key) = (!keys.is_empty()).then(|| keys[dice.below(keys.len())].clone()) else { return };
    let current = labelled(life, Label::Current);
    let foreign = VersionId::parse(format!("by-hand-{:032}", dice.below(1 << 30))).unwrap();
    let value = Value::credentials(&World::credentials_of(&key), None);
    // Each may be refused, as a person may be.
    life.account.change(|w| match dice.below(9) {
        0 => drop(w.add_key(user)),
        1 => drop(w.set_key_status(user, &key, KeyStatus::Inactive)),
        2 => drop(w.set_key_status(user, &key, KeyStatus::Active)),
        3 => drop(w.delete_key(user, &key)),
        4 => drop(w.authenticate(&World::credentials_of(&key), "s3", "eu-west-1")),
        5 => {
            let versions: Vec<_> = w.secret(secret).unwrap().versions().map(|(id, _)| id.clone()).collect();
            let to = versions[dice.below(versions.len())].clone();
            drop(w.move_label(secret, Label::Current, current.as_ref(), Some(&to)));
        }
        6 => drop(w.put_secret_value(secret, &foreign, value, &[])),
        7 => drop(w.put_secret_value(secret, &foreign, value, &[Label::Pending])),
        _ => {
            let deleted = w.secret(secret).unwrap().deleted.is_none().then(|| w.now());
            w.secret_mut(secret).unwrap().deleted = deleted;
        }
    });
}

#[test]
fn whatever_a_person_does_between_the_runs_keyrot_breaks_no_promise() {
    let mut failures = Vec::new();
    for seed in 0..2_000 {
        let mut dice = Dice::new(seed ^ 0x5eed);
        let start = Start::ALL[dice.below(4)];
        let rules = if dice.below(2) == 0 { Rules::default() } else { Life::usual_rules() };
        let life = Life::new(start, rules);
        let ports = Hooked::ports(&life.account, Yielding);
        for round in 0..25 {
            let both = (0..2).map(|_| Box::pin(life.report(&ports)) as std::pin::Pin<Box<dyn Future<Output = _>>>);
            interleave(both.collect(), &mut dice, |dice| {
                if dice.below(16) == 0 {
                    life.account.advance(Duration::from_secs(dice.below(20) as u64));
                }
            });
            if let Some(broken) = life.account.broken().first() {
                failures.push(format!("seed {seed}, round {round}, {start:?}: {broken}"));
                break;
            }
            life.account.advance([MINUTE, 20 * MINUTE, HOUR, DAY, 8 * DAY][dice.below(5)]);
            // Later than any key could be taken for one that a run made and lost: that risk is known, and in the documents.
            if dice.below(3) == 0 {
                life.account.advance(HOUR);
                meddle(&life, &mut dice);
            }
        }
    }
    assert!(failures.is_empty(), "{} of 2000:\n{}", failures.len(), failures[..failures.len().min(20)].join("\n"));
}
