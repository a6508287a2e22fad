//! What is known about an account.

use crate::model::names::{KeyId, UserArn, UserName};
use crate::model::observed::{AccessKey, KeyStatus, LastUse};
use crate::model::time::Timestamp;
use crate::model::user::IamUser;
use crate::model::waits::after;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A user that was created this long before the report has to be in it.
const LAG: Duration = Duration::from_secs(3_600);

/// The part of IAM's credential report about keys and passwords.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialReport {
    /// When IAM created it, up to four hours ago.
    pub generated: Timestamp,
    /// The account's twelve digits.
    pub account: String,
    /// The partition, such as `aws`.
    pub partition: String,
    /// The keys of the root user.
    pub root: Vec<ReportedKey>,
    /// The IAM users.
    pub users: Vec<ReportedUser>,
    /// Rows that could not be read: nothing is known about these users.
    pub unreadable: Vec<UnreadableRow>,
    /// Why IAM created no new report, if this is an older one.
    pub not_renewed: Option<String>,
}

/// A row of the report that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnreadableRow {
    /// The user's name as the row has it; `<root_account>` for the root user.
    pub user: String,
    /// Which cell, and what was expected there.
    pub why: String,
}

/// A user in the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedUser {
    /// The user's ARN.
    pub arn: UserArn,
    /// Whether there is a password for the console; `None` where the report does not say.
    pub password: Option<bool>,
    /// Whether the user has an MFA device.
    pub mfa: bool,
    /// The user's keys, at most two.
    pub keys: Vec<ReportedKey>,
}

/// A key in the report, which has no ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedKey {
    /// 1 or 2: the report's columns.
    pub slot: u8,
    /// Its status.
    pub active: bool,
    /// When it was "created or last changed" (IAM user guide): for a key whose status never
    /// changed, its creation time.
    pub rotated: Timestamp,
    /// Its last use.
    pub last_use: LastUse,
}

/// The account: the report together with tags and policies, and with the keys' ids if they were
/// requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountView {
    /// When IAM created the report.
    pub report: Timestamp,
    /// The account's twelve digits.
    pub account: String,
    /// The partition, such as `aws`.
    pub partition: String,
    /// The keys of the root user.
    pub root: Vec<KeyView>,
    /// The users that exist now, by name.
    pub users: Vec<UserView>,
    /// Users in the report that no longer exist, by name.
    pub gone: Vec<UserName>,
    /// Rows of the report that could not be read.
    pub unreadable: Vec<UnreadableRow>,
    /// Why IAM created no new report, if this is an older one.
    pub not_renewed: Option<String>,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserView {
    /// ARN, tags and attached policies.
    pub user: IamUser,
    /// Whether the report has the user. A user that was created after the report has no keys here,
    /// unless the keys were listed.
    pub reported: bool,
    /// Whether there is a password for the console, if known.
    pub password: Option<bool>,
    /// Whether the user has an MFA device.
    pub mfa: bool,
    /// The user's keys.
    pub keys: Vec<KeyView>,
}

/// A key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyView {
    /// 1 or 2: its columns in the report; `None` for a key that was created after the report.
    pub slot: Option<u8>,
    /// Its id, if ids were requested.
    pub id: Option<KeyId>,
    /// Its status.
    pub status: KeyStatus,
    /// When it was created, if known.
    pub created: Timestamp,
    /// Its last use.
    pub last_use: LastUse,
}

impl KeyView {
    /// Whether requests signed with it are accepted.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == KeyStatus::Active
    }
}

impl AccountView {
    /// Combines the results of the calls. `listed` has the keys of those users whose keys were
    /// listed; for them the listing, which is newer, takes precedence over the report.
    #[must_use]
    pub fn new(
        report: CredentialReport,
        users: Vec<IamUser>,
        listed: &BTreeMap<UserName, Vec<AccessKey>>,
    ) -> Self {
        let CredentialReport { generated, account, partition, root, users: reported, .. } = report;
        let mut reported: BTreeMap<UserName, ReportedUser> =
            reported.into_iter().map(|user| (user.arn.name().clone(), user)).collect();
        let mut seen = BTreeSet::new();
        let mut views = Vec::with_capacity(users.len());
        let mut unreadable = report.unreadable;
        for user in users {
            let name = user.arn.name().clone();
            // A user at a page boundary may be listed twice.
            if !seen.insert(name.clone()) {
                continue;
            }
            // A different path means a different user: the name was reused.
            let known = reported.remove(&name).filter(|known| known.arn == user.arn);
            let (known, of_report) = match known {
                Some(known) => ((known.password, known.mfa), Some(known.keys)),
                None => ((None, false), None),
            };
            let is_reported = of_report.is_some();
            let is_unreadable = unreadable.iter().any(|row| row.user == name.as_str());
            if let Some(created) = user.created.filter(|created| after(*created, LAG) < generated)
                && !is_reported
                && !is_unreadable
            {
                let why = format!(
                    "the report has no row for this user, who was created before it, on {}: the report is incomplete, or the user was renamed or moved since",
                    created.format("%F")
                );
                unreadable.push(UnreadableRow { user: name.to_string(), why });
            }
            let of_report = of_report.unwrap_or_default();
            let keys = match listed.get(&name) {
                Some(listed) => matched(of_report, listed),
                None => of_report.into_iter().map(KeyView::reported).collect(),
            };
            views.push(UserView {
                user,
                reported: is_reported,
                password: known.0,
                mfa: known.1,
                keys,
            });
        }
        views.sort_by(|a, b| a.user.arn.name().cmp(b.user.arn.name()));
        let root = root.into_iter().map(KeyView::reported).collect();
        Self {
            report: generated,
            account,
            partition,
            root,
            users: views,
            gone: reported.into_keys().collect(),
            unreadable,
            not_renewed: report.not_renewed,
        }
    }
}

impl KeyView {
    fn reported(key: ReportedKey) -> Self {
        let status = if key.active { KeyStatus::Active } else { KeyStatus::Inactive };
        Self {
            slot: Some(key.slot),
            id: None,
            status,
            created: key.rotated,
            last_use: key.last_use,
        }
    }
}

/// Returns the listed keys, each with its last use from the report. Keys are matched by creation
/// time, which can differ if a key's status was changed, so a single key that remains on both sides
/// counts as the same.
fn matched(mut reported: Vec<ReportedKey>, listed: &[AccessKey]) -> Vec<KeyView> {
    let mut listed: Vec<(&AccessKey, Option<ReportedKey>)> =
        listed.iter().map(|key| (key, None)).collect();
    for (key, found) in &mut listed {
        if let Some(at) =
            reported.iter().position(|r| (r.rotated - key.created).num_seconds().abs() <= 1)
        {
            *found = Some(reported.remove(at));
        }
    }
    let mut alone = listed.iter_mut().filter(|(_, found)| found.is_none());
    if let (Some((key, found)), None, 1) = (alone.next(), alone.next(), reported.len()) {
        // A key that is younger than the key in the report is a new one in its place.
        *found = reported.pop().filter(|reported| key.created <= reported.rotated);
    }
    let view = |(key, found): (&AccessKey, Option<ReportedKey>)| KeyView {
        slot: found.as_ref().map(|found| found.slot),
        id: Some(key.id.clone()),
        status: key.status.clone(),
        created: key.created,
        last_use: found.map_or_else(
            || LastUse::Unknown("the credential report does not have this key yet".to_owned()),
            |found| found.last_use,
        ),
    };
    listed.into_iter().map(view).collect()
}
