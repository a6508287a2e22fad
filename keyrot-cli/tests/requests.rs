//! `rollback`, `revoke` and `resolve`: previewed, requested, done, refused.
#![allow(clippy::unwrap_used)]

mod support;

use keyrot_aws::emulator::{CallAt, Emulator, EmulatorOptions, Fault};
use keyrot_core::memory::World;
use keyrot_core::{KeyStatus, UserName};
use serde_json::{Value, json};
use support::{Sandbox, user};

fn status(sandbox: &Sandbox, name: &str) -> Value {
    user(&sandbox.json(&["status", "--user", name]).1, name).clone()
}

/// Returns the statuses of a user's keys in the account, the oldest first.
fn keys(sandbox: &Sandbox, name: &str) -> Vec<(String, String)> {
    let show = sandbox.json(&["sandbox", "show"]).1;
    let keys = user(&show, name)["keys"].as_array().unwrap().clone();
    let text = |key: &Value, member: &str| key[member].as_str().unwrap().to_owned();
    keys.iter().map(|key| (text(key, "id"), text(key, "status").to_lowercase())).collect()
}

fn active(sandbox: &Sandbox, name: &str) -> Vec<String> {
    keys(sandbox, name)
        .into_iter()
        .filter(|(_, status)| status == "active")
        .map(|(id, _)| id)
        .collect()
}

#[test]
fn a_rotation_is_rolled_back_and_forward_again() {
    let sandbox = Sandbox::new();
    let before = status(&sandbox, "ci-deployer")["current"].clone();
    sandbox.json(&["rotate", "--user", "ci-deployer"]);
    let new = status(&sandbox, "ci-deployer")["current"].clone();
    assert_ne!(before, new);

    let (code, plan) = sandbox.json(&["rollback", "ci-deployer", "--dry-run"]);
    assert_eq!(
        (code, &plan["schema"], &plan["dry_run"]),
        (Some(0), &json!("keyrot.rollback/2"), &json!(true))
    );
    assert_eq!(
        (&plan["intended"], &plan["left"]),
        (&json!([{ "publish_again": before }]), &json!(null))
    );
    assert_eq!(status(&sandbox, "ci-deployer")["current"], new, "a dry run");

    let ran = sandbox.run(&["rollback", "ci-deployer"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    let question = format!(
        "cannot ask for confirmation without a terminal: Publish {} again for ci-deployer in account 123456789012, us-east-1 (sandbox)?",
        text(&before)
    );
    assert!(ran.stderr.contains(&question), "{}", ran.stderr);
    assert_eq!(status(&sandbox, "ci-deployer")["current"], new, "nobody agreed");

    let to = ["rollback", "ci-deployer", "--to", text(&before), "--yes"];
    for _ in 0..2 {
        let (code, done) = sandbox.json(&to);
        assert_eq!((code, &done["user"]["reason"]), (Some(0), &json!("done")));
        assert_eq!(
            status(&sandbox, "ci-deployer")["current"],
            before,
            "to run it twice is harmless"
        );
    }
    let (code, run) = sandbox.json(&["rotate", "--user", "ci-deployer"]);
    assert_eq!((code, &user(&run, "ci-deployer")["reason"]), (Some(3), &json!("rolled_back")));

    let ran = sandbox.run(&["rollback", "ci-deployer", "--yes"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(
        ran.stdout.contains(&format!("done: published {} again in place of", text(&new))),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains(&format!("get {}", text(&new))), "{}", ran.stdout);
    assert_eq!(status(&sandbox, "ci-deployer")["current"], new);
    sandbox.kept_its_secrets();
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn without_a_key_to_roll_back_to_nothing_is_done_and_other_options_are_named() {
    let sandbox = Sandbox::new();
    let (code, refused) = sandbox.json(&["rollback", "shop-backend", "--yes"]);
    assert_eq!((code, &refused["user"]["reason"]), (Some(1), &json!("nothing_before")));
    assert_eq!((&refused["request"], &refused["left"]), (&json!(null), &json!(null)));
    let old = &keys(&sandbox, "shop-backend")[0].0;
    assert!(text(&refused["user"]["hint"]).contains(old.as_str()), "{refused}");

    let (code, refused) =
        sandbox.json(&["rollback", "report-mailer", "--to", "AKIAIOSFODNN7EXAMPLE", "--yes"]);
    assert_eq!((code, &refused["user"]["reason"]), (Some(2), &json!("no_such_key")));
    let (code, refused) = sandbox.json(&["rollback", "new-service"]);
    assert_eq!((code, &refused["user"]["reason"]), (Some(1), &json!("nothing_current")));
    for (args, says) in [
        (&["rollback", "ci-deploy"][..], "there is no user ci-deploy; did you mean ci-deployer?"),
        (&["revoke", "ci-deployer", "AKIA"], "AKIA"),
        (&["rollback", "ci-deployer", "--to", "key"], "key"),
        (&["resolve", "data-import", "--choose", "retire:all"], "expected one of: retire:AKIA"),
        (&["revoke", "ci-deployer", "--dry-run", "--yes"], "cannot be used with"),
        (
            &["revoke", "AKIAIOSFODNN7EXAMPLE"],
            "could not find out whose key AKIAIOSFODNN7EXAMPLE is",
        ),
        (
            &["revoke", "break-glass", "--exclude", "break-*"],
            "keyrot revoke break-glass KEY --without-successor",
        ),
    ] {
        let ran = sandbox.run(args);
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(says), "{args:?}: {}", ran.stderr);
    }
}

#[test]
fn a_key_id_is_enough_to_revoke_the_key() {
    let sandbox = Sandbox::new();
    let leaked = active(&sandbox, "ci-deployer").remove(0);
    let (code, done) = sandbox.json(&["revoke", &leaked, "--yes"]);
    assert_eq!(
        (code, &done["user"]["user"], &done["request"]["revoke"]["key"]),
        (Some(0), &json!("ci-deployer"), &json!(leaked))
    );
    assert!(!active(&sandbox, "ci-deployer").contains(&leaked));
}

#[test]
fn a_leaked_key_is_replaced_and_deactivated_and_a_record_is_printed() {
    let sandbox = Sandbox::new();
    let leaked = active(&sandbox, "ci-deployer").remove(0);
    let reason = "found in a public repository";
    let (code, plan) = sandbox.json(&["revoke", "ci-deployer", "--dry-run", "--reason", reason]);
    assert_eq!((code, &plan["user"]["reason"]), (Some(0), &json!("intended")));
    let later = json!({ "delete_later": { "key": leaked, "after": "7d" } });
    assert_eq!(plan["intended"], json!(["publish_new_key", { "deactivate": leaked }, later]));
    assert_eq!(active(&sandbox, "ci-deployer"), std::slice::from_ref(&leaked), "a dry run");

    let ran = sandbox.run(&["revoke", "ci-deployer", "--reason", reason, "--yes"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for says in [
        "Incident record",
        "owner platform@example.com",
        &leaked,
        reason,
        "last used",
        "published AKIA",
    ] {
        assert!(ran.stdout.contains(says), "{says}: {}", ran.stdout);
    }
    let left = active(&sandbox, "ci-deployer");
    assert_eq!((left.len(), left.contains(&leaked)), (1, false));

    let (code, again) = sandbox.json(&["revoke", "ci-deployer", &leaked, "--yes"]);
    assert_eq!(
        (code, &again["user"]["reason"]),
        (Some(0), &json!("done")),
        "to ask again is harmless"
    );
    assert_eq!(active(&sandbox, "ci-deployer"), left);

    let (code, which) = sandbox.json(&["revoke", "ci-deployer", "--yes"]);
    assert_eq!((code, &which["user"]["reason"]), (Some(2), &json!("which_key")));
    sandbox.kept_its_secrets();
}

#[test]
fn one_of_two_foreign_keys_is_revoked_only_without_a_successor() {
    let sandbox = Sandbox::new();
    let both = active(&sandbox, "data-import");
    let (code, refused) = sandbox.json(&["revoke", "data-import", &both[0], "--yes"]);
    assert_eq!((code, &refused["user"]["reason"]), (Some(1), &json!("no_room")));
    let hint = format!("keyrot revoke data-import {} --without-successor", both[0]);
    assert!(text(&refused["user"]["hint"]).contains(&hint), "{refused}");
    assert_eq!(active(&sandbox, "data-import"), both);

    let args = ["revoke", "data-import", &both[0], "--without-successor", "--delete", "--yes"];
    let (code, done) = sandbox.json(&args);
    assert_eq!((code, &done["user"]["reason"]), (Some(0), &json!("done")), "{done}");
    assert_eq!(keys(&sandbox, "data-import"), [(both[1].clone(), "active".to_owned())]);
}

#[test]
fn a_blocked_user_is_resolved() {
    let sandbox = Sandbox::new();
    let both = active(&sandbox, "data-import");
    let (code, look) = sandbox.json(&["resolve", "data-import"]);
    assert_eq!((code, &look["user"]["reason"]), (Some(3), &json!("unknown_keys")));
    let choices: Vec<_> =
        look["choices"].as_array().unwrap().iter().map(|c| c["choice"].clone()).collect();
    // One of the two keys is in use: that one cannot be retired, and is not offered.
    assert_eq!(choices, [json!(format!("retire:{}", both[1]))]);
    let ran = sandbox.run(&["resolve", "data-import"]);
    assert_eq!(ran.code, Some(3));
    assert!(
        ran.stdout.contains("Resolutions") && ran.stdout.contains(text(&choices[0])),
        "{}",
        ran.stdout
    );

    // If the operator names it anyway, the refusal says why.
    let in_use = format!("retire:{}", both[0]);
    let (code, refused) = sandbox.json(&["resolve", "data-import", "--choose", &in_use, "--yes"]);
    assert_eq!((code, &refused["user"]["reason"]), (Some(1), &json!("in_use")));
    assert_eq!(active(&sandbox, "data-import"), both);

    let (code, done) =
        sandbox.json(&["resolve", "data-import", "--choose", text(&choices[0]), "--yes"]);
    assert_eq!((code, &done["user"]["reason"]), (Some(0), &json!("done")));
    assert_eq!(active(&sandbox, "data-import"), [both[0].clone()]);
    assert_ne!(status(&sandbox, "data-import")["state"], "blocked");

    let (code, tag) = sandbox.json(&["resolve", "legacy-ftp"]);
    assert_eq!((code, &tag["choices"]), (Some(3), &json!([])));
    let ran = sandbox.run(&["resolve", "report-mailer"]);
    assert_eq!(ran.code, Some(0));
    assert!(
        ran.stdout.contains("settled, not blocked: the next rotation begins"),
        "{}",
        ran.stdout
    );
    sandbox.kept_its_secrets();
}

/// The binary, with an emulator.
struct Http {
    emulator: Emulator,
    sandbox: Sandbox,
}

impl Http {
    fn json(&self, args: &[&str]) -> (Option<i32>, Value) {
        let mut command = self.sandbox.command(&[&["--json"], args].concat());
        command.env_remove("KEYROT_SANDBOX").envs(self.emulator.env());
        let ran = self.sandbox.take(&command.output().unwrap());
        let document = serde_json::from_str(&ran.stdout)
            .unwrap_or_else(|e| panic!("{e}: {} {}", ran.stdout, ran.stderr));
        support::conforms(&document);
        (ran.code, document)
    }

    fn keys(&self, name: &str) -> Vec<(String, bool)> {
        let world = self.emulator.world();
        let keys = world.user(&UserName::parse(name).unwrap()).unwrap().keys().iter();
        keys.map(|key| (key.listed.id.to_string(), key.listed.status == KeyStatus::Active))
            .collect()
    }
}

#[test]
fn over_http_and_when_iam_says_no() {
    let mut world = World::new(std::time::SystemTime::now().into());
    for name in ["a", "b"] {
        let user = world.add_user(name, &[("RotateKey", "True")]).unwrap();
        if name == "a" {
            world.add_key(&user).unwrap();
        }
    }
    let http = Http {
        emulator: Emulator::start(world, EmulatorOptions::default()).unwrap(),
        sandbox: Sandbox::new(),
    };
    assert_eq!(http.json(&["rotate"]).0, Some(0));
    assert_eq!(http.json(&["rotate", "--user", "b", "--force"]).0, Some(0));

    let (code, back) = http.json(&["rollback", "b", "--yes"]);
    assert_eq!((code, &back["user"]["reason"]), (Some(0), &json!("done")), "{back}");
    assert_eq!((&back["account"], &back["region"]), (&json!("123456789012"), &json!("us-east-1")));
    assert_eq!(back["left"]["current"], http.keys("b")[0].0, "the older one");

    // Both keys of the user leaked. The first is deactivated at the second attempt.
    let keys = http.keys("a");
    let (old, current) = (keys[0].0.as_str(), keys[1].0.as_str());
    http.emulator.inject(CallAt::first("UpdateAccessKey").about("a"), Fault::denied());
    let (code, failed) = http.json(&["revoke", "a", old, "--yes"]);
    assert_eq!((code, &failed["user"]["state"]), (Some(1), &json!("failed")), "{failed}");
    assert!(text(&failed["user"]["message"]).contains("iam:UpdateAccessKey"), "{failed}");
    let (code, done) = http.json(&["revoke", "a", old, "--yes", "--reason", "in a log"]);
    assert_eq!(
        (code, &done["request"]["revoke"]["reason"]),
        (Some(0), &json!("in a log")),
        "{done}"
    );
    assert_eq!(http.keys("a"), [(old.to_owned(), false), (current.to_owned(), true)]);

    let (code, refused) = http.json(&["revoke", "a", current, "--yes"]);
    assert_eq!((code, &refused["user"]["reason"]), (Some(1), &json!("no_room")));
    assert!(
        text(&refused["user"]["hint"]).contains(&format!("keyrot revoke a {old} --delete")),
        "{refused}"
    );
    assert_eq!(http.json(&["revoke", "a", old, "--delete", "--yes"]).0, Some(0));
    let (code, done) = http.json(&["revoke", "a", current, "--yes"]);
    assert_eq!(code, Some(0), "{done}");
    let keys = http.keys("a");
    assert_eq!((keys.len(), keys[0].clone(), keys[1].1), (2, (current.to_owned(), false), true));
    assert_eq!(done["left"]["current"], keys[1].0);
    let (code, refused) = http.json(&["rollback", "a", "--yes"]);
    assert_eq!((code, &refused["user"]["reason"]), (Some(1), &json!("was_revoked")));
}

#[test]
fn a_reactivated_revoked_key_is_reported_and_its_revocation_can_be_taken_back() {
    let sandbox = Sandbox::new();
    let leaked = keys(&sandbox, "ci-deployer")[0].0.clone();
    assert_eq!(sandbox.run(&["revoke", "ci-deployer", &leaked, "--yes"]).code, Some(0));
    sandbox.run(&["sandbox", "advance", "1h"]);
    sandbox.run(&["sandbox", "reactivate", &leaked]);
    for _ in 0..3 {
        let (code, run) = sandbox.json(&["rotate", "--user", "ci-deployer"]);
        let one = user(&run, "ci-deployer");
        assert_eq!((code, &one["reason"]), (Some(3), &json!("revoked_key_reactivated")), "{one}");
        sandbox.run(&["sandbox", "advance", "1d"]);
    }
    let (code, look) = sandbox.json(&["resolve", "ci-deployer", "--dry-run"]);
    let choices: Vec<_> =
        look["choices"].as_array().unwrap().iter().map(|one| one["choice"].clone()).collect();
    assert_eq!(
        (code, choices),
        (
            Some(3),
            vec![json!(format!("deactivate:{leaked}")), json!(format!("reinstate:{leaked}"))]
        )
    );
    let choice = format!("reinstate:{leaked}");
    let (code, done) = sandbox.json(&["resolve", "ci-deployer", "--choose", &choice, "--yes"]);
    assert_eq!((code, &done["user"]["reason"]), (Some(0), &json!("done")), "{done}");
    assert_eq!(done["intended"], json!([{ "reinstate": leaked }]));
    let (code, run) = sandbox.json(&["rotate", "--user", "ci-deployer"]);
    assert_eq!((code, &user(&run, "ci-deployer")["reason"]), (Some(0), &json!("overlap")), "{run}");
}

/// In an emergency, a name is typed in a hurry.
#[test]
fn a_key_of_another_user_than_the_named_one_is_revoked_with_the_printed_command() {
    let sandbox = Sandbox::new();
    let leaked = keys(&sandbox, "ci-deployer")[0].0.clone();
    let ran = sandbox.run(&["revoke", "ci-deplyer", &leaked, "--without-successor", "--yes"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let command = format!("keyrot revoke ci-deployer {leaked} --without-successor");
    let hint = format!("{leaked} belongs to ci-deployer; to revoke it: {command}");
    assert!(ran.stderr.contains(&hint), "{}", ran.stderr);
}

/// The successor of a key that was just published has to wait. Until then, the revocation is
/// shown, and can be finished or taken back.
#[test]
fn a_revocation_that_waits_is_shown_and_can_be_finished() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.run(&["rotate", "--user", "ci-deployer"]).code, Some(0));
    let (_, status) = sandbox.json(&["status", "--user", "ci-deployer"]);
    let leaked = user(&status, "ci-deployer")["current"].as_str().unwrap().to_owned();
    let plan = sandbox.run(&["revoke", "ci-deployer", &leaked, "--dry-run"]).stdout;
    assert!(plan.contains("1. record in the secret that") && plan.contains("2. stop"), "{plan}");
    assert_eq!(sandbox.run(&["revoke", "ci-deployer", &leaked, "--yes"]).code, Some(1));

    let works = format!("{leaked} was revoked and still works");
    let status = sandbox.run(&["status", "--user", "ci-deployer"]).stdout;
    assert!(status.contains(&works), "{status}");
    let (_, look) = sandbox.json(&["resolve", "ci-deployer", "--dry-run"]);
    let choices: Vec<_> =
        look["choices"].as_array().unwrap().iter().map(|one| one["choice"].clone()).collect();
    let expected = ["revoke", "reinstate"].map(|word| json!(format!("{word}:{leaked}")));
    assert_eq!(choices, expected);
    sandbox.run(&["sandbox", "advance", "1h"]);
    let choice = format!("revoke:{leaked}");
    let (code, done) = sandbox.json(&["resolve", "ci-deployer", "--choose", &choice, "--yes"]);
    assert_eq!((code, &done["user"]["reason"]), (Some(0), &json!("done")), "{done}");
}

/// A user that is not blocked: its state, and what comes next.
#[test]
fn resolve_says_what_comes_next_for_a_user_that_is_not_blocked() {
    let sandbox = Sandbox::new();
    let next = "  if the user is tagged for rotation, the next run does this; to do it now: `keyrot rotate ci-deployer`\n";
    for (name, says) in [
        ("ci-deployer", "\ndue, not blocked: rotate: replace AKIA"),
        ("ci-deployer", next),
        ("backup-agent", "\nheld, not blocked: AKIA"),
        ("billing-export", "\nsoaking, not blocked: the old key AKIA"),
        ("shop-backend", "\noverlap, not blocked: the old key AKIA"),
    ] {
        let ran = sandbox.run(&["resolve", name]);
        assert!(ran.code == Some(0) && ran.stdout.contains(says), "{name}: {}", ran.stdout);
    }
    // After a rollback, the next run only has to wait. Then it is the operator's turn.
    sandbox.json(&["rotate", "--user", "ci-deployer"]);
    let (_, run) = sandbox.json(&["status", "--user", "ci-deployer"]);
    let newer = text(&user(&run, "ci-deployer")["current"]).to_owned();
    sandbox.json(&["sandbox", "advance", "8d"]);
    sandbox.json(&["rotate", "--user", "ci-deployer"]);
    assert_eq!(sandbox.run(&["rollback", "ci-deployer", "--yes"]).code, Some(0));
    let ran = sandbox.run(&["resolve", "ci-deployer"]);
    let says = format!("\n  AWSCURRENT was moved back from {newer}; decide about that key after ");
    assert!(ran.stdout.contains("\nwaiting, not blocked: another run may"), "{}", ran.stdout);
    assert!(ran.stdout.contains(&says), "{}", ran.stdout);
    sandbox.json(&["sandbox", "advance", "1h"]);
    assert_eq!(sandbox.run(&["rotate", "ci-deployer"]).code, Some(3));
    assert_eq!(sandbox.run(&["resolve", "ci-deployer"]).code, Some(3));
}

/// In an emergency, the key is right and the user is a mistake.
#[test]
fn the_user_of_a_key_to_revoke_is_named_if_another_one_was_given() {
    let sandbox = Sandbox::new();
    let key = keys(&sandbox, "ci-deployer")[0].0.clone();
    for more in [&["--yes"][..], &["--yes", "--without-successor"]] {
        let ran = sandbox.run(&[&["revoke", "jane.doe", &key], more].concat());
        let says = format!("hint: {key} belongs to ci-deployer; to revoke it: keyrot ");
        assert!(ran.code == Some(2) && ran.stderr.contains(&says), "{}", ran.stderr);
    }
    assert_eq!(keys(&sandbox, "ci-deployer")[0].1, "active");
}

/// A revocation that is taken back does not switch the key on.
#[test]
fn a_reinstated_key_that_is_inactive_is_reported_as_such() {
    let sandbox = Sandbox::new();
    let key = keys(&sandbox, "ci-deployer")[0].0.clone();
    assert_eq!(sandbox.run(&["revoke", "ci-deployer", &key, "--yes"]).code, Some(0));
    let choice = format!("reinstate:{key}");
    let reinstate = ["resolve", "ci-deployer", "--choose", &choice, "--yes"];
    let ran = sandbox.run(&reinstate);
    let says = format!("hint: IAM lists {key} as Inactive, so requests with it are refused.");
    assert!(ran.code == Some(0) && ran.stdout.contains(&says), "{}", ran.stdout);
    assert!(ran.stdout.contains(&format!("sandbox reactivate {key}`")), "{}", ran.stdout);
    // Of a key that works, nothing is said.
    sandbox.run(&["sandbox", "reactivate", &key]);
    sandbox.run(&["sandbox", "advance", "1h"]);
    let (code, done) = sandbox.json(&reinstate);
    assert_eq!((code, &done["user"]["hint"]), (Some(0), &Value::Null), "{done}");
}
