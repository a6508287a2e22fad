//! Settings and the environment: what is reported, and the order of precedence.

use crate::support::{self, Sandbox, user};
use serde_json::json;

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
fn a_failed_discovery_is_exit_1_and_changes_no_user() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["--json", "rotate"]);
    // A port on which nothing listens, instead of AWS.
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

/// `credentials` runs in any directory, so it reads no file there.
#[test]
fn a_file_that_is_skipped_is_named_when_the_region_is_missing() {
    let sandbox = Sandbox::new();
    std::fs::write(sandbox.dir().join("keyrot.toml"), "region = \"eu-west-1\"\n").unwrap();
    let mut command = sandbox.command(&["credentials", "ci", "--no-cache"]);
    command.current_dir(sandbox.dir()).env_remove("KEYROT_SANDBOX");
    command.env("AWS_EC2_METADATA_DISABLED", "true");
    let ran = sandbox.take(&command.output().unwrap());
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("this command skips keyrot.toml"), "{}", ran.stderr);
}

#[test]
fn a_missing_region_is_reported_before_any_call() {
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
fn color_is_only_for_terminals_or_on_request() {
    let sandbox = Sandbox::new();
    let escape = '\u{1b}';
    assert!(!sandbox.run(&["status"]).stdout.contains(escape));
    assert!(sandbox.run(&["status", "--color", "always"]).stdout.contains(escape));
}

#[test]
fn missing_root_certificates_are_reported() {
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

/// An unset variable of a shell must not change where keyrot works.
#[test]
fn an_empty_place_and_a_user_of_another_partition_are_refused() {
    let sandbox = Sandbox::new();
    let refused = |args: &[&str], expected: &str| {
        let ran = sandbox.run(args);
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{args:?}: {}", ran.stderr);
    };
    for flag in ["--profile", "--account", "--region", "--endpoint-url", "--config"] {
        refused(&["status", flag, ""], &format!("{flag} is empty"));
    }
    let user = "arn:aws-cn:iam::123456789012:user/ci-deployer";
    refused(&["status", user], "is a user of another partition");
    // Only `plan` has that flag, and only there does 2 have another meaning.
    refused(&["status", "--detailed-exitcode"], "--detailed-exitcode");
    assert_eq!(sandbox.run(&["plan", "--detailed-exitcode", "--no-such"]).code, Some(1));
    refused(&["man", "nonsense"], "there is no page for nonsense");
    let page = sandbox.run(&["man", "rotate"]).stdout;
    assert!(page.contains(".TH keyrot-rotate"), "{page}");
}
