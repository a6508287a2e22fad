use super::*;
use crate::notify::wording::{Digest, severity};
use crate::notify::{mail, slack, teams};
use keyrot_core::Severity;
use serde_json::Value;

fn digest(report: &Report) -> Digest {
    Digest::new(report, &about(report)).unwrap()
}

/// Compares a text with the file of that name. `KEYROT_TEST_BLESS=1` writes the files again; read
/// them before you commit them.
fn expect(name: &str, text: &str) {
    let path = format!("{}/src/notify/tests/expected/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var("KEYROT_TEST_BLESS").is_ok_and(|v| v == "1") {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert_eq!(
        text, expected,
        "{name} is not as expected; if it should be so, run the test with KEYROT_TEST_BLESS=1"
    );
}

#[test]
fn messages_match_the_reviewed_files() {
    for (name, report) in [
        ("one_blocked", one_blocked()),
        ("three_rotated", three_rotated()),
        ("five_hundred", five_hundred()),
    ] {
        let digest = digest(&report);
        let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap() + "\n";
        expect(&format!("{name}.slack.json"), &pretty(&slack::message(&digest)));
        expect(&format!("{name}.teams.json"), &pretty(&teams::message(&digest)));
        let mail = format!(
            "Subject: {}\n\n{}",
            mail::subject(&digest, Some(ACCOUNT)),
            mail::body(&digest)
        );
        expect(&format!("{name}.mail.txt"), &mail);
    }
}

#[test]
fn a_run_is_as_severe_as_its_worst_event() {
    let of = |users| severity(&report(users));
    assert_eq!(of(Vec::new()), None);
    assert_eq!(of(vec![settled("a")]), None, "a run in which nothing happened is no news");
    assert_eq!(of(vec![settled("a"), rotated("b")]), Some(Severity::Info));
    assert_eq!(of(vec![rotated("a"), held("b", None)]), Some(Severity::Warning));
    assert_eq!(of(vec![held("a", None), unknown_keys("b", None)]), Some(Severity::Error));
    // The end of a run has no events.
    assert_eq!(of(vec![stopped("a", Stop::Cancelled)]), Some(Severity::Warning));
    assert_eq!(of(vec![stopped("a", Stop::Deadline)]), Some(Severity::Error));
    assert_eq!(of(vec![stopped("a", Stop::ChangeLimit)]), None, "it is what was asked for");
    assert_eq!(of(vec![stopped("a", Stop::AdoptionLimit)]), None, "so is this");
}

#[test]
fn the_headline_says_what_happened_in_one_line() {
    let headline = |users| digest(&report(users)).headline;
    assert_eq!(headline(vec![rotated("a")]), "1 key rotated");
    assert_eq!(
        headline(vec![rotated("a"), retired("b"), deleted("c")]),
        "1 key rotated, 1 key deactivated, 1 key deleted"
    );
    assert_eq!(
        headline(vec![held("a", None), rotated("b")]),
        "1 old key is or may be in use, and kept"
    );
    assert_eq!(headline(vec![unknown_keys("a", None)]), "1 user blocked, manual action needed");
    assert_eq!(headline(vec![denied("a"), settled("b")]), "1 of 2 users failed");
    assert_eq!(
        headline(vec![denied("a"), unknown_keys("b", None), settled("c")]),
        "1 blocked and 1 failed of 3 users"
    );
    assert_eq!(
        headline(vec![stopped("a", Stop::Cancelled), settled("b")]),
        "stopped early, 1 of 2 users not done"
    );
    let reactivated = EventKind::Reactivated { key: key("a", 1) };
    let note = user("a", None, Outcome::Settled { until: days(1) }, vec![reactivated]);
    assert_eq!(headline(vec![note, settled("b")]), "1 of 2 users to check");
}

#[test]
fn the_worst_comes_first_and_lists_of_names_are_cut() {
    let report = five_hundred();
    let digest = digest(&report);
    let first: Vec<_> = digest.problems.iter().take(3).map(|item| item.user.as_str()).collect();
    assert_eq!(first, ["build-cache", "app-reporting", "legacy-ftp"]);
    assert_eq!((digest.troubled, digest.problems.len(), digest.warnings.len()), (12, 7, 4));
    let denied = digest.problems.iter().find(|item| item.user == "prod-app-00").unwrap();
    assert_eq!(denied.others.len(), 5, "six users who fail for one reason are told of once");
    assert_eq!(digest.headline, "a key has leaked; 4 blocked and 8 failed of 500 users");
    let names: Vec<String> = (0..500).map(|i| format!("u{i}")).collect();
    let list = crate::notify::wording::names(&names, 17);
    assert!(list.starts_with("u0, u1, ") && list.ends_with("u16 and 483 more"), "{list}");
}

#[test]
fn one_failed_call_of_several_users_is_one_problem_however_often_it_was_tried() {
    let throttled = |name: &str, attempts: u32, reason: &str| {
        let message = format!("iam:ListAccessKeys for {name} failed in {attempts} attempts");
        let mut user = failed(name, ErrorKind::Throttled, &message);
        if let Outcome::Failed(failure) = &mut user.outcome {
            failure.error = failure.error.clone().with_reason(reason);
        }
        user
    };
    let digest = digest(&report(vec![
        throttled("ci-1", 5, "Throttling: Rate exceeded"),
        throttled("ci-2", 8, "Throttling: Rate exceeded"),
        throttled("ci-3", 5, "Throttling: too many"),
    ]));
    let users: Vec<_> = digest.problems.iter().map(|item| (&*item.user, &*item.others)).collect();
    assert_eq!(users, [("ci-1", &["ci-2".to_owned()][..]), ("ci-3", &[][..])]);
}

#[test]
fn a_revoked_key_that_nothing_can_replace_comes_first() {
    let stuck = Blocked::NoWayBack { key: key("zz", 1), reason: "it is gone".into() };
    let gone = Blocked::CurrentKeyGone { key: key("a", 1) };
    let digest = digest(&report(vec![
        blocked("a", None, gone),
        unknown_keys("b", None),
        blocked("zz", None, stuck),
    ]));
    assert_eq!(digest.problems[0].user, "zz");
    assert!(digest.headline.starts_with("a key has leaked; "), "{}", digest.headline);
}

/// Everything that a name, a tag or an answer from AWS could contain.
fn nasty(length: usize) -> Report {
    let text = "<!channel> & <https://evil.example|click> *x* _y_ `z` \u{1F4A3} \n\u{7} Ж"
        .repeat(length / 60 + 1);
    let mut users: Vec<_> = (0..30)
        .map(|i| failed(&format!("a+{i}@x,=._-"), ErrorKind::Other, &format!("{i} {text}")))
        .collect();
    users.extend((0..30).map(|i| {
        let abandoned = EventKind::Abandoned { key: key("a", i), reason: text.clone() };
        user(&format!("b{i}"), Some(&text), Outcome::Settled { until: days(1) }, vec![abandoned])
    }));
    users
        .extend((0..3_000).map(|i| {
            rotated(&format!("very-long-name-of-a-service-user-in-a-big-company-{i:05}"))
        }));
    report(users)
}

#[test]
fn slack_messages_are_within_its_limits_and_have_only_keyrots_markup() {
    for length in [10, 300, 5_000, 100_000] {
        let message = slack::message(&digest(&nasty(length)));
        let blocks = message["blocks"].as_array().unwrap();
        assert!(blocks.len() <= 50, "{}", blocks.len());
        let header = blocks[0]["text"]["text"].as_str().unwrap();
        assert!(header.chars().count() <= 150);
        for block in blocks {
            let Some(text) = block["text"]["text"].as_str() else { continue };
            assert!(text.chars().count() <= 3_000, "{}", text.chars().count());
            if block["type"] == "section" {
                // The only markup is keyrot's links to the console.
                let foreign = text
                    .replace("<https://console.aws.amazon.com/iam/home#/users/details/", "")
                    .replacen('>', "", 1);
                assert!(!foreign.contains("<!") && !foreign.contains("<http"), "{foreign}");
                assert!(block["text"]["verbatim"] == true);
            }
        }
        assert!(!message["text"].as_str().unwrap().contains('<'));
    }
}

#[test]
fn teams_messages_are_within_its_limits() {
    for length in [10, 300, 5_000, 100_000] {
        let report = nasty(length);
        let message = teams::message(&digest(&report)).to_string();
        assert!(message.len() < 28 * 1024, "{}", message.len());
        assert!(
            !message.contains("TextBlock\"") || message.contains("RichTextBlock"),
            "no Markdown is read"
        );
        assert!(message.contains("a+0@x,=._-"), "at least the first is named");
    }
    // With three bytes per character, fewer users fit.
    let long = |i| format!("{i} {}", "鍵".repeat(3_000));
    let users = (0..12).map(|i| failed(&format!("u{i}"), ErrorKind::Other, &long(i))).collect();
    let message = teams::message(&digest(&report(users))).to_string();
    assert!(message.len() < 28 * 1024 && message.contains("12 refused"), "{}", message.len());
}

#[test]
fn a_mail_is_ascii_in_its_subject_and_bounded() {
    let report = nasty(100_000);
    let digest = digest(&report);
    let subject = mail::subject(&digest, Some(ACCOUNT));
    assert!(subject.is_ascii() && subject.len() <= 100 && !subject.contains('\n'), "{subject}");
    assert!(mail::body(&digest).len() < 128 * 1024);
    assert!(
        mail::body(&digest)
            .contains("very-long-name-of-a-service-user-in-a-big-company-00049 and 2950 more")
    );
}

#[test]
fn a_hint_names_the_user() {
    let report = one_blocked();
    let todo = digest(&report).problems[0].todo.clone().unwrap();
    assert!(todo.contains("`keyrot resolve legacy-ftp`"), "{todo}");
}
