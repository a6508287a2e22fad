//! SIGKILL at each call, right before it is carried out and right after, and what later processes make of it.

use crate::life::{Life, Scene, Start, each};
use keyrot_aws::emulator::When;

/// Lives in which the process dies at each of its calls. Returns at how many.
fn dies_at_every_call(scene: &Scene) -> usize {
    let calls = scene.calls();
    // One further than there are calls, so that it is seen that there are no more.
    let moments = (0..=calls).flat_map(|n| [(n, When::Before), (n, When::After)]);
    let died = each(moments, |(n, when)| {
        let life = Life::new(scene);
        // Without its client a call that has not been carried out yet is never carried out.
        let output = life.disturbed(n, when, when == When::After, |child| child.kill().unwrap());
        if let Some(output) = &output {
            assert_eq!(output.status.code(), None, "it was killed");
        }
        life.converges();
        assert_eq!(output.is_some(), n < calls, "call {n} of {calls}, {when:?}");
        output.is_some()
    });
    let deaths = died.into_iter().filter(|died| *died).count();
    assert_eq!(deaths, 2 * calls);
    calls
}

#[test]
fn a_rotation() {
    // One to find the users, ten to rotate.
    assert_eq!(dies_at_every_call(&Scene::rotation()), 11);
}

#[test]
fn an_adoption_of_a_user_with_a_key() {
    assert_eq!(dies_at_every_call(&Scene::adoption()), 12);
}

#[test]
fn an_adoption_of_a_user_without_a_key() {
    assert_eq!(dies_at_every_call(&Scene::first_day(&[("ci", Start::NoKey)])), 12);
}

#[test]
fn a_retirement() {
    assert_eq!(dies_at_every_call(&Scene::retirement()), 10);
}

#[test]
fn a_deletion() {
    assert_eq!(dies_at_every_call(&Scene::deletion()), 6);
}
