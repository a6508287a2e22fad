//! The check can fail: each guard is weakened in turn, in the real machine's own decision or in a port, and a property has to break.

mod claims;
mod homes;
mod moves;
mod requests;

use super::check::Check;
use super::setting::{Port, Setting, Start, UNIT, apart};
use keyrot_core::decide::{Decision, Question, Step, decide, decide_rotation_step};
use keyrot_core::machine::Decider;
use keyrot_core::model::{
    CLOCK_TOLERANCE, Intent, JournalEntry, Observed, Phase, Promoted, Retired, RotationStep, Secret, SecretState,
    Verified,
};
use keyrot_core::{KeyId, KeyStatus, LastUse, Policy, Timestamp, Wait, Waits, Why};
use std::time::Duration;

/// Explores until something breaks, and demands that it is this promise.
fn breaks(setting: Setting, promise: &str) {
    crate::breaks(&format!("{} / {:?}", setting.decider.name, setting.port), Check::new(setting), promise);
}

fn weak(name: &'static str, decide: fn(&Observed, &Policy, Timestamp) -> Decision, start: Start) -> Setting {
    Setting { decider: Decider { name, decide, ..Decider::REAL }, uses: 1, faults: 1, ..Setting::new(start) }
}

/// What is seen, changed before the real decision looks at it.
fn seeing(seen: &Observed, policy: &Policy, now: Timestamp, change: impl FnOnce(&mut Observed)) -> Decision {
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
fn no_overlap() {
    let weak = weak(
        "no overlap",
        |s, p, n| decide(s, &Policy::new(Waits { overlap: Duration::from_millis(1), ..*p.waits() }, true).unwrap(), n),
        Start::Due,
    );
    breaks(weak, "S2");
}

#[test]
fn no_quiet() {
    let weak = weak(
        "last use ignored",
        |s, p, n| {
            seeing(s, p, n, |s| {
                let used = LastUse::At { when: long_ago(), service: String::new(), region: String::new() };
                s.last_use.values_mut().for_each(|u| *u = used.clone());
            })
        },
        Start::Overlap,
    );
    breaks(weak, "S2");
}

/// What the decision is told of the last use of this key, where it was asked.
fn last_use_of<'a>(seen: &'a mut Observed, key: Option<&KeyId>) -> Option<&'a mut LastUse> {
    seen.last_use.get_mut(key?)
}

#[test]
fn asks_for_no_pickup() {
    let decide_so = |s: &Observed, p: &Policy, n: Timestamp| {
        seeing(s, p, n, |s| {
            if let Some(current) = current_key(s) {
                let used = LastUse::At { when: n, service: "s3".into(), region: "eu-west-1".into() };
                s.last_use.insert(current, used);
            }
        })
    };
    breaks(Setting { faults: 0, ..weak("no pickup asked", decide_so, Start::Overlap) }, "S15");
}

#[test]
fn takes_its_own_verification_for_a_pickup() {
    let decide_so = |s: &Observed, p: &Policy, n: Timestamp| {
        seeing(s, p, n, |s| {
            let current = current_key(s);
            if let Some(LastUse::At { when, .. }) = last_use_of(s, current.as_ref()) {
                *when = n;
            }
        })
    };
    breaks(Setting { faults: 0, ..weak("a verification is a pickup", decide_so, Start::Overlap) }, "S15");
}

#[test]
fn takes_a_late_use_for_a_cache() {
    let decide_so = |s: &Observed, p: &Policy, n: Timestamp| {
        seeing(s, p, n, |s| {
            let (old, promoted) = (other_key(s), secret(s).and_then(|s| s.journal.promoted.as_ref()).map(|p| p.at));
            if let (Some(LastUse::At { when, .. }), Some(at)) = (last_use_of(s, old.as_ref()), promoted) {
                *when = (*when).min(p.caches_until(at));
            }
        })
    };
    let setting = Setting { faults: 0, uses: 2, ..weak("late uses ignored", decide_so, Start::Overlap) };
    breaks(setting, "S15");
}

#[test]
fn unknown_last_use_taken_as_unused() {
    breaks(Setting { port: Port::UnknownIsUnused, uses: 1, faults: 1, ..Setting::new(Start::Overlap) }, "S2");
}

#[test]
fn no_soak() {
    let weak = weak(
        "no soak",
        |s, p, n| {
            seeing(s, p, n, |s| {
                if let Some(r) =
                    secret(s).and_then(|s| s.journal.retired.as_mut()).filter(|r| r.phase == Phase::Inactive)
                {
                    r.at -= p.waits().soak;
                }
            })
        },
        Start::Overlap,
    );
    breaks(weak, "S3");
}

#[test]
fn deletes_what_it_takes_for_inactive() {
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
    let setting = Setting { port: Port::NoCompareAndSwap, person: 1, horizon: 0, ..Setting::new(Start::Due) };
    breaks(setting, "S8 nobody");
}

#[test]
fn no_proof_before_promotion() {
    let weak = weak(
        "no proof",
        |s, p, n| match decide(s, p, n) {
            Decision::Look(Question::Verification(version)) => {
                seeing(s, p, n, |s| s.proof = Some((version, Verified::Works)))
            }
            other => other,
        },
        Start::New { keys: 1 },
    );
    breaks(weak, "S1");
}

/// Reads "could not ask" for "does not work".
fn unknown_is_refused(seen: &mut Observed) {
    if let Some((_, proof @ Verified::Unknown(_))) = &mut seen.proof {
        *proof = Verified::Refused("no answer".into());
    }
}

#[test]
fn abandons_what_nobody_could_be_asked_about() {
    let decide_so = |s: &Observed, p: &Policy, n: Timestamp| seeing(s, p, n, unknown_is_refused);
    let setting = Setting { faults: 2, uses: 0, ..weak("unknown is refused", decide_so, Start::Due) };
    breaks(setting, "S12");
}

#[test]
fn blocks_on_what_nobody_could_be_asked_about() {
    let decide_so = |s: &Observed, p: &Policy, n: Timestamp| seeing(s, p, n, unknown_is_refused);
    let setting = Setting { uses: 0, person: 1, ..weak("unknown is refused", decide_so, Start::Overlap) };
    breaks(setting, "S12");
}

#[test]
fn takes_its_own_clock_for_awss() {
    let decide_so = |s: &Observed, p: &Policy, n: Timestamp| {
        seeing(s, p, n, |s| {
            // Takes away what a key may have been made before its intent.
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
fn settles_for_less_than_clocks_may_be_apart() {
    let mut setting = Setting { horizon: 4, ..apart(Start::New { keys: 0 }) };
    setting.rotator_waits.settle = UNIT;
    setting.rotator_waits.probe_limit = UNIT;
    breaks(setting, "S");
}

#[test]
fn a_port_that_proves_without_asking() {
    breaks(Setting { port: Port::NoProof, ..Setting::new(Start::New { keys: 1 }) }, "S1");
}

#[test]
fn no_pre_image() {
    let decide_so = |s: &Observed, p: &Policy, n: Timestamp| {
        seeing(s, p, n, |s| {
            let created = other_key(s).and_then(|id| s.keys.iter().find(|k| k.id == id).map(|k| k.created));
            if let (Some(at), Some(secret)) = (created, secret(s)) {
                secret.journal.intent = Some(Intent { before: vec![], at });
            }
        })
    };
    let setting =
        Setting { person: 1, horizon: 6, faults: 0, uses: 0, ..weak("no pre-image", decide_so, Start::Overlap) };
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
fn creates_without_noting_its_intent() {
    let decide_so = |s: &Observed, p: &Policy, n: Timestamp| match decide(s, p, n) {
        Decision::Act(Step::Write(JournalEntry::Intent(_))) => Decision::Act(Step::CreateKey),
        other => other,
    };
    breaks(weak("no intent", decide_so, Start::Due), "S7");
}

#[test]
fn retires_without_stored_proof_of_the_successor() {
    let decide_so = |s: &Observed, p: &Policy, n: Timestamp| {
        seeing(s, p, n, |s| {
            // As early as it could be true, and as if this run had verified it, too.
            let (other, current) = (other_key(s), current_key(s));
            let created = s.keys.iter().find(|key| Some(&key.id) == current.as_ref()).map(|key| key.created);
            let mut unproven = None;
            if let Some(secret) = secret(s)
                && let Some(version) = secret.current.as_ref().map(|c| c.version.clone())
                && secret.journal.promoted.as_ref().is_none_or(|p| p.version != version)
            {
                unproven = Some((version.clone(), Verified::Works));
                let at = created.unwrap_or_else(long_ago);
                secret.journal.promoted = Some(Promoted { version, replacing: other, at });
            }
            s.proof = s.proof.take().or(unproven);
        })
    };
    let setting = Setting { person: 1, ..weak("no stored proof", decide_so, Start::Overlap) };
    breaks(setting, "S");
}

#[test]
fn fights_a_person_who_reactivates() {
    let decide_so = |s: &Observed, p: &Policy, n: Timestamp| {
        seeing(s, p, n, |s| {
            let active =
                |key: &KeyId, s: &Observed| s.keys.iter().any(|k| k.id == *key && k.status == KeyStatus::Active);
            let key = secret(s).and_then(|s| s.journal.retired.clone());
            if let Some(Retired { key, phase: Phase::Inactive, .. }) = key
                && active(&key, s)
                && let Some(secret) = secret(s)
            {
                secret.journal.retired = None;
            }
        })
    };
    let setting = Setting { person: 1, faults: 0, uses: 0, ..weak("fights", decide_so, Start::Overlap) };
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
    let decide_so = |s: &Observed, p: &Policy, n: Timestamp| match decide(s, p, n) {
        // What is not listed is taken for gone.
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
fn takes_a_key_out_of_another_runs_hands() {
    let decide_so = |s: &Observed, p: &Policy, n: Timestamp| match decide(s, p, n) {
        Decision::Wait(Wait { why: Why::Settling(key), .. }) if current_key(s).as_ref() != Some(&key) => {
            Decision::Act(Step::Deactivate(key))
        }
        other => other,
    };
    let setting =
        Setting { rotators: 2, faults: 0, ..weak("no settling of strays", decide_so, Start::New { keys: 0 }) };
    breaks(setting, "S");
}

#[test]
fn a_run_without_an_end() {
    let setting = Setting { rotators: 2, endless: true, horizon: 4, ..Setting::new(Start::Due) };
    breaks(setting, "S");
}

#[test]
fn deactivates_by_what_it_saw_before() {
    let setting = Setting { port: Port::StaleLabels, person: 1, ..Setting::new(Start::Overlap) };
    breaks(setting, "S1");
}

#[test]
fn undoes_a_persons_rollback() {
    let decide_so = |s: &Observed, p: &Policy, n: Timestamp| seeing(s, p, n, forget_what_was_published);
    let setting = Setting { person: 1, faults: 0, uses: 0, ..weak("no rollback guard", decide_so, Start::Overlap) };
    breaks(setting, "S8 nobody");
}

/// Takes away what says that a version other than the current one was current before.
fn forget_what_was_published(seen: &mut Observed) {
    let Some(secret) = secret(seen) else { return };
    let current = secret.current.as_ref().map(|held| &held.version);
    secret.journal.promoted.take_if(|promoted| Some(&promoted.version) != current);
    secret.previous = None;
}

fn weak_order(
    name: &'static str,
    decide_rotation_step: fn(&Observed, &RotationStep, &Policy, Timestamp) -> Decision,
    setting: &Setting,
) -> Setting {
    Setting { decider: Decider { name, decide_rotation_step, ..Decider::REAL }, services: 1, ..setting.clone() }
}

#[test]
fn finishes_an_order_without_proof() {
    let decide_so = |s: &Observed, o: &RotationStep, p: &Policy, n: Timestamp| match decide_rotation_step(s, o, p, n) {
        Decision::Look(Question::Verification(version)) => {
            let proven = Observed { proof: Some((version, Verified::Works)), ..s.clone() };
            decide_rotation_step(&proven, o, p, n)
        }
        other => other,
    };
    let setting = Setting { person: 1, horizon: 0, ..Setting::new(Start::Serviced) };
    breaks(weak_order("orders without proof", decide_so, &setting), "S1");
}

#[test]
fn finishes_an_order_that_came_late() {
    let decide_so = |s: &Observed, o: &RotationStep, p: &Policy, n: Timestamp| {
        let mut seen = s.clone();
        forget_what_was_published(&mut seen);
        decide_rotation_step(&seen, o, p, n)
    };
    let setting = Setting { rotators: 2, person: 1, horizon: 0, ..Setting::new(Start::Serviced) };
    breaks(weak_order("orders that came late", decide_so, &setting), "S8 nobody");
}

#[test]
fn makes_a_key_without_an_order() {
    let decide_so = |s: &Observed, p: &Policy, n: Timestamp| {
        seeing(s, p, n, |s| secret(s).into_iter().for_each(|secret| secret.rotation_enabled = false))
    };
    let weak = weak("blind to the service", decide_so, Start::Serviced);
    breaks(Setting { services: 1, rotators: 2, faults: 0, uses: 0, horizon: 2, ..weak }, "S");
}
