//! Output to stdout, stderr and files, and what happens if it can't be written.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use support::Sandbox;

fn full() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

/// Returns the same command in a shell, with the redirection in `redirect`, which closes a
/// descriptor or opens it for reading.
fn redirected(command: &Command, redirect: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec \"$@\" {redirect}"), "sh"]);
    shell.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    if let Some(dir) = command.get_current_dir() {
        shell.current_dir(dir);
    }
    shell
}

/// Returns, for each command that `--help` lists, a command line that prints something.
const COMMANDS: [&[&str]; 32] = [
    &["plan"],
    &["rotate"],
    &["status"],
    &["rollback", "shop-backend", "--dry-run"],
    &["deliver", "shop-backend", "--dry-run"],
    &["revoke", "ci-deployer", "--yes"],
    &["resolve", "shop-backend"],
    &["audit"],
    &["who-uses", "ci-deployer"],
    &["doctor"],
    &["policy"],
    &["enroll", "jane.doe", "--yes"],
    &["move", "report-mailer", "--region", "eu-west-1", "--dry-run"],
    &["release", "ci-deployer", "--yes"],
    &["credentials", "shop-backend"],
    &["exec", "shop-backend", "--", "sh", "-c", "echo x"],
    &["init", "--offline", "--stdout"],
    &["my-key", "--dry-run"],
    &["config", "show"],
    &["completion", "bash"],
    &["man"],
    &["demo"],
    &["sandbox", "show"],
    &["sandbox", "advance", "1h"],
    &["sandbox", "reset"],
    &["sandbox", "use", "shop-backend"],
    &["sandbox", "tag", "shop-backend", "a=b"],
    &["sandbox", "untag", "shop-backend", "RotateKey"],
    &["sandbox", "deactivate", "KEY"],
    &["sandbox", "reactivate", "KEY"],
    &["sandbox", "delete", "KEY"],
    &["help"],
];

/// Returns the words of the list under `Commands:`.
fn listed(sandbox: &Sandbox, above: &[&str]) -> BTreeSet<String> {
    let help = sandbox.run(&[above, &["-h"]].concat()).stdout;
    let list = help.split_once("\nCommands:\n").map_or("", |(_, rest)| rest);
    let lines = list.lines().take_while(|line| !line.is_empty());
    lines
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .collect()
}

/// Returns the command line in its own sandbox, with everything that it needs.
fn prepared(args: &[&str]) -> (Sandbox, Command) {
    let sandbox = Sandbox::new();
    let show = sandbox.json(&["sandbox", "show"]).1;
    let key = support::user(&show, "jane.doe")["keys"][0]["id"].as_str().unwrap().to_owned();
    let credentials = sandbox.dir().join("credentials");
    std::fs::write(&credentials, support::own::file_with(&key)).unwrap();
    // A key has to be Inactive before it can be deleted.
    if args.contains(&"delete") || args.contains(&"reactivate") {
        assert_eq!(sandbox.run(&["sandbox", "deactivate", &key]).code, Some(0));
    }
    let args: Vec<&str> =
        args.iter().map(|word| if *word == "KEY" { key.as_str() } else { word }).collect();
    let mut command = sandbox.command(&args);
    command
        .env("AWS_SHARED_CREDENTIALS_FILE", credentials)
        .env("XDG_STATE_HOME", sandbox.dir().join("state"));
    (sandbox, command)
}

#[test]
fn no_command_succeeds_if_stdout_cannot_be_written() {
    let sandbox = Sandbox::new();
    let mut commands = listed(&sandbox, &[]);
    for above in ["sandbox", "config"] {
        commands.remove(above);
        let below = listed(&sandbox, &[above]).into_iter().filter(|word| word != "help");
        commands.extend(below.map(|word| format!("{above} {word}")));
    }
    let here = COMMANDS.iter().map(|args| match args[0] {
        "sandbox" | "config" => args[..2].join(" "),
        alone => alone.to_owned(),
    });
    assert_eq!(here.collect::<BTreeSet<_>>(), commands, "a command is missing in this test");

    let flags: [&[&str]; 4] =
        [&["--help"], &["--version"], &["rotate", "--help"], &["help", "rotate"]];
    for args in COMMANDS.iter().chain(&flags) {
        let no_document =
            ["credentials", "exec", "completion", "man", "help", "--help", "--version"]
                .contains(&args[0])
                || args.contains(&"--help");
        for json in [&[][..], &["--json"]].iter().take(if no_document { 1 } else { 2 }) {
            let args = [json, *args].concat();
            // This command line prints something, and can succeed.
            let (_before, mut command) = prepared(&args);
            let well = command.output().unwrap();
            assert!(!well.stdout.is_empty(), "{args:?} prints nothing");
            let (_here, mut command) = prepared(&args);
            let lost = command.stdout(full()).output().unwrap();
            is_lost(&args, &well, &lost, "No space left on device");
            let (_here, command) = prepared(&args);
            let lost = redirected(&command, "1</dev/null").output().unwrap();
            is_lost(&args, &well, &lost, "");
        }
    }
}

/// Checks that it did not succeed, and says why; it prints nothing if the reader of a pipe closed
/// it.
fn is_lost(args: &[&str], well: &Output, lost: &Output, why: &str) {
    let said = String::from_utf8_lossy(&lost.stderr);
    // SIGPIPE ends the command that `exec` starts.
    let code = lost.status.code().or(lost.status.signal().map(|number| 128 + number)).unwrap();
    assert_ne!(code, 0, "{args:?}: {said}");
    let expected = code == 1 || Some(code) == well.status.code();
    assert!(expected || (why.is_empty() && code == 141), "{args:?}: {code}: {said}");
    let own = args.contains(&"exec") || args.contains(&"credentials");
    let error = format!("error: could not write to stdout: {why}");
    assert!(own || why.is_empty() || said.contains(&error), "{args:?}: {said}");
    assert!(!said.contains("panicked"), "{args:?}: {said}");
}

#[test]
fn a_stdout_that_is_dev_null_on_purpose_is_written_to() {
    // A shell opens it for writing; Python, Node and daemons open it for reading and writing.
    for redirect in [">/dev/null", "1<>/dev/null"] {
        let (_sandbox, command) = prepared(&["sandbox", "show"]);
        let output = redirected(&command, redirect).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{redirect}: {said}");
        assert!(!said.contains("error:"), "{redirect}: {said}");
    }
}

#[test]
fn a_closed_pipe_is_not_a_success_and_prints_no_message() {
    for args in [&["status"][..], &["audit"], &["--help"], &["completion", "zsh"]] {
        let (_sandbox, mut command) = prepared(args);
        let well = command.output().unwrap().status.code();
        let (_sandbox, mut command) = prepared(args);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command.stdout(writer).output().unwrap();
        let code = if well == Some(0) { Some(141) } else { well };
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), code, "{args:?}: {said}");
        assert!(!said.contains("error:") && !said.contains("panicked"), "{args:?}: {said}");
    }
}

/// Returns the files in the folder for records.
fn records(sandbox: &Sandbox) -> Vec<PathBuf> {
    let found = std::fs::read_dir(sandbox.dir().join("state/keyrot/records"));
    found.into_iter().flatten().map(|file| file.unwrap().path()).collect()
}

#[test]
fn the_record_of_an_incident_is_not_lost() {
    for json in [false, true] {
        let args = [if json { &["--json"][..] } else { &[] }, &["revoke", "ci-deployer", "--yes"]]
            .concat();
        let is_record = |text: &str| {
            let record = if json { "\"schema\": \"keyrot.revoke/2\"" } else { "Incident record" };
            text.contains(record) && text.contains("created AKIA")
        };
        let (sandbox, mut command) = prepared(&args);
        let output = command.stdout(full()).output().unwrap();
        let ran = sandbox.take(&output);
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        let (_, record) = ran.stderr.split_once("this is the record:\n").unwrap();
        assert!(is_record(record), "{record}");
        if json {
            let document = record.split_once("\nerror: ").unwrap().0;
            support::conforms(&serde_json::from_str(document).unwrap());
        }
        assert!(records(&sandbox).is_empty());

        let (sandbox, mut command) = prepared(&args);
        assert_eq!(command.stdout(full()).stderr(full()).status().unwrap().code(), Some(1));
        let files = records(&sandbox);
        assert_eq!(files.len(), 1, "{files:?}");
        assert!(
            files[0].file_name().unwrap().to_str().unwrap().starts_with("revoke-ci-deployer-"),
            "{files:?}"
        );
        let text = std::fs::read_to_string(&files[0]).unwrap();
        assert!(is_record(&text) && !text.contains('\u{1b}'), "{text}");
        assert_eq!(files[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let secrets = sandbox.secrets();
        assert!(secrets.iter().all(|secret| !text.contains(secret)));
    }
}

#[test]
fn the_record_of_an_incident_is_not_lost_on_closed_descriptors() {
    let args = ["--json", "revoke", "ci-deployer", "--yes"];
    for redirect in [">&-", "1</dev/null"] {
        let (sandbox, command) = prepared(&args);
        let ran = sandbox.take(&redirected(&command, redirect).output().unwrap());
        let (_, record) = ran.stderr.split_once("this is the record:\n").unwrap();
        let document = record.rsplit_once("\n}").unwrap().0;
        support::conforms(&serde_json::from_str(&format!("{document}\n}}")).unwrap());
        assert!(records(&sandbox).is_empty());
    }
    for redirect in [">&- 2>&-", "1</dev/null 2</dev/null"] {
        let (sandbox, command) = prepared(&args);
        redirected(&command, redirect).status().unwrap();
        let files = records(&sandbox);
        assert_eq!(files.len(), 1, "{redirect}: {files:?}");
        let text = std::fs::read_to_string(&files[0]).unwrap();
        assert!(text.contains("\"schema\": \"keyrot.revoke/2\""), "{text}");
    }
    // The output was discarded on purpose.
    let (sandbox, command) = prepared(&args);
    let ran = sandbox.take(&redirected(&command, ">/dev/null").output().unwrap());
    assert!(!ran.stderr.contains("this is the record"), "{}", ran.stderr);
}

#[test]
fn a_run_continues_without_any_output() {
    let (sandbox, mut command) = prepared(&["rotate"]);
    let (other, mut quiet) = prepared(&["rotate"]);
    let expected = quiet.output().unwrap();
    let output = command.stderr(full()).output().unwrap();
    assert_eq!(output.status.code(), expected.status.code());
    let states = |sandbox: &Sandbox| {
        let users = sandbox.json(&["status"]).1["users"].clone();
        users.as_array().unwrap().iter().map(|user| user["state"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(states(&sandbox), states(&other));
}

#[test]
fn a_pipe_in_place_of_a_sandbox_does_not_block() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.run(&["sandbox", "reset"]).code, Some(0));
    let pipe = |path: &std::path::Path| {
        std::fs::remove_file(path).unwrap();
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    let lock = PathBuf::from(format!("{}.lock", sandbox.file().display()));
    pipe(&lock);
    let ran = sandbox.run(&["sandbox", "advance", "1h"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("cannot be locked"), "{}", ran.stderr);
    std::fs::remove_file(&lock).unwrap();
    pipe(&sandbox.file());
    let ran = sandbox.run(&["sandbox", "show"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("a regular file"), "{}", ran.stderr);
}

#[test]
fn no_text_changes_the_reading_direction() {
    let reason = "a\u{202e}b\u{2066}c\u{2028}d";
    for json in [false, true] {
        let args = [if json { &["--json"][..] } else { &[] }, &["revoke", "ci-deployer", "--yes"]];
        let args = [&args.concat()[..], &["--reason", reason]].concat();
        let (_sandbox, mut command) = prepared(&args);
        let output = command.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        let shown = String::from_utf8(output.stdout).unwrap() + &stderr;
        let escaped = if json { "a\\u202eb\\u2066c\\u2028d" } else { "a\\u{202e}b\\u{2066}c" };
        assert!(shown.contains(escaped), "{shown}");
        assert!(!shown.contains(['\u{202e}', '\u{2066}', '\u{2028}']), "{shown}");
    }
}

#[test]
fn a_planted_link_next_to_a_sandbox_is_not_followed() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.run(&["sandbox", "reset"]).code, Some(0));
    let (precious, missing) = (sandbox.dir().join("precious"), sandbox.dir().join("missing"));
    std::fs::write(&precious, "mine").unwrap();
    let beside = |ending: &str| PathBuf::from(format!("{}{ending}", sandbox.file().display()));
    symlink(&precious, beside(".new")).unwrap();
    assert_eq!(sandbox.run(&["sandbox", "advance", "1h"]).code, Some(0));
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "mine");

    std::fs::remove_file(beside(".lock")).unwrap();
    symlink(&missing, beside(".lock")).unwrap();
    let ran = sandbox.run(&["sandbox", "advance", "1h"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("cannot be locked"), "{}", ran.stderr);
    assert!(!missing.exists(), "nothing was made somewhere else");
    std::fs::remove_file(beside(".lock")).unwrap();

    // In place of the account itself.
    std::fs::remove_file(sandbox.file()).unwrap();
    symlink(&missing, sandbox.file()).unwrap();
    assert_eq!(sandbox.run(&["sandbox", "show"]).code, Some(0));
    assert!(!missing.exists() && !sandbox.file().is_symlink());
    assert_eq!(sandbox.file().metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn manual_pages_are_world_readable_and_not_written_through_a_link() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.run(&["man", "--out", "pages"]).code, Some(0));
    let page = sandbox.dir().join("pages/keyrot.1");
    assert_eq!(page.metadata().unwrap().permissions().mode() & 0o777, 0o644);
}

/// The name of a file determines its format, before anything is read.
#[test]
fn the_file_name_determines_the_format() {
    let sandbox = Sandbox::new();
    let begins = |args: &[&str], file: &str| {
        let ran = sandbox.run(&[args, &["--out", file]].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let text = std::fs::read_to_string(sandbox.dir().join(file)).unwrap();
        text.lines().next().unwrap().trim_start().to_owned()
    };
    assert!(begins(&["audit"], "a.html").starts_with("<!"));
    assert!(begins(&["audit"], "a.CSV").starts_with("account,"));
    assert!(begins(&["audit"], "a.json").starts_with('{'));
    assert!(begins(&["audit"], "a.txt").starts_with("AGE"));
    assert!(begins(&["audit", "--output", "csv"], "b.html").starts_with("account,"));
    assert!(begins(&["status"], "s.csv").starts_with("account,"));
    assert!(begins(&["status"], "s.2026-01-05").starts_with("account"));
    for file in ["s.html", "s.xlsx"] {
        let ran = sandbox.run(&["status", "--out", file]);
        assert_eq!((ran.code, sandbox.dir().join(file).exists()), (Some(2), false));
        assert!(ran.stderr.contains("--output table|json|csv"), "{}", ran.stderr);
    }
}
