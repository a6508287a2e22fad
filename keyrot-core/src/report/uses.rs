//! The document of the uses of keys.

use crate::decide::destinations::{Delivered, DestinationState};
use crate::engine::report::UserResult;
use crate::model::names::{KeyId, UserName};
use crate::model::observed::{AccessKey, LastUse};
use crate::model::time::Timestamp;
use crate::model::trail::evidence::UseEvidence;
use crate::report::state::RunStatus;
use crate::report::user::UserDocument;
use serde::Serialize;

/// The evidence of the use of some keys: the document that `keyrot who-uses` prints with `--json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UsesDocument {
    /// `keyrot.who-uses/1`.
    pub schema: &'static str,
    /// When the question was asked.
    pub now: Timestamp,
    /// The user that has these keys, if known.
    pub user: Option<UserName>,
    /// Whether it covers the old keys of all selected users. If so, the key with the latest use
    /// comes first.
    pub lagging: bool,
    /// Users whose old key is unknown, or who could not be read completely.
    pub unseen: Vec<UnseenUser>,
    /// The start of the period that was asked about.
    pub since: Timestamp,
    /// The limit on events read for each key and region.
    pub max_events: u32,
    /// Whether something could not be read, or was cut off by a limit.
    pub partial: bool,
    /// Each key, the oldest first.
    pub keys: Vec<KeyUses>,
    /// The places where copies of the current keys go, for users who have destinations.
    pub destinations: Vec<UserDestinations>,
    /// What this evidence cannot show.
    pub limits: &'static [&'static str],
}

impl UsesDocument {
    /// What the evidence cannot show. It is part of every answer, because an empty answer is easily
    /// mistaken for "unused".
    pub const LIMITS: &[&str] = &[
        "CloudTrail's event history contains only management events, not data events such as s3:GetObject, sqs:SendMessage or dynamodb:PutItem",
        "it goes back 90 days, is separate in each region (only those above were asked), and is usually up to 15 minutes late",
        "IAM's last use can be hours late, shows only the latest service and region, and includes keyrot's own verification of a key (sts)",
        "for a call that an AWS service makes for the user, the address is that service's name",
        "a key without events can still be in use",
    ];

    /// Whether something that was asked for could not be read. An answer that was cut off by a
    /// limit has not failed, and neither has one without the old keys of a blocked user: nobody
    /// knows which key is the old one.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        let failed = |one: &KeyUses| {
            one.problem.is_some()
                || one.uses.unreadable > 0
                || one.uses.regions.iter().any(|region| region.problem.is_some())
        };
        self.unseen.iter().any(|one| one.unread)
            || self.keys.iter().any(failed)
            || self.destinations.iter().any(UserDestinations::has_failed)
    }

    /// Returns the destinations of this key's user, if the user is known and has any.
    #[must_use]
    pub fn destinations_of(&self, key: &KeyUses) -> Option<&UserDestinations> {
        self.destinations.iter().find(|one| Some(&one.user) == key.user.as_ref())
    }
}

/// The places where copies of a user's current key go. Its consumers there use the key, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserDestinations {
    /// The user.
    pub user: UserName,
    /// The key with the AWSCURRENT label, if it was read.
    pub current: Option<KeyId>,
    /// Why nothing is known about the deliveries, or about the user's destinations.
    pub problem: Option<String>,
    /// The user's destinations, by name, with their states.
    pub destinations: Vec<DestinationState>,
}

impl UserDestinations {
    /// Whether the user or one of the destinations could not be read.
    fn has_failed(&self) -> bool {
        let failed = |one: &DestinationState| one.state == Delivered::Failed;
        self.problem.is_some() || self.destinations.iter().any(failed)
    }

    /// Returns the destinations of a user, according to a plan. If the plan did not get as far as
    /// the user's secret, nothing is known about deliveries.
    pub(crate) fn of(one: &UserResult, now: Timestamp) -> Self {
        let problem = match (&one.current, one.outcome.verdict()) {
            (Some(_), _) | (None, RunStatus::Ok) => None,
            (None, _) => Some(UserDocument::new(one, now).message),
        };
        let (user, current) = (one.user.clone(), one.current.clone());
        let mut destinations = one.destinations.clone();
        if problem.is_some() {
            destinations.iter_mut().for_each(DestinationState::forget);
        }
        Self { user, current, problem, destinations }
    }

    /// Returns the answer for a user whose destinations are unknown.
    pub(crate) fn unread(user: &UserName, problem: String) -> Self {
        let (user, problem) = (user.clone(), Some(problem));
        Self { user, current: None, problem, destinations: Vec::new() }
    }
}

/// A user whose answer is incomplete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnseenUser {
    /// The user.
    pub user: UserName,
    /// The reason.
    pub problem: String,
    /// Whether the user could not be read. Otherwise it is blocked, and keyrot can't determine
    /// which key is the old one. Not in the document.
    #[serde(skip)]
    pub unread: bool,
}

/// One key's uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyUses {
    /// The user that has the key, if known.
    pub user: Option<UserName>,
    /// The key.
    pub key: KeyId,
    /// `active`, `inactive`, or IAM's own word; `deleted` if IAM has no such key and CloudTrail has
    /// uses of it; `null` if only the key was named.
    pub status: Option<String>,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// The last use in IAM's record; `null` if there is none, or it could not be read.
    pub last_used: Option<Timestamp>,
    /// The service of the last use.
    pub service: Option<String>,
    /// The region of the last use.
    pub region: Option<String>,
    /// Why IAM's record could not be read.
    pub problem: Option<String>,
    /// The uses in CloudTrail.
    pub uses: UseEvidence,
}

impl KeyUses {
    pub(crate) fn new(
        user: Option<UserName>,
        key: KeyId,
        listed: Option<AccessKey>,
        last_use: LastUse,
        uses: UseEvidence,
    ) -> Self {
        let (last_used, service, region, problem) = match last_use {
            LastUse::At { when, service, region } => {
                (Some(when), Some(service), Some(region), None)
            }
            LastUse::NoRecord => (None, None, None, None),
            LastUse::Unknown(why) => (None, None, None, Some(why)),
        };
        let status = listed.as_ref().map(|listed| listed.status.word().to_owned());
        let created = listed.map(|listed| listed.created);
        Self { user, key, status, created, last_used, service, region, problem, uses }
    }

    /// Returns the answer for a key that IAM does not have. If CloudTrail has uses of it, the key
    /// was deleted; otherwise it may never have existed.
    pub(crate) fn of_no_key(mut self) -> Self {
        if self.uses.events > 0 {
            (self.status, self.problem) = (Some(Self::DELETED.to_owned()), None);
        } else if self.uses.gaps().is_none() {
            let problem = "IAM has no such key, and CloudTrail has no use of it in this period";
            self.problem = Some(problem.to_owned());
        }
        self
    }

    const DELETED: &str = "deleted";

    /// Whether IAM no longer has the key.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.status.as_deref() == Some(Self::DELETED)
    }
}
