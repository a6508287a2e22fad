//! The sandbox: its content, and its file.

use crate::support::{Sandbox, user};
use serde_json::json;

#[test]
fn a_new_sandbox_has_a_user_in_every_interesting_state() {
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
fn the_demo_is_correct_and_quick() {
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
        // A new sandbox replaces an old one only on request.
        let replaced = if expected.starts_with("version 2") { 0 } else { 2 };
        assert_eq!(sandbox.json(&["sandbox", "reset"]).0, Some(replaced), "{text}");
    }
    std::fs::remove_file(sandbox.file()).unwrap();
    assert_eq!(sandbox.json(&["sandbox", "reset"]).0, Some(0));
    assert_eq!(sandbox.json(&["sandbox", "show"]).0, Some(0));
}

#[test]
fn the_sandbox_variable_is_not_a_switch() {
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

/// `reset` replaces only a sandbox.
#[test]
fn reset_refuses_a_file_that_is_not_a_sandbox() {
    let sandbox = Sandbox::new();
    let file = sandbox.dir().join("notes.txt");
    let reset = |text: Option<&str>| {
        if let Some(text) = text {
            std::fs::write(&file, text).unwrap();
        }
        let ran = sandbox.run(&["--sandbox=notes.txt", "sandbox", "reset"]);
        (ran, std::fs::read_to_string(&file).unwrap())
    };
    for text in ["precious", "", "{}", r#"{"about":"x","format":"keyrot-sandbox"}"#] {
        let (ran, left) = reset(Some(text));
        assert_eq!((ran.code, left.as_str()), (Some(2), text), "{}", ran.stderr);
        assert!(ran.stderr.contains("notes.txt is not a sandbox"), "{}", ran.stderr);
        assert!(!sandbox.dir().join("notes.txt.lock").exists());
    }
    // A damaged sandbox, and one that does not exist yet.
    std::fs::write(&file, "{\n  \"format\": \"keyrot-sandbox\",\n  \"vers").unwrap();
    assert_eq!(reset(None).0.code, Some(0));
    std::fs::remove_file(&file).unwrap();
    assert_eq!(sandbox.run(&["--sandbox=notes.txt", "sandbox", "reset"]).code, Some(0));
}

/// A sandbox that was not requested on the command line could be mistaken for AWS.
#[test]
fn the_sandbox_variable_is_reported() {
    let sandbox = Sandbox::new();
    const SAID: &str = "KEYROT_SANDBOX is set: this is a simulated account";
    for args in [&["-q", "status"][..], &["status", "--json"], &["enroll", "-n", "report-mailer"]] {
        let ran = sandbox.run(args);
        assert_eq!(ran.stderr.matches(SAID).count(), 1, "{args:?}: {}", ran.stderr);
        let ran = sandbox.run(&[&["--sandbox"], args].concat());
        assert!(!ran.stderr.contains(SAID), "{args:?}: {}", ran.stderr);
    }
}
