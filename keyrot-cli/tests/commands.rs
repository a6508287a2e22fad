//! The commands as processes: exit codes, documents, and what people are told.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::json;
use support::{Sandbox, user};

#[test]
fn a_fresh_sandbox_has_a_user_in_every_telling_state() {
    let sandbox = Sandbox::new();
    let (code, document) = sandbox.json(&["status"]);
    assert_eq!(code, Some(0), "it only reads, though somebody is blocked");
    let state =
        |name| (user(&document, name)["state"].clone(), user(&document, name)["reason"].clone());
    for (name, expected) in [
        ("backup-agent", ("waiting", "in_use")),
        ("billing-export", ("waiting", "soak")),
        ("ci-deployer", ("due", "rotate")),
        ("data-import", ("blocked", "unknown_keys")),
        ("legacy-ftp", ("blocked", "bad_tag")),
        ("new-service", ("due", "adopt")),
        ("report-mailer", ("settled", "settled")),
        ("shop-backend", ("waiting", "overlap")),
    ] {
        assert_eq!(state(name), (json!(expected.0), json!(expected.1)), "{name}");
    }
    assert_eq!(user(&document, "image-resizer")["state"], "due");
    assert_eq!(document["skipped"]["not_tagged"], 1);
    assert_eq!(document["skipped"]["other_value"], 1);
    let evidence = &user(&document, "backup-agent")["evidence"][0];
    assert_eq!((&evidence["service"], &evidence["region"]), (&json!("s3"), &json!("eu-west-1")));
}

#[test]
fn a_plan_changes_nothing_but_says_what_a_run_would_do() {
    let sandbox = Sandbox::new();
    let before = sandbox.json(&["sandbox", "show"]).1;
    let (_, plan) = sandbox.json(&["plan"]);
    let after = sandbox.json(&["sandbox", "show"]).1;
    assert_eq!((&before["users"], &before["secrets"]), (&after["users"], &after["secrets"]));
    assert!(plan["counts"]["due"].as_u64() >= Some(3), "{}", plan["counts"]);
    let message = user(&plan, "ci-deployer")["message"].as_str().unwrap();
    assert!(message.starts_with("rotate: replace AKIA"), "{message}");
}

#[test]
fn a_rotation_from_due_to_settled() {
    let sandbox = Sandbox::new();
    let only = ["--user", "ci-deployer"];
    let rotate = || sandbox.json(&[&["rotate"], &only[..]].concat());
    let (code, first) = rotate();
    assert_eq!(
        (code, &first["result"], &first["counts"]["rotated"]),
        (Some(0), &json!("ok"), &json!(1))
    );
    assert_eq!(user(&first, "ci-deployer")["reason"], "overlap");
    assert_eq!(rotate().1["counts"]["rotated"], 0, "a second run has nothing to do");
    for (days, reason, count) in [("8d", "soak", "retired"), ("8d", "settled", "deleted")] {
        sandbox.json(&["sandbox", "use", "ci-deployer"]);
        sandbox.json(&["sandbox", "advance", days]);
        let (code, document) = rotate();
        assert_eq!(code, Some(0));
        assert_eq!(user(&document, "ci-deployer")["reason"], reason);
        assert_eq!(document["counts"][count], 1);
    }
    sandbox.json(&["sandbox", "advance", "1m"]);
    assert_eq!(user(&rotate().1, "ci-deployer")["keys"].as_array().unwrap().len(), 1);
    let forced = sandbox.json(&["rotate", "--force", "--user", "ci-deployer"]).1;
    assert_eq!(forced["counts"]["rotated"], 1, "--force replaces a key that is not due");
    sandbox.run(&["status"]);
    sandbox.kept_its_secrets();
}

#[test]
fn a_blocked_user_is_freed_by_what_the_hint_says() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run(&["rotate", "--user", "data-import"]);
    assert_eq!(ran.code, Some(3));
    assert!(
        ran.stdout.contains("Needs manual action")
            && ran.stdout.contains("hint: deactivate the one that nobody needs"),
        "{}",
        ran.stdout
    );
    let (_, status) = sandbox.json(&["status"]);
    let oldest = user(&status, "data-import")["keys"][1]["id"].as_str().unwrap().to_owned();
    sandbox.json(&["sandbox", "delete", &oldest]);
    let (code, document) = sandbox.json(&["rotate", "--user", "data-import"]);
    assert_eq!((code, &document["counts"]["rotated"]), (Some(0), &json!(1)));
    sandbox.kept_its_secrets();
}

#[test]
fn a_consumer_is_accepted_with_the_published_key_and_refused_with_a_deactivated_one() {
    let sandbox = Sandbox::new();
    let (code, accepted) = sandbox.json(&["sandbox", "use", "shop-backend"]);
    assert_eq!((code, &accepted["result"]), (Some(0), &json!("accepted")));
    let key = accepted["key"].as_str().unwrap().to_owned();
    sandbox.json(&["sandbox", "deactivate", &key]);
    let (code, refused) = sandbox.json(&["sandbox", "use", "shop-backend"]);
    assert_eq!((code, &refused["result"]), (Some(1), &json!("refused")));
    let (code, status) = sandbox.json(&["status", "--user", "shop-backend"]);
    assert_eq!(
        sandbox.json(&["status", "shop-backend"]).1["users"],
        status["users"],
        "a name alone means the same"
    );
    assert_eq!(
        (code, &user(&status, "shop-backend")["reason"]),
        (Some(0), &json!("current_key_inactive"))
    );
    sandbox.json(&["sandbox", "reactivate", &key]);
    assert_eq!(sandbox.json(&["sandbox", "use", "shop-backend"]).0, Some(0));
}

#[test]
fn a_use_of_the_old_key_holds_it_and_names_the_service() {
    let sandbox = Sandbox::new();
    let (_, status) = sandbox.json(&["status", "--user", "shop-backend"]);
    let keys = user(&status, "shop-backend")["keys"].as_array().unwrap().clone();
    let old =
        keys.iter().find(|k| k["current"] == false).unwrap()["id"].as_str().unwrap().to_owned();
    sandbox.json(&["sandbox", "advance", "5d"]);
    sandbox.json(&[
        "sandbox",
        "use",
        "shop-backend",
        "--key",
        &old,
        "--service",
        "sqs",
        "--in",
        "eu-north-1",
    ]);
    let ran = sandbox.run(&["rotate", "--user", "shop-backend"]);
    assert_eq!(ran.code, Some(0));
    assert!(
        ran.stdout.contains("held") && ran.stdout.contains("sqs in eu-north-1"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stderr.contains("held:"),
        "the event is told where stdout is no terminal: {}",
        ran.stderr
    );
}

#[test]
fn an_old_key_is_held_until_something_uses_the_new_one() {
    let sandbox = Sandbox::new();
    let rotate =
        |more: &[&str]| sandbox.json(&[&["rotate", "--user", "new-service"], more].concat()).1;
    assert_eq!(rotate(&[])["counts"]["rotated"], 1);
    assert_eq!(rotate(&["--force"])["counts"]["rotated"], 1);
    sandbox.json(&["sandbox", "advance", "9d"]);
    let held = rotate(&[]);
    let one = user(&held, "new-service");
    assert_eq!(
        (&one["reason"], &held["counts"]["held"], &held["result"]),
        (&json!("not_picked_up"), &json!(1), &json!("ok"))
    );
    let hint = one["hint"].as_str().unwrap();
    assert!(
        hint.contains("/iam/new-service/access_key")
            && hint.contains("keyrot revoke new-service AKIA"),
        "{hint}"
    );
    let ran = sandbox.run(&["status", "--user", "new-service"]);
    assert!(
        ran.stdout.contains("held") && ran.stdout.contains("nothing has used the new key yet"),
        "{}",
        ran.stdout
    );
    // A consumer reads the secret, and works with what it finds.
    sandbox.json(&["sandbox", "use", "new-service"]);
    assert_eq!(rotate(&[])["counts"]["retired"], 1);
}

#[test]
fn who_waits_for_adoption_is_counted_and_told_what_to_do() {
    let sandbox = Sandbox::new();
    let none = ["--max-adoptions", "0"];
    let ran =
        sandbox.run(&[&["rotate", "--user", "new-service", "report-mailer"], &none[..]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let text = "1 user waits for adoption: one run adopts at most 0 users (max_adoptions); check the adopted users, then run keyrot again or raise max_adoptions";
    assert!(ran.stdout.contains(text), "{}", ran.stdout);
    let plan = sandbox.run(&[&["plan", "--user", "new-service"], &none[..]].concat());
    assert!(
        plan.stdout.contains("1 user to adopt: one run adopts at most 0 users (max_adoptions)"),
        "{}",
        plan.stdout
    );
    let (code, document) =
        sandbox.json(&[&["rotate", "--user", "new-service"], &none[..]].concat());
    assert_eq!(
        (code, &document["counts"]["to_adopt"], &document["counts"]["stopped"]),
        (Some(0), &json!(1), &json!(1))
    );
    assert_eq!(user(&document, "new-service")["reason"], "adoption_limit");
    assert!(
        sandbox
            .run(&["rotate", "--user", "new-service"])
            .stdout
            .contains("adopted, new key published")
    );
}

#[test]
fn settings_that_cannot_be_used_are_named_and_nothing_is_done() {
    let sandbox = Sandbox::new();
    let refused = |args: &[&str], expected: &[&str]| {
        let ran = sandbox.run(args);
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.stderr);
        for text in expected {
            assert!(ran.stderr.contains(text), "{args:?}: {}", ran.stderr);
        }
        assert!(!sandbox.file().exists(), "{args:?}");
    };
    refused(&["rotate", "--overlap", "5m"], &["overlap", "expected at least 1h"]);
    refused(
        &["rotate", "--max-age", "ninety"],
        &["max_age = \"ninety\" (flag --max-age)", "such as 90d"],
    );
    refused(&["rotate", "--overlp", "8d"], &["--overlap"]);
    refused(&["rotat"], &["similar", "rotate"]);
    refused(&["rotate", "--user", "a b"], &["IAM user name"]);
    refused(&["--config", "nowhere.toml", "plan"], &["nowhere.toml cannot be read"]);
    refused(&[], &["Usage"]);
    std::fs::write(sandbox.dir().join("keyrot.toml"), "\noverlpa = \"8d\"\n").unwrap();
    refused(&["plan"], &["`overlpa` in keyrot.toml line 2", "did you mean `overlap`?"]);
    let ran = sandbox.run(&["--json", "plan"]);
    let document = serde_json::from_str(&ran.stdout).unwrap();
    support::conforms(&document);
    assert_eq!((ran.code, &document["exit"]), (Some(2), &json!(2)));
}

#[test]
fn file_environment_and_flag_win_in_this_order() {
    let sandbox = Sandbox::new();
    let due = |args: &[&str], env: Option<&str>| {
        let mut command =
            sandbox.command(&[&["--json", "status", "--user", "report-mailer"], args].concat());
        command.envs(env.map(|value| ("KEYROT_MAX_AGE", value)));
        let document: serde_json::Value =
            serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
        let day =
            |v: &serde_json::Value| v.as_str().unwrap()[..10].parse::<chrono::NaiveDate>().unwrap();
        let user = user(&document, "report-mailer");
        let created = day(&user["keys"][0]["created"]);
        assert_eq!(
            day(&user["deadline"]) - day(&user["due"]),
            chrono::TimeDelta::days(15),
            "14 and a half"
        );
        (day(&user["deadline"]) - created).num_days()
    };
    assert_eq!(due(&[], None), 90);
    std::fs::write(sandbox.dir().join("keyrot.toml"), "max_age = \"80d\"\n").unwrap();
    assert_eq!(due(&[], None), 80);
    assert_eq!(due(&[], Some("70d")), 70);
    assert_eq!(due(&["--max-age", "60d"], Some("70d")), 60);
}

#[test]
fn mistyped_users_are_suggested_and_stop_the_run_before_it_begins() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run(&["rotate", "--user", "ci-deployer", "ci-deploier"]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.contains("there is no user ci-deploier; did you mean ci-deployer?"),
        "{}",
        ran.stderr
    );
    let ran = sandbox.run(&["rotate", "--user", "jane.doe"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("tag it RotateKey=True"), "{}", ran.stderr);
    assert_eq!(
        sandbox.json(&["status"]).1["counts"]["due"],
        3,
        "nothing was done for the user that is there"
    );
    sandbox.json(&["sandbox", "tag", "jane.doe", "RotateKey=true"]);
    assert_eq!(sandbox.json(&["rotate", "--user", "jane.doe"]).1["counts"]["rotated"], 1);
}

#[test]
fn nobody_selected_is_said_plainly_and_is_no_failure() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run(&["rotate", "--tag", "Nobody"]);
    assert_eq!(ran.code, Some(0));
    assert!(
        ran.stdout.contains("No user is selected") && ran.stdout.contains("hint:"),
        "{}",
        ran.stdout
    );
    assert_eq!(sandbox.json(&["rotate", "--tag", "Nobody"]).1["counts"]["users"], 0);
}

#[test]
fn max_changes_bounds_the_run_and_is_no_failure() {
    let sandbox = Sandbox::new();
    let (code, document) = sandbox.json(&[
        "rotate",
        "--max-changes",
        "1",
        "--concurrency",
        "1",
        "--exclude",
        "data-import,legacy-ftp",
    ]);
    assert_eq!(code, Some(0));
    let changed = document["users"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|u| u["reason"] == "change_limit")
        .count();
    assert!(changed >= 2, "{}", document["counts"]);
}

#[test]
fn a_discovery_that_fails_is_exit_1_and_touches_nobody() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["--json", "rotate"]);
    // A port on which nobody listens, in the place of AWS.
    command
        .env_remove("KEYROT_SANDBOX")
        .env("KEYROT_ENDPOINT_URL", "http://127.0.0.1:9")
        .env("AWS_REGION", "eu-west-1");
    command
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "never-sent-anywhere");
    command.env("AWS_EC2_METADATA_DISABLED", "true");
    let ran = sandbox.take(&command.output().unwrap());
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("could not list") && ran.stderr.contains("nothing was changed"),
        "{}",
        ran.stderr
    );
    support::conforms(&serde_json::from_str(&ran.stdout).unwrap());
    assert!(!ran.stderr.contains("never-sent-anywhere"));
}

#[test]
fn without_a_region_it_says_so_before_anything_is_called() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["rotate"]);
    command.env_remove("KEYROT_SANDBOX").env("AWS_EC2_METADATA_DISABLED", "true");
    let ran = sandbox.take(&command.output().unwrap());
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("no AWS region is set") && ran.stderr.contains("keyrot --sandbox"),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_demo_is_true_and_quick() {
    let sandbox = Sandbox::new();
    let (code, document) = sandbox.json(&["demo"]);
    assert_eq!(code, Some(0));
    assert_eq!(document["promises_broken"], json!([]));
    assert_eq!(document["requests_refused"], 0);
    assert!(document["changes_watched"].as_u64() > Some(20));
    let text: Vec<&str> =
        document["lines"].as_array().unwrap().iter().map(|l| l["text"].as_str().unwrap()).collect();
    let story = [
        "dies right after CreateAccessKey",
        "created by an interrupted run",
        "deleted",
        "published",
        "and may need it again",
        "monthly: accepted with",
        "monthly: now reads its key from the secret",
        "after it was held for",
        "deleted",
        "published",
        "deactivated",
    ];
    let mut lines = text.iter().peekable();
    for part in story {
        while !lines.peek().unwrap_or_else(|| panic!("no {part:?} in {text:#?}")).contains(part) {
            lines.next();
        }
    }
    assert_eq!(
        document["lines"].as_array().unwrap().last().unwrap()["day"],
        100,
        "the last of 104 days on which something happens"
    );
}

#[test]
fn the_sandbox_file_is_private_and_a_foreign_one_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.json(&["sandbox", "show"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(sandbox.file()).unwrap().permissions().mode() & 0o777, 0o600);
    }
    for (text, expected) in [
        (
            r#"{"format": "keyrot-sandbox", "version": 2}"#,
            "version 2, expected keyrot-sandbox version 1",
        ),
        (r#"{"format": "other", "version": 1}"#, "it is other version 1"),
        ("not JSON", "line 1 column"),
    ] {
        std::fs::write(sandbox.file(), text).unwrap();
        let ran = sandbox.run(&["rotate"]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
        assert_eq!(std::fs::read_to_string(sandbox.file()).unwrap(), text, "it is never rewritten");
    }
    assert_eq!(sandbox.json(&["sandbox", "reset"]).0, Some(0));
    assert_eq!(sandbox.json(&["sandbox", "show"]).0, Some(0));
}

#[test]
fn color_is_for_terminals_or_on_request() {
    let sandbox = Sandbox::new();
    let escape = '\u{1b}';
    assert!(!sandbox.run(&["status"]).stdout.contains(escape));
    assert!(sandbox.run(&["status", "--color", "always"]).stdout.contains(escape));
}

#[test]
fn a_machine_without_root_certificates_is_told_so() {
    let sandbox = Sandbox::new();
    let empty = sandbox.dir().join("roots.pem");
    std::fs::write(&empty, "").unwrap();
    let mut command = sandbox.command(&["rotate"]);
    command
        .env_remove("KEYROT_SANDBOX")
        .env("AWS_REGION", "eu-central-1")
        .env("SSL_CERT_FILE", empty);
    let ran = sandbox.take(&command.output().unwrap());
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("no trusted root certificates") && ran.stderr.contains("SSL_CERT_FILE"),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_sandboxs_variable_is_no_switch() {
    let sandbox = Sandbox::new();
    for switch in ["0", "False", "off"] {
        let mut command = sandbox.command(&["status"]);
        let ran = sandbox.take(
            &command.env("KEYROT_SANDBOX", switch).current_dir(sandbox.dir()).output().unwrap(),
        );
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains("unset it to use AWS"), "{}", ran.stderr);
        assert!(!sandbox.dir().join(switch).exists());
    }
}
