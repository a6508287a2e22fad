//! The document of a run's result for one user.

use crate::decide::decision::blocked::{Blocked, Evidence};
use crate::decide::decision::{Step, Why};
use crate::decide::destinations::DestinationState;
use crate::engine::report::UserResult;
use crate::machine::event::{Event, EventKind, Severity};
use crate::machine::outcome::{Outcome, Stop};
use crate::machine::planned::PlannedAction;
use crate::model::error::ErrorKind;
use crate::model::journal::JournalEntry;
use crate::model::names::{KeyId, SecretName, UserName};
use crate::model::observed::{AccessKey, KeyStatus, LastUse};
use crate::model::text::age_days;
use crate::model::time::Timestamp;
use crate::model::trail::evidence::UseEvidence;
use crate::report::hint::{Hint, as_text, worded};
use crate::report::sentence::{outcome_text, rest_text};
use crate::report::state::{RunStatus, State};
use serde::{Serialize, Serializer};

/// A run's result for one user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UserDocument {
    /// The user.
    pub user: UserName,
    /// The user's owner, from the tag `keyrot:owner`.
    pub owner: Option<String>,
    /// The user's secret.
    pub secret: SecretName,
    /// The user's state.
    pub state: State,
    /// The state in detail, as one word, such as `overlap` or `unknown_keys`: the code of
    /// [`outcome`](Self::outcome).
    pub reason: &'static str,
    /// The state as a value; not in the document.
    #[serde(skip)]
    pub outcome: Outcome,
    /// The state as a message.
    pub message: String,
    /// The message about the rest of a revocation whose key was deactivated, if the rest was not
    /// done. Not in the document, where `message` has both.
    #[serde(skip)]
    pub rest: Option<String>,
    /// What is wrong while the user waits, or while a step is due: a revoked key works, or the
    /// current key doesn't. Not in the document, where `message` begins with it.
    #[serde(skip)]
    pub meanwhile: Option<String>,
    /// In a plan that verifies a key first: the steps that follow if the key works. Omitted if
    /// there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub intended: Vec<PlannedAction>,
    /// What the operator can do, if there is something to do. The document has this as one text,
    /// `hint`.
    #[serde(rename = "hint", serialize_with = "as_text")]
    pub hints: Vec<Hint>,
    /// When to check again.
    pub until: Option<Timestamp>,
    /// The key with the AWSCURRENT label.
    pub current: Option<KeyId>,
    /// The key with the AWSPREVIOUS label, whether or not it still exists.
    pub previous: Option<KeyId>,
    /// The keys that are revoked, unless the revocation was taken back.
    pub revoked: Vec<KeyId>,
    /// When the current key's rotation begins.
    pub due: Option<Timestamp>,
    /// When the current key will no longer be Active, if its consumers move: `max_age` after its
    /// creation.
    pub deadline: Option<Timestamp>,
    /// The user's keys, the oldest first.
    pub keys: Vec<KeyDocument>,
    /// The key's destinations and their states; absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub destinations: Vec<DestinationState>,
    /// The known uses of the keys that affect the state.
    pub evidence: Vec<EvidenceDocument>,
    /// What happened in this run.
    pub events: Vec<EventDocument>,
    /// How many calls were made for the user.
    pub calls: usize,
}

/// One key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct KeyDocument {
    /// Its id.
    pub id: KeyId,
    /// Its status; in the document `active`, `inactive`, or IAM's own word.
    #[serde(serialize_with = "as_word")]
    pub status: KeyStatus,
    /// When it was created.
    pub created: Timestamp,
    /// Its age in whole days.
    pub age_days: i64,
    /// Whether it has the AWSCURRENT label.
    pub current: bool,
}

/// The known use of one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EvidenceDocument {
    /// The key.
    pub key: KeyId,
    /// When it was last used; `null` if no use is on record, or if the record could not be read:
    /// `message` says which.
    pub last_used: Option<Timestamp>,
    /// The service called, such as `s3`.
    pub service: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The known use as a message.
    pub message: String,
    /// Its uses in CloudTrail: only for a key that is held because it is in use, and only if the
    /// run asks CloudTrail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uses: Option<UseEvidence>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EventDocument {
    /// When it happened.
    pub at: Timestamp,
    /// The kind of event, as one word, such as `rotated`: the code of [`kind`](Self::kind).
    pub event: &'static str,
    /// The event as a value; not in the document.
    #[serde(skip)]
    pub kind: EventKind,
    /// Its severity.
    pub severity: Severity,
    /// The key that it is about.
    pub key: Option<KeyId>,
    /// The event as a message.
    pub message: String,
}

impl Outcome {
    /// Returns the run's status according to this outcome of one user. Reaching `max_changes` or
    /// `max_adoptions` is intended.
    #[must_use]
    pub fn verdict(&self) -> RunStatus {
        match self {
            Self::Settled { .. } | Self::Waiting(_) | Self::Due(_) | Self::Verifying { .. } => {
                RunStatus::Ok
            }
            Self::Done | Self::Planned(_) | Self::Revoked { .. } => RunStatus::Ok,
            Self::Stopped(Stop::ChangeLimit | Stop::AdoptionLimit | Stop::UserGone) => {
                RunStatus::Ok
            }
            Self::Blocked(_) => RunStatus::Blocked,
            Self::Stopped(Stop::Cancelled) => RunStatus::Stopped,
            Self::Stopped(Stop::Deadline | Stop::TookTooLong | Stop::Contention) => {
                RunStatus::Failed
            }
            Self::Failed(_) | Self::Panicked(_) | Self::Refused(_) => RunStatus::Failed,
        }
    }

    /// Returns the state as one word.
    #[must_use]
    pub fn state(&self) -> State {
        match self {
            Self::Settled { .. } | Self::Done | Self::Revoked { .. } => State::Settled,
            Self::Waiting(_) => State::Waiting,
            Self::Due(_) | Self::Verifying { .. } | Self::Planned(_) => State::Due,
            Self::Blocked(_) => State::Blocked,
            Self::Stopped(
                Stop::Cancelled | Stop::ChangeLimit | Stop::AdoptionLimit | Stop::UserGone,
            ) => State::Stopped,
            Self::Stopped(_) | Self::Failed(_) | Self::Panicked(_) | Self::Refused(_) => {
                State::Failed
            }
        }
    }

    /// Returns its code, such as `overlap` or `managed_elsewhere`.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Settled { .. } => "settled",
            Self::Done => "done",
            Self::Revoked { .. } => "revoked",
            Self::Planned(_) => "intended",
            Self::Refused(refusal) => refusal.code(),
            Self::Waiting(wait) => wait.why.code(),
            Self::Due(step) => step.code(),
            Self::Verifying { .. } => "verify",
            Self::Blocked(blocked) => blocked.code(),
            Self::Stopped(Stop::Cancelled) => "cancelled",
            Self::Stopped(Stop::Deadline) => "deadline",
            Self::Stopped(Stop::ChangeLimit) => "change_limit",
            Self::Stopped(Stop::AdoptionLimit) => "adoption_limit",
            Self::Stopped(Stop::TookTooLong) => "took_too_long",
            Self::Stopped(Stop::Contention) => "contention",
            Self::Stopped(Stop::UserGone) => "user_gone",
            Self::Failed(failure) => match failure.error.kind {
                ErrorKind::Denied => "denied",
                ErrorKind::Throttled => "throttled",
                ErrorKind::Conflict => "conflict",
                ErrorKind::NotFound => "not_found",
                ErrorKind::LimitExceeded => "limit_exceeded",
                ErrorKind::Unavailable => "unavailable",
                ErrorKind::NoEffect => "no_effect",
                ErrorKind::InProgress => "in_progress",
                ErrorKind::Other => "refused",
            },
            Self::Panicked(_) => "panicked",
        }
    }

    fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Settled { until } => Some(*until),
            Self::Waiting(wait) | Self::Blocked(Blocked::Overdue { wait, .. }) => wait.until,
            _ => None,
        }
    }

    fn evidence(&self) -> Vec<EvidenceDocument> {
        match self {
            Self::Waiting(wait) => match &wait.why {
                Why::InUse { key, last_use }
                | Why::NotPickedUp { key, last_use, .. }
                | Why::UsedLate { key, last_use, .. } => vec![EvidenceDocument::new(key, last_use)],
                Why::NoRecord(key) => vec![EvidenceDocument::new(key, &LastUse::NoRecord)],
                Why::UseUnknown { key, reason } => {
                    vec![EvidenceDocument::new(key, &LastUse::Unknown(reason.clone()))]
                }
                _ => Vec::new(),
            },
            Self::Blocked(Blocked::UnknownKeys(keys)) => keys
                .iter()
                .map(|Evidence { key, last_use, .. }| EvidenceDocument::new(key, last_use))
                .collect(),
            _ => Vec::new(),
        }
    }
}

impl UserDocument {
    /// Returns the document of a run's result for a user, at this time.
    #[must_use]
    pub fn new(one: &UserResult, now: Timestamp) -> Self {
        let key = |key: &AccessKey| KeyDocument {
            id: key.id.clone(),
            status: key.status.clone(),
            created: key.created,
            age_days: age_days(key.created, now),
            current: Some(&key.id) == one.current.as_ref(),
        };
        Self {
            user: one.user.clone(),
            owner: one.owner.clone(),
            secret: one.secret.clone(),
            state: one.outcome.state(),
            reason: one.outcome.reason(),
            outcome: one.outcome.clone(),
            message: outcome_text(one, now),
            rest: match &one.outcome {
                Outcome::Revoked { rest, .. } => Some(rest_text(one, rest, now)),
                _ => None,
            },
            meanwhile: match &one.outcome {
                Outcome::Waiting(_) | Outcome::Due(_) => one.meanwhile(),
                _ => None,
            },
            intended: match &one.outcome {
                Outcome::Verifying { then, .. } => then.clone(),
                _ => Vec::new(),
            },
            hints: one.hints(),
            until: one.outcome.until(),
            current: one.current.clone(),
            previous: one.previous.clone(),
            revoked: one.revoked.clone(),
            due: one.due,
            deadline: one.deadline,
            keys: one.keys.iter().map(key).collect(),
            destinations: one.destinations.clone(),
            evidence: with_uses(one),
            events: one.events.iter().map(EventDocument::of).collect(),
            calls: one.calls,
        }
    }

    /// Whether a plan found that a published key is due to be replaced.
    #[must_use]
    pub fn rotation_is_due(&self) -> bool {
        let Outcome::Due(step) = &self.outcome else { return false };
        matches!(step, Step::Write(JournalEntry::Intent(_)) | Step::TestWrite | Step::CreateKey)
    }

    /// Whether a plan found that the user will be adopted, and has no secret or an empty one.
    #[must_use]
    pub fn adoption_is_due(&self) -> bool {
        matches!(&self.outcome, Outcome::Due(Step::CreateSecret | Step::PutPlaceholder))
    }

    /// Returns the hints as one text in the CLI's words; `None` if there are none.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        (!self.hints.is_empty()).then(|| worded(&self.hints))
    }

    /// Returns the keys that do not have the AWSCURRENT label.
    pub fn other_keys(&self) -> impl Iterator<Item = &KeyDocument> {
        self.keys.iter().filter(|key| !key.current)
    }
}

/// Serializes a key's status as one word.
pub(crate) fn as_word<S: Serializer>(status: &KeyStatus, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(status.word())
}

impl EventDocument {
    /// Returns the event as a document, without its user.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        Self {
            at: event.at,
            event: event.kind.code(),
            kind: event.kind.clone(),
            severity: event.kind.severity(),
            key: event.kind.key().cloned(),
            message: event.kind.to_string(),
        }
    }
}

impl EvidenceDocument {
    /// Returns the known use of this key.
    #[must_use]
    pub fn new(key: &KeyId, last_use: &LastUse) -> Self {
        let (last_used, service, region) = match last_use {
            LastUse::At { when, service, region } => {
                (Some(*when), Some(service.clone()), Some(region.clone()))
            }
            LastUse::NoRecord | LastUse::Unknown(_) => (None, None, None),
        };
        Self {
            key: key.clone(),
            last_used,
            service,
            region,
            message: last_use.to_string(),
            uses: None,
        }
    }
}

/// Returns the evidence for the state, with CloudTrail's uses of the same key.
pub(crate) fn with_uses(one: &UserResult) -> Vec<EvidenceDocument> {
    let mut all = one.outcome.evidence();
    for event in &one.events {
        if let EventKind::UsedBy(uses) = &event.kind
            && let Some(of_key) = all.iter_mut().find(|evidence| evidence.key == uses.key)
        {
            of_key.uses = Some(uses.clone());
        }
    }
    all
}
