//! An audit as one stable document: what `keyrot audit --json` prints.

use crate::audit::finding::Finding;
use crate::audit::kind::{FindingKind, FindingSeverity};
use crate::audit::view::UnreadableRow;
use crate::model::names::{KeyId, UserName};
use crate::model::text::{format_duration, span, utc};
use crate::model::time::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// An account's keys and findings. The names and shapes here are an interface: they change only
/// together with the number in `schema`. Times are RFC 3339 in UTC. No secret material is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Audit {
    /// [`AUDIT`](crate::report::schema::AUDIT).
    pub schema: &'static str,
    /// The account's twelve digits.
    pub account: String,
    /// The partition, such as `aws`.
    pub partition: String,
    /// When the audit was made.
    pub now: Timestamp,
    /// When IAM made the credential report; up to four hours before.
    pub report: Timestamp,
    /// Whether the report is older than a day: what it says may have changed long ago.
    pub report_outdated: bool,
    /// Why IAM made no new report, where it is an older one for that reason.
    pub report_not_renewed: Option<String>,
    /// The setting `max_age`, in whole seconds.
    pub max_age_seconds: u64,
    /// How much of what there is.
    pub counts: AuditCounts,
    /// Every key, the oldest first.
    pub keys: Vec<KeyRow>,
    /// Every user, by name.
    pub users: Vec<UserRow>,
    /// What is not as it should be, the worst first.
    pub findings: Vec<Finding>,
    /// Users who were made after the report: only their keys' ids can be known.
    pub unreported: Vec<UserName>,
    /// Users in the report who are gone by now.
    pub gone: Vec<UserName>,
    /// Users whose row in the report could not be read: nothing is known of them.
    pub unreadable: Vec<UnreadableRow>,
}

/// How much of what there is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AuditCounts {
    /// IAM users.
    pub users: usize,
    /// Of those, users with a key.
    pub users_with_keys: usize,
    /// Of those, users tagged for rotation.
    pub managed_users: usize,
    /// Keys, the root user's too.
    pub keys: usize,
    /// Of those, Active ones.
    pub active: usize,
    /// Of those, keys of users tagged for rotation.
    pub active_managed: usize,
    /// The age of the oldest Active key, in whole days.
    pub oldest_active_days: i64,
    /// Findings by kind; a kind without any is left out.
    pub findings: BTreeMap<&'static str, usize>,
    /// Findings by severity; likewise.
    pub severities: BTreeMap<&'static str, usize>,
}

/// A key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct KeyRow {
    /// Whose; `None` for the root user.
    pub user: Option<UserName>,
    /// The ARN of the user, or of the account's root.
    pub arn: String,
    /// 1 or 2: its place in the report; `None` for a key that was made after it.
    pub key: Option<u8>,
    /// Its id, if ids were asked for.
    pub key_id: Option<KeyId>,
    /// `active`, `inactive`, or IAM's own word.
    pub status: String,
    /// When it was made, as far as is known.
    pub created: Timestamp,
    /// Its age, in whole days.
    pub age_days: i64,
    /// Its last use on record.
    pub last_used: Option<Timestamp>,
    /// For which service, as far as is known.
    pub service: Option<String>,
    /// In which region, as far as is known.
    pub region: Option<String>,
    /// Whether its last use is known.
    pub use_known: UseKnown,
    /// Whether the settings select the user for rotation, by its tags.
    pub managed: bool,
    /// Whether that is so, and whether its tags can be used.
    pub tagged: Tagged,
    /// When an Active key is as old as its limit allows.
    pub limit: Option<Timestamp>,
    /// What is wrong with it or with its user.
    pub findings: Vec<FindingKind>,
    /// The worst of that.
    pub severity: Option<FindingSeverity>,
}

/// Whether a key's last use is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UseKnown {
    /// It is.
    Used,
    /// No use is on record.
    Never,
    /// It could not be read.
    Unknown,
}

impl UseKnown {
    /// In one word, the same as in the document.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::Never => "never",
            Self::Unknown => "unknown",
        }
    }
}

/// Whether a key's user is tagged for rotation. When keyrot acts, and whether something holds it,
/// is in the user's secret, which an audit does not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tagged {
    /// It is.
    Yes,
    /// It is, and a tag of its own cannot be used, or AWS quarantined it.
    Blocked,
    /// It is not: nobody rotates the key.
    No,
}

impl Tagged {
    /// In one word, the same as in the document.
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
    /// Who.
    pub user: UserName,
    /// The ARN.
    pub arn: String,
    /// Who answers for the user, by the tag `keyrot:owner`.
    pub owner: Option<String>,
    /// Whether the settings select the user for rotation, by its tags.
    pub managed: bool,
    /// Why not.
    pub unmanaged_because: Option<String>,
    /// How many keys.
    pub keys: usize,
    /// Whether there is a password for the console, as far as is known.
    pub password: Option<bool>,
    /// Whether there is an MFA device; `None` where the report does not know the user.
    pub mfa: Option<bool>,
}

/// Which part of an audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Only {
    /// Keys with a finding.
    Findings,
    /// Keys and findings of those who are not selected for rotation, the root user among them.
    Unmanaged,
}

impl KeyRow {
    /// Whose it is, for people.
    #[must_use]
    pub fn whose(&self) -> &str {
        self.user.as_ref().map_or("root user", |user| user.as_str())
    }

    /// The key's id, or its number in the report.
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
    /// The setting `max_age`, as people write it.
    #[must_use]
    pub fn limit(&self) -> String {
        format_duration(std::time::Duration::from_secs(self.max_age_seconds))
    }

    /// What leaves the audit in doubt: a report that is out of date, users that could not be read.
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

    /// The worst finding.
    #[must_use]
    pub fn worst(&self) -> Option<FindingSeverity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// What is wrong with users and shows at none of their keys, such as a console without MFA.
    pub fn beside_keys(&self) -> impl Iterator<Item = &Finding> {
        let shown = |finding: &Finding| {
            self.keys.iter().any(|k| k.arn == finding.arn && k.findings.contains(&finding.kind))
        };
        self.findings.iter().filter(move |finding| finding.key_created.is_none() && !shown(finding))
    }

    /// The same with only some of its keys and findings. The counts stay those of the whole
    /// account.
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

    /// What is wrong with this key, or with its user and shows at it.
    pub fn of_key<'a>(&'a self, key: &'a KeyRow) -> impl Iterator<Item = &'a Finding> {
        self.findings.iter().filter(|finding| finding.is_at(&key.arn, key.created, &key.findings))
    }

    /// How many findings there are of this kind.
    #[must_use]
    pub fn count(&self, kind: FindingKind) -> usize {
        self.counts.findings.get(kind.code()).copied().unwrap_or(0)
    }
}
