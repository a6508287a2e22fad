//! Reports that are old, or cannot be read in part; ids of findings.

use super::*;

#[test]
fn a_report_older_than_a_day_is_flagged() {
    let judged = |age: i64, not_renewed: Option<&str>| {
        let mut report = report(vec![user("ci", vec![])]);
        report.not_renewed = not_renewed.map(str::to_owned);
        let view = AccountView::new(report, vec![listed("ci", &[])], &BTreeMap::new());
        audit(&view, &AuditPolicy::default(), at(age))
    };
    assert_eq!((judged(DAY, None).report_outdated, judged(DAY, None).warnings()), (false, vec![]));
    let old = judged(4317 * DAY, None);
    assert!(old.report_outdated);
    assert!(old.warnings()[0].starts_with("the credential report is 4317d old ("), "{old:?}");
    let kept = judged(7200, Some("LimitExceeded"));
    assert!(!kept.report_outdated);
    assert!(kept.warnings()[0].starts_with("the credential report is 2h old ("));
    assert!(kept.warnings()[0].ends_with("): LimitExceeded"));
}

#[test]
fn a_user_whose_row_cannot_be_read_is_unknown_not_new() {
    let mut report = report(vec![user("ci", vec![])]);
    let why = "line 3 of the report, column mfa_active: \"perhaps\", expected true or false";
    report.unreadable = vec![UnreadableRow { user: "jane".into(), why: why.into() }];
    let users = vec![listed("ci", &[]), listed("jane", &[]), listed("new", &[])];
    let view = AccountView::new(report, users, &BTreeMap::new());
    let audit = audit(&view, &AuditPolicy::default(), at(0));
    assert_eq!(audit.unreported, [UserName::parse("new").unwrap()]);
    assert_eq!(audit.unreadable[0].user, "jane");
    assert!(
        audit.warnings()[0].contains("nothing is known of jane")
            && audit.warnings()[0].contains(why)
    );
    assert_eq!(audit.users[1].mfa, None);
}

/// A report that was cut off at the end of a line looks complete.
#[test]
fn a_user_that_was_created_before_the_report_and_is_not_in_it_is_unknown_not_new() {
    let report = report(vec![user("ci", vec![])]);
    let created = |name: &str, before: i64| {
        let created = report.generated - chrono::TimeDelta::seconds(before);
        IamUser { created: Some(created), ..listed(name, &[]) }
    };
    let users = vec![created("ci", 900_000), created("new", 600), created("old", 900_000)];
    let view = AccountView::new(report.clone(), users, &BTreeMap::new());
    let audit = audit(&view, &AuditPolicy::default(), at(0));
    assert_eq!(audit.unreported, [UserName::parse("new").unwrap()]);
    let [row] = &audit.unreadable[..] else { panic!("{:?}", audit.unreadable) };
    assert_eq!(row.user, "old");
    assert!(row.why.contains("the report has no row for this user"), "{}", row.why);
}

#[cfg(feature = "export")]
#[test]
fn ids_for_security_hub_are_unique_at_any_length_and_stable() {
    let ids = |keys: Vec<ReportedKey>, path: usize, name: usize| -> Vec<String> {
        let path = format!("/{}/", "p".repeat(path - 2));
        let arn = format!("arn:aws:iam::123456789012:user{path}{}", "n".repeat(name));
        let arn = UserArn::parse(arn).unwrap();
        let of = ReportedUser { arn: arn.clone(), password: Some(true), mfa: false, keys };
        let there = IamUser { arn, ..listed("ci", &[]) };
        let view = AccountView::new(report(vec![of]), vec![there], &BTreeMap::new());
        let audit = audit(&view, &AuditPolicy::default(), at(0));
        let found: serde_json::Value =
            serde_json::from_str(&export::asff(&audit, "eu-west-1")).unwrap();
        let id = |finding: &serde_json::Value| finding["Id"].as_str().unwrap().to_owned();
        found.as_array().unwrap().iter().map(id).collect()
    };
    let old = |slot, days| ReportedKey { last_use: LastUse::NoRecord, ..made(slot, days * DAY) };
    for (path, name) in [(2, 1), (400, 64), (470, 1), (512, 64)] {
        // Two keys that were created in the same second, too.
        for keys in [vec![old(1, 400), old(2, 300)], vec![old(1, 400), old(2, 400)]] {
            let found = ids(keys.clone(), path, name);
            assert_eq!(found.len(), 6, "{found:?}");
            assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), 6, "{found:?}");
            assert!(found.iter().all(|id| id.len() <= 512), "{found:?}");
            assert_eq!(found, ids(keys, path, name), "the next audit has the same");
        }
    }
    // Later releases have to update findings that were imported once.
    let found = ids(vec![old(1, 400)], 512, 64);
    assert!(
        found
            .iter()
            .any(|id| id
                .ends_with("/6f44e976bcbdc471f152613ed533e62180727a238b4f2113ea37349f48f4034c")),
        "{found:?}"
    );
}
