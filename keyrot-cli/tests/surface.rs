//! What people try on a command line: other names for commands, users by ARN, `-q`, `--output`,
//! `--out`, exit codes, and where a setting comes from.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use std::collections::BTreeSet;
use support::{Ran, Sandbox, user};

const ARN: &str = "arn:aws:iam::123456789012:user/ci-deployer";

fn status_of(sandbox: &Sandbox, args: &[&str]) -> (Option<i32>, Vec<String>) {
    let (code, document) = sandbox.json(args);
    let users = document["users"].as_array().unwrap();
    (code, users.iter().map(|user| user["user"].as_str().unwrap().to_owned()).collect())
}

#[test]
fn names_that_people_try_are_commands() {
    let sandbox = Sandbox::new();
    let status = sandbox.run(&["status", "-q"]).stdout;
    for alias in ["list", "ls"] {
        assert_eq!(sandbox.run(&[alias, "-q"]).stdout, status, "{alias}");
    }
    for (alias, name) in [("diff", "plan"), ("apply", "rotate"), ("undo", "rollback")] {
        let help = |command: &str| sandbox.run(&[command, "-h"]).stdout;
        assert_eq!(help(alias), help(name), "{alias}");
    }
    let version = sandbox.run(&["--version"]).stdout;
    let ran = sandbox.run(&["version"]);
    assert_eq!((ran.code, &ran.stdout), (Some(0), &version));
    assert_eq!(
        sandbox.run(&["completions", "fish"]).stdout,
        sandbox.run(&["completion", "fish"]).stdout
    );
    let (code, released) = sandbox.json(&["unenroll", "shop-backend", "--dry-run"]);
    assert_eq!((code, &released["schema"]), (Some(0), &json!("keyrot.release/1")));
    assert_eq!(sandbox.run(&["self", "--help"]).stdout, sandbox.run(&["my-key", "--help"]).stdout);
    // They do not appear in the help.
    let help = sandbox.run(&["-h"]).stdout;
    for hidden in ["\n  list", "\n  ls", "\n  version", "\n  unenroll", "\n  self", "\n  users"] {
        assert!(!help.contains(hidden), "{hidden}: {help}");
    }
}

#[test]
fn help_has_the_groups_of_the_readme() {
    let sandbox = Sandbox::new();
    let readme =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let table = readme.split_once("\n## Commands\n").unwrap().1.split_once("\n\n- ").unwrap().0;
    let mut expected = Vec::new();
    for row in table.lines() {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        match cells.as_slice() {
            ["", group, "", "", ""] if group.starts_with("**") => {
                expected.push((group.trim_matches('*').to_owned(), Vec::new()));
            }
            ["", _, command, ..] if command.starts_with("`keyrot ") => {
                let name = command.split(['`', ' ']).nth(2).unwrap().to_owned();
                let names = &mut expected.last_mut().unwrap().1;
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            _ => {}
        }
    }
    let help = sandbox.run(&["--help"]).stdout;
    let list = help.split_once("\nCommands:\n").unwrap().1.split_once("\n\n").unwrap().0;
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for line in list.lines() {
        match line.strip_prefix("  ") {
            Some(command) => groups
                .last_mut()
                .unwrap()
                .1
                .push(command.split_whitespace().next().unwrap().to_owned()),
            None => groups.push((line.trim().to_owned(), Vec::new())),
        }
    }
    assert_eq!(groups, expected);
}

#[test]
fn a_user_is_named_by_name_arn_or_path_in_every_command() {
    let sandbox = Sandbox::new();
    sandbox.json(&["rotate", "--user", "ci-deployer"]);
    for name in ["ci-deployer", "user/ci-deployer", ARN] {
        for args in [
            &["status", name][..],
            &["plan", "--user", name],
            &["rotate", name, "--dry-run"],
            &["enroll", name, "--dry-run"],
            &["release", name, "--dry-run"],
            &["move", name, "--dry-run", "--region", "eu-west-1"],
        ] {
            let (_, users) = status_of(&sandbox, args);
            assert_eq!(users, ["ci-deployer"], "{args:?}");
        }
        for args in [
            &["rollback", name, "--dry-run"][..],
            &["revoke", name, "--dry-run"],
            &["resolve", name, "--dry-run"],
        ] {
            let (_, document) = sandbox.json(args);
            assert_eq!(document["user"]["user"], "ci-deployer", "{args:?}: {document}");
        }
        let (_, uses) = sandbox.json(&["who-uses", name]);
        assert_eq!(uses["user"], "ci-deployer", "{name}");
        assert_eq!(sandbox.run(&["credentials", name]).code, Some(0), "{name}");
        assert_eq!(sandbox.run(&["exec", name, "--", "true"]).code, Some(0), "{name}");
        assert_eq!(sandbox.run(&["sandbox", "tag", name, "a=b"]).code, Some(0), "{name}");
        let policy =
            sandbox.run(&["policy", "--for", "consumer", "--user", name, "--region", "eu-west-1"]);
        assert!(policy.stdout.contains("/iam/ci-deployer/access_key"), "{name}");
    }
}

/// The same name in another account is a different user.
#[test]
fn a_user_of_another_account_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.json(&["sandbox", "show"]);
    let other = "arn:aws:iam::999999999999:user/ci-deployer";
    for args in [
        &["rotate", other][..],
        &["status", "--user", other],
        &["revoke", other, "--yes"],
        &["revoke", other, "AKIAIOSFODNN7EXAMPLE", "--without-successor", "--yes"],
        &["enroll", other, "--yes"],
        &["release", other, "--yes"],
        &["move", other, "--yes", "--region", "eu-west-1"],
        &["resolve", other],
        &["rollback", other, "--yes"],
        &["who-uses", other],
    ] {
        let ran = sandbox.run(args);
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.stderr);
        let says = format!("{other} is a user of another account");
        assert!(ran.stderr.contains(&says), "{args:?}: {}", ran.stderr);
    }
    let (_, status) = sandbox.json(&["status", "--user", "ci-deployer"]);
    assert_eq!(user(&status, "ci-deployer")["state"], "due");
}

#[test]
fn usage_errors_are_documents_under_json() {
    let sandbox = Sandbox::new();
    for (args, message, hint) in [
        (&["--json", "rotte"][..], "unrecognized subcommand 'rotte'", "'rotate'"),
        (&["status", "--output", "json", "--usr", "x"], "unexpected argument '--usr'", "--user"),
        (&["status", "-qo", "json", "--usr", "x"], "unexpected argument '--usr'", "--user"),
        (&["status", "--format", "json", "--usr", "x"], "unexpected argument '--usr'", "--user"),
        (&["audit", "-o", "json", "--check=hihg"], "invalid value 'hihg'", "'high'"),
        (
            &["--json", "revoke"],
            "required arguments were not provided: <USER|KEY>",
            "Usage: keyrot",
        ),
        (&["--json"], "a command is missing", "keyrot --help"),
        (&["--json", "audit", "--output", "csv"], "--json is short for --output json", ""),
        (&["--json", "plan", "--utc", "--local"], "--utc", "Usage"),
        (&["--trail", "plan", "--json", "--no-trail"], "--trail and --no-trail", ""),
    ] {
        let ran = sandbox.run(args);
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("error: "), "{args:?}: {}", ran.stderr);
        let document: Value = serde_json::from_str(&ran.stdout).unwrap();
        support::conforms(&document);
        let text = |name: &str| document[name].as_str().unwrap_or_default().to_owned();
        assert!(text("message").contains(message), "{args:?}: {document}");
        assert!(text("hint").contains(hint), "{args:?}: {document}");
        assert_eq!(document["exit"], 2);
    }
    // Arguments that belong to another program do not affect keyrot.
    let ran = sandbox.run(&["exec", "--", "tool", "--json"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{}", ran.stderr);
}

/// The sandbox delivers nothing, and says so unless `-q` is given.
#[test]
fn destinations_are_simulated_in_the_sandbox() {
    let sandbox = Sandbox::new();
    let file = sandbox.dir().join("mine.toml");
    let table = "[[destination]]\nname = 'p'\nkind = 'ssm'\nusers = ['*']\nto = '/x/{user}'\n";
    std::fs::write(&file, table).unwrap();
    let status = ["--config", "mine.toml", "status"];
    let said = sandbox.run(&status).stderr;
    assert!(said.contains("destinations are simulated, too: nothing is delivered"), "{said}");
    let said = sandbox.run(&[&["-q"], &status[..]].concat()).stderr;
    assert!(!said.contains("simulated, too"), "{said}");
}

#[test]
fn quiet_prints_only_what_was_requested_and_errors() {
    let noisy = |args: &[&str]| -> (Sandbox, Ran) {
        let sandbox = Sandbox::new();
        std::fs::write(sandbox.dir().join("keyrot.toml"), "exclude = ['no-such-*']\n").unwrap();
        let output = sandbox.command(args).env("KEYROT_BUILD_NUMBER", "7").output().unwrap();
        let ran = sandbox.take(&output);
        (sandbox, ran)
    };
    let (_, loud) = noisy(&["--sandbox", "status"]);
    for part in ["warning: the exclusion", "warning: unknown environment", "note: settings from"] {
        assert!(loud.stderr.contains(part), "{}", loud.stderr);
    }
    for args in [
        &["--sandbox", "-q", "status"][..],
        &["--sandbox", "status", "--quiet"],
        &["--sandbox", "status", "--no-progress"],
    ] {
        let (_, quiet) = noisy(args);
        assert_eq!((quiet.stderr.as_str(), &quiet.stdout), ("", &loud.stdout), "{args:?}");
    }
    let (sandbox, ran) = noisy(&["--sandbox", "-q", "status", "--user", "nobody"]);
    assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
    let ran = sandbox.run(&["--sandbox", "-q", "rotate", "--user", "ci-deployer", "--quiet"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
}

#[test]
fn output_has_several_formats_and_can_go_to_files() {
    let sandbox = Sandbox::new();
    let table = sandbox.run(&["status", "-q"]).stdout;
    assert_eq!(sandbox.run(&["status", "-q", "--output", "table"]).stdout, table);
    for flags in ["-qo json", "--output=json", "--format=json"] {
        let args: Vec<&str> = std::iter::once("status").chain(flags.split(' ')).collect();
        let document: Value = serde_json::from_str(&sandbox.run(&args).stdout).unwrap();
        support::conforms(&document);
    }
    let rows = sandbox.run(&["status", "-q", "-o", "csv"]).stdout;
    let users = sandbox.json(&["status"]).1["users"].as_array().unwrap().len();
    assert_eq!(rows.lines().count(), users + 1, "{rows}");
    assert!(rows.starts_with("account,user,owner,state,reason,current_key,"), "{rows}");
    assert!(rows.contains(",data-import,") && rows.contains(",blocked,unknown_keys,"), "{rows}");

    let ran = sandbox.run(&["status", "-o", "csv", "--out", "users.csv"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("wrote users.csv"), "{}", ran.stderr);
    assert_eq!(std::fs::read_to_string(sandbox.dir().join("users.csv")).unwrap(), rows);
    let ran = sandbox.run(&["plan", "--out", "none/plan.txt"]);
    assert!(
        ran.code == Some(2) && ran.stderr.contains("there is no folder none"),
        "{}",
        ran.stderr
    );
    let ran = sandbox.run(&["status", "--color", "always", "--out", "users.txt"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let text = std::fs::read_to_string(sandbox.dir().join("users.txt")).unwrap();
    assert!(text.contains("data-import") && !text.contains('\u{1b}'), "{text}");

    // A format that does not apply is refused, and the others are named.
    let ran = sandbox.run(&["revoke", "ci-deployer", "--output", "html"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("[possible values: text, json]"));
}

#[test]
fn a_switch_is_a_pair_of_flags() {
    let sandbox = Sandbox::new();
    let trail = |args: &[&str]| {
        let (_, document) = sandbox.json(&[&["config", "show"], args].concat());
        let settings = document["settings"].as_array().unwrap().clone();
        let one = settings.into_iter().find(|one| one["name"] == "trail").unwrap();
        (one["value"].clone(), one["origin"].clone())
    };
    let flag = |value: &str| (json!(value), json!("flag --trail"));
    assert_eq!(trail(&["--trail"]), flag("true"));
    assert_eq!(trail(&["--no-trail"]), flag("false"));
    assert_eq!(trail(&["--trail=false"]), flag("false"));
    // The last one wins, as for other flags.
    assert_eq!(trail(&["--no-trail", "--trail"]), flag("true"));
    assert_eq!(trail(&["--trail", "--no-trail"]), flag("false"));
}

#[test]
fn config_show_names_the_source_of_each_value() {
    let sandbox = Sandbox::new();
    std::fs::write(sandbox.dir().join("keyrot.toml"), "\nexclude = ['a', 'b']\noverlap = '3d'\n")
        .unwrap();
    let own = sandbox.dir().join("home/keyrot");
    std::fs::create_dir_all(&own).unwrap();
    std::fs::write(own.join("keyrot.toml"), "soak = '9d'\noverlap = '4d'\n").unwrap();
    let show = |args: &[&str]| {
        let mut command = sandbox.command(&[&["config", "show"], args].concat());
        command.env("XDG_CONFIG_HOME", sandbox.dir().join("home")).env("KEYROT_IDLE", "50d");
        sandbox.take(&command.output().unwrap())
    };
    let document: Value =
        serde_json::from_str(&show(&["--json", "--max-age", "80d"]).stdout).unwrap();
    support::conforms(&document);
    let own = own.join("keyrot.toml").display().to_string();
    assert_eq!(document["files"], json!([own, "keyrot.toml"]));
    let origin = |name: &str| {
        let settings = document["settings"].as_array().unwrap();
        let one = settings.iter().find(|one| one["name"] == name).unwrap();
        (one["value"].clone(), one["origin"].as_str().unwrap().to_owned())
    };
    assert_eq!(origin("overlap"), (json!("3d"), "file keyrot.toml line 3".to_owned()));
    assert_eq!(origin("exclude"), (json!("a,b"), "file keyrot.toml line 2".to_owned()));
    assert_eq!(origin("soak"), (json!("9d"), format!("file {own} line 1")));
    assert_eq!(origin("idle"), (json!("50d"), "env KEYROT_IDLE".to_owned()));
    assert_eq!(origin("max_age"), (json!("80d"), "flag --max-age".to_owned()));
    assert_eq!(origin("recent_use"), (json!("1d"), "default".to_owned()));
    assert_eq!(origin("kms_key").0, Value::Null);

    let table = show(&[]).stdout;
    assert_eq!(table.lines().count(), keyrot_core::settings::SETTINGS.len() + 1);
    let changed = show(&["--changed"]).stdout;
    let names: BTreeSet<&str> =
        changed.lines().skip(1).map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(names, ["exclude", "idle", "overlap", "soak"].into());
    assert!(changed.contains("keyrot.toml line 3") && changed.contains("KEYROT_IDLE"), "{changed}");
    assert!(!sandbox.file().exists(), "nothing was called");
}

/// Each exit code has one meaning, and reads fail only on request.
#[test]
fn reads_end_with_0_unless_asked() {
    let sandbox = Sandbox::new();
    for command in ["status", "plan"] {
        let code = |args: &[&str]| sandbox.run(&[&[command, "-q"], args].concat()).code;
        assert_eq!(code(&[]), Some(0), "{command}");
        assert_eq!(code(&["--json"]), Some(0), "{command}");
        assert_eq!(code(&["--check"]), Some(3), "{command}: a user is blocked");
        assert_eq!(code(&["--check", "--user", "ci-deployer"]), Some(0), "{command}");
        assert_eq!(code(&["--user", "nobody"]), Some(2), "{command}");
    }
    assert_eq!(sandbox.run(&["rotate", "--dry-run"]).code, Some(0));
    assert_eq!(sandbox.run(&["rotate", "--user", "data-import"]).code, Some(3), "it is no read");
}

#[test]
fn plan_reports_by_exit_code_whether_there_is_something_to_do() {
    let sandbox = Sandbox::new();
    let code =
        |args: &[&str]| sandbox.run(&[&["plan", "-q", "--detailed-exitcode"], args].concat()).code;
    assert_eq!(code(&[]), Some(2), "somebody is due");
    assert_eq!(code(&["--user", "shop-backend"]), Some(0), "nothing to do");
    assert_eq!(code(&["--user", "data-import"]), Some(0), "blocked: a run would change nothing");
    // 2 is not an error here, so no error is 2.
    assert_eq!(code(&["--user", "nobody"]), Some(1));
    assert_eq!(code(&["--overlap", "soon"]), Some(1));
    assert_eq!(code(&["--no-such-flag"]), Some(1));
    let (_, document) = sandbox.json(&["plan", "--detailed-exitcode", "--nonsense"]);
    assert_eq!(document["exit"], 1);
}

#[test]
fn plan_shows_only_what_a_run_would_do_and_who_is_blocked() {
    let sandbox = Sandbox::new();
    let plan = sandbox.run(&["plan", "-q"]).stdout;
    let (_, document) = sandbox.json(&["plan"]);
    let table = plan.split_once("\nUSER ").unwrap().1;
    for one in document["users"].as_array().unwrap() {
        let (name, state) = (one["user"].as_str().unwrap(), one["state"].as_str().unwrap());
        let row = table.lines().find(|line| line.split_whitespace().next() == Some(name));
        assert_eq!(row.is_some(), ["due", "blocked"].contains(&state), "{name} is {state}: {plan}");
        assert!(row.is_none_or(|row| row.contains(state)), "{name}: {plan}");
    }
    let status = sandbox.run(&["status", "-q"]).stdout;
    let rows = status.split_once("\nUSER ").unwrap().1;
    assert!(rows.contains("\ndata-import ") && rows.contains("\nshop-backend "), "{status}");
}

#[test]
fn force_never_does_nothing_silently() {
    let sandbox = Sandbox::new();
    let force = ["--sandbox", "rotate", "-q", "--force", "--user", "ci-deployer"];
    assert_eq!(sandbox.run(&force).code, Some(0));
    let current =
        |sandbox: &Sandbox| user(&sandbox.json(&["status"]).1, "ci-deployer")["current"].clone();
    let before = current(&sandbox);
    for dry in [&[][..], &["--dry-run"]] {
        let ran = sandbox.run(&[&force[..], dry].concat());
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        let would = if dry.is_empty() { "did not replace" } else { "would not replace" };
        let says = format!("error: --force {would} the key of ci-deployer: ");
        assert!(ran.stderr.starts_with(&says), "{}", ran.stderr);
    }
    assert_eq!(current(&sandbox), before);
    // A blocked user is reported as blocked.
    let ran = sandbox.run(&["--sandbox", "rotate", "-q", "--force", "--user", "data-import"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(3), ""));
    // A key that was not replaced takes precedence over that.
    let both =
        ["--sandbox", "rotate", "-q", "--force", "--user", "ci-deployer", "--user", "data-import"];
    assert_eq!(sandbox.run(&both).code, Some(1));
}

/// The command in a hint can be pasted, even for a name that looks like a flag.
#[test]
fn hints_for_a_name_that_begins_with_a_hyphen_can_be_pasted() {
    use keyrot_aws::emulator::{Emulator, EmulatorOptions};
    use keyrot_core::memory::World;
    let mut world = World::new(std::time::SystemTime::now().into());
    let name = world.add_user("-x", &[("RotateKey", "True")]).unwrap();
    for _ in 0..2 {
        world.add_key(&name).unwrap();
    }
    let emulator = Emulator::start(world, EmulatorOptions::default()).unwrap();
    let sandbox = Sandbox::new();
    let keyrot = |args: &[&str]| {
        let mut command = sandbox.command(args);
        command.env_remove("KEYROT_SANDBOX").envs(emulator.env());
        sandbox.take(&command.output().unwrap())
    };
    for args in [&["status", "--user=-x", "--json"][..], &["status", "--json", "--", "-x"]] {
        let status: Value = serde_json::from_str(&keyrot(args).stdout).unwrap();
        let hint = user(&status, "-x")["hint"].as_str().unwrap();
        let command = hint.split('`').find(|part| part.starts_with("keyrot ")).unwrap();
        assert_eq!(command, "keyrot resolve -- -x");
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        let ran = keyrot(&[&["--json"], &words[..]].concat());
        let document: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!((ran.code, &document["user"]["user"]), (Some(3), &json!("-x")), "{document}");
    }
}

/// The command that `exec` starts gets keyrot's region, unless another one is set.
#[test]
fn exec_passes_the_region_on() {
    use support::reader::{Scene, by_profile, ended};
    let scene = Scene::new();
    let home = scene.emulator.env().into_iter().find(|(name, _)| *name == "AWS_REGION").unwrap().1;
    let exec = |args: &[&str], env: &[(&str, &str)], in_profile: bool| {
        let script = "echo \"$AWS_REGION,$AWS_DEFAULT_REGION\"";
        let args =
            [&["exec", "ci", "--profile", "reader"], args, &["--", "sh", "-c", script]].concat();
        let mut command = by_profile(&scene, "", &args);
        if in_profile {
            let config = scene.home.path().join(".aws/config");
            let text = std::fs::read_to_string(&config).unwrap();
            std::fs::write(&config, format!("{text}region={home}\n")).unwrap();
        }
        command.env_remove("AWS_REGION").env_remove("AWS_DEFAULT_REGION").envs(env.iter().copied());
        let ran = ended(command);
        assert_eq!(ran.code, Some(0), "{args:?}: {}", ran.said);
        ran.out.trim().to_owned()
    };
    let both = format!("{home},{home}");
    assert_eq!(exec(&["--region", &home], &[], false), both);
    assert_eq!(exec(&[], &[], true), both);
    let other = [("AWS_DEFAULT_REGION", "ap-south-1")];
    assert_eq!(exec(&["--region", &home], &other, false), "ap-south-1,ap-south-1");
}
