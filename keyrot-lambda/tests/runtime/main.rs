//! The function's own process behind Lambda's Runtime API, with the AWS emulator on 127.0.0.1.
#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "the benchmark uses more of it")]
mod api;
mod instance;
mod orders;

use instance::{Instance, account, keys, published, user};
use keyrot_aws::emulator::{CallAt, Fault, When};
use serde_json::{Value, json};
use std::time::Duration;

fn scheduled() -> Value {
    json!({
        "version": "0", "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event", "source": "aws.scheduler",
        "account": "123456789012", "time": "2026-01-05T04:00:00Z", "region": "us-east-1", "resources": [], "detail": "{}"
    })
}

fn conforms(document: &Value) {
    let schema: Value =
        serde_json::from_str(include_str!("../../../keyrot-cli/schema/keyrot.schema.json"))
            .unwrap();
    let part = json!({ "$ref": "#/$defs/run", "$defs": schema["$defs"] });
    let validator = jsonschema::options().should_validate_formats(true).build(&part).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(document).map(|e| format!("{e} at {}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

/// Returns the lines with embedded metrics in the output.
fn metrics(printed: &[Value]) -> Vec<&Value> {
    printed.iter().filter(|line| line.get("_aws").is_some()).collect()
}

#[test]
fn a_schedule_rotates_all_users_and_reports_it() {
    let emulator = account(&["ci-one", "ci-two"]);
    let instance = Instance::start(&emulator, &[]);
    let document = instance.invoke(scheduled()).response();
    conforms(&document);
    assert_eq!(
        (&document["schema"], &document["counts"]["rotated"]),
        (&json!("keyrot.rotate/2"), &json!(2))
    );
    // The same event again, as Lambda may deliver it twice: nothing is left to do.
    let again = instance.invoke(scheduled()).response();
    assert_eq!((&again["counts"]["rotated"], &again["counts"]["waiting"]), (&json!(0), &json!(2)));
    for name in ["ci-one", "ci-two"] {
        assert_eq!(published(&emulator, name), keys(&emulator, name).last().cloned(), "{name}");
    }

    let printed = instance.end(&emulator);
    let [first, second] = metrics(&printed)[..] else {
        panic!("a line of metrics for each pass: {printed:#?}")
    };
    let directive = &first["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(
        (&directive["Namespace"], &directive["Dimensions"]),
        (&json!("keyrot"), &json!([["Function"]]))
    );
    for metric in directive["Metrics"].as_array().unwrap() {
        assert!(first[metric["Name"].as_str().unwrap()].is_number(), "{metric}");
    }
    let of = |line: &Value, name: &str| line[name].as_f64().unwrap();
    assert_eq!(
        (of(first, "UsersSelected"), of(first, "KeysRotated"), of(second, "KeysRotated")),
        (2.0, 2.0, 0.0)
    );
    assert!(
        (100.0..101.0).contains(&of(first, "OldestKeyAge")),
        "the old keys are still there: {first}"
    );
    assert_eq!(first["Function"], "keyrot");
    let line = printed.iter().find(|line| line["step"] == "rotated").expect("a line for each step");
    assert!(
        line["request_id"] == "request-1" && line["key"].as_str().unwrap().starts_with("AKIA"),
        "{line}"
    );
    assert!(line["user"].as_str().unwrap().starts_with("ci-") && line["level"] == "INFO", "{line}");
}

#[test]
fn an_operator_makes_a_dry_run_first_and_then_names_a_user() {
    let emulator = account(&["ci-one", "ci-two"]);
    let instance = Instance::start(&emulator, &[("KEYROT_MAX_AGE", "200d")]);
    let plan = instance.invoke(json!({ "dry_run": true })).response();
    conforms(&plan);
    assert_eq!((&plan["schema"], &plan["counts"]["due"]), (&json!("keyrot.plan/2"), &json!(2)));
    assert_eq!(emulator.world().secrets().count(), 0, "a plan changes nothing");
    instance.invoke(json!({ "users": ["ci-one"], "force": true })).response();
    assert_eq!((keys(&emulator, "ci-one").len(), keys(&emulator, "ci-two").len()), (2, 1));
    let (kind, message) = instance.invoke(json!({ "users": ["ci-on"] })).error();
    assert!(
        kind == "keyrot.NotSelected" && message.contains("did you mean ci-one"),
        "{kind}: {message}"
    );
    let printed = instance.end(&emulator);
    let [part] = metrics(&printed)[..] else {
        panic!("only what was done has metrics: {printed:#?}")
    };
    assert!(
        part.get("OldestKeyAge").is_none(),
        "the age of some users' keys is not the account's: {part}"
    );
}

#[test]
fn failures_before_a_run_are_named_and_change_nothing() {
    let emulator = account(&["ci"]);
    let instance = Instance::start(&emulator, &[]);
    let (kind, message) = instance.invoke(json!({ "user": "ci" })).error();
    assert!(
        kind == "keyrot.BadEvent" && message.contains("unknown field `user`"),
        "{kind}: {message}"
    );
    let (kind, message) = instance.invoke_within(scheduled(), Duration::from_secs(60)).error();
    assert!(kind == "keyrot.NoTime" && message.contains("900"), "{kind}: {message}");
    emulator.inject(CallAt::every("GetAccountAuthorizationDetails"), Fault::denied());
    emulator.inject(CallAt::every("ListUsers"), Fault::denied());
    let (kind, message) = instance.invoke(scheduled()).error();
    assert!(kind == "keyrot.NotListed" && message.contains("iam:ListUsers"), "{kind}: {message}");
    instance.end(&emulator);
    let mistyped = Instance::start(&emulator, &[("KEYROT_OVERLPA", "2d")]);
    let (kind, message) = mistyped.invoke(scheduled()).error();
    assert!(kind == "keyrot.Settings" && message.contains("KEYROT_OVERLAP"), "{kind}: {message}");
    mistyped.end(&emulator);
    assert_eq!(emulator.world().secrets().count(), 0);
}

#[test]
fn a_users_failure_fails_the_invocation_and_leaves_the_others_rotated() {
    let emulator = account(&["ci-one", "ci-two"]);
    emulator.inject(CallAt::first("CreateAccessKey").about("ci-one"), Fault::denied());
    let instance = Instance::start(&emulator, &[]);
    let (kind, message) = instance.invoke(scheduled()).error();
    assert_eq!(kind, "keyrot.UsersFailed");
    assert!(
        message.contains("1 of 2 users failed")
            && message.contains("ci-one")
            && message.contains("iam:CreateAccessKey"),
        "{message}"
    );
    assert_eq!(keys(&emulator, "ci-two").len(), 2);
    // A blocked user is not a failure of the function.
    emulator.change(|world| {
        world
            .user_mut(&user("ci-two"))
            .unwrap()
            .policies
            .push("AWSCompromisedKeyQuarantineV3".into());
    });
    let document = instance.invoke(scheduled()).response();
    assert_eq!(
        (&document["result"], &document["counts"]["blocked"]),
        (&json!("blocked"), &json!(1))
    );
    let printed = instance.end(&emulator);
    assert_eq!(metrics(&printed)[0]["UsersFailed"], json!(1.0));
    assert_eq!(metrics(&printed)[1]["UsersBlocked"], json!(1.0));
}

#[test]
fn two_concurrent_instances_create_one_key() {
    let emulator = account(&["ci-one", "ci-two", "ci-three"]);
    let instances = [Instance::start(&emulator, &[]), Instance::start(&emulator, &[])];
    instances.iter().for_each(|instance| instance.send(scheduled()));
    // One of them may find the other's key, and leave the user to it.
    let answers: Vec<_> = instances.iter().map(Instance::answer).collect();
    let instance = &instances[0];
    let document = instance.invoke(scheduled()).response();
    assert_eq!(document["result"], "ok", "{answers:#?} {document:#}");
    for name in ["ci-one", "ci-two", "ci-three"] {
        assert_eq!(keys(&emulator, name).len(), 2, "{name}");
        assert_eq!(
            published(&emulator, name),
            keys(&emulator, name).last().cloned(),
            "{name}: {document:#}"
        );
    }
    instances.into_iter().for_each(|instance| drop(instance.end(&emulator)));
}

#[test]
fn an_instance_that_dies_is_followed_by_another_that_continues() {
    let emulator = account(&["ci"]);
    let gate = emulator.pause(CallAt::first("PutSecretValue"), When::After);
    let first = Instance::start(&emulator, &[]);
    first.send(scheduled());
    assert!(gate.wait(Duration::from_secs(30)), "the key is staged");
    first.end(&emulator);
    drop(gate);
    let second = Instance::start(&emulator, &[]);
    let document = second.invoke(scheduled()).response();
    assert_eq!(
        (&document["counts"]["rotated"], keys(&emulator, "ci").len()),
        (&json!(1), 2),
        "{document:#}"
    );
    second.end(&emulator);
}
