//! The records of the secret and of IAM: versions, the journal, and last uses.

use super::choices::{Choices, NOW, UNIT, reason, time};
use crate::model::home::SecretArn;
use crate::model::journal::{Intent, Journal, Phase, Promoted, Retired, Revoked};
use crate::model::names::{KeyId, VersionId};
use crate::model::no_key::NoKey;
use crate::model::observed::{LabeledVersion, LastUse};
use crate::model::time::Timestamp;
use crate::model::version::Content;
use crate::testing::at;
use std::collections::BTreeMap;

pub(super) fn versions(some: &mut Choices, keys: &[(KeyId, Timestamp)]) -> Vec<LabeledVersion> {
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

pub(super) fn order_version() -> VersionId {
    VersionId::parse("01234567-89ab-cdef-0123-456789abcdef").unwrap()
}

pub(super) fn revoked(some: &mut Choices, key: &KeyId) -> Revoked {
    Revoked { key: key.clone(), at: time(some), only_if_unused: some.once_in(3) }
}

pub(super) fn journal(
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

pub(super) fn last_use(some: &mut Choices) -> Option<LastUse> {
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
