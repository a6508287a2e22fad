//! A user whose key AWS found in public: runs stop, and a revocation does not.

use super::harness::{Harness, revoke};
use crate::support::{DAY, HOUR};
use keyrot_core::memory::{Fault, FaultAt};
use keyrot_core::{Blocked, Outcome, Request};

#[tokio::test]
async fn awss_quarantine_stops_runs_but_not_the_operator() {
    let desk = Harness::new(0);
    desk.run().await;
    let leaked = desk.current().unwrap();
    desk.quarantine();
    assert!(matches!(desk.run().await.outcome, Outcome::Blocked(Blocked::Quarantined { .. })));
    assert_eq!(desk.ask(&Request::Revoke(revoke(&leaked))).await, Outcome::Done);
    assert!(!desk.active().contains(&leaked));
}

#[tokio::test]
async fn a_quarantine_does_not_stop_a_run_from_finishing_a_revocation() {
    let desk = Harness::new(0);
    desk.run().await;
    let leaked = desk.current().unwrap();
    desk.account.advance(DAY);
    desk.quarantine();
    let death = FaultAt::first("promote", Fault::DeathBefore);
    let request = Request::Revoke(revoke(&leaked));
    desk.dies_at(death, &request).await;
    desk.account.advance(HOUR);
    desk.run().await;
    assert!(!desk.active().contains(&leaked) && desk.current() != Some(leaked));
    desk.account.advance(HOUR);
    let outcome = desk.run().await.outcome;
    assert!(
        matches!(&outcome, Outcome::Blocked(Blocked::Quarantined { .. })),
        "the rest waits: {outcome:?}"
    );
}

#[tokio::test]
async fn a_revocation_reports_a_bad_tag_together_with_a_quarantine() {
    let desk = Harness::new(1);
    let leaked = desk.active().remove(0);
    desk.quarantine();
    desk.account.change(|world| world.tag_user(&desk.user, "keyrot:overlap", "two weeks").unwrap());
    assert!(matches!(desk.run().await.outcome, Outcome::Blocked(Blocked::Quarantined { .. })));
    match desk.ask(&Request::Revoke(revoke(&leaked))).await {
        Outcome::Blocked(reason) => assert!(reason.to_string().contains("two weeks"), "{reason}"),
        other => panic!("{other:?}"),
    }
}
