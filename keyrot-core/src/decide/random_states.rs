//! Random observed states from a small world: two keys, a few versions, and times on both sides of
//! each wait.

mod asked;
mod choices;
mod destinations;
mod home;
mod recorded;
mod secret;

pub(super) use asked::asked;
pub(super) use choices::{Choices, now};

use crate::model::home::Difference;
use crate::model::names::KeyId;
use crate::model::observed::{
    AccessKey, KeyStatus, LabeledVersion, Observed, SecretState, StoredVersion, Verified,
};
use crate::model::time::Timestamp;
use crate::model::version::Content;
use crate::model::waits::{WaitPolicy, Waits};
use crate::testing::{at, key};
use choices::{NOW, UNIT, reason};
use destinations::destinations;
use home::{owner, places, residence};
use recorded::{last_use, revoked, versions};
use secret::{at_rest, leaving, ordered, secret};
use std::time::Duration;

pub(super) fn policy() -> WaitPolicy {
    let units = |n: u32| Duration::from_secs(600) * n;
    let probe_for = Duration::from_millis(1);
    let waits = Waits {
        max_age: units(30),
        run_interval: probe_for,
        overlap: units(5),
        recent_use: units(1),
        idle: units(8),
        soak: units(5),
        settle: units(2),
        probe_for,
        probe_limit: units(2),
        probes: 1,
    };
    WaitPolicy::new(waits, true).unwrap()
}

pub(super) fn observed(some: &mut Choices) -> Observed {
    let (arn, elsewhere) = places(some);
    let me = owner("AIDACKCEVSQ6C2EXAMPLE");
    let made = [
        (key("A"), at(NOW - some.one(&[60, 20, 9, 4]) * UNIT)),
        (key("B"), at(NOW - some.one(&[20, 9, 4, 2, 1, 0]) * UNIT)),
    ];
    let ids = made.each_ref().map(|(id, _)| id.clone());
    let [a, b] = &ids;
    let mut keys = listed(some, &made);
    let versions = versions(some, &made);
    let mut secret = secret(some, &arn, &elsewhere, &me, &ids, &versions);
    if some.once_in(4) {
        ordered(some, &mut secret, &ids);
    }
    if some.once_in(3) {
        at_rest(some, &mut secret, &mut keys);
    }
    let leaves = some.once_in(3);
    if leaves {
        leaving(some, &mut secret, a, &versions);
    }
    // This comes last, so that the states above are the same with and without destinations.
    let destinations = destinations(some, &mut secret, &ids);
    // Usually a labeled version, because facts about other versions have no effect.
    let labeled: Vec<_> = [&secret.current, &secret.current, &secret.pending, &secret.previous]
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    let of_secret = |some: &mut Choices| {
        let all = if labeled.is_empty() || some.once_in(4) { &versions } else { &labeled };
        some.one(all).version
    };
    Observed {
        quarantine: some.once_in(12).then(|| "AWSCompromisedKeyQuarantineV3".to_owned()),
        residence: residence(some, me, arn, &elsewhere),
        elsewhere: (!some.once_in(3))
            .then(|| if some.once_in(4) { vec![elsewhere] } else { vec![] }),
        differences: (!some.once_in(3))
            .then(|| if some.once_in(4) { vec![Difference::ResourcePolicy] } else { vec![] }),
        created_here: some.once_in(8),
        in_hand: some
            .once_in(10)
            .then(|| b.clone())
            .filter(|b| keys.iter().any(|key| key.id == *b)),
        reactivated: some.once_in(6).then(|| a.clone()),
        switched_off: some.once_in(6).then(|| some.one(&ids)),
        ordered: some.once_in(8).then(|| revoked(some, a)),
        last_use: ids.iter().filter_map(|id| Some((id.clone(), last_use(some)?))).collect(),
        versions: (!some.once_in(3)).then(|| stored(some, &versions)),
        may_create: some.once_in(2),
        next_size: (!some.once_in(3))
            .then(|| (of_secret(some), some.one(&[None, Some(900), Some(900), Some(70_000)]))),
        staged_here: some.once_in(3).then(|| of_secret(some)),
        verified: (!some.once_in(4)).then(|| {
            let near = if some.once_in(3) { &secret.previous } else { &secret.current };
            let version = near.as_ref().filter(|_| leaves).map(|held| held.version.clone());
            (version.unwrap_or_else(|| of_secret(some)), some.one(&verdicts()))
        }),
        secret: match some.below(40) {
            0 => SecretState::Missing,
            1 => SecretState::Deleted { since: at(0) },
            2 => SecretState::Replica { primary: "us-east-1".to_owned() },
            _ => SecretState::Present(secret),
        },
        keys,
        destinations,
    }
}

/// The keys that IAM lists.
fn listed(some: &mut Choices, all: &[(KeyId, Timestamp)]) -> Vec<AccessKey> {
    let usual = [
        KeyStatus::Active,
        KeyStatus::Active,
        KeyStatus::Active,
        KeyStatus::Inactive,
        KeyStatus::Inactive,
    ];
    let mut keys = Vec::new();
    for (id, created) in all {
        let status = if some.once_in(20) {
            KeyStatus::Other("Expired".to_owned())
        } else {
            some.one(&usual)
        };
        if !some.once_in(4) {
            keys.push(AccessKey { id: id.clone(), status, created: *created });
        }
    }
    keys
}

/// The versions that Secrets Manager lists, most of them when their key was created.
fn stored(some: &mut Choices, versions: &[LabeledVersion]) -> Vec<StoredVersion> {
    let written = |held: &LabeledVersion| match &held.content {
        Content::Key { created, .. } => *created,
        _ => at(NOW - 9 * UNIT),
    };
    let stored = |held: &LabeledVersion| StoredVersion {
        id: held.version.clone(),
        created: Some(written(held)),
    };
    versions.iter().filter(|_| !some.once_in(4)).map(stored).collect()
}

/// The possible results of a verification; half of them say that the key works.
fn verdicts() -> [Verified; 6] {
    [
        Verified::Works,
        Verified::Works,
        Verified::Works,
        Verified::Refused(reason()),
        Verified::Unknown(reason()),
        Verified::Wrong(reason()),
    ]
}
