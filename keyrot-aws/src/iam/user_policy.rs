//! IAM users' inline policies.

use crate::calls::op::Op;
use crate::calls::retry::send;
use crate::connection::Aws;
use async_trait::async_trait;
use keyrot_core::ports::UserPolicyPort;
use keyrot_core::{CallError, ErrorKind, UserName};
use percent_encoding::percent_decode_str;

#[async_trait]
impl UserPolicyPort for Aws {
    async fn user_policy(&self, user: &UserName, name: &str) -> Result<Option<String>, CallError> {
        let subject = format!("policy {name} of user {user}");
        let op = Op::read("iam:GetUserPolicy", subject, &self.inner.limits.iam_reads);
        let call = self.inner.iam.get_user_policy().user_name(user.as_str()).policy_name(name);
        match send(&op, &self.budget(), || call.clone().send()).await {
            // The document is URL-encoded by RFC 3986 (IAM API reference, `GetUserPolicy`).
            Ok(answer) => match percent_decode_str(&answer.policy_document).decode_utf8() {
                Ok(document) => Ok(Some(document.into_owned())),
                Err(_) => Err(op.malformed_response("the policy is not text")),
            },
            Err(gone) if gone.error.kind == ErrorKind::NotFound => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    async fn put_user_policy(
        &self,
        user: &UserName,
        name: &str,
        document: &str,
    ) -> Result<(), CallError> {
        let subject = format!("policy {name} of user {user}");
        let op = Op::write("iam:PutUserPolicy", subject, &self.inner.limits.change_key);
        let call = self.inner.iam.put_user_policy().user_name(user.as_str()).policy_name(name);
        let call = call.policy_document(document);
        send(&op, &self.budget(), || call.clone().send()).await?;
        Ok(())
    }

    async fn delete_user_policy(&self, user: &UserName, name: &str) -> Result<(), CallError> {
        let subject = format!("policy {name} of user {user}");
        let op = Op::write("iam:DeleteUserPolicy", subject, &self.inner.limits.change_key);
        let call = self.inner.iam.delete_user_policy().user_name(user.as_str()).policy_name(name);
        match send(&op, &self.budget(), || call.clone().send()).await {
            Ok(_) => Ok(()),
            Err(gone) if gone.error.kind == ErrorKind::NotFound => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }
}
