//! An EventBridge bus: each event as its own entry, and the run's end.

use super::document::{Detail, EventBody, RUN_FINISHED, RunBody, SCHEMA};
use super::failed;
use crate::calls::op::Op;
use crate::calls::retry::send;
use crate::connection::Aws;
use crate::limiter::Limiter;
use crate::notify::about::About;
use crate::notify::limits::budget;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use keyrot_core::engine::NotifierError;
use keyrot_core::settings::Bus as BusId;
use keyrot_core::{Event, Timestamp};
use serde::Serialize;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The events' source, which rules match. AWS's own sources begin with `aws.`.
const SOURCE: &str = "keyrot";
/// The limits on entries and bytes in one request (EventBridge API reference, `PutEvents`).
const ENTRIES: usize = 10;
const BYTES: usize = 256 * 1024;
const ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(300);
/// Error codes of an entry that may be accepted the next time (EventBridge API reference,
/// `PutEventsResultEntry`).
const PASSING: [&str; 4] =
    ["ThrottlingException", "InternalFailure", "InternalException", "ServiceUnavailable"];

/// A bus, and a client in its region.
pub(crate) struct Bus {
    id: BusId,
    client: aws_sdk_eventbridge::Client,
    pace: Limiter,
}

/// An entry, and its size in the request, in bytes.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    entry: PutEventsRequestEntry,
    bytes: usize,
}

impl Bus {
    pub(super) fn new(id: &BusId, aws: &Aws, pace: &Limiter) -> Self {
        let notify = &aws.inner.notify;
        let region = id.region().unwrap_or_else(|| aws.region()).to_owned();
        let mut config = aws_sdk_eventbridge::config::Builder::from(&notify.config)
            .region(aws_config::Region::new(region));
        if let Some(url) = &notify.endpoint {
            config.set_endpoint_url(Some(url.clone()));
        }
        Self {
            id: id.clone(),
            client: aws_sdk_eventbridge::Client::from_conf(config.build()),
            pace: pace.clone(),
        }
    }

    pub(super) fn event(&self, event: &Event, about: &About) -> Result<Entry, NotifierError> {
        let arn = about.users.get(&event.user).map(|arn| arn.as_str().to_owned());
        let body = EventBody::new(event, about);
        self.entry(body.word(), event.at, body, arn, about)
    }

    pub(super) fn run(
        &self,
        run: RunBody,
        at: Timestamp,
        about: &About,
    ) -> Result<Entry, NotifierError> {
        self.entry(RUN_FINISHED, at, run, None, about)
    }

    /// Returns an event of detail-type `test`.
    #[cfg(feature = "doctor")]
    pub(super) fn test(&self, at: Timestamp, about: &About) -> Result<Entry, NotifierError> {
        #[derive(Serialize)]
        struct Test {
            at: Timestamp,
            message: &'static str,
        }
        self.entry("test", at, Test { at, message: super::document::TEST }, None, about)
    }

    fn entry<T: Serialize>(
        &self,
        kind: &str,
        at: Timestamp,
        what: T,
        arn: Option<String>,
        about: &About,
    ) -> Result<Entry, NotifierError> {
        let detail = Detail {
            schema: SCHEMA,
            account: about.account.as_deref(),
            region: &about.region,
            what,
        };
        let detail = serde_json::to_string(&detail).map_err(failed::document)?;
        // As EventBridge counts ("Calculating PutEvents event entry size"): 14 for the time, and
        // the texts.
        let bytes =
            14 + SOURCE.len() + kind.len() + detail.len() + arn.as_ref().map_or(0, String::len);
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(self.id.id())
            .source(SOURCE)
            .detail_type(kind)
            .time(DateTime::from_secs(at.timestamp()))
            .set_resources(arn.map(|arn| vec![arn]))
            .detail(detail)
            .build();
        Ok(Entry { entry, bytes })
    }

    /// Puts all entries on the bus, and returns how many were refused.
    pub(super) async fn put(&self, entries: Vec<Entry>, end: Instant) -> Result<(), NotifierError> {
        let (mut lost, mut last) = (0, None);
        for batch in batches(entries) {
            if let Err((count, error)) = self.put_batch(batch, end).await {
                (lost, last) = (lost + count, Some(error));
            }
        }
        let Some(error) = last else { return Ok(()) };
        let text = format!("{lost} events were not taken by the bus {}: {error}", self.id.id());
        Err(NotifierError::new(error.kind, text).with_source(error))
    }

    /// Sends one request, and retries with the refused entries.
    async fn put_batch(
        &self,
        mut batch: Vec<Entry>,
        end: Instant,
    ) -> Result<(), (usize, NotifierError)> {
        let op = Op::write("events:PutEvents", format!("the bus {}", self.id.id()), &self.pace);
        let mut given_up = (0, None);
        for attempt in 1.. {
            let entries: Vec<_> = batch.iter().map(|entry| entry.entry.clone()).collect();
            let call = self.client.put_events().set_entries(Some(entries));
            let answer = send(&op, &budget(end), || call.clone().send()).await;
            let answer =
                answer.map_err(|failure| (batch.len() + given_up.0, failure.error.into()))?;
            if answer.failed_entry_count == 0 {
                break;
            }
            let (again, refused) = sort(batch, answer.entries());
            if let Some(reason) = refused.last() {
                given_up = (given_up.0 + refused.len(), Some(failed::refused(reason)));
            }
            batch = again;
            let pause = PAUSE * attempt;
            if batch.is_empty() {
                break;
            }
            if attempt == ATTEMPTS || Instant::now() + pause >= end {
                let reason = format!("EventBridge still refuses them after {attempt} attempts");
                return Err((batch.len() + given_up.0, failed::unavailable(reason)));
            }
            sleep(pause).await;
        }
        given_up.1.map_or(Ok(()), |error| Err((given_up.0, error)))
    }
}

/// Sorts by the results, which are in the order of the entries: those to retry, and why the others
/// will never be accepted.
fn sort(batch: Vec<Entry>, results: &[PutEventsResultEntry]) -> (Vec<Entry>, Vec<String>) {
    let (mut again, mut refused) = (Vec::new(), Vec::new());
    for (i, entry) in batch.into_iter().enumerate() {
        let Some(code) = results.get(i).and_then(|result| result.error_code()) else { continue };
        if PASSING.contains(&code) {
            again.push(entry);
        } else {
            let message =
                results.get(i).and_then(|result| result.error_message()).unwrap_or_default();
            refused.push(crate::error_text::scrub::scrub(&format!("{code}: {message}"), &[]));
        }
    }
    (again, refused)
}

/// Splits entries into requests within EventBridge's limits.
fn batches(entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    let mut batches: Vec<Vec<Entry>> = Vec::new();
    let mut bytes = 0;
    for entry in entries {
        match batches.last_mut() {
            Some(batch) if batch.len() < ENTRIES && bytes + entry.bytes <= BYTES => {
                bytes += entry.bytes;
                batch.push(entry);
            }
            _ => {
                bytes = entry.bytes;
                batches.push(vec![entry]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(detail: &str, bytes: usize) -> Entry {
        Entry { entry: PutEventsRequestEntry::builder().detail(detail).build(), bytes }
    }

    #[test]
    fn requests_stay_within_ten_entries_and_256_kb() {
        let sizes = |entries: Vec<Entry>| batches(entries).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes((0..23).map(|_| entry("{}", 100)).collect()), [10, 10, 3]);
        assert_eq!(sizes((0..5).map(|_| entry("{}", 100 * 1024)).collect()), [2, 2, 1]);
        assert_eq!(sizes(vec![entry("{}", BYTES), entry("{}", 1)]), [1, 1]);
        assert!(sizes(Vec::new()).is_empty());
    }

    #[test]
    fn only_entries_that_may_be_accepted_are_sent_again() {
        let result = |code: Option<&str>| {
            PutEventsResultEntry::builder()
                .set_error_code(code.map(str::to_owned))
                .error_message("no")
                .build()
        };
        let results = [
            result(None),
            result(Some("ThrottlingException")),
            result(Some("MalformedDetail")),
            result(Some("InternalFailure")),
        ];
        let (again, refused) = sort(["a", "b", "c", "d"].map(|d| entry(d, 1)).into(), &results);
        let again: Vec<_> = again.iter().filter_map(|e| e.entry.detail()).collect();
        assert_eq!(again, ["b", "d"]);
        assert_eq!(refused, ["MalformedDetail: no"]);
    }
}
