//! `keyrot doctor` as a process: a sandbox, a machine with nothing, and an account over HTTP.
#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod keys;
mod permissions;

use keyrot_aws::emulator::{Emulator, EmulatorOptions};
use keyrot_core::memory::World;
use serde_json::{Value, json};
use support::hook::web_hook;
use support::{Ran, Sandbox, conforms};

/// Returns the findings about a subject: each result, and its message.
fn about<'a>(document: &'a Value, what: &str) -> Vec<(&'a str, &'a str)> {
    let checks =
        document["checks"].as_array().unwrap().iter().filter(|check| check["about"] == what);
    checks
        .map(|check| (check["health"].as_str().unwrap(), check["message"].as_str().unwrap()))
        .collect()
}

fn document(ran: &Ran) -> Value {
    let document = serde_json::from_str(&ran.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}{}", ran.stdout, ran.stderr));
    conforms(&document);
    document
}

/// Runs without the tester's own environment, and without a sandbox.
fn keyrot(env: &[(&str, String)], args: &[&str]) -> Ran {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(args);
    command
        .env_remove("KEYROT_SANDBOX")
        .env("HOME", sandbox.dir())
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command.envs(env.iter().map(|(name, value)| (*name, value.as_str())));
    sandbox.take(&command.output().unwrap())
}

/// An account with a user whose key was rotated once.
fn account() -> Emulator {
    let mut world = World::new(std::time::SystemTime::now().into());
    let user = world.add_user("ci", &[("RotateKey", "True")]).unwrap();
    world.add_key(&user).unwrap();
    world.add_user("other", &[]).unwrap();
    let emulator = Emulator::start(
        world,
        EmulatorOptions { region: "eu-west-1".into(), ..EmulatorOptions::default() },
    )
    .unwrap();
    assert_eq!(keyrot(&emulator.env(), &["rotate"]).code, Some(0));
    emulator.reset_stats();
    emulator
}

/// The destination is for users that are selected, but each is blocked because of it.
#[test]
fn a_replica_in_the_region_of_the_secrets_is_named_as_what_it_is() {
    let sandbox = Sandbox::new();
    let here = "[[destination]]\nname = 'here'\nkind = 'replica'\nusers = ['ci-*']\nregion = 'us-east-1'\n";
    std::fs::write(sandbox.dir().join("mine.toml"), here).unwrap();
    let (_, found) = sandbox.json(&["--config", "mine.toml", "doctor"]);
    let blocked: Vec<_> = about(&found, "users").into_iter().map(|(_, text)| text).collect();
    let said = "the destination here would overwrite the secret /iam/ci-deployer/access_key, which is user ci-deployer's home; set another region";
    assert!(blocked.iter().any(|text| text.contains(said)), "{blocked:?}");
    assert!(about(&found, "destinations").is_empty(), "{found:#}");
    // This one is for nobody.
    let nobody = here.replace("ci-*", "nobody");
    std::fs::write(sandbox.dir().join("mine.toml"), nobody).unwrap();
    let (_, found) = sandbox.json(&["--config", "mine.toml", "doctor"]);
    assert_eq!(about(&found, "destinations"), [("warning", "here: it is for no selected user")]);
}

#[test]
fn a_sandbox_has_fewer_checks_and_says_so() {
    let sandbox = Sandbox::new();
    let (code, found) = sandbox.json(&["doctor", "--send-test"]);
    assert_eq!(
        (code, &found["sandbox"], &found["result"]),
        (Some(0), &json!(true), &json!("warning"))
    );
    assert_eq!(
        about(&found, "users")[0],
        ("ok", "9 selected by the tag RotateKey=True, 2 skipped")
    );
    assert!(about(&found, "users")[1].1.contains("legacy-ftp"));
    assert_eq!(about(&found, "last_run")[0].0, "ok");
    assert_eq!(about(&found, "sandbox")[0].0, "not_checked");
    assert!(about(&found, "notifiers")[0].1.contains("no test message was sent"));
    let text = sandbox.run(&["doctor"]);
    assert!(
        text.code == Some(0) && text.stdout.contains("a sandbox calls nothing"),
        "{}",
        text.stdout
    );
    assert!(
        text.stdout.lines().any(|line| line.starts_with("not checked  sandbox ")),
        "{}",
        text.stdout
    );
    sandbox.kept_its_secrets();
}

/// As the README has it, with a region in the environment only.
#[test]
fn users_without_a_home_are_named_if_no_setting_chooses_the_place() {
    let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
    world.add_user("ci", &[("RotateKey", "True")]).unwrap();
    let emulator = Emulator::start(world, EmulatorOptions::default()).unwrap();
    let named = emulator.env();
    let unnamed: Vec<_> =
        named.iter().filter(|(name, _)| !name.starts_with("KEYROT_")).cloned().collect();
    let users = |env: &[(&str, String)]| {
        let found = document(&keyrot(env, &["doctor", "--json"]));
        about(&found, "users").iter().map(|(_, text)| (*text).to_owned()).collect::<Vec<_>>()
    };
    assert!(users(&named).iter().all(|text| !text.contains("no home yet")));
    let said = users(&unnamed).join("; ");
    assert!(said.contains("1 of 1 selected users have no home yet"), "{said}");
}

#[test]
fn doctor_without_any_settings_says_what_to_set() {
    let ran = keyrot(&[], &["doctor"]);
    assert_eq!(ran.code, Some(1));
    for part in [
        "FAILED       region",
        "hint:  set one, for example: export AWS_REGION",
        "not checked  permissions",
        "1 failed",
    ] {
        assert!(ran.stdout.contains(part), "{part} in {}", ran.stdout);
    }
    let ran = keyrot(&[("AWS_REGION", "eu-west-1".into())], &["--json", "doctor"]);
    assert_eq!(ran.code, Some(1));
    let found = document(&ran);
    assert_eq!((&found["result"], &found["account"]), (&json!("failure"), &Value::Null));
    let (health, message) = about(&found, "credentials")[0];
    assert!(health == "failure" && message.starts_with("no AWS credentials:"), "{message}");
    let hint = found["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["about"] == "credentials")
        .unwrap()["hint"]
        .as_str();
    assert!(hint.unwrap().contains("AWS_PROFILE") && hint.unwrap().contains("--sandbox"));
}

#[test]
fn a_correct_account_is_ok_and_nothing_is_changed() {
    let emulator = account();
    let before = emulator.world();
    let ran = keyrot(&emulator.env(), &["--json", "doctor", "--trail"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let found = document(&ran);
    assert_eq!(found["account"], "123456789012");
    let credentials = about(&found, "credentials");
    assert!(credentials[0].1.ends_with("from the environment"), "{credentials:?}");
    assert!(
        credentials[1].1.starts_with("acting as arn:aws:sts::123456789012:assumed-role/"),
        "{credentials:?}"
    );
    assert_eq!(about(&found, "clock"), [("ok", "as AWS's, within two seconds")]);
    let expected =
        format!("eu-west-1 by the setting, partition aws; AWS is called at {}", emulator.url());
    assert_eq!(about(&found, "region"), [("ok", expected.as_str())]);
    assert_eq!(about(&found, "users"), [("ok", "1 selected by the tag RotateKey=True, 1 skipped")]);
    assert_eq!(about(&found, "keys")[0].0, "ok");
    assert!(about(&found, "secrets")[0].1.ends_with("values can be read"));
    assert!(
        about(&found, "last_run")[0].1.starts_with(
            "the last change was less than an hour ago, recorded on /iam/ci/access_key"
        )
    );
    assert_eq!(about(&found, "trail").len(), 2, "each region that a run would ask");
    // The emulator simulates service control policies, and there is none. That is reported as not
    // checked, not as ok.
    let (health, message) = about(&found, "permissions")[0];
    assert_eq!(
        (health, message),
        ("not_checked", "not simulated: this endpoint has no iam:SimulatePrincipalPolicy")
    );
    let after = emulator.world();
    assert!(
        before.users().eq(after.users()) && before.secrets().eq(after.secrets()),
        "nothing was changed"
    );
    for action in emulator.stats().actions.keys() {
        assert!(
            ["Get", "List", "Describe", "Lookup", "Simulate"]
                .iter()
                .any(|word| action.starts_with(word)),
            "{action}"
        );
    }
}

#[test]
fn notifiers_are_read_and_get_a_message_only_on_request() {
    let emulator = account();
    let (url, bodies) = web_hook(200);
    let mut env = emulator.env().to_vec();
    env.push(("CHAT_URL", url));
    let notify = "slack env:CHAT_URL,slack env:NOT_SET name=second,sns arn:aws:sns:eu-west-1:123456789012:ops";
    let ran = keyrot(&env, &["--json", "doctor", "--notify", notify]);
    assert_eq!(ran.code, Some(1));
    let found = document(&ran);
    let all = about(&found, "notifiers");
    assert!(
        all[0].0 == "ok"
            && all[0].1.starts_with("slack: slack: its URL could be read, and leads to 127.0.0.1:"),
        "{all:?}"
    );
    assert_eq!(
        all[1],
        ("failure", "second: env:NOT_SET is not set in the environment, or is not UTF-8")
    );
    assert_eq!((all[2].0, all.len()), ("not_checked", 3));
    assert!(bodies.try_recv().is_err(), "nothing is sent unasked");
    let ran = keyrot(&env, &["--json", "doctor", "--send-test", "--notify", "slack env:CHAT_URL"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    let told = document(&ran);
    assert!(about(&told, "notifiers")[1].1.contains("a test message was taken"));
    let message = bodies.recv().unwrap();
    assert_eq!(
        message["blocks"][0]["text"]["text"],
        "🟢 keyrot: a test by keyrot doctor; nothing happened"
    );
    assert!(bodies.try_recv().is_err(), "one message");
    for text in [&ran.stdout, &ran.stderr] {
        assert!(!text.contains("sesame"), "the URL was printed: {text}");
    }
    let ran = keyrot(&emulator.env(), &["--json", "doctor", "--send-test"]);
    assert!(about(&document(&ran), "notifiers")[0].1.contains("notify is empty"));
}

#[test]
fn settings_are_checked_and_unusable_ones_are_errors() {
    let sandbox = Sandbox::new();
    let (_, found) =
        sandbox.json(&["doctor", "--overlap", "2h", "--recent-use", "2h", "--allow-short-waits"]);
    let messages: Vec<_> =
        about(&found, "settings").into_iter().map(|(_, message)| message).collect();
    for part in ["fit for tests only", "overlap is 2h", "recent_use is 2h", "no notifier is set"] {
        assert!(messages.iter().any(|message| message.contains(part)), "{part}: {messages:?}");
    }
    let ran = sandbox.run(&["doctor", "--overlap", "soon"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
}
