//! Lists the users of the account: one call for each thousand, or if that is denied, two for each
//! user.

use crate::calls::op::Op;
use crate::calls::pages::next_marker;
use crate::calls::retry::send;
use crate::calls::time::instant;
use crate::connection::Aws;
use aws_sdk_iam::types::{AttachedPolicy, EntityType, Tag, UserDetail};
use futures_util::{StreamExt, TryStreamExt, stream};
use keyrot_core::model::UserId;
use keyrot_core::{CallError, ErrorKind, IamUser, Timestamp, UserArn, UserName};
use std::collections::BTreeMap;

/// IAM's largest page (IAM API reference, parameter `MaxItems`); a page may be shorter, even empty,
/// and still not the last.
const PAGE: i32 = 1000;
/// The limit on pages: many times what an account can hold, 5,000 users (IAM user guide, "IAM and
/// AWS STS quotas").
const MOST_PAGES: usize = 10_000;
/// The number of users that are read concurrently in the fallback.
const AT_ONCE: usize = 16;

pub(crate) async fn users(aws: &Aws, path_prefix: &str) -> Result<Vec<IamUser>, CallError> {
    match in_bulk(aws, path_prefix).await {
        Err(Refused { denied: true, error }) => {
            one_by_one(aws, path_prefix).await.map_err(|second| both(&error, second))
        }
        Err(Refused { error, .. }) => Err(error),
        Ok(users) => Ok(users),
    }
}

struct Refused {
    denied: bool,
    error: CallError,
}

impl From<CallError> for Refused {
    fn from(error: CallError) -> Self {
        Self { denied: false, error }
    }
}

async fn in_bulk(aws: &Aws, path_prefix: &str) -> Result<Vec<IamUser>, Refused> {
    let op = Op::read(
        "iam:GetAccountAuthorizationDetails",
        "the account's users",
        &aws.inner.limits.discovery,
    );
    let mut users = Vec::new();
    let mut marker: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let call = aws.inner.iam.get_account_authorization_details();
        let call = call.filter(EntityType::User).max_items(PAGE).set_marker(marker.clone());
        // Each page has its own time limit, because the list grows with the account's users.
        let page = send(&op, &aws.budget(), || call.clone().send())
            .await
            .map_err(|failure| Refused { denied: failure.is_denied(), error: failure.into() })?;
        for user in page.user_detail_list.unwrap_or_default() {
            let user = detailed(&op, user)?;
            if user.arn.path().starts_with(path_prefix) {
                users.push(user);
            }
        }
        marker = match next_marker(&op, page.is_truncated, page.marker, marker.as_deref())? {
            Some(next) => Some(next),
            None => return Ok(users),
        };
    }
    Err(op.malformed_response("the list of users does not end").into())
}

fn detailed(op: &Op<'_>, user: UserDetail) -> Result<IamUser, CallError> {
    let arn = arn(op, user.arn.as_deref())?;
    let id = id(op, user.user_id.as_deref())?;
    let policies = names(user.attached_managed_policies.unwrap_or_default());
    let created = user.create_date.as_ref().and_then(instant);
    Ok(IamUser { id, arn, created, tags: tags(user.tags.unwrap_or_default()), policies })
}

/// Reads the tags of each user, because `ListUsers` does not return them (IAM API reference,
/// `ListUsers`).
async fn one_by_one(aws: &Aws, path_prefix: &str) -> Result<Vec<IamUser>, CallError> {
    let op = Op::read("iam:ListUsers", "the account's users", &aws.inner.limits.discovery);
    let mut arns = Vec::new();
    let mut marker: Option<String> = None;
    let mut ended = false;
    for _ in 0..MOST_PAGES {
        let call = aws
            .inner
            .iam
            .list_users()
            .path_prefix(path_prefix)
            .max_items(PAGE)
            .set_marker(marker.clone());
        let page = send(&op, &aws.budget(), || call.clone().send()).await?;
        for user in page.users {
            let created = instant(&user.create_date);
            arns.push((id(&op, Some(&user.user_id))?, arn(&op, Some(&user.arn))?, created));
        }
        marker = next_marker(&op, page.is_truncated, page.marker, marker.as_deref())?;
        if marker.is_none() {
            ended = true;
            break;
        }
    }
    if !ended {
        return Err(op.malformed_response("the list of users does not end"));
    }
    let found: Vec<Option<IamUser>> = stream::iter(arns)
        .map(|(id, arn, created)| looked_up(aws, (id, arn, created)))
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(found.into_iter().flatten().collect())
}

/// Returns `None` for a user that was deleted in between.
async fn looked_up(
    aws: &Aws,
    (id, arn, created): (UserId, UserArn, Option<Timestamp>),
) -> Result<Option<IamUser>, CallError> {
    let found = async {
        let tags = user_tags(aws, arn.name()).await?;
        let policies = user_policies(aws, &arn).await?;
        Ok(IamUser { id, arn, created, tags, policies })
    };
    match found.await {
        Ok(user) => Ok(Some(user)),
        Err(CallError { kind: ErrorKind::NotFound, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

pub(crate) async fn user_tags(
    aws: &Aws,
    user: &UserName,
) -> Result<BTreeMap<String, String>, CallError> {
    let op = Op::read("iam:ListUserTags", format!("user {user}"), &aws.inner.limits.discovery);
    let budget = aws.budget();
    let mut all = BTreeMap::new();
    let mut marker: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let call =
            aws.inner.iam.list_user_tags().user_name(user.as_str()).set_marker(marker.clone());
        let page = send(&op, &budget, || call.clone().send()).await?;
        all.extend(tags(page.tags));
        marker = match next_marker(&op, page.is_truncated, page.marker, marker.as_deref())? {
            Some(next) => Some(next),
            None => return Ok(all),
        };
    }
    Err(op.malformed_response("the list of tags does not end"))
}

async fn user_policies(aws: &Aws, arn: &UserArn) -> Result<Vec<String>, CallError> {
    let op = Op::read(
        "iam:ListAttachedUserPolicies",
        format!("user {}", arn.name()),
        &aws.inner.limits.discovery,
    );
    let budget = aws.budget();
    let mut all = Vec::new();
    let mut marker: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let call = aws.inner.iam.list_attached_user_policies().user_name(arn.name().as_str());
        let call = call.set_marker(marker.clone());
        let page = send(&op, &budget, || call.clone().send()).await?;
        all.extend(names(page.attached_policies.unwrap_or_default()));
        marker = match next_marker(&op, page.is_truncated, page.marker, marker.as_deref())? {
            Some(next) => Some(next),
            None => return Ok(all),
        };
    }
    Err(op.malformed_response("the list of policies does not end"))
}

fn arn(op: &Op<'_>, text: Option<&str>) -> Result<UserArn, CallError> {
    let text = text.ok_or_else(|| op.malformed_response("a user has no ARN"))?;
    UserArn::parse(text).map_err(|e| op.malformed_response(&e.to_string()))
}

fn id(op: &Op<'_>, text: Option<&str>) -> Result<UserId, CallError> {
    let text = text.ok_or_else(|| op.malformed_response("a user has no id"))?;
    UserId::parse(text).map_err(|e| op.malformed_response(&e.to_string()))
}

fn tags(tags: Vec<Tag>) -> BTreeMap<String, String> {
    tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
}

fn names(policies: Vec<AttachedPolicy>) -> Vec<String> {
    policies.into_iter().filter_map(|policy| policy.policy_name).collect()
}

fn both(first: &CallError, mut second: CallError) -> CallError {
    second.message = format!(
        "{}. Without it the users were to be listed one by one, which failed too: {}",
        first.message, second.message
    );
    second
}
