//! Secrets Manager.

use super::iam::cut;
use super::reply::{Output, Refused};
use super::request::{ApiCall, invalid};
use crate::emulator::service::Service;
use keyrot_core::memory::{Label, MemorySecret, Value, World};
use keyrot_core::model::{Arn, Difference, VersionId};
use keyrot_core::{SecretName, Timestamp};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn answer(call: &ApiCall, world: &mut World, longest: usize) -> Result<Output, Refused> {
    if call.action == "CreateSecret" {
        return create(call, world);
    }
    let name = found(call, world)?;
    match call.action {
        "PutSecretValue" => put(call, &name, world),
        "UpdateSecretVersionStage" => {
            let label = label(call.required("VersionStage")?)?;
            let version = |field| {
                call.text(field).map(|t| VersionId::parse(t).map_err(|_| no_version(t))).transpose()
            };
            let (from, to) = (version("RemoveFromVersionId")?, version("MoveToVersionId")?);
            let stands = world.secret(&name).and_then(|s| s.labelled(label));
            if let Some(named) = from.as_ref().filter(|named| stands != Some(*named)) {
                // This is stricter than the in-memory account, for which a move that was already
                // made is not an error.
                let message = format!(
                    "The staging label {} is not attached to version {named}.",
                    label_name(label)
                );
                return Err(Refused::new("InvalidParameterException", message));
            }
            world.move_label(&name, label, from.as_ref(), to.as_ref())?;
            Ok(named(&name, world, Map::new()))
        }
        "DescribeSecret" => Ok(describe(&name, world)),
        "GetSecretValue" => value(call, &name, world),
        "GetResourcePolicy" => {
            let secret = world.secret(&name).ok_or_else(not_found)?;
            let policy = secret
                .differences
                .contains(&Difference::ResourcePolicy)
                .then_some(json!({ "ResourcePolicy": "{}" }));
            Ok(named(&name, world, fields(policy.unwrap_or_default())))
        }
        "PutResourcePolicy" | "DeleteResourcePolicy" => {
            let secret = world.secret_mut(&name).ok_or_else(not_found)?;
            secret.differences.retain(|difference| *difference != Difference::ResourcePolicy);
            if call.action == "PutResourcePolicy" {
                call.required("ResourcePolicy")?;
                secret.differences.push(Difference::ResourcePolicy);
            }
            Ok(named(&name, world, Map::new()))
        }
        "ListSecretVersionIds" => versions(call, &name, world, longest),
        "TagResource" => {
            for (key, value) in call.checked_tags(Service::SecretsManager)? {
                world.tag_secret(&name, &key, value)?;
            }
            Ok(Output::Empty)
        }
        "UntagResource" => {
            let keys: BTreeSet<String> = call.texts("TagKeys").into_iter().collect();
            let secret = world.secret_mut(&name).ok_or_else(not_found)?;
            if secret.deleted.is_some() {
                return Err(marked(&name));
            }
            secret.tags.retain(|key, _| !keys.contains(key));
            Ok(Output::Empty)
        }
        "RotateSecret" => {
            world.secret_mut(&name).ok_or_else(not_found)?.rotation = true;
            let version = world.rotate_secret(&name, &token(call)?)?;
            Ok(named(&name, world, fields(json!({ "VersionId": version }))))
        }
        "CancelRotateSecret" => {
            world.secret_mut(&name).ok_or_else(not_found)?.rotation = false;
            Ok(named(&name, world, Map::new()))
        }
        "DeleteSecret" => delete(call, &name, world),
        "RestoreSecret" => {
            world.secret_mut(&name).ok_or_else(not_found)?.deleted = None;
            Ok(named(&name, world, Map::new()))
        }
        other => Err(Refused::new(
            "UnknownOperationException",
            format!("This emulator has no action {other}."),
        )),
    }
}

/// Returns the ARN of the call's secret. Before the secret exists, it is the ARN of its name,
/// without the six characters.
pub(super) fn resource(call: &ApiCall, world: &World) -> Option<String> {
    let name = name_in(call.text("SecretId").or_else(|| call.text("Name"))?);
    let known = SecretName::parse(name).ok().and_then(|name| world.arn_of(&name));
    Some(match known {
        Some(arn) => arn.to_string(),
        None => format!(
            "arn:aws:secretsmanager:{}:{}:secret:{name}",
            super::auth::region(call),
            world.account()
        ),
    })
}

fn create(call: &ApiCall, world: &mut World) -> Result<Output, Refused> {
    let name = SecretName::parse(call.required("Name")?)
        .map_err(|e| invalid(Service::SecretsManager, &e.to_string()))?;
    let value = secret_string(call)?;
    let version = token(call)?;
    let first = value.map(|value| (version.clone(), value));
    if let Some(there) = world.secret(&name) {
        if there.deleted.is_some() {
            let message = "You can't create this secret because a secret with this name is already scheduled for deletion.";
            return Err(Refused::new("InvalidRequestException", message));
        }
        // Repeating it is a no-op (Secrets Manager API reference, `CreateSecret`, parameter
        // `ClientRequestToken`).
        let repeated =
            first.as_ref().is_some_and(|(version, value)| there.value(version) == Some(value));
        if repeated {
            return Ok(named(&name, world, fields(json!({ "VersionId": version }))));
        }
    }
    let tags = call.checked_tags(Service::SecretsManager)?;
    let made = first.is_some();
    world.create_secret(&name, first)?;
    for (key, value) in tags {
        world.tag_secret(&name, &key, value)?;
    }
    let more = if made { fields(json!({ "VersionId": version })) } else { Map::new() };
    Ok(named(&name, world, more))
}

fn put(call: &ApiCall, name: &SecretName, world: &mut World) -> Result<Output, Refused> {
    let Some(value) = secret_string(call)? else {
        return Err(Refused::new(
            "InvalidRequestException",
            "You must provide either SecretString or SecretBinary.",
        ));
    };
    let version = token(call)?;
    let labels =
        call.texts("VersionStages").iter().map(|l| label(l)).collect::<Result<Vec<_>, _>>()?;
    world.put_secret_value(name, &version, value, &labels)?;
    let stages = world.secret(name).map(|s| stages(s, &version)).unwrap_or_default();
    Ok(named(name, world, fields(json!({ "VersionId": version, "VersionStages": stages }))))
}

fn describe(name: &SecretName, world: &World) -> Output {
    let mut more = Map::new();
    if let Some(secret) = world.secret(name) {
        // A version that waits for its value is no version yet, but it has its label.
        let labelled: BTreeSet<&VersionId> =
            LABELS.iter().filter_map(|(_, label)| secret.labelled(*label)).collect();
        let map: Map<String, Json> =
            labelled.iter().map(|id| (id.to_string(), json!(stages(secret, id)))).collect();
        more.insert("RotationEnabled".into(), secret.rotation.into());
        if !map.is_empty() {
            more.insert("VersionIdsToStages".into(), map.into());
        }
        let tags: Vec<Json> =
            secret.tags.iter().map(|(k, v)| json!({ "Key": k, "Value": v })).collect();
        if !tags.is_empty() {
            more.insert("Tags".into(), tags.into());
        }
        if let Some(since) = secret.deleted {
            more.insert("DeletedDate".into(), seconds(since));
        }
        for difference in &secret.differences {
            match difference {
                Difference::KmsKey { found, .. } => {
                    drop(more.insert("KmsKeyId".into(), found.clone().into()));
                }
                Difference::OwningService(service) => {
                    drop(more.insert("OwningService".into(), service.clone().into()));
                }
                Difference::Replicas(regions) => {
                    let all = regions
                        .iter()
                        .map(|region| json!({ "Region": region, "Status": "InSync" }));
                    more.insert("ReplicationStatus".into(), all.collect());
                }
                Difference::ResourcePolicy => {}
            }
        }
        if let Some(primary) = &secret.replica_of {
            more.insert("PrimaryRegion".into(), primary.clone().into());
        }
    }
    named(name, world, more)
}

fn value(call: &ApiCall, name: &SecretName, world: &World) -> Result<Output, Refused> {
    let secret = world.secret(name).ok_or_else(not_found)?;
    if secret.deleted.is_some() {
        return Err(marked(name));
    }
    let stage = call.text("VersionStage");
    let version = match call.text("VersionId") {
        Some(id) => VersionId::parse(id).map_err(|_| no_version(id))?,
        None => {
            let stage = stage.unwrap_or("AWSCURRENT");
            let holder = label(stage).ok().and_then(|label| secret.labelled(label));
            let message = || {
                format!(
                    "Secrets Manager can't find the specified secret value for staging label: {stage}"
                )
            };
            holder.ok_or_else(|| Refused::new("ResourceNotFoundException", message()))?.clone()
        }
    };
    let value = world.secret_value(name, &version)?;
    let stages = stages(secret, &version);
    if stage.is_some_and(|stage| !stages.contains(&stage)) {
        let message =
            "You provided a VersionStage that is not associated to the provided VersionId.";
        return Err(Refused::new("InvalidRequestException", message));
    }
    let more =
        json!({ "VersionId": version, "SecretString": value.expose(), "VersionStages": stages });
    Ok(named(name, world, fields(more)))
}

fn versions(
    call: &ApiCall,
    name: &SecretName,
    world: &World,
    longest: usize,
) -> Result<Output, Refused> {
    let secret = world.secret(name).ok_or_else(not_found)?;
    let all = call.flag("IncludeDeprecated");
    let listed = secret
        .versions()
        .filter(|(_, labels)| all || !labels.is_empty())
        .map(|(id, _)| id.clone())
        .collect();
    let size = call.number("MaxResults", 100, 100)?.min(longest);
    let (page, next) = cut(listed, call.text("NextToken"), size, ToString::to_string);
    let version = |id: &VersionId| {
        let stages = stages(secret, id);
        let mut listed = fields(json!({ "VersionId": id }));
        listed.extend(secret.written(id).map(|at| ("CreatedDate".to_owned(), seconds(at))));
        if !stages.is_empty() {
            listed.insert("VersionStages".to_owned(), json!(stages));
        }
        Json::Object(listed)
    };
    let mut more = fields(json!({ "Versions": page.iter().map(version).collect::<Vec<_>>() }));
    if let Some(next) = next {
        more.insert("NextToken".into(), next.into());
    }
    Ok(named(name, world, more))
}

fn delete(call: &ApiCall, name: &SecretName, world: &mut World) -> Result<Output, Refused> {
    if call.flag("ForceDeleteWithoutRecovery") {
        let message = "This emulator deletes no secret without a recovery window.";
        return Err(Refused::new("InvalidParameterException", message));
    }
    let days = call.number("RecoveryWindowInDays", 30, 30)?;
    if days < 7 {
        let message = "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).";
        return Err(Refused::new("InvalidParameterException", message));
    }
    let now = world.now();
    let secret = world.secret_mut(name).ok_or_else(not_found)?;
    if secret.deleted.is_some() {
        return Err(marked(name));
    }
    secret.deleted = Some(now);
    let date = keyrot_core::model::after(now, DAY * u32::try_from(days).unwrap_or(30));
    Ok(named(name, world, fields(json!({ "DeletionDate": seconds(date) }))))
}

/// Returns the secret's name from a `SecretId`, which may be an ARN.
pub(super) fn name_in(id: &str) -> &str {
    Arn::parse(id).and_then(|arn| arn.secret_name()).unwrap_or(id)
}

fn found(call: &ApiCall, world: &World) -> Result<SecretName, Refused> {
    let id = call.required("SecretId")?;
    let name = SecretName::parse(name_in(id)).map_err(|_| not_found())?;
    let secret = world.secret(&name).ok_or_else(not_found)?;
    let writes = super::throttle::SECRET_WRITES.contains(&call.action);
    if writes && secret.replica_of.is_some() {
        let message = "Operation not permitted on a replica secret. Call must be made in primary secret's region.";
        return Err(Refused::new("InvalidRequestException", message));
    }
    Ok(name)
}

/// Returns the fields that every answer about a secret has, and these others.
fn named(name: &SecretName, world: &World, mut more: Map<String, Json>) -> Output {
    if let Some(arn) = world.arn_of(name) {
        more.insert("ARN".into(), arn.to_string().into());
    }
    more.insert("Name".into(), name.as_str().into());
    Output::Json(more.into())
}

fn fields(object: Json) -> Map<String, Json> {
    match object {
        Json::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn secret_string(call: &ApiCall) -> Result<Option<Value>, Refused> {
    if call.text("SecretBinary").is_some() {
        return Err(Refused::new(
            "InvalidParameterException",
            "This emulator keeps no binary secrets.",
        ));
    }
    Ok(call.text("SecretString").map(Value::text))
}

/// Returns the new version's id: the client's token, or one that the emulator chooses.
fn token(call: &ApiCall) -> Result<VersionId, Refused> {
    let random = || RandomState::new().hash_one(());
    let id = match call.text("ClientRequestToken") {
        Some(token) => VersionId::parse(token),
        None => VersionId::parse(format!("{:016x}-{:016x}", random(), random())),
    };
    id.map_err(|_| {
        let message = "ClientRequestToken must be 32-64 letters, digits, underscores or hyphens.";
        Refused::new("InvalidParameterException", message)
    })
}

fn stages(secret: &MemorySecret, version: &VersionId) -> Vec<&'static str> {
    let on = LABELS.iter().filter(|(_, label)| secret.labelled(*label) == Some(version));
    on.map(|(name, _)| *name).collect()
}

fn label(name: &str) -> Result<Label, Refused> {
    let known = LABELS.iter().find(|(known, _)| *known == name).map(|(_, label)| *label);
    known.ok_or_else(|| {
        let message =
            format!("This emulator has no staging label {name:?}, only AWSCURRENT, AWSPENDING, AWSPREVIOUS and keyrot-test-write.");
        Refused::new("InvalidParameterException", message)
    })
}

fn label_name(label: Label) -> &'static str {
    LABELS.iter().find(|(_, known)| *known == label).map_or("", |(name, _)| name)
}

const LABELS: [(&str, Label); 4] = [
    ("AWSCURRENT", Label::Current),
    ("AWSPENDING", Label::Pending),
    ("AWSPREVIOUS", Label::Previous),
    ("keyrot-test-write", Label::TestWrite),
];

fn seconds(at: Timestamp) -> Json {
    json!(at.timestamp())
}

fn not_found() -> Refused {
    Refused::new("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

fn no_version(id: &str) -> Refused {
    Refused::new(
        "ResourceNotFoundException",
        format!("Secrets Manager can't find the version {id}."),
    )
}

fn marked(name: &SecretName) -> Refused {
    let message = format!(
        "You can't perform this operation on the secret {name} because it was marked for deletion."
    );
    Refused::new("InvalidRequestException", message)
}
