//! A wait that was set when a key was replaced still applies after a shorter one is set.

use crate::support::{DAY, HOUR};
use keyrot_core::memory::{Label, MemoryAccount, World};
use keyrot_core::model::{JournalEntry, Phase, Promoted, Retired};
use keyrot_core::settings::{Settings, Sources};
use keyrot_core::{
    Blocked, Cancel, Homes, KeyId, KeyStatus, Limits, Mode, Outcome, Ports, Rotator, SecretName,
    Timestamp, UserName, WaitPolicy, Waits, Why,
};
use std::time::Duration;

struct Harness {
    account: MemoryAccount,
    user: UserName,
}

fn policy(overlap: Duration, soak: Duration) -> WaitPolicy {
    let mut waits = Waits::default();
    (waits.overlap, waits.soak) = (overlap, soak);
    WaitPolicy::new(waits, false).unwrap()
}

fn secret() -> SecretName {
    SecretName::parse("/iam/ci/access_key").unwrap()
}

impl Harness {
    /// Returns a user whose key was just rotated under these waits; a consumer moved to the new
    /// key.
    async fn rotated(policy: WaitPolicy) -> Self {
        let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
        let user = world.add_user("ci", &[("RotateKey", "True")]).unwrap();
        let harness = Self { account: MemoryAccount::new(world), user };
        harness.run(policy).await;
        harness.account.advance(90 * DAY);
        harness.run(policy).await;
        assert_eq!(harness.statuses(), [KeyStatus::Active, KeyStatus::Active]);
        harness.account.advance(HOUR);
        harness.consume();
        harness
    }

    async fn run(&self, policy: WaitPolicy) -> Outcome {
        let settings = Settings::load(&Sources::default()).unwrap();
        let homes = Homes::in_region("us-east-1");
        let mut target =
            settings.find_named(&self.account, &homes, &self.user).await.unwrap().unwrap();
        target.policy = Ok(policy);
        let (limits, cancel) = (Limits::default(), Cancel::default());
        let rotator = Rotator::new(Ports::of(self.account.clone()));
        let report = rotator.run(vec![target], Mode::Act, &limits, &cancel, &|_| {}).await;
        report.users.into_iter().next().unwrap().outcome
    }

    fn current(&self) -> KeyId {
        let world = self.account.world();
        let secret = world.secret(&secret()).unwrap();
        secret.value(secret.labelled(Label::Current).unwrap()).unwrap().read().unwrap().key
    }

    fn consume(&self) {
        let current = World::credentials_of(&self.current());
        self.account.change(|world| drop(world.authenticate(&current, "s3", "eu-west-1")));
    }

    fn statuses(&self) -> Vec<KeyStatus> {
        let world = self.account.world();
        world.user(&self.user).unwrap().keys().iter().map(|k| k.listed.status.clone()).collect()
    }

    fn entries(&self) -> Vec<JournalEntry> {
        let world = self.account.world();
        let tags = world.secret(&secret()).unwrap().tags.clone();
        tags.values().filter_map(|text| JournalEntry::parse(text)).collect()
    }

    fn promoted(&self) -> Promoted {
        let found = self.entries().into_iter().find_map(|entry| match entry {
            JournalEntry::Promoted(promoted) => Some(promoted),
            _ => None,
        });
        found.unwrap()
    }

    fn write(&self, note: &JournalEntry) {
        self.account
            .change(|world| world.tag_secret(&secret(), &note.tag(), note.to_text()).unwrap());
    }

    /// Makes a run each day under these waits until the older key has this status. Returns how long
    /// after this time that was.
    async fn days_until(
        &self,
        policy: WaitPolicy,
        since: Timestamp,
        statuses: &[KeyStatus],
    ) -> i64 {
        for _ in 0..60 {
            if self.statuses() == statuses {
                return (self.account.world().now() - since).num_days();
            }
            self.account.advance(DAY);
            self.consume();
            self.run(policy).await;
        }
        panic!("never: {:?}", self.run(policy).await);
    }
}

#[tokio::test]
async fn a_shorter_overlap_applies_to_the_next_rotation() {
    let (long, short) = (policy(14 * DAY, 7 * DAY), policy(7 * DAY, 7 * DAY));
    let harness = Harness::rotated(long).await;
    let promoted = harness.promoted();
    assert_eq!(promoted.overlap, Some(14 * DAY));
    harness.account.advance(10 * DAY);
    let outcome = harness.run(short).await;
    let until = promoted.at + 14 * DAY;
    assert!(
        matches!(&outcome, Outcome::Waiting(wait)
            if matches!(wait.why, Why::Overlap(_)) && wait.until == Some(until)),
        "{outcome:?}"
    );
    let gone = [KeyStatus::Inactive, KeyStatus::Active];
    assert_eq!(harness.days_until(short, promoted.at, &gone).await, 14);
    harness.days_until(short, promoted.at, &[KeyStatus::Active]).await;
    // The next rotation.
    harness.account.advance(90 * DAY);
    harness.run(short).await;
    let next = harness.promoted();
    harness.account.advance(HOUR);
    assert_eq!((next.overlap, harness.days_until(short, next.at, &gone).await), (Some(7 * DAY), 7));
}

#[tokio::test]
async fn a_longer_overlap_applies_immediately_and_no_entry_shortens_one() {
    let (short, long) = (policy(7 * DAY, 7 * DAY), policy(14 * DAY, 7 * DAY));
    let gone = [KeyStatus::Inactive, KeyStatus::Active];
    for forged in [None, Some(Duration::from_millis(1))] {
        let harness = Harness::rotated(short).await;
        let promoted = Promoted { overlap: forged, ..harness.promoted() };
        harness.write(&JournalEntry::Promoted(promoted.clone()));
        assert_eq!(harness.days_until(long, promoted.at, &gone).await, 14, "{forged:?}");
    }
}

#[tokio::test]
async fn a_shorter_soak_applies_to_keys_that_are_deactivated_later() {
    let (long, short) = (policy(7 * DAY, 20 * DAY), policy(7 * DAY, DAY));
    let (gone, deleted) = ([KeyStatus::Inactive, KeyStatus::Active], [KeyStatus::Active]);
    for (noted, forged, days) in
        [(true, None, 20), (false, None, 1), (false, Some(Duration::from_millis(1)), 1)]
    {
        let harness = Harness::rotated(long).await;
        harness.days_until(long, harness.promoted().at, &gone).await;
        let mut inactive = harness
            .entries()
            .into_iter()
            .find_map(|entry| match entry {
                JournalEntry::Retired(retired) if retired.phase == Phase::Inactive => Some(retired),
                _ => None,
            })
            .unwrap();
        assert_eq!(inactive.soak, Some(20 * DAY));
        if !noted {
            inactive.soak = forged;
            harness.write(&JournalEntry::Retired(inactive.clone()));
        }
        assert_eq!(harness.days_until(short, inactive.at, &deleted).await, days, "{forged:?}");
    }
}

/// A soak that was set when a key was deactivated does not make the current key overdue. A forged
/// one delays that by at most `max_age`.
#[tokio::test]
async fn a_recorded_soak_that_runs_is_not_overdue() {
    let long = policy(7 * DAY, 30 * DAY);
    let short = policy(7 * DAY, DAY);
    for (recorded, day, overdue) in
        [(30 * DAY, 20, false), (DAY, 20, true), (3000 * DAY, 20, false), (3000 * DAY, 110, true)]
    {
        let harness = Harness::rotated(long).await;
        let stray = {
            let gone = [KeyStatus::Active];
            harness.days_until(long, harness.promoted().at, &gone).await;
            harness.account.advance(45 * DAY);
            let mut stray = None;
            harness.account.change(|world| {
                let key = world.add_key(&harness.user).unwrap().credentials.key;
                world.set_key_status(&harness.user, &key, KeyStatus::Inactive).unwrap();
                stray = Some(key);
            });
            stray.unwrap()
        };
        // This is a lost key that was deactivated a minute later.
        let note = Retired {
            key: stray,
            phase: Phase::Inactive,
            at: harness.account.world().now(),
            soak: Some(recorded),
            reactivated: false,
        };
        // The runs have ended: the current key is past its deadline by now.
        harness.account.advance(day * DAY);
        if recorded > 30 * DAY || overdue {
            // The entry is written again each day.
            harness.write(&JournalEntry::Retired(Retired {
                at: harness.account.world().now(),
                ..note
            }));
        } else {
            harness.write(&JournalEntry::Retired(note));
        }
        let outcome = harness.run(short).await;
        assert_eq!(
            matches!(outcome, Outcome::Blocked(Blocked::Overdue { .. })),
            overdue,
            "{recorded:?}, day {day}: {outcome:?}"
        );
        assert!(
            overdue
                || matches!(&outcome, Outcome::Waiting(wait) if matches!(wait.why, Why::Soak(_))),
            "{recorded:?}, day {day}: {outcome:?}"
        );
    }
}
