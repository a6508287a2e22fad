//! Users are enrolled after a preview, and released again.
#![allow(clippy::unwrap_used)]

mod support;

use keyrot_aws::emulator::{CallAt, Emulator, EmulatorOptions, Fault};
use keyrot_core::UserName;
use keyrot_core::memory::World;
use serde_json::{Value, json};
use support::{Ran, Sandbox, user};

fn tags(sandbox: &Sandbox, name: &str) -> Value {
    let show = sandbox.json(&["sandbox", "show"]).1;
    user(&show, name)["tags"].clone()
}

#[test]
fn a_user_is_enrolled_after_a_preview_and_then_rotates() {
    let sandbox = Sandbox::new();
    let (code, look) = sandbox.json(&["enroll", "jane.doe", "--dry-run"]);
    let row = user(&look, "jane.doe");
    assert_eq!(
        (code, &row["result"], &row["reason"]),
        (Some(0), &json!("planned"), &json!("adopt"))
    );
    assert!(
        row["message"].as_str().unwrap().starts_with("adopt: create a key beside AKIA"),
        "{row}"
    );
    assert_eq!(row["secret"], "/iam/jane.doe/access_key");
    assert_eq!(tags(&sandbox, "jane.doe"), json!({"Team": "Data"}), "a dry run");

    let ran = sandbox.run(&["enroll", "jane.doe"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("cannot ask for confirmation without a terminal: tag jane.doe with RotateKey=True in account 123456789012, us-east-1 (sandbox)?"), "{}", ran.stderr);
    assert_eq!(tags(&sandbox, "jane.doe"), json!({"Team": "Data"}));

    let (code, done) = sandbox.json(&["enroll", "jane.doe", "ci-deployer", "--yes"]);
    assert_eq!((code, &user(&done, "jane.doe")["result"]), (Some(0), &json!("done")));
    assert_eq!(user(&done, "ci-deployer")["result"], "already");
    // Only the place, until the first run has created the secret there.
    let place = "arn:aws:secretsmanager:us-east-1:123456789012:secret:/iam/jane.doe/access_key";
    assert_eq!(
        tags(&sandbox, "jane.doe"),
        json!({"Team": "Data", "RotateKey": "True", "keyrot:home": place})
    );
    // A user that has the rotation tag already, and no home yet: its place is recorded.
    let (code, done) = sandbox.json(&["enroll", "new-service", "--yes"]);
    assert_eq!((code, &user(&done, "new-service")["result"]), (Some(0), &json!("done")));
    assert!(
        tags(&sandbox, "new-service")["keyrot:home"]
            .as_str()
            .unwrap()
            .ends_with(":secret:/iam/new-service/access_key")
    );
    let (code, run) = sandbox.json(&["rotate", "--user", "jane.doe"]);
    assert_eq!((code, &run["counts"]["rotated"]), (Some(0), &json!(1)));
    sandbox.kept_its_secrets();
}

#[test]
fn enroll_refuses_all_if_one_would_be_blocked() {
    let sandbox = Sandbox::new();
    sandbox.json(&["sandbox", "untag", "data-import", "RotateKey"]);
    let (code, refused) = sandbox.json(&["enroll", "data-import", "jane.doe", "--yes"]);
    assert_eq!((code, &user(&refused, "data-import")["result"]), (Some(3), &json!("refused")));
    let row = user(&refused, "data-import");
    assert_eq!(row["reason"], "unknown_keys");
    assert!(row["hint"].as_str().unwrap().contains("under AWSCURRENT"), "{row}");
    assert_eq!(tags(&sandbox, "jane.doe"), json!({"Team": "Data"}), "all or nobody");
    let ran = sandbox.run(&["enroll", "data-import", "jane.doe", "--yes"]);
    assert_eq!(ran.code, Some(3));
    assert!(
        ran.stderr.contains("no user was tagged; to tag them anyway, add --anyway"),
        "{}",
        ran.stderr
    );

    let says = "starts the rotation";
    for (users, begins) in [(&["data-import"][..], false), (&["data-import", "jane.doe"], true)] {
        let ran = sandbox.run(&[&["enroll"], users, &["--anyway", "--dry-run"]].concat());
        assert_eq!(ran.stdout.contains(says), begins, "{users:?}: {}", ran.stdout);
    }

    let (code, done) = sandbox.json(&["enroll", "data-import", "--yes", "--anyway"]);
    assert_eq!((code, &user(&done, "data-import")["result"]), (Some(0), &json!("done")));
    assert_eq!(tags(&sandbox, "data-import")["RotateKey"], "True");
}

#[test]
fn a_secret_is_adopted_for_a_user_who_is_already_enrolled() {
    let sandbox = Sandbox::new();
    let owner = |text: &str| {
        let mut file: Value =
            serde_json::from_str(&std::fs::read_to_string(sandbox.file()).unwrap()).unwrap();
        let secret = &mut file["world"]["secrets"]["us-east-1"]["/iam/ci-deployer/access_key"];
        secret["tags"]["keyrot:user-id"] = json!(text);
        std::fs::write(sandbox.file(), file.to_string()).unwrap();
    };
    let rotate = || sandbox.json(&["rotate", "--user", "ci-deployer"]).1;
    sandbox.json(&["status"]);
    owner("AIDAOTHEROTHEROTHER01 123456789012 other");
    let blocked = rotate();
    let row = user(&blocked, "ci-deployer");
    assert_eq!(row["reason"], "secret_of_another");
    let hint = row["hint"].as_str().unwrap();
    assert!(hint.contains("keyrot enroll ci-deployer --adopt-secret"), "{hint}");
    let (code, done) = sandbox.json(&["enroll", "ci-deployer", "--adopt-secret", "--yes"]);
    assert_eq!(
        (code, &user(&done, "ci-deployer")["result"]),
        (Some(0), &json!("done")),
        "{done:#}"
    );
    assert_eq!(user(&rotate(), "ci-deployer")["reason"], "overlap", "the hint is a way out");

    let there = ["--region", "eu-west-1"];
    let (code, elsewhere) =
        sandbox.json(&[&["enroll", "ci-deployer", "--yes"][..], &there].concat());
    let message = user(&elsewhere, "ci-deployer")["message"].as_str().unwrap().to_owned();
    assert!(
        code == Some(0) && message.starts_with("already enrolled elsewhere: /iam/ci-deployer"),
        "{message}"
    );
}

#[test]
fn a_tag_with_another_value_is_not_overwritten() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run(&["enroll", "break-glass", "--yes"]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.contains("has the tag RotateKey=False, which may exclude it"),
        "{}",
        ran.stderr
    );
    assert_eq!(tags(&sandbox, "break-glass"), json!({"RotateKey": "False"}));
    // Tag keys are not case-sensitive.
    let args = ["enroll", "break-glass", "--yes", "--anyway", "--tag", "rotatekey=True"];
    assert_eq!(sandbox.json(&args).0, Some(0));
    let home = "arn:aws:secretsmanager:us-east-1:123456789012:secret:/iam/break-glass/access_key";
    assert_eq!(tags(&sandbox, "break-glass"), json!({"rotatekey": "True", "keyrot:home": home}));
}

#[test]
fn a_user_that_could_not_be_selected_is_not_tagged() {
    let sandbox = Sandbox::new();
    let refused = |args: &[&str], says: &str| {
        let ran = sandbox.run(&[args, &["--yes"]].concat());
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(says), "{args:?}: {}", ran.stderr);
        assert_eq!(tags(&sandbox, "jane.doe"), json!({"Team": "Data"}));
    };
    refused(&["enroll", "jane.do"], "there is no user jane.do; did you mean jane.doe?");
    refused(&["enroll", "jane.doe", "nobody-at-all"], "there is no user nobody-at-all");
    refused(&["enroll", "jane.doe", "--exclude", "jane*"], "excluded by jane*");
    refused(&["enroll", "jane.doe", "--path-prefix", "/ci/"], "under the path /ci/");
    refused(&["enroll"], "<USER>");
    refused(&["release", "jane.do"], "there is no user jane.do");
}

#[test]
fn a_release_says_what_it_leaves_and_changes_nothing_else() {
    let sandbox = Sandbox::new();
    let before = sandbox.json(&["sandbox", "show"]).1;
    let (code, look) = sandbox.json(&["release", "shop-backend", "--dry-run"]);
    let message = user(&look, "shop-backend")["message"].as_str().unwrap();
    assert_eq!((code, &user(&look, "shop-backend")["result"]), (Some(0), &json!("planned")));
    assert!(
        message.contains("active, published")
            && message.contains("the old key will not be deactivated or deleted"),
        "{message}"
    );

    let (_, look) = sandbox.json(&["release", "data-import", "report-mailer", "--dry-run"]);
    let message = |name| user(&look, name)["message"].as_str().unwrap().to_owned();
    assert!(
        message("data-import").ends_with("; keyrot never replaced it"),
        "{}",
        message("data-import")
    );
    assert!(
        message("report-mailer").ends_with("access_key; its key is no longer rotated"),
        "{}",
        message("report-mailer")
    );

    let (code, done) = sandbox.json(&["release", "shop-backend", "jane.doe", "--yes"]);
    assert_eq!((code, &user(&done, "shop-backend")["result"]), (Some(0), &json!("done")));
    assert_eq!(user(&done, "jane.doe")["result"], "already");
    let after = sandbox.json(&["sandbox", "show"]).1;
    assert_eq!(user(&after, "shop-backend")["keys"], user(&before, "shop-backend")["keys"]);
    assert_eq!(after["secrets"], before["secrets"]);
    let tags = user(&after, "shop-backend")["tags"].as_object().unwrap();
    assert_eq!(
        tags.keys().collect::<Vec<_>>(),
        ["keyrot:home", "keyrot:owner"],
        "the home stays, for when it comes back"
    );
    assert_eq!(
        sandbox.run(&["rotate", "--user", "shop-backend"]).code,
        Some(2),
        "it is not selected anymore"
    );
    assert_eq!(
        sandbox.run(&["release", "shop-backend"]).code,
        Some(0),
        "nothing to do, nobody to ask"
    );

    // Enrolled again, the rotation continues where it was.
    assert_eq!(sandbox.json(&["enroll", "shop-backend", "--yes"]).0, Some(0));
    assert_eq!(
        user(&sandbox.json(&["status", "--user", "shop-backend"]).1, "shop-backend")["reason"],
        "overlap"
    );
}

/// The text names what no run will do anymore, for each kind of key beside the current one.
#[test]
fn a_release_after_a_key_was_given_up_does_not_call_it_old() {
    let sandbox = Sandbox::new();
    let left = || sandbox.run(&["release", "ci-deployer", "--dry-run"]).stdout;
    sandbox.json(&["rotate", "--user", "ci-deployer"]);
    let newer = sandbox.json(&["status", "--user", "ci-deployer"]).1;
    let newer = user(&newer, "ci-deployer")["current"].as_str().unwrap().to_owned();
    assert!(left().contains("a rotation is under way, and the old key will not"), "{}", left());
    sandbox.json(&["sandbox", "advance", "3d"]);
    assert_eq!(sandbox.json(&["rollback", "ci-deployer", "--yes"]).0, Some(0));
    sandbox.json(&["sandbox", "advance", "1h"]);
    let give_up = ["resolve", "ci-deployer", "--choose", "give-up", "--yes"];
    assert_eq!(sandbox.json(&give_up).0, Some(0));
    sandbox.json(&["sandbox", "advance", "1h"]);
    let text = left();
    assert!(text.contains(&format!("no longer rotated; {newer} will not be deleted")), "{text}");
    assert!(!text.contains("under way") && !text.contains("old key"), "{text}");
}

/// Only a user without a published key has its first rotation before it.
#[test]
fn a_user_that_is_enrolled_already_gets_no_first_rotation() {
    let sandbox = Sandbox::new();
    let heading = |names: &[&str]| {
        let text = sandbox.run(&[&["enroll"], names, &["--dry-run"]].concat()).stdout;
        let line = text.lines().next().unwrap().to_owned();
        line.split_once(' ').unwrap().1.trim().to_owned()
    };
    assert_eq!(heading(&["jane.doe"]), "FIRST ROTATION");
    assert_eq!(heading(&["report-mailer", "ci-deployer"]), "STATE");
    assert_eq!(heading(&["report-mailer", "jane.doe"]), "WHAT A RUN DOES");
    // A rotation of a user that was released is due.
    sandbox.json(&["release", "ci-deployer", "--yes"]);
    let text = sandbox.run(&["enroll", "ci-deployer", "--dry-run"]).stdout;
    assert!(text.contains("rotate: replace AKIA") && text.contains("WHAT A RUN DOES"), "{text}");
}

fn keyrot(emulator: &Emulator, args: &[&str]) -> Ran {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(args);
    command.env_remove("KEYROT_SANDBOX").envs(emulator.env());
    sandbox.take(&command.output().unwrap())
}

#[test]
fn over_http_and_when_iam_says_no() {
    let mut world = World::new(std::time::SystemTime::now().into());
    for name in ["a", "b"] {
        let user = world.add_user(name, &[("Team", "x")]).unwrap();
        world.add_key(&user).unwrap();
    }
    let emulator = Emulator::start(world, EmulatorOptions::default()).unwrap();
    let has = |name: &str| {
        let world = emulator.world();
        world.user(&UserName::parse(name).unwrap()).unwrap().tags.contains_key("RotateKey")
    };
    emulator.inject(CallAt::first("TagUser").about("a"), Fault::denied());
    let ran = keyrot(&emulator, &["enroll", "a", "b", "--yes"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("failed: a: iam:TagUser for tag keyrot:home of user a failed"),
        "{}",
        ran.stderr
    );
    assert!(ran.stdout.contains("enrolled b"), "{}", ran.stdout);
    assert_eq!((has("a"), has("b")), (false, true));
    assert_eq!(keyrot(&emulator, &["enroll", "a", "b", "--yes"]).code, Some(0));
    assert!(has("a"));
    let changes: Vec<_> = ["CreateAccessKey", "CreateSecret"]
        .map(|name| emulator.stats().actions.contains_key(name))
        .into();
    assert_eq!(changes, [false, false], "a look only");
    assert_eq!(keyrot(&emulator, &["release", "a", "b", "--yes"]).code, Some(0));
    assert_eq!((has("a"), has("b")), (false, false));
}
