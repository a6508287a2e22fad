//! Writes by others to places and to receipts.

use super::harness::{Harness, PLACE, assignment, events, name, secret};
use crate::support::{DAY, HOUR, MINUTE};
use async_trait::async_trait;
use keyrot_core::memory::{Fault, FaultAt, Label, MemoryDestination};
use keyrot_core::model::{
    Abilities, Delivery, Found, Holds, JournalEntry, Mark, Receipt, Receiving, Revoked,
};
use keyrot_core::ports::Destination;
use keyrot_core::{
    Blocked, CallError, Cancel, KeyId, KeyStatus, Limits, Mode, Outcome, Ports, Request,
    Revocation, Rotator, Why,
};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

#[tokio::test]
async fn a_foreign_write_is_not_overwritten() {
    for (to, abilities) in [("gitlab", Abilities::READABLE), ("github", Abilities::IN_PARTS)] {
        let harness = Harness::settled(vec![assignment(to, true, abilities)]).await;
        harness.account.advance(HOUR);
        harness.account.change(|world| world.overwrite(&name(to), PLACE, None));
        let old = harness.rotated().await;
        for _ in 0..30 {
            let result = harness.run().await;
            assert!(
                matches!(&result.outcome, Outcome::Blocked(Blocked::DestinationChanged { .. })),
                "{to}: {result:?}"
            );
            assert_eq!(harness.copy(to), None, "{to}");
            harness.account.advance(DAY);
        }
        assert_eq!(harness.status(&old), Some(KeyStatus::Active), "{to}");
        let done = harness.ask(Request::Deliver { to: Some(name(to)) }).await;
        assert_eq!(done.outcome, Outcome::Done, "{to}");
        assert_eq!(harness.copy(to), Some(harness.current()), "{to}");
        // The overlap counts from now on.
        let result = harness.run().await;
        assert!(matches!(&result.outcome, Outcome::Waiting(wait)
            if matches!(wait.why, Why::Overlap(_) | Why::InUse { .. } | Why::UsedLate { .. })));
    }
}

/// A run that was overtaken, or a call whose reply was lost, writes an earlier key after the receipt
/// for the current one. After a revocation, no old key is left that would make a run look again.
#[tokio::test]
async fn a_late_write_of_an_earlier_key_is_noticed_and_replaced() {
    for (to, abilities) in [("gitlab", Abilities::READABLE), ("github", Abilities::IN_PARTS)] {
        let harness = Harness::settled(vec![assignment(to, true, abilities)]).await;
        let leaked = harness.current();
        let done = harness.ask(Request::Revoke(Revocation::of(leaked.clone()))).await;
        assert_eq!(done.outcome, Outcome::Done, "{to}");
        assert_eq!(harness.copy(to), Some(harness.current()), "{to}");
        harness.account.advance(MINUTE);
        harness.account.change(|world| world.overwrite(&name(to), PLACE, Some(&leaked)));

        harness.account.advance(DAY);
        let result = harness.run().await;
        assert_eq!(harness.copy(to), Some(harness.current()), "{to}: {result:?}");
    }
}

/// A destination that is down is no failure of a run that has nothing to deliver there.
#[tokio::test]
async fn a_delivered_place_that_cannot_be_read_is_reported_when_an_old_key_has_to_go() {
    let harness = Harness::settled(vec![assignment("gitlab", true, Abilities::READABLE)]).await;
    let old = harness.rotated().await;
    harness.account.inject(FaultAt::every("inspect_destination", Fault::LostRequest));
    let mut failed = false;
    for day in 0..60 {
        harness.account.advance(DAY);
        harness.consume();
        let result = harness.run().await;
        assert_eq!(harness.status(&old), Some(KeyStatus::Active));
        failed |= matches!(result.outcome, Outcome::Failed(_));
        assert!(!failed || day >= 6, "{result:?}");
    }
    assert!(failed);
}

/// An attacker who may tag the secret forges a revocation. Consumers at the destination have only
/// that key.
#[tokio::test]
async fn a_forged_revocation_takes_no_key_from_a_destination() {
    let harness = Harness::settled(vec![assignment("gitlab", true, Abilities::READABLE)]).await;
    harness.account.inject(FaultAt::every("deliver", Fault::Denied));
    let old = harness.rotated().await;
    for _ in 0..60 {
        harness.account.change(|world| {
            let entry = Revoked { key: old.clone(), at: world.now(), only_if_unused: false };
            let text = JournalEntry::Revoked(vec![entry]).to_text();
            world.tag_secret(&secret(), "keyrot:revoked", text).unwrap();
        });
        harness.account.advance(DAY);
        let result = harness.run().await;
        assert_eq!(harness.status(&old), Some(KeyStatus::Active), "{result:?}");
        assert!(!matches!(result.outcome, Outcome::Waiting(_)), "{result:?}");
    }
    harness.account.heal();
    harness.run().await;
    assert_eq!(harness.copy("gitlab"), Some(harness.current()));
}

/// The versions of a recreated parameter start at 1 again, so the mark is the same as the
/// receipt's.
#[tokio::test]
async fn a_recreated_place_is_not_overwritten() {
    for key in [None, Some(KeyId::parse("AKIAOTHERUSERSKEY123").unwrap())] {
        let harness = Harness::settled(vec![assignment("gitlab", true, Abilities::READABLE)]).await;
        harness.account.advance(HOUR);
        harness.account.change(|world| world.remake(&name("gitlab"), PLACE, key.as_ref()));
        let old = harness.rotated().await;
        let result = harness.run().await;
        assert!(
            matches!(&result.outcome, Outcome::Blocked(Blocked::DestinationChanged { .. })),
            "{result:?}"
        );
        assert_eq!((harness.copy("gitlab"), harness.status(&old)), (key, Some(KeyStatus::Active)));
    }
}

/// An entry says that a delivery begins, but it never did, and another writer was there in the
/// meantime.
#[tokio::test]
async fn another_users_key_does_not_count_as_half_of_a_delivery() {
    let harness = Harness::new(vec![assignment("gitlab", true, Abilities::READABLE)]);
    harness.account.inject(FaultAt::every("deliver", Fault::Denied));
    harness.run().await;
    assert_eq!(harness.receipt("gitlab").unwrap().state, Receiving::Delivering);
    let other = KeyId::parse("AKIAOTHERUSERSKEY123").unwrap();
    harness.account.change(|world| world.overwrite(&name("gitlab"), PLACE, Some(&other)));
    harness.account.heal();
    harness.account.advance(HOUR);
    let result = harness.run().await;
    assert!(
        matches!(&result.outcome, Outcome::Blocked(Blocked::DestinationChanged { .. })),
        "{result:?}"
    );
    assert_eq!(harness.copy("gitlab"), Some(other));
}

#[tokio::test]
async fn an_occupied_place_is_not_overwritten_by_the_first_delivery() {
    let harness = Harness::new(vec![assignment("github", true, Abilities::IN_PARTS)]);
    harness.account.change(|world| world.overwrite(&name("github"), PLACE, None));
    let result = harness.run().await;
    assert!(
        matches!(&result.outcome, Outcome::Blocked(Blocked::DestinationChanged { .. })),
        "{result:?}"
    );
    // A delivery replaces one of the user's own keys without asking.
    let harness = Harness::new(vec![assignment("gitlab", true, Abilities::READABLE)]);
    let key = harness.account.world().user(&harness.user).unwrap().keys()[0].listed.id.clone();
    harness.account.change(|world| world.overwrite(&name("gitlab"), PLACE, Some(&key)));
    harness.run().await;
    assert_eq!(harness.copy("gitlab"), Some(harness.current()));
}

/// Without room for the journal's other entries, no key could be retired.
#[tokio::test]
async fn the_receipt_of_an_optional_destination_takes_no_tag_that_the_journal_needs() {
    let mut harness = Harness::settled(vec![assignment("gitlab", true, Abilities::READABLE)]).await;
    let more = assignment("mail", false, Abilities::WRITE_ONLY);
    harness.account.change(|world| {
        world.add_destination(more.to.clone(), MemoryDestination::new(more.abilities));
        let taken = world.secret(&secret()).unwrap().tags.len();
        for n in taken..49 {
            world.tag_secret(&secret(), &format!("team:{n}"), "x".to_owned()).unwrap();
        }
    });
    harness.destinations.push(more);
    let result = harness.run().await;
    assert!(events(&result).contains(&"not_delivered"), "{result:?}");
    assert_eq!(harness.receipt("mail"), None);
    assert_eq!(harness.account.world().secret(&secret()).unwrap().tags.len(), 49);
}

/// An attacker who may tag the secret writes an earlier time into a receipt. The place itself shows
/// when it was written.
#[tokio::test]
async fn a_forged_time_in_a_receipt_does_not_shorten_the_overlap() {
    let harness = Harness::settled(vec![assignment("gitlab", true, Abilities::READABLE)]).await;
    harness.account.inject(FaultAt::every("deliver", Fault::Denied));
    let old = harness.rotated().await;
    let published = harness.account.world().now();
    harness.account.advance(6 * DAY);
    harness.account.heal();
    harness.run().await;
    let receipt = harness.receipt("gitlab").unwrap();
    assert_eq!(receipt.state, Receiving::Delivered);
    let forged = Receipt { at: published, ..receipt };
    for _ in 0..6 {
        harness.account.change(|world| {
            world.tag_secret(&secret(), &forged.tag(), forged.to_text()).unwrap();
        });
        harness.account.advance(DAY);
        harness.consume();
        harness.run().await;
        assert_eq!(harness.status(&old), Some(KeyStatus::Active));
    }
}

/// An attacker who may tag the secret forges a receipt. The destination itself shows otherwise.
#[tokio::test]
async fn a_forged_receipt_takes_no_key_away() {
    for (to, abilities) in [
        ("gitlab", Abilities::READABLE),
        ("github", Abilities::IN_PARTS),
        ("lake", Abilities::WRITE_ONLY),
    ] {
        let harness = Harness::settled(vec![assignment(to, true, abilities)]).await;
        let before = harness.receipt(to).unwrap();
        harness.account.inject(FaultAt::every("deliver", Fault::Denied));
        let old = harness.rotated().await;
        let version = {
            let world = harness.account.world();
            world.secret(&secret()).unwrap().labelled(Label::Current).unwrap().clone()
        };
        for _ in 0..60 {
            let forged = Receipt {
                version: version.clone(),
                at: harness.account.world().now(),
                ..before.clone()
            };
            harness.account.change(|world| {
                world.tag_secret(&secret(), &forged.tag(), forged.to_text()).unwrap();
            });
            harness.account.advance(DAY);
            harness.run().await;
            assert_eq!(harness.status(&old), Some(KeyStatus::Active), "{to}");
        }
    }
}

/// A write-only place. Another writer comes right after the first delivery.
#[derive(Default)]
struct Shared {
    mark: AtomicU64,
    delivered: Mutex<Vec<u64>>,
}

impl Shared {
    fn found(mark: u64) -> Found {
        let mark = Mark::parse(mark.to_string()).unwrap();
        Found::Copy { mark, holds: Holds::NotShown, written: None }
    }
}

#[async_trait]
impl Destination for Shared {
    fn abilities(&self) -> Abilities {
        Abilities::WRITE_ONLY
    }

    async fn inspect(&self, _place: &str) -> Result<Found, CallError> {
        match self.mark.load(Ordering::Relaxed) {
            0 => Ok(Found::Nothing),
            mark => Ok(Self::found(mark)),
        }
    }

    async fn deliver(&self, _place: &str, _delivery: &Delivery) -> Result<Found, CallError> {
        let own = 1 + self.mark.fetch_add(1, Ordering::Relaxed);
        let mut delivered = self.delivered.lock().unwrap();
        if delivered.is_empty() {
            self.mark.fetch_add(1, Ordering::Relaxed);
        }
        delivered.push(own);
        Ok(Self::found(own))
    }
}

/// The receipt is lost, so the run reads the place again, and finds the other writer's
/// mark.
#[tokio::test]
async fn a_run_takes_no_other_mark_for_that_of_its_own_delivery() {
    for nth in 0..12 {
        let mut harness = Harness::settled(Vec::new()).await;
        harness.destinations = vec![assignment("mail", true, Abilities::WRITE_ONLY)];
        let shared = Arc::new(Shared::default());
        let port: Arc<dyn Destination> = shared.clone();
        let ports = Ports::of(harness.account.clone());
        let rotator = Rotator::new(ports.with_destinations([(name("mail"), port)].into()));
        harness
            .account
            .inject(FaultAt { after: nth, ..FaultAt::first("write_note", Fault::LostRequest) });
        let (limits, cancel) = (Limits::default(), Cancel::default());
        rotator.run(vec![harness.target()], Mode::Act, &limits, &cancel, &|_| {}).await;
        let delivered = shared.delivered.lock().unwrap().clone();
        let receipt = harness.receipt("mail").unwrap();
        if receipt.state == Receiving::Delivered {
            let own: Vec<String> = delivered.iter().map(u64::to_string).collect();
            let mark = receipt.mark.unwrap().to_string();
            assert!(own.contains(&mark), "call {nth}: {mark} is none of {own:?}");
        }
    }
}
