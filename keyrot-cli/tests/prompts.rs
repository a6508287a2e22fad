//! What is asked on a terminal, and what becomes of each answer.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use support::{Sandbox, user};

/// How a question is answered.
enum Answer {
    Line(&'static str),
    Interrupt,
}
use Answer::{Interrupt, Line};

/// Runs the command with a terminal on its stdin, and answers each question when it was asked. Gives back the exit code and what was said.
fn asked(sandbox: &Sandbox, args: &[&str], answers: &[(&str, Answer)]) -> (Option<i32>, String) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let side = std::fs::OpenOptions::new().read(true).write(true).open(name).unwrap();
    let mut child = sandbox.command(args).stdin(side).stdout(Stdio::null()).spawn().unwrap();
    let mut terminal = std::fs::File::from(terminal);
    let mut stderr = child.stderr.take().unwrap();
    let (mut said, mut piece) = (String::new(), [0; 512]);
    for (question, answer) in answers {
        let from = said.len();
        while !said[from..].contains(question) {
            let count = stderr.read(&mut piece).unwrap();
            assert!(count > 0, "{question:?} was not asked: {said}");
            said.push_str(&String::from_utf8_lossy(&piece[..count]));
        }
        match answer {
            Line(line) => writeln!(terminal, "{line}").unwrap(),
            Interrupt => {
                let ended = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
                assert!(ended.unwrap().success());
            }
        }
    }
    stderr.read_to_string(&mut said).unwrap();
    (child.wait().unwrap().code(), said)
}

fn current(sandbox: &Sandbox) -> Value {
    user(&sandbox.json(&["status", "--user", "ci-deployer"]).1, "ci-deployer")["current"].clone()
}

const ROLLBACK: &[&str] = &["rollback", "ci-deployer"];

#[test]
fn only_a_yes_is_a_yes_and_ctrl_c_ends_the_question() {
    let sandbox = Sandbox::new();
    sandbox.json(&["rotate", "--user", "ci-deployer"]);
    let before = current(&sandbox);
    for (answer, code, says) in [
        (Line("n"), 1, "not confirmed; nothing was done"),
        (Line(""), 1, "not confirmed; nothing was done"),
        (Line("yes please"), 1, "not confirmed; nothing was done"),
        (Interrupt, 130, "stopped before any user was touched"),
    ] {
        let (ended, said) = asked(&sandbox, ROLLBACK, &[("[y/N] ", answer)]);
        assert_eq!(ended, Some(code), "{said}");
        assert!(said.contains(says), "{said}");
        assert_eq!(current(&sandbox), before, "{said}");
    }
    let (ended, said) = asked(&sandbox, ROLLBACK, &[("[y/N] ", Line("Y"))]);
    assert_eq!(ended, Some(0), "{said}");
    assert_ne!(current(&sandbox), before);
    sandbox.kept_its_secrets();
}

#[test]
fn a_blocked_user_is_walked_out_step_by_step() {
    let sandbox = Sandbox::new();
    let resolve = ["resolve", "data-import"];
    let which = "Which? [1-2, or nothing to leave it] ";
    for (answer, code) in [(Line(""), 3), (Line("7"), 2), (Line("0"), 2), (Line("retire"), 2), (Interrupt, 130)] {
        let (ended, said) = asked(&sandbox, &resolve, &[(which, answer)]);
        assert_eq!(ended, Some(code), "{said}");
    }
    let (ended, said) = asked(&sandbox, &resolve, &[(which, Line("2")), ("[y/N] ", Interrupt)]);
    assert_eq!(ended, Some(130), "{said}");
    let blocked = || user(&sandbox.json(&["status", "--user", "data-import"]).1, "data-import")["state"] == "blocked";
    assert!(blocked());
    let (ended, said) = asked(&sandbox, &resolve, &[(which, Line("2")), ("[y/N] ", Line("y"))]);
    assert_eq!(ended, Some(0), "{said}");
    assert!(said.contains("Retire AKIA") && !blocked(), "{said}");
}
