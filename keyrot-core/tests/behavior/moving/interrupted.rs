//! A move that is killed, fails, loses the tag, or meets a run.

use super::harness::{
    DAY, NEW, OLD, active, at_rest, chosen, consume, home_region, homes, moved, published, run,
    secret, until_due, until_settled, user,
};
use crate::support::{Hook, Hooked};
use async_trait::async_trait;
use keyrot_core::decide::Refusal;
use keyrot_core::engine::Moved;
use keyrot_core::memory::{Fault, FaultAt, MemoryAccount};
use keyrot_core::model::{HOME_TAG, JournalEntry, SecretArn};
use keyrot_core::{Blocked, Cancel, Limits, Mode, Outcome, Ports, Rotator};
use std::time::Duration;

#[tokio::test]
async fn a_move_interrupted_at_any_call_is_finished_by_repeating_it_or_canceled() {
    let faults = [
        Fault::DeathBefore,
        Fault::DeathAfter,
        Fault::LostRequest,
        Fault::LostReply,
        Fault::Denied,
    ];
    for fault in faults {
        for nth in 0..16 {
            for back in [false, true] {
                let account = at_rest().await;
                let key = published(&account, OLD).unwrap().key;
                account.inject(FaultAt::nth(nth, fault));
                let asked =
                    tokio::time::timeout(Duration::from_millis(200), moved(&account, NEW)).await;
                let case = format!("{fault:?} at call {nth}: {asked:?}");
                account.heal();
                assert_eq!(active(&account), std::slice::from_ref(&key), "{case}");
                // Whatever state was left behind, runs at both places change nothing at one of
                // them, or nothing at either.
                let before = account.world();
                let at_old = run(&account, OLD).await.outcome;
                assert_eq!(account.world(), before, "{case}: {at_old:?}");
                let home = home_region(&account);
                let region = if back { OLD } else { NEW };
                if home == OLD {
                    let open = matches!(at_old, Outcome::Settled { .. });
                    let begun = matches!(at_old, Outcome::Blocked(Blocked::MoveBegun { .. }));
                    assert!(open || begun, "{case}: {at_old:?}");
                    let at_new = run(&account, NEW).await.outcome;
                    assert!(
                        matches!(at_new, Outcome::Blocked(Blocked::ManagedElsewhere { .. })),
                        "{case}: {at_new:?}"
                    );
                }
                let again = moved(&account, region).await;
                assert!(matches!(again, Moved::Done | Moved::Already), "{case}: {again:?}");
                assert_eq!(home_region(&account), region, "{case}");
                consume(&account, OLD);
                until_settled(&account, region).await;
                assert_eq!(active(&account).len(), 1, "{case}");
            }
        }
    }
}

#[tokio::test]
async fn a_lost_tag_never_reopens_the_old_home() {
    // Before and after the change of the tag: Terraform may remove it at any time.
    for switched in [false, true] {
        let account = at_rest().await;
        if switched {
            assert_eq!(moved(&account, NEW).await, Moved::Done);
            run(&account, NEW).await;
        } else {
            account.inject(FaultAt::every("write_home", Fault::Denied));
            assert!(matches!(moved(&account, NEW).await, Moved::New(Outcome::Failed(_))));
            account.heal();
        }
        account.change(|world| world.untag_user(&user(), HOME_TAG).unwrap());
        let before = account.world();
        match run(&account, OLD).await.outcome {
            Outcome::Blocked(Blocked::ManagedElsewhere { home }) => {
                assert_eq!(home.place().region, NEW);
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(account.world(), before);
        assert!(matches!(
            moved(&account, NEW).await,
            Moved::New(Outcome::Refused(Refusal::NoHome))
        ));
        // The new place is open to a run that chooses it, even if that run reads the old region.
        let looking = account.looking_in(&[OLD]);
        until_settled(&looking, NEW).await;
        assert_eq!(home_region(&account), NEW);
        assert!(matches!(
            run(&account, OLD).await.outcome,
            Outcome::Blocked(Blocked::ManagedElsewhere { .. })
        ));
    }
}

/// Another process closes the home right after the run has recorded that it is about to retire the
/// old key.
struct Closes(MemoryAccount, JournalEntry);

#[async_trait]
impl Hook for Closes {
    async fn before(&self, _: &'static str, _: &str) {}
    async fn after(&self, call: &'static str, _: &str) {
        if call == "write_note" {
            self.0.change(|world| {
                world.tag_secret(&secret(), &self.1.tag(), self.1.to_text()).unwrap();
            });
        }
    }
}

#[tokio::test]
async fn a_run_that_began_before_the_move_takes_no_key_away_after_it() {
    for closed in [false, true] {
        let account = at_rest().await;
        until_due(&account).await;
        run(&account, OLD).await;
        // Nothing uses the old key, and it is about to be deactivated.
        for _ in 0..8 {
            consume(&account, OLD);
            account.advance(DAY);
        }
        assert_eq!(active(&account).len(), 2);
        let to = SecretArn::planned(
            chosen(&account.in_region(NEW), &homes(NEW)).remove(0).subject.place(),
        );
        let hook = Closes(account.clone(), JournalEntry::Moved(to));
        let ports = if closed { Hooked::ports(&account, hook) } else { Ports::of(account.clone()) };
        let chosen = chosen(&account, &homes(OLD));
        let report = Rotator::new(ports)
            .run(chosen, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {})
            .await;
        let outcome = &report.users[0].outcome;
        assert_eq!(
            matches!(outcome, Outcome::Blocked(Blocked::MoveBegun { .. })),
            closed,
            "{outcome:?}"
        );
        assert_eq!(active(&account).len(), if closed { 2 } else { 1 });
    }
}

#[tokio::test]
async fn a_move_back_that_dies_after_the_tag_can_end_in_either_direction() {
    for to in [OLD, NEW] {
        let account = at_rest().await;
        assert_eq!(moved(&account, NEW).await, Moved::Done);
        account.inject(FaultAt::every("write_note", Fault::Denied));
        assert!(matches!(moved(&account, OLD).await, Moved::New(Outcome::Failed(_))));
        account.heal();
        assert_eq!(home_region(&account), OLD, "the tag is changed first");
        assert!(matches!(
            run(&account, OLD).await.outcome,
            Outcome::Blocked(Blocked::MoveBegun { .. })
        ));
        assert!(matches!(moved(&account, to).await, Moved::Done | Moved::Already));
        assert_eq!(home_region(&account), to);
        until_settled(&account, to).await;
    }
}

/// The first run at the new home does its work right before the tag is changed again.
struct Runs(MemoryAccount);

#[async_trait]
impl Hook for Runs {
    async fn before(&self, call: &'static str, _: &str) {
        if call == "write_home" {
            run(&self.0, NEW).await;
        }
    }
    async fn after(&self, _: &'static str, _: &str) {}
}

#[tokio::test]
async fn a_move_back_is_not_done_if_a_run_began_at_the_other_home() {
    let account = at_rest().await;
    assert_eq!(moved(&account, NEW).await, Moved::Done);
    let here = account.in_region(OLD);
    let one = chosen(&here, &homes(OLD)).remove(0);
    let old = Rotator::new(Ports::of(account.in_region(NEW)));
    let asked = Rotator::new(Hooked::ports(&here, Runs(account.clone())));
    let ended = asked.move_home(&old, one, Mode::Act, &Limits::default()).await.moved;
    assert!(
        matches!(ended, Moved::LeftOpen(Outcome::Refused(Refusal::NotAtRest { .. }))),
        "{ended:?}"
    );
    assert_eq!(active(&account).len(), 2, "no key was taken away");
    assert!(matches!(
        run(&account, OLD).await.outcome,
        Outcome::Blocked(Blocked::UnknownKeys { .. })
    ));
}
