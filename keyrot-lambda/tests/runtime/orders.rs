//! The function as Secrets Manager's rotation function.

use crate::instance::{Instance, account, keys, published, secret};
use keyrot_aws::emulator::{CallAt, Emulator, Fault};
use keyrot_core::memory::{Label, World};
use keyrot_core::model::VersionId;
use serde_json::{Value, json};
use std::time::Duration;

const TOKEN: &str = "51f72378-6a5d-5dc7-8fd8-29e4319f482a";
const NEXT: &str = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];

fn order(step: &str, token: &str) -> Value {
    let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:/iam/ci/access_key-AbCdEf";
    json!({ "Step": step, "SecretId": arn, "ClientRequestToken": token })
}

/// Short waits, so that an old key is gone within seconds.
const SHORT: [(&str, &str); 10] = [
    ("KEYROT_ALLOW_SHORT_WAITS", "true"),
    ("KEYROT_OVERLAP", "1s"),
    ("KEYROT_RECENT_USE", "1s"),
    ("KEYROT_SOAK", "1s"),
    ("KEYROT_PROBE_FOR", "500ms"),
    ("KEYROT_SETTLE", "2s"),
    ("KEYROT_PROBE_LIMIT", "2s"),
    ("KEYROT_RUN_INTERVAL", "500ms"),
    ("KEYROT_IDLE", "2s"),
    // Due after ten seconds.
    ("KEYROT_MAX_AGE", "16s"),
];

fn adopt(emulator: &Emulator, instance: &Instance) {
    instance.invoke(json!({})).response();
    assert_eq!(keys(emulator, "ci").len(), 2);
}

/// Runs until the user has one key.
fn until_one_key(emulator: &Emulator, instance: &Instance) {
    for _ in 0..40 {
        if keys(emulator, "ci").len() == 1 {
            return;
        }
        std::thread::sleep(Duration::from_millis(500));
        instance.invoke(json!({ "users": ["ci"] }));
    }
    panic!("the old key is not gone: {:?}", instance.invoke(json!({ "dry_run": true })));
}

/// Switches Secrets Manager's rotation on, which starts. Returns the version's id.
fn begin(emulator: &Emulator, token: &str) -> String {
    let version = emulator.change(|world: &mut World| {
        world.secret_mut(&secret("ci")).unwrap().rotation = true;
        world.rotate_secret(&secret("ci"), &VersionId::parse(token).unwrap()).unwrap()
    });
    version.to_string()
}

fn pending(emulator: &Emulator) -> Option<VersionId> {
    emulator.world().secret(&secret("ci")).unwrap().labelled(Label::Pending).cloned()
}

#[test]
fn four_steps_rotate_and_passes_retire() {
    let emulator = account(&["ci"]);
    let instance = Instance::start(&emulator, &SHORT);
    adopt(&emulator, &instance);
    until_one_key(&emulator, &instance);
    let old = published(&emulator, "ci").unwrap();
    assert_eq!(begin(&emulator, TOKEN), TOKEN);
    for step in STEPS {
        // Each step comes twice, because Secrets Manager repeats it when an answer is lost.
        for _ in 0..2 {
            let document = instance.invoke(order(step, TOKEN)).response();
            assert_eq!(document["users"][0]["reason"], "done", "{step}: {document:#}");
            let current = published(&emulator, "ci").unwrap();
            assert_eq!(current != old, step == "finishSecret", "{step}");
        }
    }
    let new = published(&emulator, "ci").unwrap();
    assert_eq!(keys(&emulator, "ci").iter().collect::<Vec<_>>(), [&old, &new], "one key was made");
    // The next rotation has to wait until scheduled passes have retired the old key. They create no
    // key themselves.
    let blocked = begin(&emulator, NEXT);
    let (kind, message) = instance.invoke(order("createSecret", &blocked)).error();
    assert!(
        kind == "keyrot.OrderFailed" && message.contains("has to be retired first"),
        "{kind}: {message}"
    );
    until_one_key(&emulator, &instance);
    assert_eq!(keys(&emulator, "ci"), std::slice::from_ref(&new));
    let due = (0..40).any(|_| {
        std::thread::sleep(Duration::from_millis(500));
        instance.invoke(json!({})).response()["users"][0]["reason"] == "service"
    });
    assert!(due && keys(&emulator, "ci").len() == 1, "the key is due, and left to Secrets Manager");
    for step in STEPS {
        instance.invoke(order(step, &blocked)).response();
    }
    assert_ne!(published(&emulator, "ci"), Some(new));
    // A late step changes nothing.
    let (_, message) = instance.invoke(order("finishSecret", TOKEN)).error();
    assert!(message.contains("AWSPENDING"), "{message}");
    instance.end(&emulator);
}

#[test]
fn a_step_that_fails_is_carried_out_when_it_is_repeated() {
    let emulator = account(&["ci"]);
    let instance = Instance::start(&emulator, &SHORT);
    adopt(&emulator, &instance);
    until_one_key(&emulator, &instance);
    begin(&emulator, TOKEN);
    // The store refuses the new key, which is deleted immediately, and nothing is left.
    emulator.inject(CallAt::first("PutSecretValue"), Fault::denied());
    let (_, message) = instance.invoke(order("createSecret", TOKEN)).error();
    assert!(message.contains("secretsmanager:PutSecretValue"), "{message}");
    assert_eq!(keys(&emulator, "ci").len(), 1);
    // The answer is lost after the label moved, so the step is repeated.
    emulator.heal();
    for step in &STEPS[..3] {
        instance.invoke(order(step, TOKEN)).response();
    }
    emulator.inject(CallAt::first("UpdateSecretVersionStage"), Fault::LostReply);
    instance.invoke(order("finishSecret", TOKEN));
    instance.invoke(order("finishSecret", TOKEN)).response();
    assert_eq!(published(&emulator, "ci"), keys(&emulator, "ci").last().cloned());
    until_one_key(&emulator, &instance);
    instance.end(&emulator);
}

#[test]
fn steps_that_match_no_rotation_are_refused() {
    let emulator = account(&["ci"]);
    let instance = Instance::start(&emulator, &[]);
    let (kind, message) = instance.invoke(order("createSecret", TOKEN)).error();
    assert!(
        kind == "keyrot.OrderFailed" && message.contains("rotation is not switched on"),
        "{kind}: {message}"
    );
    adopt(&emulator, &instance);
    let (_, message) = instance.invoke(order("createSecret", TOKEN)).error();
    assert!(message.contains("rotation is not switched on"), "{message}");
    begin(&emulator, TOKEN);
    let (_, message) = instance.invoke(order("createSecret", NEXT)).error();
    assert!(message.contains("not under AWSPENDING"), "{message}");
    let mut other = order("createSecret", TOKEN);
    other["SecretId"] =
        json!("arn:aws:secretsmanager:us-east-1:123456789012:secret:/iam/jane/access_key-AbCdEf");
    let (kind, message) = instance.invoke(other).error();
    assert!(
        kind == "keyrot.NotSelected" && message.contains("/iam/jane/access_key"),
        "{kind}: {message}"
    );
    assert_eq!(keys(&emulator, "ci").len(), 2);
    assert!(pending(&emulator).is_some());
    instance.end(&emulator);
}

#[test]
fn two_instances_with_the_same_step_put_one_key_into_the_version() {
    let emulator = account(&["ci"]);
    let instances = [Instance::start(&emulator, &SHORT), Instance::start(&emulator, &SHORT)];
    adopt(&emulator, &instances[0]);
    until_one_key(&emulator, &instances[0]);
    begin(&emulator, TOKEN);
    for step in STEPS {
        instances.iter().for_each(|instance| instance.send(order(step, TOKEN)));
        let answers: Vec<_> = instances.iter().map(Instance::answer).collect();
        instances[0].invoke(order(step, TOKEN));
        assert!(keys(&emulator, "ci").len() <= 2, "{answers:?}");
    }
    let document = instances[0].invoke(order("finishSecret", TOKEN)).response();
    assert_eq!(document["users"][0]["reason"], "done");
    assert_eq!(published(&emulator, "ci"), keys(&emulator, "ci").last().cloned());
    instances.into_iter().for_each(|instance| drop(instance.end(&emulator)));
}
