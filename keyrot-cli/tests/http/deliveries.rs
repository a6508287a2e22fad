//! A rotation whose key goes to destinations, too: SIGKILL and a lost answer at each call that it
//! makes, to AWS and to them, and what later processes make of it.

use crate::lifecycle::{Life, PROCESSES, each};
use crate::scene::Scene;
use crate::services::server::Held;
use keyrot_aws::emulator::When;
use keyrot_core::UserName;
use std::process::{Child, Output};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, OnceLock};

/// One call of a run: the nth of those to IAM, STS and Secrets Manager, or of those to SSM, GitHub
/// and GitLab.
#[derive(Debug, Clone, Copy)]
enum Call {
    Aws(usize),
    Elsewhere(usize),
}

/// Users whose keys are due, and at all four places. It takes a few runs, so it is made once.
fn due(_: usize) -> Scene {
    static DUE: OnceLock<Mutex<Scene>> = OnceLock::new();
    let due = DUE.get_or_init(|| Mutex::new(Scene::adoption(8).with_destinations().due()));
    due.lock().unwrap().clone()
}

fn calls() -> Vec<Call> {
    let (aws, elsewhere) = due(1).all_calls();
    println!("{aws} calls to IAM, STS and Secrets Manager, {elsewhere} to SSM, GitHub and GitLab");
    (0..aws).map(Call::Aws).chain((0..elsewhere).map(Call::Elsewhere)).collect()
}

/// Runs a process for one user up to this call, does something to it there, and lets the call go on
/// or get lost.
fn disturbed(
    life: &Life,
    user: &UserName,
    (call, when): (Call, When),
    release: bool,
    disturb: impl FnOnce(&mut Child),
) -> Output {
    let ended = match call {
        Call::Aws(n) => life.disturbed(user, (n, when), release, disturb),
        Call::Elsewhere(n) => {
            let held = if when == When::Before { Held::Before } else { Held::After };
            let gate = life.destinations().server.hold(n, held);
            life.disturbed_at(user, gate, release, disturb)
        }
    };
    ended.unwrap_or_else(|| panic!("it ended before {call:?}"))
}

#[test]
fn a_run_that_is_killed_at_any_call_is_taken_up() {
    let moments: Vec<_> =
        calls().into_iter().flat_map(|call| [(call, When::Before), (call, When::After)]).collect();
    let count = moments.len();
    let torn = each(moments, due, |life, user, (call, when)| {
        // Without its client a call that has not been carried out yet is never carried out.
        let release = when == When::After;
        let output = disturbed(life, user, (call, when), release, |child| child.kill().unwrap());
        assert_eq!(output.status.code(), None, "it was killed");
        life.is_well();
        life.destinations().readers.torn().contains(user)
    });
    assert_eq!(torn.len(), count);
    // After the first half of GitHub's pair, and before the second.
    assert_eq!(torn.into_iter().filter(|torn| *torn).count(), 2);
    println!("killed at {count} moments; {} processes", PROCESSES.load(Ordering::Relaxed));
}

#[test]
fn an_answer_that_is_lost_at_any_call_breaks_nothing() {
    let calls = calls();
    let count = calls.len();
    let codes = each(calls, due, |life, user, call| {
        let output = disturbed(life, user, (call, When::After), false, |_| {});
        let code = output.status.code();
        assert!(matches!(code, Some(0 | 1)), "{call:?}: {code:?}");
        life.is_well();
        life.is_whole();
        code
    });
    assert_eq!(codes.len(), count);
    let failed = codes.iter().filter(|code| **code == Some(1)).count();
    let processes = PROCESSES.load(Ordering::Relaxed);
    println!("{failed} of {count} runs failed; {processes} processes");
}
