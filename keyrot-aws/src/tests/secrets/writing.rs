//! Tests what is written: the placeholder, staged keys, labels and journal entries.

use super::{ARN, FOREIGN, described, placeholder, sent, value_of};
use crate::secrets_manager::value::PLACEHOLDER;
use crate::tests::{
    Answer, HIDDEN, Script, credentials, json, json_error, key, secret, user, version,
};
use crate::{AwsSettings, SecretSettings};
use keyrot_core::model::{Intent, JournalEntry, VersionId};
use keyrot_core::{Effect, ErrorKind, SecretStorePort, UserName};
use serde_json::{Value, json};

#[tokio::test(start_paused = true)]
async fn a_new_secret_holds_the_placeholder_and_follows_the_settings() {
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
async fn the_placeholder_replaces_no_other_version() {
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

    // Something else writes a version in this very moment: that version stays.
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
async fn a_key_is_staged_under_its_version_id_with_the_other_fields() {
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
async fn fields_that_cannot_be_carried_over_are_an_error_before_any_write() {
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
async fn a_refused_stage_says_whether_an_answer_was_lost() {
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
async fn the_pending_label_is_removed_only_from_the_version_that_has_it() {
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
async fn a_journal_entry_is_one_tag() {
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
async fn a_store_that_does_not_use_the_token_as_the_id_is_corrected() {
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
