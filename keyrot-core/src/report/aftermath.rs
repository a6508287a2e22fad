//! What may still work after a revocation, each with a command that ends it.

use crate::engine::report::UserResult;
use crate::model::ended_sessions::{EndedSessions, LONGEST_ROLE_SESSION, LONGEST_SESSION};
use crate::model::names::{KeyId, UserName};
use crate::model::observed::{AccessKey, KeyStatus};
use crate::model::request::Revocation;
use crate::model::time::Timestamp;
use crate::model::trail::evidence::{AssumedRole, UseEvidence};
use crate::model::waits::after;
use crate::report::hint::{Action, as_command};
use serde::Serialize;
use std::time::Duration;

/// The longest time for which consumers cache a key (AWS's caching clients: an hour; `keyrot
/// credentials`: five minutes by default).
const LONGEST_CACHE: Duration = Duration::from_secs(3_600);

/// What may keep working after a key was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Remains {
    /// Another key of the user.
    OtherKey,
    /// The user's own sessions.
    Sessions,
    /// Sessions of roles that the key assumed.
    RoleSessions,
    /// Consumers that have the key in a cache.
    Caches,
}

/// Something that still works, or may, after a key was revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StillAlive {
    /// Its kind.
    pub what: Remains,
    /// The description.
    pub message: String,
    /// What ends it.
    #[serde(serialize_with = "as_command")]
    pub command: Option<Action>,
    /// When it ends by itself, at the latest.
    pub until: Option<Timestamp>,
}

/// What is known about a revoked key, besides the user's keys.
#[derive(Debug, Clone, Copy)]
pub struct Aftermath<'a> {
    /// The key's user.
    pub user: &'a UserName,
    /// The revocation that was requested.
    pub order: &'a Revocation,
    /// The user's state afterwards, as far as it could be read.
    pub seen: &'a UserResult,
    /// Whether the secret published the key.
    pub published: bool,
    /// The key's uses in CloudTrail, or why they could not be read.
    pub trail: Result<&'a UseEvidence, &'a str>,
    /// The user's sessions, if they were ended.
    pub ended: Option<EndedSessions>,
    /// When the revocation ended.
    pub now: Timestamp,
}

impl Aftermath<'_> {
    /// Returns everything that may still work, the most serious first.
    #[must_use]
    pub fn still_alive(&self) -> Vec<StillAlive> {
        let mut all = self.other_keys();
        all.extend(self.sessions());
        all.extend(self.roles());
        all.extend(self.caches());
        all
    }

    /// A thief who has a leaked key may have created another one after it.
    fn other_keys(&self) -> Vec<StillAlive> {
        let Self { user, order, seen, .. } = self;
        let leaked = seen.keys.iter().find(|key| key.id == order.key).map(|key| key.created);
        let is_other = |key: &&AccessKey| {
            key.id != order.key
                && key.status == KeyStatus::Active
                && seen.current.as_ref() != Some(&key.id)
                && leaked.is_none_or(|leaked| key.created >= leaked)
        };
        let alive = |key: &KeyId| StillAlive {
            what: Remains::OtherKey,
            message: match &seen.current {
                Some(_) => {
                    format!(
                        "{key}, another key of {user}, is Active: a thief with {} may have created it",
                        order.key
                    )
                }
                None => format!(
                    "{key}, another key of {user}, is Active: a thief with {} may have created it, or its consumers use it: keyrot cannot know which",
                    order.key
                ),
            },
            command: Some(Action::revoke_now(user, key)),
            until: None,
        };
        seen.keys.iter().filter(is_other).map(|key| alive(&key.id)).collect()
    }

    fn sessions(&self) -> Option<StillAlive> {
        if self.ended.is_some() {
            return None;
        }
        let Self { user, order, .. } = self;
        Some(StillAlive {
            what: Remains::Sessions,
            message: format!(
                "sessions started with {} (GetSessionToken, GetFederationToken) last for up to 36 hours",
                order.key
            ),
            // A deleted key can't be named again.
            command: (!order.delete).then(|| Action::Revoke {
                user: (*user).clone(),
                key: Some(order.key.clone()),
                without_successor: true,
                delete: false,
                end_sessions: true,
            }),
            until: Some(after(self.now, LONGEST_SESSION)),
        })
    }

    /// These sessions belong to the role, so no change to the user ends them.
    fn roles(&self) -> Vec<StillAlive> {
        let until = Some(after(self.now, LONGEST_ROLE_SESSION));
        let key = &self.order.key;
        let unknown = |why: &str| StillAlive {
            what: Remains::RoleSessions,
            message: format!(
                "sessions of roles that {key} assumed last for up to 12 hours, and which roles those are is not known: {why}"
            ),
            command: Some(Action::WhoUsedKey { key: key.clone() }),
            until,
        };
        let evidence = match self.trail {
            Ok(evidence) => evidence,
            Err(why) => return vec![unknown(why)],
        };
        let role = |assumed: &AssumedRole| StillAlive {
            what: Remains::RoleSessions,
            message: format!(
                "{} was assumed with {key}, last {}: its sessions last for up to 12 hours. The command ends all of the role's sessions started before now; users of the role have to assume it again",
                assumed.role,
                assumed.last.format("%F %R UTC")
            ),
            command: Some(Action::EndRoleSessions { role: assumed.name.clone(), before: self.now }),
            until,
        };
        let mut all: Vec<_> = evidence.roles.iter().map(role).collect();
        if evidence.is_partial() {
            all.push(unknown("CloudTrail could not be read to the end"));
        } else {
            let more = if evidence.roles.is_empty() { "no role" } else { "no other role" };
            all.push(StillAlive {
                what: Remains::RoleSessions,
                message: format!(
                    "CloudTrail names {more} that {key} assumed; it is some 15 minutes late, and does not say what was assumed from a session"
                ),
                command: Some(Action::WhoUsedKey { key: key.clone() }),
                until,
            });
        }
        all
    }

    fn caches(&self) -> Option<StillAlive> {
        let key = &self.order.key;
        self.published.then(|| StillAlive {
            what: Remains::Caches,
            message: format!(
                "consumers may use {key} from a cache for up to an hour, and are refused until they read the secret again. The command empties keyrot's cache on a consumer's machine; a process that runs reads the secret again within the hour, or when it is restarted"
            ),
            command: Some(Action::EmptyCache),
            until: Some(after(self.now, LONGEST_CACHE)),
        })
    }
}
