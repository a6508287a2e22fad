//! The waits before an old key is retired.

use super::{breaks, current_key, long_ago, other_key, secret, seeing, weak};
use crate::setting::{Port, Setting, Start};
use keyrot_core::decide::decide;
use keyrot_core::model::{Observed, Phase};
use keyrot_core::{KeyId, LastUse, Timestamp, WaitPolicy};
use std::time::Duration;

#[test]
fn no_overlap() {
    let weak = weak(
        "no overlap",
        |s, p, n| {
            decide(
                s,
                &WaitPolicy::new(p.waits().with_overlap(Duration::from_millis(1)), true).unwrap(),
                n,
            )
        },
        Start::Due,
    );
    breaks(weak, "S2");
}

#[test]
fn no_recent_use() {
    let weak = weak(
        "last use ignored",
        |s, p, n| {
            seeing(s, p, n, |s| {
                let used =
                    LastUse::At { when: long_ago(), service: String::new(), region: String::new() };
                s.last_use.values_mut().for_each(|u| *u = used.clone());
            })
        },
        Start::Overlap,
    );
    breaks(weak, "S2");
}

/// Changes the last use of this key, if it was read, before the decision reads it.
fn last_use_of<'a>(seen: &'a mut Observed, key: Option<&KeyId>) -> Option<&'a mut LastUse> {
    seen.last_use.get_mut(key?)
}

#[test]
fn requires_no_pickup() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| {
        seeing(s, p, n, |s| {
            if let Some(current) = current_key(s) {
                let used =
                    LastUse::At { when: n, service: "s3".into(), region: "eu-west-1".into() };
                s.last_use.insert(current, used);
            }
        })
    };
    breaks(Setting { faults: 0, ..weak("no pickup asked", decide_so, Start::Overlap) }, "S15");
}

#[test]
fn treats_its_own_verification_as_a_pickup() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| {
        seeing(s, p, n, |s| {
            let current = current_key(s);
            if let Some(LastUse::At { when, .. }) = last_use_of(s, current.as_ref()) {
                *when = n;
            }
        })
    };
    breaks(
        Setting { faults: 0, ..weak("a verification is a pickup", decide_so, Start::Overlap) },
        "S15",
    );
}

#[test]
fn treats_a_late_use_as_a_cache() {
    let decide_so = |s: &Observed, p: &WaitPolicy, n: Timestamp| {
        seeing(s, p, n, |s| {
            let (old, promoted) =
                (other_key(s), secret(s).and_then(|s| s.journal.promoted.as_ref()).map(|p| p.at));
            if let (Some(LastUse::At { when, .. }), Some(at)) =
                (last_use_of(s, old.as_ref()), promoted)
            {
                *when = (*when).min(p.caches_until(at));
            }
        })
    };
    let setting =
        Setting { faults: 0, uses: 2, ..weak("late uses ignored", decide_so, Start::Overlap) };
    breaks(setting, "S15");
}

#[test]
fn treats_an_unknown_last_use_as_unused() {
    breaks(
        Setting { port: Port::UnknownIsUnused, uses: 1, faults: 1, ..Setting::new(Start::Overlap) },
        "S2",
    );
}

#[test]
fn no_soak() {
    let weak = weak(
        "no soak",
        |s, p, n| {
            seeing(s, p, n, |s| {
                if let Some(r) = secret(s)
                    .and_then(|s| s.journal.retired.as_mut())
                    .filter(|r| r.phase == Phase::Inactive)
                {
                    r.at -= p.waits().soak;
                }
            })
        },
        Start::Overlap,
    );
    breaks(weak, "S3");
}
