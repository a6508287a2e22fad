//! The guards against claims that others write to the secret.

use super::{breaks, current_key, long_ago, secret, seeing};
use crate::setting::{Setting, Start, asked};
use keyrot_core::decide::Decision;
use keyrot_core::machine::Decider;
use keyrot_core::model::{Observed, Phase, Verified};
use keyrot_core::{KeyId, KeyStatus, LastUse, Timestamp, WaitPolicy};

fn weak(
    name: &'static str,
    decide: fn(&Observed, &WaitPolicy, Timestamp) -> Decision,
    start: Start,
) -> Setting {
    let decider = Decider { name, decide, ..Decider::REAL };
    Setting { decider, forges: 1, claims: true, uses: 1, horizon: 3, ..Setting::new(start) }
}

/// Ignores IAM's record of these keys' uses, and uses an entry's claim instead.
fn unused(seen: &mut Observed, used: &LastUse, claimed: impl Fn(&mut Observed, &KeyId) -> bool) {
    let keys: Vec<KeyId> = seen.last_use.keys().cloned().collect();
    for key in keys.into_iter().filter(|key| claimed(seen, key)).collect::<Vec<_>>() {
        seen.last_use.insert(key, used.clone());
    }
}

fn long_since() -> LastUse {
    LastUse::At { when: long_ago(), service: String::new(), region: String::new() }
}

fn phase(seen: &mut Observed, key: &KeyId) -> Option<Phase> {
    secret(seen)?.journal.phase_of(key).map(|(phase, _)| phase)
}

#[test]
fn believes_a_forged_revocation_of_a_key_in_use() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| {
        seeing(s, p, n, |s| {
            unused(s, &long_since(), |s, key| {
                secret(s).is_some_and(|secret| secret.journal.revoked_at(key).is_some())
            });
        })
    };
    breaks(weak("a revocation is a fact", decide_so, Start::Overlap), "S10");
}

#[test]
fn believes_that_a_key_in_use_is_a_stray_key() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| {
        seeing(s, p, n, |s| {
            let current = current_key(s);
            unused(s, &LastUse::NoRecord, |s, key| {
                phase(s, key) == Some(Phase::Abandoned) && Some(key) != current.as_ref()
            });
        })
    };
    breaks(
        Setting { person: 1, ..weak("an abandoned key is a fact", decide_so, Start::Due) },
        "S10",
    );
}

#[test]
fn believes_an_entrys_time_of_the_deactivation() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| {
        seeing(s, p, n, |s| {
            let inactive: Vec<KeyId> = s
                .keys
                .iter()
                .filter(|key| key.status == KeyStatus::Inactive)
                .map(|key| key.id.clone())
                .collect();
            unused(s, &long_since(), |s, key| {
                phase(s, key) == Some(Phase::Inactive) && inactive.contains(key)
            });
        })
    };
    let Setting { waits, rotator_waits, .. } = asked(Start::Overlap);
    let weak = weak("a soak is a fact", decide_so, Start::Overlap);
    breaks(Setting { person: 1, waits, rotator_waits, ..weak }, "S10");
}

#[test]
fn believes_that_the_successor_was_verified() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| {
        seeing(s, p, n, |s| {
            let current = secret(s)
                .and_then(|secret| secret.current.as_ref())
                .map(|held| held.version.clone());
            if s.verified.is_none() {
                s.verified = current.map(|version| (version, Verified::Works));
            }
        })
    };
    breaks(
        Setting { forges: 2, uses: 0, ..weak("a promotion is a fact", decide_so, Start::Overlap) },
        "S10",
    );
}
