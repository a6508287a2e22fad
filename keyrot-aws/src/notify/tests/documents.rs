use super::*;
use crate::notify::document::{Detail, EventBody, EventsDocument, RunBody, SCHEMA};
use crate::notify::wording::Digest;
use crate::notify::{mail, slack, teams};
use keyrot_core::model::{Searched, SecretArn, UseCounts, UseEvidence, UseSource};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn every_kind() -> Vec<EventKind> {
    let key = key("a", 1);
    let version = VersionId::parse("keyrot-key-AKIAAAAAAAAAAAAAAAAA-1700000000").unwrap();
    let hold =
        Wait { why: Why::UseUnknown { key: key.clone(), reason: "denied".into() }, until: None };
    let failure = Failure { doing: "x".into(), error: CallError::refused(ErrorKind::Other, "y") };
    vec![
        EventKind::Adopted,
        EventKind::KeyCreated { key: key.clone() },
        EventKind::Rotated { key: key.clone(), replaced: None, version },
        EventKind::Held(hold),
        EventKind::UsedBy(used_by(&key)),
        EventKind::Reactivated { key: key.clone() },
        EventKind::Retired { key: key.clone() },
        EventKind::Deleted { key: key.clone() },
        EventKind::Abandoned { key: key.clone(), reason: "it never worked".into() },
        EventKind::OrphanFound { key: key.clone() },
        EventKind::OrphanRemoved { key: key.clone() },
        EventKind::Blocked { reason: Blocked::ClaimedKey { key } },
        EventKind::Failed(failure),
        EventKind::Panicked { reason: "oh".into() },
    ]
}

/// Events of operators' requests, and of what was found.
fn every_other_kind() -> Vec<EventKind> {
    let (key, old) = (key("a", 2), key("a", 1));
    let version = VersionId::parse("keyrot-key-AKIAAAAAAAAAAAAAAAAA-1700000000").unwrap();
    let home = |region: &str| {
        SecretArn::parse(format!(
            "arn:aws:secretsmanager:{region}:{ACCOUNT}:secret:/iam/a/access_key-a1B2c3"
        ))
        .unwrap()
    };
    vec![
        EventKind::Revoked { key: key.clone(), reason: Some("leaked".into()) },
        EventKind::Reinstated { key: key.clone() },
        EventKind::RolledBack { key: key.clone(), from: Some(old), version },
        EventKind::Activated { key },
        EventKind::HomeRestored { home: home("eu-central-1") },
        EventKind::Moved { from: home("us-east-1"), home: home("eu-central-1") },
    ]
}

/// The schema and the page name each event, and no other.
#[test]
fn every_event_is_in_the_schema_and_on_the_page() {
    let schema: Value =
        serde_json::from_str(include_str!("../../../schema/keyrot.events.schema.json")).unwrap();
    let words: BTreeSet<&str> = schema["$defs"]["word"]["enum"]
        .as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap())
        .collect();
    assert_eq!(words, EventKind::CODES.iter().copied().collect());
    let page = include_str!("../../../../docs/notifications.md");
    let listed: Vec<&str> = page
        .lines()
        .filter(|line| {
            ["| info |", "| warning |", "| error |"].iter().any(|row| line.starts_with(row))
        })
        .collect();
    for word in EventKind::CODES {
        assert!(
            listed.iter().any(|row| row.contains(&format!("`{word}`"))),
            "{word} is not in the table of docs/notifications.md"
        );
    }
}

/// Every notification about a moved home has the old place, the new place, and what to do.
#[test]
fn a_move_of_a_home_is_in_every_message() {
    let mut kinds = every_other_kind();
    let report = report(vec![user("a", Some("team"), Outcome::Done, kinds.split_off(5))]);
    let digest = Digest::new(&report, &about(&report)).unwrap();
    assert_eq!(
        (digest.severity, digest.headline.as_str()),
        (keyrot_core::Severity::Warning, "1 user to check")
    );
    let messages = [
        slack::message(&digest).to_string(),
        teams::message(&digest).to_string(),
        mail::body(&digest),
    ];
    for message in messages {
        let flat = message.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in ["moved from", "us-east-1", "eu-central-1", "let consumers read it there"] {
            assert!(flat.contains(part), "{part} in {flat}");
        }
    }
    let about = about(&report);
    let body = EventBody::new(&report.users[0].events[0], &about);
    let detail =
        Detail { schema: SCHEMA, account: Some(ACCOUNT), region: "eu-central-1", what: body };
    let detail = serde_json::to_value(detail).unwrap();
    conforms("event_detail", &detail);
    assert_eq!((&detail["event"], &detail["severity"]), (&json!("moved"), &json!("warning")));
}

fn used_by(key: &KeyId) -> UseEvidence {
    let tally = |name: &str| vec![UseCounts { name: name.into(), count: 12 }];
    let source = UseSource {
        address: Some("198.51.100.24".into()),
        agent: Some("Boto3/1.28.62 md/Botocore#1.31.62 ua/2.0 os/linux#5.10.0".into()),
        events: 12,
        first: time("2026-11-20T01:00:00Z"),
        last: time("2026-11-22T23:30:00Z"),
        services: tally("s3"),
        actions: tally("s3:ListBuckets"),
        regions: tally("eu-west-1"),
        errors: tally("AccessDenied"),
    };
    let read = Searched { region: "eu-west-1".into(), events: 12, cut_at: None, problem: None };
    let failed =
        Searched { region: "us-east-1".into(), problem: Some("denied".into()), events: 0, ..read };
    UseEvidence {
        key: key.clone(),
        since: time("2026-11-16T02:00:00Z"),
        events: 12,
        unreadable: 1,
        regions: vec![read, failed],
        sources: vec![source],
        more_sources: 2,
        roles: Vec::new(),
    }
}

/// Every message for people about a held key names what uses the key.
#[test]
fn a_held_key_is_reported_with_what_uses_it() {
    let mut one = held("etl", Some("team-data"));
    let event = one.events[0].clone();
    one.events.push(Event { kind: EventKind::UsedBy(used_by(&key("etl", 1))), ..event });
    let report = report(vec![one]);
    let digest = Digest::new(&report, &about(&report)).unwrap();
    let messages = [
        slack::message(&digest).to_string(),
        teams::message(&digest).to_string(),
        mail::body(&digest),
    ];
    for message in messages {
        let flat = message.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [
            "198.51.100.24",
            "Boto3/1.28.62",
            "(s3, 12 times, last 2026-11-22 23:30 UTC)",
            "and from 2 more",
        ] {
            assert!(flat.contains(part), "{part} in {flat}");
        }
        assert!(flat.contains("keyrot who-uses etl"), "{flat}");
    }
}

fn conforms(part: &str, document: &Value) {
    let text = include_str!("../../../schema/keyrot.events.schema.json");
    let schema: Value = serde_json::from_str(text).unwrap();
    let schema = match part {
        "" => schema,
        part => json!({ "$ref": format!("#/$defs/{part}"), "$defs": schema["$defs"] }),
    };
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(document).map(|e| format!("{e} at {}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?} in {document:#}");
}

#[test]
fn documents_follow_the_schema() {
    let report = report(vec![user(
        "a",
        Some("team"),
        Outcome::Settled { until: days(1) },
        [every_kind(), every_other_kind()].concat(),
    )]);
    let about = about(&report);
    let bodies = || {
        report.users[0].events.iter().map(|event| EventBody::new(event, &about)).collect::<Vec<_>>()
    };
    let document =
        serde_json::to_value(EventsDocument::new("msg_1", &about, bodies(), None)).unwrap();
    conforms("", &document);
    let last = serde_json::to_value(EventsDocument::new(
        "msg_2",
        &about,
        Vec::new(),
        Some(RunBody::new(&report)),
    ))
    .unwrap();
    conforms("", &last);
    assert_eq!(last["run"]["counts"]["users"], 1);

    let blocked = &document["events"][11];
    assert_eq!((&blocked["event"], &blocked["severity"]), (&json!("blocked"), &json!("error")));
    assert_eq!(blocked["arn"], format!("arn:aws:iam::{ACCOUNT}:user/ci/a"));
    assert!(blocked["hint"].as_str().unwrap().contains("put it under AWSCURRENT"));

    assert_eq!(document["events"][4]["uses"]["sources"][0]["address"], "198.51.100.24");
    assert!(blocked.get("uses").is_none());

    for body in bodies() {
        let detail =
            Detail { schema: SCHEMA, account: Some(ACCOUNT), region: "eu-central-1", what: body };
        conforms("event_detail", &serde_json::to_value(detail).unwrap());
    }
    let detail = Detail {
        schema: SCHEMA,
        account: None,
        region: "eu-central-1",
        what: RunBody::new(&report),
    };
    conforms("run_detail", &serde_json::to_value(detail).unwrap());
}

#[test]
fn a_message_is_never_so_long_that_the_bus_refuses_it() {
    let report = report(vec![failed("a", ErrorKind::Other, &"x".repeat(1_000_000))]);
    let body = serde_json::to_string(&EventBody::new(&report.users[0].events[0], &about(&report)))
        .unwrap();
    assert!(body.len() < 20_000, "{}", body.len());
}
