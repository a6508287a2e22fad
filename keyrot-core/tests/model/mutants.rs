//! Shows that the model check can fail. Each guard is weakened in turn, in the real machine's own
//! decision or in a port, and a property has to break.

mod claims;
mod deliveries;
mod homes;
mod moves;
mod orders;
mod requests;
mod waits;

use super::check::Check;
use super::explore;
use super::setting::{Port, Setting, Start, UNIT, apart};
use keyrot_core::decide::{Decision, Question, Step, decide};
use keyrot_core::machine::Decider;
use keyrot_core::model::{
    CLOCK_TOLERANCE, Intent, JournalEntry, Observed, Phase, Promoted, Retired, Secret, SecretState,
    Verified,
};
use keyrot_core::{KeyId, KeyStatus, Timestamp, Wait, WaitPolicy, Why};
use std::time::Duration;

/// Explores until a property breaks, and requires that it is this promise.
#[allow(clippy::needless_pass_by_value, reason = "callers have no other use for it")]
fn breaks(setting: Setting, promise: &str) {
    explore::breaks(
        &format!("{} / {:?}", setting.decider.name, setting.port),
        || Check::new(setting.clone()),
        promise,
    );
}

fn weak(
    name: &'static str,
    decide: fn(&Observed, &WaitPolicy, Timestamp) -> Decision,
    start: Start,
) -> Setting {
    Setting {
        decider: Decider { name, decide, ..Decider::REAL },
        uses: 1,
        faults: 1,
        ..Setting::new(start)
    }
}

/// Changes the observed state before the real decision reads it.
fn seeing(
    seen: &Observed,
    policy: &WaitPolicy,
    now: Timestamp,
    change: impl FnOnce(&mut Observed),
) -> Decision {
    let mut seen = seen.clone();
    change(&mut seen);
    decide(&seen, policy, now)
}

fn secret(seen: &mut Observed) -> Option<&mut Secret> {
    match &mut seen.secret {
        SecretState::Present(secret) => Some(secret),
        _ => None,
    }
}

fn current_key(seen: &Observed) -> Option<KeyId> {
    let SecretState::Present(secret) = &seen.secret else { return None };
    secret.current.as_ref()?.key().cloned()
}

fn other_key(seen: &Observed) -> Option<KeyId> {
    let current = current_key(seen);
    seen.keys.iter().map(|k| k.id.clone()).find(|id| Some(id) != current.as_ref())
}

fn long_ago() -> Timestamp {
    "2020-01-01T00:00:00Z".parse().unwrap()
}

#[test]
fn deletes_a_key_that_it_assumes_to_be_inactive() {
    let weak = weak(
        "status ignored",
        |s, p, n| match seeing(s, p, n, |_| {}) {
            Decision::Act(Step::Deactivate(key)) => Decision::Act(Step::Delete(key)),
            other => other,
        },
        Start::Overlap,
    );
    breaks(weak, "S3");
}

#[test]
fn no_compare_and_swap() {
    let setting =
        Setting { port: Port::NoCompareAndSwap, person: 1, horizon: 0, ..Setting::new(Start::Due) };
    breaks(setting, "S8 nobody");
}

#[test]
fn no_verification_before_promotion() {
    let weak = weak(
        "no verification",
        |s, p, n| match decide(s, p, n) {
            Decision::Look(Question::Verification(version)) => {
                seeing(s, p, n, |s| s.verified = Some((version, Verified::Works)))
            }
            other => other,
        },
        Start::New { keys: 1 },
    );
    breaks(weak, "S1");
}

/// Treats "could not ask" as "does not work".
fn unknown_is_refused(seen: &mut Observed) {
    if let Some((_, verified @ Verified::Unknown(_))) = &mut seen.verified {
        *verified = Verified::Refused("no answer".into());
    }
}

#[test]
fn abandons_a_key_although_sts_could_not_be_asked() {
    let decide_so =
        |s: &Observed, p: &WaitPolicy, n: Timestamp| seeing(s, p, n, unknown_is_refused);
    let setting =
        Setting { faults: 2, uses: 0, ..weak("unknown is refused", decide_so, Start::Due) };
    breaks(setting, "S12");
}

#[test]
fn blocks_although_sts_could_not_be_asked() {
    let decide_so =
        |s: &Observed, p: &WaitPolicy, n: Timestamp| seeing(s, p, n, unknown_is_refused);
    let setting =
        Setting { uses: 0, person: 1, ..weak("unknown is refused", decide_so, Start::Overlap) };
    breaks(setting, "S12");
}

#[test]
fn treats_its_own_clock_as_the_clock_of_aws() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| {
        seeing(s, p, n, |s| {
            // Removes the tolerance for a key that was created before its intent.
            if let Some(intent) = secret(s).and_then(|s| s.journal.intent.as_mut()) {
                intent.at += CLOCK_TOLERANCE;
            }
        })
    };
    let weak = weak("no tolerance", decide_so, Start::Due);
    let Setting { waits, rotator_waits, clocks, .. } = apart(Start::Due);
    breaks(Setting { waits, rotator_waits, clocks, uses: 0, ..weak }, "S7");
}

#[test]
fn settles_for_less_than_the_clock_tolerance() {
    let mut setting = Setting { horizon: 4, ..apart(Start::New { keys: 0 }) };
    setting.rotator_waits.settle = UNIT;
    setting.rotator_waits.probe_limit = UNIT;
    breaks(setting, "S");
}

#[test]
fn a_port_that_verifies_without_asking() {
    breaks(Setting { port: Port::NoProof, ..Setting::new(Start::New { keys: 1 }) }, "S1");
}

#[test]
fn no_pre_image() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| {
        seeing(s, p, n, |s| {
            let created =
                other_key(s).and_then(|id| s.keys.iter().find(|k| k.id == id).map(|k| k.created));
            if let (Some(at), Some(secret)) = (created, secret(s)) {
                secret.journal.intent = Some(Intent { before: vec![], at });
            }
        })
    };
    let setting = Setting {
        person: 1,
        horizon: 6,
        faults: 0,
        uses: 0,
        ..weak("no pre-image", decide_so, Start::Overlap)
    };
    breaks(setting, "S4");
}

#[test]
fn deletes_the_oldest() {
    let weak = weak(
        "delete the oldest",
        |s, p, n| match s.keys.iter().min_by_key(|k| (k.created, k.id.clone())) {
            Some(oldest) if s.keys.len() == 2 => Decision::Act(Step::Delete(oldest.id.clone())),
            _ => decide(s, p, n),
        },
        Start::Due,
    );
    breaks(weak, "S1");
}

#[test]
fn deactivates_the_oldest() {
    let weak = weak(
        "deactivate the oldest",
        |s, p, n| match s.keys.iter().min_by_key(|k| (k.created, k.id.clone())) {
            Some(oldest) if s.keys.len() == 2 && oldest.status == KeyStatus::Active => {
                Decision::Act(Step::Deactivate(oldest.id.clone()))
            }
            _ => decide(s, p, n),
        },
        Start::New { keys: 1 },
    );
    breaks(weak, "S");
}

#[test]
fn creates_without_recording_its_intent() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| match decide(s, p, n) {
        Decision::Act(Step::Write(JournalEntry::Intent(_))) => Decision::Act(Step::CreateKey),
        other => other,
    };
    breaks(weak("no intent", decide_so, Start::Due), "S7");
}

#[test]
fn retires_without_a_stored_verification_of_the_successor() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| {
        seeing(s, p, n, |s| {
            // The step comes at the earliest possible time, and as if this run had verified the
            // key.
            let (other, current) = (other_key(s), current_key(s));
            let created =
                s.keys.iter().find(|key| Some(&key.id) == current.as_ref()).map(|key| key.created);
            let mut unverified = None;
            if let Some(secret) = secret(s)
                && let Some(version) = secret.current.as_ref().map(|c| c.version.clone())
                && secret.journal.promoted.as_ref().is_none_or(|p| p.version != version)
            {
                unverified = Some((version.clone(), Verified::Works));
                let at = created.unwrap_or_else(long_ago);
                secret.journal.promoted =
                    Some(Promoted { version, replacing: other, at, overlap: None });
            }
            s.verified = s.verified.take().or(unverified);
        })
    };
    let setting =
        Setting { person: 1, ..weak("no stored verification", decide_so, Start::Overlap) };
    breaks(setting, "S");
}

#[test]
fn deactivates_a_key_again_that_a_person_reactivated() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| {
        seeing(s, p, n, |s| {
            let active = |key: &KeyId, s: &Observed| {
                s.keys.iter().any(|k| k.id == *key && k.status == KeyStatus::Active)
            };
            let key = secret(s).and_then(|s| s.journal.retired.clone());
            if let Some(Retired { key, phase: Phase::Inactive, .. }) = key
                && active(&key, s)
                && let Some(secret) = secret(s)
            {
                secret.journal.retired = None;
            }
        })
    };
    let setting =
        Setting { person: 1, faults: 0, uses: 0, ..weak("fights", decide_so, Start::Overlap) };
    breaks(setting, "S2");
}

#[test]
fn does_not_wait_for_other_runs() {
    let mut setting = Setting { rotators: 2, horizon: 3, ..Setting::new(Start::New { keys: 0 }) };
    setting.rotator_waits.settle = Duration::from_millis(4);
    setting.rotator_waits.probe_limit = Duration::from_millis(4);
    breaks(setting, "S");
}

#[test]
fn believes_a_listing_that_lags() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| match decide(s, p, n) {
        // A key that is not listed counts as deleted.
        Decision::Wait(w) if matches!(w.why, Why::Settling(_)) => {
            Decision::Blocked(keyrot_core::Blocked::CurrentKeyGone {
                key: current_key(s).unwrap_or_else(|| s.keys[0].id.clone()),
            })
        }
        other => other,
    };
    breaks(weak("no settling", decide_so, Start::Due), "S7");
}

#[test]
fn blind_to_the_status_of_keys() {
    let setting = Setting { port: Port::BlindToStatus, person: 1, ..Setting::new(Start::Overlap) };
    breaks(setting, "S");
}

#[test]
fn deletes_a_key_of_another_run() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| match decide(s, p, n) {
        Decision::Wait(Wait { why: Why::Settling(key), .. })
            if current_key(s).as_ref() != Some(&key) =>
        {
            Decision::Act(Step::Deactivate(key))
        }
        other => other,
    };
    let setting = Setting {
        rotators: 2,
        faults: 0,
        ..weak("no settling of strays", decide_so, Start::New { keys: 0 })
    };
    breaks(setting, "S");
}

#[test]
fn a_run_without_an_end() {
    let setting = Setting { rotators: 2, endless: true, horizon: 4, ..Setting::new(Start::Due) };
    breaks(setting, "S");
}

#[test]
fn deactivates_by_an_outdated_read() {
    let setting = Setting { port: Port::StaleLabels, person: 1, ..Setting::new(Start::Overlap) };
    breaks(setting, "S1");
}

#[test]
fn undoes_a_persons_rollback() {
    let decide_so =
        |s: &Observed, p: &WaitPolicy, n: Timestamp| seeing(s, p, n, forget_what_was_published);
    let setting = Setting {
        person: 1,
        faults: 0,
        uses: 0,
        ..weak("no rollback guard", decide_so, Start::Overlap)
    };
    breaks(setting, "S8 nobody");
}

/// Removes the evidence that another version than the current one was current before.
fn forget_what_was_published(seen: &mut Observed) {
    let Some(secret) = secret(seen) else { return };
    let current = secret.current.as_ref().map(|held| &held.version);
    secret.journal.promoted.take_if(|promoted| Some(&promoted.version) != current);
    secret.previous = None;
}
