//! The rules: a pure function of what is known, the policy and the time.

use crate::audit::document::{Audit, AuditCounts, KeyRow, Tagged, UseKnown, UserRow};
use crate::audit::finding::Finding;
use crate::audit::found::{Found, Reached, broken};
use crate::audit::kind::{FindingKind, FindingSeverity};
use crate::audit::managed::{AuditPolicy, Managed, user_row};
use crate::audit::view::{AccountView, KeyView, UserView};
use crate::decide::decision::blocked::Blocked;
use crate::engine::target::Target;
use crate::model::destination::Assignment;
use crate::model::names::UserName;
use crate::model::observed::LastUse;
use crate::model::text::{self, age_days, format_duration};
use crate::model::time::Timestamp;
use crate::model::waits::after;
use crate::report::hint::{Action, Hint};
use crate::report::schema;
use std::time::Duration;

/// A key that was unused for this long is a finding: the shortest time that any control sets.
const UNUSED: Duration = Duration::from_secs(45 * 86_400);

/// IAM creates a new report at most every four hours, on request, so a report may be older than the
/// audit.
const OUTDATED: Duration = Duration::from_secs(86_400);

/// Judges an account.
#[must_use]
pub fn audit(view: &AccountView, policy: &AuditPolicy, now: Timestamp) -> Audit {
    let chosen = Managed::new(view, policy);
    let mut judge = Judge { view, now, keys: Vec::new(), findings: Vec::new() };
    judge.root(policy.limit());
    for user in &view.users {
        judge.user(user, chosen.of(user.user.arn.name()), policy);
    }
    let Judge { mut keys, mut findings, .. } = judge;
    keys.sort_by(|a, b| (a.created, &a.user, a.key).cmp(&(b.created, &b.user, b.key)));
    findings.sort_by(|a, b| {
        let order = |f: &Finding| (std::cmp::Reverse(f.severity), f.kind);
        order(a)
            .cmp(&order(b))
            .then_with(|| (a.since, &a.user, a.key).cmp(&(b.since, &b.user, b.key)))
    });
    let users: Vec<UserRow> = view.users.iter().map(|user| user_row(user, &chosen)).collect();
    Audit {
        schema: schema::AUDIT,
        account: view.account.clone(),
        partition: view.partition.clone(),
        now,
        report: view.report,
        report_outdated: passed(view.report, now) > OUTDATED,
        report_not_renewed: view.not_renewed.clone(),
        max_age_seconds: policy.limit().as_secs(),
        counts: counts(&keys, &users, &findings),
        keys,
        users,
        findings,
        unreported: view
            .users
            .iter()
            .filter(|u| !u.reported)
            .map(|u| u.user.arn.name())
            .filter(|name| !view.unreadable.iter().any(|row| row.user == name.as_str()))
            .cloned()
            .collect(),
        gone: view.gone.clone(),
        unreadable: view.unreadable.clone(),
    }
}

struct Judge<'a> {
    view: &'a AccountView,
    now: Timestamp,
    keys: Vec<KeyRow>,
    findings: Vec<Finding>,
}

/// What a finding is about.
#[derive(Clone, Copy)]
struct About<'a> {
    user: Option<&'a UserName>,
    arn: &'a str,
    key: Option<&'a KeyView>,
}

impl About<'_> {
    fn name(&self) -> &str {
        self.user.map_or("the root user", UserName::as_str)
    }
}

impl Judge<'_> {
    fn root(&mut self, max_age: Duration) {
        let arn = format!("arn:{}:iam::{}:root", self.view.partition, self.view.account);
        let view = self.view;
        for key in &view.root {
            let about = About { user: None, arn: &arn, key: Some(key) };
            let mut kinds = Vec::new();
            let (severity, state) = match key.is_active() {
                true => {
                    (FindingSeverity::Critical, "an Active access key: it has every permission")
                }
                false => {
                    (FindingSeverity::High, "an Inactive access key, which can be reactivated")
                }
            };
            let hints = advice(
                "sign in as root and delete it, after moving what uses it to a role or an IAM user",
            );
            let message = format!("the root user has {state}");
            let found =
                Found::new(FindingKind::RootKey, severity, message, hints).since(key.created);
            kinds.extend(self.find(about, found));
            kinds.extend(self.age(about, key, max_age, false));
            kinds.extend(self.idle(about, key, false));
            self.key(about, key, (Tagged::No, max_age), &[], kinds);
        }
    }

    fn user(&mut self, user: &UserView, chosen: Option<&Target>, by: &AuditPolicy) {
        let (name, arn) = (user.user.arn.name(), user.user.arn.as_str());
        let whole = About { user: Some(name), arn, key: None };
        let managed = chosen.is_some();
        let policy = chosen.and_then(|chosen| chosen.policy.as_ref().ok());
        let limit = policy.map_or(by.limit(), |own| by.limit_of(own));

        let mut of_all = Vec::new();
        if let Some(policy) = user.user.quarantine() {
            let message = format!(
                "AWS attached {policy} to {name}: one of the user's keys was found in public"
            );
            let hints = Blocked::Quarantined { policy: policy.to_owned() }.hints(name);
            let found =
                Found::new(FindingKind::Quarantined, FindingSeverity::Critical, message, hints);
            of_all.extend(self.find(whole, found));
        }
        // A quarantine blocks, too, but it has its own finding.
        let bad = chosen.filter(|chosen| chosen.subject.quarantine.is_none());
        if let Some(Err(Blocked::BadTag { reason })) = bad.map(|chosen| &chosen.policy) {
            let message = format!("{name} is tagged for rotation and is not rotated: {reason}");
            let hints = vec![
                Hint::advice("correct or remove the tag, or correct the destination"),
                Hint::to("to see whether that was all", Action::status(name)),
            ];
            of_all.extend(self.find(
                whole,
                Found::new(FindingKind::Blocked, FindingSeverity::Medium, message, hints),
            ));
        }
        if user.password == Some(true) && !user.mfa {
            let message = format!("{name} can sign in to the console with a password alone");
            let hints = advice("register an MFA device for the user, or remove the password");
            self.find(
                whole,
                Found::new(FindingKind::ConsoleWithoutMfa, FindingSeverity::Medium, message, hints),
            );
        }
        let active: Vec<&KeyView> = user.keys.iter().filter(|key| key.is_active()).collect();
        let newest = active.iter().map(|key| key.created).max();
        if active.len() > 1 {
            let (message, hints) = match managed {
                true => (
                    format!(
                        "{name} has two Active keys; while a rotation moves readers over, that is as it should be"
                    ),
                    vec![Hint::to(
                        "to see when the old one is deactivated, or why it is kept",
                        Action::status(name),
                    )],
                ),
                false => (
                    format!("{name} has two Active keys"),
                    advice("find out which one is used, and deactivate the other"),
                ),
            };
            let severity = if managed { FindingSeverity::Low } else { FindingSeverity::Medium };
            let found = Found {
                since: newest,
                ..Found::new(FindingKind::TwoActiveKeys, severity, message, hints)
            };
            of_all.extend(self.find(whole, found));
        }
        for key in &user.keys {
            let about = About { key: Some(key), ..whole };
            let mut kinds = of_all.clone();
            kinds.extend(self.age(about, key, limit, managed));
            kinds.extend(self.idle(about, key, managed));
            if !key.is_active() {
                kinds.retain(|kind| *kind != FindingKind::TwoActiveKeys);
            }
            let tagged = match (chosen, policy) {
                (None, _) => Tagged::No,
                (Some(_), None) => Tagged::Blocked,
                (Some(_), Some(_)) => Tagged::Yes,
            };
            let destinations = chosen.map_or(&[][..], |chosen| &chosen.subject.destinations);
            self.key(about, key, (tagged, limit), destinations, kinds);
        }
    }

    /// Older than the limit, or than a control allows.
    fn age(
        &mut self,
        about: About<'_>,
        key: &KeyView,
        limit: Duration,
        managed: bool,
    ) -> Option<FindingKind> {
        let age = passed(key.created, self.now);
        let controls = broken(FindingKind::OldKey, Some(Reached::Past(age)));
        if !key.is_active() || (age <= limit && controls.is_empty()) {
            return None;
        }
        let allowed =
            controls.iter().filter_map(|control| control.limit).min().unwrap_or(limit).min(limit);
        let message = format!(
            "a key of {} is {} old; {} is allowed",
            about.name(),
            past(key.created, self.now, allowed),
            format_duration(allowed)
        );
        let hints = match about.user {
            Some(user) if managed => vec![
                Hint::advice("a run replaces it once it is due"),
                Hint::to("to see what it waits for", Action::status(user)),
            ],
            Some(_) => advice(
                "rotate it: tag the user for keyrot, or create a new key and deactivate this one",
            ),
            None => advice("delete it"),
        };
        let severity =
            if age > allowed * 2 { FindingSeverity::High } else { FindingSeverity::Medium };
        let since = after(key.created, allowed);
        self.find(
            about,
            Found {
                controls,
                ..Found::new(FindingKind::OldKey, severity, message, hints).since(since)
            },
        )
    }

    /// Whether the key has been unused for too long, as of the report.
    fn idle(&mut self, about: About<'_>, key: &KeyView, managed: bool) -> Option<FindingKind> {
        let (from, what) = match &key.last_use {
            LastUse::At { when, .. } => (*when, "was last used"),
            LastUse::NoRecord => (key.created, "has no use on record, and was created"),
            LastUse::Unknown(_) => return None,
        };
        let idle = passed(from, self.view.report);
        if !key.is_active() || idle < UNUSED {
            return None;
        }
        let message =
            format!("an Active key of {} {what} {} ago", about.name(), text::age(from, self.now));
        let hints = advice(match managed {
            true => {
                "if nothing needs the key, release the user and delete it; otherwise find out why nothing uses it"
            }
            false => "deactivate it, and delete it if nothing breaks",
        });
        let controls = broken(FindingKind::UnusedKey, Some(Reached::At(idle)));
        let found = Found::new(FindingKind::UnusedKey, FindingSeverity::Medium, message, hints);
        self.find(about, Found { controls, ..found.since(after(from, UNUSED)) })
    }

    fn find(&mut self, about: About<'_>, found: Found) -> Option<FindingKind> {
        let Found { kind, severity, message, hints, since, controls } = found;
        self.findings.push(Finding {
            kind,
            severity,
            user: about.user.cloned(),
            arn: about.arn.to_owned(),
            key: about.key.and_then(|key| key.slot),
            key_id: about.key.and_then(|key| key.id.clone()),
            key_created: about.key.map(|key| key.created),
            message,
            hints,
            since,
            controls,
        });
        Some(kind)
    }

    fn key(
        &mut self,
        about: About<'_>,
        key: &KeyView,
        (tagged, limit): (Tagged, Duration),
        destinations: &[Assignment],
        mut findings: Vec<FindingKind>,
    ) {
        let own = |finding: &&Finding| finding.is_at(about.arn, key.created, &findings);
        let severity = self.findings.iter().filter(own).map(|f| f.severity).max();
        findings.sort();
        let known =
            |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty() && text != "N/A");
        let (last_used, service, region, use_known) = match &key.last_use {
            LastUse::At { when, service, region } => {
                (Some(*when), known(service), known(region), UseKnown::Used)
            }
            LastUse::NoRecord => (None, None, None, UseKnown::Never),
            LastUse::Unknown(_) => (None, None, None, UseKnown::Unknown),
        };
        self.keys.push(KeyRow {
            user: about.user.cloned(),
            arn: about.arn.to_owned(),
            key: key.slot,
            key_id: key.id.clone(),
            status: key.status.clone(),
            created: key.created,
            age_days: age_days(key.created, self.now),
            last_used,
            service,
            region,
            use_known,
            managed: tagged != Tagged::No,
            tagged,
            limit: key.is_active().then(|| after(key.created, limit)),
            destinations: if key.is_active() { destinations.to_vec() } else { Vec::new() },
            findings,
            severity,
        });
    }
}

/// Advice without a command.
fn advice(text: &'static str) -> Vec<Hint> {
    vec![Hint::advice(text)]
}

fn counts(keys: &[KeyRow], users: &[UserRow], findings: &[Finding]) -> AuditCounts {
    let active = || keys.iter().filter(|key| key.is_active());
    let mut counts = AuditCounts {
        users: users.len(),
        users_with_keys: users.iter().filter(|user| user.keys > 0).count(),
        managed_users: users.iter().filter(|user| user.keys > 0 && user.managed).count(),
        keys: keys.len(),
        active: active().count(),
        active_managed: active().filter(|key| key.managed).count(),
        oldest_active_days: active().map(|key| key.age_days).max().unwrap_or(0),
        ..AuditCounts::default()
    };
    for finding in findings {
        *counts.findings.entry(finding.kind.code()).or_default() += 1;
        *counts.severities.entry(finding.severity.word()).or_default() += 1;
    }
    counts
}

/// Converts to whole seconds, because IAM's times have no finer resolution: a fraction of a second
/// would make a key look older than it is known to be.
fn passed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_secs((to - from).num_seconds().max(0).unsigned_abs())
}

/// Formats an age in whole days, unless that would hide that the limit was exceeded: `90d 1s` is
/// past `90d`.
fn past(from: Timestamp, now: Timestamp, limit: Duration) -> String {
    match age_days(from, now).unsigned_abs() > limit.as_secs() / 86_400 {
        true => text::age(from, now),
        false => format_duration(passed(from, now)),
    }
}
