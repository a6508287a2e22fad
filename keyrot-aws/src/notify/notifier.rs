//! The port: sends events, and the run's end, to one notifier.

use super::document::{EventBody, EventsDocument, RunBody};
use super::failed::{self, setup};
use super::hook::Hook;
use super::secret_ref::Hidden;
use super::wording::{Digest, severity};
use super::{signature, slack, teams};
use crate::connection::Aws;
use crate::http::plain::Http;
use crate::notify::about::About;
use crate::notify::limits::WITHIN;
use crate::notify::means::Means;
use async_trait::async_trait;
use keyrot_core::engine::{NotifierError, NotifierErrorKind};
use keyrot_core::settings::NotifySpec;
use keyrot_core::{Event, Notifier, Report, Severity};
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::time::{Instant, timeout_at};

/// One notifier of one run.
pub(super) struct ChannelNotifier {
    name: String,
    min: Severity,
    means: Means,
    aws: Aws,
    about: Arc<About>,
}

impl ChannelNotifier {
    pub(super) fn new(spec: &NotifySpec, means: Means, aws: &Aws, about: Arc<About>) -> Self {
        Self { name: spec.name().to_owned(), min: spec.min(), means, aws: aws.clone(), about }
    }

    fn http(&self) -> &Http {
        &self.aws.inner.notify.http
    }

    /// Sends one message per run, if the run is severe enough.
    async fn digest(&self, report: &Report, end: Instant) -> Result<(), NotifierError> {
        let Some(digest) =
            Digest::new(report, &self.about).filter(|digest| digest.severity >= self.min)
        else {
            return Ok(());
        };
        match &self.means {
            Means::Slack(hook) => self.chat(hook, &slack::message(&digest).to_string(), end).await,
            Means::Teams(hook) => self.chat(hook, &teams::message(&digest).to_string(), end).await,
            Means::Sns(topic) => {
                topic.publish(&digest, self.about.account.as_deref(), &id(), end).await
            }
            Means::Webhook { .. } | Means::EventBridge(_) => Ok(()),
        }
    }

    /// Sends one message that says that it is a test, at any minimum severity.
    #[cfg(feature = "doctor")]
    pub(super) async fn test(&self, digest: &Digest) -> Result<(), NotifierError> {
        let end = Instant::now() + WITHIN;
        let sent = async {
            match &self.means {
                Means::Slack(hook) => {
                    self.chat(hook, &slack::message(digest).to_string(), end).await
                }
                Means::Teams(hook) => {
                    self.chat(hook, &teams::message(digest).to_string(), end).await
                }
                Means::Sns(topic) => {
                    topic.publish(digest, self.about.account.as_deref(), &id(), end).await
                }
                Means::Webhook { hook, key } => {
                    self.signed(hook, key, Document { events: Vec::new(), run: None }, end).await
                }
                Means::EventBridge(bus) => {
                    bus.put(vec![bus.test(SystemTime::now().into(), &self.about)?], end).await
                }
            }
        };
        within(end, sent).await
    }

    async fn chat(&self, hook: &Hook, body: &str, end: Instant) -> Result<(), NotifierError> {
        hook.post(self.http(), body, &Vec::new, end).await.map_err(|failed| failed.error)
    }

    async fn signed(
        &self,
        hook: &Hook,
        key: &Hidden,
        document: Document<'_>,
        end: Instant,
    ) -> Result<(), NotifierError> {
        let id = id();
        let document = EventsDocument::new(&id, &self.about, document.events, document.run);
        let body = serde_json::to_string(&document).map_err(failed::document)?;
        let mut text = key.get(end).await?;
        loop {
            let bytes = match signature::key(&text) {
                Ok(bytes) => bytes,
                Err(why) => {
                    key.forget(&text).await;
                    return Err(setup(format!("{}: {why}", key.source())));
                }
            };
            let headers = || {
                let now = SystemTime::now()
                    .duration_since(SystemTime::UNIX_EPOCH)
                    .unwrap_or_default()
                    .as_secs();
                let signature = signature::sign(&bytes, &id, now, &body);
                vec![
                    (signature::ID, id.clone()),
                    (signature::TIMESTAMP, now.to_string()),
                    (signature::SIGNATURE, signature),
                ]
            };
            let Err(failed) = hook.post(self.http(), &body, &headers, end).await else {
                return Ok(());
            };
            // The key may have been changed since it was read.
            let other = if failed.refused { key.other_than(&text, end).await? } else { None };
            text = other.ok_or(failed.error)?;
        }
    }
}

/// The content of one request to a webhook.
struct Document<'a> {
    events: Vec<EventBody<'a>>,
    run: Option<RunBody>,
}

#[async_trait]
impl Notifier for ChannelNotifier {
    fn name(&self) -> String {
        self.name.clone()
    }

    async fn happened(&self, events: &[Event]) -> Result<(), NotifierError> {
        let events: Vec<&Event> =
            events.iter().filter(|event| event.kind.severity() >= self.min).collect();
        if events.is_empty() {
            return Ok(());
        }
        let end = Instant::now() + WITHIN;
        match &self.means {
            Means::Slack(_) | Means::Teams(_) | Means::Sns(_) => Ok(()),
            Means::Webhook { hook, key } => {
                let events =
                    events.iter().map(|event| EventBody::new(event, &self.about)).collect();
                within(end, self.signed(hook, key, Document { events, run: None }, end)).await
            }
            Means::EventBridge(bus) => {
                let entries = events
                    .iter()
                    .map(|event| bus.event(event, &self.about))
                    .collect::<Result<_, _>>()?;
                within(end, bus.put(entries, end)).await
            }
        }
    }

    async fn finished(&self, report: &Report) -> Result<(), NotifierError> {
        let end = Instant::now() + WITHIN;
        let run = || RunBody::new(report);
        match &self.means {
            Means::Slack(_) | Means::Teams(_) | Means::Sns(_) => {
                within(end, self.digest(report, end)).await
            }
            _ if severity(report).unwrap_or(Severity::Info) < self.min => Ok(()),
            Means::Webhook { hook, key } => {
                let document = Document { events: Vec::new(), run: Some(run()) };
                within(end, self.signed(hook, key, document, end)).await
            }
            Means::EventBridge(bus) => {
                let entry = bus.run(run(), report.finished, &self.about)?;
                within(end, bus.put(vec![entry], end)).await
            }
        }
    }
}

async fn within(
    end: Instant,
    work: impl Future<Output = Result<(), NotifierError>>,
) -> Result<(), NotifierError> {
    let late = || {
        NotifierError::new(
            NotifierErrorKind::TimedOut,
            format!("not done within {} seconds", WITHIN.as_secs()),
        )
    };
    timeout_at(end, work).await.unwrap_or_else(|_| Err(late()))
}

/// Returns a message's id. It only has to differ each time.
fn id() -> String {
    let part = |seed: u8| RandomState::new().hash_one((SystemTime::now(), seed));
    format!("msg_{:016x}{:016x}", part(0), part(1))
}
