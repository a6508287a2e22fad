//! `keyrot who-uses` as a process: on the sandbox, and over HTTP on the emulator.
#![allow(clippy::unwrap_used)]

mod support;

use keyrot_aws::emulator::{CallAt, Emulator, EmulatorOptions, Fault, RateLimit, TRAIL};
use keyrot_core::KeyId;
use keyrot_core::memory::{TrailedUse, World};
use serde_json::{Value, json};
use std::time::Duration;
use support::{Ran, Sandbox, conforms, user};

fn old_key(sandbox: &Sandbox, name: &str) -> String {
    let (_, status) = sandbox.json(&["status", "--user", name]);
    let keys = user(&status, name)["keys"].as_array().unwrap().clone();
    keys.iter().find(|k| k["current"] == false).unwrap()["id"].as_str().unwrap().to_owned()
}

#[test]
fn sources_that_still_use_the_old_key_are_named() {
    let sandbox = Sandbox::new();
    let (code, found) = sandbox.json(&["who-uses", "backup-agent"]);
    assert_eq!((code, &found["partial"]), (Some(0), &json!(false)));
    let keys = found["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2, "every key of the user, the oldest first");
    let old = &keys[0];
    assert_eq!((&old["service"], &old["uses"]["events"]), (&json!("s3"), &json!(4)));
    let sources = old["uses"]["sources"].as_array().unwrap();
    let lines: Vec<_> = sources
        .iter()
        .map(|s| (s["address"].as_str().unwrap(), s["events"].as_u64().unwrap()))
        .collect();
    assert_eq!(
        lines,
        [("198.51.100.24", 3), ("203.0.113.9", 1)],
        "whoever used it last comes first"
    );
    assert_eq!(keys[1]["uses"]["events"], 0);
    let text = sandbox.run(&["who-uses", old["key"].as_str().unwrap()]);
    assert_eq!(text.code, Some(0));
    for part in [
        "of backup-agent",
        "4 events from 2 sources",
        "198.51.100.24",
        "Boto3/1.28.62",
        "s3:ListBuckets 3x",
        "a key without events can still be in use",
    ] {
        assert!(text.stdout.contains(part), "{part} in {}", text.stdout);
    }
    assert!(text.stderr.contains("asking CloudTrail about"), "{}", text.stderr);
    assert_eq!(sandbox.run(&["--sandbox", "-q", "who-uses", "backup-agent"]).stderr, "");
}

#[test]
fn lagging_keys_of_the_account_are_listed_the_latest_first() {
    let sandbox = Sandbox::new();
    let (code, found) = sandbox.json(&["who-uses", "--lagging"]);
    let keys = found["keys"].as_array().unwrap();
    let users: Vec<_> = keys.iter().map(|key| key["user"].as_str().unwrap()).collect();
    assert_eq!((code, &found["lagging"], &found["user"]), (Some(0), &json!(true), &json!(null)));
    assert_eq!(users, ["backup-agent", "shop-backend"], "each has an old key that still works");
    assert_eq!(keys[0]["key"], old_key(&sandbox, "backup-agent"));
    let ran = sandbox.run(&["who-uses", "--lagging"]);
    assert!(
        ran.stdout.contains("of backup-agent, active") && ran.stdout.contains("198.51.100.24"),
        "{}",
        ran.stdout
    );
    // A user whose old key is unknown is not silently left out.
    let unseen: Vec<_> = found["unseen"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["user"].as_str().unwrap())
        .collect();
    assert_eq!((&found["partial"], unseen), (&json!(true), vec!["data-import", "legacy-ftp"]));
    let says = "data-import: its old keys cannot be listed: keys that keyrot can't explain: AKIA";
    assert!(ran.stdout.contains(says), "{}", ran.stdout);

    let ran = sandbox.run(&["who-uses", "--lagging", "--tag", "Nobody=Has"]);
    assert_eq!(
        (ran.code, ran.stdout.starts_with("no selected user has an old key")),
        (Some(0), true),
        "{}",
        ran.stdout
    );
    assert_eq!(sandbox.run(&["who-uses"]).code, Some(2));
    assert_eq!(sandbox.run(&["who-uses", "backup-agent", "--lagging"]).code, Some(2));
}

/// After a rollback, the newer key is the one that should not be used, so its uses do not count as
/// lagging.
#[test]
fn the_newer_key_after_a_rollback_is_not_an_old_key() {
    let sandbox = Sandbox::new();
    let lag = || {
        let keys = sandbox.json(&["who-uses", "--lagging"]).1["keys"].as_array().unwrap().clone();
        keys.iter().any(|key| key["user"] == "ci-deployer")
    };
    assert_eq!(sandbox.json(&["rotate", "--user", "ci-deployer"]).0, Some(0));
    assert!(lag(), "the previous key is Active and older");
    assert_eq!(sandbox.json(&["rollback", "ci-deployer", "--yes"]).0, Some(0));
    assert!(!lag(), "the one that is Active beside the current one is newer");
}

#[test]
fn a_consumers_calls_and_the_requested_period_are_shown() {
    let sandbox = Sandbox::new();
    let old = old_key(&sandbox, "shop-backend");
    let used =
        ["sandbox", "use", "shop-backend", "--key", &old, "--service", "sqs", "--in", "eu-north-1"];
    let from =
        ["--from", "203.0.113.77", "--agent", "shop/1.0\u{1b}[2J", "--action", "CreateQueue"];
    assert_eq!(sandbox.json(&[&used[..], &from[..]].concat()).0, Some(0));
    let ran = sandbox.run(&["who-uses", &old]);
    assert!(
        ran.stdout.contains("shop/1.0\\u{1b}[2J; sqs:CreateQueue; in eu-north-1"),
        "{}",
        ran.stdout
    );
    assert!(!ran.stdout.contains('\u{1b}'), "no text of a stranger's steers the terminal");
    sandbox.json(&["sandbox", "advance", "8d"]);
    let (_, found) = sandbox.json(&["who-uses", &old]);
    assert_eq!(found["keys"][0]["uses"]["events"], 0, "a week by default");
    let (_, found) = sandbox.json(&["who-uses", &old, "--since", "30d", "--regions", "eu-north-1"]);
    let uses = &found["keys"][0]["uses"];
    assert_eq!((&uses["events"], &uses["regions"][0]["region"]), (&json!(1), &json!("eu-north-1")));
    let (_, found) = sandbox.json(&[
        "who-uses",
        &old,
        "--since",
        "30d",
        "--regions",
        "eu-west-3,ap-south-1,eu-west-3",
    ]);
    let regions = found["keys"][0]["uses"]["regions"].as_array().unwrap();
    assert_eq!((regions.len(), &found["keys"][0]["uses"]["events"]), (2, &json!(0)));
}

/// The answer comes from the settings, and from the secret's journal.
#[test]
fn the_destinations_of_a_managed_user_are_named() {
    let sandbox = Sandbox::new();
    let table = |name: &str, kind: &str, more: &str| {
        format!("[[destination]]\nname = '{name}'\nusers = ['*']\nkind = '{kind}'\n{more}\n")
    };
    let params = table("params", "ssm", "to = '/ci/{user}/aws'");
    let command =
        table("push", "command", "to = '{user}'\ncommand = ['/bin/push']\nrequired = false");
    let ask = |settings: &str, args: &[&str]| {
        std::fs::write(sandbox.dir().join("mine.toml"), settings).unwrap();
        let (code, found) = sandbox.json(&[&["--config", "mine.toml"], args].concat());
        (code, found)
    };
    let states = |found: &Value| -> Vec<(String, String, String)> {
        let all = found["destinations"][0]["destinations"].as_array().unwrap().iter();
        let text = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
        all.map(|one| (text(one, "kind"), text(one, "place"), text(one, "state"))).collect()
    };
    let whose = ["who-uses", "ci-deployer"];
    let (code, found) = ask("", &whose);
    assert_eq!((code, &found["destinations"]), (Some(0), &json!([])));
    let ssm = |state: &str| ("ssm".to_owned(), "/ci/ci-deployer/aws".to_owned(), state.to_owned());
    let (code, found) = ask(&params, &whose);
    assert_eq!((code, states(&found)), (Some(0), vec![ssm("waiting")]));
    assert_eq!(ask(&params, &["deliver", "ci-deployer", "--yes"]).0, Some(0));
    let (_, found) = ask(&(params.clone() + &command), &whose);
    let push = ("command".to_owned(), "ci-deployer".to_owned(), "waiting".to_owned());
    assert_eq!(states(&found), [ssm("delivered"), push]);
    let (key, current) = (found["keys"][0]["key"].as_str().unwrap(), &found["destinations"][0]);
    assert_eq!((current["current"].as_str(), &current["problem"]), (Some(key), &Value::Null));

    let text = sandbox.run(&["--config", "mine.toml", "who-uses", key]).stdout;
    for part in [
        format!("Destinations of ci-deployer, current key {key}\n"),
        "  params: ssm /ci/ci-deployer/aws, required: current key delivered, by its receipt "
            .to_owned(),
        "  push: command ci-deployer, optional: current key not delivered yet\n".to_owned(),
    ] {
        assert!(text.contains(&part), "{part} in {text}");
    }
    // A user that keyrot doesn't rotate has none, and a blocked user gets no deliveries.
    let (code, found) = ask(&params, &["who-uses", "break-glass"]);
    assert_eq!((code, &found["destinations"]), (Some(0), &json!([])));
    let (code, found) = ask(&params, &["who-uses", "legacy-ftp"]);
    assert_eq!((code, &states(&found)[0].2), (Some(1), &"unknown".to_owned()));
    assert!(found["destinations"][0]["problem"].is_string());
    let (_, status) = ask(&params, &["status"]);
    assert_eq!(user(&status, "legacy-ftp")["destinations"][0]["state"], "unknown");
}

#[test]
fn a_run_that_holds_a_key_names_who_uses_it_if_set_to() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run(&["rotate", "--user", "backup-agent", "--trail"]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.stderr.contains("is used from 198.51.100.24 with Boto3/1.28.62"), "{}", ran.stderr);
    let (_, document) = sandbox.json(&["rotate", "--user", "backup-agent", "--trail"]);
    let one = user(&document, "backup-agent");
    assert_eq!(
        (&one["reason"], &one["evidence"][0]["uses"]["events"]),
        (&json!("in_use"), &json!(4))
    );
    assert_eq!(one["events"].as_array().unwrap().last().unwrap()["event"], "used_by");
    let (_, without) = sandbox.json(&["rotate", "--user", "backup-agent"]);
    assert!(user(&without, "backup-agent")["evidence"][0].get("uses").is_none());
}

#[test]
fn invalid_questions_are_refused_before_any_call() {
    let sandbox = Sandbox::new();
    for (args, code, says) in [
        (&["who-uses"][..], 2, "KEY|USER"),
        (&["who-uses", "no body"], 2, "is not usable"),
        (&["who-uses", "backup-agent", "--since", "91d"], 2, "90 days"),
        (
            &["who-uses", "backup-agent", "--regions", "Frankfurt"],
            2,
            "a region such as eu-central-1",
        ),
        (&["who-uses", "backup-agent", "--max-events", "0"], 2, "--max-events"),
        (&["who-uses", "nobody"], 2, "there is no user nobody in this account"),
    ] {
        let ran = sandbox.run(args);
        assert_eq!(ran.code, Some(code), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(says), "{args:?}: {}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
    let (code, none) = sandbox.json(&["who-uses", "new-service"]);
    assert_eq!((code, none["keys"].as_array().unwrap().len()), (Some(0), 0));
    assert!(
        sandbox.run(&["who-uses", "new-service"]).stdout.contains("new-service has no access key")
    );
    // Neither IAM nor CloudTrail knows this key.
    let (code, gone) = sandbox.json(&["who-uses", "AKIAIOSFODNN7EXAMPLE"]);
    assert_eq!(
        (code, &gone["user"], &gone["keys"][0]["uses"]["events"]),
        (Some(1), &Value::Null, &json!(0))
    );
    let why = "IAM has no such key, and CloudTrail has no use of it in this period";
    assert_eq!(
        (&gone["keys"][0]["problem"], &gone["keys"][0]["status"]),
        (&json!(why), &json!(null))
    );
}

/// CloudTrail still has the uses of a key that IAM no longer has. That is an answer, not a failure.
#[test]
fn a_deleted_key_is_answered_from_cloudtrail() {
    let sandbox = Sandbox::new();
    let key = old_key(&sandbox, "backup-agent");
    assert_eq!(sandbox.json(&["sandbox", "delete", &key]).0, Some(0));
    let (code, found) = sandbox.json(&["who-uses", &key]);
    let found = &found["keys"][0];
    assert_eq!((code, &found["uses"]["events"]), (Some(0), &json!(4)));
    assert_eq!((&found["status"], &found["problem"]), (&json!("deleted"), &json!(null)));
    let ran = sandbox.run(&["who-uses", &key]);
    assert!(ran.stdout.starts_with(&format!("{key}, deleted\n")), "{}", ran.stdout);
    let says = "IAM's last use: not on record: the key was deleted\n";
    assert!(ran.code == Some(0) && ran.stdout.contains(says), "{}", ran.stdout);
}

/// An account whose one key was used 120 times in eu-west-1, from two addresses, and once in
/// us-east-1.
fn account(options: EmulatorOptions) -> (Emulator, KeyId) {
    let mut world = World::new(std::time::SystemTime::now().into());
    let ci = world.add_user("ci", &[("RotateKey", "True")]).unwrap();
    let key = world.add_key(&ci).unwrap().credentials.key;
    for n in 0..120 {
        let address = if n % 3 == 0 { "192.0.2.1" } else { "2001:db8::7" };
        let agent = "aws-cli/2.15.30 Python/3.11.8";
        let error = (n % 4 == 0).then_some("AccessDenied");
        world.note_use(
            &key,
            &TrailedUse {
                service: "s3",
                action: "ListBuckets",
                region: "eu-west-1",
                address,
                agent,
                error,
                role: None,
            },
        );
    }
    let agent = "app/keyrot";
    let what = TrailedUse {
        service: "sts",
        action: "GetCallerIdentity",
        region: "us-east-1",
        address: "192.0.2.1",
        agent,
        error: None,
        role: None,
    };
    world.note_use(&key, &what);
    (
        Emulator::start(world, EmulatorOptions { region: "eu-west-1".into(), ..options }).unwrap(),
        key,
    )
}

fn keyrot(emulator: &Emulator, args: &[&str]) -> Ran {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(args);
    command.env_remove("KEYROT_SANDBOX").envs(emulator.env());
    sandbox.take(&command.output().unwrap())
}

fn document(ran: &Ran) -> Value {
    let document = serde_json::from_str(&ran.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}{}", ran.stdout, ran.stderr));
    conforms(&document);
    document
}

#[test]
fn over_http_the_pages_are_followed_in_each_region() {
    let (emulator, key) = account(EmulatorOptions::default());
    let ran = keyrot(&emulator, &["--json", "who-uses", key.as_str()]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let found = document(&ran);
    assert_eq!((&found["user"], &found["partial"]), (&json!("ci"), &json!(false)));
    let uses = &found["keys"][0]["uses"];
    assert_eq!((&uses["events"], &uses["unreadable"]), (&json!(121), &json!(0)));
    let counts: Vec<_> =
        uses["sources"].as_array().unwrap().iter().map(|s| (&s["address"], &s["events"])).collect();
    assert!(
        counts.contains(&(&json!("192.0.2.1"), &json!(40)))
            && counts.contains(&(&json!("2001:db8::7"), &json!(80)))
    );
    assert_eq!(emulator.stats().actions["LookupEvents"].calls, 3 + 1);
    let text = keyrot(&emulator, &["who-uses", "ci"]).stdout;
    assert!(
        text.contains("refused: AccessDenied")
            && text.contains("probably keyrot, verifying the key"),
        "{text}"
    );
}

#[test]
fn over_http_a_limit_is_respected_and_reported_and_a_throttle_waited_for() {
    let limits = vec![RateLimit::new(TRAIL, 2.0, 2.0)];
    let (emulator, key) = account(EmulatorOptions { limits, ..EmulatorOptions::default() });
    let ran = keyrot(&emulator, &["--json", "who-uses", key.as_str(), "--max-events", "60"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let found = document(&ran);
    let region = &found["keys"][0]["uses"]["regions"][0];
    assert_eq!((&found["partial"], &region["events"]), (&json!(true), &json!(60)));
    assert!(region["cut_at"].is_string());
    let whole = keyrot(&emulator, &["who-uses", key.as_str()]);
    assert!(
        whole.code == Some(0) && whole.stdout.contains("121 events from 3 sources"),
        "{}{}",
        whole.stdout,
        whole.stderr
    );
    let cut = keyrot(&emulator, &["who-uses", key.as_str(), "--max-events", "60"]);
    assert!(
        cut.stdout.contains("eu-west-1 was cut short after 60 events: nothing before"),
        "{}",
        cut.stdout
    );
}

#[test]
fn over_http_a_region_that_refuses_makes_the_answer_incomplete() {
    let (emulator, key) = account(EmulatorOptions::default());
    emulator.inject(CallAt::every("LookupEvents"), Fault::denied());
    let ran = keyrot(&emulator, &["who-uses", key.as_str()]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stdout.contains("eu-west-1 could not be read")
            && ran.stdout.contains("cloudtrail:LookupEvents"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("IAM's last use: no use on record"),
        "what could be found out is shown: {}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("CloudTrail: not asked: 2 of 2 regions failed")
            && !ran.stdout.contains("no event"),
        "{}",
        ran.stdout
    );
    emulator.heal();
    emulator.inject(CallAt::first("LookupEvents"), Fault::denied());
    let ran = keyrot(&emulator, &["who-uses", key.as_str()]);
    assert!(
        ran.stdout.contains("CloudTrail: incomplete, 1 of 2 regions failed: "),
        "{}",
        ran.stdout
    );
    emulator.heal();
    emulator.inject(CallAt::every("GetAccessKeyLastUsed"), Fault::denied());
    let ran = keyrot(&emulator, &["--json", "who-uses", "ci"]);
    assert_eq!(ran.code, Some(1));
    let found = document(&ran);
    assert!(found["keys"][0]["problem"].as_str().unwrap().contains("iam:GetAccessKeyLastUsed"));
    assert_eq!(found["keys"][0]["uses"]["events"], 121);
}

#[test]
fn over_http_a_held_users_report_names_the_source() {
    let mut world = World::new(std::time::SystemTime::now().into());
    let ci = world.add_user("ci", &[("RotateKey", "True")]).unwrap();
    let old = world.add_key(&ci).unwrap().credentials;
    let emulator = Emulator::start(world, EmulatorOptions::default()).unwrap();
    // The account's clock is ahead of this machine's clock, which a run uses, so the overlap is
    // short here from the beginning.
    let short = ["--allow-short-waits", "--overlap", "1s"];
    assert_eq!(keyrot(&emulator, &[&["rotate"][..], &short[..]].concat()).code, Some(0));
    emulator.change(|world| {
        world.authenticate(&old, "s3", "us-east-1");
        let what = TrailedUse {
            service: "s3",
            action: "ListBuckets",
            region: "us-east-1",
            address: "192.0.2.9",
            agent: "old-app/3",
            error: None,
            role: None,
        };
        world.note_use(&old.key, &what);
    });
    std::thread::sleep(Duration::from_millis(1_500));
    let args = [&["--json", "rotate", "--trail"][..], &short[..]].concat();
    let ran = keyrot(&emulator, &args);
    let found = document(&ran);
    let one = user(&found, "ci");
    assert_eq!(one["reason"], "in_use", "{found:#}");
    assert_eq!(one["evidence"][0]["uses"]["sources"][0]["address"], "192.0.2.9");
    assert_eq!(emulator.stats().actions["LookupEvents"].calls, 1);
    // A denied trail is reported, and changes nothing.
    emulator.inject(CallAt::every("LookupEvents"), Fault::denied());
    let ran = keyrot(&emulator, &args[1..]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("could not be found out: us-east-1: cloudtrail:LookupEvents"),
        "{}",
        ran.stderr
    );
}
