//! IAM's access keys. Every request names the user, because IAM would otherwise use the caller.

use crate::calls::op::Op;
use crate::calls::pages::next_marker;
use crate::calls::retry::send;
use crate::calls::time::instant;
use crate::connection::Aws;
use crate::iam::users;
use async_trait::async_trait;
use aws_sdk_iam::types::{AccessKeyLastUsed, StatusType};
use keyrot_core::model::{HOME_TAG, NewKey, SecretArn};
use keyrot_core::ports::TagPort;
use keyrot_core::{
    AccessKey, CallError, Credentials, ErrorKind, IamPort, IamUser, KeyId, KeyStatus, LastUse,
    SecretKey, UserName,
};

/// A user has at most two keys; a longer list is invalid.
const MOST_PAGES: usize = 8;

#[async_trait]
impl IamPort for Aws {
    async fn users(&self, path_prefix: &str) -> Result<Vec<IamUser>, CallError> {
        users::users(self, path_prefix).await
    }

    async fn list_keys(&self, user: &UserName) -> Result<Vec<AccessKey>, CallError> {
        let op =
            Op::read("iam:ListAccessKeys", format!("user {user}"), &self.inner.limits.iam_reads);
        let budget = self.budget();
        let mut keys = Vec::new();
        let mut marker: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let call = self
                .inner
                .iam
                .list_access_keys()
                .user_name(user.as_str())
                .set_marker(marker.clone());
            let page = send(&op, &budget, || call.clone().send()).await?;
            for key in page.access_key_metadata {
                keys.push(listed(&op, key)?);
            }
            marker = match next_marker(&op, page.is_truncated, page.marker, marker.as_deref())? {
                Some(next) => Some(next),
                None => return Ok(keys),
            };
        }
        Err(op.malformed_response("the list of keys does not end"))
    }

    async fn create_key(&self, user: &UserName) -> Result<NewKey, CallError> {
        let op =
            Op::once("iam:CreateAccessKey", format!("user {user}"), &self.inner.limits.create_key);
        let call = self.inner.iam.create_access_key().user_name(user.as_str());
        let answer = send(&op, &self.budget(), || call.clone().send()).await?;
        let Some(made) = answer.access_key else {
            return Err(op.malformed_response("it holds no key"));
        };
        // The text is moved, not copied. The buffer of the answer itself belongs to the SDK.
        let secret = SecretKey::new(made.secret_access_key);
        let id =
            KeyId::parse(made.access_key_id).map_err(|e| op.malformed_response(&e.to_string()))?;
        if secret.expose().is_empty() {
            return Err(op.malformed_response("it holds no secret"));
        }
        let created = made
            .create_date
            .as_ref()
            .and_then(instant)
            .unwrap_or_else(|| std::time::SystemTime::now().into());
        Ok(NewKey { credentials: Credentials { key: id, secret }, created })
    }

    async fn last_use(&self, user: &UserName, key: &KeyId) -> Result<LastUse, CallError> {
        let subject = format!("key {key} of user {user}");
        let op = Op::read("iam:GetAccessKeyLastUsed", subject, &self.inner.limits.iam_reads);
        let call = self.inner.iam.get_access_key_last_used().access_key_id(key.as_str());
        let answer = send(&op, &self.budget(), || call.clone().send()).await?;
        if let Some(owner) =
            answer.user_name.as_deref().filter(|owner| !owner.eq_ignore_ascii_case(user.as_str()))
        {
            return Err(op.malformed_response(&format!("the key belongs to user {owner}")));
        }
        last_use(&op, answer.access_key_last_used)
    }

    async fn write_home(&self, user: &UserName, home: &SecretArn) -> Result<(), CallError> {
        self.tag_user(user, HOME_TAG, &home.to_string()).await
    }

    async fn deactivate_key(&self, user: &UserName, key: &KeyId) -> Result<(), CallError> {
        self.set_status(user, key, StatusType::Inactive).await
    }

    async fn activate_key(&self, user: &UserName, key: &KeyId) -> Result<(), CallError> {
        self.set_status(user, key, StatusType::Active).await
    }

    async fn delete_key(&self, user: &UserName, key: &KeyId) -> Result<(), CallError> {
        let subject = format!("key {key} of user {user}");
        let op = Op::write("iam:DeleteAccessKey", subject, &self.inner.limits.change_key);
        let call =
            self.inner.iam.delete_access_key().user_name(user.as_str()).access_key_id(key.as_str());
        match send(&op, &self.budget(), || call.clone().send()).await {
            Ok(_) => Ok(()),
            Err(gone) if gone.error.kind == ErrorKind::NotFound => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }
}

impl Aws {
    async fn set_status(
        &self,
        user: &UserName,
        key: &KeyId,
        status: StatusType,
    ) -> Result<(), CallError> {
        let subject = format!("key {key} of user {user}");
        let op = Op::write("iam:UpdateAccessKey", subject, &self.inner.limits.change_key);
        let iam = &self.inner.iam;
        let call = iam
            .update_access_key()
            .user_name(user.as_str())
            .access_key_id(key.as_str())
            .status(status);
        send(&op, &self.budget(), || call.clone().send()).await?;
        Ok(())
    }
}

/// Parses IAM's answer about a key's use. A contradictory answer is an error, and never counts as
/// "not used".
pub(crate) fn last_use(op: &Op<'_>, used: Option<AccessKeyLastUsed>) -> Result<LastUse, CallError> {
    let used = used.ok_or_else(|| op.malformed_response("it says nothing of the last use"))?;
    match used.last_used_date.as_ref() {
        Some(at) => {
            let when =
                instant(at).ok_or_else(|| op.malformed_response("its date cannot be read"))?;
            Ok(LastUse::At { when, service: used.service_name, region: used.region })
        }
        // IAM says "N/A" for a key without a recorded use (IAM API reference, data type
        // `AccessKeyLastUsed`).
        None if used.service_name == "N/A" => Ok(LastUse::NoRecord),
        None => Err(op.malformed_response("it names a service and no date")),
    }
}

fn listed(op: &Op<'_>, key: aws_sdk_iam::types::AccessKeyMetadata) -> Result<AccessKey, CallError> {
    let id = key.access_key_id.ok_or_else(|| op.malformed_response("a key has no id"))?;
    let id = KeyId::parse(id).map_err(|e| op.malformed_response(&e.to_string()))?;
    let created = key.create_date.as_ref().and_then(instant);
    let created = created.ok_or_else(|| op.malformed_response(&format!("key {id} has no date")))?;
    let status = match key.status.as_ref().map(StatusType::as_str) {
        Some("Active") => KeyStatus::Active,
        Some("Inactive") => KeyStatus::Inactive,
        Some(other) => KeyStatus::Other(other.to_owned()),
        None => return Err(op.malformed_response(&format!("key {id} has no status"))),
    };
    Ok(AccessKey { id, status, created })
}
