//! Processes that are stopped or killed, and how the next ones recover.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use std::io::Read;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};
use support::{Sandbox, user};

fn send(signal: &str, child: &Child) {
    assert!(
        Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success()
    );
}

/// Sends signals to a slow rotation that is under way.
fn stopped(sandbox: &Sandbox, signals: &[&str]) -> (ExitStatus, String, String) {
    // This is the first change that it reports: now it is in the middle of its work.
    stopped_at(sandbox, &["--json", "rotate"], "created AKIA", signals)
}

/// Starts the command at a slow pace, sends signals when it has printed this, and returns how it
/// ended and both outputs.
fn stopped_at(
    sandbox: &Sandbox,
    args: &[&str],
    said_so: &str,
    signals: &[&str],
) -> (ExitStatus, String, String) {
    stopped_after(sandbox, args, ("60ms", Duration::ZERO), said_so, signals)
}

/// Does the same at this pace, and this long after that text was printed.
fn stopped_after(
    sandbox: &Sandbox,
    args: &[&str],
    (pace, wait): (&str, Duration),
    said_so: &str,
    signals: &[&str],
) -> (ExitStatus, String, String) {
    let mut command = sandbox.command(args);
    let mut child = command.env("KEYROT_TEST_SANDBOX_PACE", pace).spawn().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let mut said = Vec::new();
    let mut piece = [0; 512];
    while !String::from_utf8_lossy(&said).contains(said_so) {
        let count = stderr.read(&mut piece).unwrap();
        assert!(count > 0, "it ended early: {}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&piece[..count]);
    }
    std::thread::sleep(wait);
    for signal in signals {
        send(signal, &child);
        std::thread::sleep(Duration::from_millis(15));
    }
    let mut stdout = String::new();
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    stderr.read_to_end(&mut said).unwrap();
    (child.wait().unwrap(), stdout, String::from_utf8(said).unwrap())
}

#[test]
fn the_first_signal_finishes_the_step_and_reports_each_users_state() {
    let all = [("-INT", 130), ("-TERM", 143), ("-HUP", 129)];
    // Elsewhere, it is not known whether SIGHUP is ignored.
    let here = if cfg!(target_os = "linux") { &all[..] } else { &all[..2] };
    for &(signal, code) in here {
        let sandbox = Sandbox::new();
        let (status, stdout, stderr) = stopped(&sandbox, &[signal]);
        assert_eq!(status.code(), Some(code), "{stderr}");
        assert!(stderr.contains("stopping after the current steps"), "{stderr}");
        let document: Value = serde_json::from_str(&stdout).unwrap();
        support::conforms(&document);
        assert_eq!(document["result"], "stopped");
        assert_eq!(user(&document, "ci-deployer")["reason"], "cancelled");
        // A key that was just created was staged before the run stopped: no key is lost.
        let show = sandbox.json(&["sandbox", "show"]).1;
        for user in show["users"].as_array().unwrap().iter().filter(|u| u["user"] == "ci-deployer")
        {
            for key in user["keys"].as_array().unwrap() {
                let held = |v: &Value| v["key"] == key["id"];
                let versions = show["secrets"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .flat_map(|s| s["versions"].as_array().unwrap());
                assert_eq!(versions.filter(|v| held(v)).count(), 1, "{key}");
            }
        }
        converges(&sandbox, "ci-deployer");
    }
}

/// An incomplete listing must not look like a complete one.
#[test]
fn an_interrupted_listing_writes_no_output() {
    for out in [&[][..], &["--out", "users.csv"]] {
        let sandbox = Sandbox::new();
        sandbox.json(&["sandbox", "show"]);
        let file = sandbox.dir().join("users.csv");
        std::fs::write(&file, "before").unwrap();
        let args = [&["status", "--output", "csv"], out].concat();
        let (status, stdout, stderr) = stopped_at(&sandbox, &args, "clock 2026", &["-INT"]);
        assert_eq!(status.code(), Some(130), "{stderr}");
        assert_eq!(stdout, "", "{stderr}");
        assert!(stderr.contains("error: stopped before anything was changed"), "{stderr}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "before");
    }
}

/// A terminal that ends sends SIGHUP twice, and systemd may send it after SIGTERM.
#[cfg(target_os = "linux")]
#[test]
fn sighup_never_ends_a_run_immediately() {
    for (signals, code) in [(["-HUP", "-HUP"], 129), (["-TERM", "-HUP"], 143)] {
        let sandbox = Sandbox::new();
        let (status, stdout, stderr) = stopped(&sandbox, &signals);
        assert_eq!(status.code(), Some(code), "{stderr}");
        assert!(!stderr.contains("stopped immediately"), "{stderr}");
        let document: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(document["result"], "stopped");
    }
}

#[test]
fn the_second_signal_ends_immediately() {
    let sandbox = Sandbox::new();
    let begun = Instant::now();
    let (status, stdout, stderr) = stopped(&sandbox, &["-INT", "-INT"]);
    assert_eq!(status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("stopped immediately") && stdout.is_empty(), "{stderr}\n{stdout}");
    assert!(begun.elapsed() < Duration::from_secs(20));
    converges(&sandbox, "ci-deployer");
}

#[test]
fn a_revocation_that_is_stopped_says_how_to_resume() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let sandbox = Sandbox::new();
        let (status, stdout, stderr) =
            stopped_at(&sandbox, &["revoke", "ci-deployer", "--yes"], "created AKIA", &[signal]);
        assert_eq!(status.code(), Some(code), "{stdout}{stderr}");
        assert!(stdout.contains("still works: stopped on request; repeat the request"), "{stdout}");
        let leaked = stdout.split_once("to resume: ").unwrap().1;
        let again: Vec<&str> = leaked.lines().next().unwrap().split(' ').skip(1).collect();
        assert!(stdout.contains("Incident record (incomplete)"), "{stdout}");
        assert!(stdout.contains("created AKIA"), "the record has what was done: {stdout}");
        // Another run might still be at work on the key that was created.
        sandbox.json(&["sandbox", "advance", "1h"]);
        let which = sandbox.run(&["revoke", "ci-deployer"]);
        assert_eq!(which.code, Some(2), "{}", which.stdout);
        assert!(which.stdout.contains("to finish the revocation of AKIA"), "{}", which.stdout);
        assert!(which.stdout.contains(&again.join(" ")), "{again:?}: {}", which.stdout);
        let ran = sandbox.run(&[&again[..], &["--yes"]].concat());
        assert_eq!(ran.code, Some(0), "{again:?}: {}{}", ran.stdout, ran.stderr);
        converges(&sandbox, "ci-deployer");
    }
}

/// The printed command continues what was chosen, although `resolve` may no longer offer it.
#[test]
fn a_resolution_that_is_stopped_is_resumed_by_the_command_that_it_prints() {
    fn key(sandbox: &Sandbox, name: &str, nth: usize) -> String {
        let status = sandbox.json(&["status", "--user", name]).1;
        user(&status, name)["keys"][nth]["id"].as_str().unwrap().to_owned()
    }
    fn inactive(sandbox: &Sandbox) -> (&'static str, String) {
        sandbox.json(&["sandbox", "deactivate", &key(sandbox, "ci-deployer", 0)]);
        ("ci-deployer", "replace".into())
    }
    fn unused(sandbox: &Sandbox) -> (&'static str, String) {
        ("data-import", format!("retire:{}", key(sandbox, "data-import", 1)))
    }
    fn back(sandbox: &Sandbox) -> (&'static str, String) {
        sandbox.json(&["rotate", "--user", "ci-deployer"]);
        assert_eq!(sandbox.json(&["rollback", "ci-deployer", "--yes"]).0, Some(0));
        ("ci-deployer", "give-up".into())
    }
    for (prepare, said) in [
        (inactive as fn(&Sandbox) -> _, "created AKIA"),
        (unused, "revoking AKIA"),
        (back, "revoking AKIA"),
    ] {
        let sandbox = Sandbox::new();
        let (name, choice) = prepare(&sandbox);
        let args = ["resolve", name, "--choose", &choice, "--yes"];
        let (status, stdout, stderr) = stopped_at(&sandbox, &args, said, &["-INT"]);
        assert_eq!(status.code(), Some(130), "{choice}: {stdout}{stderr}");
        let again = stdout.split_once("to resume: keyrot ").unwrap().1.lines().next().unwrap();
        sandbox.json(&["sandbox", "advance", "1h"]);
        // If the original command is repeated, the message also says that the choice is no longer
        // offered.
        let ran = sandbox.run(&args[..4]);
        assert!(
            ran.stderr.contains("cannot ask for confirmation")
                || ran.stderr.contains("to finish that: keyrot revoke "),
            "{choice}: {}{}",
            ran.stdout,
            ran.stderr
        );
        let again: Vec<&str> = again.split(' ').chain(["--yes"]).collect();
        let ran = sandbox.run(&again);
        assert_eq!(ran.code, Some(0), "{choice}: {again:?}: {}{}", ran.stdout, ran.stderr);
        let works = user(&sandbox.json(&["status", "--user", name]).1, name)["keys"].clone();
        let active = works.as_array().unwrap().iter().filter(|key| key["status"] == "active");
        assert_eq!(active.count(), 1, "{choice}: {works:#}");
    }
}

/// Users that were begun are finished, and the others are reported as remaining.
#[test]
fn a_release_that_is_stopped_finishes_the_user_and_says_how_to_resume() {
    let sandbox = Sandbox::new();
    let args = ["release", "ci-deployer", "report-mailer", "--yes"];
    let (status, stdout, stderr) = stopped_at(&sandbox, &args, "report-mailer", &["-INT"]);
    assert_eq!(status.code(), Some(130), "{stdout}{stderr}");
    assert!(stderr.contains("to resume, run the same command again"), "{stderr}");
    let ran = sandbox.run(&args);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
}

/// Between the two writes of a move, the user is blocked at both places, so a move does not stop
/// there.
#[test]
fn a_move_that_is_stopped_is_finished() {
    let sandbox = Sandbox::new();
    converges(&sandbox, "ci-deployer");
    sandbox.json(&["sandbox", "advance", "1h"]);
    let args = ["move", "ci-deployer", "--secret-name", "/other/{user}", "--yes"];
    let (status, stdout, stderr) = stopped_at(&sandbox, &args, "ci-deployer", &["-INT"]);
    assert!(status.code().is_some(), "it died of the signal: {stdout}{stderr}");
    assert!(stderr.contains("stopping after the current steps"), "{stdout}{stderr}");
    assert_eq!(status.code(), Some(0), "{stdout}{stderr}");
}

/// Additional flags are part of the command that resumes the request.
#[test]
fn a_revocation_that_is_stopped_keeps_its_flags() {
    let sandbox = Sandbox::new();
    let args = ["revoke", "ci-deployer", "--delete", "--end-sessions", "--yes"];
    let (status, stdout, stderr) = stopped_at(&sandbox, &args, "created AKIA", &["-INT"]);
    assert_eq!(status.code(), Some(130), "{stdout}{stderr}");
    let again = stdout.split_once("to resume: ").unwrap().1.lines().next().unwrap();
    assert!(again.ends_with(" --delete --end-sessions"), "{again}");
}

/// The signal is too late to stop anything that matters: the key is Inactive, and keyrot reads that
/// state despite the signal.
#[test]
fn a_revocation_that_was_done_despite_the_signal_succeeds() {
    let sandbox = Sandbox::new();
    let args = ["--json", "revoke", "ci-deployer", "--yes", "--reason", "leaked"];
    let pace = ("200ms", Duration::from_millis(1_900));
    let (status, stdout, stderr) =
        stopped_after(&sandbox, &args, pace, "deactivated AKIA", &["-INT"]);
    let document: Value =
        serde_json::from_str(&stdout).unwrap_or_else(|e| panic!("{e}: {stdout}{stderr}"));
    support::conforms(&document);
    // The key is Inactive, whether or not everything else was recorded before the signal came.
    let reason = document["user"]["reason"].as_str().unwrap();
    assert!(
        status.code() == Some(0) && ["done", "revoked"].contains(&reason),
        "{reason}: {stderr}"
    );
    let events: Vec<_> =
        document["user"]["events"].as_array().unwrap().iter().map(|e| &e["event"]).collect();
    assert!(
        events.contains(&&json!("revoked")) && events.contains(&&json!("retired")),
        "{events:?}"
    );
}

/// The final read takes as long as IAM takes. If it is interrupted, the record is still printed,
/// with where to check.
#[test]
fn the_record_is_printed_although_the_final_read_is_stopped() {
    let sandbox = Sandbox::new();
    let pace = ("200ms", Duration::from_millis(1_900));
    let args = ["revoke", "ci-deployer", "--yes"];
    let (status, stdout, stderr) =
        stopped_after(&sandbox, &args, pace, "deactivated AKIA", &["-TERM"]);
    assert_eq!(status.code(), Some(0), "{stdout}{stderr}");
    assert!(!stderr.contains("before any user was touched"), "{stderr}");
    assert!(stdout.contains("Incident record\n") && stdout.contains("done: AKIA"), "{stdout}");
    assert!(
        stdout.contains("not read again; to see it: keyrot resolve ci-deployer --dry-run"),
        "{stdout}"
    );
}

/// From any interrupted state, runs on the following days bring the user to one young key that its
/// readers can use.
fn converges(sandbox: &Sandbox, name: &str) {
    for day in (0..60).step_by(2) {
        let (code, document) = sandbox.json(&["rotate", "--user", name]);
        // Until consumers have moved, a run reports that a revocation was not finished.
        let expected = match user(&document, name)["reason"].as_str() {
            Some("revoked_key_in_use") => 3,
            _ => 0,
        };
        assert_eq!(code, Some(expected), "day {day}: {document:#}");
        let (code, used) = sandbox.json(&["sandbox", "use", name]);
        assert!(
            code == Some(0) || used["schema"] == "keyrot.error/1",
            "day {day}: the published key is refused"
        );
        let user = user(&document, name);
        if user["state"] == "settled" {
            assert_eq!(user["keys"].as_array().unwrap().len(), 1, "day {day}: {user:#}");
            assert!(user["keys"][0]["age_days"].as_u64() < Some(60), "{user:#}");
            assert_eq!(code, Some(0), "{used:#}");
            return;
        }
        sandbox.json(&["sandbox", "advance", "2d"]);
    }
    panic!(
        "{name} is not settled after 60 days: {:#}",
        sandbox.json(&["status", "--user", name]).1
    );
}

/// Kills the process right before and right after each of its calls, until no call is left.
fn dies_at_every_call(name: &str, run: &[&str]) -> usize {
    let (mut deaths, mut changes) = (0, 0);
    for nth in 1.. {
        let mut died = false;
        for moment in ["before", "after"] {
            let sandbox = Sandbox::new();
            let mut command = sandbox.command(run);
            command.env("KEYROT_TEST_SANDBOX_DIE", format!("{nth}:{moment}"));
            let output = command.output().unwrap();
            if output.status.code().is_none() {
                died = true;
                deaths += 1;
                // If nothing was changed yet, there is nothing to continue.
                if changed(&sandbox) {
                    converges(&sandbox, name);
                    changes += 1;
                }
            }
            sandbox.take(&output);
            sandbox.kept_its_secrets();
        }
        if !died {
            break;
        }
    }
    assert!(changes >= 14, "{changes} of {deaths} deaths left something behind");
    deaths
}

/// Whether the account has changed since it was created.
fn changed(sandbox: &Sandbox) -> bool {
    let account = |sandbox: &Sandbox| {
        let file: Value =
            serde_json::from_str(&std::fs::read_to_string(sandbox.file()).unwrap()).unwrap();
        (file["world"]["users"].clone(), file["world"]["secrets"].clone())
    };
    let new = Sandbox::new();
    new.json(&["sandbox", "show"]);
    account(sandbox) != account(&new)
}

#[test]
fn a_rotation_killed_at_any_call_is_finished_by_later_runs() {
    let deaths = dies_at_every_call("ci-deployer", &["rotate", "--user", "ci-deployer"]);
    assert!(deaths >= 20, "one to list the users and ten to rotate, twice each: {deaths}");
}

#[test]
fn a_revocation_killed_at_any_call_is_finished_by_later_runs() {
    let deaths = dies_at_every_call("ci-deployer", &["revoke", "ci-deployer", "--yes"]);
    assert!(deaths >= 40, "it looks and plans first: {deaths}");
}

#[test]
fn an_adoption_killed_at_any_call_is_finished_by_later_runs() {
    let deaths = dies_at_every_call("new-service", &["rotate", "--user", "new-service"]);
    assert!(deaths >= 22, "{deaths}");
}

#[test]
fn sigkill_at_any_time_leaves_a_complete_file_and_a_user_that_converges() {
    for wait in (50..1200).step_by(130) {
        let sandbox = Sandbox::new();
        sandbox.json(&["sandbox", "show"]);
        let mut command = sandbox.command(&["rotate", "--user", "ci-deployer"]);
        let mut child = command.env("KEYROT_TEST_SANDBOX_PACE", "40ms").spawn().unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        send("-KILL", &child);
        child.wait().unwrap();
        assert_eq!(sandbox.json(&["sandbox", "show"]).0, Some(0), "after {wait} ms");
        converges(&sandbox, "ci-deployer");
    }
}

#[test]
fn two_concurrent_processes_lose_none_of_each_others_changes() {
    let sandbox = Sandbox::new();
    sandbox.json(&["sandbox", "show"]);
    let slow = |args: &[&str]| {
        sandbox.command(args).env("KEYROT_TEST_SANDBOX_PACE", "5ms").spawn().unwrap()
    };
    let (one, other) = (slow(&["rotate"]), slow(&["rotate"]));
    for child in [one, other] {
        let output = child.wait_with_output().unwrap();
        assert_eq!(
            sandbox.take(&output).code,
            Some(3),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let show = sandbox.json(&["sandbox", "show"]).1;
    let all = show["users"].as_array().unwrap();
    assert_eq!(all.len(), 11);
    assert!(all.iter().all(|u| u["keys"].as_array().unwrap().len() <= 2));
    for name in ["ci-deployer", "new-service"] {
        assert_eq!(sandbox.json(&["sandbox", "use", name]).1["result"], json!("accepted"));
        converges(&sandbox, name);
    }
    sandbox.kept_its_secrets();
}

/// Whatever a command reads, Ctrl-C ends it with a message.
#[test]
fn a_command_that_only_reads_says_that_it_was_stopped() {
    let commands: [&[&str]; 7] = [
        &["enroll", "report-mailer", "-n"],
        &["release", "report-mailer", "-n"],
        &["move", "report-mailer", "--secret-name", "/other/{user}", "-n"],
        &["init", "--stdout"],
        &["exec", "report-mailer", "--", "true"],
        &["resolve", "data-import"],
        &["status"],
    ];
    for args in commands {
        let sandbox = Sandbox::new();
        let pace = ("3s", Duration::from_millis(50));
        let (status, stdout, stderr) =
            stopped_after(&sandbox, args, pace, "KEYROT_SANDBOX is set", &["-INT"]);
        assert_eq!((status.code(), stdout.as_str()), (Some(130), ""), "{args:?}: {stderr}");
        assert!(stderr.contains("stopped before"), "{args:?}: {stderr}");
    }
}
