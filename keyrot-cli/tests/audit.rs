//! `keyrot audit` as a process: each output format, and each exit code.
#![allow(clippy::unwrap_used)]

mod support;

use keyrot_aws::emulator::{CallAt, Emulator, EmulatorOptions, Fault, WorldTime};
use keyrot_core::UserName;
use keyrot_core::memory::World;
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
fn the_document_has_every_key_and_what_is_wrong_with_it() {
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

/// What blocks a user is in its secret, which an audit does not read. So no format may say whether
/// or when keyrot rotates the user.
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
fn a_part_is_listed_and_the_counts_cover_the_whole() {
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
fn a_check_ends_with_3_from_the_requested_severity_on() {
    let sandbox = Sandbox::new();
    let code = |args: &[&str]| sandbox.run(&[&["audit", "-q"], args].concat()).code;
    assert_eq!((code(&[]), code(&["--check"])), (Some(0), Some(3)));
    assert_eq!((code(&["--check=high"]), code(&["--check=critical"])), (Some(3), Some(0)));
    // Findings that are left out of the list still count.
    assert_eq!(code(&["--check=high", "--only", "unmanaged", "--output", "csv"]), Some(3));
    // Nothing is wrong with a young key.
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
        // The target of a link is replaced, not the link.
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

/// A sandbox with tags that try to break out of a cell or an element.
fn hostile() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.json(&[
        "sandbox",
        "tag",
        "break-glass",
        "keyrot:owner=<script>alert('1' & \"2\")</script>",
    ]);
    sandbox.json(&[
        "sandbox",
        "tag",
        "data-import",
        "keyrot:owner==HYPERLINK(\"x\",\"y\"), and more",
    ]);
    sandbox
}

#[test]
fn no_cell_of_the_rows_is_a_formula() {
    let text = printed(&hostile(), &["--output", "csv"]);
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let owners: BTreeSet<String> = rows.records().map(|row| row.unwrap()[3].to_owned()).collect();
    assert!(owners.contains("'=HYPERLINK(\"x\",\"y\"), and more"), "{owners:?}");
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    for row in rows.records() {
        assert!(row.unwrap().iter().all(|cell| !cell.starts_with(['=', '+', '-', '@'])));
    }
}

#[test]
fn the_page_is_well_formed_and_loads_and_runs_nothing() {
    let sandbox = hostile();
    let page = printed(&sandbox, &["--output", "html", "--ids"]);
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    let tree = roxmltree::Document::parse_with_options(&page, options).unwrap();
    let mut ids = BTreeSet::new();
    for node in tree.descendants().filter(roxmltree::Node::is_element) {
        let name = node.tag_name().name();
        assert!(
            !["script", "link", "img", "image", "iframe", "object", "embed", "use", "form"]
                .contains(&name),
            "{name}"
        );
        for attribute in node.attributes() {
            let name = attribute.name();
            assert!(
                !name.starts_with("on") && !["src", "href", "srcset", "action"].contains(&name),
                "{name}"
            );
            if name == "id" {
                assert!(ids.insert(attribute.value().to_owned()), "{} twice", attribute.value());
            }
        }
    }
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("@import"));
    assert_eq!(page.matches("url(").count(), page.matches("url(#hatch)").count());
    assert!(page.contains("&lt;script&gt;alert(&#39;1&#39; &amp; &quot;2&quot;)&lt;/script&gt;"));
    // Each chart says in words what it shows.
    let pictures: Vec<_> =
        tree.descendants().filter(|n| n.attribute("role") == Some("img")).collect();
    assert_eq!(pictures.len(), 2);
    for picture in pictures {
        for id in picture.attribute("aria-labelledby").unwrap().split(' ') {
            assert!(ids.contains(id), "{id}");
        }
        let text = |name| {
            picture.children().find(|n| n.has_tag_name(name)).unwrap().text().unwrap().to_owned()
        };
        assert!(!text("title").is_empty() && text("desc").contains(' '));
    }
    // Every key is in the list.
    let keys = sandbox.json(&["audit", "--ids"]).1["keys"].as_array().unwrap().clone();
    assert!(keys.iter().all(|key| page.contains(key["key_id"].as_str().unwrap())));
    assert!(page.contains("a simulated account"));
}

#[test]
fn findings_for_security_hub_respect_its_limits_and_keep_their_ids() {
    let sandbox = Sandbox::new();
    let list = |args: &[&str]| -> Vec<Value> {
        let text = printed(&sandbox, &[&["--output", "asff"], args].concat());
        serde_json::from_str(&text).unwrap()
    };
    let findings = list(&["--ids"]);
    assert_eq!(findings.len(), sandbox.json(&["audit"]).1["findings"].as_array().unwrap().len());
    let product = "arn:aws:securityhub:us-east-1:123456789012:product/123456789012/default";
    let text = |v: &Value, most: usize| {
        let text = v.as_str().unwrap();
        assert!(!text.trim().is_empty() && text.chars().count() <= most, "{text}");
        text.to_owned()
    };
    let mut ids = BTreeSet::new();
    for finding in &findings {
        assert_eq!(
            (&finding["SchemaVersion"], &finding["AwsAccountId"]),
            (&json!("2018-10-08"), &json!("123456789012"))
        );
        assert_eq!(finding["ProductArn"], product);
        assert!(ids.insert(text(&finding["Id"], 512)), "twice: {}", finding["Id"]);
        for (name, most) in [("GeneratorId", 512), ("Title", 256), ("Description", 1024)] {
            text(&finding[name], most);
        }
        text(&finding["Remediation"]["Recommendation"]["Text"], 512);
        let time = |name: &str| {
            finding[name].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap()
        };
        assert!(
            time("CreatedAt") <= time("UpdatedAt")
                && time("FirstObservedAt") <= time("LastObservedAt")
        );
        assert!(
            ["LOW", "MEDIUM", "HIGH", "CRITICAL"]
                .contains(&finding["Severity"]["Label"].as_str().unwrap())
        );
        assert_eq!(
            finding["Types"].as_array().unwrap()[0]
                .as_str()
                .unwrap()
                .split('/')
                .count()
                .clamp(2, 3),
            { finding["Types"][0].as_str().unwrap().split('/').count() }
        );
        let resources = finding["Resources"].as_array().unwrap();
        assert!((1..=32).contains(&resources.len()));
        assert_eq!(resources[0]["Type"], "AwsIamUser");
        let related = finding["Compliance"]["RelatedRequirements"].as_array().unwrap();
        assert!(related.len() <= 32 && related.iter().all(|r| text(r, 64).contains("v")));
        assert!(finding.to_string().len() < 240 * 1024);
    }
    let of_key = findings.iter().find(|f| f["GeneratorId"] == "keyrot/audit/old_key").unwrap();
    assert_eq!(of_key["Resources"][1]["Type"], "AwsIamAccessKey");
    assert!(
        of_key["Compliance"]["RelatedRequirements"]
            .to_string()
            .contains("CIS AWS Foundations Benchmark v5.0.0/1.13")
    );
    // A day later, the same findings have the same ids.
    sandbox.json(&["sandbox", "advance", "1d"]);
    let later: BTreeSet<String> =
        list(&["--region", "eu-west-1"]).iter().map(|f| text(&f["Id"], 512)).collect();
    assert!(ids.is_subset(&later), "{ids:?}\n{later:?}");
}

#[test]
fn the_permissions_of_an_auditor_are_printed() {
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

/// The binary, with the emulator.
fn on(emulator: &Emulator, sandbox: &Sandbox, args: &[&str]) -> Ran {
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
fn over_http_an_audit_takes_a_handful_of_calls() {
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
fn without_a_new_report_the_last_is_used_and_reported_as_old() {
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
