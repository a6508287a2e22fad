//! IAM users' tags.

use crate::calls::op::Op;
use crate::calls::retry::send;
use crate::connection::Aws;
use async_trait::async_trait;
use aws_sdk_iam::types::Tag;
use keyrot_core::ports::TagPort;
use keyrot_core::{CallError, ErrorKind, UserName};

#[async_trait]
impl TagPort for Aws {
    async fn tag_user(&self, user: &UserName, key: &str, value: &str) -> Result<(), CallError> {
        let op = Op::write(
            "iam:TagUser",
            format!("tag {key} of user {user}"),
            &self.inner.limits.change_key,
        );
        let tag = Tag::builder().key(key).value(value).build();
        let tag = tag.map_err(|error| {
            CallError::refused(ErrorKind::Other, error.to_string()).with_source(error)
        })?;
        let call = self.inner.iam.tag_user().user_name(user.as_str()).tags(tag);
        send(&op, &self.budget(), || call.clone().send()).await?;
        Ok(())
    }

    async fn untag_user(&self, user: &UserName, key: &str) -> Result<(), CallError> {
        let op = Op::write(
            "iam:UntagUser",
            format!("tag {key} of user {user}"),
            &self.inner.limits.change_key,
        );
        let call = self.inner.iam.untag_user().user_name(user.as_str()).tag_keys(key);
        send(&op, &self.budget(), || call.clone().send()).await?;
        Ok(())
    }
}
