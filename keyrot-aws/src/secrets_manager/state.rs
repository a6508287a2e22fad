//! Converts `DescribeSecret`'s answer to keyrot's state.

use crate::calls::op::Op;
use crate::calls::time::instant;
pub(crate) use crate::secrets_manager::labels::{CURRENT, PREVIOUS};
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::StatusType;
use keyrot_core::model::{
    Arn, Content, Deployer, Journal, JournalEntry, LabeledVersion, Owner, Secret, SecretArn,
    SecretState, VersionId,
};
use keyrot_core::{CallError, Timestamp};
use std::collections::BTreeMap;

pub(crate) const PENDING: &str = "AWSPENDING";
/// The label of a version without credentials that shows whether the secret can be written to.
pub(crate) const TEST_WRITE: &str = "keyrot-test-write";

pub(crate) fn state(
    op: &Op<'_>,
    region: &str,
    answer: &DescribeSecretOutput,
) -> Result<SecretState, CallError> {
    if let Some(at) = &answer.deleted_date {
        let since = instant(at).unwrap_or(Timestamp::UNIX_EPOCH);
        return Ok(SecretState::Deleted { since });
    }
    // Both the primary and its replicas name the primary's region (Secrets Manager API reference,
    // `DescribeSecret`).
    let here = answer
        .arn
        .as_deref()
        .and_then(Arn::parse)
        .map(|arn| arn.region)
        .filter(|r| !r.is_empty())
        .unwrap_or(region);
    if let Some(primary) = answer.primary_region.as_deref().filter(|primary| *primary != here) {
        return Ok(SecretState::Replica { primary: primary.to_owned() });
    }
    let tags: BTreeMap<String, String> = answer
        .tags
        .iter()
        .flatten()
        .filter_map(|tag| Some((tag.key.clone()?, tag.value.clone().unwrap_or_default())))
        .collect();
    let current = held(op, answer, CURRENT, None)?;
    // AWSPENDING on the current version means nothing, so another version with the label takes
    // precedence.
    let pending = held(op, answer, PENDING, current.as_ref().map(|held| &held.version))?;
    let previous = held(op, answer, PREVIOUS, None)?;
    let rotation_enabled = answer.rotation_enabled.unwrap_or(false);
    let arn = answer.arn.as_deref().unwrap_or_default();
    let arn = SecretArn::parse(arn).map_err(|e| op.malformed_response(&e.to_string()))?;
    let own = |tag: &str, text: &str| tag == Owner::TAG || JournalEntry::is_tag(tag, text);
    Ok(SecretState::Present(Secret {
        arn,
        owner: tags.get(Owner::TAG).and_then(|text| Owner::parse(text)),
        other_tags: tags.iter().filter(|(tag, text)| !own(tag, text)).count(),
        current,
        pending,
        previous,
        journal: Journal::from_tags(&tags),
        deployed_by: Deployer::of(&tags),
        rotation_enabled,
    }))
}

/// Returns the version with the label. A label is on one version (Secrets Manager user guide,
/// "What's in a secret"). If a store shows several, this is the one whose key was created last, and
/// `last_choice` only if there is no other.
fn held(
    op: &Op<'_>,
    answer: &DescribeSecretOutput,
    label: &str,
    last_choice: Option<&VersionId>,
) -> Result<Option<LabeledVersion>, CallError> {
    let mut holders = Vec::new();
    for (id, labels) in answer.version_ids_to_stages.iter().flatten() {
        if labels.iter().any(|l| l == label) {
            let version = VersionId::parse(id.clone())
                .map_err(|e| op.malformed_response(&format!("{label} is on {e}")))?;
            holders.push(LabeledVersion::of(version));
        }
    }
    let created = |held: &LabeledVersion| match held.content {
        Content::Key { created, .. } => Some(created),
        _ => None,
    };
    holders.sort_by_key(|held| {
        (Some(&held.version) != last_choice, created(held), held.version.clone())
    });
    Ok(holders.pop())
}

/// Whether there are replicas, and whether all are up to date; keyrot does not wait for one that
/// failed.
pub(crate) fn replicas_behind(answer: &DescribeSecretOutput) -> (bool, bool) {
    let replicas = answer.replication_status.as_deref().unwrap_or_default();
    let behind = replicas.iter().any(|r| matches!(r.status, Some(StatusType::InProgress)));
    (!replicas.is_empty(), behind)
}
