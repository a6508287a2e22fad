//! The uses of keys, as a document.

use crate::model::names::{KeyId, UserName};
use crate::model::observed::{AccessKey, LastUse};
use crate::model::time::Timestamp;
use crate::model::trail::evidence::UseEvidence;
use serde::Serialize;

/// The evidence of the use of some keys: what `keyrot who-uses` prints with `--json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UsesDocument {
    /// `keyrot.who-uses/1`.
    pub schema: &'static str,
    /// When the question was asked.
    pub now: Timestamp,
    /// Whose keys these are, if it is known.
    pub user: Option<UserName>,
    /// Whether it covers the old keys of all selected users. The key with the latest use comes
    /// first.
    pub lagging: bool,
    /// Users whose old key is unknown, or who could not be read completely.
    pub unseen: Vec<UnseenUser>,
    /// The start of the period that was asked about.
    pub since: Timestamp,
    /// The limit on events read for each key and region.
    pub max_events: u32,
    /// Whether something could not be read, or was cut short.
    pub partial: bool,
    /// Each key, the oldest first.
    pub keys: Vec<KeyUses>,
    /// What this cannot show.
    pub limits: &'static [&'static str],
}

impl UsesDocument {
    /// What the evidence cannot show. It is part of every answer, because an empty one is easily
    /// mistaken for "unused".
    pub const LIMITS: &[&str] = &[
        "CloudTrail's event history contains only management events, not data events such as s3:GetObject, sqs:SendMessage or dynamodb:PutItem",
        "it goes back 90 days, is separate in each region (only those above were asked), and is usually up to 15 minutes late",
        "IAM's last use can be hours late, and shows only the latest service and region",
        "for a call that an AWS service makes for the user, the address is that service's name",
        "a key without events can still be in use",
    ];

    /// Whether something that was asked for could not be read. An answer that is only cut short has
    /// not failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        let failed = |one: &KeyUses| {
            one.problem.is_some() || one.uses.regions.iter().any(|region| region.problem.is_some())
        };
        !self.unseen.is_empty() || self.keys.iter().any(failed)
    }
}

/// A user whose answer is incomplete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnseenUser {
    /// The user.
    pub user: UserName,
    /// The reason.
    pub problem: String,
}

/// One key's uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyUses {
    /// Whose it is, if it is known.
    pub user: Option<UserName>,
    /// The key.
    pub key: KeyId,
    /// `active`, `inactive`, or IAM's own word; `null` where only the key was named.
    pub status: Option<String>,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// By IAM's record; `null` if there is none, or it could not be read.
    pub last_used: Option<Timestamp>,
    /// The service of the last use.
    pub service: Option<String>,
    /// The region of the last use.
    pub region: Option<String>,
    /// Why IAM's record could not be read.
    pub problem: Option<String>,
    /// By CloudTrail.
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
}
