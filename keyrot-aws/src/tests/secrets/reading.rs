//! Tests what is read from a secret and its versions.

use super::{ARN, FOREIGN, described, placeholder, sent, value_of};
use crate::tests::{HIDDEN, Script, credentials, json, json_error, key, secret, version};
use crate::{AwsSettings, FieldNames, SecretSettings};
use keyrot_core::model::{Intent, JournalEntry, Owner, SecretArn, SecretState, VersionId};
use keyrot_core::{Effect, ErrorKind, SecretStorePort};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn a_secret_is_read_only_by_its_labels_and_journal() {
    let note =
        JournalEntry::Intent(Intent { before: vec![key('A')], at: chrono::DateTime::UNIX_EPOCH });
    let answer = json(&json!({
        "ARN": ARN, "PrimaryRegion": "eu-central-1",
        "Tags": [{"Key": &*note.tag(), "Value": note.to_text()}, {"Key": "mine", "Value": "x"}],
        "VersionIdsToStages": { version('A').as_str(): ["AWSPREVIOUS"], FOREIGN: ["AWSCURRENT"],
                                version('B').as_str(): ["AWSPENDING", "OTHER"], "gone": [] },
    }));
    let (aws, script) = Script::aws([answer]).await;
    let SecretState::Present(found) = aws.describe(&secret()).await.unwrap() else {
        panic!("present")
    };
    assert_eq!(found.current.unwrap().version.as_str(), FOREIGN);
    assert_eq!(found.pending.unwrap().key(), Some(&key('B')));
    assert_eq!(found.previous.unwrap().key(), Some(&key('A')));
    assert_eq!(found.journal.intent.unwrap().before, [key('A')]);
    assert_eq!(script.actions(), ["DescribeSecret"]);
}

#[tokio::test(start_paused = true)]
async fn missing_deleted_and_replica_secrets_are_distinguished() {
    let state = |answer| async move { Script::aws([answer]).await.0.describe(&secret()).await };
    assert_eq!(
        state(json_error("ResourceNotFoundException", "no")).await.unwrap(),
        SecretState::Missing
    );
    let deleted = json(&json!({ "DeletedDate": 1_700_000_000 }));
    assert!(
        matches!(state(deleted).await.unwrap(), SecretState::Deleted { since } if since.timestamp() == 1_700_000_000)
    );
    let replica = json(
        &json!({ "ARN": "arn:aws:secretsmanager:eu-central-1:1:secret:x", "PrimaryRegion": "us-east-1" }),
    );
    assert_eq!(state(replica).await.unwrap(), SecretState::Replica { primary: "us-east-1".into() });
    let denied = json_error(
        "AccessDeniedException",
        "not authorized to perform: secretsmanager:DescribeSecret on x",
    );
    assert_eq!(state(denied).await.unwrap_err().kind, ErrorKind::Denied);
    let empty = state(json(&json!({ "ARN": ARN }))).await.unwrap();
    let nothing =
        keyrot_core::model::Secret::empty(keyrot_core::model::SecretArn::parse(ARN).unwrap());
    assert_eq!(empty, SecretState::Present(nothing));
    // Without an ARN, it is unknown whose home this is.
    assert!(state(json(&json!({}))).await.is_err());
    // A label on a version with an invalid id is not an empty label.
    assert!(state(described(&json!({ "short": ["AWSCURRENT"] }))).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn of_two_versions_under_a_label_the_newer_counts_and_the_current_one_last() {
    let stages = json!({ version('A').as_str(): ["AWSPENDING", "AWSCURRENT"], placeholder().as_str(): ["AWSPENDING"] });
    let (aws, _) = Script::aws([described(&stages)]).await;
    let SecretState::Present(found) = aws.describe(&secret()).await.unwrap() else {
        panic!("present")
    };
    assert_eq!(found.pending.unwrap().version, placeholder());
}

#[tokio::test(start_paused = true)]
async fn a_version_is_read_by_its_id_and_its_likely_label() {
    let text = json!({ "AccessKeyId": key('B').as_str(), "SecretAccessKey": HIDDEN }).to_string();
    let (aws, script) = Script::aws([value_of(&version('B'), &text)]).await;
    assert_eq!(aws.read(&secret(), &version('B')).await.unwrap(), Some(credentials()));
    let body = sent(&script.requests()[0].body);
    assert_eq!(
        (&body["VersionStage"], &body["VersionId"]),
        (&json!("AWSPENDING"), &json!(version('B').as_str()))
    );

    let elsewhere =
        json_error("InvalidRequestException", "The version is not under that staging label");
    let (aws, script) = Script::aws([elsewhere, value_of(&version('B'), &text)]).await;
    assert!(aws.read(&secret(), &version('B')).await.unwrap().is_some());
    assert_eq!(sent(&script.requests()[1].body)["VersionStage"], "AWSCURRENT");

    let elsewhere =
        || json_error("InvalidRequestException", "The version is not under that staging label");
    let (aws, _) = Script::aws([elsewhere(), elsewhere(), elsewhere()]).await;
    let moved = aws.read(&secret(), &version('B')).await.unwrap_err();
    assert_eq!(
        (moved.kind, moved.effect),
        (ErrorKind::Conflict, Effect::None),
        "it was moved since: look again"
    );

    let (aws, _) = Script::aws([value_of(&version('C'), &text)]).await;
    assert!(
        aws.read(&secret(), &version('B')).await.unwrap_err().message.contains("another version")
    );
    let binary = json(&json!({ "VersionId": version('B').as_str(), "SecretBinary": "AAAA" }));
    let (aws, _) = Script::aws([binary]).await;
    assert_eq!(aws.read(&secret(), &version('B')).await.unwrap(), None);
}

/// A replica has the tags of its primary. It is no second home.
#[tokio::test(start_paused = true)]
async fn a_replica_in_another_region_counts_as_its_primary() {
    let tag = "AIDAEXAMPLE000000001 123456789012 ci";
    let answer = json(&json!({
        "ARN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:/iam/ci/access_key-AbCdEf",
        "PrimaryRegion": "eu-central-1",
        "Tags": [{ "Key": Owner::TAG, "Value": tag }],
    }));
    let settings = AwsSettings::default().with_home_regions(vec!["eu-west-1".to_owned()]);
    let (aws, _) = Script::with(settings, [answer]).await;
    let found = aws.elsewhere(&secret(), &Owner::parse(tag).unwrap()).await.unwrap();
    let primary =
        "arn:aws:secretsmanager:eu-central-1:123456789012:secret:/iam/ci/access_key-AbCdEf";
    assert_eq!(found, [SecretArn::parse(primary).unwrap()]);
}

#[tokio::test(start_paused = true)]
async fn of_a_foreign_version_only_the_key_id_is_kept() {
    let from = VersionId::parse(FOREIGN).unwrap();
    let text = json!({ "aws_access_key_id": key('A').as_str(), "aws_secret_access_key": HIDDEN })
        .to_string();
    let (aws, script) = Script::aws([value_of(&from, &text)]).await;
    let inside = aws.inspect_version(&secret(), &from).await.unwrap();
    assert_eq!(inside.map(|inside| (inside.key, inside.extras)), Some((Ok(key('A')), true)));
    assert_eq!(sent(&script.requests()[0].body)["VersionStage"], "AWSCURRENT");

    let own = SecretSettings {
        fields: FieldNames::new("id", "pw").unwrap(),
        ..SecretSettings::default()
    };
    let settings = AwsSettings { secret: own, ..AwsSettings::default() };
    let text = json!({ "id": key('A').as_str(), "pw": HIDDEN }).to_string();
    let (aws, _) = Script::with(settings, [value_of(&from, &text)]).await;
    let inside = aws.inspect_version(&secret(), &from).await.unwrap();
    assert_eq!(inside.map(|inside| (inside.key, inside.extras)), Some((Ok(key('A')), false)));
}

#[tokio::test(start_paused = true)]
async fn a_version_that_waits_for_its_value_differs_from_a_missing_one() {
    let token = VersionId::parse(FOREIGN).unwrap();
    let missing = || {
        json_error(
            "ResourceNotFoundException",
            "Secrets Manager can't find the specified secret value.",
        )
    };
    let described =
        |version: &str| json(&json!({ "VersionIdsToStages": { version: ["AWSPENDING"] } }));
    let (aws, script) = Script::aws([missing(), missing(), missing(), described(FOREIGN)]).await;
    assert_eq!(aws.inspect_version(&secret(), &token).await.unwrap(), None);
    let stages: Vec<_> =
        script.requests()[..3].iter().map(|r| sent(&r.body)["VersionStage"].clone()).collect();
    assert_eq!(stages, ["AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"]);
    let (aws, _) =
        Script::aws([missing(), missing(), missing(), described(version('B').as_str())]).await;
    assert_eq!(aws.inspect_version(&secret(), &token).await.unwrap_err().kind, ErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn all_pages_of_versions_are_listed() {
    let page = |ids: &[&str], next: Option<&str>| {
        let versions: Vec<_> =
            ids.iter().map(|id| json!({ "VersionId": id, "CreatedDate": 1_750_000_000 })).collect();
        json(&json!({ "Versions": versions, "NextToken": next }))
    };
    let (aws, script) = Script::aws([
        page(&[version('A').as_str()], Some("t1")),
        page(&[], Some("t2")),
        page(&["short", FOREIGN], None),
    ])
    .await;
    let versions = aws.versions(&secret()).await.unwrap();
    let created = chrono::DateTime::from_timestamp(1_750_000_000, 0);
    let stored = |id| keyrot_core::model::StoredVersion { id, created };
    assert_eq!(versions, [stored(version('A')), stored(VersionId::parse(FOREIGN).unwrap())]);
    let body = sent(&script.requests()[2].body);
    assert_eq!((&body["IncludeDeprecated"], &body["NextToken"]), (&json!(true), &json!("t2")));
}
