//! An audit as one stable document: what `keyrot audit --json` prints.

use crate::audit::finding::Finding;
use crate::audit::kind::{FindingKind, FindingSeverity};
use crate::audit::view::UnreadableRow;
use crate::model::destination::Assignment;
use crate::model::names::{KeyId, UserName};
use crate::model::observed::KeyStatus;
use crate::model::text::{format_duration, span, utc};
use crate::model::time::Timestamp;
use crate::report::user::as_word;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// An account's keys and findings. The names and shapes are an interface: they change only together
/// with the number in `schema`. Times are RFC 3339 in UTC. It contains no secret material.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Audit {
    /// [`AUDIT`](crate::report::schema::AUDIT).
    pub schema: &'static str,
    /// The account's twelve digits.
    pub account: String,
    /// The partition, such as `aws`.
    pub partition: String,
    /// When the audit ran.
    pub now: Timestamp,
    /// When IAM created the credential report, up to four hours before the audit.
    pub report: Timestamp,
    /// Whether the report is older than a day, so its content may have changed.
    pub report_outdated: bool,
    /// Why IAM created no new report, if the report is an older one.
    pub report_not_renewed: Option<String>,
    /// The setting `max_age`, in whole seconds.
    pub max_age_seconds: u64,
    /// The counts of an audit.
    pub counts: AuditCounts,
    /// Every key, the oldest first.
    pub keys: Vec<KeyRow>,
    /// Every user, by name.
    pub users: Vec<UserRow>,
    /// The findings, the worst first.
    pub findings: Vec<Finding>,
    /// Users who were created after the report: only their keys' ids can be known.
    pub unreported: Vec<UserName>,
    /// Users in the report who no longer exist.
    pub gone: Vec<UserName>,
    /// Users whose row in the report could not be read: nothing is known about them.
    pub unreadable: Vec<UnreadableRow>,
}

/// The counts of an audit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AuditCounts {
    /// IAM users.
    pub users: usize,
    /// Of those, users with a key.
    pub users_with_keys: usize,
    /// Of those, users tagged for rotation.
    pub managed_users: usize,
    /// Keys, including the root user's.
    pub keys: usize,
    /// Of those, Active ones.
    pub active: usize,
    /// Of those, keys of users tagged for rotation.
    pub active_managed: usize,
    /// The age of the oldest Active key, in whole days.
    pub oldest_active_days: i64,
    /// Findings by kind; a kind without any is left out.
    pub findings: BTreeMap<&'static str, usize>,
    /// Findings by severity; a severity without any is left out.
    pub severities: BTreeMap<&'static str, usize>,
}

/// A key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct KeyRow {
    /// The user; `None` for the root user.
    pub user: Option<UserName>,
    /// The ARN of the user, or of the account's root.
    pub arn: String,
    /// 1 or 2: its place in the report; `None` for a key that was created after it.
    pub key: Option<u8>,
    /// Its id, if ids were requested.
    pub key_id: Option<KeyId>,
    /// Its status; in the document `active`, `inactive`, or IAM's own word.
    #[serde(serialize_with = "as_word")]
    pub status: KeyStatus,
    /// When it was created, as far as is known.
    pub created: Timestamp,
    /// Its age, in whole days.
    pub age_days: i64,
    /// Its last use on record.
    pub last_used: Option<Timestamp>,
    /// The service of the last use, if known.
    pub service: Option<String>,
    /// The region of the last use, if known.
    pub region: Option<String>,
    /// Whether its last use is known.
    pub use_known: UseKnown,
    /// Whether the settings select the user for rotation, by its tags.
    pub managed: bool,
    /// Whether the user is tagged for rotation, and whether its tags can be used.
    pub tagged: Tagged,
    /// When an Active key reaches its age limit.
    pub limit: Option<Timestamp>,
    /// The destinations to which the settings send the user's current key; only for an Active key
    /// of a user tagged for rotation. Which key that is, and whether it was delivered, is in the
    /// user's secret. Absent without any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub destinations: Vec<Assignment>,
    /// The findings about it or its user.
    pub findings: Vec<FindingKind>,
    /// The worst severity of these.
    pub severity: Option<FindingSeverity>,
}

/// Whether a key's last use is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UseKnown {
    /// The last use is known.
    Used,
    /// No use is on record.
    Never,
    /// It could not be read.
    Unknown,
}

impl UseKnown {
    /// Returns its code, as in the document.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::Never => "never",
            Self::Unknown => "unknown",
        }
    }
}

/// Whether a key's user is tagged for rotation. When keyrot acts, and what delays a rotation, is in
/// the user's secret, which an audit does not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tagged {
    /// The user is tagged, and its tags can be used.
    Yes,
    /// The user is tagged, but one of its `keyrot:` tags cannot be used, or AWS quarantined it.
    Blocked,
    /// The user is not tagged: keyrot does not rotate the key.
    No,
}

impl Tagged {
    /// Returns its code, as in the document.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Blocked => "blocked",
            Self::No => "no",
        }
    }
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UserRow {
    /// The user.
    pub user: UserName,
    /// The ARN.
    pub arn: String,
    /// The user's owner, from the tag `keyrot:owner`.
    pub owner: Option<String>,
    /// Whether the settings select the user for rotation, by its tags.
    pub managed: bool,
    /// Why the user is not selected.
    pub unmanaged_because: Option<String>,
    /// The number of keys.
    pub keys: usize,
    /// Whether there is a password for the console, if known.
    pub password: Option<bool>,
    /// Whether there is an MFA device; `None` where the report does not know the user.
    pub mfa: Option<bool>,
}

/// A part of an audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Only {
    /// Keys with a finding.
    Findings,
    /// Keys and findings of users that are not selected for rotation, including the root user.
    Unmanaged,
}

impl KeyRow {
    /// Whether requests signed with it are accepted.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == KeyStatus::Active
    }

    /// Returns the user, for people.
    #[must_use]
    pub fn whose(&self) -> &str {
        self.user.as_ref().map_or("root user", |user| user.as_str())
    }

    /// Returns the key's id, or its number in the report.
    #[must_use]
    pub fn which(&self) -> String {
        match (&self.key_id, self.key) {
            (Some(id), _) => id.to_string(),
            (None, Some(slot)) => slot.to_string(),
            (None, None) => "new".to_owned(),
        }
    }
}

impl Audit {
    /// Returns the setting `max_age`, such as `90d`.
    #[must_use]
    pub fn limit(&self) -> String {
        format_duration(std::time::Duration::from_secs(self.max_age_seconds))
    }

    /// Returns the audit's gaps: an outdated report, and users that could not be read.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.report_outdated || self.report_not_renewed.is_some() {
            let why = self.report_not_renewed.as_deref();
            warnings.push(format!(
                "the credential report is {} old ({}){}",
                span((self.now - self.report).num_seconds().max(0)),
                utc(self.report),
                why.map(|why| format!(": {why}")).unwrap_or_default()
            ));
        }
        warnings.extend(self.unreadable.iter().map(|row| {
            format!(
                "nothing is known of {}: its row in the credential report could not be read ({})",
                row.user, row.why
            )
        }));
        warnings
    }

    /// Returns the worst finding.
    #[must_use]
    pub fn worst(&self) -> Option<FindingSeverity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// Returns the findings about users that belong to no key, such as a console without MFA.
    pub fn beside_keys(&self) -> impl Iterator<Item = &Finding> {
        let shown = |finding: &Finding| {
            self.keys.iter().any(|k| k.arn == finding.arn && k.findings.contains(&finding.kind))
        };
        self.findings.iter().filter(move |finding| finding.key_created.is_none() && !shown(finding))
    }

    /// Returns the audit with only some of its keys and findings. The counts are still for the
    /// whole account.
    #[must_use]
    pub fn narrowed(&self, only: Only) -> Self {
        let mut narrowed = self.clone();
        match only {
            Only::Findings => narrowed.keys.retain(|key| !key.findings.is_empty()),
            Only::Unmanaged => {
                let managed: BTreeSet<&str> =
                    self.users.iter().filter(|u| u.managed).map(|u| u.arn.as_str()).collect();
                narrowed.keys.retain(|key| !key.managed);
                narrowed.findings.retain(|finding| !managed.contains(finding.arn.as_str()));
            }
        }
        narrowed
    }

    /// Whether any of its keys has a destination.
    #[must_use]
    pub fn has_destinations(&self) -> bool {
        self.keys.iter().any(|key| !key.destinations.is_empty())
    }

    /// Returns the findings for this key, including those about its user.
    pub fn of_key<'a>(&'a self, key: &'a KeyRow) -> impl Iterator<Item = &'a Finding> {
        self.findings.iter().filter(|finding| finding.is_at(&key.arn, key.created, &key.findings))
    }

    /// Returns how many findings there are of this kind.
    #[must_use]
    pub fn count(&self, kind: FindingKind) -> usize {
        self.counts.findings.get(kind.code()).copied().unwrap_or(0)
    }
}
