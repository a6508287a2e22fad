//! Random observed states from a small world: two keys, a few versions, and times on both sides of
//! each wait.

mod asked;
mod choices;
mod destinations;
mod recorded;

pub(super) use asked::asked;
pub(super) use choices::{Choices, now};

use crate::model::home::{Adoption, Difference, HomeTag, Owner, Residence, SecretArn};
use crate::model::journal::{Journal, Promoted, Retired};
use crate::model::names::{KeyId, UserId, UserName};
use crate::model::no_key::NoKey;
use crate::model::observed::{
    AccessKey, KeyStatus, LabeledVersion, Observed, Secret, SecretState, StoredVersion, Verified,
};
use crate::model::time::Timestamp;
use crate::model::version::Content;
use crate::model::waits::{WaitPolicy, Waits};
use crate::testing::{at, key};
use choices::{NOW, UNIT, reason, time};
use destinations::destinations;
use recorded::{journal, last_use, order_version, revoked, versions};
use std::collections::BTreeMap;
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
    // Occasionally, a name that is too long for the user's tag.
    let name = if some.once_in(30) { "k".repeat(220) } else { "access_key".to_owned() };
    let place_of =
        &format!("arn:aws:secretsmanager:eu-west-1:123456789012:secret:/iam/ci/{name}-a1B2c3");
    let arn = SecretArn::parse(place_of).unwrap();
    let elsewhere = SecretArn::parse(place_of.replace("eu-west-1", "us-east-1")).unwrap();
    let owner = |id: &str| Owner {
        id: UserId::parse(id).unwrap(),
        account: "123456789012".to_owned(),
        name: UserName::parse("ci").unwrap(),
    };
    let me = owner("AIDACKCEVSQ6C2EXAMPLE");
    let (a, b) = (key("A"), key("B"));
    let created = [
        at(NOW - some.one(&[60, 20, 9, 4]) * UNIT),
        at(NOW - some.one(&[20, 9, 4, 2, 1, 0]) * UNIT),
    ];
    let mut keys = listed(some, [(a.clone(), created[0]), (b.clone(), created[1])]);
    let versions = versions(some, &[(a.clone(), created[0]), (b.clone(), created[1])]);
    let mut secret = Secret {
        owner: if some.once_in(15) {
            some.one(&[None, Some(owner("AIDAANOTHERUSEREXAMPL"))])
        } else {
            Some(me.clone())
        },
        other_tags: if some.once_in(15) { 48 } else { 3 },
        current: (!some.once_in(12)).then(|| some.one(&versions)),
        pending: some.once_in(2).then(|| some.one(&versions)),
        previous: (!some.once_in(3)).then(|| some.one(&versions)),
        journal: journal(some, &[a.clone(), b.clone()], &versions, &elsewhere),
        rotation_enabled: some.once_in(3),
        ..Secret::empty(arn.clone())
    };
    // Secrets Manager has staged a version for its rotation function to fill.
    if some.once_in(4) {
        let filled = Content::ForeignKey { key: some.one(&[a.clone(), b.clone()]), extras: false };
        let content = some.one(&[
            Content::ForeignEmpty,
            Content::ForeignEmpty,
            filled,
            Content::ForeignOther(NoKey::NotJson),
        ]);
        secret.pending = Some(LabeledVersion { version: order_version(), content });
        secret.rotation_enabled = true;
    }
    // No rotation is in progress.
    if some.once_in(3)
        && let Some(current) = &secret.current
    {
        let (version, at) = (current.version.clone(), at(NOW - 60 * UNIT));
        let intent = secret.journal.intent.take().filter(|_| some.once_in(2));
        let promoted = Some(Promoted { version, replacing: None, at, overlap: None });
        secret.journal = Journal { intent, promoted, ..Journal::default() };
        secret.previous = None;
        let current = current.key().cloned();
        keys.retain(|key| Some(&key.id) == current.as_ref() || some.once_in(6));
    }
    // A key is being retired, or was rolled back to.
    let leaves = some.once_in(3);
    if leaves {
        let (old, new) = (&versions[0], &versions[1]);
        let back = some.once_in(4);
        let (version, at) =
            if back { (&old.version, at(NOW + UNIT)) } else { (&new.version, time(some)) };
        let promoted = Some(Promoted {
            version: version.clone(),
            replacing: Some(a.clone()),
            at,
            overlap: None,
        });
        let retired =
            secret.journal.retired.take().map(|noted| Retired { key: a.clone(), ..noted });
        secret.journal = Journal { promoted, retired, ..secret.journal };
        (secret.current, secret.previous) = (Some(new.clone()), Some(old.clone()));
        secret.pending = some.once_in(6).then(|| new.clone());
    }
    // This comes last, so that the states above are the same with and without destinations.
    let destinations = destinations(some, &mut secret, &[a.clone(), b.clone()]);
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
        residence: Residence {
            owner: me,
            place: arn.place().clone(),
            tag: if some.once_in(10) {
                some.one(&[
                    HomeTag::Absent,
                    HomeTag::At(elsewhere.clone()),
                    HomeTag::Unreadable("x".to_owned()),
                ])
            } else {
                HomeTag::At(arn)
            },
            adoption: some.one(&[
                Adoption::NotNamed,
                Adoption::Named,
                Adoption::Named,
                Adoption::TakeOver,
            ]),
            renamed: some.once_in(8),
        },
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
        switched_off: some.once_in(6).then(|| some.one(&[a.clone(), b.clone()])),
        ordered: some.once_in(8).then(|| revoked(some, &a)),
        last_use: [a, b]
            .into_iter()
            .filter_map(|id| Some((id, last_use(some)?)))
            .collect::<BTreeMap<_, _>>(),
        versions: (!some.once_in(3)).then(|| {
            let written = |held: &LabeledVersion| match &held.content {
                Content::Key { created, .. } => Some(*created),
                _ => Some(at(NOW - 9 * UNIT)),
            };
            let stored = |held: &LabeledVersion| StoredVersion {
                id: held.version.clone(),
                created: written(held),
            };
            versions.iter().filter(|_| !some.once_in(4)).map(stored).collect()
        }),
        may_create: some.once_in(2),
        next_size: (!some.once_in(3))
            .then(|| (of_secret(some), some.one(&[None, Some(900), Some(900), Some(70_000)]))),
        staged_here: some.once_in(3).then(|| of_secret(some)),
        verified: (!some.once_in(4)).then(|| {
            let all = verdicts();
            let near = if some.once_in(3) { &secret.previous } else { &secret.current };
            let version = near.as_ref().filter(|_| leaves).map(|held| held.version.clone());
            (version.unwrap_or_else(|| of_secret(some)), some.one(&all))
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
fn listed(some: &mut Choices, all: [(KeyId, Timestamp); 2]) -> Vec<AccessKey> {
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
            keys.push(AccessKey { id, status, created });
        }
    }
    keys
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
