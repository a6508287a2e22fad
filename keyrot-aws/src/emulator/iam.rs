//! IAM's users, and STS.

use super::auth::Caller;
use super::reply::{Output, Refused, Xml};
use super::request::{ApiCall, invalid};
use crate::emulator::service::Service;
use keyrot_core::memory::{MemoryUser, World};
use keyrot_core::model::UserId;
use keyrot_core::{IamUser, Timestamp, UserArn, UserName};
use std::collections::BTreeMap;

/// IAM's limit on tags of a user: `TagUser` in the API reference.
const MOST_TAGS: usize = 50;

pub(super) fn answer(
    call: &ApiCall,
    caller: &Caller,
    world: &mut World,
    longest: usize,
) -> Result<Output, Refused> {
    match call.action {
        "GetAccountAuthorizationDetails" => authorization_details(call, world, longest),
        "ListUsers" => list_users(call, world, longest),
        "GetUser" => {
            let name = user_name(call, caller)?;
            let user = found(world, &name)?;
            Ok(Xml::of(|x| {
                x.element("User", |x| {
                    detail(x, &user.id, &user.arn, user.created, Some(&user.tags));
                });
            }))
        }
        "CreateUser" => create_user(call, world),
        "ListUserTags" => {
            let tags: Vec<_> = found(world, &required_name(call)?)?.tags.iter().collect();
            let (page, marker) = page(call, tags, longest, |(key, _)| (*key).clone())?;
            Ok(Xml::of(|x| {
                write_tags(x, page);
                x.page_end(marker.as_deref());
            }))
        }
        "ListAttachedUserPolicies" => {
            let policies = found(world, &required_name(call)?)?.policies.clone();
            let (page, marker) = page(call, policies, longest, Clone::clone)?;
            Ok(Xml::of(|x| {
                write_policies(x, "AttachedPolicies", &page);
                x.page_end(marker.as_deref());
            }))
        }
        "TagUser" => {
            let name = required_name(call)?;
            found(world, &name)?;
            let user = world.user_mut(&name).ok_or_else(|| nobody(&name))?;
            tag(&mut user.tags, call.checked_tags(Service::Iam)?)?;
            Ok(Output::Empty)
        }
        "GetUserPolicy" => {
            let (user, name) = (required_name(call)?, call.required("PolicyName")?);
            let document = found(world, &user)?.inline.get(name).ok_or_else(|| {
                Refused::new(
                    "NoSuchEntity",
                    format!("The user policy with name {name} cannot be found."),
                )
            })?;
            let encoded =
                percent_encoding::utf8_percent_encode(document, percent_encoding::NON_ALPHANUMERIC);
            Ok(Xml::of(|x| {
                x.text("UserName", user.as_str());
                x.text("PolicyName", name);
                x.text("PolicyDocument", &encoded.to_string());
            }))
        }
        "PutUserPolicy" => {
            let (user, name) = (required_name(call)?, call.required("PolicyName")?);
            let document = call.required("PolicyDocument")?;
            if serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(document).is_err()
            {
                return Err(Refused::new("MalformedPolicyDocument", "Syntax errors in policy."));
            }
            world.put_user_policy(&user, name, document)?;
            Ok(Output::Empty)
        }
        "DeleteUserPolicy" => {
            world.delete_user_policy(&required_name(call)?, call.required("PolicyName")?)?;
            Ok(Output::Empty)
        }
        "UntagUser" => {
            let name = required_name(call)?;
            let user = world.user_mut(&name).ok_or_else(|| nobody(&name))?;
            for key in call.texts("TagKeys") {
                user.tags.retain(|k, _| !k.eq_ignore_ascii_case(&key));
            }
            Ok(Output::Empty)
        }
        other => Err(Refused::new("InvalidAction", format!("Could not find operation {other}"))),
    }
}

/// Returns the ARN of the call's user; `None` if it has none.
pub(super) fn resource(call: &ApiCall, caller: &Caller, world: &World) -> Option<String> {
    let name = user_name(call, caller).ok()?;
    let path = call.text("Path").unwrap_or("/");
    let of = |path: &str| format!("arn:aws:iam::{}:user{path}{name}", world.account());
    Some(world.user(&name).map_or_else(|| of(path), |user| user.arn.to_string()))
}

pub(super) fn caller_identity(caller: &Caller, world: &World) -> Output {
    let id = match caller {
        Caller::Admin => "AROAEMULATORADMIN0001:administrator".to_owned(),
        Caller::User(arn) => {
            world.user(arn.name()).map(|user| user.id.to_string()).unwrap_or_default()
        }
    };
    let account = world.account();
    Xml::of(|x| {
        x.text("Arn", &caller.arn(account));
        x.text("UserId", &id);
        x.text("Account", account);
    })
}

/// `GetSessionToken`, only with MFA, because nothing here needs it without.
pub(super) fn session_token(
    call: &ApiCall,
    caller: &Caller,
    now: Timestamp,
) -> Result<Output, Refused> {
    call.required("SerialNumber")?;
    let session = super::auth::session(call, now).filter(|_| matches!(caller, Caller::User(_)));
    let Some((credentials, token)) = session else {
        return Err(Refused::new(
            "AccessDenied",
            "Cannot call GetSessionToken with session credentials",
        ));
    };
    if call.text("TokenCode") != Some(super::principals::MFA_CODE) {
        let message = "MultiFactorAuthentication failed with invalid MFA one time pass code.";
        return Err(Refused::new("AccessDenied", message));
    }
    let seconds = call.number("DurationSeconds", 43_200, 129_600)?;
    let end = keyrot_core::model::after(now, std::time::Duration::from_secs(seconds as u64));
    Ok(Xml::of(|x| {
        x.element("Credentials", |x| {
            x.text("AccessKeyId", credentials.key.as_str());
            x.text("SecretAccessKey", credentials.secret.expose());
            x.text("SessionToken", &token);
            x.time("Expiration", end);
        });
    }))
}

fn authorization_details(call: &ApiCall, world: &World, longest: usize) -> Result<Output, Refused> {
    let filter = call.texts("Filter");
    let wanted = filter.is_empty() || filter.iter().any(|f| f == "User");
    let users = if wanted { world.list_users("/") } else { Vec::new() };
    let (page, marker) = page(call, users, longest, |u| u.arn.name().to_string())?;
    let member = |x: &mut Xml, user: IamUser| {
        detail(x, &user.id, &user.arn, user.created, Some(&user.tags));
        x.list("UserPolicyList", [""; 0], |_, _| {});
        x.list("GroupList", [""; 0], |_, _| {});
        write_policies(x, "AttachedManagedPolicies", &user.policies);
    };
    Ok(Xml::of(|x| {
        x.list("UserDetailList", page, member);
        for none in ["GroupDetailList", "RoleDetailList", "Policies"] {
            x.list(none, [""; 0], |_, _| {});
        }
        x.page_end(marker.as_deref());
    }))
}

/// `ListUsers` returns no tags (IAM API reference, `ListUsers`).
fn list_users(call: &ApiCall, world: &World, longest: usize) -> Result<Output, Refused> {
    let users = world.list_users(call.text("PathPrefix").unwrap_or("/"));
    let (page, marker) = page(call, users, longest, |u| u.arn.name().to_string())?;
    Ok(Xml::of(|x| {
        x.list("Users", page, |x, user| detail(x, &user.id, &user.arn, user.created, None));
        x.page_end(marker.as_deref());
    }))
}

fn create_user(call: &ApiCall, world: &mut World) -> Result<Output, Refused> {
    let name = required_name(call)?;
    // Names are not distinguished by case (IAM API reference, `CreateUser`).
    if world.users().any(|u| u.arn.name().as_str().eq_ignore_ascii_case(name.as_str())) {
        return Err(Refused::new(
            "EntityAlreadyExists",
            format!("User with name {name} already exists."),
        ));
    }
    let path = call.text("Path").unwrap_or("/");
    if !path.starts_with('/') || !path.ends_with('/') {
        return Err(invalid(Service::Iam, "Value at 'path' must begin and end with /"));
    }
    let mut tags = BTreeMap::new();
    tag(&mut tags, call.checked_tags(Service::Iam)?)?;
    let full = format!("{}{name}", path.trim_start_matches('/'));
    let name = world.add_user(&full, &[]).map_err(|e| invalid(Service::Iam, &e.to_string()))?;
    let user = world.user_mut(&name).ok_or_else(|| nobody(&name))?;
    user.tags = tags;
    Ok(Xml::of(|x| {
        x.element("User", |x| detail(x, &user.id, &user.arn, user.created, Some(&user.tags)));
    }))
}

/// Tag keys are not case-sensitive (IAM user guide, "Tags for IAM resources").
fn tag(tags: &mut BTreeMap<String, String>, new: Vec<(String, String)>) -> Result<(), Refused> {
    let mut all = tags.clone();
    for (key, value) in new {
        all.retain(|k, _| !k.eq_ignore_ascii_case(&key));
        all.insert(key, value);
    }
    if all.len() > MOST_TAGS {
        return Err(Refused::new(
            "LimitExceeded",
            format!("The number of tags has reached the maximum limit of {MOST_TAGS}."),
        ));
    }
    *tags = all;
    Ok(())
}

/// Returns one page of a list, and the marker of the next. The marker is the name of the page's
/// last item.
pub(super) fn page<T>(
    call: &ApiCall,
    items: Vec<T>,
    longest: usize,
    name: impl Fn(&T) -> String,
) -> Result<(Vec<T>, Option<String>), Refused> {
    let size = call.number("MaxItems", 100, 1000)?.min(longest);
    Ok(cut(items, call.text("Marker"), size, name))
}

pub(super) fn cut<T>(
    items: Vec<T>,
    after: Option<&str>,
    size: usize,
    name: impl Fn(&T) -> String,
) -> (Vec<T>, Option<String>) {
    let mut rest =
        items.into_iter().filter(|item| after.is_none_or(|after| name(item).as_str() > after));
    let page: Vec<T> = rest.by_ref().take(size).collect();
    let marker = rest.next().and_then(|_| page.last().map(&name));
    (page, marker)
}

/// Returns the call's user: the one that it names, or the caller.
pub(super) fn user_name(call: &ApiCall, caller: &Caller) -> Result<UserName, Refused> {
    match (call.text("UserName"), caller) {
        (Some(_), _) => required_name(call),
        (None, Caller::User(arn)) => Ok(arn.name().clone()),
        (None, Caller::Admin) => Err(invalid(
            Service::Iam,
            "Must specify userName when calling with non-User credentials",
        )),
    }
}

fn required_name(call: &ApiCall) -> Result<UserName, Refused> {
    UserName::parse(call.required("UserName")?).map_err(|e| invalid(Service::Iam, &e.to_string()))
}

fn found<'a>(world: &'a World, name: &UserName) -> Result<&'a MemoryUser, Refused> {
    world.user(name).ok_or_else(|| nobody(name))
}

fn nobody(name: &UserName) -> Refused {
    Refused::new("NoSuchEntity", format!("The user with name {name} cannot be found."))
}

fn detail(
    x: &mut Xml,
    id: &UserId,
    arn: &UserArn,
    created: Option<Timestamp>,
    tags: Option<&BTreeMap<String, String>>,
) {
    x.text("Path", arn.path());
    x.text("UserName", arn.name().as_str());
    x.text("UserId", id.as_str());
    x.text("Arn", arn.as_str());
    // An account that was stored by an earlier version does not have it.
    x.time("CreateDate", created.unwrap_or(Timestamp::UNIX_EPOCH));
    // AWS leaves the element out if there are no tags.
    if let Some(tags) = tags.filter(|t| !t.is_empty()) {
        write_tags(x, tags);
    }
}

fn write_tags<'a>(x: &mut Xml, tags: impl IntoIterator<Item = (&'a String, &'a String)>) {
    x.list("Tags", tags, |x, (key, value)| {
        x.text("Key", key);
        x.text("Value", value);
    });
}

fn write_policies(x: &mut Xml, list: &str, policies: &[String]) {
    x.list(list, policies, |x, name| {
        x.text("PolicyName", name);
        x.text("PolicyArn", &format!("arn:aws:iam::aws:policy/{name}"));
    });
}
