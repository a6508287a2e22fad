//! `keyrot audit` as a process: each output format, and each exit code.
#![allow(clippy::unwrap_used)]

mod exports;
mod over_http;
#[path = "../support/mod.rs"]
mod support;

use keyrot_aws::emulator::{Emulator, EmulatorOptions};
use keyrot_core::memory::World;
use over_http::on;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use support::{Ran, Sandbox};

fn printed(sandbox: &Sandbox, args: &[&str]) -> String {
    let ran = sandbox.run(&[&["audit"], args].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran.stdout
}

fn findings(document: &Value) -> BTreeSet<(String, String)> {
    let text = |v: &Value| v.as_str().unwrap_or("root").to_owned();
    document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| (text(&f["user"]), text(&f["kind"])))
        .collect()
}

#[test]
fn the_document_has_every_key_and_its_findings() {
    let sandbox = Sandbox::new();
    let (code, document) = sandbox.json(&["audit", "--ids"]);
    assert_eq!(code, Some(0), "a finding is no failure unless it was asked for");
    let shown = sandbox.json(&["sandbox", "show"]).1;
    let ids = |keys: &Value, id: &str| -> BTreeSet<String> {
        keys.as_array().unwrap().iter().map(|key| key[id].as_str().unwrap().to_owned()).collect()
    };
    let there: BTreeSet<String> = shown["users"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|user| ids(&user["keys"], "id"))
        .collect();
    assert_eq!(ids(&document["keys"], "key_id"), there);
    let found = findings(&document);
    for (user, kind) in [
        ("data-import", "old_key"),
        ("data-import", "two_active_keys"),
        ("break-glass", "unused_key"),
        ("legacy-ftp", "blocked"),
        ("backup-agent", "two_active_keys"),
    ] {
        assert!(found.contains(&(user.into(), kind.into())), "{user} {kind} in {found:?}");
    }
    assert!(!found.iter().any(|(user, _)| user == "report-mailer"), "{found:?}");
    assert_eq!(document["counts"]["findings"]["blocked"], 1);
    let tagged = |user: &str, status: &str| {
        let of = |key: &&Value| key["user"] == user && key["status"] == status;
        let keys = document["keys"].as_array().unwrap().iter().filter(of);
        keys.map(|key| key["tagged"].as_str().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(tagged("shop-backend", "active"), ["yes", "yes"]);
    assert_eq!(tagged("billing-export", "inactive"), ["yes"]);
    assert_eq!(
        (tagged("legacy-ftp", "active"), tagged("break-glass", "active")),
        (vec!["blocked"], vec!["no"])
    );
    let limit = |user: &str| {
        document["keys"].as_array().unwrap().iter().find(|key| key["user"] == user).unwrap()["limit"]
            .clone()
    };
    assert!(limit("legacy-ftp").is_string() && limit("break-glass").is_string());
    let oldest = &document["keys"][0];
    assert_eq!((&oldest["user"], &oldest["age_days"]), (&json!("data-import"), &json!(410)));
    // An audit may have its own limit; a rotation could not have one this short.
    let stricter = sandbox.json(&["audit", "--max-age", "10d"]).1;
    assert_eq!(stricter["max_age_seconds"], 10 * 86_400);
    assert_eq!(sandbox.run(&["plan", "--max-age", "10d"]).code, Some(2));
    let strict = sandbox.json(&["audit", "--max-age", "34d"]).1;
    assert!(findings(&strict).contains(&("report-mailer".into(), "old_key".into())));
    assert_eq!(strict["max_age_seconds"], 34 * 86_400);
    assert_eq!(printed(&sandbox, &["--output", "json", "-q"]).lines().next(), Some("{"));
}

/// A block may depend on the user's secret, which an audit does not read. So no format may say
/// whether or when keyrot rotates the user.
#[test]
fn no_format_shows_a_schedule_that_may_be_wrong() {
    let sandbox = Sandbox::new();
    let status = sandbox.json(&["status"]).1;
    let blocked = |user: &&Value| user["state"] == "blocked";
    assert!(status["users"].as_array().unwrap().iter().any(|user| blocked(&user)), "{status}");
    for format in ["table", "csv", "html", "json"] {
        let text = printed(&sandbox, &["--format", format]);
        for word in ["by keyrot", "NEXT ROTATION", "Next rotation", "next_rotation", "rotations"] {
            assert!(!text.contains(word), "{format}: {word}");
        }
    }
    assert!(printed(&sandbox, &[]).contains("keyrot status"));
}

#[test]
fn each_format_names_the_destinations_of_the_settings() {
    let sandbox = Sandbox::new();
    let table = "[[destination]]\nname = 'params'\nkind = 'ssm'\nusers = ['ci-*', 'break-*']\n\
                 to = '/ci/{user}'\n";
    std::fs::write(sandbox.dir().join("mine.toml"), table).unwrap();
    let with = ["--config", "mine.toml"];
    let (code, document) = sandbox.json(&[&with[..], &["audit"]].concat());
    assert_eq!(code, Some(0));
    let keys = document["keys"].as_array().unwrap();
    let having: BTreeSet<&str> = keys
        .iter()
        .filter(|key| !key["destinations"].is_null())
        .map(|key| key["user"].as_str().unwrap())
        .collect();
    assert_eq!(having, ["ci-deployer"].into(), "break-glass is not tagged");
    for (format, named) in [
        ("table", "TAGGED   DESTINATIONS  FINDINGS"),
        ("csv", "params (ssm /ci/ci-deployer)"),
        ("html", "params (ssm /ci/ci-deployer)</td>"),
    ] {
        let text = printed(&sandbox, &[&["--output", format], &with[..]].concat());
        assert!(text.contains(named), "{text}");
        let without = printed(&sandbox, &["--output", format]);
        assert!(!without.contains("params") && !without.contains("DESTINATIONS"), "{without}");
    }
}

#[test]
fn a_filtered_list_keeps_the_counts_of_the_whole_account() {
    let sandbox = Sandbox::new();
    let whole = sandbox.json(&["audit"]).1;
    let unmanaged = sandbox.json(&["audit", "--only", "unmanaged"]).1;
    assert_eq!(whole["counts"], unmanaged["counts"]);
    let users: BTreeSet<_> =
        unmanaged["keys"].as_array().unwrap().iter().map(|k| k["user"].as_str().unwrap()).collect();
    assert_eq!(users, ["break-glass", "jane.doe"].into());
    let findings = sandbox.json(&["audit", "--only", "findings"]).1;
    assert!(findings["keys"].as_array().unwrap().iter().all(|key| key["severity"].is_string()));
    assert!(findings["keys"].as_array().unwrap().len() < whole["keys"].as_array().unwrap().len());
}

#[test]
fn a_check_exits_with_3_from_the_requested_severity() {
    let sandbox = Sandbox::new();
    let code = |args: &[&str]| sandbox.run(&[&["audit", "-q"], args].concat()).code;
    assert_eq!((code(&[]), code(&["--check"])), (Some(0), Some(3)));
    assert_eq!((code(&["--check=high"]), code(&["--check=critical"])), (Some(3), Some(0)));
    // Findings that are left out of the list still count.
    assert_eq!(code(&["--check=high", "--only", "unmanaged", "--output", "csv"]), Some(3));
    // A young key has no findings.
    let mut world = World::new(std::time::SystemTime::now().into());
    let user = world.add_user("ci", &[]).unwrap();
    world.add_key(&user).unwrap();
    let ran =
        on(&Emulator::start(world, EmulatorOptions::default()).unwrap(), &sandbox, &["--check"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("no finding"), "{}", ran.stdout);
}

#[test]
fn invalid_arguments_are_refused_before_anything_is_read() {
    let sandbox = Sandbox::new();
    for (args, says) in [
        (&["--output", "xml"][..], "xml"),
        (&["--json", "--output", "csv"], "--json is short for --output json"),
        (&["--out", "nowhere/keys.csv"], "there is no folder nowhere"),
        (&["--out", "."], "is not a file"),
        (&["--check=bad"], "bad"),
        (&["--max-age", "ninety"], "max_age"),
    ] {
        let ran = sandbox.run(&[&["audit"], args].concat());
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(says), "{args:?}: {}", ran.stderr);
        assert!(!sandbox.file().exists(), "{args:?}");
    }
}

#[test]
fn a_file_is_replaced_as_a_whole_and_is_private() {
    let sandbox = Sandbox::new();
    let path = sandbox.dir().join("keys.txt");
    std::fs::write(&path, "old").unwrap();
    let ran = sandbox.run(&["audit", "--color", "always", "--out", path.to_str().unwrap()]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("wrote "), "{}", ran.stderr);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(
        text.contains("data-import") && !text.contains('\u{1b}') && !text.contains("old\n"),
        "{text}"
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        // The target of a symbolic link is replaced, not the link itself.
        let link = sandbox.dir().join("link.json");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert_eq!(
            sandbox.run(&["--json", "audit", "-q", "--out", link.to_str().unwrap()]).code,
            Some(0)
        );
        assert!(link.is_symlink());
    }
    let document: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    support::conforms(&document);
    let left: Vec<_> =
        std::fs::read_dir(sandbox.dir()).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with(".tmp")), "{left:?}");
}

#[test]
fn the_auditors_permissions_are_printed() {
    let policy = |args: &[&str]| -> Ran {
        Sandbox::new().run(&[&["policy", "--for", "audit"], args].concat())
    };
    let ran = policy(&["--account", "123456789012"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "IAM has no region to be filled in");
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    let sids: Vec<&str> = document["Statement"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["Sid"].as_str().unwrap())
        .collect();
    assert_eq!(sids, ["ReadCredentialReport", "FindUsers", "ListKeys"]);
    assert!(
        !ran.stdout.contains("secretsmanager") && !ran.stdout.contains("Create"),
        "{}",
        ran.stdout
    );
    assert!(policy(&["--format", "terraform"]).stdout.contains("iam:GetCredentialReport"));
    assert_eq!(policy(&["--format", "sam", "--parameters"]).code, Some(2));
}
