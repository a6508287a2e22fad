//! Checks whether notifications would arrive, before there is one.

use super::document::TEST;
use super::failed::setup;
use super::limits::WITHIN;
use super::notifier::ChannelNotifier;
use super::signature;
use super::wording::Digest;
use crate::notify::about::About;
use crate::notify::channels::Channels;
use crate::notify::means::Means;
use keyrot_core::engine::NotifierError;
use keyrot_core::report::RunStatus;
use keyrot_core::settings::NotifySpec;
use keyrot_core::{Severity, Timestamp};
use std::sync::Arc;
use tokio::time::Instant;

/// The readiness of a notifier.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Readiness {
    /// Everything that it needs was read. Contains a message.
    Ready(String),
    /// It can only be checked by sending something. Contains a message.
    NotChecked(String),
    /// It is not usable, for this reason.
    NotReady(String),
}

impl Channels {
    /// Reads what each notifier needs, its URL and key, and sends nothing. Returns the results by
    /// name.
    pub async fn readiness(&self) -> Vec<(String, Readiness)> {
        let mut all = Vec::new();
        for (spec, means) in &self.all {
            all.push((spec.name().to_owned(), ready(spec, means).await));
        }
        all
    }

    /// Sends each notifier one test message, regardless of its minimum severity. Returns the
    /// results by name.
    ///
    /// A chat or topic gets a message, a webhook a signed document without events, a bus an event
    /// of detail-type `test`.
    pub async fn send_test(
        &self,
        account: Option<&str>,
        now: Timestamp,
    ) -> Vec<(String, Result<(), NotifierError>)> {
        let region = self.aws.region().to_owned();
        let about = About { account: account.map(str::to_owned), region, ..About::default() };
        let digest = Digest {
            severity: Severity::Info,
            verdict: RunStatus::Ok,
            headline: TEST.to_owned(),
            whence: format!(
                "{}{} · {}",
                account.map(|id| format!("account {id} · ")).unwrap_or_default(),
                about.region,
                now.format("%F %R UTC")
            ),
            problems: Vec::new(),
            troubled: 0,
            kinds: Vec::new(),
            warnings: Vec::new(),
            changes: Vec::new(),
            sum: "This is how keyrot will notify you.".to_owned(),
        };
        let about = Arc::new(about);
        let mut all = Vec::new();
        for (spec, means) in &self.all {
            let notifier = ChannelNotifier::new(spec, means.clone(), &self.aws, Arc::clone(&about));
            all.push((spec.name().to_owned(), notifier.test(&digest).await));
        }
        all
    }
}

async fn ready(spec: &NotifySpec, means: &Means) -> Readiness {
    let end = Instant::now() + WITHIN;
    let kind = spec.target().kind();
    let found = match means {
        Means::Slack(hook) | Means::Teams(hook) => hook.leads_to(end).await,
        Means::Webhook { hook, key } => match hook.leads_to(end).await {
            Ok(host) => match key.get(end).await {
                Ok(text) => signature::key(&text)
                    .map(|_| host)
                    .map_err(|why| setup(format!("{}: {why}", key.source()))),
                Err(why) => Err(why),
            },
            Err(why) => Err(why),
        },
        Means::Sns(_) => {
            return Readiness::NotChecked(
                "a topic can only be checked by publishing to it".to_owned(),
            );
        }
        Means::EventBridge(_) => {
            return Readiness::NotChecked(
                "a bus can only be checked by putting an event".to_owned(),
            );
        }
    };
    match found {
        Ok(host) => Readiness::Ready(format!("{kind}: its URL could be read, and leads to {host}")),
        Err(error) => Readiness::NotReady(error.message),
    }
}
