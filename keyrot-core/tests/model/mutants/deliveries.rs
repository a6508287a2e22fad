//! The guards of deliveries to destinations.

use super::{breaks, current_key, secret, seeing, weak};
use crate::delivering::{IN_PARTS, OPTIONAL, READABLE, RESTARTED};
use crate::setting::{Port, Setting, Start};
use keyrot_core::Timestamp;
use keyrot_core::WaitPolicy;
use keyrot_core::decide::{Decision, Question, Step, decide};
use keyrot_core::model::{
    Found, Holds, JournalEntry, Mark, Observed, PlaceId, Receipt, Receiving, SecretState,
};

fn delivering(
    name: &'static str,
    decide: fn(&Observed, &WaitPolicy, Timestamp) -> Decision,
) -> Setting {
    Setting { destinations: READABLE, uses: 0, ..weak(name, decide, Start::Due) }
}

#[test]
fn the_overlap_counts_from_the_first_receipt() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| {
        seeing(s, p, n, |s| {
            if let Some(secret) = secret(s)
                && let Some(promoted) = secret.journal.promoted.as_ref().map(|noted| noted.at)
            {
                secret.journal.receipts.values_mut().for_each(|receipt| receipt.at = promoted);
            }
            // The place's own information also counts.
            for one in &mut s.destinations {
                if let Some(Found::Copy { written, .. }) = &mut one.found {
                    *written = None;
                }
            }
        })
    };
    breaks(delivering("overlap from the publication", decide_so), "S16");
}

#[test]
fn does_not_wait_for_a_required_destination() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| {
        seeing(s, p, n, |s| {
            s.destinations.iter_mut().for_each(|one| one.assignment.required = false);
        })
    };
    breaks(delivering("not required", decide_so), "S16");
}

#[test]
fn a_receipt_is_written_before_the_key() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| {
        let decision = seeing(s, p, n, |s| {
            // Believes the receipt, whatever the place holds.
            let (key, SecretState::Present(secret)) = (current_key(s), s.secret.clone()) else {
                return;
            };
            for one in &mut s.destinations {
                let receipt = secret.journal.receipts.get(&one.assignment.to);
                if let (Some(key), Some(mark)) =
                    (key.clone(), receipt.and_then(|receipt| receipt.mark.clone()))
                {
                    let (holds, written) = (Holds::Key(key), None);
                    one.found = Some(Found::Copy { mark, holds, written });
                }
            }
        });
        let (Decision::Act(Step::Deliver { to, .. }), SecretState::Present(secret)) =
            (&decision, &s.secret)
        else {
            return decision;
        };
        Decision::Act(Step::Write(JournalEntry::Receipt(Receipt {
            to: to.clone(),
            place: PlaceId::default(),
            state: Receiving::Delivered,
            version: secret.current.as_ref().unwrap().version.clone(),
            at: n,
            mark: Some(Mark::parse("1").unwrap()),
        })))
    };
    breaks(delivering("receipt first", decide_so), "S16");
}

#[test]
fn a_foreign_write_goes_unnoticed() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| {
        seeing(s, p, n, |s| {
            let SecretState::Present(secret) = s.secret.clone() else { return };
            for one in &mut s.destinations {
                let receipt = secret.journal.receipts.get(&one.assignment.to);
                if let (Some(Found::Copy { mark, .. }), Some(seen)) =
                    (&mut one.found, receipt.and_then(|receipt| receipt.mark.clone()))
                {
                    *mark = seen;
                }
            }
        })
    };
    let setting =
        Setting { overwrites: 1, faults: 0, ..delivering("foreign writes ignored", decide_so) };
    breaks(setting, "S16");
}

/// Without the journal entry, a broken pair that a run left behind looks like a foreign write.
#[test]
fn half_a_pair_is_written_without_an_entry() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| match decide(s, p, n) {
        Decision::Act(Step::Write(JournalEntry::Receipt(noted)))
            if noted.state == Receiving::Delivering =>
        {
            Decision::Act(Step::Deliver { to: noted.to, replaces: noted.mark })
        }
        decision => decision,
    };
    let setting = Setting { destinations: IN_PARTS, ..delivering("pair unnoted", decide_so) };
    breaks(setting, "S7");
}

/// Each run tries a destination that is down, and verifies the key for that.
#[test]
fn treats_a_verification_for_a_delivery_as_a_pickup() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| {
        seeing(s, p, n, |s| {
            if let Some(secret) = secret(s)
                && let Some(promoted) = secret.journal.promoted.as_ref().map(|noted| noted.at)
            {
                secret.journal.receipts.values_mut().for_each(|receipt| receipt.at = promoted);
            }
        })
    };
    let setting = Setting {
        destinations: OPTIONAL,
        port: Port::DestinationsDown,
        faults: 0,
        uses: 1,
        horizon: 8,
        ..delivering("a verification for a delivery is a pickup", decide_so)
    };
    breaks(setting, "S15");
}

/// Consumers then read the old copy.
#[test]
fn consumers_are_restarted_before_their_copy_has_the_key() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| {
        let only = seeing(s, p, n, |s| {
            s.destinations.retain(|one| one.assignment.abilities.restarts);
        });
        match &only {
            Decision::Act(Step::Deliver { .. } | Step::Write(JournalEntry::Receipt(_)))
            | Decision::Look(Question::Destination(_)) => only,
            _ => decide(s, p, n),
        }
    };
    let setting =
        Setting { destinations: RESTARTED, horizon: 3, ..delivering("restart first", decide_so) };
    breaks(setting, "S16");
}
