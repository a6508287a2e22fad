//! Runs over HTTP on an emulator: the calls, and what happens when one is refused.

use crate::support::{self, Ran, Sandbox};
use keyrot_aws::emulator::{CallAt, Emulator, EmulatorOptions, Fault, WorldTime};
use keyrot_core::UserName;
use keyrot_core::memory::World;
use serde_json::Value;

/// Runs the binary against the emulator.
pub(crate) fn on(emulator: &Emulator, sandbox: &Sandbox, args: &[&str]) -> Ran {
    let mut command = sandbox.command(&[&["audit"], args].concat());
    command.env_remove("KEYROT_SANDBOX").envs(emulator.env());
    sandbox.take(&command.output().unwrap())
}

fn emulator() -> Emulator {
    let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
    for n in 0..7 {
        let tags: &[(&str, &str)] = if n < 3 { &[("RotateKey", "True")] } else { &[] };
        let user = world.add_user(&format!("team/user,{n}"), tags).unwrap();
        world.add_key(&user).unwrap();
    }
    world
        .user_mut(&UserName::parse("user,6").unwrap())
        .unwrap()
        .policies
        .push("AWSCompromisedKeyQuarantineV3".into());
    world.advance(std::time::Duration::from_secs(100 * 86_400));
    let options = EmulatorOptions {
        time: WorldTime::Still,
        page_limit: Some(3),
        ..EmulatorOptions::default()
    };
    Emulator::start(world, options).unwrap()
}

#[test]
fn over_http_an_audit_makes_a_handful_of_calls() {
    let (emulator, sandbox) = (emulator(), Sandbox::new());
    let ran = on(&emulator, &sandbox, &["--output", "json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    support::conforms(&document);
    assert_eq!(document["keys"].as_array().unwrap().len(), 7);
    assert_eq!(document["report_outdated"], true, "the emulator's clock stands still in the past");
    assert_eq!(document["counts"]["findings"]["quarantined"], 1);
    let calls = emulator.stats().actions;
    let count = |action: &str| calls.get(action).map_or(0, |count| count.calls);
    assert_eq!((count("GenerateCredentialReport"), count("GetCredentialReport")), (2, 1));
    assert_eq!(count("GetAccountAuthorizationDetails"), 3, "seven users, three a page");
    assert_eq!(calls.len(), 3, "{calls:?}");

    emulator.reset_stats();
    let ran = on(&emulator, &sandbox, &["--ids", "--check=critical"]);
    assert_eq!(ran.code, Some(3), "somebody is quarantined: {}", ran.stderr);
    assert!(ran.stdout.contains("Fix now") && ran.stdout.contains("AKIA"), "{}", ran.stdout);
    let calls = emulator.stats().actions;
    assert_eq!((calls["ListAccessKeys"].calls, calls["GenerateCredentialReport"].calls), (7, 1));
}

#[test]
fn without_a_new_report_the_last_one_is_used_and_reported_as_old() {
    let mut world = World::new(std::time::SystemTime::now().into());
    let user = world.add_user("ci", &[]).unwrap();
    world.add_key(&user).unwrap();
    let emulator = Emulator::start(world, EmulatorOptions::default()).unwrap();
    let sandbox = Sandbox::new();
    let first = on(&emulator, &sandbox, &[]);
    assert!(first.code == Some(0) && !first.stdout.contains("warning:"), "{}", first.stdout);
    emulator.inject(CallAt::every("GenerateCredentialReport"), Fault::denied());
    let ran = on(&emulator, &sandbox, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(
        ran.stdout.contains("warning: the credential report is")
            && ran.stdout.contains("need iam:GenerateCredentialReport"),
        "{}",
        ran.stdout
    );
    let page = on(&emulator, &sandbox, &["--format", "html"]).stdout;
    assert!(page.contains("<p class=\"warning\">the credential report is"), "{page}");
    let document = on(&emulator, &sandbox, &["--json"]).stdout;
    let document: Value = serde_json::from_str(&document).unwrap();
    support::conforms(&document);
    assert!(document["report_not_renewed"].is_string() && document["report_outdated"] == false);
}

#[test]
fn an_unreadable_report_is_exit_1_and_not_an_empty_account() {
    let (emulator, sandbox) = (emulator(), Sandbox::new());
    for (action, says) in [
        ("GenerateCredentialReport", "need iam:GenerateCredentialReport"),
        ("GetCredentialReport", "need iam:GetCredentialReport"),
        ("ListAccessKeys", "need iam:ListAccessKeys"),
    ] {
        emulator.inject(CallAt::every(action), Fault::denied());
        let path = sandbox.dir().join("keys.csv");
        let ran =
            on(&emulator, &sandbox, &["--ids", "--output", "csv", "--out", path.to_str().unwrap()]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{action}: {}", ran.stderr);
        assert!(
            ran.stderr.contains(says) && ran.stderr.contains("keyrot policy --for audit"),
            "{}",
            ran.stderr
        );
        assert!(!path.exists(), "{action}");
        emulator.heal();
    }
    emulator.inject(CallAt::every("GetCredentialReport"), Fault::denied());
    let ran = on(&emulator, &sandbox, &["--json"]);
    assert_eq!(ran.code, Some(1));
    support::conforms(&serde_json::from_str(&ran.stdout).unwrap());
}
