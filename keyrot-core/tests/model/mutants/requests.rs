//! The guards of operators' requests.

use super::{breaks, secret};
use crate::setting::{Ask, Port, Setting, Start, UNIT, asked};
use keyrot_core::decide::{Decision, Step, decide, decide_request};
use keyrot_core::machine::Decider;
use keyrot_core::model::{
    JournalEntry, Observed, Phase, Retired, Revoked, SecretState, Verified, after,
};
use keyrot_core::{Blocked, KeyId, Request, Revocation, Timestamp, Wait, WaitPolicy, Why};

/// Returns a model in which a person makes requests, and this function decides the steps.
fn weak_request(
    name: &'static str,
    decide_request: fn(&Observed, &Request, &WaitPolicy, Timestamp) -> Decision,
    setting: &Setting,
) -> Setting {
    Setting { decider: Decider { name, decide_request, ..Decider::REAL }, ..setting.clone() }
}

/// Returns the request with a changed revocation.
fn asking_for(request: &Request, change: impl FnOnce(&mut Revocation)) -> Request {
    let mut request = request.clone();
    if let Request::Revoke(order) = &mut request {
        change(order);
    }
    request
}

#[test]
fn rolls_back_to_a_key_that_another_run_is_about_to_deactivate() {
    let decide_so = |s: &Observed, r: &Request, p: &WaitPolicy, n: Timestamp| {
        let mut waits = *p.waits();
        (waits.max_age, waits.overlap, waits.soak, waits.idle) =
            (UNIT * 5000, UNIT * 1000, UNIT * 1000, UNIT * 2000);
        decide_request(s, r, &WaitPolicy::new(waits, true).unwrap(), n)
    };
    let setting =
        Setting { asks: &[Ask::Rollback], rotators: 2, horizon: 5, ..asked(Start::Overlap) };
    breaks(weak_request("what leaves is not left", decide_so, &setting), "S");
}

#[test]
fn revokes_before_a_successor_is_in_place() {
    let decide_so = |s: &Observed, r: &Request, p: &WaitPolicy, n: Timestamp| {
        decide_request(s, &asking_for(r, |order| order.without_successor = true), p, n)
    };
    let setting = Setting { asks: &[Ask::Revoke], horizon: 0, ..asked(Start::Due) };
    breaks(weak_request("no successor", decide_so, &setting), "S");
}

#[test]
fn revokes_a_key_in_use_although_asked_not_to() {
    let decide_so = |s: &Observed, r: &Request, p: &WaitPolicy, n: Timestamp| {
        decide_request(s, &asking_for(r, |order| order.only_if_unused = false), p, n)
    };
    let setting =
        Setting { asks: &[Ask::RevokeIfUnused], uses: 1, horizon: 0, ..asked(Start::Overlap) };
    breaks(weak_request("use ignored", decide_so, &setting), "S2");
}

#[test]
fn deletes_a_revoked_key_without_being_asked_to() {
    let decide_so = |s: &Observed, r: &Request, p: &WaitPolicy, n: Timestamp| {
        decide_request(s, &asking_for(r, |order| order.delete = true), p, n)
    };
    let setting = Setting { asks: &[Ask::Revoke], horizon: 0, ..asked(Start::Due) };
    breaks(weak_request("no soak after a revocation", decide_so, &setting), "S3");
}

#[test]
fn rolls_back_with_an_earlier_journal_entry() {
    let decide_so = |s: &Observed, r: &Request, p: &WaitPolicy, n: Timestamp| match (
        decide_request(s, r, p, n),
        &s.secret,
    ) {
        (
            Decision::Act(Step::Write(JournalEntry::Promoted(noted))),
            SecretState::Present(secret),
        ) => {
            let from = secret.current.as_ref().map(|held| held.version.clone()).unwrap();
            match from == noted.version {
                true => Decision::Act(Step::Write(JournalEntry::Promoted(noted))),
                false => Decision::Act(Step::Promote { from, to: noted.version }),
            }
        }
        (other, _) => other,
    };
    let setting =
        Setting { asks: &[Ask::Rollback], person: 1, horizon: 4, ..asked(Start::Overlap) };
    breaks(weak_request("notes of before vouch", decide_so, &setting), "S2");
}

/// Changes the recorded revocation before the decision reads it.
fn noting(seen: &Observed, change: impl FnOnce(&mut Revoked, Option<&Retired>)) -> Observed {
    let mut seen = seen.clone();
    if let Some(secret) = secret(&mut seen)
        && let Some(revoked) = secret.journal.revoked.last_mut()
    {
        change(revoked, secret.journal.retired.as_ref());
    }
    seen
}

#[test]
fn counts_an_earlier_soak() {
    fn before(seen: &Observed) -> Observed {
        noting(seen, |revoked, retired| {
            let inactive = retired.filter(|r| r.key == revoked.key && r.phase == Phase::Inactive);
            revoked.at = inactive.map_or(revoked.at, |r| r.at.min(revoked.at));
        })
    }
    let decider = Decider {
        name: "an old soak counts",
        decide: |s, p, n| decide(&before(s), p, n),
        decide_request: |s, r, p, n| decide_request(&before(s), r, p, n),
        ..Decider::REAL
    };
    let setting = Setting {
        asks: &[Ask::RevokeWithoutSuccessor],
        person: 1,
        horizon: 2,
        ..asked(Start::Soaking)
    };
    breaks(Setting { decider, ..setting }, "S3");
}

#[test]
fn trusts_the_listing_right_after_the_current_key_was_revoked() {
    let decider = Decider {
        name: "no settling after a revocation",
        decide: |s, p, n| {
            let mut seen = noting(s, |revoked, _| revoked.at -= p.waits().settle);
            // The current key is not verified in this run either.
            if let (SecretState::Present(secret), None) = (&s.secret, &s.verified) {
                seen.verified =
                    secret.current.as_ref().map(|held| (held.version.clone(), Verified::Works));
            }
            decide(&seen, p, n)
        },
        ..Decider::REAL
    };
    let setting = Setting {
        asks: &[Ask::RevokeWithoutSuccessor],
        person: 1,
        horizon: 2,
        ..asked(Start::Soaking)
    };
    breaks(Setting { decider, faults: 1, ..setting }, "S5");
}

#[test]
fn forgets_that_another_key_was_revoked_before() {
    fn the_last(seen: &Observed) -> Observed {
        let mut seen = seen.clone();
        if let Some(secret) = secret(&mut seen) {
            let others = secret.journal.revoked.len().saturating_sub(1);
            secret.journal.revoked.drain(..others);
        }
        seen
    }
    let decider = Decider {
        name: "one note for all",
        decide: |s, p, n| decide(&the_last(s), p, n),
        decide_request: |s, r, p, n| decide_request(&the_last(s), r, p, n),
        ..Decider::REAL
    };
    let asks = &[Ask::Revoke, Ask::RevokeWithoutSuccessor];
    breaks(Setting { decider, asks, requests: 2, horizon: 3, ..asked(Start::Due) }, "S1");
}

#[test]
fn reads_the_store_before_it_deactivates_a_key() {
    let decider = Decider { name: "the store first", off_first: |_| None, ..Decider::REAL };
    let setting = Setting { asks: &[Ask::RevokeWithoutSuccessor], horizon: 0, ..asked(Start::Due) };
    breaks(Setting { decider, port: Port::StoreDown, ..setting }, "S13 a revocation that is done");
}

#[test]
fn reports_a_working_key_as_revoked() {
    let setting = Setting { asks: &[Ask::Revoke], horizon: 0, ..asked(Start::Overlap) };
    breaks(Setting { port: Port::ListsInactive, ..setting }, "S13 a revocation that is done");
}

/// Returns a journal in which a hold entry for a key overrides its revocation.
fn overruled(seen: &Observed) -> Observed {
    let mut seen = seen.clone();
    seen.ordered = None;
    if let Some(secret) = secret(&mut seen)
        && let Some(kept) =
            secret.journal.retired.clone().filter(|retired| retired.phase == Phase::Hold)
    {
        secret.journal.revoked.retain(|revoked| revoked.key != kept.key || kept.at < revoked.at);
    }
    seen
}

#[test]
fn lets_a_forged_hold_override_a_revocation() {
    let decider = Decider {
        name: "hold overrules",
        decide: |s, p, n| decide(&overruled(s), p, n),
        decide_request: |s, r, p, n| decide_request(&overruled(s), r, p, n),
        ..Decider::REAL
    };
    let setting = Setting { asks: &[Ask::Revoke], forges: 1, horizon: 0, ..asked(Start::Overlap) };
    breaks(Setting { decider, ..setting }, "S13 a revocation can be ended");
}

#[test]
fn is_silent_about_a_revoked_key_that_works_again() {
    fn not_noted(seen: &Observed) -> Observed {
        let mut seen = seen.clone();
        if let Some(secret) = secret(&mut seen) {
            secret.journal.retired = None;
        }
        seen
    }
    let decider = Decider {
        name: "a revoked key that works again is nothing special",
        decide: |s, p, n| decide(&not_noted(s), p, n),
        ..Decider::REAL
    };
    breaks(
        Setting { decider, horizon: 0, ..asked(Start::Reactivated) },
        "S13 a revoked key that works again",
    );
}

/// Returns the current key, and the time of its entry `inactive`.
fn noted_inactive(seen: &Observed) -> Option<(KeyId, Timestamp)> {
    let SecretState::Present(secret) = &seen.secret else { return None };
    let current = secret.current.as_ref()?.key()?.clone();
    match secret.journal.phase_of(&current)? {
        (Phase::Inactive, at) => Some((current, at)),
        _ => None,
    }
}

#[test]
fn waits_for_a_forged_entry_that_the_current_key_is_inactive() {
    let decider = Decider {
        name: "an entry about the current key is a fact",
        decide_request: |s, r, p, n| match noted_inactive(s) {
            Some((key, at)) if n < after(at, p.waits().settle) => {
                Decision::Wait(Wait { why: Why::Settling(key), until: None })
            }
            _ => decide_request(s, r, p, n),
        },
        ..Decider::REAL
    };
    let setting = Setting { asks: &[Ask::Revoke], forges: 1, horizon: 0, ..asked(Start::Overlap) };
    breaks(Setting { decider, ..setting }, "S13 a revocation can be ended");
}

#[test]
fn lets_a_reactivated_key_prevent_another_revocation() {
    let decider = Decider {
        name: "a revoked key that works again goes first",
        decide_request: |s, r, p, n| match (noted_inactive(s), &s.secret) {
            (Some((key, at)), SecretState::Present(secret))
                if secret.journal.revoked_at(&key).is_some()
                    && after(at, p.waits().settle) <= n =>
            {
                Decision::Blocked(Blocked::RevokedKeyReactivated { key })
            }
            _ => decide_request(s, r, p, n),
        },
        ..Decider::REAL
    };
    let setting = Setting { asks: &[Ask::Revoke], forges: 1, horizon: 2, ..asked(Start::Overlap) };
    breaks(Setting { decider, ..setting }, "S13 a revocation can be ended");
}
