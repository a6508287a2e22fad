mod destinations;
mod reports;

use super::*;
use crate::model::names::{UserArn, UserId, UserName};
use crate::model::observed::{AccessKey, KeyStatus, LastUse};
use crate::model::time::Timestamp;
use crate::model::user::IamUser;
use crate::model::waits::{WaitPolicy, Waits};
use crate::selection::users::Selection;
use crate::testing::{at, key};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const DAY: i64 = 86_400;

fn arn(name: &str) -> UserArn {
    UserArn::parse(format!("arn:aws:iam::123456789012:user/{name}")).unwrap()
}

fn used(when: Timestamp) -> LastUse {
    LastUse::At { when, service: "s3".into(), region: "eu-west-1".into() }
}

/// Returns a key that was created this many seconds before [`at`]`(0)`, and used a day before it.
fn made(slot: u8, seconds_ago: i64) -> ReportedKey {
    ReportedKey { slot, active: true, rotated: at(-seconds_ago), last_use: used(at(-DAY)) }
}

fn user(name: &str, keys: Vec<ReportedKey>) -> ReportedUser {
    ReportedUser { arn: arn(name), password: Some(false), mfa: false, keys }
}

fn report(users: Vec<ReportedUser>) -> CredentialReport {
    CredentialReport {
        generated: at(0),
        account: "123456789012".into(),
        partition: "aws".into(),
        root: Vec::new(),
        users,
        unreadable: Vec::new(),
        not_renewed: None,
    }
}

fn listed(name: &str, tags: &[(&str, &str)]) -> IamUser {
    let tags = tags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let id = UserId::parse("AIDAJQABLZS4A3QDU576Q").unwrap();
    IamUser { id, arn: arn(name), created: None, tags, policies: Vec::new() }
}

/// Returns the audit of one user with these keys, unmanaged.
fn of(keys: Vec<ReportedKey>) -> Audit {
    let view =
        AccountView::new(report(vec![user("ci", keys)]), vec![listed("ci", &[])], &BTreeMap::new());
    audit(&view, &AuditPolicy::default(), at(0))
}

fn kinds(audit: &Audit) -> Vec<FindingKind> {
    audit.findings.iter().map(|finding| finding.kind).collect()
}

fn ids(audit: &Audit, kind: FindingKind) -> BTreeSet<String> {
    let found = audit.findings.iter().find(|finding| finding.kind == kind).unwrap();
    found.controls.iter().map(ToString::to_string).collect()
}

#[test]
fn a_key_of_ninety_days_is_ok_and_one_a_second_older_is_not() {
    assert_eq!(kinds(&of(vec![made(1, 90 * DAY)])), []);
    let late = of(vec![made(1, 90 * DAY + 1)]);
    assert_eq!(kinds(&late), [FindingKind::OldKey]);
    assert_eq!(late.findings[0].message, "a key of ci is 90d 1s old; 90d is allowed");
    assert_eq!(late.findings[0].severity, FindingSeverity::Medium);
    assert_eq!(late.findings[0].since, Some(at(-1)));
    assert_eq!(of(vec![made(1, 181 * DAY)]).findings[0].severity, FindingSeverity::High);
    let expected = [
        "AWS Security Hub IAM.3",
        "CIS AWS Foundations Benchmark v1.4.0/1.14",
        "CIS AWS Foundations Benchmark v3.0.0/1.14",
        "CIS AWS Foundations Benchmark v4.0.1/1.14",
        "CIS AWS Foundations Benchmark v5.0.0/1.13",
        "CIS AWS Foundations Benchmark v6.0.0/2.13",
        "CIS AWS Foundations Benchmark v7.0.0/2.12",
        "PCI DSS v4.0.1/8.3.9",
        "PCI DSS v4.0.1/8.6.3",
    ];
    assert_eq!(ids(&late, FindingKind::OldKey), expected.map(str::to_owned).into());
}

#[test]
fn users_and_controls_have_separate_limits() {
    let judged = |max_age: &str, tags: &[(&str, &str)], days: i64| {
        let tags = [&[("RotateKey", "true")], tags].concat();
        let view = AccountView::new(
            report(vec![user("ci", vec![made(1, days * DAY)])]),
            vec![listed("ci", &tags)],
            &BTreeMap::new(),
        );
        let mut policy = AuditPolicy::default();
        let max_age = humantime::parse_duration(max_age).unwrap();
        policy.policy = WaitPolicy::new(Waits { max_age, ..Waits::default() }, true).unwrap();
        let audit = audit(&view, &policy, at(0));
        audit.findings.first().map(|f| (f.message.clone(), f.controls.len()))
    };
    assert_eq!(judged("60d", &[], 60), None);
    assert_eq!(judged("60d", &[], 61), Some(("a key of ci is 61d old; 60d is allowed".into(), 0)));
    assert_eq!(judged("60d", &[("keyrot:max-age", "80d")], 61), None);
    // A user's longer limit does not remove a control.
    assert_eq!(judged("365d", &[], 91), Some(("a key of ci is 91d old; 90d is allowed".into(), 9)));
    assert_eq!(judged("365d", &[], 90), None);
}

#[test]
fn a_key_is_unused_from_the_fortyfifth_day_on() {
    let last = |seconds: i64| {
        let key = ReportedKey { last_use: used(at(-seconds)), ..made(1, 60 * DAY) };
        of(vec![key])
    };
    assert_eq!(kinds(&last(45 * DAY - 1)), []);
    let idle = last(45 * DAY);
    assert_eq!(kinds(&idle), [FindingKind::UnusedKey]);
    assert!(ids(&idle, FindingKind::UnusedKey).contains("AWS Security Hub IAM.22"));
    assert!(
        !ids(&idle, FindingKind::UnusedKey).contains("AWS Security Hub IAM.8"),
        "that is for 90 days"
    );
    assert!(ids(&last(90 * DAY), FindingKind::UnusedKey).contains("AWS Security Hub IAM.8"));
}

#[test]
fn a_key_without_a_recorded_use_counts_from_its_creation_and_an_unknown_use_is_not_unused() {
    let with =
        |last_use: LastUse, seconds: i64| of(vec![ReportedKey { last_use, ..made(1, seconds) }]);
    assert_eq!(kinds(&with(LastUse::NoRecord, 45 * DAY - 1)), []);
    let never = with(LastUse::NoRecord, 45 * DAY);
    assert_eq!(kinds(&never), [FindingKind::UnusedKey]);
    let said = "an Active key of ci has no use on record, and was created 45d ago";
    assert_eq!(
        (never.findings[0].message.as_str(), never.keys[0].use_known),
        (said, UseKnown::Never)
    );
    let unknown = with(LastUse::Unknown("lost".into()), 60 * DAY);
    assert_eq!((kinds(&unknown), unknown.keys[0].use_known), (vec![], UseKnown::Unknown));
}

#[test]
fn idle_time_ends_with_the_report_and_age_with_the_present() {
    let mut report =
        report(vec![user("ci", vec![ReportedKey { last_use: LastUse::NoRecord, ..made(1, 0) }])]);
    report.users[0].keys[0].rotated = at(0);
    report.generated = at(45 * DAY - 1);
    let view = AccountView::new(report, vec![listed("ci", &[])], &BTreeMap::new());
    let audit = audit(&view, &AuditPolicy::default(), at(45 * DAY + 3 * 3600));
    assert_eq!(kinds(&audit), [], "it may have been used since");
    assert_eq!(audit.keys[0].age_days, 45);
}

#[test]
fn of_inactive_keys_only_the_root_users_are_findings() {
    let off = |slot, days: i64| ReportedKey {
        active: false,
        last_use: LastUse::NoRecord,
        ..made(slot, days * DAY)
    };
    assert_eq!(kinds(&of(vec![off(1, 400), made(2, DAY)])), []);
    let mut report = report(vec![]);
    report.root = vec![off(1, 400)];
    let judged = |report: &CredentialReport| {
        audit(
            &AccountView::new(report.clone(), vec![], &BTreeMap::new()),
            &AuditPolicy::default(),
            at(0),
        )
    };
    let audit = judged(&report);
    assert_eq!(kinds(&audit), [FindingKind::RootKey]);
    assert_eq!(
        (audit.findings[0].severity, audit.findings[0].controls.len()),
        (FindingSeverity::High, 7)
    );
    assert_eq!(audit.findings[0].arn, "arn:aws:iam::123456789012:root");
    report.root[0].active = true;
    let audit = judged(&report);
    assert_eq!(kinds(&audit), [FindingKind::RootKey, FindingKind::OldKey, FindingKind::UnusedKey]);
    assert_eq!(audit.worst(), Some(FindingSeverity::Critical));
    assert_eq!(audit.keys[0].severity, Some(FindingSeverity::Critical));
}

#[test]
fn two_active_keys_of_a_managed_user_may_be_a_rotation() {
    let two = |tags: &[(&str, &str)]| {
        let keys = vec![made(1, 9 * DAY), made(2, 2 * DAY)];
        let view = AccountView::new(
            report(vec![user("ci", keys)]),
            vec![listed("ci", tags)],
            &BTreeMap::new(),
        );
        audit(&view, &AuditPolicy::default(), at(0))
    };
    let (own, others) = (two(&[("RotateKey", "True")]), two(&[]));
    for (audit, severity) in [(&own, FindingSeverity::Low), (&others, FindingSeverity::Medium)] {
        assert_eq!(
            (kinds(audit), audit.findings[0].severity),
            (vec![FindingKind::TwoActiveKeys], severity)
        );
        assert_eq!(audit.findings[0].since, Some(at(-2 * DAY)));
        assert!(
            !ids(audit, FindingKind::TwoActiveKeys).iter().any(|id| id.contains("v7.0.0")),
            "it is not in CIS v7.0.0"
        );
    }
    let told = |audit: &Audit| audit.keys.iter().map(|key| key.tagged).collect::<Vec<_>>();
    assert_eq!((told(&own), told(&others)), (vec![Tagged::Yes; 2], vec![Tagged::No; 2]));
    let limits: Vec<_> = own.keys.iter().map(|key| key.limit.unwrap()).collect();
    assert_eq!(limits, [at(81 * DAY), at(88 * DAY)], "90 days after each was created");
}

#[test]
fn quarantine_mfa_and_bad_tags_are_reported_once() {
    let mut leaked = listed("leaked", &[("RotateKey", "True"), ("keyrot:overlap", "two weeks")]);
    leaked.policies.push("AWSCompromisedKeyQuarantineV3".into());
    let mut console = user("jane", vec![]);
    console.password = Some(true);
    let report =
        report(vec![user("leaked", vec![made(1, DAY)]), user("typo", vec![made(1, DAY)]), console]);
    let typo = listed(
        "typo",
        &[("RotateKey", "True"), ("keyrot:overlap", "two weeks"), ("KeyRot:Owner", " ops ")],
    );
    let view = AccountView::new(report, vec![leaked, typo, listed("jane", &[])], &BTreeMap::new());
    let audit = audit(&view, &AuditPolicy::default(), at(0));
    assert_eq!(
        kinds(&audit),
        [FindingKind::Quarantined, FindingKind::ConsoleWithoutMfa, FindingKind::Blocked]
    );
    assert!(
        ids(&audit, FindingKind::ConsoleWithoutMfa).iter().any(|id| id.ends_with("v7.0.0/2.10"))
    );
    assert_eq!(audit.findings[2].user.as_ref().unwrap().as_str(), "typo");
    assert!(audit.findings[2].message.contains("two weeks"), "{}", audit.findings[2].message);
    assert_eq!(audit.users[2].owner.as_deref(), Some("ops"));
    assert!(
        audit.keys.iter().all(|key| key.tagged == Tagged::Blocked),
        "who is blocked is not rotated"
    );
    assert_eq!(
        audit.keys.iter().map(|key| key.severity).max().flatten(),
        Some(FindingSeverity::Critical)
    );
}

#[test]
fn a_part_of_an_audit_keeps_the_counts_of_the_whole() {
    let mut jane = user("jane", vec![made(1, 200 * DAY)]);
    jane.password = Some(true);
    let known = vec![user("ci", vec![made(1, 100 * DAY)]), user("fresh", vec![made(1, DAY)]), jane];
    let users =
        vec![listed("ci", &[("RotateKey", "True")]), listed("fresh", &[]), listed("jane", &[])];
    let whole = audit(
        &AccountView::new(report(known), users, &BTreeMap::new()),
        &AuditPolicy::default(),
        at(0),
    );
    let names = |audit: &Audit| {
        audit.keys.iter().map(|k| k.user.clone().unwrap().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(&whole), ["jane", "ci", "fresh"]);
    assert_eq!(
        whole.beside_keys().map(|f| f.kind).collect::<Vec<_>>(),
        [FindingKind::ConsoleWithoutMfa]
    );
    let findings = whole.narrowed(Only::Findings);
    assert_eq!((names(&findings), findings.findings.len()), (vec!["jane".into(), "ci".into()], 3));
    let unmanaged = whole.narrowed(Only::Unmanaged);
    assert_eq!(
        (names(&unmanaged), unmanaged.findings.len()),
        (vec!["jane".into(), "fresh".into()], 2)
    );
    assert_eq!((&findings.counts, &unmanaged.counts), (&whole.counts, &whole.counts));
}

#[test]
fn the_reason_why_a_user_is_not_managed_is_reported() {
    let users = vec![
        listed("a", &[]),
        listed("b", &[("RotateKey", "False")]),
        listed("c", &[("RotateKey", "True")]),
    ];
    let policy = AuditPolicy {
        selection: Selection { exclude: vec!["c*".parse().unwrap()], ..Selection::default() },
        ..AuditPolicy::default()
    };
    let known = users.iter().map(|u| user(u.arn.name().as_str(), vec![])).collect();
    let audit = audit(&AccountView::new(report(known), users, &BTreeMap::new()), &policy, at(0));
    let why: Vec<_> = audit.users.iter().map(|u| u.unmanaged_because.clone().unwrap()).collect();
    assert_eq!(why, ["no tag RotateKey=True", "its tag RotateKey is \"False\"", "excluded by c*"]);
}

#[test]
fn users_created_or_deleted_since_the_report_are_named() {
    let view = AccountView::new(
        report(vec![user("gone", vec![made(1, 400 * DAY)]), user("ci", vec![])]),
        vec![listed("new", &[]), listed("ci", &[]), listed("ci", &[])],
        &BTreeMap::new(),
    );
    let audit = audit(&view, &AuditPolicy::default(), at(0));
    let name = |name: &str| UserName::parse(name).unwrap();
    assert_eq!((&audit.gone, &audit.unreported), (&vec![name("gone")], &vec![name("new")]));
    assert_eq!((kinds(&audit), audit.users.len()), (vec![], 2));
    assert_eq!(audit.users[1].mfa, None, "nothing is known of it");
}

#[test]
fn ids_are_matched_by_creation_and_the_listing_is_newer() {
    let is = |name: &str, ago: i64, status| AccessKey { id: key(name), status, created: at(-ago) };
    let view = |reported: Vec<ReportedKey>, keys: Vec<AccessKey>| {
        let listed_keys = [(UserName::parse("ci").unwrap(), keys)].into();
        let mut view = AccountView::new(
            report(vec![user("ci", reported)]),
            vec![listed("ci", &[])],
            &listed_keys,
        );
        view.users.remove(0).keys
    };
    let two = || vec![made(1, 300), made(2, 200)];
    let keys =
        view(two(), vec![is("B", 200, KeyStatus::Active), is("A", 300, KeyStatus::Inactive)]);
    assert_eq!((keys[0].slot, keys[1].slot), (Some(2), Some(1)));
    assert_eq!(keys[1].status, KeyStatus::Inactive, "deactivated since the report");
    // The old key is gone, and a new one has its place: what is known about the old one does not
    // apply to the new one.
    let keys = view(two(), vec![is("B", 200, KeyStatus::Active), is("C", 5, KeyStatus::Active)]);
    assert_eq!((keys[0].slot, keys[1].slot), (Some(2), None));
    assert!(matches!(keys[1].last_use, LastUse::Unknown(_)));
    // "Last rotated" changed with the status. The single key that remains on both sides is the
    // same, and the listing has its creation time.
    let keys = view(vec![made(1, 300)], vec![is("A", 900, KeyStatus::Active)]);
    assert_eq!((keys[0].slot, keys[0].created), (Some(1), at(-900)));
    assert_eq!(view(two(), vec![]), []);
}

#[test]
fn every_control_is_listed_once_and_fits_its_kind() {
    let mut seen = BTreeSet::new();
    for control in CONTROLS {
        assert!(seen.insert(control.to_string()), "{control} twice");
        let timed = matches!(control.kind, FindingKind::OldKey | FindingKind::UnusedKey);
        assert_eq!(control.limit.is_some(), timed, "{control}");
        assert!(control.to_string().len() <= 64, "Security Hub takes 64 characters: {control}");
    }
}

fn any_key(slot: u8) -> impl Strategy<Value = Option<ReportedKey>> {
    let seconds = 0..500 * DAY;
    let last = prop_oneof![
        Just(LastUse::NoRecord),
        Just(LastUse::Unknown("x".into())),
        (0..500 * DAY).prop_map(|ago| used(at(-ago)))
    ];
    proptest::option::of((any::<bool>(), seconds, last).prop_map(move |(active, ago, last_use)| {
        ReportedKey { active, last_use, ..made(slot, ago) }
    }))
}

proptest! {
    #[test]
    fn findings_follow_from_the_keys_alone(
        users in proptest::collection::vec((any_key(1), any_key(2), any::<bool>(), any::<bool>(), any::<bool>()), 0..6),
        max_age_days in 34_u64..400,
    ) {
        let name = |n: usize| format!("user-{n}");
        let reported: Vec<_> = users.iter().enumerate().map(|(n, (one, two, _, password, mfa))| ReportedUser {
            password: Some(*password), mfa: *mfa, ..user(&name(n), one.iter().chain(two).cloned().collect())
        }).collect();
        let tags = |managed: bool| if managed { vec![("RotateKey", "True")] } else { vec![] };
        let listed_users = users.iter().enumerate().map(|(n, (_, _, managed, ..))| listed(&name(n), &tags(*managed))).collect();
        let mut policy = AuditPolicy::default();
        let max_age = Duration::from_secs(max_age_days * 86_400);
        policy.policy = policy.policy.with_waits(Waits { max_age, ..Waits::default() }).unwrap();
        let view = AccountView::new(report(reported.clone()), listed_users, &BTreeMap::new());
        let audit = audit(&view, &policy, at(0));

        // Nothing is lost, and the oldest comes first.
        let keys = reported.iter().map(|user| user.keys.len()).sum::<usize>();
        prop_assert_eq!((audit.keys.len(), audit.counts.keys), (keys, keys));
        prop_assert!(audit.keys.windows(2).all(|pair| pair[0].created <= pair[1].created));
        prop_assert!(audit.findings.windows(2).all(|pair| pair[0].severity >= pair[1].severity));
        prop_assert_eq!(audit.counts.findings.values().sum::<usize>(), audit.findings.len());

        // Each rule, stated in another way.
        let active = || reported.iter().flat_map(|user| &user.keys).filter(|key| key.active);
        let limit = i64::try_from(max_age_days).unwrap().min(90) * DAY;
        let old = active().filter(|key| (at(0) - key.rotated).num_seconds() > limit).count();
        let unused = active().filter(|key| match &key.last_use {
            LastUse::At { when, .. } => (at(0) - when).num_days() >= 45,
            LastUse::NoRecord => (at(0) - key.rotated).num_days() >= 45,
            LastUse::Unknown(_) => false,
        }).count();
        let two = reported.iter().filter(|user| user.keys.iter().filter(|key| key.active).count() == 2).count();
        let open = reported.iter().filter(|user| user.password == Some(true) && !user.mfa).count();
        prop_assert_eq!(audit.count(FindingKind::OldKey), old);
        prop_assert_eq!(audit.count(FindingKind::UnusedKey), unused);
        prop_assert_eq!(audit.count(FindingKind::TwoActiveKeys), two);
        prop_assert_eq!(audit.count(FindingKind::ConsoleWithoutMfa), open);
        prop_assert_eq!(audit.findings.len(), old + unused + two + open);

        // A key's own findings are those of the list.
        for row in &audit.keys {
            prop_assert_eq!(row.findings.is_empty(), row.severity.is_none());
            prop_assert!(row.is_active() || row.findings.is_empty());
            prop_assert_eq!(audit.of_key(row).map(|finding| finding.severity).max(), row.severity);
        }
        let managed = |key: &KeyRow| {
            audit.users.iter().any(|user| Some(&user.user) == key.user.as_ref() && user.managed)
        };
        prop_assert!(audit.keys.iter().all(|key| key.managed == managed(key)));
        prop_assert!(audit.keys.iter().all(|key| key.limit.is_some() == key.is_active()));
    }
}
