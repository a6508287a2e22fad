//! The binary's notifications: what is sent, that a failing notifier changes nothing, and that its
//! URL is never printed.
#![allow(clippy::unwrap_used)]

mod support;

use keyrot_aws::emulator::{Emulator, EmulatorOptions};
use keyrot_core::memory::World;
use serde_json::Value;
use support::hook::web_hook;
use support::{Ran, Sandbox};

/// An account with one user, whose key is due.
fn emulator() -> Emulator {
    let mut world = World::new(std::time::SystemTime::now().into());
    let user = world.add_user("ci", &[("RotateKey", "True"), ("keyrot:owner", "team-ci")]).unwrap();
    world.add_key(&user).unwrap();
    Emulator::start(world, EmulatorOptions::default()).unwrap()
}

/// Runs keyrot on the account, and checks that it never prints the URL.
fn keyrot(emulator: &Emulator, url: &str, args: &[&str]) -> Ran {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(args);
    command.env_remove("KEYROT_SANDBOX").envs(emulator.env()).env("CHAT_URL", url);
    let ran = sandbox.take(&command.output().unwrap());
    for text in [&ran.stdout, &ran.stderr] {
        assert!(
            !text.contains("T00000000") && !text.contains("sesame"),
            "the URL was printed: {text}"
        );
    }
    ran
}

#[test]
fn a_run_sends_one_message() {
    let (url, bodies) = web_hook(200);
    let emulator = emulator();
    let ran = keyrot(&emulator, &url, &["rotate", "--notify", "slack env:CHAT_URL"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(!ran.stderr.contains("warning:"), "{}", ran.stderr);
    let message = bodies.recv().unwrap();
    assert_eq!(message["blocks"][0]["text"]["text"], "🟢 keyrot: 1 key rotated");
    assert!(bodies.try_recv().is_err(), "one message a run");
}

#[test]
fn a_plan_sends_no_message() {
    let (url, bodies) = web_hook(200);
    let ran = keyrot(&emulator(), &url, &["plan", "--notify", "slack env:CHAT_URL"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(bodies.try_recv().is_err());
}

#[test]
fn a_notifier_that_fails_changes_nothing_and_is_named() {
    let (url, bodies) = web_hook(403);
    let emulator = emulator();
    let notify = "slack env:CHAT_URL,sns arn:aws:sns:eu-west-1:111122223333:none min=info,slack env:NOT_SET name=second";
    let ran = keyrot(&emulator, &url, &["--json", "rotate", "--notify", notify]);
    assert_eq!(ran.code, Some(0), "the run went well: {}", ran.stderr);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    support::conforms(&document);
    assert_eq!((&document["result"], &document["counts"]["rotated"]), (&"ok".into(), &1.into()));
    let failed: Vec<&str> = document["notifier_failures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["notifier"].as_str().unwrap())
        .collect();
    assert_eq!(failed, ["slack", "sns", "second"]);
    assert!(bodies.try_recv().is_ok());
    assert!(ran.stderr.contains("error: notifier slack failed: 127.0.0.1:"), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("HTTP 403. Make a new webhook, and put its URL into env:CHAT_URL"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("notifier second failed: env:NOT_SET is not set in the environment"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_url_in_the_settings_is_refused_and_not_repeated() {
    let (url, bodies) = web_hook(200);
    let ran = keyrot(&emulator(), &url, &["rotate", "--notify", &format!("slack {url}")]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("put it into Secrets Manager"), "{}", ran.stderr);
    assert!(bodies.try_recv().is_err());
}

#[test]
fn a_sandbox_sends_no_notifications() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run(&["rotate", "--notify", "slack secret:keyrot/slack"]);
    assert!(ran.stderr.contains("no notifications"), "{}", ran.stderr);
    let ran = sandbox.run(&["status", "--notify", "slack secret:keyrot/slack"]);
    assert!(!ran.stderr.contains("no notifications"), "{}", ran.stderr);
}
