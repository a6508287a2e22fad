//! The end of a user's sessions: temporary credentials that were issued with a key keep working
//! after the key is deactivated.
//!
//! An inline policy on the user denies everything to credentials that were issued before a time.
//! IAM evaluates it for sessions from `GetSessionToken` and `GetFederationToken`, which have the
//! user's permissions; calls that are signed with a long-term key carry no `aws:TokenIssueTime`,
//! and a condition on a missing key is false, so the user's new key keeps working (IAM user guide,
//! "AWS global condition context keys", `aws:TokenIssueTime`; "Disabling permissions for temporary
//! security credentials"). Sessions of roles belong to the role.

use crate::model::time::Timestamp;
use crate::model::waits::after;
use serde::Serialize;
use std::time::Duration;

/// The longest session of a user (STS API reference, `GetSessionToken` and `GetFederationToken`,
/// parameter `DurationSeconds`).
pub const LONGEST_SESSION: Duration = Duration::from_secs(36 * 3_600);
/// The longest session of a role (STS API reference, `AssumeRole`, parameter `DurationSeconds`).
pub const LONGEST_ROLE_SESSION: Duration = Duration::from_secs(12 * 3_600);
/// A clock may be this far behind AWS's (SigV4 refuses more): a session that was just started must
/// be covered, too.
const SKEW: Duration = Duration::from_secs(300);

/// The policy that ends a user's sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct EndedSessions {
    /// Credentials issued before this are denied everything.
    pub before: Timestamp,
    /// After this it has nothing left to deny.
    pub until: Timestamp,
}

impl EndedSessions {
    /// The inline policy's name.
    pub const POLICY: &str = "keyrot-end-sessions";
    const SID: &str = "KeyrotEndSessions";

    /// Returns the policy for sessions that were started up to now.
    #[must_use]
    pub fn as_of(now: Timestamp) -> Self {
        Self::issued_before(chrono::SubsecRound::trunc_subsecs(after(now, SKEW), 0))
    }

    fn issued_before(before: Timestamp) -> Self {
        Self { before, until: after(before, LONGEST_SESSION) }
    }

    /// Returns the policy's document.
    #[must_use]
    pub fn document(&self) -> String {
        deny_issued_before(Some(Self::SID), self.before)
    }

    /// Parses a policy document; `None` if keyrot did not write it.
    #[must_use]
    pub fn parse(document: &str) -> Option<Self> {
        let at = document.rsplit("\"aws:TokenIssueTime\":\"").next()?.split('"').next()?;
        let read = Self::issued_before(chrono::DateTime::parse_from_rfc3339(at).ok()?.to_utc());
        (read.document() == document).then_some(read)
    }
}

/// Returns a policy that denies everything to credentials issued before this time: the pattern of
/// IAM's own `AWSRevokeOlderSessions` (IAM user guide, "Revoke IAM role temporary security
/// credentials"). There is no `IfExists`: that would deny long-term keys, too.
#[must_use]
pub fn deny_issued_before(sid: Option<&str>, before: Timestamp) -> String {
    let sid = sid.map(|sid| format!("\"Sid\":\"{sid}\",")).unwrap_or_default();
    let before = before.format("%FT%TZ");
    format!(
        "{{\"Version\":\"2012-10-17\",\"Statement\":[{{{sid}\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{{\"DateLessThan\":{{\"aws:TokenIssueTime\":\"{before}\"}}}}}}]}}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    #[test]
    fn a_document_is_read_back_and_no_other_is() {
        let ended = EndedSessions::as_of(at(7));
        assert_eq!(EndedSessions::parse(&ended.document()), Some(ended));
        assert_eq!((ended.before - at(7)).num_seconds(), 300);
        assert_eq!((ended.until - ended.before).num_hours(), 36);
        let json: serde_json::Value = serde_json::from_str(&ended.document()).expect("JSON");
        assert_eq!(
            json["Statement"][0]["Condition"].as_object().map(serde_json::Map::len),
            Some(1)
        );
        for other in [
            String::new(),
            "{}".to_owned(),
            ended.document().replace("Deny", "Allow"),
            ended.document().replace("\"*\",\"Resource\"", "\"s3:*\",\"Resource\""),
            ended.document().replace("KeyrotEndSessions", "Mine"),
            ended.document().replace("DateLessThan", "DateLessThanIfExists"),
            deny_issued_before(None, ended.before),
        ] {
            assert_eq!(EndedSessions::parse(&other), None, "{other}");
        }
    }
}
