//! An SNS topic: one message per run, in the form of a mail.

use super::mail;
use super::wording::Digest;
use crate::calls::op::Op;
use crate::calls::retry::send;
use crate::connection::Aws;
use crate::limiter::Limiter;
use crate::notify::limits::budget;
use aws_sdk_sns::types::MessageAttributeValue;
use keyrot_core::Severity;
use keyrot_core::engine::NotifierError;
use keyrot_core::report::RunStatus;
use keyrot_core::settings::Topic as TopicArn;
use tokio::time::Instant;

/// The message group: all of keyrot's messages in a FIFO topic arrive in order.
const GROUP: &str = "keyrot";

/// A topic, and a client in its region.
pub(crate) struct Topic {
    arn: TopicArn,
    client: aws_sdk_sns::Client,
    pace: Limiter,
}

impl Topic {
    pub(super) fn new(arn: &TopicArn, aws: &Aws, pace: &Limiter) -> Self {
        let notify = &aws.inner.notify;
        let mut config = aws_sdk_sns::config::Builder::from(&notify.config)
            .region(aws_config::Region::new(arn.region().to_owned()));
        if let Some(url) = &notify.endpoint {
            config.set_endpoint_url(Some(url.clone()));
        }
        Self {
            arn: arn.clone(),
            client: aws_sdk_sns::Client::from_conf(config.build()),
            pace: pace.clone(),
        }
    }

    /// Publishes the run. `id` identifies the message, so that a FIFO topic accepts a repeated
    /// message only once.
    pub(super) async fn publish(
        &self,
        digest: &Digest,
        account: Option<&str>,
        id: &str,
        end: Instant,
    ) -> Result<(), NotifierError> {
        let mut call = self
            .client
            .publish()
            .topic_arn(self.arn.arn())
            .subject(mail::subject(digest, account))
            .message(mail::body(digest))
            .message_attributes("severity", word(severity(digest.severity))?)
            .message_attributes("result", word(result(digest.verdict))?);
        if self.arn.is_fifo() {
            call = call.message_group_id(GROUP).message_deduplication_id(id);
        }
        // After a lost answer the message is sent again, because two are better than none.
        let op = Op::write("sns:Publish", format!("the topic {}", self.arn.arn()), &self.pace);
        send(&op, &budget(end), || call.clone().send()).await.map_err(|failure| failure.error)?;
        Ok(())
    }
}

fn word(text: &str) -> Result<MessageAttributeValue, NotifierError> {
    let value = MessageAttributeValue::builder().data_type("String").string_value(text);
    value.build().map_err(|error| NotifierError::from(error.to_string()).with_source(error))
}

/// Returns the status in the words of the JSON documents.
fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

fn result(verdict: RunStatus) -> &'static str {
    match verdict {
        RunStatus::Ok => "ok",
        RunStatus::Blocked => "blocked",
        RunStatus::Stopped => "stopped",
        RunStatus::Failed => "failed",
    }
}
