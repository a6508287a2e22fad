use crate::account::{Account, Emulator};
use crate::gaps::{Gap, unknown_status};
use keyrot_core::{
    CredentialProbe, Effect, ErrorKind, IamPort, KeyId, KeyStatus, LastUse, UserName,
};

pub(crate) async fn users_are_found_with_tags_and_policies(account: Account) {
    account.user("/ci/", "tagged", &[("KeyRot", "TRUE"), ("owner", "me")]).await;
    account.user("/ci/sub/", "plain", &[]).await;
    account.user("/", "elsewhere", &[("keyrot", "true")]).await;
    for n in 0..120 {
        account.user("/many/", &format!("u{n}"), &[("keyrot", "true")]).await;
    }
    let quarantine = "AWSCompromisedKeyQuarantineV3";
    let arn = if account.has(Gap::NoManagedPolicies) {
        let nothing = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;
        let made = account
            .iam
            .create_policy()
            .policy_name(quarantine)
            .policy_document(nothing)
            .send()
            .await
            .unwrap();
        made.policy.unwrap().arn.unwrap()
    } else {
        format!("arn:aws:iam::aws:policy/{quarantine}")
    };
    account.iam.attach_user_policy().user_name("tagged").policy_arn(arn).send().await.unwrap();

    let mut users = account.aws.users("/ci/").await.unwrap();
    users.sort_by(|a, b| a.arn.cmp(&b.arn));
    assert_eq!(users.len(), 2, "{users:?}");
    assert_eq!(users[0].arn.path(), "/ci/sub/");
    assert_eq!((users[0].tags.len(), users[0].policies.len()), (0, 0));
    assert_eq!(users[1].arn.as_str(), format!("arn:aws:iam::{}:user/ci/tagged", account.id));
    assert_eq!((users[1].tags["KeyRot"].as_str(), users[1].tags["owner"].as_str()), ("TRUE", "me"));
    assert_eq!(users[1].policies, [quarantine]);
    assert_eq!(account.aws.users("/").await.unwrap().len(), 123);
}

pub(crate) async fn a_key_lives_and_dies(account: Account) {
    let aws = &account.aws;
    let user = account.user("/", "life", &[]).await;
    assert_eq!(aws.list_keys(&user).await.unwrap(), []);
    let new = aws.create_key(&user).await.unwrap();
    let id = new.credentials.key.clone();
    let listed = aws.list_keys(&user).await.unwrap().remove(0);
    assert_eq!((&listed.id, &listed.status), (&id, &KeyStatus::Active));
    assert!((listed.created - new.created).num_seconds().abs() <= 1, "{listed:?} {new:?}");
    for _ in 0..2 {
        aws.deactivate_key(&user, &id).await.unwrap();
        assert_eq!(aws.list_keys(&user).await.unwrap()[0].status, KeyStatus::Inactive);
    }
    if account.emulator == Emulator::Moto {
        unknown_status(&account, &user, &id).await;
    }
    for _ in 0..2 {
        aws.delete_key(&user, &id).await.unwrap();
        assert_eq!(aws.list_keys(&user).await.unwrap(), []);
    }
}

pub(crate) async fn a_third_key_is_refused(account: Account) {
    if account.has(Gap::ThirdKeyAllowed) {
        return; // The gap's own test sees to it that it is one.
    }
    let user = account.user("/", "third", &[]).await;
    account.aws.create_key(&user).await.unwrap();
    account.aws.create_key(&user).await.unwrap();
    let error = account.aws.create_key(&user).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::LimitExceeded, Effect::None), "{error}");
}

pub(crate) async fn what_is_not_there_is_not_found(account: Account) {
    let aws = &account.aws;
    let nobody = UserName::parse("nobody").unwrap();
    let user = account.user("/", "somebody", &[]).await;
    let no_key = KeyId::parse("AKIAXXXXXXXXXXXXXXXX").unwrap();
    if !account.has(Gap::UnknownUserHasNoKeys) {
        assert_eq!(aws.list_keys(&nobody).await.unwrap_err().kind, ErrorKind::NotFound);
    }
    assert_eq!(aws.create_key(&nobody).await.unwrap_err().kind, ErrorKind::NotFound);
    let error = aws.deactivate_key(&user, &no_key).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::NotFound, Effect::None));
    assert!(
        error.message.contains("iam:UpdateAccessKey for key AKIAXXXXXXXXXXXXXXXX of user somebody"),
        "{error}"
    );
    assert!(
        error.message.contains("NoSuchEntity") && error.message.contains("request id"),
        "{error}"
    );
    aws.delete_key(&user, &no_key).await.unwrap();
    assert_eq!(aws.last_use(&user, &no_key).await.unwrap_err().kind, ErrorKind::NotFound);
}

pub(crate) async fn the_last_use_is_seen(account: Account) {
    let aws = &account.aws;
    let user = account.user("/", "used", &[]).await;
    let key = aws.create_key(&user).await.unwrap().credentials;
    assert_eq!(aws.last_use(&user, &key.key).await.unwrap(), LastUse::NoRecord);
    aws.probe(&key).await.unwrap();
    if !account.has(Gap::NoLastUse) {
        let seen = aws.last_use(&user, &key.key).await.unwrap();
        assert!(matches!(&seen, LastUse::At { service, .. } if service == "sts"), "{seen:?}");
    }
    let other = account.user("/", "other", &[]).await;
    let error = aws.last_use(&other, &key.key).await.unwrap_err();
    assert!(error.message.contains("belongs to user used"), "{error}");
}

pub(crate) async fn a_denied_call_names_the_missing_action(account: Account) {
    if account.has(Gap::ChecksNoPolicy) {
        return;
    }
    let user = account.user("/", "powerless", &[]).await;
    let key = account.aws.create_key(&user).await.unwrap().credentials;
    let error = account.acting_as(&key).await.create_key(&user).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Denied, Effect::None));
    assert!(error.message.contains("need iam:CreateAccessKey;"), "{error}");
}

pub(crate) async fn where_the_bulk_call_is_denied_users_are_looked_up_one_by_one(account: Account) {
    if account.has(Gap::ChecksNoPolicy) {
        return;
    }
    let user = account.user("/ci/", "lister", &[("keyrot", "true")]).await;
    account.user("/ci/", "other", &[("a", "b")]).await;
    let key = account.aws.create_key(&user).await.unwrap().credentials;
    account.allow(&user, &["iam:ListUsers", "iam:ListUserTags"]).await;
    let aws = account.acting_as(&key).await;
    let error = aws.users("/ci/").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied);
    assert!(error.message.contains("need iam:ListAttachedUserPolicies"), "{error}");
    account
        .allow(&user, &["iam:ListUsers", "iam:ListUserTags", "iam:ListAttachedUserPolicies"])
        .await;
    let mut slow = aws.users("/ci/").await.unwrap();
    let mut fast = account.aws.users("/ci/").await.unwrap();
    slow.sort_by(|a, b| a.arn.cmp(&b.arn));
    fast.sort_by(|a, b| a.arn.cmp(&b.arn));
    assert_eq!(slow, fast);
    assert_eq!(slow.len(), 2);
}
