//! The model check: every order of crash, lost reply, denial, lag, race and interference that a small life allows, against the promises.
#![allow(clippy::unwrap_used, missing_docs)]

mod check;
mod world;

use check::Check;
use stateright::{Checker, Model};
use std::time::Instant;
use world::{Setting, Start};

fn explore(name: &str, setting: Setting) -> usize {
    let began = Instant::now();
    let checker = Check::new(setting).checker().threads(2).spawn_bfs().join();
    let states = checker.unique_state_count();
    eprintln!("{name}: {states} states, depth {}, {:.1} s", checker.max_depth(), began.elapsed().as_secs_f32());
    checker.assert_properties();
    states
}

#[test]
fn one_fault_anywhere_in_a_first_rotation() {
    for keys in [0, 1] {
        let setting = Setting { faults: 1, horizon: 10, ..Setting::new(Start::New { keys }) };
        explore(&format!("adoption with {keys} keys, one fault"), setting);
    }
}
