//! Tests that the in-memory account follows the ports' rules, with and without lags, and that the
//! suite detects ports that do not.

use crate::support::Life;
use keyrot_core::conformance::{
    CaseOutcome, CaseResult, MemoryLab, assert_all, clock, iam, probe, store,
};
use keyrot_core::memory::{Fault, FaultAt, MemoryAccount, Rules, World};

fn account(rules: Rules) -> (MemoryAccount, MemoryLab) {
    let mut world = World::new("2026-01-05T04:00:00.250Z".parse().unwrap());
    world.rules = rules;
    let account = MemoryAccount::new(world);
    (account.clone(), MemoryLab::new(account))
}

async fn all(account: &MemoryAccount, lab: &MemoryLab) -> Vec<CaseResult> {
    let mut results = iam(account, lab).await;
    results.extend(store(account, lab).await);
    results.extend(probe(account, lab).await);
    results.extend(clock(account).await);
    results
}

#[tokio::test]
async fn the_in_memory_account_conforms() {
    for rules in [Rules::default(), Life::usual_rules()] {
        let (account, lab) = account(rules);
        let results = all(&account, &lab).await;
        assert_all(&results, &[]);
        println!("{} cases", results.len());
        assert!(results.len() > 50);
    }
}

fn failed(results: &[CaseResult]) -> Vec<&'static str> {
    results.iter().filter(|r| matches!(r.outcome, CaseOutcome::Failed(_))).map(|r| r.case).collect()
}

#[tokio::test]
async fn an_account_that_allows_three_keys_fails() {
    let (account, lab) = account(Rules { keys_per_user: 3, ..Rules::default() });
    assert_eq!(failed(&iam(&account, &lab).await), ["iam::two_keys_at_most"]);
}

#[tokio::test]
async fn a_port_that_fails_fails_its_cases() {
    for (call, some) in [
        ("users", "iam::tags_are_listed"),
        ("last_use", "iam::a_use_is_on_record"),
        ("promote", "store::promoting_moves_both_labels"),
        ("versions", "store::versions_without_a_label_are_listed"),
        ("write_note", "store::notes_are_read_back"),
        ("probe", "probe::an_inactive_key_is_refused"),
    ] {
        let (account, lab) = account(Rules::default());
        account.inject(FaultAt::every(call, Fault::Denied));
        let results = all(&account, &lab).await;
        assert!(failed(&results).contains(&some), "{call}: {:?}", failed(&results));
    }
}

#[tokio::test]
#[should_panic(expected = "iam::two_keys_at_most passes now: take it off the list")]
async fn a_gap_that_is_closed_is_noticed() {
    let (account, lab) = account(Rules::default());
    assert_all(
        &iam(&account, &lab).await,
        &[("iam::two_keys_at_most", "the emulator allows three")],
    );
}

#[tokio::test]
#[should_panic(expected = "iam::no_such_case is listed, and there is no such case")]
async fn a_gap_that_names_no_case_is_noticed() {
    let (account, lab) = account(Rules::default());
    assert_all(&iam(&account, &lab).await, &[("iam::no_such_case", "a slip")]);
}
