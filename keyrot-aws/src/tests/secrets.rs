use super::{Answer, HIDDEN, Script, credentials, json, json_error, key, secret, user, version};
use crate::value::PLACEHOLDER;
use crate::{AwsSettings, FieldNames, SecretSettings};
use keyrot_core::model::{Intent, JournalEntry, SecretState, VersionId};
use keyrot_core::{Effect, ErrorKind, SecretStorePort, UserName};
use serde_json::{Value, json};

const ARN: &str =
    "arn:aws:secretsmanager:eu-central-1:123456789012:secret:/iam/ci/access_key-AbCdEf";
const FOREIGN: &str = "01234567-89ab-cdef-0123-456789abcdef";

fn placeholder() -> VersionId {
    VersionId::for_placeholder(chrono::DateTime::from_timestamp(1_700_000_000, 0).unwrap())
}

fn described(stages: &Value) -> Answer {
    json(&json!({ "ARN": ARN,
                  "VersionIdsToStages": stages }))
}

fn sent(body: &str) -> Value {
    serde_json::from_str(body).unwrap()
}

fn value_of(version: &VersionId, text: &str) -> Answer {
    json(&json!({ "VersionId": version.as_str(), "SecretString": text }))
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_seen_by_its_labels_and_notes_alone() {
    let note =
        JournalEntry::Intent(Intent { before: vec![key('A')], at: chrono::DateTime::UNIX_EPOCH });
    let answer = json(&json!({
        "ARN": ARN, "PrimaryRegion": "eu-central-1",
        "Tags": [{"Key": note.tag(), "Value": note.to_text()}, {"Key": "mine", "Value": "x"}],
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
async fn missing_deleted_and_replica_are_told_apart() {
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
    // Without an ARN nobody can say whose home it is.
    assert!(state(json(&json!({}))).await.is_err());
    // A label on a version whose id cannot be handled is no empty label.
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
async fn a_new_secret_holds_the_placeholder_and_what_the_settings_ask_for() {
    let settings = AwsSettings {
        secret: SecretSettings {
            kms_key: Some("alias/keys".into()),
            tags: [("team".to_owned(), "red".to_owned())].into(),
            ..SecretSettings::default()
        },
        ..AwsSettings::default()
    };
    let (aws, script) = Script::with(
        settings,
        [Answer::Lost, json(&json!({ "ARN": ARN, "VersionId": placeholder().as_str() }))],
    )
    .await;
    let odd = UserName::parse("a,b=c").unwrap();
    aws.create(&secret(), &owner(&odd), &placeholder()).await.unwrap();
    assert_eq!(script.actions(), ["CreateSecret"; 2]);
    let body = sent(&script.requests()[1].body);
    assert_eq!(body["ClientRequestToken"], placeholder().as_str());
    assert_eq!(body["SecretString"], PLACEHOLDER);
    assert_eq!(body["KmsKeyId"], "alias/keys");
    assert_eq!(
        body["Tags"],
        json!([{"Key": "keyrot:user-id", "Value": "AIDAJQABLZS4A3QDU576Q 123456789012 a=2Cb=3Dc"}, {"Key": "team", "Value": "red"}])
    );
}

#[tokio::test(start_paused = true)]
async fn a_taken_name_is_a_conflict() {
    for taken in [
        json_error(
            "ResourceExistsException",
            "The operation failed because the secret already exists.",
        ),
        json_error(
            "InvalidRequestException",
            "a secret with this name is already scheduled for deletion.",
        ),
    ] {
        let (aws, _) = Script::aws([taken]).await;
        let error = aws.create(&secret(), &owner(&user()), &placeholder()).await.unwrap_err();
        assert_eq!((error.kind, error.effect), (ErrorKind::Conflict, Effect::None));
    }
    let (aws, _) =
        Script::aws([Answer::Lost, json_error("ResourceExistsException", "exists")]).await;
    let error = aws.create(&secret(), &owner(&user()), &placeholder()).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Conflict, Effect::Unknown));
}

#[tokio::test(start_paused = true)]
async fn the_placeholder_takes_nobodys_place() {
    let (aws, script) = Script::aws([described(&json!({ FOREIGN: ["AWSCURRENT"] }))]).await;
    assert_eq!(
        aws.put_placeholder(&secret(), &placeholder()).await.unwrap_err().kind,
        ErrorKind::Conflict
    );
    assert_eq!(script.actions(), ["DescribeSecret"]);

    let both = json!({ placeholder().as_str(): ["AWSCURRENT", "AWSPENDING"] });
    let (aws, script) =
        Script::aws([described(&json!({})), json(&json!({})), described(&both), json(&json!({}))])
            .await;
    aws.put_placeholder(&secret(), &placeholder()).await.unwrap();
    let actions = script.actions();
    assert_eq!(
        actions,
        ["DescribeSecret", "PutSecretValue", "DescribeSecret", "UpdateSecretVersionStage"]
    );
    let body = sent(&script.requests()[1].body);
    assert_eq!(
        (&body["VersionStages"], &body["SecretString"]),
        (&json!(["AWSPENDING"]), &json!(PLACEHOLDER))
    );

    // Somebody puts a version in this very moment: theirs stays.
    let theirs = json!({ FOREIGN: ["AWSCURRENT"], placeholder().as_str(): ["AWSPENDING"] });
    let (aws, _) = Script::aws([
        described(&json!({})),
        json(&json!({})),
        described(&theirs),
        json(&json!({})),
    ])
    .await;
    assert_eq!(
        aws.put_placeholder(&secret(), &placeholder()).await.unwrap_err().kind,
        ErrorKind::Conflict
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_is_staged_under_its_version_id_with_what_was_there_besides() {
    let (aws, script) = Script::aws([json(&json!({}))]).await;
    aws.stage(&secret(), &version('B'), &credentials(), None).await.unwrap();
    assert_eq!(script.actions(), ["PutSecretValue"]);
    let body = sent(&script.requests()[0].body);
    assert_eq!(body["ClientRequestToken"], version('B').as_str());
    assert_eq!(body["VersionStages"], json!(["AWSPENDING"]));
    let text = body["SecretString"].as_str().unwrap().to_owned();
    assert_eq!(sent(&text), json!({ "AccessKeyId": key('B').as_str(), "SecretAccessKey": HIDDEN }));

    let old =
        r#"{"z": 1.10, "AccessKeyId":"AKIAAAAAAAAAAAAAAAAA","host":"h","SecretAccessKey":"old"}"#;
    let from = VersionId::parse(FOREIGN).unwrap();
    let (aws, script) = Script::aws([value_of(&from, old), json(&json!({}))]).await;
    aws.stage(&secret(), &version('B'), &credentials(), Some(from.clone())).await.unwrap();
    let requests = script.requests();
    assert_eq!(sent(&requests[0].body)["VersionStage"], "AWSCURRENT");
    let text = sent(&requests[1].body)["SecretString"].as_str().unwrap().to_owned();
    let id = key('B');
    assert_eq!(
        text,
        format!(r#"{{"z":1.10,"AccessKeyId":"{id}","host":"h","SecretAccessKey":"{HIDDEN}"}}"#)
    );
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_carried_is_an_error_before_anything_is_written() {
    let from = VersionId::parse(FOREIGN).unwrap();
    for held in
        [value_of(&from, "no json"), json(&json!({ "VersionId": FOREIGN, "SecretBinary": "AAAA" }))]
    {
        let (aws, script) = Script::aws([held]).await;
        let error = aws
            .stage(&secret(), &version('B'), &credentials(), Some(from.clone()))
            .await
            .unwrap_err();
        assert_eq!((error.kind, error.effect), (ErrorKind::Other, Effect::None));
        assert_eq!(script.actions(), ["GetSecretValue"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stage_that_is_refused_says_whether_an_answer_was_lost() {
    let exists = || json_error("ResourceExistsException", "exists with other content");
    let kms = || json_error("EncryptionFailure", "The key is disabled");
    for (answers, kind, effect) in [
        (vec![exists()], ErrorKind::Conflict, Effect::None),
        (vec![kms()], ErrorKind::Other, Effect::None),
        (vec![Answer::Lost, exists()], ErrorKind::Conflict, Effect::Unknown),
        (
            vec![json_error("ThrottlingException", "Rate exceeded"), kms()],
            ErrorKind::Other,
            Effect::None,
        ),
        (
            vec![json_error("InternalServiceError", "oops"), kms()],
            ErrorKind::Other,
            Effect::Unknown,
        ),
        (
            vec![json_error("LimitExceededException", "too many")],
            ErrorKind::LimitExceeded,
            Effect::None,
        ),
    ] {
        let (aws, script) = Script::aws(answers).await;
        let error = aws.stage(&secret(), &version('B'), &credentials(), None).await.unwrap_err();
        assert_eq!((error.kind, error.effect), (kind, effect), "{error}");
        assert!(error.message.contains("secretsmanager:PutSecretValue"), "{error}");
        script.actions();
    }
}

#[tokio::test(start_paused = true)]
async fn kms_denials_name_the_action_that_is_missing() {
    let said = "User: arn:aws:iam::1:user/x is not authorized to perform: kms:GenerateDataKey on resource: arn:aws:kms:x";
    let (aws, _) = Script::aws([json_error("AccessDeniedException", said)]).await;
    let error = aws.stage(&secret(), &version('B'), &credentials(), None).await.unwrap_err();
    assert!(error.message.contains("need kms:GenerateDataKey;"), "{error}");
    let (aws, _) =
        Script::aws([json_error("AccessDeniedException", "Access to KMS is not allowed")]).await;
    let error = aws.stage(&secret(), &version('B'), &credentials(), None).await.unwrap_err();
    assert!(
        error.message.contains("PutSecretValue and the use of the secret's KMS key"),
        "{error}"
    );
    let (aws, _) = Script::aws([json_error("EncryptionFailure", "The key is disabled")]).await;
    let error = aws.stage(&secret(), &version('B'), &credentials(), None).await.unwrap_err();
    assert!(error.message.contains("KMS key cannot be used"), "{error}");
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

#[tokio::test(start_paused = true)]
async fn a_foreign_version_gives_away_its_key_and_no_more() {
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
async fn a_version_that_waits_for_its_value_is_told_from_one_that_is_not_there() {
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
async fn a_promotion_is_a_compare_and_swap() {
    let (aws, script) = Script::aws([json(&json!({}))]).await;
    aws.promote(&secret(), &version('A'), &version('B')).await.unwrap();
    let body = sent(&script.requests()[0].body);
    assert_eq!(body["VersionStage"], "AWSCURRENT");
    assert_eq!(body["RemoveFromVersionId"], version('A').as_str());
    assert_eq!(body["MoveToVersionId"], version('B').as_str());

    let mismatch = || {
        json_error(
            "InvalidParameterException",
            "The staging label AWSCURRENT is currently attached to x",
        )
    };
    let replica =
        || json_error("InvalidParameterException", "Operation not permitted on a replica secret");
    let pruned =
        || json_error("ResourceNotFoundException", "can't find the specified secret version");
    let gone = || json_error("ResourceNotFoundException", "can't find the specified secret.");
    for (answers, kind, effect) in [
        (vec![mismatch()], ErrorKind::Conflict, Effect::None),
        (vec![Answer::Lost, mismatch()], ErrorKind::Conflict, Effect::Unknown),
        (vec![pruned()], ErrorKind::Conflict, Effect::None),
        (vec![replica()], ErrorKind::Other, Effect::None),
        (vec![gone()], ErrorKind::NotFound, Effect::None),
        (vec![Answer::Lost, Answer::Lost, Answer::Silent], ErrorKind::Unavailable, Effect::Unknown),
    ] {
        let (aws, _) = Script::aws(answers).await;
        let error = aws.promote(&secret(), &version('A'), &version('B')).await.unwrap_err();
        assert_eq!((error.kind, error.effect), (kind, effect), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_promotion_replicas_are_waited_for_and_never_fail_it() {
    let with = |status: &str| {
        json(
            &json!({ "ARN": ARN, "ReplicationStatus": [{ "Region": "us-east-1", "Status": status }] }),
        )
    };
    let (aws, script) = Script::aws([
        with("InSync"),
        json(&json!({})),
        with("InProgress"),
        with("InProgress"),
        with("InSync"),
    ])
    .await;
    aws.describe(&secret()).await.unwrap();
    aws.promote(&secret(), &version('A'), &version('B')).await.unwrap();
    assert_eq!(script.actions().len(), 5);

    let lagging = std::iter::repeat_with(|| with("InProgress")).take(100);
    let (aws, script) =
        Script::aws([with("InSync"), json(&json!({}))].into_iter().chain(lagging)).await;
    aws.describe(&secret()).await.unwrap();
    let began = tokio::time::Instant::now();
    aws.promote(&secret(), &version('A'), &version('B')).await.unwrap();
    assert!(began.elapsed().as_secs() <= 20, "{:?}", began.elapsed());
    assert!(script.requests().len() > 10);
}

#[tokio::test(start_paused = true)]
async fn the_pending_label_is_taken_off_only_where_it_stands() {
    let (aws, script) = Script::aws([json(&json!({}))]).await;
    aws.unstage(&secret(), &version('B')).await.unwrap();
    let body = sent(&script.requests()[0].body);
    assert_eq!(
        (&body["VersionStage"], &body["MoveToVersionId"]),
        (&json!("AWSPENDING"), &Value::Null)
    );
    let (aws, _) =
        Script::aws([json_error("InvalidParameterException", "not found in version")]).await;
    assert_eq!(aws.unstage(&secret(), &version('B')).await.unwrap_err().kind, ErrorKind::Conflict);
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

#[tokio::test(start_paused = true)]
async fn a_note_is_one_tag() {
    let note = JournalEntry::Intent(Intent { before: vec![], at: chrono::DateTime::UNIX_EPOCH });
    let (aws, script) = Script::aws([Answer::Lost, json(&json!({}))]).await;
    aws.write_note(&secret(), &note).await.unwrap();
    assert_eq!(script.actions(), ["TagResource"; 2]);
    assert_eq!(
        sent(&script.requests()[0].body)["Tags"],
        json!([{"Key": "keyrot:intent", "Value": note.to_text()}])
    );
}

#[tokio::test(start_paused = true)]
async fn a_store_that_takes_no_token_for_the_id_is_brought_to_it() {
    let made = json(&json!({ "ARN": ARN, "VersionId": FOREIGN }));
    let (aws, script) =
        Script::aws([made, json(&json!({})), json(&json!({})), json(&json!({}))]).await;
    aws.create(&secret(), &owner(&user()), &placeholder()).await.unwrap();
    let actions = script.actions();
    assert_eq!(
        actions,
        ["CreateSecret", "PutSecretValue", "UpdateSecretVersionStage", "UpdateSecretVersionStage"]
    );
    let swap = sent(&script.requests()[2].body);
    assert_eq!(
        (&swap["RemoveFromVersionId"], &swap["VersionStage"]),
        (&json!(FOREIGN), &json!("AWSCURRENT"))
    );
}

fn owner(user: &UserName) -> keyrot_core::model::Owner {
    let id = keyrot_core::model::UserId::parse("AIDAJQABLZS4A3QDU576Q").unwrap();
    keyrot_core::model::Owner { id, account: "123456789012".to_owned(), name: user.clone() }
}
