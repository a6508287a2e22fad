//! Interference with a process: a second process, and a person at the keyboard.

use crate::lifecycle::{Life, each};
use crate::scene::{Scene, Start};
use keyrot_aws::emulator::When;
use serde_json::Value;
use std::process::{Child, Command};
use std::time::Duration;

/// One process is held after each of its calls was carried out, while another makes a whole run for
/// the same user; then it continues. For the other, it makes no difference whether the first one
/// still waits for an answer, or has not made its next call yet.
fn meets_another_at_every_call(scene: fn(usize) -> Scene, calls: usize) {
    assert_eq!(scene(1).calls(), calls);
    let met = each(0..calls, scene, |life, user, n| {
        let output = life.disturbed(user, (n, When::After), true, |_| {
            let (code, document) = life.run(Some(user));
            assert_eq!(code, Some(0), "{document:#}");
        });
        let code = output.expect("it makes so many calls").status.code();
        assert!(matches!(code, Some(0 | 1)), "held at call {n} it ended with {code:?}");
        life.is_well();
    });
    assert_eq!(met.len(), calls);
}

#[test]
fn another_run_comes_between_in_a_rotation() {
    meets_another_at_every_call(Scene::rotation, 11);
}

#[test]
fn another_run_comes_between_in_a_retirement() {
    meets_another_at_every_call(Scene::retirement, 16);
}

#[test]
fn two_processes_at_once_on_many_users() {
    let starts = [[Start::NoKey; 6], [Start::OneKey; 6]].concat();
    let scene = Scene::first_day(starts);
    // Calls are slow, and the second process starts a little later each time.
    for later in [0, 60, 150] {
        let life = Life::with(&scene, Duration::from_millis(15));
        let one = life.spawn(None);
        std::thread::sleep(Duration::from_millis(later));
        let other = life.spawn(None);
        for child in [one, other] {
            let (code, document) = life.ended(child);
            assert!(matches!(code, Some(0 | 1)), "{document:#}");
        }
        life.converges();
    }
}

fn interrupt(child: &mut Child) {
    assert!(
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success()
    );
    // The process has received the signal by the time that the call continues.
    std::thread::sleep(Duration::from_millis(50));
}

#[test]
fn ctrl_c_at_each_call_loses_no_key() {
    let calls = Scene::rotation(1).calls();
    let stopped = each(0..calls, Scene::rotation, |life, user, n| {
        let output = life
            .disturbed(user, (n, When::Before), true, interrupt)
            .expect("it makes so many calls");
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let stopped = output.status.code() == Some(130);
        if stopped && n > 0 {
            let told = (&document["result"], &document["users"][0]["reason"]);
            assert_eq!(told, (&"stopped".into(), &"cancelled".into()), "call {n}");
        }
        assert!(stopped || output.status.code() == Some(0), "call {n}: {document:#}");
        // There must be no key whose secret half only the process had.
        let world = life.emulator.world();
        let held = world
            .secrets()
            .flat_map(|(_, s)| s.versions().filter_map(|(id, _)| s.value(id)?.read()));
        let held: Vec<_> = held.map(|credentials| credentials.key).collect();
        for key in world.user(user).unwrap().keys() {
            assert!(held.contains(&key.listed.id), "call {n}: nobody has {}", key.listed.id);
        }
        life.is_well();
        stopped
    });
    let stopped = stopped.into_iter().filter(|stopped| *stopped).count();
    assert!(stopped >= calls - 1, "{stopped} of {calls} runs were stopped");
}
