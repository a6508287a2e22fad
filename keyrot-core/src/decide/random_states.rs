//! Random observed states from a small world: two keys, a few versions, and times on either side of
//! each wait.
#![allow(clippy::unwrap_used)]

use crate::model::destination::{Abilities, Assignment, Found, Holds, PlaceId, SeenDestination};
use crate::model::home::{Adoption, Difference, HomeTag, Owner, Residence, SecretArn};
use crate::model::journal::{Intent, Journal, JournalEntry, Phase, Promoted, Retired, Revoked};
use crate::model::names::{DestinationName, KeyId, Mark, UserId, UserName, VersionId};
use crate::model::no_key::NoKey;
use crate::model::observed::{
    AccessKey, KeyStatus, LabeledVersion, LastUse, Observed, Secret, SecretState, StoredVersion,
    Verified,
};
use crate::model::receipt::{Receipt, Receiving};
use crate::model::request::{Request, Revocation};
use crate::model::step::{RotationStep, StepName};
use crate::model::time::Timestamp;
use crate::model::version::Content;
use crate::model::waits::{WaitPolicy, Waits};
use crate::testing::{at, key};
use std::collections::BTreeMap;
use std::time::Duration;

/// A source of random choices; the same seed gives the same choices (SplitMix64).
pub(super) struct Choices(u64);

impl Choices {
    pub(super) fn of(seed: u64) -> Self {
        Self(seed)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    /// Returns true once in this many calls, on average.
    fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn one<T: Clone>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()].clone()
    }
}

/// Now, in the seconds of [`at`].
const NOW: i64 = 100_000;
const UNIT: i64 = 600;

pub(super) fn now() -> Timestamp {
    at(NOW)
}

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

fn time(some: &mut Choices) -> Timestamp {
    let units = some.one(&[0, 0, 1, 2, 3, 4, 6, 7, 9, 12, 20, 40, 60]);
    let ahead = if some.once_in(12) { 3 * UNIT } else { 0 };
    at(NOW - units * UNIT + ahead)
}

fn reason() -> String {
    "why".to_owned()
}

pub(super) fn observed(some: &mut Choices) -> Observed {
    // Once in a while, a name that is too long for the user's tag.
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
    let mut keys = Vec::new();
    for (id, created) in [a.clone(), b.clone()].into_iter().zip(created) {
        let active = [
            KeyStatus::Active,
            KeyStatus::Active,
            KeyStatus::Active,
            KeyStatus::Inactive,
            KeyStatus::Inactive,
        ];
        let status = if some.once_in(20) {
            KeyStatus::Other("Expired".to_owned())
        } else {
            some.one(&active)
        };
        if !some.once_in(4) {
            keys.push(AccessKey { id, status, created });
        }
    }
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
    // Nothing is under way.
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
    // A key is being retired, or rolled back to.
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
    // The last draws, so that the states above are the same with and without destinations.
    let destinations = destinations(some, &mut secret, &[a.clone(), b.clone()]);
    // Usually a labeled version, because what is known about another has no effect.
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
            let (no, unknown) = (Verified::Refused(reason()), Verified::Unknown(reason()));
            let all = [
                Verified::Works,
                Verified::Works,
                Verified::Works,
                no,
                unknown,
                Verified::Wrong(reason()),
            ];
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

/// None, or one that is required and one that is not, and receipts.
fn destinations(some: &mut Choices, secret: &mut Secret, keys: &[KeyId]) -> Vec<SeenDestination> {
    if !some.once_in(4) {
        return Vec::new();
    }
    // The receipts say that everything was delivered, and nothing was read.
    let served = some.once_in(2);
    let versions: Vec<VersionId> = [&secret.current, &secret.current, &secret.previous]
        .into_iter()
        .flatten()
        .map(|held| held.version.clone())
        .collect();
    let mut all = Vec::new();
    for (name, required) in [("lake", true), ("mail", false)] {
        let to = DestinationName::parse(name).unwrap();
        let mark = |some: &mut Choices| Mark::parse(some.one(&["1", "2"])).unwrap();
        if !versions.is_empty() && !some.once_in(3) {
            let states = [
                Receiving::Delivered,
                Receiving::Delivered,
                Receiving::Delivering,
                Receiving::LetGo,
            ];
            let receipt = Receipt {
                to: to.clone(),
                place: PlaceId::default(),
                state: if served { Receiving::Delivered } else { some.one(&states) },
                version: if served { versions[0].clone() } else { some.one(&versions) },
                at: time(some),
                mark: Some(mark(some)),
            };
            secret.journal.set(JournalEntry::Receipt(receipt));
        }
        let holds = [
            Holds::Key(keys[0].clone()),
            Holds::Key(keys[1].clone()),
            Holds::Other,
            Holds::NotShown,
        ];
        let found = match some.below(4) {
            _ if served => None,
            0 => None,
            1 => Some(Found::Nothing),
            _ => Some(Found::Copy {
                mark: mark(some),
                holds: some.one(&holds),
                written: Some(time(some)).filter(|_| some.once_in(2)),
            }),
        };
        let abilities = some.one(&[
            Abilities::READABLE,
            Abilities::WRITE_ONLY,
            Abilities::IN_PARTS,
            Abilities::UNSEEN,
            Abilities::RESTARTS,
        ]);
        let place = "here".to_owned();
        all.push(SeenDestination {
            assignment: Assignment {
                to,
                kind: Assignment::CUSTOM,
                place,
                required,
                place_id: PlaceId::default(),
                abilities,
            },
            found,
            failed: (!served && some.once_in(5)).then(reason),
            unfinished: (!served && some.once_in(5)).then(reason),
            announced_here: versions.first().filter(|_| some.once_in(2)).cloned(),
            delivered_here: versions.first().filter(|_| some.once_in(6)).cloned(),
        });
    }
    all
}

fn versions(some: &mut Choices, keys: &[(KeyId, Timestamp)]) -> Vec<LabeledVersion> {
    let of_key = |some: &mut Choices, (key, created): &(KeyId, Timestamp)| {
        LabeledVersion::of(VersionId::for_key(key, *created, some.once_in(4)).unwrap())
    };
    let mut all: Vec<LabeledVersion> = keys.iter().map(|key| of_key(some, key)).collect();
    all.extend(keys.iter().map(|key| of_key(some, key)));
    all.push(LabeledVersion::of(VersionId::for_placeholder(at(NOW - 40 * UNIT))));
    let (key, extras) = (some.one(keys).0, some.once_in(3));
    let foreign = [
        Content::Foreign,
        Content::ForeignKey { key, extras },
        Content::ForeignOther(NoKey::NoFields),
        Content::ForeignEmpty,
    ];
    all.push(LabeledVersion { version: order_version(), content: some.one(&foreign) });
    all
}

fn order_version() -> VersionId {
    VersionId::parse("01234567-89ab-cdef-0123-456789abcdef").unwrap()
}

fn revoked(some: &mut Choices, key: &KeyId) -> Revoked {
    Revoked { key: key.clone(), at: time(some), only_if_unused: some.once_in(3) }
}

fn journal(
    some: &mut Choices,
    keys: &[KeyId],
    versions: &[LabeledVersion],
    elsewhere: &SecretArn,
) -> Journal {
    let phases = [Phase::Retiring, Phase::Abandoned, Phase::Inactive, Phase::Hold];
    Journal {
        intent: some.once_in(2).then(|| {
            let before = some.one(&[vec![], keys[..1].to_vec(), keys[1..].to_vec(), keys.to_vec()]);
            Intent { before, at: time(some) }
        }),
        promoted: (!some.once_in(3)).then(|| {
            let replacing = some.one(&[None, Some(keys[0].clone()), Some(keys[1].clone())]);
            Promoted {
                version: some.one(versions).version,
                replacing,
                at: time(some),
                overlap: None,
            }
        }),
        retired: some.once_in(2).then(|| {
            let (key, phase, at) = (some.one(keys), some.one(&phases), time(some));
            let reactivated = at.timestamp() / UNIT % 2 == 0;
            Retired { key, phase, at, soak: None, reactivated }
        }),
        revoked: keys
            .iter()
            .filter(|_| some.once_in(4))
            .cloned()
            .collect::<Vec<_>>()
            .iter()
            .map(|key| revoked(some, key))
            .collect(),
        moved_to: some.once_in(20).then(|| elsewhere.clone()),
        receipts: BTreeMap::new(),
    }
}

fn last_use(some: &mut Choices) -> Option<LastUse> {
    let (when, service) = (time(some), some.one(&["sts", "s3"]).to_owned());
    let used = LastUse::At { when, service, region: "eu-west-1".to_owned() };
    some.one(&[
        None,
        Some(LastUse::NoRecord),
        Some(LastUse::Unknown(reason())),
        Some(used.clone()),
        Some(used),
    ])
}

/// Returns every request and step for one user, with one version and each key.
pub(super) fn asked(some: &mut Choices, seen: &Observed) -> (Vec<RotationStep>, Vec<Request>) {
    let labeled = match &seen.secret {
        SecretState::Present(secret) => {
            [&secret.current, &secret.pending, &secret.pending, &secret.pending][..].to_vec()
        }
        _ => vec![],
    };
    let mut versions: Vec<VersionId> =
        labeled.into_iter().flatten().map(|held| held.version.clone()).collect();
    versions.push(order_version());
    let version = some.one(&versions);
    let steps =
        [StepName::CreateSecret, StepName::SetSecret, StepName::TestSecret, StepName::FinishSecret];
    let steps = steps.map(|step| RotationStep { step, version: version.clone() }).to_vec();
    let elsewhere = || SecretArn::planned(seen.residence.place.clone());
    let mut requests = vec![
        Request::Bind,
        Request::Leave { to: elsewhere() },
        Request::Move { from: elsewhere() },
    ];
    for to in ["lake", "nowhere"] {
        let to = DestinationName::parse(to).unwrap();
        requests.extend([Request::LetGo { to: to.clone() }, Request::Deliver { to: Some(to) }]);
    }
    requests.push(Request::Deliver { to: None });
    for id in ["A", "B", "C"] {
        requests.extend([Request::Rollback { to: key(id) }, Request::Reinstate { key: key(id) }]);
        requests.push(Request::Revoke(Revocation {
            only_if_unused: some.once_in(3),
            without_successor: some.once_in(3),
            delete: some.once_in(3),
            ..Revocation::of(key(id))
        }));
    }
    (steps, requests)
}
