//! Who uses which key, as a document.

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
    /// When it was asked.
    pub now: Timestamp,
    /// Whose keys these are, if it is known.
    pub user: Option<UserName>,
    /// Whether it is about the old keys of all selected users. The one that was used last comes
    /// first.
    pub lagging: bool,
    /// Users whose old key is unknown, or who could not be read completely.
    pub unseen: Vec<UnseenUser>,
    /// From when on uses were asked for.
    pub since: Timestamp,
    /// How many events of each key and region were read at most.
    pub max_events: u32,
    /// Whether something could not be read, or was cut short.
    pub partial: bool,
    /// Each key, the oldest first.
    pub keys: Vec<KeyUses>,
    /// What this cannot show.
    pub limits: &'static [&'static str],
}

impl UsesDocument {
    /// What the evidence cannot show. It belongs to every answer: an empty one is easily taken for
    /// "unused".
    pub const LIMITS: &[&str] = &[
        "CloudTrail's event history contains only management events, not data events such as s3:GetObject, sqs:SendMessage or dynamodb:PutItem",
        "it goes back 90 days, is separate in each region (only those above were asked), and is usually up to 15 minutes late",
        "IAM's last use can be hours late, and shows only the latest service and region",
        "for a call that an AWS service makes for the user, the address is that service's name",
        "a key without events can still be in use",
    ];

    /// Whether something that was asked for could not be read. An answer that is cut short is none
    /// of that.
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
    /// Who.
    pub user: UserName,
    /// Why.
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
    /// When it was made.
    pub created: Option<Timestamp>,
    /// By IAM's record; `null` if there is none, or it could not be read.
    pub last_used: Option<Timestamp>,
    /// For which service.
    pub service: Option<String>,
    /// In which region.
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
