//! The questions on a terminal, and the effect of each answer.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use keyrot_aws::emulator::{Emulator, EmulatorOptions};
use keyrot_core::memory::World;
use serde_json::Value;
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use support::{Sandbox, all_of, terminal, user};

/// The answer to a question.
enum Answer {
    Line(&'static str),
    Interrupt,
    /// Ctrl-D: the end of the input.
    End,
}
use Answer::{End, Interrupt, Line};

/// A command with a terminal as its stdin and stderr, and what it printed there.
struct Session {
    child: Child,
    terminal: File,
    said: String,
}

impl Session {
    fn begin(mut command: Command) -> Self {
        let (terminal, side) = terminal(80);
        let child = command.stdin(side.try_clone().unwrap()).stderr(side).spawn().unwrap();
        // The command builder holds the other side of the terminal, and must not keep it open.
        drop(command);
        Self { child, terminal, said: String::new() }
    }

    /// Answers the question once it is asked.
    fn answer(&mut self, question: &str, answer: &Answer) {
        let (from, mut piece) = (self.said.len(), [0; 512]);
        while !self.said[from..].contains(question) {
            let count = self.terminal.read(&mut piece).unwrap_or(0);
            assert!(count > 0, "{question:?} was not asked: {}", self.said);
            self.said.push_str(&String::from_utf8_lossy(&piece[..count]).replace('\r', ""));
        }
        match answer {
            Line(line) => writeln!(self.terminal, "{line}").unwrap(),
            End => self.terminal.write_all(&[4]).unwrap(),
            Interrupt => {
                let ended =
                    Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
                assert!(ended.unwrap().success());
            }
        }
    }

    /// Returns the exit code and the output.
    fn end(mut self) -> (Option<i32>, String) {
        self.said.push_str(&all_of(&mut self.terminal));
        (self.child.wait().unwrap().code(), self.said)
    }
}

/// Runs the command, and answers each question when it is asked. Returns the exit code and the
/// output.
fn prompted(sandbox: &Sandbox, args: &[&str], answers: &[(&str, Answer)]) -> (Option<i32>, String) {
    let mut command = sandbox.command(args);
    command.stdout(Stdio::null());
    let mut session = Session::begin(command);
    answers.iter().for_each(|(question, answer)| session.answer(question, answer));
    session.end()
}

fn current(sandbox: &Sandbox) -> Value {
    user(&sandbox.json(&["status", "--user", "ci-deployer"]).1, "ci-deployer")["current"].clone()
}

const ROLLBACK: &[&str] = &["rollback", "ci-deployer"];

#[test]
fn only_yes_counts_as_agreement_and_ctrl_c_ends_the_question() {
    let sandbox = Sandbox::new();
    sandbox.json(&["rotate", "--user", "ci-deployer"]);
    let before = current(&sandbox);
    for (answer, code, says) in [
        (Line("n"), 4, "\ncancelled; nothing was done\n"),
        (Line(""), 4, "\ncancelled; nothing was done\n"),
        (Line("No"), 4, "\ncancelled; nothing was done\n"),
        (End, 4, "[y/N] \ncancelled; nothing was done\n"),
        (Interrupt, 130, "[y/N] \nerror: stopped before anything was changed"),
    ] {
        let (ended, said) = prompted(&sandbox, ROLLBACK, &[("[y/N] ", answer)]);
        assert_eq!(ended, Some(code), "{said}");
        assert!(said.contains(says), "{said}");
        assert_eq!(said.contains("error:"), code != 4, "{said}");
        assert_eq!(current(&sandbox), before, "{said}");
    }
    // After an answer that is neither yes nor no, it asks again, but not forever.
    let unclear = || ("[y/N] ", Line("yes please"));
    let (ended, said) = prompted(&sandbox, ROLLBACK, &[unclear(), unclear(), unclear()]);
    assert_eq!(ended, Some(4), "{said}");
    assert_eq!(said.matches("answer y or n").count(), 3, "{said}");
    assert_eq!(current(&sandbox), before, "{said}");
    let (ended, said) = prompted(&sandbox, ROLLBACK, &[unclear(), ("[y/N] ", Line("Y"))]);
    assert_eq!(ended, Some(0), "{said}");
    assert_ne!(current(&sandbox), before);
    sandbox.kept_its_secrets();
}

#[test]
fn a_blocked_user_is_resolved_step_by_step() {
    let sandbox = Sandbox::new();
    let resolve = ["resolve", "data-import"];
    // One of the two keys is in use, and not offered.
    let only = "Which one? [1, Enter for none] ";
    let (ended, said) = prompted(&sandbox, &resolve, &[(only, Line("2")), (only, Line(""))]);
    assert!(ended == Some(3) && said.contains("\nexpected 1\n"), "{said}");
    sandbox.json(&["sandbox", "advance", "2d"]);
    let which = "Which one? [1-2, Enter for none] ";
    for (answer, code) in [(Line(""), 3), (Interrupt, 130)] {
        let (ended, said) = prompted(&sandbox, &resolve, &[(which, answer)]);
        assert_eq!(ended, Some(code), "{said}");
    }
    let wrong = || [(which, Line("7")), (which, Line("0")), (which, Line("retire"))];
    let (ended, said) = prompted(&sandbox, &resolve, &wrong());
    assert_eq!(ended, Some(2), "{said}");
    assert_eq!(said.matches("\nexpected a number from 1 to 2\n").count(), 3, "{said}");
    assert!(said.contains("error: retire is not a choice"), "{said}");
    let [first, second, _] = wrong();
    let (ended, said) = prompted(&sandbox, &resolve, &[first, second, (which, Line(""))]);
    assert_eq!(ended, Some(3), "{said}");
    let (ended, said) = prompted(&sandbox, &resolve, &[(which, Line("2")), ("[y/N] ", Interrupt)]);
    assert_eq!(ended, Some(130), "{said}");
    let blocked = || {
        user(&sandbox.json(&["status", "--user", "data-import"]).1, "data-import")["state"]
            == "blocked"
    };
    assert!(blocked());
    let (ended, said) = prompted(&sandbox, &resolve, &[(which, Line("2")), ("[y/N] ", Line("y"))]);
    assert_eq!(ended, Some(0), "{said}");
    assert!(
        said.contains("deactivate AKIAN3OVT2DJYWYIDSIM and have it deleted") && !blocked(),
        "{said}"
    );
}

/// The plan that a person agrees to is on the terminal, even with `--json`; stdout has only the
/// document.
#[test]
fn the_question_names_what_will_change() {
    let sandbox = Sandbox::new();
    let leaked = current(&sandbox);
    let leaked = leaked.as_str().unwrap();
    for (args, says) in [
        (
            &["--json", "revoke", "ci-deployer", "--delete"][..],
            format!("delete {leaked}: this cannot be undone"),
        ),
        (&["--json", "enroll", "jane.doe"], "adopt: create a key beside".to_owned()),
    ] {
        let mut session = Session::begin(sandbox.command(args));
        session.answer("[y/N] ", &Line("y"));
        let mut stdout = String::new();
        session.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        let (code, said) = session.end();
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains(&says), "{said}");
        let (shown, asked) = said.split_once("? [y/N]").unwrap_or_else(|| panic!("{said}"));
        assert!(shown.contains(&says), "it is shown before it is asked: {said}\n{asked}");
        let question = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        let place = question
            .rsplit_once(" in account ")
            .unwrap_or_else(|| panic!("the question names no place: {said}"));
        assert!(place.1.starts_with("123456789012") && place.1.ends_with("(sandbox)"), "{said}");
        let document: Value =
            serde_json::from_str(&stdout).unwrap_or_else(|e| panic!("{e}: {stdout}"));
        support::conforms(&document);
    }
}

/// If stderr is a file, the question would be invisible.
#[test]
fn no_question_is_asked_if_it_cannot_be_seen() {
    let sandbox = Sandbox::new();
    sandbox.json(&["rotate", "--user", "ci-deployer"]);
    let (_person, side) = terminal(80);
    let output = sandbox.command(ROLLBACK).stdin(side).output().unwrap();
    let ran = sandbox.take(&output);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("cannot ask for confirmation without a terminal: Publish AKIA"),
        "{}",
        ran.stderr
    );
}

/// A first run on many users is shown and needs agreement, but only if there is a person to ask.
#[test]
fn a_first_run_on_many_users_needs_agreement() {
    let account = |users: usize| {
        let mut world = World::new(std::time::SystemTime::now().into());
        for number in 0..users {
            let user = world.add_user(&format!("user{number}"), &[("RotateKey", "True")]).unwrap();
            world.add_key(&user).unwrap();
        }
        Emulator::start(world, EmulatorOptions::default()).unwrap()
    };
    let made = |emulator: &Emulator| {
        let world = emulator.world();
        world.users().filter(|user| user.keys().len() > 1).count()
    };
    let sandbox = Sandbox::new();
    let command = |emulator: &Emulator, args: &[&str]| {
        let mut command = sandbox.command(&[&["rotate"], args].concat());
        command.env_remove("KEYROT_SANDBOX").envs(emulator.env()).stdout(Stdio::null());
        command
    };
    let emulator = account(6);
    let mut session = Session::begin(command(&emulator, &[]));
    session.answer("[y/N] ", &Line("n"));
    let (code, said) = session.end();
    assert_eq!((code, made(&emulator)), (Some(4), 0), "{said}");
    let question = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(question.contains("Change 6 users for the first time in account "), "{said}");
    assert!(said.contains("user0") && said.contains("WHAT A RUN WOULD DO"), "{said}");
    let mut session = Session::begin(command(&emulator, &[]));
    session.answer("[y/N] ", &Line("y"));
    let (code, said) = session.end();
    assert_eq!((code, made(&emulator)), (Some(0), 6), "{said}");

    // These runs are agreed in advance, change few users, or have no one to ask: a scheduled job.
    for (users, args) in [(6, &["--yes"][..]), (5, &[])] {
        let emulator = account(users);
        let (code, said) = Session::begin(command(&emulator, args)).end();
        assert!(!said.contains("[y/N]"), "{said}");
        assert_eq!((code, made(&emulator)), (Some(0), users), "{said}");
    }
    let emulator = account(6);
    let output = command(&emulator, &[]).output().unwrap();
    let ran = sandbox.take(&output);
    assert_eq!((ran.code, made(&emulator)), (Some(0), 6), "{}", ran.stderr);
}
