//! `max_age` is a deadline: if consumers move, keyrot's own audit never finds an old key, whenever
//! runs come. A consumer that does not move is not cut off.

use crate::support::{DAY, Dice, HOUR, MINUTE};
use futures_util::FutureExt;
use keyrot_core::audit::{AuditPolicy, FindingKind, audit, survey};
use keyrot_core::memory::{Fault, FaultAt, Label, MemoryAccount, Rules, Value, World};
use keyrot_core::model::{ProbeAnswer, after};
use keyrot_core::{
    Cancel, Credentials, Event, EventKind, Homes, KeyId, KeyStatus, Limits, Mode, Outcome, Ports,
    Rotator, SecretName, Selection, Timestamp, UserName, WaitPolicy, Waits, Why, select,
};
use proptest::prelude::*;
use std::time::Duration;

/// How one consumer uses the key.
#[derive(Debug, Clone, Copy)]
struct Rhythm {
    /// The time from one use to the next.
    every: Duration,
    /// How long it keeps what it read from the secret; `None` if it never reads it.
    cache: Option<Duration>,
    service: &'static str,
}

struct Consumer {
    rhythm: Rhythm,
    next: Timestamp,
    has: Option<(KeyId, Timestamp)>,
}

struct Scene {
    account: MemoryAccount,
    rotator: Rotator,
    user: UserName,
    secret: SecretName,
    waits: Waits,
    consumers: Vec<Consumer>,
    held: Vec<Why>,
    /// The greatest age of an Active key so far.
    oldest: Duration,
}

fn reads(every: Duration, cache: Duration) -> Rhythm {
    Rhythm { every, cache: Some(cache), service: "s3" }
}

fn never_reads(every: Duration) -> Rhythm {
    Rhythm { every, cache: None, service: "s3" }
}

impl Scene {
    fn new(waits: Waits, rhythms: &[Rhythm], seed: u64) -> Self {
        let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
        world.rules = Rules {
            listing_lag: Duration::from_secs(15),
            propagation: Duration::from_secs(7),
            use_lag: 4 * HOUR,
            call_time: Duration::from_millis(130),
            ..Rules::default()
        };
        let user = world.add_user("ci", &[("RotateKey", "True")]).unwrap();
        let key = world.add_key(&user).unwrap().credentials.key;
        world.advance(HOUR);
        world.authenticate(&World::credentials_of(&key), "s3", "eu-west-1");
        world.advance(HOUR);
        let account = MemoryAccount::new(world);
        let secret: SecretName = "/iam/ci/access_key".parse().unwrap();
        let policy = WaitPolicy::new(waits, false).unwrap();
        account.watch(&user, &secret, &policy);
        let mut dice = Dice::new(seed);
        let now = account.world().now();
        let minutes = |time: Duration| usize::try_from(time.as_secs() / 60).unwrap();
        let consumers = rhythms.iter().map(|rhythm| Consumer {
            rhythm: *rhythm,
            next: after(now, MINUTE * u32::try_from(dice.below(minutes(rhythm.every))).unwrap()),
            has: Some((key.clone(), now)),
        });
        let consumers = consumers.collect();
        let rotator = Rotator::new(Ports::of(account.clone()));
        Self {
            account,
            rotator,
            user,
            secret,
            waits,
            consumers,
            held: Vec::new(),
            oldest: Duration::ZERO,
        }
    }

    fn published(&self) -> Option<KeyId> {
        let world = self.account.world();
        let secret = world.secret(&self.secret)?;
        secret.value(secret.labelled(Label::Current)?).and_then(Value::read).map(|found| found.key)
    }

    /// Makes all the consumers' calls until then. Each has to be accepted.
    fn consume_until(&mut self, end: Timestamp) {
        while let Some(at) = (0..self.consumers.len()).min_by_key(|n| self.consumers[*n].next) {
            let (rhythm, next) = (self.consumers[at].rhythm, self.consumers[at].next);
            if end <= next {
                break;
            }
            self.advance_to(next);
            let (key, read) = self.consumers[at].has.clone().unwrap();
            let stale = rhythm.cache.is_some_and(|cache| after(read, cache) <= next);
            let key = self
                .published()
                .filter(|_| stale)
                .inspect(|new| self.consumers[at].has = Some((new.clone(), next)))
                .unwrap_or(key);
            let credentials: Credentials = World::credentials_of(&key);
            let answer = self
                .account
                .change(|world| world.authenticate(&credentials, rhythm.service, "eu-west-1"));
            assert!(
                matches!(answer, ProbeAnswer::Authenticated(_)),
                "{rhythm:?} with {key} at {next}: {answer:?}"
            );
            self.consumers[at].next = after(next, rhythm.every);
        }
        self.advance_to(end);
    }

    fn advance_to(&self, then: Timestamp) {
        self.account.advance((then - self.account.world().now()).to_std().unwrap_or_default());
    }

    fn run(&mut self) -> Outcome {
        let users = self.account.world().list_users("/");
        let selected = select(
            &users,
            &Selection::default(),
            &Homes::in_region("us-east-1"),
            &WaitPolicy::new(self.waits, false).unwrap(),
        );
        let work = async {
            self.rotator
                .run(selected.chosen, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {})
                .await
        };
        let mut report = work.now_or_never().unwrap();
        assert_eq!(self.account.broken(), []);
        let one = report.users.remove(0);
        let held = |event: &Event| {
            if let EventKind::Held(wait) = &event.kind { Some(wait.why.clone()) } else { None }
        };
        self.held.extend(one.events.iter().filter_map(held));
        one.outcome
    }

    /// Makes runs this far apart, give or take some minutes, for this many days. Each day ends with
    /// an audit.
    fn live(&mut self, every: Duration, days: u32, seed: u64) {
        let start = self.account.world().now();
        let mut dice = Dice::new(seed);
        let mut next = start;
        for day in 1..=days {
            while next <= after(start, DAY * day) {
                self.consume_until(next);
                self.see();
                self.run();
                self.see();
                next = after(
                    start,
                    every
                        * u32::try_from((next - start).num_minutes() / minutes(every) + 1).unwrap(),
                );
                next = after(next, MINUTE * u32::try_from(dice.below(15)).unwrap());
            }
            self.consume_until(after(start, DAY * day));
            self.see();
        }
    }

    fn see(&mut self) {
        let world = self.account.world();
        for key in world
            .user(&self.user)
            .unwrap()
            .keys()
            .iter()
            .filter(|key| key.listed.status == KeyStatus::Active)
        {
            self.oldest = self.oldest.max((world.now() - key.listed.created).to_std().unwrap());
        }
    }

    fn old_keys(&self) -> usize {
        let policy = AuditPolicy {
            policy: WaitPolicy::new(self.waits, false).unwrap(),
            ..AuditPolicy::default()
        };
        let view =
            survey(&self.account, &self.account, true, &|_, _| {}).now_or_never().unwrap().unwrap();
        audit(&view, &policy, self.account.world().now()).count(FindingKind::OldKey)
    }
}

fn minutes(time: Duration) -> i64 {
    i64::try_from(time.as_secs() / 60).unwrap()
}

fn every(run_interval: Duration) -> Waits {
    Waits::default().with_run_interval(run_interval)
}

#[test]
fn no_key_is_older_than_max_age_with_daily_and_with_weekly_runs() {
    for (interval, rhythm) in [
        (DAY, reads(HOUR, HOUR)),
        (DAY, reads(5 * HOUR, 3 * DAY)),
        (DAY, reads(2 * DAY, HOUR)),
        // The consumer assumes a role, and calls nothing else.
        (DAY, Rhythm { service: "sts", ..reads(6 * HOUR, HOUR) }),
        (7 * DAY, reads(HOUR, HOUR)),
        (7 * DAY, reads(5 * HOUR, 3 * DAY)),
        (7 * DAY, reads(DAY, HOUR)),
    ] {
        let mut scene = Scene::new(every(interval), &[rhythm], 7);
        for part in 0..20 {
            scene.live(interval, 10, part);
            assert_eq!(scene.old_keys(), 0, "{interval:?}, {rhythm:?}");
        }
        assert!(scene.oldest <= scene.waits.max_age, "{:?}", scene.oldest);
        assert!(
            scene.oldest > scene.waits.max_age - interval * 4 - 5 * DAY,
            "not much too early: {:?}",
            scene.oldest / 86_400
        );
        assert_eq!(
            scene.held,
            [],
            "{interval:?}, {rhythm:?}: a rotation that goes well is no news"
        );
        assert!(scene.account.calls()["create_key"] >= 3);
    }
}

#[test]
fn a_weekly_schedule_needs_the_setting() {
    let mut scene = Scene::new(every(DAY), &[reads(5 * HOUR, 3 * DAY)], 7);
    scene.live(7 * DAY, 200, 1);
    assert!(
        scene.oldest > scene.waits.max_age,
        "the test above can fail: {:?}",
        scene.oldest / 86_400
    );
}

#[test]
fn a_run_that_fails_at_the_worst_time_is_compensated() {
    for n in 0..40 {
        let mut scene = Scene::new(every(DAY), &[reads(5 * HOUR, 3 * DAY)], n);
        scene.live(DAY, 60 + u32::try_from(n).unwrap(), n);
        // AWS answers nothing for one run.
        scene.account.inject(FaultAt { call: None, after: 0, times: 40, fault: Fault::Throttled });
        scene.run();
        scene.account.heal();
        scene.account.advance(DAY - HOUR);
        scene.live(DAY, 60, n + 1);
        assert!(scene.oldest <= scene.waits.max_age, "{n}: {:?}", scene.oldest);
    }
}

#[test]
fn a_consumer_that_never_moves_is_not_cut_off_whatever_its_rhythm() {
    for seed in 0..12 {
        for rhythm in [
            never_reads(HOUR),
            never_reads(7 * DAY),
            never_reads(30 * DAY),
            reads(7 * DAY, HOUR),
            reads(30 * DAY, HOUR),
        ] {
            let mut scene = Scene::new(Waits::default(), &[rhythm], seed);
            scene.live(DAY, 200, seed);
            let waits_for_it = scene.held.iter().any(|why| {
                matches!(why, Why::NotPickedUp { .. } | Why::UsedLate { .. } | Why::InUse { .. })
            });
            assert!(waits_for_it || rhythm.cache.is_some(), "held and named: {rhythm:?}");
        }
    }
}

#[test]
fn a_weekly_job_with_the_old_key_is_not_cut_off_by_another_consumer_that_moved() {
    for seed in 0..60 {
        let mut scene =
            Scene::new(Waits::default(), &[reads(3 * HOUR, HOUR), never_reads(7 * DAY)], seed);
        scene.live(DAY, 120, seed);
        assert!(
            scene.held.iter().any(|why| matches!(why, Why::UsedLate { .. })),
            "{:?}",
            scene.held
        );
    }
}

#[test]
fn without_any_use_the_old_key_is_kept_for_idle_and_no_longer() {
    let mut scene = Scene::new(Waits::default(), &[], 1);
    let first = scene.account.world().user(&scene.user).unwrap().keys()[0].listed.clone();
    let used = first.created;
    scene.live(DAY, 44, 1);
    let status = |scene: &Scene| {
        scene
            .account
            .world()
            .user(&scene.user)
            .unwrap()
            .key(&first.id)
            .map(|key| key.listed.status.clone())
    };
    assert_eq!(status(&scene), Some(KeyStatus::Active));
    let new = scene.published().unwrap();
    assert!(
        matches!(scene.held.last(), Some(Why::NotPickedUp { key, new: current, .. }) if *key == first.id && *current == new),
        "{:?}",
        scene.held.last()
    );
    scene.consume_until(after(used, 46 * DAY));
    scene.run();
    assert_eq!(status(&scene), Some(KeyStatus::Inactive));
}

#[test]
fn an_unknown_use_is_neither_a_pickup_nor_unused() {
    let mut scene = Scene::new(Waits::default(), &[reads(2 * DAY, HOUR)], 3);
    scene.live(DAY, 8, 1);
    // The old key's last use is known, the new one's is not.
    let asked = scene.account.calls().get("last_use").copied().unwrap_or_default();
    scene.account.inject(FaultAt {
        call: Some("last_use"),
        after: 1,
        times: usize::MAX,
        fault: Fault::Denied,
    });
    scene.account.advance(2 * DAY);
    let outcome = scene.run();
    assert!(
        matches!(&outcome, Outcome::Failed(failure) if failure.doing.contains("last used")),
        "{outcome:?}"
    );
    assert_eq!(scene.account.calls()["last_use"] - asked, 2, "at most one more call for it");
    scene.account.heal();
    scene.run();
    assert_eq!(
        scene.account.calls()["last_use"] - asked,
        6,
        "and again in the fresh read before the deactivation"
    );
    let keys = scene.account.world().user(&scene.user).unwrap().keys().len();
    assert_eq!((keys, scene.account.calls()["deactivate_key"]), (2, 1));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_allowed_waits_meet_the_deadline(
        interval in 1_u32..15, overlap in 1_u32..40, recent_use in 1_u32..3, soak in 1_u32..20, spare in 0_u32..3,
        cached in 1_u32..12, seed in any::<u64>(),
    ) {
        // The shortest max_age that the rule allows.
        let (run_interval, overlap) = (DAY * interval, DAY * overlap / 2);
        let recent_use = HOUR * 12 * recent_use;
        let mut waits = Waits::default()
            .with_run_interval(run_interval)
            .with_overlap(overlap)
            .with_recent_use(recent_use)
            .with_soak(DAY * soak)
            .with_idle(60 * DAY)
            .with_max_age(1000 * DAY);
        let least = (1..1000).map(|days| DAY * days).find(|age| WaitPolicy::new(waits.with_max_age(*age), false).is_ok());
        waits.max_age = least.unwrap() + DAY * spare;
        let cache = overlap / 24 * cached;
        let mut scene = Scene::new(waits, &[reads((recent_use / 3).min(cache), cache.saturating_sub(recent_use / 3).max(MINUTE))], seed);
        scene.live(run_interval, u32::try_from(waits.max_age.as_secs() / 86_400).unwrap() * 4, seed);
        prop_assert!(scene.oldest <= waits.max_age, "{:?} of {waits:?}", scene.oldest);
    }
}
