use crate::account::{Account, Emulator, secret};
use crate::gaps::Gap;
use keyrot_core::model::{Content, Intent, JournalEntry, Secret, SecretState, VersionId};
use keyrot_core::{
    Credentials, ErrorKind, KeyId, SecretKey, SecretName, SecretStorePort, Timestamp, UserName,
};
use std::time::Duration;

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH
        + Duration::from_secs(1_700_000_000)
        + Duration::from_secs(seconds.unsigned_abs())
}

pub(crate) fn placeholder(seconds: i64) -> VersionId {
    VersionId::for_placeholder(at(seconds))
}

pub(crate) fn key(letter: char) -> KeyId {
    KeyId::parse(format!("AKIA{}", letter.to_string().repeat(16))).unwrap()
}

pub(crate) fn version(letter: char) -> VersionId {
    VersionId::for_key(&key(letter), at(i64::from(u32::from(letter))), false).unwrap()
}

pub(crate) fn credentials(letter: char) -> Credentials {
    Credentials { key: key(letter), secret: SecretKey::new(format!("secret of {letter}")) }
}

async fn present(account: &Account, secret: &SecretName) -> Secret {
    match account.aws.describe(secret).await.unwrap() {
        SecretState::Present(found) => found,
        other => panic!("{other:?}"),
    }
}

async fn adopted(account: &Account, name: &str) -> SecretName {
    let secret = secret(name);
    let user = UserName::parse(name).unwrap();
    account.aws.create(&secret, &owner(&user), &placeholder(1)).await.unwrap();
    secret
}

pub(crate) async fn a_secret_is_adopted_staged_and_promoted(account: Account) {
    let aws = &account.aws;
    let user = UserName::parse("u").unwrap();
    assert_eq!(aws.describe(&secret("u")).await.unwrap(), SecretState::Missing);
    let secret = adopted(&account, "u").await;
    let seen = present(&account, &secret).await;
    assert_eq!(seen.current.unwrap().content, Content::Placeholder);
    assert_eq!(aws.read(&secret, &placeholder(1)).await.unwrap(), None);
    assert_eq!(
        aws.create(&secret, &owner(&user), &placeholder(2)).await.unwrap_err().kind,
        ErrorKind::Conflict
    );
    assert_eq!(
        aws.put_placeholder(&secret, &placeholder(2)).await.unwrap_err().kind,
        ErrorKind::Conflict
    );

    let note = JournalEntry::Intent(Intent { before: vec![key('A')], at: at(5) });
    aws.write_note(&secret, &note).await.unwrap();
    aws.write_note(&secret, &JournalEntry::Intent(Intent { before: vec![], at: at(6) }))
        .await
        .unwrap();
    assert_eq!(
        present(&account, &secret).await.journal.intent,
        Some(Intent { before: vec![], at: at(6) })
    );

    aws.stage(&secret, &version('A'), &credentials('A'), None).await.unwrap();
    let seen = present(&account, &secret).await;
    assert_eq!(seen.pending.unwrap().version, version('A'));
    assert_eq!(seen.current.unwrap().version, placeholder(1));
    assert_eq!(aws.read(&secret, &version('A')).await.unwrap(), Some(credentials('A')));

    aws.promote(&secret, &placeholder(1), &version('A')).await.unwrap();
    let seen = present(&account, &secret).await;
    assert_eq!(seen.current.unwrap().version, version('A'));
    assert_eq!(seen.previous.unwrap().version, placeholder(1));
    let error = aws.promote(&secret, &placeholder(1), &version('A')).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict, "{error}");

    if account.has(Gap::LabelOnTwoVersions) {
        aws.unstage(&secret, &version('A')).await.unwrap();
    }
    aws.stage(&secret, &version('B'), &credentials('B'), None).await.unwrap();
    assert_eq!(present(&account, &secret).await.pending.unwrap().version, version('B'));
    aws.unstage(&secret, &version('B')).await.unwrap();
    assert_eq!(aws.unstage(&secret, &version('B')).await.unwrap_err().kind, ErrorKind::Conflict);
    let versions = aws.versions(&secret).await.unwrap();
    for version in [version('A'), version('B'), placeholder(1)] {
        assert!(
            versions.iter().any(|stored| stored.id == version),
            "{version} is not among {versions:?}"
        );
    }
    let answer = account.secrets.describe_secret().secret_id(secret.as_str()).send().await.unwrap();
    assert!(answer.tags().iter().any(|t| t.key() == Some("keyrot:user-id")
        && t.value() == Some("AIDAJQABLZS4A3QDU576Q 123456789012 u")));
    assert!(answer.description().is_some_and(|d| d.contains("keyrot")));
}

pub(crate) async fn a_repeated_stage_changes_nothing_and_other_content_is_refused(
    account: Account,
) {
    let secret = adopted(&account, "repeat").await;
    for _ in 0..2 {
        account.aws.stage(&secret, &version('A'), &credentials('A'), None).await.unwrap();
        assert_eq!(present(&account, &secret).await.pending.unwrap().version, version('A'));
    }
    if account.has(Gap::PendingOverwritten) {
        account.aws.unstage(&secret, &version('A')).await.unwrap();
    }
    if account.emulator == Emulator::Moto {
        let error =
            account.aws.stage(&secret, &version('A'), &credentials('B'), None).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
        // The old content is still there, and the same content again is not a conflict.
        account.aws.stage(&secret, &version('A'), &credentials('A'), None).await.unwrap();
    }
}

pub(crate) async fn of_two_promotions_one_wins(account: Account) {
    let secret = adopted(&account, "race").await;
    for letter in ['A', 'B'] {
        account.aws.stage(&secret, &version(letter), &credentials(letter), None).await.unwrap();
    }
    let from = placeholder(1);
    let (a, b) = (version('A'), version('B'));
    let both = tokio::join!(
        account.aws.promote(&secret, &from, &a),
        account.aws.promote(&secret, &from, &b)
    );
    let current = present(&account, &secret).await.current.unwrap().version;
    match both {
        (Ok(()), Err(lost)) | (Err(lost), Ok(())) => {
            assert_eq!(lost.kind, ErrorKind::Conflict, "{lost}");
        }
        other => panic!("{other:?}"),
    }
    assert!(current == a || current == b, "{current}");
    // A caller with an outdated read does not overwrite what is there now.
    assert_eq!(
        account.aws.promote(&secret, &from, &b).await.unwrap_err().kind,
        ErrorKind::Conflict
    );
}

pub(crate) async fn a_foreign_version_is_looked_into_and_carried(account: Account) {
    let aws = &account.aws;
    let secret = secret("foreign");
    let text =
        format!(r#"{{"host":"db","AccessKeyId":"{}","SecretAccessKey":"x","n":1.50}}"#, key('A'));
    account.secrets.create_secret().name(secret.as_str()).secret_string(text).send().await.unwrap();
    let held = present(&account, &secret).await.current.unwrap();
    assert_eq!(held.content, Content::Foreign);
    let inside = aws.inspect_version(&secret, &held.version).await.unwrap();
    assert_eq!(inside.map(|inside| (inside.key, inside.extras)), Some((Ok(key('A')), true)));

    let next = VersionId::for_key(&key('B'), at(9), true).unwrap();
    aws.stage(&secret, &next, &credentials('B'), Some(held.version.clone())).await.unwrap();
    assert_eq!(aws.read(&secret, &next).await.unwrap(), Some(credentials('B')));
    let call =
        account.secrets.get_secret_value().secret_id(secret.as_str()).version_id(next.as_str());
    let text = call.send().await.unwrap().secret_string.unwrap();
    let expected = format!(
        r#"{{"host":"db","AccessKeyId":"{}","SecretAccessKey":"secret of B","n":1.50}}"#,
        key('B')
    );
    assert_eq!(text, expected);
    // The first version is read although it no longer has AWSCURRENT.
    aws.promote(&secret, &held.version, &next).await.unwrap();
    assert_eq!(
        aws.inspect_version(&secret, &held.version).await.unwrap().unwrap().key,
        Ok(key('A'))
    );
    assert_eq!(aws.read(&secret, &next).await.unwrap(), Some(credentials('B')));
}

pub(crate) async fn an_empty_secret_gets_the_placeholder(account: Account) {
    if account.has(Gap::EmptySecretHasVersion) {
        return;
    }
    let secret = secret("empty");
    account.secrets.create_secret().name(secret.as_str()).send().await.unwrap();
    let found = present(&account, &secret).await;
    assert_eq!(found, Secret::empty(found.arn.clone()));
    account.aws.put_placeholder(&secret, &placeholder(1)).await.unwrap();
    let seen = present(&account, &secret).await;
    assert_eq!(seen.current.unwrap().version, placeholder(1));
    assert_eq!(seen.pending, None);
    account.aws.put_placeholder(&secret, &placeholder(1)).await.unwrap();
}

pub(crate) async fn deleted_secrets_and_replicas_are_seen(account: Account) {
    let secret = adopted(&account, "replicated").await;
    let replica =
        aws_sdk_secretsmanager::types::ReplicaRegionType::builder().region("eu-central-1").build();
    let call = account.secrets.replicate_secret_to_regions().secret_id(secret.as_str());
    call.add_replica_regions(replica).send().await.unwrap();
    assert!(matches!(account.aws.describe(&secret).await.unwrap(), SecretState::Present(_)));
    account.aws.stage(&secret, &version('A'), &credentials('A'), None).await.unwrap();
    account.aws.promote(&secret, &placeholder(1), &version('A')).await.unwrap();
    let over_there = account.in_region("eu-central-1").await;
    assert_eq!(
        over_there.describe(&secret).await.unwrap(),
        SecretState::Replica { primary: "us-east-1".into() }
    );

    let secret = adopted(&account, "deleted").await;
    account.secrets.delete_secret().secret_id(secret.as_str()).send().await.unwrap();
    assert!(matches!(account.aws.describe(&secret).await.unwrap(), SecretState::Deleted { .. }));
    let user = UserName::parse("deleted").unwrap();
    let error = account.aws.create(&secret, &owner(&user), &placeholder(2)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
    assert!(account.aws.put_placeholder(&secret, &placeholder(2)).await.is_err());
}

pub(crate) fn owner(user: &UserName) -> keyrot_core::model::Owner {
    let id = keyrot_core::model::UserId::parse("AIDAJQABLZS4A3QDU576Q").unwrap();
    keyrot_core::model::Owner { id, account: "123456789012".to_owned(), name: user.clone() }
}
