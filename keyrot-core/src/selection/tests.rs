mod destinations;

use crate::decide::decision::blocked::Blocked;
use crate::engine::target::Target;
use crate::model::home::{HOME_TAG, HomeTag};
use crate::model::names::{UserArn, UserId, UserName};
use crate::model::user::IamUser;
use crate::model::waits::{WaitPolicy, Waits};
use crate::selection::destination::DestinationRule;
use crate::selection::homes::Homes;
use crate::selection::missing::Skipped;
use crate::selection::pattern::{Pattern, SecretPattern};
use crate::selection::users::{Selected, Selection, select};
use crate::testing::at;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::time::Duration;

fn user(path_and_name: &str, tags: &[(&str, &str)]) -> IamUser {
    IamUser {
        id: UserId::parse(format!("AIDA{:0>17}", path_and_name.len())).unwrap(),
        arn: UserArn::parse(format!("arn:aws:iam::123456789012:user/{path_and_name}")).unwrap(),
        created: None,
        tags: tags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        policies: Vec::new(),
    }
}

fn tagged(path_and_name: &str, more: &[(&str, &str)]) -> IamUser {
    user(path_and_name, &[&[("RotateKey", "True")], more].concat())
}

fn run(users: &[IamUser], selection: &Selection) -> Selected {
    select(users, selection, &homes(), &WaitPolicy::default())
}

/// Returns homes where a tag may choose any secret.
fn homes() -> Homes {
    Homes {
        chosen_by_tag: Some(SecretPattern::parse("*").unwrap()),
        ..Homes::in_region("us-east-1")
    }
}

fn names(selected: &Selected) -> Vec<&str> {
    selected.chosen.iter().map(|c| c.subject.user.as_str()).collect()
}

/// Returns why the only user of that name is blocked.
fn blocked(selected: &Selected, name: &str) -> String {
    let chosen = selected.chosen.iter().find(|c| c.subject.user.as_str() == name).unwrap();
    chosen.policy.clone().unwrap_err().to_string()
}

fn only(names: &[&str]) -> Selection {
    Selection {
        only: names.iter().map(|n| UserName::parse(*n).unwrap()).collect(),
        ..Selection::default()
    }
}

#[test]
fn only_the_tag_selects_and_its_case_is_ignored() {
    let users = [
        user("d", &[("ROTATEKEY", "TRUE")]),
        user("a", &[("rotatekey", "true")]),
        user("no-tag", &[("Team", "True")]),
        user("false", &[("RotateKey", "False")]),
        user("empty", &[("RotateKey", "")]),
        user("spaces", &[("RotateKey", " True ")]),
        user("kelvin", &[("Rotate\u{212a}ey", "True")]),
        user("both", &[("RotateKey", "True"), ("rotatekey", "False")]),
    ];
    let selected = run(&users, &Selection::default());
    assert_eq!(names(&selected), ["a", "d"], "sorted by name");
    assert_eq!(selected.skipped, Skipped { not_tagged: 2, other_value: 4, ..Skipped::default() });
    assert!(selected.chosen.iter().all(|c| c.policy.is_ok()));
}

#[test]
fn path_and_exclusions_remove_users_even_if_the_port_listed_them() {
    let users =
        [tagged("ci/a", &[]), tagged("ci/robot-1", &[]), tagged("cidr/b", &[]), tagged("c", &[])];
    let exclude = ["ROBOT-*", "robbot-*"].map(|p| Pattern::parse(p).unwrap()).to_vec();
    let selection = Selection { path_prefix: "/ci/".to_owned(), exclude, ..Selection::default() };
    let selected = run(&users, &selection);
    assert_eq!(names(&selected), ["a"]);
    assert_eq!(selected.skipped, Skipped { outside_path: 2, excluded: 1, ..Skipped::default() });
    assert_eq!(selected.unmatched_exclusions, [Pattern::parse("robbot-*").unwrap()]);
}

#[test]
fn a_user_requested_by_name_still_needs_the_tag() {
    let users = [
        tagged("ci/alice", &[]),
        tagged("bob", &[]),
        user("carol", &[]),
        user("dave", &[("RotateKey", "no")]),
    ];
    let mut selection = only(&["bob", "carol", "dave", "alise", "bob"]);
    let selected = run(&users, &selection);
    assert_eq!(names(&selected), ["bob"]);
    assert_eq!(selected.skipped.not_named, 1);
    let missing: Vec<_> = selected.missing.iter().map(ToString::to_string).collect();
    assert_eq!(
        missing,
        [
            "there is no user alise; did you mean alice?",
            "user carol is not selected: it has no tag RotateKey; to have its keys rotated, tag it RotateKey=True",
            "user dave is not selected: its tag RotateKey is \"no\", expected \"True\"",
        ]
    );

    selection = Selection { path_prefix: "/ci/".to_owned(), ..only(&["alice", "bob", "zzz"]) };
    selection.exclude = vec![Pattern::parse("al*").unwrap()];
    let missing: Vec<_> = run(&users, &selection).missing.iter().map(ToString::to_string).collect();
    assert_eq!(
        missing,
        [
            "user alice is not selected: excluded by al*",
            "user bob is not selected: its path / does not begin with /ci/",
            "there is no user zzz under the path /ci/",
        ]
    );
}

#[test]
fn a_users_own_tags_override_in_any_case() {
    let own = [
        ("KEYROT:max-AGE", "30d"),
        ("keyrot:overlap", "2d"),
        ("Keyrot:Idle", "100d"),
        ("keyrot:secret", "team/x"),
        ("Keyrot:Owner", "ops@x.org"),
    ];
    let selected = run(&[tagged("a", &own)], &Selection::default());
    let Target { subject, policy } = &selected.chosen[0];
    let day = Duration::from_secs(24 * 60 * 60);
    let waits = *policy.as_ref().unwrap().waits();
    assert_eq!(
        waits,
        Waits { max_age: 30 * day, overlap: 2 * day, idle: 100 * day, ..Waits::default() }
    );
    assert_eq!((subject.secret.as_str(), subject.owner.as_deref()), ("team/x", Some("ops@x.org")));
}

#[test]
fn a_bad_tag_blocks_only_its_user_with_what_was_expected() {
    let users = [
        tagged("ok", &[]),
        tagged("word", &[("keyrot:max-age", "ninety")]),
        tagged("short", &[("keyrot:overlap", "5m")]),
        tagged("pair", &[("keyrot:overlap", "20d"), ("keyrot:max-age", "71d")]),
        tagged("soon", &[("keyrot:max-age", "30d")]),
        tagged("rhythm", &[("keyrot:idle", "7d")]),
        tagged("name", &[("keyrot:secret", "a b")]),
        tagged("typo", &[("keyrot:overlpa", "2d")]),
        tagged("far", &[("keyrot:color", "red")]),
        tagged("twice", &[("keyrot:owner", "a"), ("Keyrot:owner", "b")]),
        tagged("many", &[("keyrot:max-age", "x"), ("keyrot:secret", "")]),
    ];
    let selected = run(&users, &Selection::default());
    let says = |name: &str, text: &str| {
        let reason = blocked(&selected, name);
        assert!(reason.contains(text), "{name}: {reason}");
    };
    says(
        "word",
        "the tag keyrot:max-age = \"ninety\" is not a duration; expected for example 30d or 12h",
    );
    says(
        "short",
        "the tag keyrot:overlap = \"5m\" cannot be used: overlap = 5m is not usable: expected at least 1h",
    );
    says(
        "soon",
        "the tag keyrot:max-age = \"30d\" cannot be used: max_age = 30d is not usable: expected at least 33d 30m",
    );
    says(
        "rhythm",
        "the tag keyrot:idle = \"7d\" cannot be used: idle = 7d is not usable: expected at least 8d",
    );
    says(
        "pair",
        "the tag keyrot:max-age = \"71d\" with the tag keyrot:overlap = \"20d\" cannot be used",
    );
    says(
        "name",
        "the tag keyrot:secret cannot be used: secret name \"a b\" is not usable: expected 1 to 512",
    );
    says("typo", "the tag keyrot:overlpa is not known; did you mean keyrot:overlap?");
    says("far", "the tag keyrot:color is not known; expected keyrot:max-age, keyrot:overlap");
    says("twice", "the tag keyrot:owner more than once");
    says("many", "keyrot:max-age = \"x\"");
    says("many", "; the tag keyrot:secret cannot be used");
    assert_eq!(selected.chosen.iter().filter(|c| c.policy.is_ok()).count(), 1);
    let nameless = selected.chosen.iter().find(|c| c.subject.user.as_str() == "many").unwrap();
    assert_eq!(nameless.subject.secret.as_str(), Target::NO_SECRET);
}

#[test]
fn the_selecting_tag_may_begin_with_keyrot_itself() {
    let selection = Selection { tag: "keyrot:rotate".to_owned(), ..Selection::default() };
    let selected = run(&[user("a", &[("keyrot:Rotate", "true")])], &selection);
    assert!(selected.chosen[0].policy.is_ok());
}

#[test]
fn a_user_that_claims_anothers_secret_is_blocked_and_the_other_is_not() {
    let both = ["a", "b"].map(|name| tagged(name, &[("keyrot:secret", "/vendors/mail")]));
    let selected = run(&both, &Selection::default());
    assert!(
        blocked(&selected, "a").contains("also user b's")
            && blocked(&selected, "b").contains("also user a's")
    );
    let users = [
        tagged("a", &[("keyrot:secret", "/iam/b/access_key")]),
        tagged("b", &[]),
        tagged("c", &[]),
    ];
    let selected = run(&users, &Selection::default());
    assert!(blocked(&selected, "a").contains("the secret /iam/b/access_key is also user b's"));
    assert!(
        selected.chosen[1..].iter().all(|chosen| chosen.policy.is_ok()),
        "nobody takes b's own secret away"
    );
    let selected = run(&users, &only(&["a"]));
    assert_eq!(names(&selected), ["a"]);
    assert!(blocked(&selected, "a").contains("is also user b's"));
}

#[test]
fn a_user_listed_twice_is_one_user_only_if_both_entries_agree() {
    let same = run(&[tagged("a", &[]), tagged("a", &[])], &Selection::default());
    assert_eq!(names(&same), ["a"]);
    assert!(same.chosen[0].policy.is_ok());
    let differing = run(&[tagged("a", &[]), tagged("a", &[("x", "y")])], &Selection::default());
    assert!(blocked(&differing, "a").contains("listed the user twice"));
    let untagged = run(&[tagged("a", &[]), user("a", &[])], &Selection::default());
    assert!(untagged.chosen.is_empty(), "one of the entries does not select the user");
}

#[test]
fn a_tag_chooses_a_secret_only_if_the_settings_allow_it() {
    let users = [tagged("a", &[("keyrot:secret", "/vendors/mail")])];
    let by = |pattern: Option<&str>| {
        let chosen_by_tag = pattern.map(|pattern| SecretPattern::parse(pattern).unwrap());
        let homes = Homes { chosen_by_tag, ..Homes::in_region("us-east-1") };
        select(&users, &Selection::default(), &homes, &WaitPolicy::default())
    };
    assert!(blocked(&by(None), "a").contains("not allowed by the settings"));
    assert!(blocked(&by(Some("/vendor/*")), "a").contains("expected a name like /vendor/*"));
    assert_eq!(by(Some("/vendors/*")).chosen[0].subject.secret.as_str(), "/vendors/mail");
}

#[test]
fn a_renamed_user_keeps_only_the_secret_that_its_tag_names() {
    let subject = |home: &str| {
        let user = tagged("new-name", &[(HOME_TAG, home)]);
        let mut selected = run(std::slice::from_ref(&user), &Selection::default());
        selected.chosen.remove(0).subject
    };
    let at = |region: &str, name: &str| {
        format!("arn:aws:secretsmanager:{region}:123456789012:secret:{name}-a1B2c3")
    };
    let kept = subject(&at("us-east-1", "/iam/old-name/access_key"));
    assert_eq!(kept.secret.as_str(), "/iam/old-name/access_key");
    assert!(kept.renamed && !subject(&at("us-east-1", "/iam/new-name/access_key")).renamed);
    for elsewhere in
        [at("eu-west-1", "/iam/old-name/access_key"), at("us-east-1", "/other/old-name")]
    {
        let subject = subject(&elsewhere);
        assert_eq!(
            subject.secret.as_str(),
            "/iam/new-name/access_key",
            "a run finds where the home is, and stops"
        );
        assert_eq!(subject.home, HomeTag::of(Some(&elsewhere)));
    }
}

#[test]
fn users_of_an_account_that_the_settings_do_not_name_are_blocked() {
    let homes = Homes { account: Some("210987654321".to_owned()), ..Homes::in_region("us-east-1") };
    let selected =
        select(&[tagged("a", &[])], &Selection::default(), &homes, &WaitPolicy::default());
    assert!(
        blocked(&selected, "a")
            .contains("account 123456789012, and the settings are for account 210987654321")
    );
}

#[test]
fn a_quarantine_is_reported_together_with_a_bad_tag() {
    let mut a = tagged("a", &[]);
    a.policies = vec!["ReadOnly".to_owned(), "AWSCompromisedKeyQuarantineV3".to_owned()];
    let mut b = tagged("b", &[("keyrot:x", "y")]);
    b.policies.clone_from(&a.policies);
    let selected = run(&[a, b], &Selection::default());
    assert_eq!(
        selected.chosen[0].subject.quarantine.as_deref(),
        Some("AWSCompromisedKeyQuarantineV3")
    );
    assert_eq!(selected.chosen[1].subject.quarantine, selected.chosen[0].subject.quarantine);
    assert!(matches!(&selected.chosen[1].policy, Err(Blocked::BadTag { .. })));
}

#[test]
fn a_tag_may_set_a_short_wait_only_if_the_policy_allows_it() {
    let users = [tagged("a", &[("keyrot:overlap", "10m")])];
    let go = |policy: WaitPolicy| select(&users, &Selection::default(), &homes(), &policy);
    assert!(
        blocked(&go(WaitPolicy::default()), "a")
            .contains("keyrot:overlap = \"10m\" cannot be used: overlap = 10m")
    );
    let waits = Waits {
        settle: Duration::from_secs(60),
        probe_for: Duration::from_secs(9),
        ..Waits::default()
    };
    let short = WaitPolicy::new(waits, true).expect("a test's waits").forced(at(0));
    let own = go(short).chosen[0].policy.clone().expect("a test may wait less");
    assert_eq!(own.waits().overlap, Duration::from_secs(600));
    assert_eq!(own.due(at(-1)), at(-1), "what is forced is forced for each user");
}

proptest! {
    /// Promise S4, for any tags: no user without the exact tag and value is selected, and no two
    /// selected users share a secret.
    #[test]
    fn no_user_is_selected_without_the_tag(
        users in proptest::collection::vec(
            ("[ab]{1,2}", proptest::collection::btree_map("(?i:rotatekey)|keyrot:(secret|owner|overlap|x)|é", "(?i:true)|no|a|2d|", 0..4)),
            0..8,
        ),
    ) {
        let users: Vec<_> = users
            .iter()
            .map(|(name, tags)| IamUser { tags: tags.clone(), ..user(name, &[]) })
            .collect();
        let selected = run(&users, &Selection::default());
        let mut secrets = BTreeSet::new();
        for Target { subject, policy } in &selected.chosen {
            for entry in users.iter().filter(|u| u.arn == subject.arn) {
                let values: Vec<_> =
                    entry.tags.iter().filter(|(k, _)| k.eq_ignore_ascii_case("RotateKey")).map(|(_, v)| v).collect();
                prop_assert!(!values.is_empty() && values.iter().all(|v| v.eq_ignore_ascii_case("True")));
            }
            prop_assert!(policy.is_err() || secrets.insert(subject.secret.clone()));
        }
        prop_assert!(selected.chosen.is_sorted_by_key(|c| &c.subject.user));
    }
}
