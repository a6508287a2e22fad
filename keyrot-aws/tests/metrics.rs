//! The metrics of calls to AWS: attempts and calls are counted separately, by action and outcome.
#![allow(clippy::unwrap_used)]

use keyrot_aws::emulator::{CallAt, Emulator, EmulatorOptions, Fault};
use keyrot_aws::{Aws, AwsSettings, Endpoints};
use keyrot_core::IamPort;
use keyrot_core::memory::World;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use std::collections::BTreeMap;
use std::time::SystemTime;

#[test]
fn calls_and_attempts_are_counted_by_action_and_outcome() {
    let recorder = DebuggingRecorder::new();
    let snapshots = recorder.snapshotter();
    let mut world = World::new(SystemTime::now().into());
    let user = world.add_user("ci-secretive", &[]).unwrap();
    world.add_key(&user).unwrap();
    let emulator = Emulator::start(world, EmulatorOptions::default()).unwrap();
    let throttle =
        Fault::Error { code: "Throttling".into(), message: "Rate exceeded".into(), status: 400 };
    let denied = Fault::Error { code: "AccessDenied".into(), message: "no".into(), status: 403 };
    emulator.inject(CallAt::first("ListAccessKeys"), throttle);
    emulator.inject(CallAt::first("CreateAccessKey"), denied);

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        keyrot_aws::metrics::describe();
        runtime.block_on(async {
            let settings = AwsSettings::default()
                .with_region("us-east-1")
                .with_credentials(emulator.admin_credentials().into())
                .with_endpoints(Endpoints::all_at(emulator.url()));
            let aws = Aws::connect(&settings).await.unwrap();
            aws.list_keys(&user).await.unwrap();
            aws.create_key(&user).await.unwrap_err();
        });
    });

    let mut seen = BTreeMap::new();
    for (key, unit, description, value) in snapshots.snapshot().into_vec() {
        assert!(unit.is_some() && description.is_some(), "{key:?} is not described");
        let labels: Vec<String> =
            key.key().labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let count = match value {
            DebugValue::Counter(count) => count,
            DebugValue::Histogram(values) => {
                assert!(values.iter().all(|seconds| (0.0..60.0).contains(&seconds.into_inner())));
                values.len() as u64
            }
            DebugValue::Gauge(_) => 0,
        };
        seen.insert(format!("{}{{{}}}", key.key().name(), labels.join(",")), count);
    }
    let (list, create) = ("action=iam:ListAccessKeys", "action=iam:CreateAccessKey");
    for (metric, count) in [
        (format!("keyrot_aws_calls_total{{{list},result=ok}}"), 1),
        (format!("keyrot_aws_attempts_total{{{list},result=throttled}}"), 1),
        (format!("keyrot_aws_attempts_total{{{list},result=ok}}"), 1),
        (format!("keyrot_aws_attempt_duration_seconds{{{list}}}"), 2),
        (format!("keyrot_aws_calls_total{{{create},result=denied}}"), 1),
        (format!("keyrot_aws_attempts_total{{{create},result=refused}}"), 1),
    ] {
        assert_eq!(seen.get(&metric), Some(&count), "{metric} in {seen:#?}");
    }
    assert!(!seen.keys().any(|key| key.contains("secretive") || key.contains("AKIA")), "{seen:#?}");
}
