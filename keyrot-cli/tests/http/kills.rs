//! SIGKILL at each call, right before and right after it is carried out, and how later processes
//! recover.

use crate::lifecycle::{Life, each};
use crate::scene::Scene;
use keyrot_aws::emulator::When;

/// Uses one user for each moment at which a process can die. Returns how many calls there were.
fn dies_at_every_call(scene: fn(usize) -> Scene) -> usize {
    let calls = scene(1).calls();
    let moments = (0..calls).flat_map(|n| [(n, When::Before), (n, When::After)]);
    let died = each(moments, scene, |life, user, (n, when)| {
        // A call that has not been carried out yet is never carried out once its client is gone.
        let output =
            life.disturbed(user, (n, when), when == When::After, |child| child.kill().unwrap());
        let output = output.unwrap_or_else(|| panic!("it ended before call {n} of {calls}"));
        assert_eq!(output.status.code(), None, "it was killed");
        life.is_well();
    });
    assert_eq!(died.len(), 2 * calls);

    // There is no call left at which to die.
    let life = Life::new(&scene(1));
    let spared = life.disturbed(&life.users()[0], (calls, When::Before), false, |_| {
        panic!("a call more than {calls}")
    });
    assert!(spared.is_none());
    calls
}

#[test]
fn a_rotation() {
    // One call lists the users, ten rotate.
    assert_eq!(dies_at_every_call(Scene::rotation), 11);
}

#[test]
fn an_adoption_of_users_with_a_key() {
    assert_eq!(dies_at_every_call(Scene::adoption), 13);
}

#[test]
fn an_adoption_of_users_without_a_key() {
    assert_eq!(dies_at_every_call(Scene::first_keys), 13);
}

#[test]
fn a_retirement() {
    // Two calls ask whether the new key was picked up, two ask about the old one, and four verify
    // the new one.
    assert_eq!(dies_at_every_call(Scene::retirement), 16);
}

#[test]
fn a_deletion() {
    assert_eq!(dies_at_every_call(Scene::deletion), 9);
}
