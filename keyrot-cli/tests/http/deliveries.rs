//! Keys that also go to destinations: SIGKILL and a lost answer at each call to AWS and to the
//! destinations, and how later processes recover.

use crate::lifecycle::{Life, PROCESSES, each};
use crate::scene::Scene;
use crate::services::server::Held;
use keyrot_aws::emulator::{CallAt, When};
use keyrot_core::{KeyId, KeyStatus, UserName};
use std::process::{Child, Output};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// One call of a process: the nth one to IAM, STS and Secrets Manager, or the nth one to SSM,
/// GitHub and GitLab.
#[derive(Debug, Clone, Copy)]
enum Call {
    Aws(usize),
    Elsewhere(usize),
}

type Kept = OnceLock<Mutex<Scene>>;

/// Eight users whose keys are at all four places. This takes a few runs, so it is prepared once.
fn once(kept: &'static Kept, from_first_day: fn(&Scene) -> Scene) -> Scene {
    let make = || Mutex::new(from_first_day(&Scene::adoption(8).with_destinations()));
    kept.get_or_init(make).lock().unwrap().clone()
}

/// Users with one key each, which is not due.
fn settled(_: usize) -> Scene {
    static KEPT: Kept = OnceLock::new();
    once(&KEPT, Scene::settled)
}

/// Users with one key each, which is due.
fn due(_: usize) -> Scene {
    static KEPT: Kept = OnceLock::new();
    once(&KEPT, |first| first.settled().after_a_run(DAY * 80))
}

/// Users that were rotated two days ago.
fn overlap(_: usize) -> Scene {
    static KEPT: Kept = OnceLock::new();
    once(&KEPT, |first| first.settled().after_a_run(DAY * 80).after_a_run(DAY * 2))
}

/// Returns the calls that a command makes for a user.
fn calls(scene: fn(usize) -> Scene, args: fn(&Life, &UserName) -> Vec<String>) -> Vec<Call> {
    let life = Life::new(&scene(1));
    let user = &life.users()[0];
    let args = args(&life, user);
    let (code, document) = life.ask(&args.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(code, Some(0), "{document:#}");
    let (aws, elsewhere) = (life.emulator.stats().calls(), life.destinations().requests());
    println!("{args:?}: {aws} calls to IAM, STS and Secrets Manager, {elsewhere} elsewhere");
    (0..aws).map(Call::Aws).chain((0..elsewhere).map(Call::Elsewhere)).collect()
}

/// Runs a process up to this call, interferes with it there, and lets the call continue or get
/// lost.
fn disturbed(
    life: &Life,
    args: &[String],
    (call, when): (Call, When),
    release: bool,
    disturb: impl FnOnce(&mut Child),
) -> Output {
    let command = life.keyrot(args.iter().map(String::as_str));
    let ended = match call {
        Call::Aws(n) => {
            let gate = life.emulator.pause(CallAt::nth(n), when);
            life.disturbed_at(command, gate, release, disturb)
        }
        Call::Elsewhere(n) => {
            let held = if when == When::Before { Held::Before } else { Held::After };
            let gate = life.destinations().server.hold(n, held);
            life.disturbed_at(command, gate, release, disturb)
        }
    };
    ended.unwrap_or_else(|| panic!("it ended before {call:?}"))
}

fn killed(life: &Life, args: &[String], (call, when): (Call, When)) {
    // A call that has not been carried out yet is never carried out once its client is gone.
    let release = when == When::After;
    let output = disturbed(life, args, (call, when), release, |child| child.kill().unwrap());
    assert_eq!(output.status.code(), None, "it was killed");
    life.is_well();
}

fn rotate(_: &Life, user: &UserName) -> Vec<String> {
    ["rotate", "--user", user.as_str()].map(str::to_owned).into()
}

#[test]
fn a_run_that_is_killed_at_any_call_is_continued() {
    let calls = calls(due, rotate).into_iter();
    let moments: Vec<_> =
        calls.flat_map(|call| [(call, When::Before), (call, When::After)]).collect();
    let count = moments.len();
    let torn = each(moments, due, |life, user, moment| {
        killed(life, &rotate(life, user), moment);
        life.destinations().readers.torn().contains(user)
    });
    assert_eq!(torn.len(), count);
    // This is after the first half of GitHub's pair, and before the second.
    assert_eq!(torn.into_iter().filter(|torn| *torn).count(), 2);
    println!("killed at {count} moments; {} processes", PROCESSES.load(Ordering::Relaxed));
}

#[test]
fn an_answer_that_is_lost_at_any_call_breaks_nothing() {
    let calls = calls(due, rotate);
    let count = calls.len();
    let codes = each(calls, due, |life, user, call| {
        let args = rotate(life, user);
        let output = disturbed(life, &args, (call, When::After), false, |_| {});
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

/// Returns the user's keys, the oldest first.
fn keys(life: &Life, user: &UserName) -> Vec<KeyId> {
    let world = life.emulator.world();
    world.user(user).unwrap().keys().iter().map(|key| key.listed.id.clone()).collect()
}

/// Carries out the operator's request.
fn ask(life: &Life, args: &[String]) {
    let (code, document) = life.ask(&args.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(code, Some(0), "{args:?}: {document:#}");
    life.is_well();
    life.is_whole();
}

/// Kills the request right after each of its calls to SSM, GitHub and GitLab.
fn deliveries(
    scene: fn(usize) -> Scene,
    args: fn(&Life, &UserName) -> Vec<String>,
) -> Vec<(Call, When)> {
    let calls = calls(scene, args).into_iter();
    let elsewhere = calls.filter(|call| matches!(call, Call::Elsewhere(_)));
    elsewhere.map(|call| (call, When::After)).collect()
}

/// Checks that each place shows this key.
fn shows(life: &Life, user: &UserName, key: &KeyId) {
    for (place, found) in life.destinations().readers.keys(user) {
        assert_eq!(found.as_ref(), Some(key), "{user}, {place:?}");
    }
}

/// Requests a revocation; from then on, the key has no promises.
fn revoke(life: &Life, user: &UserName, key: &KeyId) -> Vec<String> {
    life.witness.revoke(user, key);
    life.destinations().readers.revoke(key);
    ["revoke", user.as_str(), key.as_str(), "--yes"].map(str::to_owned).into()
}

#[test]
fn a_revocation_that_is_killed_during_its_deliveries_is_repeated() {
    let of_current = |life: &Life, user: &UserName| revoke(life, user, &keys(life, user)[0]);
    let moments = deliveries(settled, of_current);
    let count = moments.len();
    let done = each(moments, settled, |life, user, moment| {
        let leaked = keys(life, user).remove(0);
        let args = revoke(life, user, &leaked);
        killed(life, &args, moment);
        ask(life, &args);
        let world = life.emulator.world();
        let status = world.user(user).unwrap().key(&leaked).map(|key| key.listed.status.clone());
        assert_eq!(status, Some(KeyStatus::Inactive));
        shows(life, user, &keys(life, user)[1]);
    });
    assert_eq!(done.len(), count);
    println!("killed at {count} moments; {} processes", PROCESSES.load(Ordering::Relaxed));
}

fn roll_back(life: &Life, user: &UserName) -> Vec<String> {
    let previous = keys(life, user).remove(0);
    ["rollback", user.as_str(), "--to", previous.as_str(), "--yes"].map(str::to_owned).into()
}

#[test]
fn a_rollback_that_is_killed_during_its_deliveries_is_repeated() {
    let moments = deliveries(overlap, roll_back);
    let count = moments.len();
    let done = each(moments, overlap, |life, user, moment| {
        let args = roll_back(life, user);
        killed(life, &args, moment);
        ask(life, &args);
        let keys = keys(life, user);
        shows(life, user, &keys[0]);
        // After the rollback, the operator gives the newer key up.
        ask(life, &revoke(life, user, &keys[1]));
        shows(life, user, &keys[0]);
    });
    assert_eq!(done.len(), count);
    println!("killed at {count} moments; {} processes", PROCESSES.load(Ordering::Relaxed));
}
