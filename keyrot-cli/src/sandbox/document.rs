//! The account as `keyrot sandbox show` prints it: everything except secret material.

use keyrot_core::memory::{Label, MemorySecret, MemoryUser, World};
use keyrot_core::model::VersionId;
use keyrot_core::{KeyId, LastUse, SecretName, Timestamp, UserName};
use serde::Serialize;
use std::collections::BTreeMap;

/// The whole account.
#[derive(Serialize)]
pub(crate) struct SandboxDocument {
    pub(crate) schema: &'static str,
    /// The sandbox's clock.
    pub(crate) now: Timestamp,
    pub(crate) account: String,
    pub(crate) users: Vec<SandboxUser>,
    pub(crate) secrets: Vec<SandboxSecret>,
}

/// A user with its keys.
#[derive(Serialize)]
pub(crate) struct SandboxUser {
    pub(crate) user: UserName,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) keys: Vec<SandboxKey>,
}

/// A key, and its last use as IAM would report it.
#[derive(Serialize)]
pub(crate) struct SandboxKey {
    pub(crate) id: KeyId,
    pub(crate) status: String,
    pub(crate) created: Timestamp,
    pub(crate) last_used: Option<Timestamp>,
    pub(crate) service: Option<String>,
    pub(crate) region: Option<String>,
}

/// A secret, without any value.
#[derive(Serialize)]
pub(crate) struct SandboxSecret {
    pub(crate) name: SecretName,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) versions: Vec<SandboxVersion>,
}

/// A version, and the key whose credentials it holds.
#[derive(Serialize)]
pub(crate) struct SandboxVersion {
    pub(crate) id: VersionId,
    pub(crate) labels: Vec<&'static str>,
    pub(crate) key: Option<KeyId>,
}

impl SandboxDocument {
    pub(crate) fn new(world: &World) -> Self {
        Self {
            schema: "keyrot.sandbox/1",
            now: world.now(),
            account: world.account().to_owned(),
            users: world.users().map(|user| SandboxUser::new(world, user)).collect(),
            secrets: world
                .secrets()
                .map(|(name, secret)| SandboxSecret::new(name, secret))
                .collect(),
        }
    }
}

impl SandboxUser {
    fn new(world: &World, user: &MemoryUser) -> Self {
        let keys = user.keys().iter().map(|key| {
            let (last_used, service, region) = match world.last_use(&key.listed.id) {
                Ok(LastUse::At { when, service, region }) => {
                    (Some(when), Some(service), Some(region))
                }
                _ => (None, None, None),
            };
            let status = key.listed.status.word().to_owned();
            SandboxKey {
                id: key.listed.id.clone(),
                status,
                created: key.listed.created,
                last_used,
                service,
                region,
            }
        });
        Self { user: user.arn.name().clone(), tags: user.tags.clone(), keys: keys.collect() }
    }
}

impl SandboxSecret {
    fn new(name: &SecretName, secret: &MemorySecret) -> Self {
        let versions = secret.versions().map(|(id, labels)| SandboxVersion {
            id: id.clone(),
            labels: labels.into_iter().map(label).collect(),
            key: secret.value(id).and_then(|value| value.inside().key.ok()),
        });
        Self { name: name.clone(), tags: secret.tags.clone(), versions: versions.collect() }
    }
}

fn label(label: Label) -> &'static str {
    match label {
        Label::Current => "AWSCURRENT",
        Label::Pending => "AWSPENDING",
        Label::Previous => "AWSPREVIOUS",
        Label::TestWrite => "keyrot-test-write",
    }
}
