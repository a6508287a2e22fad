//! What a run brought, as one stable document: what `keyrot rotate --json` prints and the Lambda function answers.
//!
//! The names and shapes here are an interface: they change only together with the number in [`RunDocument::schema`]. Times are RFC 3339 in
//! UTC. No secret material is in it: none of the types that it is made from holds any.

use crate::decide::decision::Why;
use crate::decide::decision::blocked::{Blocked, Evidence};
use crate::engine::report::NotifierFailure;
use crate::engine::report::{Report, UserResult};
use crate::machine::event::{Event, EventKind, Severity};
use crate::machine::outcome::{Outcome, Stop};
use crate::machine::planned::PlannedAction;
use crate::model::error::ErrorKind;
use crate::model::names::{KeyId, SecretName, UserName};
use crate::model::observed::{AccessKey, LastUse};
use crate::model::request::Request;
use crate::model::time::Timestamp;
use crate::model::usage::evidence::UseEvidence;
use crate::report::codes::outcome_text;
use crate::requests::aftermath::StillAlive;
use crate::requests::resolution::Resolution;
use crate::requests::sessions::EndedSessions;
use crate::selection::pattern::Pattern;
use crate::selection::{Selected, Skipped};
use serde::Serialize;

/// How a run went as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Nobody has to do anything.
    Ok,
    /// Some user waits for a person's decision.
    Blocked,
    /// Somebody stopped the run before it was done.
    Stopped,
    /// Some user failed, or was not done in time.
    Failed,
}

/// A run in one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunDocument {
    /// Which document this is, and which edition of it: `keyrot.rotate/1`, `keyrot.plan/1`, `keyrot.status/1`.
    pub schema: &'static str,
    /// The account, if it is known.
    pub account: Option<String>,
    /// The region of the users' secrets, if it is known.
    pub region: Option<String>,
    /// When the run began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
    /// The worst that happened.
    pub result: RunStatus,
    /// How many users are where.
    pub counts: Counts,
    /// Each selected user, by name.
    pub users: Vec<UserDocument>,
    /// How many users of the account were left alone, and why.
    pub skipped: Skipped,
    /// Exclusions that fit no user: perhaps mistyped.
    pub unmatched_exclusions: Vec<Pattern>,
    /// What could not be told to notifiers.
    pub notifier_failures: Vec<NotifierFailure>,
}

/// How many.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Users selected.
    pub users: usize,
    /// Users with nothing to do until their key's rotation begins.
    pub settled: usize,
    /// Users for whom something runs its course.
    pub waiting: usize,
    /// Of those, users whose old key is kept because it is, or may be, in use.
    pub held: usize,
    /// Users for whom a change is due (a plan).
    pub due: usize,
    /// Users who need a person.
    pub blocked: usize,
    /// Users who failed, or were not done in time.
    pub failed: usize,
    /// Users not done because somebody stopped the run, or `max_changes` or `max_adoptions` was reached.
    pub stopped: usize,
    /// Users whom keyrot has not changed yet and is to adopt: those who wait for a later run, or, in a plan, all of them.
    pub to_adopt: usize,
    /// Keys published in this run.
    pub rotated: usize,
    /// Keys deactivated in this run.
    pub retired: usize,
    /// Keys deleted in this run.
    pub deleted: usize,
    /// The age of the oldest key of all selected users, in whole days.
    pub oldest_key_days: i64,
}

/// Where the run leaves one user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserDocument {
    /// Who.
    pub user: UserName,
    /// Who answers for the user, by the tag `keyrot:owner`.
    pub owner: Option<String>,
    /// The user's secret.
    pub secret: SecretName,
    /// Where the user stands.
    pub state: State,
    /// The state in detail, as one word, such as `overlap` or `unknown_keys`.
    pub reason: &'static str,
    /// The same for people.
    pub message: String,
    /// What a person can do, where one has to.
    pub hint: Option<String>,
    /// When it is worth looking again.
    pub until: Option<Timestamp>,
    /// The key under AWSCURRENT.
    pub current: Option<KeyId>,
    /// The key under AWSPREVIOUS, whether or not it still exists.
    pub previous: Option<KeyId>,
    /// The keys that are revoked, as long as nobody has taken that back.
    pub revoked: Vec<KeyId>,
    /// When its rotation begins.
    pub due: Option<Timestamp>,
    /// When it is no longer Active, if its consumers move over: `max_age` after it was made.
    pub deadline: Option<Timestamp>,
    /// The user's keys, the oldest first.
    pub keys: Vec<KeyDocument>,
    /// What is known of the use of keys that matter to the state.
    pub evidence: Vec<EvidenceDocument>,
    /// What happened in this run.
    pub events: Vec<EventDocument>,
    /// How many calls the user took.
    pub calls: usize,
}

/// Where a user stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing to do until the key's rotation begins.
    Settled,
    /// Something runs its course.
    Waiting,
    /// A change is due; a plan makes none.
    Due,
    /// A person has to decide.
    Blocked,
    /// The run ended before the user was done.
    Stopped,
    /// A call failed, or something panicked.
    Failed,
}

/// One key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyDocument {
    /// Its id.
    pub id: KeyId,
    /// `active`, `inactive`, or IAM's own word.
    pub status: String,
    /// When it was made.
    pub created: Timestamp,
    /// Its age in whole days.
    pub age_days: i64,
    /// Whether it stands under AWSCURRENT.
    pub current: bool,
}

/// What is known of one key's use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EvidenceDocument {
    /// The key.
    pub key: KeyId,
    /// When it was last used; `null` if no use is on record or none could be found out: `message` says which.
    pub last_used: Option<Timestamp>,
    /// The service called, such as `s3`.
    pub service: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The same for people.
    pub message: String,
    /// Who uses it, by CloudTrail: only of a key that is held because it is in use, and only where the run was to ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uses: Option<UseEvidence>,
}

/// A person's request, and what came of it: what `keyrot rollback`, `revoke` and `resolve` print with `--json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestDocument {
    /// Which document this is, and which edition of it: `keyrot.rollback/1`, `keyrot.revoke/1`, `keyrot.resolve/1`.
    pub schema: &'static str,
    /// When it was begun.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
    /// The account, twelve digits; `null` where only IAM was used, which does not say it.
    pub account: Option<String>,
    /// The region of the secret; `null` in an account that is made up.
    pub region: Option<String>,
    /// What was asked for; `null` where there was nothing to ask for.
    pub request: Option<Request>,
    /// Whether it was only looked at, and nothing was changed.
    pub dry_run: bool,
    /// What it was to do, step by step.
    pub intended: Vec<PlannedAction>,
    /// When the user's keys were last used, before anything was changed.
    pub evidence: Vec<EvidenceDocument>,
    /// How it ended: [`UserDocument::reason`] is `done`, or `intended` with `dry_run`, or says what came in the way.
    pub user: UserDocument,
    /// What could be asked for instead: the ways out for a user who is blocked.
    pub choices: Vec<Resolution>,
    /// Where it leaves the user: what the next run finds. `null` where nothing was changed, or where a signal came before it could be looked at.
    pub left: Option<UserDocument>,
    /// What still works, or may, although a key was revoked: each with what ends it.
    pub still_alive: Vec<StillAlive>,
    /// The end of the user's sessions, if that was asked for and done.
    pub sessions_ended: Option<EndedSessions>,
    /// Why the user's sessions were not ended, if that was asked for.
    pub sessions_not_ended: Option<String>,
    /// What could not be told to notifiers.
    pub notifier_failures: Vec<NotifierFailure>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventDocument {
    /// When.
    pub at: Timestamp,
    /// What, as one word, such as `rotated`.
    pub event: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// The key that it is about.
    pub key: Option<KeyId>,
    /// The same for people.
    pub message: String,
}

impl RunDocument {
    /// The document of a run on what was selected.
    #[must_use]
    pub fn new(schema: &'static str, report: &Report, selected: &Selected) -> Self {
        let users: Vec<_> = report.users.iter().map(|one| UserDocument::new(one, report.finished)).collect();
        Self {
            schema,
            account: selected.account.clone(),
            region: selected.region.clone(),
            started: report.started,
            finished: report.finished,
            result: report.verdict(),
            counts: Counts::of(report),
            users,
            skipped: selected.skipped,
            unmatched_exclusions: selected.unmatched_exclusions.clone(),
            notifier_failures: report.notifier_failures.clone(),
        }
    }
}

impl Report {
    /// The worst that happened to any user.
    #[must_use]
    pub fn verdict(&self) -> RunStatus {
        self.users.iter().map(|one| one.outcome.verdict()).max().unwrap_or(RunStatus::Ok)
    }
}

impl Outcome {
    /// What this end of one user's work means for the whole run. To have reached `max_changes` or `max_adoptions` is what was asked for.
    #[must_use]
    pub fn verdict(&self) -> RunStatus {
        match self {
            Self::Settled { .. } | Self::Waiting(_) | Self::Due(_) | Self::Verifying { .. } => RunStatus::Ok,
            Self::Done | Self::Planned(_) | Self::Revoked { .. } => RunStatus::Ok,
            Self::Stopped(Stop::ChangeLimit | Stop::AdoptionLimit) => RunStatus::Ok,
            Self::Blocked(_) => RunStatus::Blocked,
            Self::Stopped(Stop::Cancelled) => RunStatus::Stopped,
            Self::Stopped(Stop::Deadline | Stop::TookTooLong | Stop::Contention) => RunStatus::Failed,
            Self::Failed(_) | Self::Panicked(_) | Self::Refused(_) => RunStatus::Failed,
        }
    }

    /// In one word.
    #[must_use]
    pub fn state(&self) -> State {
        match self {
            Self::Settled { .. } | Self::Done | Self::Revoked { .. } => State::Settled,
            Self::Waiting(_) => State::Waiting,
            Self::Due(_) | Self::Verifying { .. } | Self::Planned(_) => State::Due,
            Self::Blocked(_) => State::Blocked,
            Self::Stopped(Stop::Cancelled | Stop::ChangeLimit | Stop::AdoptionLimit) => State::Stopped,
            Self::Stopped(_) | Self::Failed(_) | Self::Panicked(_) | Self::Refused(_) => State::Failed,
        }
    }

    /// Its code, such as `overlap` or `managed_elsewhere`.
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
            Self::Verifying { .. } => "prove",
            Self::Blocked(blocked) => blocked.code(),
            Self::Stopped(Stop::Cancelled) => "cancelled",
            Self::Stopped(Stop::Deadline) => "deadline",
            Self::Stopped(Stop::ChangeLimit) => "change_limit",
            Self::Stopped(Stop::AdoptionLimit) => "adoption_limit",
            Self::Stopped(Stop::TookTooLong) => "took_too_long",
            Self::Stopped(Stop::Contention) => "contention",
            Self::Failed(failure) => match failure.error.kind {
                ErrorKind::Denied => "denied",
                ErrorKind::Throttled => "throttled",
                ErrorKind::Conflict => "conflict",
                ErrorKind::NotFound => "not_found",
                ErrorKind::LimitExceeded => "limit_exceeded",
                ErrorKind::Unavailable => "unavailable",
                ErrorKind::NoEffect => "no_effect",
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
            Self::Blocked(crate::decide::decision::blocked::Blocked::UnknownKeys(keys)) => {
                keys.iter().map(|Evidence { key, last_use, .. }| EvidenceDocument::new(key, last_use)).collect()
            }
            _ => Vec::new(),
        }
    }
}

impl Counts {
    fn of(report: &Report) -> Self {
        let mut counts = Self { users: report.users.len(), ..Self::default() };
        for one in &report.users {
            match one.outcome.state() {
                State::Settled => counts.settled += 1,
                State::Waiting => counts.waiting += 1,
                State::Due => counts.due += 1,
                State::Blocked => counts.blocked += 1,
                State::Stopped => counts.stopped += 1,
                State::Failed => counts.failed += 1,
            }
            let to_adopt = match &one.outcome {
                Outcome::Stopped(Stop::AdoptionLimit) => true,
                Outcome::Due(_) => one.unadopted,
                _ => false,
            };
            counts.to_adopt += usize::from(to_adopt);
            counts.held += usize::from(matches!(&one.outcome, Outcome::Waiting(wait) if wait.is_hold()));
            for event in &one.events {
                match event.kind.code() {
                    "rotated" => counts.rotated += 1,
                    "retired" => counts.retired += 1,
                    "deleted" | "orphan_removed" => counts.deleted += 1,
                    _ => {}
                }
            }
            let oldest = one.keys.iter().map(|key| age_days(key, report.finished)).max();
            counts.oldest_key_days = counts.oldest_key_days.max(oldest.unwrap_or(0));
        }
        counts
    }
}

impl UserDocument {
    /// The document of where a run left a user, seen at this time.
    #[must_use]
    pub fn new(one: &UserResult, now: Timestamp) -> Self {
        let key = |key: &AccessKey| KeyDocument {
            id: key.id.clone(),
            status: key.status.word().to_owned(),
            created: key.created,
            age_days: age_days(key, now),
            current: Some(&key.id) == one.current.as_ref(),
        };
        let hint = match &one.outcome {
            Outcome::Blocked(blocked) => Some(blocked.hint(&one.user)),
            Outcome::Refused(refusal) => refusal.hint(&one.user),
            Outcome::Waiting(wait) => wait.hint(&one.user, &one.secret),
            Outcome::Stopped(Stop::AdoptionLimit) => Some(
                "run keyrot again once the adopted users' consumers read their secrets, or raise max_adoptions"
                    .to_owned(),
            ),
            Outcome::Revoked { rest, .. } => match rest.as_ref() {
                Outcome::Blocked(blocked) => Some(blocked.hint(&one.user)),
                Outcome::Refused(refusal) => refusal.hint(&one.user),
                _ => None,
            },
            _ => None,
        };
        Self {
            user: one.user.clone(),
            owner: one.owner.clone(),
            secret: one.secret.clone(),
            state: one.outcome.state(),
            reason: one.outcome.reason(),
            message: outcome_text(one, now),
            hint,
            until: one.outcome.until(),
            current: one.current.clone(),
            previous: one.previous.clone(),
            revoked: one.revoked.clone(),
            due: one.due,
            deadline: one.deadline,
            keys: one.keys.iter().map(key).collect(),
            evidence: with_uses(one),
            events: one.events.iter().map(EventDocument::of).collect(),
            calls: one.calls,
        }
    }

    /// The keys that do not stand under AWSCURRENT.
    pub fn other_keys(&self) -> impl Iterator<Item = &KeyDocument> {
        self.keys.iter().filter(|key| !key.current)
    }
}

impl EventDocument {
    /// The event, without whose it is.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        Self {
            at: event.at,
            event: event.kind.code(),
            severity: event.kind.severity(),
            key: event.kind.key().cloned(),
            message: event.kind.to_string(),
        }
    }
}

impl EvidenceDocument {
    /// What is known of this key's use.
    #[must_use]
    pub fn new(key: &KeyId, last_use: &LastUse) -> Self {
        let (last_used, service, region) = match last_use {
            LastUse::At { when, service, region } => (Some(*when), Some(service.clone()), Some(region.clone())),
            LastUse::NoRecord | LastUse::Unknown(_) => (None, None, None),
        };
        Self { key: key.clone(), last_used, service, region, message: last_use.to_string(), uses: None }
    }
}

/// What the state stands on, with what a trail said of the same key.
fn with_uses(one: &UserResult) -> Vec<EvidenceDocument> {
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

fn age_days(key: &AccessKey, now: Timestamp) -> i64 {
    now.signed_duration_since(key.created).num_days().max(0)
}
