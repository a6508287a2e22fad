//! What people see, screen by screen, in a file for each command: `--help`, then the simulated
//! account, then errors.
//!
//! After an intended change of a screen, run
//! `INSTA_UPDATE=always cargo nextest run --test screens`, and read `git diff`.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::fmt::Write;
use support::Sandbox;

/// The beginning of the global options in a long help, and the text that replaces them in the
/// files.
const COMMON: &str = "\nGlobal options:";
const LEFT_OUT: &str = "\n[global options, as in keyrot --help]\n";

/// Settings with two destinations, in the environment.
const DESTINATIONS: &str = r#"KEYROT_DESTINATION=[{"name":"params","kind":"ssm","users":["*"],"to":"/ci/{user}/aws"},{"name":"lake","kind":"ssm","users":["backup-*"],"to":"/lake/{user}","required":false}]"#;

/// A file with some screens in it.
struct Screens {
    sandbox: Sandbox,
    text: String,
}

impl Screens {
    /// Creates a new account, and runs these commands on it one after the other.
    fn of(lines: &[&str]) -> Self {
        let sandbox = Sandbox::new();
        sandbox.json(&["sandbox", "reset"]);
        let mut screens = Self { sandbox, text: String::new() };
        lines.iter().for_each(|line| screens.see(line));
        screens
    }

    /// Runs one command as you would type it. Words are separated by spaces; quotes have no
    /// meaning.
    fn see(&mut self, line: &str) {
        let mut words = line.split(' ').peekable();
        let mut environment = Vec::new();
        while let Some(set) = words.next_if(|word| word.starts_with("KEYROT_")) {
            environment.push(set.split_once('=').unwrap());
        }
        assert_eq!(words.next(), Some("keyrot"));
        let args: Vec<&str> = words.collect();
        let output = self.sandbox.command(&args).envs(environment).output().unwrap();
        let ran = self.sandbox.take(&output);
        let code = ran.code.unwrap();
        let _ = writeln!(self.text, "$ {line}");
        for (name, text) in [("stdout", &ran.stdout), ("stderr", &ran.stderr)] {
            if !text.is_empty() {
                let _ = writeln!(self.text, "[{name}]\n{}", text.trim_end());
            }
        }
        let _ = writeln!(self.text, "[exit {code}]\n");
    }

    /// Compares the screens with the file.
    fn are_as_in(self, file: &str) {
        let Self { sandbox, text } = self;
        // The text contains nothing about this machine, and no secret, although the account is
        // simulated.
        let text = text.replace(sandbox.dir().to_str().unwrap(), "[DIR]");
        assert!(!text.contains("/tmp") && !text.contains(env!("CARGO_MANIFEST_DIR")), "{text}");
        sandbox.kept_its_secrets();
        for secret in sandbox.secrets() {
            assert!(!text.contains(&secret), "{file} would hold a secret");
        }
        is_as_in(file, &text);
    }
}

fn is_as_in(file: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("screens");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(file, text));
}

#[test]
fn the_help_of_every_command() {
    let sandbox = Sandbox::new();
    // The pages cover every command that clap has, so no new command is missing.
    assert_eq!(sandbox.run(&["man", "--out", "pages"]).code, Some(0));
    let pages = std::fs::read_dir(sandbox.dir().join("pages")).unwrap();
    let names: BTreeSet<String> =
        pages.map(|page| page.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.len() > 20, "{names:?}");
    let whole = sandbox.run(&["--help"]).stdout;
    let common = common_of(&whole);
    assert!(common.contains("--sandbox") && common.contains("--local"), "{common}");
    is_as_in("help", &whole);
    is_as_in("help-settings", &sandbox.run(&["help", "settings"]).stdout);
    let mut short = String::new();
    for args in [&["-h"][..], &["rotate", "-h"], &["revoke", "-h"], &["policy", "-h"]] {
        let _ = writeln!(short, "$ keyrot {}\n{}", args.join(" "), sandbox.run(args).stdout);
    }
    is_as_in("help-short", &short);
    let (mut below, mut seen) = (String::new(), 0);
    for name in names.iter().filter(|name| *name != "keyrot.1") {
        let name = name.strip_prefix("keyrot-").and_then(|name| name.strip_suffix(".1")).unwrap();
        // `who-uses` is one word, `sandbox show` two.
        let words: Vec<&str> = match name.split_once("sandbox-") {
            Some(("", sub)) => vec!["sandbox", sub],
            _ if name == "config-show" => vec!["config", "show"],
            _ => vec![name],
        };
        let ran = sandbox.run(&[&words[..], &["--help"]].concat());
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{name}");
        let by_word = sandbox.run(&[&["help"], &words[..]].concat());
        assert_eq!((by_word.code, &by_word.stdout), (Some(0), &ran.stdout), "keyrot help {name}");
        let help = ran.stdout;
        assert_eq!(common_of(&help), common, "{name}: they are the same everywhere");
        let help = help.replace(common, LEFT_OUT);
        seen += 1;
        if words.len() > 1 {
            let _ = writeln!(below, "$ keyrot {} --help\n{help}", words.join(" "));
        } else {
            is_as_in(&format!("help-{name}"), &help);
        }
    }
    assert_eq!(seen, names.len() - 1);
    is_as_in("help-below-sandbox", &below);
    assert!(!sandbox.file().exists(), "help needs no account");
}

/// Returns the global options, up to the text that follows them.
fn common_of(help: &str) -> &str {
    let begin = help.find(COMMON).unwrap_or_else(|| panic!("no global options in {help}"));
    let common = &help[begin..];
    let end =
        ["\nExamples:\n", "\nEvery setting is"].iter().filter_map(|after| common.find(after)).min();
    common[..end.unwrap_or(common.len())].trim_end()
}

#[test]
fn plan() {
    Screens::of(&[
        "keyrot plan",
        "keyrot plan --user ci-deployer",
        "keyrot plan --local --utc",
        "keyrot plan --tag Nobody=Has",
        "keyrot plan --exclude no-such-*,data-import --user shop-backend",
    ])
    .are_as_in("plan");
}

/// Works on one user after the other, because concurrent users end in any order.
#[test]
fn rotate() {
    Screens::of(&[
        "keyrot rotate --concurrency 1",
        "keyrot rotate -q --concurrency 1",
        "keyrot rotate --force --user ci-deployer",
        "keyrot sandbox advance 8d",
        "keyrot rotate --concurrency 1",
    ])
    .are_as_in("rotate");
}

#[test]
fn status() {
    Screens::of(&[
        "keyrot status",
        "keyrot status -q --user data-import",
        "keyrot status -q --max-age 40d",
    ])
    .are_as_in("status");
}

#[test]
fn audit() {
    Screens::of(&[
        "keyrot audit",
        "keyrot audit -q --only unmanaged --ids",
        "keyrot audit -q --check=high --only findings",
        "keyrot audit -q --output csv",
        &format!("{DESTINATIONS} keyrot audit -q --only findings"),
    ])
    .are_as_in("audit");
}

#[test]
fn who_uses() {
    Screens::of(&[
        "keyrot who-uses backup-agent",
        "keyrot who-uses new-service",
        "keyrot who-uses AKIAIOSFODNN7EXAMPLE",
        &format!("{DESTINATIONS} keyrot rotate -q --user backup-agent"),
        &format!("{DESTINATIONS} keyrot who-uses -q backup-agent"),
        &format!("{DESTINATIONS} keyrot who-uses -q legacy-ftp"),
    ])
    .are_as_in("who-uses");
}

#[test]
fn rollback() {
    Screens::of(&[
        "keyrot rotate -q --user ci-deployer",
        "keyrot rollback ci-deployer --dry-run",
        "keyrot rollback ci-deployer",
        "keyrot rollback ci-deployer --yes",
        "keyrot status -q --user ci-deployer",
        "keyrot rollback shop-backend --yes",
        "keyrot rollback new-service --yes",
    ])
    .are_as_in("rollback");
}

#[test]
fn revoke() {
    Screens::of(&[
        "keyrot revoke ci-deployer --dry-run",
        "keyrot revoke ci-deployer --reason leaked --yes",
        "keyrot revoke ci-deployer",
        "keyrot revoke ci-deployer AKIAIOSFODNN7EXAMPLE --yes",
        "keyrot revoke data-import AKIAN3OVT2DJYWYIDSIM --yes",
        "keyrot revoke data-import AKIAN3OVT2DJYWYIDSIM --without-successor --delete --yes",
    ])
    .are_as_in("revoke");
}

#[test]
fn resolve() {
    Screens::of(&[
        "keyrot resolve data-import",
        "keyrot resolve data-import --choose retire:AKIAFPBWAIUDWQENFSIM --yes",
        "keyrot resolve data-import --choose retire:AKIAN3OVT2DJYWYIDSIM --yes",
        "keyrot resolve data-import",
        "keyrot resolve legacy-ftp",
        "keyrot resolve report-mailer",
        "keyrot resolve report-mailer --choose go-back",
    ])
    .are_as_in("resolve");
}

#[test]
fn enroll_and_release() {
    Screens::of(&[
        "keyrot enroll jane.doe --dry-run",
        "keyrot enroll jane.doe",
        "keyrot enroll jane.doe ci-deployer --yes",
        "keyrot enroll break-glass --yes",
        "keyrot enroll break-glass --anyway --dry-run",
    ])
    .are_as_in("enroll");
    Screens::of(&[
        "keyrot move report-mailer shop-backend --region eu-west-1 --dry-run",
        "keyrot move report-mailer --region eu-west-1",
        "keyrot move report-mailer --region eu-west-1 --yes",
        "keyrot rotate report-mailer",
        "keyrot rotate report-mailer --region eu-west-1",
        "keyrot move report-mailer --region eu-west-1",
        "keyrot move report-mailer --yes",
        "keyrot move jane.doe --region eu-west-1 --yes",
    ])
    .are_as_in("move");
    Screens::of(&[
        "keyrot release shop-backend jane.doe --dry-run",
        "keyrot release shop-backend",
        "keyrot release shop-backend --yes",
    ])
    .are_as_in("release");
}

#[test]
fn doctor() {
    Screens::of(&["keyrot doctor", "keyrot doctor --send-test"]).are_as_in("doctor");
}

/// Shows only errors, because the rest prints a secret.
#[test]
fn credentials_and_exec() {
    Screens::of(&[
        "keyrot credentials",
        "keyrot credentials new-service",
        "keyrot credentials ci-delpoyer",
        "keyrot credentials nobody",
        "keyrot credentials new-service --previous",
        "keyrot credentials ci-deployer --cache-for 30d",
        "keyrot exec ci-deployer",
        "keyrot exec ci-deployer -- no-such-command",
    ])
    .are_as_in("credentials");
}

#[test]
fn sandbox() {
    Screens::of(&[
        "keyrot sandbox show",
        "keyrot sandbox use shop-backend",
        "keyrot sandbox use new-service",
    ])
    .are_as_in("sandbox");
}

/// Runs on a terminal of this width; no line may be wider.
#[cfg(unix)]
fn on_a_terminal(columns: u16, lines: &[&str]) -> Screens {
    let mut screens = Screens::of(&[]);
    for line in lines {
        let (mut terminal, side) = support::terminal(columns);
        let args: Vec<&str> = line.split(' ').skip(1).chain(["-q", "--color", "never"]).collect();
        let mut child = screens.sandbox.command(&args).stdout(side).spawn().unwrap();
        let text = support::all_of(&mut terminal);
        child.wait().unwrap();
        assert!(text.lines().count() > 3, "{line}: {text}");
        for row in text.lines() {
            // A single word is never broken, so that it can be copied.
            let is_one_word = row.trim().split(' ').count() == 1;
            assert!(row.chars().count() <= usize::from(columns) || is_one_word, "{line}: {row}");
        }
        let _ = writeln!(screens.text, "$ {line}\n{text}");
    }
    screens
}

#[cfg(unix)]
const ON_TERMINALS: [&str; 9] = [
    "keyrot status",
    "keyrot audit",
    "keyrot who-uses backup-agent",
    "keyrot enroll jane.doe --dry-run",
    "keyrot release shop-backend --dry-run",
    "keyrot revoke ci-deployer --reason leaked --yes",
    "keyrot resolve data-import",
    "keyrot doctor",
    "keyrot rotate --concurrency 1",
];

#[cfg(unix)]
#[test]
fn on_a_narrow_terminal() {
    on_a_terminal(80, &ON_TERMINALS).are_as_in("terminal-80");
}

#[cfg(unix)]
#[test]
fn on_a_wide_terminal() {
    on_a_terminal(140, &ON_TERMINALS).are_as_in("terminal-140");
}

/// Mistyped words.
#[test]
fn errors() {
    let mut screens = Screens::of(&[
        "keyrot",
        "keyrot rotte",
        "keyrot audit --outptu csv",
        "keyrot audit --output csw",
        "keyrot audit --check=hihg",
        "keyrot plan --user ci-delpoyer",
        "keyrot rotate --user jane.doe",
        "keyrot rotate --user nobody",
        "keyrot who-uses ci-delpoyer",
        "keyrot enroll ci-delpoyer",
        "keyrot rollback ci-delpoyer",
        "keyrot revoke ci-delpoyer",
        "keyrot resolve ci-delpoyer",
        "keyrot release ci-delpoyer",
        "keyrot plan --max-age ninety",
        "keyrot plan --overlap 5m",
        "keyrot plan --utc --local",
        "KEYROT_OVERLPA=8d keyrot plan",
        "KEYROT_MAX_AGE=90 keyrot plan",
        "keyrot --config nowhere.toml plan",
        "keyrot --json plan --user ci-delpoyer",
        "keyrot who-uses ci-deployer --since 91d",
        "keyrot man --out sandbox.json",
    ]);
    for text in [
        "overlpa = \"8d\"\n",
        "overlap = 8\n",
        "overlap = \"8d\n",
        "notify = [\"slak secret:x\"]\n",
    ] {
        std::fs::write(screens.sandbox.dir().join("keyrot.toml"), text).unwrap();
        let _ = writeln!(screens.text, "keyrot.toml: {}", text.trim_end());
        screens.see("keyrot plan");
    }
    screens.see("keyrot --config keyrot.toml plan");
    std::fs::remove_file(screens.sandbox.dir().join("keyrot.toml")).unwrap();
    screens.are_as_in("errors");
}
