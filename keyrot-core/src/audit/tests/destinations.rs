//! The destinations of keys, by the settings.

use super::*;
use crate::model::destination::Abilities;
use crate::model::names::DestinationName;
use crate::selection::destination::DestinationRule;
use crate::selection::homes::Homes;
use crate::selection::place::{PlaceForm, PlaceTemplate};

fn rule(name: &str, users: &str, to: &str) -> DestinationRule {
    DestinationRule::new(
        DestinationName::parse(name).unwrap(),
        vec![users.parse().unwrap()],
        PlaceTemplate::parse(to, PlaceForm::Text).unwrap(),
        Abilities::READABLE,
    )
    .unwrap()
    .of_kind("ssm")
}

/// Returns the audit of these users, each with an Active and an Inactive key.
fn judged(users: Vec<IamUser>, destinations: Vec<DestinationRule>) -> Audit {
    let keys = || vec![made(1, 3 * DAY), ReportedKey { active: false, ..made(2, 2 * DAY) }];
    let known = users.iter().map(|one| user(one.arn.name().as_str(), keys())).collect();
    let view = AccountView::new(report(known), users, &BTreeMap::new());
    let homes = Homes { destinations, ..Homes::in_region("eu-west-1") };
    audit(&view, &AuditPolicy { homes, ..AuditPolicy::default() }, at(0))
}

/// Returns the user, the key's number and the destinations of each key that has any.
fn destinations(audit: &Audit) -> Vec<(&str, u8, String)> {
    let all = audit.keys.iter().filter(|key| !key.destinations.is_empty());
    all.map(|key| {
        let to: Vec<String> = key.destinations.iter().map(ToString::to_string).collect();
        (key.whose(), key.key.unwrap(), to.join("; "))
    })
    .collect()
}

#[test]
fn an_active_key_of_a_tagged_user_has_its_destinations() {
    let tagged = &[("RotateKey", "True")];
    let users = || vec![listed("ci", tagged), listed("jane", tagged), listed("ci-old", &[])];
    let none = judged(users(), Vec::new());
    assert!(!none.has_destinations());
    assert!(!serde_json::to_string(&none.keys).unwrap().contains("destinations"));

    let rules = vec![rule("params", "ci*", "/ci/{user}"), rule("copy", "ci", "x").optional()];
    let audit = judged(users(), rules);
    assert!(audit.has_destinations());
    let expected = ("ci", 1, "copy (ssm x, optional); params (ssm /ci/ci)".to_owned());
    assert_eq!(destinations(&audit), [expected], "only Active keys, only of tagged users");
    let key = serde_json::to_value(&audit.keys[0]).unwrap();
    let params = serde_json::json!({
        "to": "params", "kind": "ssm", "place": "/ci/ci", "required": true,
    });
    assert_eq!(key["destinations"][1], params);
}

/// As in a run: a user that shares a place with another user is not rotated, and gets no copy
/// there.
#[test]
fn a_place_of_two_users_blocks_them() {
    let tagged = &[("RotateKey", "True")];
    let rules =
        vec![rule("a", "ci", "/x/ci").in_store("x"), rule("b", "cd", "/x/ci").in_store("x")];
    let audit = judged(vec![listed("ci", tagged), listed("cd", tagged)], rules);
    assert_eq!(destinations(&audit), []);
    assert!(audit.keys.iter().all(|key| key.tagged == Tagged::Blocked), "{audit:?}");
    let found = &audit.findings[0];
    assert_eq!((found.kind, audit.count(FindingKind::Blocked)), (FindingKind::Blocked, 2));
    assert!(found.message.contains("at /x/ci"), "{}", found.message);
    // Another user's home is not allowed as a place either. The region matters for that.
    let to_home = rule("a", "ci", "/iam/cd/access_key");
    let store = DestinationRule::secrets_in("eu-west-1");
    let users = vec![listed("ci", tagged), listed("cd", tagged)];
    let audit = judged(users, vec![to_home.in_store(store)]);
    assert!(audit.findings[0].message.contains("which is user cd's home"), "{audit:?}");
}

#[cfg(feature = "export")]
#[test]
fn every_format_names_destinations_and_escapes_their_places() {
    let users = vec![listed("ci", &[("RotateKey", "True")]), listed("jane", &[])];
    let with = judged(users.clone(), vec![rule("params", "ci", "=1,\"<b>{user}")]);
    let rows = export::csv(&with);
    let head = rows.lines().next().unwrap();
    assert!(head.ends_with(",report,destinations"), "{head}");
    assert!(rows.contains(",\"params (ssm =1,\"\"<b>ci)\"\n"), "{rows}");
    let page = export::html(&with, &with, false);
    assert!(page.contains("<th>Destinations</th>"), "{page}");
    assert!(page.contains(">params (ssm =1,&quot;&lt;b&gt;ci)</td>"), "{page}");
    let without = judged(users, Vec::new());
    let page = export::html(&without, &without, false);
    assert!(!page.contains("Destinations") && !page.contains("data-name=\"destinations\""));
}
