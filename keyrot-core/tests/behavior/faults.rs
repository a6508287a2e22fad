//! Whatever fails, and whenever: no promise is broken, no consumer fails, and the user comes to
//! rest.

use crate::support::{DAY, Dice, HOUR, Hooked, Life, MINUTE, Start, Yielding, interleave};
use keyrot_core::Ports;
use keyrot_core::memory::{Fault, FaultAt, Rules};
use proptest::prelude::*;
use std::time::Duration;

const FAULTS: [Fault; 6] = [
    Fault::Denied,
    Fault::Throttled,
    Fault::LostRequest,
    Fault::LostReply,
    Fault::DeathBefore,
    Fault::DeathAfter,
];

/// The limit on runs: what a lifecycle without faults needs, and some more for the cost of a fault.
const RUNS: usize = 24;

/// A whole lifecycle: adoption, overlap, retirement, deletion, and all of it again.
fn live(life: &mut Life, ports: &Ports, retry: Duration, runs: usize) -> Result<usize, String> {
    let first = life.settle(ports, retry, runs)?;
    life.until_due();
    Ok(first + life.settle(ports, retry, runs)?)
}

fn calls(life: &Life) -> usize {
    life.account.calls().values().sum()
}

/// Returns the calls of a lifecycle without faults, which are the points at which a fault can
/// occur.
fn calls_of_a_life(start: Start, rules: &Rules) -> usize {
    let mut life = Life::new(start, rules.clone());
    let ports = Ports::of(life.account.clone());
    live(&mut life, &ports, MINUTE, RUNS).unwrap();
    calls(&life)
}

#[test]
fn one_fault_at_any_call_breaks_nothing_and_is_overcome() {
    let mut lives = 0;
    let mut failures = Vec::new();
    for start in Start::ALL {
        for rules in [Rules::default(), Life::usual_rules()] {
            for n in 0..calls_of_a_life(start, &rules) {
                for fault in FAULTS {
                    for retry in [Duration::ZERO, 5 * MINUTE, DAY] {
                        let mut life =
                            Life::new(start, rules.clone()).fault(FaultAt::nth(n, fault));
                        let ports = Ports::of(life.account.clone());
                        lives += 1;
                        if let Err(why) = live(&mut life, &ports, retry, RUNS) {
                            let lag = rules.listing_lag;
                            failures
                                .push(format!("{start:?}, {fault:?} at call {n}, then {retry:?}, lag {lag:?}: {why}"));
                        }
                    }
                }
            }
        }
    }
    println!("{lives} lives");
    assert!(
        failures.is_empty(),
        "{} of {lives} lives failed; the first: {}",
        failures.len(),
        failures[0]
    );
    assert!(lives > 1_000, "the sweep covers something");
}

#[test]
fn an_outage_from_any_call_on_is_overcome() {
    for start in Start::ALL {
        let rules = Life::usual_rules();
        for after in 0..calls_of_a_life(start, &rules) {
            for fault in [Fault::Denied, Fault::Throttled, Fault::LostRequest, Fault::LostReply] {
                let outage = FaultAt { call: None, after, times: 9, fault };
                let mut life = Life::new(start, rules.clone()).fault(outage);
                let ports = Ports::of(life.account.clone());
                if let Err(why) = live(&mut life, &ports, HOUR, RUNS + 9) {
                    panic!("{start:?}, {fault:?} from call {after} on: {why}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_few_faults_are_overcome(
        start in 0_usize..4,
        lag in any::<bool>(),
        retry in prop_oneof![Just(Duration::ZERO), Just(MINUTE), Just(31 * MINUTE), Just(HOUR), Just(DAY)],
        faults in proptest::collection::vec((0_usize..60, 0_usize..6, 1_usize..4), 1..5),
    ) {
        let rules = if lag { Life::usual_rules() } else { Rules::default() };
        let mut life = Life::new(Start::ALL[start], rules);
        for (after, kind, times) in faults {
            life.account.inject(FaultAt { call: None, after, times, fault: FAULTS[kind] });
        }
        let ports = Ports::of(life.account.clone());
        let result = live(&mut life, &ports, retry, 3 * RUNS);
        prop_assert!(result.is_ok(), "{}", result.unwrap_err());
    }
}

#[test]
fn two_rotators_at_once_break_nothing() {
    for seed in 0..200 {
        let start = Start::ALL[usize::try_from(seed % 4).unwrap()];
        let rules = if seed % 8 < 4 { Rules::default() } else { Life::usual_rules() };
        let mut life = Life::new(start, rules);
        let mut dice = Dice::new(seed);
        let ports = Hooked::ports(&life.account, Yielding);
        for _ in 0..40 {
            let account = life.account.clone();
            let both = (0..2).map(|_| {
                Box::pin(life.report(&ports)) as std::pin::Pin<Box<dyn Future<Output = _>>>
            });
            interleave(both.collect(), &mut dice, |dice| {
                if dice.below(16) == 0 {
                    account.advance(Duration::from_secs(dice.below(20) as u64));
                }
            });
            assert_eq!(life.account.broken(), [], "seed {seed}");
            life.consume().unwrap_or_else(|why| panic!("seed {seed}: {why}"));
            let pause = [MINUTE, 20 * MINUTE, HOUR, DAY, 8 * DAY][dice.below(5)];
            life.account.advance(pause);
            life.consume().unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        }
        let ports = Ports::of(life.account.clone());
        live(&mut life, &ports, HOUR, RUNS).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    }
}
