//! The guards of Secrets Manager's own rotation.

use super::{breaks, forget_what_was_published, secret, seeing, weak};
use crate::setting::{Setting, Start};
use keyrot_core::decide::{Decision, Question, decide_rotation_step};
use keyrot_core::machine::Decider;
use keyrot_core::model::{Observed, RotationStep, Verified};
use keyrot_core::{Timestamp, WaitPolicy};

fn weak_order(
    name: &'static str,
    decide_rotation_step: fn(&Observed, &RotationStep, &WaitPolicy, Timestamp) -> Decision,
    setting: &Setting,
) -> Setting {
    Setting {
        decider: Decider { name, decide_rotation_step, ..Decider::REAL },
        services: 1,
        ..setting.clone()
    }
}

#[test]
fn finishes_a_step_without_verification() {
    let decide_so =
        |s: &Observed, o: &RotationStep, p: &WaitPolicy, n: Timestamp| match decide_rotation_step(
            s, o, p, n,
        ) {
            Decision::Look(Question::Verification(version)) => {
                let verified = Observed { verified: Some((version, Verified::Works)), ..s.clone() };
                decide_rotation_step(&verified, o, p, n)
            }
            other => other,
        };
    let setting = Setting { person: 1, horizon: 0, ..Setting::new(Start::Serviced) };
    breaks(weak_order("orders without verification", decide_so, &setting), "S1");
}

#[test]
fn finishes_a_step_that_was_late() {
    let decide_so = |s: &Observed, o: &RotationStep, p: &WaitPolicy, n: Timestamp| {
        let mut seen = s.clone();
        forget_what_was_published(&mut seen);
        decide_rotation_step(&seen, o, p, n)
    };
    let setting = Setting { rotators: 2, person: 1, horizon: 0, ..Setting::new(Start::Serviced) };
    breaks(weak_order("orders that came late", decide_so, &setting), "S8 nobody");
}

#[test]
fn creates_a_key_without_an_order() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| {
        seeing(s, p, n, |s| {
            secret(s).into_iter().for_each(|secret| secret.rotation_enabled = false);
        })
    };
    let weak = weak("blind to the service", decide_so, Start::Serviced);
    breaks(Setting { services: 1, rotators: 2, faults: 0, uses: 0, horizon: 2, ..weak }, "S");
}
