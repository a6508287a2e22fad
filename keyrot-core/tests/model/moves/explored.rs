//! The explored models of moves.

use super::{Check, Forged, Moves, Start, WHOLE};
use crate::explore::{bound, explored};
use crate::homes::Way;

fn moved(name: &str, moves: Moves) {
    let name = format!("{name}, {:?}", moves.start);
    explored(&name, Check::new(moves));
}

/// Every start from which a move may be requested.
const STARTS: [Start; 7] = [
    Start::Rest,
    Start::NearlyDue,
    Start::Overlap,
    Start::Begun,
    Start::Moved,
    Start::Published,
    Start::Settled,
];

const BOTH: &[(usize, Way)] = &[(0, Way::Named), (1, Way::Named)];

/// Runs that know no other region.
const ALONE: &[(usize, Way)] = &[(0, Way::Alone), (1, Way::Ambient)];

#[test]
fn a_move_is_repeated_after_a_fault_at_any_call() {
    for start in STARTS {
        let moves = Moves { moves: 2, faults: 1, horizon: bound(1, 3), ..Moves::new(start) };
        moved("two moves, one fault", moves);
    }
    let moves = Moves {
        moves: 2,
        faults: 2,
        route: WHOLE,
        horizon: bound(0, 1),
        ..Moves::new(Start::Rest)
    };
    moved("two moves with their dry runs, two faults", moves);
}

#[test]
fn runs_continue_in_both_regions_during_a_move() {
    for start in STARTS {
        // In the largest models, time stands still.
        let busy = matches!(start, Start::Rest | Start::Begun | Start::Moved | Start::Settled);
        let horizon = bound(u32::from(!busy), 2);
        for runs in [BOTH, ALONE] {
            let moves = Moves { runs, at_once: 2, horizon, ..Moves::new(start) };
            moved(&format!("a move beside runs {runs:?}"), moves);
        }
    }
}

#[test]
fn consumers_read_the_old_secret_after_the_home_was_moved() {
    const THERE: &[(usize, Way)] = &[(1, Way::Named)];
    for (start, uses, horizon) in
        [(Start::Moved, 1, bound(4, 6)), (Start::Published, 2, bound(4, 7))]
    {
        let moves = Moves { moves: 0, runs: THERE, uses, horizon, ..Moves::new(start) };
        moved(&format!("runs at the new home, and {uses} uses"), moves);
    }
}

#[test]
fn two_operators_move_the_home_to_and_from() {
    for start in [Start::Rest, Start::Begun, Start::Moved, Start::Settled] {
        let moves = Moves { moves: 2, at_once: 2, horizon: bound(1, 2), ..Moves::new(start) };
        moved("two concurrent moves", moves);
    }
}

#[test]
fn the_tag_is_lost_during_a_move() {
    for start in [Start::Rest, Start::Begun, Start::Moved, Start::Published] {
        let moves =
            Moves { runs: BOTH, moves: 1, untags: 1, horizon: bound(1, 2), ..Moves::new(start) };
        moved("a move, runs in both regions, a lost tag", moves);
    }
}

#[test]
fn forgeries_about_a_home_leave_one_home_and_retire_no_key() {
    const FORGED: &[Forged] = &[
        Forged::TagOther,
        Forged::TagJunk,
        Forged::Closed(0),
        Forged::Closed(1),
        Forged::Opened(0),
        Forged::Opened(1),
    ];
    for start in [Start::Rest, Start::Begun, Start::Moved, Start::Published, Start::Settled] {
        let moves = Moves {
            runs: BOTH,
            forged: FORGED,
            forges: 1,
            uses: 1,
            horizon: bound(1, 3),
            ..Moves::new(start)
        };
        moved("a move, runs in both regions, one forgery", moves);
    }
}
