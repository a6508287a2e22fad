//! Problems that keyrot can't fix: a machine's clock that is wrong or jumps, and an STS that cannot
//! be asked. Neither takes a key away.

use crate::support::{DAY, HOUR, Life, MINUTE, Start};
use async_trait::async_trait;
use chrono::TimeDelta;
use futures_util::FutureExt;
use keyrot_core::memory::{Fault, FaultAt, Label, MemoryAccount, Rules, Value, World};
use keyrot_core::model::VersionId;
use keyrot_core::requests::{ReplaceError, replace_own};
use keyrot_core::{
    Cancel, Clock, EventKind, KeyId, KeyStatus, Limits, Mode, Outcome, Ports, Request, Revocation,
    Rotator, Timestamp, UserResult,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The account's time, until this machine's clock is set: from then on it is this far ahead.
struct Off {
    account: MemoryAccount,
    ahead: TimeDelta,
    /// How often it was read, and at which reading it jumps.
    readings: AtomicUsize,
    jumps_at: usize,
}

#[async_trait]
impl Clock for Off {
    fn now(&self) -> Timestamp {
        let jumped = self.readings.fetch_add(1, Ordering::Relaxed) >= self.jumps_at;
        self.account.now() + if jumped { self.ahead } else { TimeDelta::zero() }
    }

    fn aws_now(&self) -> Option<Timestamp> {
        Some(self.account.now())
    }

    async fn sleep(&self, time: Duration) {
        self.account.sleep(time).await;
    }

    async fn time_limit(&self, time: Duration) {
        self.account.time_limit(time).await;
    }
}

fn ports(account: &MemoryAccount, ahead: TimeDelta, jumps_at: usize) -> Ports {
    let clock = Off { account: account.clone(), ahead, readings: AtomicUsize::new(0), jumps_at };
    Ports { clock: Arc::new(clock), ..Ports::of(account.clone()) }
}

/// Returns a user with a key and a keyrot secret, this many days after the first rotation.
fn rotated(days: u32) -> Life {
    let life = Life::new(Start::OneKey, Life::usual_rules());
    let standing = life.run_plain();
    assert!(matches!(standing.outcome, Outcome::Waiting(_)), "{standing:#?}");
    life.account.advance(DAY * days);
    life
}

fn keys(life: &Life) -> Vec<(KeyId, KeyStatus)> {
    let world = life.account.world();
    world
        .user(&life.user)
        .unwrap()
        .keys()
        .iter()
        .map(|k| (k.listed.id.clone(), k.listed.status.clone()))
        .collect()
}

fn current(life: &Life) -> Option<KeyId> {
    let world = life.account.world();
    let secret = world.secret(&life.secret)?;
    Some(secret.value(secret.labelled(Label::Current)?).and_then(Value::read)?.key)
}

/// Returns the message of a run that failed.
fn why(standing: &UserResult) -> String {
    let outcome = match &standing.outcome {
        Outcome::Revoked { rest, .. } => rest.as_ref(),
        outcome => outcome,
    };
    match outcome {
        Outcome::Failed(failure) => failure.to_string(),
        other => panic!("{other:?} is no failure"),
    }
}

fn changes(account: &MemoryAccount) -> usize {
    let reads = [
        "users",
        "list_keys",
        "last_use",
        "describe",
        "inspect_version",
        "versions",
        "read",
        "probe",
    ];
    account.calls().iter().filter(|(call, _)| !reads.contains(&&***call)).map(|(_, n)| *n).sum()
}

#[test]
fn with_a_wrong_clock_nothing_is_changed_and_the_difference_is_named() {
    for (ahead, says) in [
        (TimeDelta::days(8), "8d ahead of AWS's"),
        (TimeDelta::days(-8), "8d behind AWS's"),
        (TimeDelta::seconds(301), "5m 1s ahead of AWS's"),
        (TimeDelta::seconds(-301), "5m 1s behind AWS's"),
    ] {
        // After one day, nothing may happen to the old key. By a clock that is eight days ahead, it
        // could be retired.
        for life in [
            rotated(1),
            Life::new(Start::OneKey, Life::usual_rules()),
            Life::new(Start::NoKey, Life::usual_rules()),
        ] {
            let (before, made) = (keys(&life), changes(&life.account));
            let standing = life.run(&ports(&life.account, ahead, 0)).unwrap();
            assert!(why(&standing).contains(says), "{}", why(&standing));
            assert!(why(&standing).contains("Set the clock, then run again"));
            assert!(
                matches!(standing.events.last().unwrap().kind, EventKind::Failed(_)),
                "people are notified"
            );
            assert_eq!((keys(&life), changes(&life.account)), (before, made), "{ahead}");
        }
    }
}

#[test]
fn a_difference_of_five_minutes_does_not_stop_a_run() {
    for seconds in [300, -300] {
        let life = rotated(46);
        let standing = life.run(&ports(&life.account, TimeDelta::seconds(seconds), 0)).unwrap();
        assert!(matches!(standing.outcome, Outcome::Waiting(_)), "{standing:#?}");
        assert_eq!(keys(&life)[0].1, KeyStatus::Inactive);
    }
}

#[test]
fn with_a_wrong_clock_there_is_no_plan() {
    let life = rotated(1);
    let rotator = Rotator::new(ports(&life.account, TimeDelta::days(8), 0));
    let (limits, cancel) = (Limits::default(), Cancel::default());
    let report = rotator
        .run(vec![life.chosen()], Mode::Plan, &limits, &cancel, &|_| {})
        .now_or_never()
        .unwrap();
    assert!(why(&report.users[0]).contains("8d ahead"));
}

#[test]
fn a_clock_that_jumps_at_any_moment_takes_no_key_away() {
    let mut stopped = 0;
    for ahead in [TimeDelta::days(8), TimeDelta::days(30), TimeDelta::days(-400)] {
        for days in [1, 46] {
            for jumps_at in 0..60 {
                let life = rotated(days);
                // The watch knows the promises, and the account's own time.
                let standing = life.run(&ports(&life.account, ahead, jumps_at)).unwrap();
                let early =
                    days == 1 && keys(&life).iter().any(|(_, status)| *status != KeyStatus::Active);
                assert!(
                    !early,
                    "deactivated after a day: {ahead} at reading {jumps_at}: {standing:#?}"
                );
                assert!(
                    life.account.broken().is_empty(),
                    "{ahead} at reading {jumps_at}: {:?}",
                    life.account.broken()
                );
                stopped += usize::from(matches!(standing.outcome, Outcome::Failed(_)));
            }
        }
    }
    assert!(stopped > 30, "{stopped}");
}

/// A run that creates, stages, verifies and publishes, with a clock that jumps at any moment: what
/// it began is finished or undone.
#[test]
fn a_created_key_is_staged_before_the_run_ends() {
    let (mut staged, mut undone) = (0, 0);
    let jumps = [TimeDelta::minutes(10), TimeDelta::days(8)];
    for (ahead, jumps_at) in jumps.into_iter().flat_map(|ahead| (0..60).map(move |n| (ahead, n))) {
        let mut life = Life::new(Start::OneKey, Life::usual_rules());
        let standing = life.run(&ports(&life.account, ahead, jumps_at)).unwrap();
        let made = keys(&life).len() - 1;
        let world = life.account.world();
        let held = world
            .secret(&life.secret)
            .map_or(0, |s| s.versions().filter_map(|(id, _)| s.value(id)?.read()).count());
        assert_eq!(made, held, "reading {jumps_at}: a key that nobody has: {standing:#?}");
        let failed = matches!(&standing.outcome, Outcome::Failed(f) if f.to_string().contains("ahead of AWS's"));
        assert!(
            failed || matches!(standing.outcome, Outcome::Waiting(_)),
            "reading {jumps_at}: {standing:#?}"
        );
        staged += usize::from(made == 1 && failed);
        undone += usize::from(
            standing.events.iter().any(|e| matches!(e.kind, EventKind::OrphanRemoved { .. })),
        );
        assert!(life.account.broken().is_empty(), "reading {jumps_at}");
        // The clock is set right, and the next runs continue.
        let ports = Ports::of(life.account.clone());
        life.account.advance(MINUTE);
        life.settle(&ports, HOUR, 30).unwrap_or_else(|e| panic!("reading {jumps_at}: {e}"));
    }
    assert!(staged > 2 && undone > 0, "{staged}, {undone}");
}

fn revoke(key: &KeyId, without_successor: bool, only_if_unused: bool) -> Request {
    let (reason, delete) = (None, false);
    Request::Revoke(Revocation {
        key: key.clone(),
        reason,
        only_if_unused,
        without_successor,
        delete,
    })
}

#[test]
fn a_revocation_without_a_successor_depends_on_no_clock() {
    let ask = |life: &Life, request: Request| {
        let rotator = Rotator::new(ports(&life.account, TimeDelta::days(-8), 0));
        let (limits, cancel) = (Limits::default(), Cancel::default());
        let report = rotator
            .fulfill(life.chosen(), request, Mode::Act, &limits, &cancel, &|_| {})
            .now_or_never();
        report.unwrap().users.remove(0)
    };
    let life = rotated(1);
    let leaked = current(&life).unwrap();
    let status = |life: &Life| keys(life).into_iter().find(|(id, _)| *id == leaked).unwrap().1;
    for request in [revoke(&leaked, false, false), revoke(&leaked, true, true)] {
        assert!(why(&ask(&life, request)).contains("8d behind"));
        assert_eq!(status(&life), KeyStatus::Active, "a successor and a use depend on the time");
    }
    let standing = ask(&life, revoke(&leaked, true, false));
    assert_eq!(status(&life), KeyStatus::Inactive);
    let said = why(&standing);
    assert!(said.contains("8d behind"), "what is to be noted down waits for a clock: {said}");
    let told: Vec<_> = standing.events.iter().map(|e| &e.kind).collect();
    assert!(
        told.iter().any(|kind| matches!(kind, EventKind::Retired { key, .. } if *key == leaked)),
        "{told:?}"
    );
}

#[test]
fn a_good_key_survives_an_sts_that_is_out_of_reach_for_days() {
    let unreachable = [Fault::LostRequest, Fault::LostReply, Fault::Throttled, Fault::Denied];
    for fault in unreachable {
        let mut life = Life::new(Start::OneKey, Life::usual_rules());
        life.account.inject(FaultAt::every("probe", fault));
        for run in 0..5 {
            let standing = life.run_plain();
            let said = why(&standing);
            assert!(
                said.contains("could not verify AKIA") && said.contains("is not known"),
                "{fault:?}, run {run}: {said}"
            );
            assert_eq!(standing.outcome.verdict(), keyrot_core::report::RunStatus::Failed);
            assert!(standing.events.iter().all(|e| !matches!(
                e.kind,
                EventKind::Abandoned { .. } | EventKind::Blocked { .. }
            )));
            life.account.advance(DAY);
        }
        // Far past `probe_limit`, the same key is still there, staged and Active.
        let made = keys(&life);
        assert_eq!(made.len(), 2, "{fault:?}: {made:?}");
        assert!(made.iter().all(|(_, status)| *status == KeyStatus::Active));
        life.account.heal();
        assert!(matches!(life.run_plain().outcome, Outcome::Waiting(_)));
        assert_eq!(current(&life).as_ref(), Some(&made[1].0), "the very key that was staged");
        let ports = Ports::of(life.account.clone());
        life.settle(&ports, HOUR, 30).unwrap();
    }
}

#[test]
fn a_current_key_is_not_called_broken_if_sts_could_not_be_asked() {
    // The run that published the key died before it recorded that. The next one verifies it before
    // the old key may be retired.
    let life = Life::new(Start::OneKey, Life::usual_rules());
    life.account.inject(FaultAt { after: 1, ..FaultAt::first("write_note", Fault::DeathBefore) });
    assert!(life.run(&Ports::of(life.account.clone())).is_none(), "it died");
    assert!(current(&life).is_some());
    life.account.advance(DAY);
    life.account.inject(FaultAt::every("probe", Fault::LostRequest));
    for _ in 0..3 {
        assert!(why(&life.run_plain()).contains("could not verify AKIA"));
        life.account.advance(DAY);
    }
    life.account.heal();
    assert!(matches!(life.run_plain().outcome, Outcome::Waiting(_)));
}

#[test]
fn a_refusal_among_failures_counts_only_if_it_was_last_and_repeated() {
    // Long past the limit, one STS server that lags refuses once, and then none answers.
    let stage = || {
        let life = Life::new(Start::OneKey, Rules { propagation: DAY * 9, ..Life::usual_rules() });
        life.account.inject(FaultAt::every("probe", Fault::LostRequest));
        let _ = life.run_plain();
        life.account.advance(DAY);
        life.account.heal();
        life
    };
    let abandoned = |life: &Life| {
        let standing = life.run_plain();
        standing.events.iter().any(|e| matches!(e.kind, EventKind::Abandoned { .. }))
    };
    let life = stage();
    life.account.inject(FaultAt { after: 1, ..FaultAt::every("probe", Fault::LostRequest) });
    assert!(!abandoned(&life), "refused once, then silence");
    let life = stage();
    assert!(abandoned(&life), "refused to the end");
}

#[test]
fn a_manual_version_does_not_block_while_sts_cannot_be_asked() {
    let life = rotated(1);
    let mine = current(&life).unwrap();
    life.account.change(|world| {
        let value = Value::credentials(&World::credentials_of(&mine), None);
        let version = VersionId::parse("5f0c0e6e-9a53-4b3e-8f35-1d1c52a7c0de").unwrap();
        world.put_secret_value(&life.secret, &version, value, &[Label::Current]).unwrap();
    });
    life.account.inject(FaultAt::every("probe", Fault::Throttled));
    assert!(why(&life.run_plain()).contains("could not verify"));
}

#[test]
fn with_a_wrong_clock_no_own_key_is_replaced() {
    let life = Life::new(Start::OneKey, Life::usual_rules());
    let ports = ports(&life.account, TimeDelta::days(100), 0);
    let all = (&*ports.iam, &*ports.probe, &*ports.clock);
    let listed = life.account.world().list_keys(&life.user).unwrap();
    let (owner, cancel) = (life.subject().arn, Cancel::default());
    let replaced = replace_own(all, &owner, &listed, &life.policy, &cancel, |_| Ok(()))
        .now_or_never()
        .unwrap();
    let error = replaced.unwrap_err();
    assert!(matches!(&error, ReplaceError::NotMade(_)), "{error}");
    assert!(error.to_string().contains("100d ahead of AWS's; set the clock"), "{error}");
    assert_eq!(keys(&life).len(), 1);
}
