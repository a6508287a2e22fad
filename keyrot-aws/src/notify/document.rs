//! The document for programs: `keyrot.events/2` for webhooks, and the details of EventBridge
//! events. `docs/notifications.md` and `keyrot-aws/schema/keyrot.events.schema.json` describe them;
//! they change only together with the number.

use super::wording::{clip, severity};
use crate::notify::about::About;
use keyrot_core::model::UseEvidence;
use keyrot_core::report::{Counts, EventDocument, RunStatus, schema};
use keyrot_core::{
    Event, EventKind, KeyId, Report, RunDocument, SecretName, Selected, Severity, Timestamp,
    UserName,
};
use serde::Serialize;

pub(super) const SCHEMA: &str = "keyrot.events/2";
/// The code of the run's end, in addition to those of the events.
pub(super) const RUN_FINISHED: &str = "run_finished";
/// The text of a test message.
#[cfg(feature = "doctor")]
pub(super) const TEST: &str = "a test by keyrot doctor; nothing happened";
/// The longest message: people read no more, and EventBridge limits an entry.
const LONGEST: usize = 4_000;

/// Returns the body of a webhook's request.
#[derive(Debug, Serialize)]
pub(super) struct EventsDocument<'a> {
    schema: &'static str,
    id: &'a str,
    account: Option<&'a str>,
    region: &'a str,
    events: Vec<EventBody<'a>>,
    run: Option<RunBody>,
}

/// Returns one event.
#[derive(Debug, Serialize)]
pub(super) struct EventBody<'a> {
    at: Timestamp,
    event: &'static str,
    severity: Severity,
    user: &'a UserName,
    arn: Option<&'a str>,
    owner: Option<&'a str>,
    secret: &'a SecretName,
    key: Option<KeyId>,
    replaced: Option<&'a KeyId>,
    message: String,
    hint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uses: Option<&'a UseEvidence>,
}

/// Returns the run's end.
#[derive(Debug, Serialize)]
pub(super) struct RunBody {
    started: Timestamp,
    finished: Timestamp,
    result: RunStatus,
    severity: Severity,
    counts: Counts,
}

/// Returns the detail of an EventBridge event: an event or the run's end, and the run that it comes
/// from.
#[derive(Debug, Serialize)]
pub(super) struct Detail<'a, T: Serialize> {
    pub(super) schema: &'static str,
    pub(super) account: Option<&'a str>,
    pub(super) region: &'a str,
    #[serde(flatten)]
    pub(super) what: T,
}

impl<'a> EventsDocument<'a> {
    pub(super) fn new(
        id: &'a str,
        about: &'a About,
        events: Vec<EventBody<'a>>,
        run: Option<RunBody>,
    ) -> Self {
        Self {
            schema: SCHEMA,
            id,
            account: about.account.as_deref(),
            region: &about.region,
            events,
            run,
        }
    }
}

impl<'a> EventBody<'a> {
    /// Returns the event's code, the same as in the documents of `keyrot rotate --json`.
    pub(super) fn word(&self) -> &'static str {
        self.event
    }

    pub(super) fn new(event: &'a Event, about: &'a About) -> Self {
        let EventDocument { at, event: word, severity, key, message, .. } =
            EventDocument::of(event);
        let uses = match &event.kind {
            EventKind::UsedBy(evidence) => Some(evidence),
            _ => None,
        };
        let (hint, replaced) = match &event.kind {
            EventKind::Blocked { reason } => (Some(reason.hint(&event.user)), None),
            EventKind::Rotated { replaced, .. } => (None, replaced.as_ref()),
            _ => (None, None),
        };
        Self {
            at,
            event: word,
            severity,
            user: &event.user,
            arn: about.users.get(&event.user).map(|arn| arn.as_str()),
            owner: event.owner.as_deref(),
            secret: &event.secret,
            key,
            replaced,
            message: clip(&message, LONGEST),
            hint: hint.map(|hint| clip(&hint, LONGEST)),
            uses,
        }
    }
}

impl RunBody {
    pub(super) fn new(report: &Report) -> Self {
        let RunDocument { started, finished, result, counts, .. } =
            RunDocument::new(schema::ROTATE, report, &Selected::default());
        Self {
            started,
            finished,
            result,
            severity: severity(report).unwrap_or(Severity::Info),
            counts,
        }
    }
}
