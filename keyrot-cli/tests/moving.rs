//! `keyrot move`, on the sandbox.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::{Sandbox, user};

const THERE: [&str; 2] = ["--region", "eu-west-1"];

fn at<'a>(args: &[&'a str], place: &[&'a str]) -> Vec<&'a str> {
    [args, place].concat()
}

fn home(sandbox: &Sandbox, name: &str) -> String {
    user(&sandbox.json(&["sandbox", "show"]).1, name)["tags"]["keyrot:home"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// Returns everything except the clock, which each read advances a little.
fn state(sandbox: &Sandbox) -> Value {
    let mut document = sandbox.json(&["sandbox", "show"]).1;
    document.as_object_mut().unwrap().remove("now");
    document
}

fn the<'a>(document: &'a Value, what: &str) -> &'a Value {
    &user(document, "ci-deployer")[what]
}

/// Returns a sandbox in which `ci-deployer` is at rest.
fn at_rest() -> Sandbox {
    let sandbox = Sandbox::new();
    for _ in 0..60 {
        if the(&sandbox.json(&["rotate", "--user", "ci-deployer"]).1, "state") == "settled" {
            // IAM's listing may still show the key that was just deleted.
            sandbox.json(&["sandbox", "advance", "1h"]);
            return sandbox;
        }
        sandbox.json(&["sandbox", "use", "ci-deployer"]);
        sandbox.json(&["sandbox", "advance", "1d"]);
    }
    panic!("not at rest");
}

#[test]
fn other_regions_are_read_in_a_sandbox_too() {
    let sandbox = Sandbox::new();
    sandbox.json(&["sandbox", "untag", "ci-deployer", "keyrot:home"]);
    let (code, run) = sandbox
        .json(&at(&["rotate", "--user", "ci-deployer", "--home-regions", "us-east-1"], &THERE));
    assert_eq!((code, the(&run, "reason")), (Some(3), &json!("managed_elsewhere")), "{run:#}");
}

#[test]
fn a_rollback_after_a_move_says_where_the_old_key_is() {
    let sandbox = at_rest();
    sandbox.json(&at(&["move", "ci-deployer", "--yes"], &THERE));
    sandbox.json(&at(&["rotate", "--user", "ci-deployer"], &THERE));
    let ran = sandbox.run(&at(&["rollback", "ci-deployer", "--yes"], &THERE));
    let said = ran.stdout.clone() + &ran.stderr;
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.contains("the old home's secret, tagged keyrot:moved-to, still holds it"),
        "{said}"
    );
    assert!(!said.contains("keyrot never had"), "{said}");
}

#[test]
fn after_a_revocation_at_the_old_place_consumers_are_not_reported_as_served() {
    let sandbox = at_rest();
    sandbox.json(&at(&["move", "ci-deployer", "--yes"], &THERE));
    let key = the(&state(&sandbox), "keys")[0]["id"].as_str().unwrap().to_owned();
    let ran = sandbox.run(&["revoke", "ci-deployer", &key, "--without-successor", "--yes"]);
    let now = format!(
        "consumers of /iam/ci-deployer/access_key get {key}, and are refused until another key"
    );
    assert!(ran.code == Some(0) && ran.stdout.contains(&now), "{}", ran.stdout);
}

#[test]
fn a_deleted_key_that_is_still_listed_is_not_a_failure() {
    let sandbox = Sandbox::new();
    let run = |_| {
        let run = sandbox.json(&["rotate", "--user", "ci-deployer"]).1;
        let deleted =
            the(&run, "events").as_array().unwrap().iter().any(|event| event["event"] == "deleted");
        if !deleted {
            sandbox.json(&["sandbox", "use", "ci-deployer"]);
            sandbox.json(&["sandbox", "advance", "1d"]);
        }
        deleted
    };
    assert!((0..60).any(run));
    let (code, look) = sandbox.json(&["status", "--user", "ci-deployer"]);
    assert_eq!(
        (code, the(&look, "state"), the(&look, "reason")),
        (Some(0), &json!("waiting"), &json!("settling")),
        "{look:#}"
    );
    sandbox.json(&["sandbox", "advance", "1m"]);
    assert_eq!(
        the(&sandbox.json(&["status", "--user", "ci-deployer"]).1, "state"),
        &json!("settled")
    );
}

#[test]
fn a_home_is_moved_to_another_region_and_its_key_keeps_working() {
    let sandbox = at_rest();
    let before = state(&sandbox);
    let key = user(&before, "ci-deployer")["keys"][0]["id"].clone();
    let (code, look) = sandbox.json(&at(&["move", "ci-deployer", "--dry-run"], &THERE));
    assert_eq!((code, the(&look, "result")), (Some(0), &json!("planned")), "{look:#}");
    assert_eq!(
        (&the(&look, "from")["region"], &the(&look, "to")["region"]),
        (&json!("us-east-1"), &json!("eu-west-1"))
    );
    let ran = sandbox.run(&at(&["move", "ci-deployer"], &THERE));
    assert_eq!(ran.code, Some(2));
    let question = "cannot ask for confirmation without a terminal: move the home of ci-deployer to account 123456789012, eu-west-1 (sandbox)?";
    assert!(ran.stderr.contains(question), "{}", ran.stderr);
    assert_eq!(state(&sandbox), before, "nothing was changed");

    let (code, done) = sandbox.json(&at(&["move", "ci-deployer", "--yes"], &THERE));
    assert_eq!((code, the(&done, "result")), (Some(0), &json!("done")), "{done:#}");
    let afterwards = the(&done, "afterwards").as_str().unwrap();
    assert!(
        afterwards.contains("aws secretsmanager delete-secret --region us-east-1 --secret-id arn:"),
        "{afterwards}"
    );
    assert!(home(&sandbox, "ci-deployer").contains(":eu-west-1:"));
    let (code, again) = sandbox.json(&at(&["move", "ci-deployer"], &THERE));
    assert_eq!((code, the(&again, "result")), (Some(0), &json!("already")));

    // A run at the old home says where the new one is.
    let (code, blocked) = sandbox.json(&["rotate", "--user", "ci-deployer"]);
    assert_eq!((code, the(&blocked, "reason")), (Some(3), &json!("managed_elsewhere")));
    assert!(the(&blocked, "message").as_str().unwrap().contains("in eu-west-1"), "{blocked:#}");
    // A run at the new place publishes a key there, and the previous one keeps working.
    let (code, run) = sandbox.json(&at(&["rotate", "--user", "ci-deployer"], &THERE));
    assert_eq!((code, &run["counts"]["rotated"]), (Some(0), &json!(1)), "{run:#}");
    for _ in 0..12 {
        assert_eq!(
            sandbox.run(&["sandbox", "use", "ci-deployer"]).code,
            Some(0),
            "from the old secret"
        );
        assert_eq!(sandbox.run(&at(&["sandbox", "use", "ci-deployer"], &THERE)).code, Some(0));
        sandbox.json(&["sandbox", "advance", "1d"]);
        let (_, run) = sandbox.json(&at(&["rotate", "--user", "ci-deployer"], &THERE));
        let keys = the(&run, "keys").as_array().unwrap();
        assert!(keys.iter().any(|one| one["id"] == key && one["status"] == "active"), "{run:#}");
    }
    // Nothing uses it anymore.
    for _ in 0..60 {
        sandbox.run(&at(&["sandbox", "use", "ci-deployer"], &THERE));
        sandbox.json(&["sandbox", "advance", "1d"]);
        let (_, run) = sandbox.json(&at(&["rotate", "--user", "ci-deployer"], &THERE));
        if the(&run, "state") == "settled" {
            assert_eq!(the(&run, "keys").as_array().unwrap().len(), 1);
            sandbox.kept_its_secrets();
            return;
        }
    }
    panic!("not settled");
}

#[test]
fn a_home_is_moved_to_another_name_and_back() {
    let sandbox = at_rest();
    let other = ["--secret-name", "/keys/{user}"];
    assert_eq!(sandbox.json(&at(&["move", "ci-deployer", "--yes"], &other)).0, Some(0));
    assert!(home(&sandbox, "ci-deployer").ends_with(":secret:/keys/ci-deployer"));
    let (code, back) = sandbox.json(&["move", "ci-deployer", "--yes"]);
    assert_eq!((code, the(&back, "result")), (Some(0), &json!("done")), "{back:#}");
    assert_eq!(the(&sandbox.json(&["rotate", "--user", "ci-deployer"]).1, "state"), "settled");
    let (code, blocked) = sandbox.json(&at(&["rotate", "--user", "ci-deployer"], &other));
    assert_eq!((code, the(&blocked, "reason")), (Some(3), &json!("managed_elsewhere")));
}

#[test]
fn move_refuses_all_if_one_cannot_be_moved() {
    let sandbox = Sandbox::new();
    let before = state(&sandbox);
    let (code, refused) =
        sandbox.json(&at(&["move", "report-mailer", "shop-backend", "--yes"], &THERE));
    let row = user(&refused, "shop-backend");
    assert_eq!(
        (code, &row["result"], &row["reason"]),
        (Some(3), &json!("refused"), &json!("not_at_rest"))
    );
    assert!(
        row["message"]
            .as_str()
            .unwrap()
            .starts_with("at the old home: the user's home cannot be left now: "),
        "{row}"
    );
    assert!(row["hint"].as_str().unwrap().contains("move shop-backend after 20"), "{row}");
    let (code, refused) = sandbox.json(&at(&["move", "jane.doe", "--yes"], &THERE));
    let row = user(&refused, "jane.doe");
    assert_eq!((code, &row["reason"], &row["from"]), (Some(3), &json!("no_home"), &Value::Null));
    assert_eq!(state(&sandbox), before, "no user was moved");
}

#[test]
fn a_move_that_is_killed_at_any_call_is_finished_by_repeating_it() {
    let sandbox = at_rest();
    let file = std::fs::read(sandbox.file()).unwrap();
    let mut finished = false;
    for nth in 1..20 {
        for moment in ["before", "after"] {
            std::fs::write(sandbox.file(), &file).unwrap();
            let mut command = sandbox.command(&at(&["move", "ci-deployer", "--yes"], &THERE));
            let ran =
                command.env("KEYROT_TEST_SANDBOX_DIE", format!("{nth}:{moment}")).output().unwrap();
            finished |= ran.status.success();
            let (_, run) = sandbox.json(&["rotate", "--user", "ci-deployer"]);
            let reason = the(&run, "reason").as_str().unwrap().to_owned();
            assert!(
                ["settled", "move_begun", "managed_elsewhere"].contains(&reason.as_str()),
                "{nth} {moment}: {reason}"
            );
            let (code, again) = sandbox.json(&at(&["move", "ci-deployer", "--yes"], &THERE));
            assert_eq!(code, Some(0), "{nth} {moment}: {again:#}");
            let (_, run) = sandbox.json(&at(&["rotate", "--user", "ci-deployer"], &THERE));
            assert_eq!(run["counts"]["rotated"], 1, "{nth} {moment}: {run:#}");
        }
        if finished {
            return;
        }
    }
    panic!("it never came to its end");
}
