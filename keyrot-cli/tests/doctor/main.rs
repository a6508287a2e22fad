//! `keyrot doctor` as a process: a sandbox, a machine with nothing, and an account over HTTP.
#![allow(clippy::unwrap_used)]

mod support;

use keyrot_aws::emulator::{CallAt, Emulator, EmulatorOptions, Fault};
use keyrot_core::memory::{Label, Value as SecretValue, World};
use keyrot_core::model::VersionId;
use keyrot_core::{SecretName, UserName};
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

#[test]
fn secrets_elsewhere_or_of_another_user_are_reported() {
    let emulator = account();
    let mut env = emulator.env();
    env.iter_mut()
        .filter(|(name, _)| *name == "KEYROT_REGION")
        .for_each(|(_, value)| *value = "us-east-1".to_owned());
    let ran = keyrot(&env, &["doctor", "--json"]);
    let found = document(&ran);
    let (health, message) = about(&found, "secrets")[0];
    assert_eq!((ran.code, health), (Some(1), "failure"), "{}", ran.stdout);
    assert!(
        message.contains("ci: /iam/ci/access_key in eu-west-1, account 123456789012"),
        "{message}"
    );
    // Another user's secret, and one that does not show whose it is.
    let (user, name) =
        (UserName::parse("ci").unwrap(), SecretName::parse("/iam/ci/access_key").unwrap());
    emulator.change(|world| {
        world.untag_user(&user, "keyrot:home").unwrap();
        world
            .tag_secret(
                &name,
                "keyrot:user-id",
                "AIDAOTHEROTHEROTHER01 123456789012 other".to_owned(),
            )
            .unwrap();
    });
    let bad = || {
        about(&document(&keyrot(&emulator.env(), &["doctor", "--json"])), "secrets")[0].1.to_owned()
    };
    assert!(bad().contains("/iam/ci/access_key belongs to another user, other"), "{}", bad());
    emulator.change(|world| {
        world.erase_secret(&name);
        world.create_secret(&name, None).unwrap();
    });
    assert!(bad().contains("nothing in it shows that it is ci's"), "{}", bad());
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
fn a_forged_version_fails_with_the_users_name_and_an_administrator_is_a_warning() {
    let emulator = account();
    let ran = keyrot(&emulator.env(), &["--json", "doctor"]);
    let found = document(&ran);
    assert_eq!(about(&found, "current"), [("ok", "1 as recorded and listed by IAM; not verified")]);
    assert_eq!(about(&found, "rights")[0].0, "not_checked", "the emulator has no simulation");
    // Another user's working credentials, under an id that names the user's own key.
    let name = SecretName::parse("/iam/ci/access_key").unwrap();
    let theirs = emulator.change(|world| {
        let other = UserName::parse("other").unwrap();
        let theirs = world.add_key(&other).unwrap().credentials;
        let current = world.secret(&name).unwrap().labelled(Label::Current).unwrap().to_string();
        let (head, seconds) = current.rsplit_once('-').unwrap();
        let forged =
            VersionId::parse(format!("{head}-{}", seconds.parse::<i64>().unwrap() + 1)).unwrap();
        world
            .put_secret_value(
                &name,
                &forged,
                SecretValue::credentials(&theirs, None),
                &[Label::Current],
            )
            .unwrap();
        world
            .user_mut(&UserName::parse("ci").unwrap())
            .unwrap()
            .policies
            .push("AdministratorAccess".to_owned());
        theirs
    });
    let ran = keyrot(&emulator.env(), &["--json", "doctor"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stdout);
    let found = document(&ran);
    let (health, message) = about(&found, "current")[0];
    assert!(
        health == "failure"
            && message.starts_with("ci: the secret /iam/ci/access_key claims to hold"),
        "{message}"
    );
    assert!(message.ends_with(theirs.key.as_str()), "{message}");
    let (health, message) = about(&found, "rights")[0];
    assert_eq!(
        (health, message),
        (
            "warning",
            "1 selected user with an administrator's policy attached: ci (AdministratorAccess)"
        )
    );
    for text in [&ran.stdout, &ran.stderr] {
        assert!(!text.contains(theirs.secret.expose()), "a secret key was printed");
    }
}

#[test]
fn a_key_is_verified_only_on_request() {
    let emulator = account();
    emulator.change(|world| {
        let ci = UserName::parse("ci").unwrap();
        let old = world
            .user(&ci)
            .unwrap()
            .keys()
            .iter()
            .map(|key| key.listed.clone())
            .min_by_key(|key| key.created)
            .unwrap();
        world.delete_key(&ci, &old.id).unwrap();
        world.forget_stale_listing(&ci);
    });
    let uses = |emulator: &Emulator| {
        emulator.stats().actions.get("GetCallerIdentity").map_or(0, |count| count.calls)
    };
    assert_eq!(keyrot(&emulator.env(), &["doctor"]).code, Some(0));
    let before = uses(&emulator);
    assert_eq!(before, 1, "only whose the caller's own credentials are");
    let found = document(&keyrot(&emulator.env(), &["--json", "doctor", "--verify"]));
    assert_eq!(about(&found, "current"), [("ok", "1 verified as the user's own key")]);
    assert_eq!(uses(&emulator), before + 2);
}

#[test]
fn a_denied_call_fails_with_what_to_do() {
    let emulator = account();
    for (action, what, says) in [
        ("ListAccessKeys", "keys", "iam:ListAccessKeys"),
        ("GetAccessKeyLastUsed", "keys", "iam:GetAccessKeyLastUsed"),
        ("DescribeSecret", "secrets", "secretsmanager:DescribeSecret"),
        ("GetSecretValue", "secrets", "secretsmanager:GetSecretValue"),
    ] {
        emulator.heal();
        emulator.inject(CallAt::every(action), Fault::denied());
        let ran = keyrot(&emulator.env(), &["--json", "doctor"]);
        assert_eq!(ran.code, Some(1), "{action}");
        let found = document(&ran);
        let (health, message) = about(&found, what)[0];
        assert!(health == "failure" && message.contains(says), "{action}: {message}");
    }
    emulator.heal();
    // Both ways of finding users.
    for action in ["GetAccountAuthorizationDetails", "ListUsers"] {
        emulator.inject(CallAt::every(action), Fault::denied());
    }
    let found = document(&keyrot(&emulator.env(), &["--json", "doctor"]));
    assert_eq!(about(&found, "users")[0].0, "failure");
    assert_eq!(about(&found, "secrets"), [("ok", "the secret store answers")]);
    // A denied trail does not fail a run.
    emulator.heal();
    emulator.inject(CallAt::every("LookupEvents"), Fault::denied());
    let ran = keyrot(&emulator.env(), &["--json", "doctor", "--trail"]);
    assert_eq!((ran.code, about(&document(&ran), "trail")[0].0), (Some(0), "warning"));
}

/// An organization that allows only these regions, for everything except IAM, with this additional
/// condition.
fn region_lock(regions: &[&str], more: &Value) -> Value {
    let lock = json!({ "StringNotEquals": { "aws:RequestedRegion": regions } });
    json!({ "Statement": [
        { "Effect": "Deny", "NotAction": ["iam:*", "sts:*"], "Resource": "*", "Condition": lock },
        { "Effect": "Deny", "Action": "secretsmanager:CreateSecret", "Resource": "*", "Condition": more },
    ] })
}

#[test]
fn an_organizations_limits_on_regions_and_tags_are_checked_with_what_keyrot_sends() {
    let emulator = account();
    let own = json!({ "Null": { "aws:RequestTag/keyrot:user-id": "true" } });
    let permissions = |more: &[&str]| {
        let ran = keyrot(&emulator.env(), &[&["--json", "doctor"], more].concat());
        let found = document(&ran);
        let checks: Vec<(String, String)> = about(&found, "permissions")
            .into_iter()
            .map(|(health, message)| (health.to_owned(), message.to_owned()))
            .collect();
        (ran.code, checks)
    };
    // The region is one of the allowed ones, as in each call of a run.
    emulator.service_control_policy(Some(region_lock(&["eu-west-1"], &own)));
    assert_eq!(keyrot(&emulator.env(), &["rotate"]).code, Some(0));
    let (code, checks) = permissions(&[]);
    assert_eq!((code, checks.len(), &*checks[0].0), (Some(0), 1, "ok"), "{checks:?}");
    // Here another region is allowed. A simulation's answer about an organization's policies is not
    // certain.
    emulator.service_control_policy(Some(region_lock(&["eu-central-1"], &own)));
    let (_, checks) = permissions(&[]);
    assert_eq!((checks.len(), &*checks[0].0), (1, "not_checked"), "{checks:?}");
    assert!(
        checks[0].1.contains("the organization's policies do not allow it")
            && checks[0].1.contains("secretsmanager:PutSecretValue"),
        "{checks:?}"
    );
    // Conditions that only a real request has are named, and fail nothing.
    let lacks = json!({ "StringNotEquals": { "aws:SourceVpc": "vpc-1" } });
    emulator.service_control_policy(Some(region_lock(&["eu-west-1"], &lacks)));
    let (code, checks) = permissions(&[]);
    assert_eq!((code, checks.len(), &*checks[0].0), (Some(0), 1, "not_checked"), "{checks:?}");
    assert!(checks[0].1.contains("a policy asks for aws:SourceVpc"), "{checks:?}");
    // A tag that the organization requires is sent once it is in the settings.
    let cost = json!({ "Null": { "aws:RequestTag/cost": "true" } });
    emulator.service_control_policy(Some(region_lock(&["eu-west-1"], &cost)));
    let (_, checks) = permissions(&[]);
    assert!(checks[0].1.contains("aws:RequestTag/cost"), "{checks:?}");
    let (_, checks) = permissions(&["--secret-tags", "cost=7"]);
    assert_eq!(checks[0].0, "ok", "{checks:?}");
}

#[test]
fn refused_credentials_end_the_checks() {
    let emulator = account();
    let mut env = emulator.env().to_vec();
    env.retain(|(name, _)| *name != "AWS_SECRET_ACCESS_KEY");
    env.push(("AWS_SECRET_ACCESS_KEY", "sesamesesamesesamesesamesesamesesame1234".into()));
    let ran = keyrot(&env, &["--json", "doctor"]);
    assert_eq!(ran.code, Some(1));
    let found = document(&ran);
    let (health, message) = about(&found, "credentials")[1];
    assert!(health == "failure" && message.contains("SignatureDoesNotMatch"), "{message}");
    assert_eq!(about(&found, "clock")[0].0, "ok", "a refusal has a date, too");
    assert!(about(&found, "users").is_empty());
    assert!(!ran.stdout.contains("sesame") && !ran.stderr.contains("sesame"));
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
