//! Notifications, without sending them: typical runs, and the messages about them.

mod documents;
mod shapes;

use crate::notify::about::About;
use keyrot_core::decide::Evidence;
use keyrot_core::machine::Failure;
use keyrot_core::model::VersionId;
use keyrot_core::{
    AccessKey, Blocked, CallError, ErrorKind, Event, EventKind, KeyId, KeyStatus, LastUse, Outcome,
    Report, SecretName, Stop, Timestamp, UserArn, UserName, UserResult, Wait, Why,
};
use std::time::Duration;

pub(super) const ACCOUNT: &str = "111122223333";

pub(super) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    time("2026-11-23T02:00:00Z")
}

fn days(count: i64) -> Timestamp {
    now() + chrono::TimeDelta::days(count)
}

fn key(name: &str, number: usize) -> KeyId {
    let name: String =
        name.to_uppercase().chars().filter(char::is_ascii_alphanumeric).take(8).collect();
    KeyId::parse(format!("AKIA{name:X<8}{number:08}")).unwrap()
}

fn access_key(id: &KeyId, age: i64) -> AccessKey {
    AccessKey {
        id: id.clone(),
        status: KeyStatus::Active,
        created: now() - chrono::TimeDelta::days(age),
    }
}

/// A user with nothing to do.
pub(super) fn settled(name: &str) -> UserResult {
    let user = UserName::parse(name).unwrap();
    let current = key(name, 1);
    let secret = SecretName::parse(format!("/iam/{name}/access_key"))
        .unwrap_or_else(|_| SecretName::parse("s").unwrap());
    let mut one = UserResult::new(user, secret, Outcome::Settled { until: days(60) });
    one.keys = vec![access_key(&current, 30)];
    one.current = Some(current);
    (one.due, one.deadline, one.calls) = (Some(days(60)), Some(days(75)), 3);
    one
}

/// A user with this outcome and these events.
pub(super) fn user(
    name: &str,
    owner: Option<&str>,
    outcome: Outcome,
    kinds: Vec<EventKind>,
) -> UserResult {
    let mut standing = settled(name);
    standing.owner = owner.map(str::to_owned);
    let event = |kind| Event {
        at: now(),
        user: standing.user.clone(),
        owner: standing.owner.clone(),
        secret: standing.secret.clone(),
        kind,
    };
    standing.events = kinds.into_iter().map(event).collect();
    standing.outcome = outcome;
    standing
}

pub(super) fn blocked(name: &str, owner: Option<&str>, reason: Blocked) -> UserResult {
    user(name, owner, Outcome::Blocked(reason.clone()), vec![EventKind::Blocked { reason }])
}

pub(super) fn unknown_keys(name: &str, owner: Option<&str>) -> UserResult {
    let used = LastUse::At {
        when: time("2026-11-22T21:14:00Z"),
        service: "s3".into(),
        region: "eu-west-1".into(),
    };
    let evidence = |number, age, last_use| Evidence {
        key: key(name, number),
        created: now() - chrono::TimeDelta::days(age),
        last_use,
    };
    blocked(
        name,
        owner,
        Blocked::UnknownKeys(vec![evidence(1, 400, used), evidence(2, 800, LastUse::NoRecord)]),
    )
}

pub(super) fn failed(name: &str, kind: ErrorKind, message: &str) -> UserResult {
    let failure =
        Failure { doing: "create a new key".into(), error: CallError::refused(kind, message) };
    user(name, None, Outcome::Failed(failure.clone()), vec![EventKind::Failed(failure)])
}

pub(super) fn denied(name: &str) -> UserResult {
    let message = format!(
        "iam:CreateAccessKey for user {name} failed: AccessDenied: User: arn:aws:sts::{ACCOUNT}:assumed-role/keyrot/keyrot is not \
         authorized to perform: iam:CreateAccessKey on resource: user {name} (request id 6d1ba6f5-f3d3-4b1c-9c4e-0f1e0a7b8c9d). keyrot's own \
         credentials need iam:CreateAccessKey; an explicit deny, a permissions boundary, a session policy or an organization's policy may \
         also withhold it"
    );
    failed(name, ErrorKind::Denied, &message)
}

pub(super) fn rotated(name: &str) -> UserResult {
    let wait = Wait { why: Why::Overlap(key(name, 1)), until: Some(days(7)) };
    let version = VersionId::parse(format!("keyrot-key-{}-1700000000", key(name, 2))).unwrap();
    let published = EventKind::Rotated { key: key(name, 2), replaced: Some(key(name, 1)), version };
    user(
        name,
        None,
        Outcome::Waiting(wait),
        vec![EventKind::KeyCreated { key: key(name, 2) }, published],
    )
}

pub(super) fn retired(name: &str) -> UserResult {
    let wait = Wait { why: Why::Soak(key(name, 1)), until: Some(days(7)) };
    user(name, None, Outcome::Waiting(wait), vec![EventKind::Retired { key: key(name, 1) }])
}

pub(super) fn deleted(name: &str) -> UserResult {
    user(
        name,
        None,
        Outcome::Settled { until: days(70) },
        vec![EventKind::Deleted { key: key(name, 1) }],
    )
}

pub(super) fn held(name: &str, owner: Option<&str>) -> UserResult {
    let last_use = LastUse::At {
        when: time("2026-11-22T23:30:00Z"),
        service: "s3".into(),
        region: "eu-west-1".into(),
    };
    let wait = Wait { why: Why::InUse { key: key(name, 1), last_use }, until: Some(days(1)) };
    user(name, owner, Outcome::Waiting(wait.clone()), vec![EventKind::Held(wait)])
}

pub(super) fn stopped(name: &str, stop: Stop) -> UserResult {
    user(name, None, Outcome::Stopped(stop), Vec::new())
}

pub(super) fn report(mut users: Vec<UserResult>) -> Report {
    users.sort_by(|a, b| a.user.cmp(&b.user));
    Report::new(now(), now() + Duration::from_secs(12), users)
}

pub(super) fn about(report: &Report) -> About {
    let arn = |one: &UserResult| {
        UserArn::parse(format!("arn:aws:iam::{ACCOUNT}:user/ci/{}", one.user)).unwrap()
    };
    About {
        account: Some(ACCOUNT.into()),
        region: "eu-central-1".into(),
        users: report.users.iter().map(|one| (one.user.clone(), arn(one))).collect(),
    }
}

/// One user needs manual action.
pub(super) fn one_blocked() -> Report {
    let names =
        ["artifact-push", "ci-deployer", "ci-e2e", "data-import", "db-backup", "dns-updater"];
    let mut users: Vec<_> = names.into_iter().map(settled).collect();
    users.push(unknown_keys("legacy-ftp", Some("team-billing@example.com")));
    report(users)
}

/// A successful run: three new keys.
pub(super) fn three_rotated() -> Report {
    let mut users: Vec<_> = (1..=9).map(|i| settled(&format!("svc-{i}"))).collect();
    users.extend(["ci-deployer", "data-import", "mail-relay"].map(rotated));
    users.push(retired("db-backup"));
    report(users)
}

/// 500 users, twelve of them with problems.
pub(super) fn five_hundred() -> Report {
    let mut users = vec![
        blocked(
            "build-cache",
            Some("team-ci"),
            Blocked::Quarantined { policy: "AWSCompromisedKeyQuarantineV3".into() },
        ),
        blocked(
            "app-reporting",
            None,
            Blocked::CurrentKeyInactive { key: key("app-reporting", 1) },
        ),
        unknown_keys("legacy-ftp", Some("team-billing@example.com")),
        unknown_keys("legacy-scan", None),
        stopped("zz-last", Stop::Deadline),
    ];
    users.extend((0..6).map(|i| denied(&format!("prod-app-{i:02}"))));
    let throttled =
        "iam:ListAccessKeys for user sftp failed in 7 attempts: Throttling: Rate exceeded";
    users.push(failed("sftp", ErrorKind::Throttled, throttled));
    users.extend((0..4).map(|i| held(&format!("etl-{i}"), Some("team-data"))));
    users.extend((0..40).map(|i| rotated(&format!("svc-{i:03}"))));
    users.extend((40..55).map(|i| retired(&format!("svc-{i:03}"))));
    users.extend((55..64).map(|i| deleted(&format!("svc-{i:03}"))));
    let more = 500 - users.len();
    users.extend((0..more).map(|i| settled(&format!("worker-{i:03}"))));
    report(users)
}
