//! A user whose key AWS found in public: runs stop, and a revocation does not.

use super::harness::{Harness, revoke};
use crate::support::{DAY, HOUR};
use keyrot_core::memory::{Fault, FaultAt};
use keyrot_core::{Blocked, Outcome, Request};

#[tokio::test]
async fn awss_quarantine_stops_runs_but_not_the_operator() {
    let harness = Harness::new(0);
    harness.run().await;
    let leaked = harness.current().unwrap();
    harness.quarantine();
    assert!(matches!(harness.run().await.outcome, Outcome::Blocked(Blocked::Quarantined { .. })));
    assert_eq!(harness.ask(&Request::Revoke(revoke(&leaked))).await, Outcome::Done);
    assert!(!harness.active().contains(&leaked));
}

#[tokio::test]
async fn a_quarantine_does_not_stop_a_run_from_finishing_a_revocation() {
    let harness = Harness::new(0);
    harness.run().await;
    let leaked = harness.current().unwrap();
    harness.account.advance(DAY);
    harness.quarantine();
    let death = FaultAt::first("promote", Fault::DeathBefore);
    let request = Request::Revoke(revoke(&leaked));
    harness.dies_at(death, &request).await;
    harness.account.advance(HOUR);
    harness.run().await;
    assert!(!harness.active().contains(&leaked) && harness.current() != Some(leaked));
    harness.account.advance(HOUR);
    let outcome = harness.run().await.outcome;
    assert!(
        matches!(&outcome, Outcome::Blocked(Blocked::Quarantined { .. })),
        "the rest waits: {outcome:?}"
    );
}

#[tokio::test]
async fn a_revocation_reports_a_bad_tag_together_with_a_quarantine() {
    let harness = Harness::new(1);
    let leaked = harness.active().remove(0);
    harness.quarantine();
    harness
        .account
        .change(|world| world.tag_user(&harness.user, "keyrot:overlap", "two weeks").unwrap());
    assert!(matches!(harness.run().await.outcome, Outcome::Blocked(Blocked::Quarantined { .. })));
    match harness.ask(&Request::Revoke(revoke(&leaked))).await {
        Outcome::Blocked(reason) => assert!(reason.to_string().contains("two weeks"), "{reason}"),
        other => panic!("{other:?}"),
    }
}
