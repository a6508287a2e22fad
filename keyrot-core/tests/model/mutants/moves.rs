//! The guards of a move.

use super::{current_key, long_ago, secret, seeing};
use crate::explore;
use crate::homes::Way;
use crate::moves::{Check, Leg, Moves, Start};
use keyrot_core::decide::{Decision, Refusal, Step, decide, decide_request};
use keyrot_core::machine::Decider;
use keyrot_core::model::{HomeTag, JournalEntry, Observed, SecretState};
use keyrot_core::{LastUse, Mode, Request, Timestamp, WaitPolicy};
use std::time::Duration;

const BOTH: &[(usize, Way)] = &[(0, Way::Named), (1, Way::Named)];

#[allow(clippy::needless_pass_by_value, reason = "callers have no other use for it")]
fn breaks(moves: Moves, promise: &str) {
    let what = format!("{}, {:?}", moves.decider.name, moves.start);
    explore::breaks(&what, || Check::new(moves.clone()), promise);
}

type Deciding = fn(&Observed, &Request, &WaitPolicy, Timestamp) -> Decision;

/// Returns a model with a different decision about operators' requests.
fn weak_request(name: &'static str, decide_request: Deciding, start: Start) -> Moves {
    Moves {
        decider: Decider { name, decide_request, ..Decider::REAL },
        runs: BOTH,
        ..Moves::new(start)
    }
}

/// Returns a model with a different decision about runs.
fn weak(
    name: &'static str,
    decide: fn(&Observed, &WaitPolicy, Timestamp) -> Decision,
    start: Start,
) -> Moves {
    Moves { decider: Decider { name, decide, ..Decider::REAL }, runs: BOTH, ..Moves::new(start) }
}

fn is_closed(seen: &Observed) -> bool {
    matches!(&seen.secret, SecretState::Present(secret) if secret.moved_to().is_some())
}

#[test]
fn leaves_a_home_while_a_key_is_being_retired() {
    let decide_so = |s: &Observed, r: &Request, p: &WaitPolicy, n: Timestamp| match (
        r,
        decide_request(s, r, p, n),
    ) {
        (Request::Leave { to }, Decision::Refused(Refusal::NotAtRest { .. })) => {
            Decision::Act(Step::Write(JournalEntry::Moved(to.clone())))
        }
        (Request::Leave { .. }, Decision::Blocked(_)) if is_closed(s) => Decision::Done,
        (_, decision) => decision,
    };
    breaks(weak_request("leaves anything", decide_so, Start::Overlap), "S9 liveness");
}

#[test]
fn leaves_a_home_while_a_rotation_is_about_to_begin() {
    let decide_so = |s: &Observed, r: &Request, p: &WaitPolicy, n: Timestamp| match r {
        Request::Leave { .. } => {
            let soon = Duration::from_millis(4);
            let waits = p.waits().with_settle(soon).with_probe_limit(soon);
            decide_request(s, r, &WaitPolicy::new(waits, true).unwrap(), n)
        }
        _ => decide_request(s, r, p, n),
    };
    let moves = Moves {
        at_once: 2,
        horizon: 1,
        ..weak_request("leaves too late", decide_so, Start::NearlyDue)
    };
    breaks(moves, "S9");
}

#[test]
fn reports_a_home_as_closed_without_closing_it() {
    let decide_so = |s: &Observed, r: &Request, p: &WaitPolicy, n: Timestamp| match (
        r,
        decide_request(s, r, p, n),
    ) {
        (Request::Leave { .. }, Decision::Act(_)) => Decision::Done,
        (_, decision) => decision,
    };
    breaks(weak_request("closes nothing", decide_so, Start::Rest), "S9 a move that is done");
}

#[test]
fn does_not_reopen_the_home_that_stays() {
    let decide_so =
        |s: &Observed, r: &Request, p: &WaitPolicy, n: Timestamp| match (r, &s.residence.tag) {
            (Request::Move { .. }, HomeTag::At(home)) if *home.place() == s.residence.place => {
                Decision::Done
            }
            _ => decide_request(s, r, p, n),
        };
    breaks(weak_request("stays closed", decide_so, Start::Begun), "S9 a move that is done");
}

#[test]
fn opens_the_old_home_before_the_tag_names_it() {
    let decide_so = |s: &Observed, r: &Request, p: &WaitPolicy, n: Timestamp| match (
        r,
        decide_request(s, r, p, n),
    ) {
        (Request::Move { .. }, Decision::Act(Step::BindUser(arn))) if is_closed(s) => {
            Decision::Act(Step::Write(JournalEntry::Moved(arn)))
        }
        (_, decision) => decision,
    };
    let moves = Moves {
        faults: 1,
        moves: 2,
        runs: &[],
        ..weak_request("opens first", decide_so, Start::Moved)
    };
    breaks(moves, "S9 liveness");
}

#[test]
fn uses_a_secret_with_a_deleted_key_as_the_new_home() {
    let decide_so = |s: &Observed, r: &Request, p: &WaitPolicy, n: Timestamp| match (
        r,
        &s.secret,
        &s.residence.tag,
    ) {
        (Request::Move { from }, SecretState::Present(secret), HomeTag::At(home))
            if home == from && !is_here(s) =>
        {
            Decision::Act(Step::BindUser(secret.arn.clone()))
        }
        _ => decide_request(s, r, p, n),
    };
    breaks(weak_request("binds anything", decide_so, Start::Settled), "S9 liveness");
}

fn is_here(seen: &Observed) -> bool {
    matches!(&seen.residence.tag, HomeTag::At(home) if *home.place() == seen.residence.place)
}

#[test]
fn does_not_check_again_whether_a_run_began_at_a_home_without_a_secret() {
    // A request that changes nothing takes the place of the last request.
    const ROUTE: &[Leg] = &[
        Leg::Leave(Mode::Act),
        Leg::Leave(Mode::Act),
        Leg::Arrive(Mode::Act),
        Leg::Arrive(Mode::Plan),
    ];
    let decider = Decider { name: "does not ask again", ..Decider::REAL };
    let moves = Moves { route: ROUTE, runs: BOTH, at_once: 2, decider, ..Moves::new(Start::Moved) };
    breaks(moves, "S9 a move that is done");
}

#[test]
fn treats_a_closed_secret_as_the_home() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| {
        seeing(s, p, n, |s| secret(s).into_iter().for_each(|secret| secret.journal.moved_to = None))
    };
    let moves = Moves { untags: 1, ..weak("blind to the entry", decide_so, Start::Moved) };
    breaks(moves, "S9 at most one place");
}

#[test]
fn retires_the_old_homes_key_within_its_overlap() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| {
        let overlap = Duration::from_millis(1);
        let waits = p.waits().with_overlap(overlap).with_idle(overlap + p.waits().recent_use);
        // Neither the overlap in the settings nor the recorded overlap counts.
        let mut seen = s.clone();
        if let SecretState::Present(secret) = &mut seen.secret
            && let Some(promoted) = &mut secret.journal.promoted
        {
            promoted.overlap = None;
        }
        decide(&seen, &WaitPolicy::new(waits, true).unwrap(), n)
    };
    let moves = Moves { moves: 0, horizon: 1, ..weak("no overlap", decide_so, Start::Published) };
    breaks(moves, "S");
}

#[test]
fn retires_the_old_homes_key_while_consumers_use_it() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| {
        seeing(s, p, n, |s| {
            let current = current_key(s);
            let used =
                LastUse::At { when: long_ago(), service: String::new(), region: String::new() };
            s.last_use
                .iter_mut()
                .filter(|(key, _)| Some(*key) != current.as_ref())
                .for_each(|(_, u)| *u = used.clone());
        })
    };
    let moves = Moves {
        moves: 0,
        horizon: 4,
        uses: 1,
        ..weak("last use ignored", decide_so, Start::Published)
    };
    breaks(moves, "S2 consumers");
}
