//! IAM's access keys.

use super::auth::Caller;
use super::iam::{page, user_name};
use super::reply::{Output, Refused, Xml};
use super::request::{ApiCall, invalid};
use crate::emulator::service::Service;
use keyrot_core::memory::World;
use keyrot_core::{AccessKey, KeyId, KeyStatus, LastUse, UserName};

pub(super) fn answer(
    call: &ApiCall,
    caller: &Caller,
    world: &mut World,
    longest: usize,
) -> Result<Output, Refused> {
    if call.action == "GetAccessKeyLastUsed" {
        return last_used(call, world);
    }
    let user = user_name(call, caller)?;
    match call.action {
        "ListAccessKeys" => {
            let mut keys = world.list_keys(&user)?;
            keys.sort_by(|a, b| a.id.cmp(&b.id));
            let (page, marker) = page(call, keys, longest, |k: &AccessKey| k.id.to_string())?;
            Ok(Xml::of(|x| {
                x.list("AccessKeyMetadata", &page, |x, key| shown(x, &user, key));
                x.page_end(marker.as_deref());
            }))
        }
        "CreateAccessKey" => {
            let made = world.add_key(&user)?;
            let key = AccessKey {
                id: made.credentials.key,
                status: KeyStatus::Active,
                created: made.created,
            };
            Ok(Xml::of(|x| {
                x.element("AccessKey", |x| {
                    shown(x, &user, &key);
                    x.text("SecretAccessKey", made.credentials.secret.expose());
                });
            }))
        }
        "UpdateAccessKey" => {
            let status = match call.required("Status")? {
                "Active" => KeyStatus::Active,
                "Inactive" => KeyStatus::Inactive,
                _ => {
                    return Err(invalid(
                        Service::Iam,
                        "Value at 'status' must be one of Active, Inactive",
                    ));
                }
            };
            world.set_key_status(&user, &key_id(call)?, status)?;
            Ok(Output::Empty)
        }
        "DeleteAccessKey" => {
            world.delete_key(&user, &key_id(call)?)?;
            Ok(Output::Empty)
        }
        other => Err(Refused::new("InvalidAction", format!("Could not find operation {other}"))),
    }
}

fn last_used(call: &ApiCall, world: &World) -> Result<Output, Refused> {
    let key = key_id(call)?;
    let used = world.last_use(&key)?;
    let owner = world.users().find(|u| u.key(&key).is_some()).map(|u| u.arn.name().to_string());
    Ok(Xml::of(|x| {
        x.text("UserName", owner.as_deref().unwrap_or_default());
        x.element("AccessKeyLastUsed", |x| match &used {
            LastUse::At { when, service, region } => {
                x.time("LastUsedDate", *when);
                x.text("ServiceName", service);
                x.text("Region", region);
            }
            // AWS's word for a key without a recorded use (IAM API reference, data type
            // `AccessKeyLastUsed`).
            LastUse::NoRecord | LastUse::Unknown(_) => {
                x.text("ServiceName", "N/A");
                x.text("Region", "N/A");
            }
        });
    }))
}

fn shown(x: &mut Xml, user: &UserName, key: &AccessKey) {
    x.text("UserName", user.as_str());
    x.text("AccessKeyId", key.id.as_str());
    x.text(
        "Status",
        match &key.status {
            KeyStatus::Active => "Active",
            KeyStatus::Inactive => "Inactive",
            KeyStatus::Other(status) => status,
        },
    );
    x.time("CreateDate", key.created);
}

fn key_id(call: &ApiCall) -> Result<KeyId, Refused> {
    KeyId::parse(call.required("AccessKeyId")?).map_err(|e| invalid(Service::Iam, &e.to_string()))
}
