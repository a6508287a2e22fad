//! Others beside the process: a second one, somebody at the keyboard, and consumers.

use crate::life::{Life, Scene, Start, each};
use keyrot_aws::emulator::When;
use serde_json::Value;
use std::process::{Child, Command};
use std::time::Duration;

/// One is held at each of its calls, before or after it is carried out, while another makes a whole run; then it goes on.
fn meets_another_at_every_call(scene: &Scene, calls: usize) {
    let moments = (0..calls).flat_map(|n| [(n, When::Before), (n, When::After)]);
    let met = each(moments, |(n, when)| {
        let life = Life::new(scene);
        let output = life.disturbed(n, when, true, |_| {
            let (code, document) = life.run();
            assert_eq!(code, Some(0), "{document:#}");
            life.is_well();
        });
        let code = output.expect("it makes so many calls").status.code();
        assert!(matches!(code, Some(0 | 1)), "held {when:?} call {n} it ended with {code:?}");
        life.converges();
    });
    assert_eq!(met.len(), 2 * calls);
}

#[test]
fn another_run_comes_between_in_a_rotation() {
    meets_another_at_every_call(&Scene::rotation(), 11);
}

#[test]
fn another_run_comes_between_in_a_retirement() {
    meets_another_at_every_call(&Scene::retirement(), 10);
}

#[test]
fn two_at_once_on_many_users() {
    let names = ["a", "b", "c", "d", "e"];
    let starts = names.map(|name| (name, if name < "c" { Start::NoKey } else { Start::OneKey }));
    let scene = Scene::first_day(&starts);
    // Calls that take their time, and a second process that comes a little later each time.
    each([0, 40, 120, 250], |later| {
        let life = Life::with(&scene, Duration::from_millis(15));
        let one = life.spawn();
        std::thread::sleep(Duration::from_millis(later));
        let other = life.spawn();
        for child in [one, other] {
            let (code, document) = life.ended(child);
            assert!(matches!(code, Some(0 | 1)), "{document:#}");
        }
        life.converges();
    });
}

fn interrupt(child: &mut Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    // It has heard it by the time that the call goes on.
    std::thread::sleep(Duration::from_millis(50));
}

#[test]
fn ctrl_c_at_each_call_loses_no_key() {
    let scene = Scene::rotation();
    let calls = scene.calls();
    let stopped = each(0..calls, |n| {
        let life = Life::new(&scene);
        let output = life.disturbed(n, When::Before, true, interrupt).expect("it makes so many calls");
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let stopped = output.status.code() == Some(130);
        if stopped && n > 0 {
            assert_eq!(
                (&document["result"], &document["users"][0]["reason"]),
                (&"stopped".into(), &"cancelled".into())
            );
        }
        assert!(stopped || output.status.code() == Some(0), "call {n}: {document:#}");
        // No key whose secret only the process had.
        let world = life.emulator.world();
        let held = world.secrets().flat_map(|(_, s)| s.versions().filter_map(|(id, _)| s.value(id)?.read()));
        let held: Vec<_> = held.map(|credentials| credentials.key).collect();
        for key in world.users().flat_map(|u| u.keys()) {
            assert!(held.contains(&key.listed.id), "call {n}: nobody has {}", key.listed.id);
        }
        life.converges();
        stopped
    });
    let stopped = stopped.into_iter().filter(|stopped| *stopped).count();
    assert!(stopped >= calls - 1, "{stopped} of {calls} runs were stopped");
}
