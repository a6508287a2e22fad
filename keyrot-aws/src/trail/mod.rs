//! CloudTrail's event history: the uses of a key, with source and user agent. `LookupEvents` is
//! called region by region, with the attribute `AccessKeyId`.

use crate::connection::trail_clients::Regional;
mod record;

use crate::calls::op::Op;
use crate::calls::retry::send;
use crate::connection::Aws;
use crate::iam::access_keys::last_use;
use async_trait::async_trait;
use aws_sdk_cloudtrail::types::{LookupAttribute, LookupAttributeKey};
use aws_smithy_types::DateTime;
use keyrot_core::model::Partition;
use keyrot_core::trail::{KeyRecord, TrailAsk, TrailPage, TrailPort};
use keyrot_core::{CallError, KeyId, UserName};

/// The largest page (CloudTrail API reference, `LookupEvents`, parameter `MaxResults`).
const PAGE: i32 = 50;

/// Returns the region that has the events of global services, such as IAM (CloudTrail user guide,
/// "Global service events").
pub(crate) fn home_region(region: &str) -> &'static str {
    Partition::of_region(region).global_region()
}

#[async_trait]
impl TrailPort for Aws {
    fn regions(&self) -> Vec<String> {
        let own = self.region();
        let home = home_region(own);
        if own == home { vec![own.to_owned()] } else { vec![own.to_owned(), home.to_owned()] }
    }

    async fn key_record(&self, key: &KeyId) -> Result<KeyRecord, CallError> {
        let op = Op::read(
            "iam:GetAccessKeyLastUsed",
            format!("key {key}"),
            &self.inner.limits.iam_reads,
        );
        let call = self.inner.iam.get_access_key_last_used().access_key_id(key.as_str());
        let answer = send(&op, &self.budget(), || call.clone().send()).await?;
        let user = answer.user_name.ok_or_else(|| op.malformed_response("it names no user"))?;
        let user = UserName::parse(user).map_err(|e| op.malformed_response(&e.to_string()))?;
        Ok(KeyRecord { user, last_use: last_use(&op, answer.access_key_last_used)? })
    }

    async fn page<'a>(
        &self,
        ask: &TrailAsk,
        next: Option<&'a str>,
    ) -> Result<TrailPage, CallError> {
        let Regional { client, limiter } = self.inner.trails.of(&ask.region);
        let op = Op::read(
            "cloudtrail:LookupEvents",
            format!("key {} in {}", ask.key, ask.region),
            &limiter,
        );
        let by = LookupAttribute::builder()
            .attribute_key(LookupAttributeKey::AccessKeyId)
            .attribute_value(ask.key.as_str())
            .build()
            .map_err(|error| op.malformed_response(&error.to_string()))?;
        let call = client
            .lookup_events()
            .lookup_attributes(by)
            .start_time(DateTime::from_secs(ask.since.timestamp()))
            .max_results(PAGE)
            .set_next_token(next.map(str::to_owned));
        let answer = send(&op, &self.budget(), || call.clone().send()).await?;
        let mut page = TrailPage {
            next: answer.next_token.filter(|token| !token.is_empty()),
            ..TrailPage::default()
        };
        for event in answer.events.unwrap_or_default() {
            match event.cloud_trail_event.as_deref().and_then(|text| record::read(text, &ask.key)) {
                Some(read) => page.events.push(read),
                None => page.unreadable += 1,
            }
        }
        Ok(page)
    }
}
