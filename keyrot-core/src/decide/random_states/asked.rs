//! Requests, and the steps of Secrets Manager's rotation.

use super::choices::Choices;
use super::recorded::order_version;
use crate::model::home::SecretArn;
use crate::model::names::{DestinationName, VersionId};
use crate::model::observed::{Observed, SecretState};
use crate::model::request::{Request, Revocation};
use crate::model::step::{RotationStep, StepName};
use crate::testing::key;

/// Returns every request about a user, and every rotation step, for some version and each key.
pub(in crate::decide) fn asked(
    some: &mut Choices,
    seen: &Observed,
) -> (Vec<RotationStep>, Vec<Request>) {
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
