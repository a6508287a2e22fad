//! The user's secret, and situations of it that chance alone would rarely produce.

use super::choices::{Choices, NOW, UNIT, time};
use super::home::owner;
use super::recorded::{journal, order_version};
use crate::model::home::{Owner, SecretArn};
use crate::model::journal::{Journal, Promoted, Retired};
use crate::model::names::KeyId;
use crate::model::no_key::NoKey;
use crate::model::observed::{AccessKey, LabeledVersion, Secret};
use crate::model::version::Content;
use crate::testing::at;

/// Returns a secret with any labels and any journal.
pub(super) fn secret(
    some: &mut Choices,
    arn: &SecretArn,
    elsewhere: &SecretArn,
    me: &Owner,
    keys: &[KeyId],
    versions: &[LabeledVersion],
) -> Secret {
    Secret {
        owner: if some.once_in(15) {
            some.one(&[None, Some(owner("AIDAANOTHERUSEREXAMPL"))])
        } else {
            Some(me.clone())
        },
        other_tags: if some.once_in(15) { 48 } else { 3 },
        current: (!some.once_in(12)).then(|| some.one(versions)),
        pending: some.once_in(2).then(|| some.one(versions)),
        previous: (!some.once_in(3)).then(|| some.one(versions)),
        journal: journal(some, keys, versions, elsewhere),
        rotation_enabled: some.once_in(3),
        ..Secret::empty(arn.clone())
    }
}

/// Secrets Manager has staged a version for its rotation function to fill.
pub(super) fn ordered(some: &mut Choices, secret: &mut Secret, keys: &[KeyId]) {
    let filled = Content::ForeignKey { key: some.one(keys), extras: false };
    let content = some.one(&[
        Content::ForeignEmpty,
        Content::ForeignEmpty,
        filled,
        Content::ForeignOther(NoKey::NotJson),
    ]);
    secret.pending = Some(LabeledVersion { version: order_version(), content });
    secret.rotation_enabled = true;
}

/// No rotation is in progress, if the secret has a current version.
pub(super) fn at_rest(some: &mut Choices, secret: &mut Secret, keys: &mut Vec<AccessKey>) {
    let Some(current) = &secret.current else { return };
    let (version, at) = (current.version.clone(), at(NOW - 60 * UNIT));
    let intent = secret.journal.intent.take().filter(|_| some.once_in(2));
    let promoted = Some(Promoted { version, replacing: None, at, overlap: None });
    secret.journal = Journal { intent, promoted, ..Journal::default() };
    secret.previous = None;
    let current = current.key().cloned();
    keys.retain(|key| Some(&key.id) == current.as_ref() || some.once_in(6));
}

/// The old key is being retired, or was rolled back to.
pub(super) fn leaving(
    some: &mut Choices,
    secret: &mut Secret,
    key: &KeyId,
    versions: &[LabeledVersion],
) {
    let (old, new) = (&versions[0], &versions[1]);
    let back = some.once_in(4);
    let (version, at) =
        if back { (&old.version, at(NOW + UNIT)) } else { (&new.version, time(some)) };
    let replacing = Some(key.clone());
    let promoted = Some(Promoted { version: version.clone(), replacing, at, overlap: None });
    let retired = secret.journal.retired.take().map(|noted| Retired { key: key.clone(), ..noted });
    secret.journal = Journal { promoted, retired, ..std::mem::take(&mut secret.journal) };
    (secret.current, secret.previous) = (Some(new.clone()), Some(old.clone()));
    secret.pending = some.once_in(6).then(|| new.clone());
}
