//! Plans and runs: what they do, count and print.

use crate::support::{Sandbox, user};
use serde_json::json;

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
fn a_rotation_goes_from_due_to_settled() {
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
fn the_hint_unblocks_a_blocked_user() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run(&["rotate", "--user", "data-import"]);
    assert_eq!(ran.code, Some(3));
    assert!(
        ran.stdout.contains("Needs manual action")
            && ran.stdout.contains("hint: deactivate the one that is not needed"),
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
    // A consumer reads the secret, and uses what it finds.
    sandbox.json(&["sandbox", "use", "new-service"]);
    assert_eq!(rotate(&[])["counts"]["retired"], 1);
}

#[test]
fn users_that_wait_for_adoption_are_counted_with_a_hint() {
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
fn mistyped_users_get_a_suggestion_and_stop_the_run_before_it_begins() {
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
fn no_selected_user_is_reported_and_not_a_failure() {
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
fn max_changes_limits_the_run_and_is_not_a_failure() {
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

/// A change that cannot be undone is named before it is done, although a verification comes first.
#[test]
fn a_plan_names_what_follows_a_verification() {
    let sandbox = Sandbox::new();
    sandbox.json(&["sandbox", "advance", "6d"]);
    let (_, plan) = sandbox.json(&["plan"]);
    let found = user(&plan, "billing-export");
    let old = found["keys"].as_array().unwrap().iter().find(|key| key["current"] == false).unwrap();
    let old = old["id"].as_str().unwrap();
    assert_eq!(
        (&found["reason"], &found["intended"]),
        (&json!("verify"), &json!([{ "delete": old }]))
    );
    let message = found["message"].as_str().unwrap();
    assert!(message.contains(&format!("; if it works: delete {old}")), "{message}");
    assert!(sandbox.run(&["plan"]).stdout.contains(&format!("if it works: delete {old}")));
    // The run then does exactly that.
    let (_, done) = sandbox.json(&["rotate", "billing-export"]);
    assert_eq!(done["counts"]["deleted"], 1, "{done}");
    assert!(user(&done, "billing-export").get("intended").is_none());
}

/// Each user is counted under the word in its row.
#[test]
fn the_counts_of_a_table_match_its_rows() {
    let sandbox = Sandbox::new();
    let shown = sandbox.run(&["status"]).stdout;
    let rows = shown.lines().skip_while(|line| !line.starts_with("USER")).skip(1);
    let words: Vec<&str> = rows
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().nth(1))
        .collect();
    let sum = shown.lines().find(|line| line.starts_with("9 users: ")).unwrap();
    for word in ["due", "settled", "overlap", "soaking", "held", "blocked"] {
        let count = words.iter().filter(|one| **one == word).count();
        assert!(count > 0 && sum.contains(&format!("{count} {word}")), "{word}: {sum}");
    }
    assert!(!sum.contains("waiting"), "{sum}");
}

/// A command in a hint runs in the same place as the command that printed it.
#[test]
fn hints_have_the_flags_that_were_given() {
    let sandbox = Sandbox::new();
    std::fs::write(sandbox.dir().join("k b.toml"), "overlap = '8d'\n").unwrap();
    let given = "--sandbox=a.json --config 'k b.toml' --region eu-west-1 --no-trail";
    let flags = shell_words::split(given).unwrap();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let run = |args: &[&str]| sandbox.run(&[&flags[..], args].concat());
    let ran = run(&["plan", "new-service"]);
    let command = format!("to do it: `keyrot {given} rotate new-service`");
    assert!(ran.stdout.contains(&command), "{}", ran.stdout);
    let ran = sandbox.run(&["--sandbox=a.json", "plan"]);
    for command in
        ["`keyrot --sandbox=a.json rotate`", "`keyrot --sandbox=a.json resolve data-import`"]
    {
        assert!(ran.stdout.contains(command), "{command}: {}", ran.stdout);
    }
    // If it is pasted, it does what was shown.
    let pasted = run(&["rotate", "new-service"]);
    assert!(pasted.stdout.contains("new key published"), "{}", pasted.stdout);
    // What the environment sets needs no flag.
    let ran = sandbox.run(&["plan"]);
    assert!(ran.stdout.contains("to do it: `keyrot rotate`"), "{}", ran.stdout);
}

/// A value such as `yes` selects nobody. A person who tagged a user with it looks for the user in
/// vain, so the user is named.
#[test]
fn users_with_another_value_of_the_tag_are_named() {
    let sandbox = Sandbox::new();
    let said = |args: &[&str]| sandbox.run(args).stdout;
    let one = "\nRotateKey is not \"True\": break-glass (\"False\")\n";
    for args in [&["status"][..], &["plan"], &["rotate", "--dry-run"]] {
        assert!(said(args).contains(one), "{args:?}: {}", said(args));
    }
    assert!(!said(&["status", "--user", "ci-deployer"]).contains("RotateKey is not"));
    for name in ["backup-agent", "billing-export", "ci-deployer", "data-import", "image-resizer"] {
        assert_eq!(sandbox.json(&["sandbox", "tag", name, "RotateKey=yes "]).0, Some(0));
    }
    let some = "RotateKey is not \"True\": backup-agent (\"yes \"), billing-export (\"yes \"), break-glass (\"False\"), ci-deployer (\"yes \"), data-import (\"yes \") and 1 more\n";
    assert!(said(&["status"]).contains(some), "{}", said(&["status"]));
    // If no user is selected, that is the likely reason.
    let none = said(&["status", "--tag", "RotateKey=on"]);
    assert!(none.starts_with("account") && none.contains("No user is selected"), "{none}");
    assert!(none.contains("\nRotateKey is not \"on\": backup-agent"), "{none}");
}
