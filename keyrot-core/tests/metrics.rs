//! The metrics and their labels: no label grows with the number of users, and none is secret.
#![allow(clippy::unwrap_used)]

use keyrot_core::engine::metrics as names;
use keyrot_core::memory::{Fault, FaultAt, MemoryAccount, World};
use keyrot_core::{
    Cancel, Homes, Limits, Mode, Ports, Rotator, Selection, Service, WaitPolicy, select,
};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshot};
use std::collections::BTreeMap;

/// Returns the name and labels of each metric with its value; for a histogram, the number of
/// records.
fn seen(snapshot: Snapshot) -> BTreeMap<String, f64> {
    let shown = |value| match value {
        DebugValue::Counter(count) => u32::try_from(count).unwrap().into(),
        DebugValue::Gauge(value) => value.into_inner(),
        DebugValue::Histogram(values) => u32::try_from(values.len()).unwrap().into(),
    };
    let all = snapshot.into_vec().into_iter().map(|(key, _, _, value)| {
        let labels: Vec<String> =
            key.key().labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        (format!("{}{{{}}}", key.key().name(), labels.join(",")), shown(value))
    });
    all.collect()
}

fn account(users: usize) -> MemoryAccount {
    let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
    for n in 0..users {
        let user = world.add_user(&format!("user-{n}"), &[("RotateKey", "True")]).unwrap();
        world.add_key(&user).unwrap();
    }
    world.advance(std::time::Duration::from_secs(86_400));
    MemoryAccount::new(world)
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

fn run(account: &MemoryAccount, mode: Mode) {
    let users = account.world().list_users("/");
    let homes = Homes::in_region("us-east-1");
    let chosen = select(&users, &Selection::default(), &homes, &WaitPolicy::default()).chosen;
    let rotator = Rotator::new(Ports::of(account.clone()));
    block_on(rotator.run(chosen, mode, &Limits::default(), &Cancel::default(), &|_| {}));
}

#[test]
fn a_run_counts_passes_users_changes_and_events() {
    let recorder = DebuggingRecorder::new();
    let snapshots = recorder.snapshotter();
    let account = account(3);
    account.inject(FaultAt::first("create_key", Fault::Denied));
    metrics::with_local_recorder(&recorder, || {
        run(&account, Mode::Plan);
        run(&account, Mode::Act);
    });
    let seen = seen(snapshots.snapshot());
    let of = |name: &str| seen.get(name).copied().unwrap_or_default();
    assert_eq!(of("keyrot_passes_total{task=run,mode=plan}"), 1.0, "{seen:#?}");
    assert_eq!(of("keyrot_passes_total{task=run,mode=act}"), 1.0);
    assert_eq!(of("keyrot_pass_duration_seconds{task=run,mode=act}"), 1.0);
    assert_eq!(of("keyrot_users_total{outcome=waiting}"), 2.0, "a plan counts no users");
    assert_eq!(of("keyrot_users{outcome=failed}"), 1.0);
    assert_eq!(of("keyrot_users{outcome=blocked}"), 0.0);
    assert!(seen.contains_key("keyrot_users{outcome=blocked}"), "a gauge goes back to zero");
    assert_eq!(of("keyrot_changes_total{step=create_key,result=ok}"), 2.0);
    assert_eq!(of("keyrot_changes_total{step=create_key,result=denied}"), 1.0);
    assert_eq!(of("keyrot_events_total{event=rotated}"), 2.0);
    assert_eq!(of("keyrot_events_total{event=failed}"), 1.0);
    assert!(of("keyrot_oldest_key_age_seconds{}") >= 86_400.0);
    assert!(!seen.keys().any(|key| key.contains("list_keys")), "what only reads is no change");
}

#[test]
fn blocked_users_are_counted_by_reason_and_no_label_grows_with_the_users() {
    let sizes = [2_usize, 9].map(|users| {
        let recorder = DebuggingRecorder::new();
        let snapshots = recorder.snapshotter();
        let account = account(users);
        let policy = "AWSCompromisedKeyQuarantineV3";
        account.change(|world| {
            let user = "user-0".parse().unwrap();
            world.user_mut(&user).unwrap().policies.push(policy.to_owned());
        });
        metrics::with_local_recorder(&recorder, || run(&account, Mode::Act));
        let seen = seen(snapshots.snapshot());
        assert_eq!(seen.get("keyrot_blocked_total{reason=quarantined}"), Some(&1.0), "{seen:#?}");
        assert!(
            !seen
                .keys()
                .any(|key| key.contains("user-") || key.contains("AKIA") || key.contains("/iam/"))
        );
        seen.len()
    });
    assert_eq!(sizes[0], sizes[1]);
}

#[test]
fn a_pass_that_lists_no_users_is_counted() {
    let recorder = DebuggingRecorder::new();
    let snapshots = recorder.snapshotter();
    let account = account(1);
    account.inject(FaultAt::first("users", Fault::Denied));
    metrics::with_local_recorder(&recorder, || {
        names::describe();
        let rotator = Rotator::new(Ports::of(account.clone()));
        let homes = Homes::in_region("us-east-1");
        let service = Service::new(rotator, Selection::default(), homes, WaitPolicy::default());
        block_on(service.pass(&Cancel::default())).unwrap_err();
    });
    let seen = seen(snapshots.snapshot());
    assert_eq!(seen.get("keyrot_passes_failed_total{reason=not_listed}"), Some(&1.0), "{seen:#?}");
}

/// The table in the module's documentation lists each name.
#[test]
fn every_name_is_documented() {
    let text = include_str!("../src/engine/metrics.rs");
    let names =
        text.lines().filter(|line| line.starts_with("pub const") && line.contains("\"keyrot_"));
    let mut count = 0;
    for line in names {
        let name = line.split('"').nth(1).unwrap();
        assert!(text.contains(&format!("//! | `{name}` |")), "{name}");
        count += 1;
    }
    assert_eq!(count, 10);
}
