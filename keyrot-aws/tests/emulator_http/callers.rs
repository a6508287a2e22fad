//! Callers, and what they may do.

use super::*;

#[tokio::test]
async fn the_caller_is_the_signer() {
    let mut world = world();
    world.rules.propagation = Duration::from_secs(10);
    let user = world.add_user("team/ci", &[]).unwrap();
    let key = world.add_key(&user).unwrap().credentials;
    let emulator = start(world);

    let admin = emulator.admin_credentials().clone();
    assert_eq!(
        identity(&emulator, &admin).await.unwrap(),
        "arn:aws:sts::123456789012:assumed-role/emulator/administrator"
    );
    assert_eq!(
        identity(&emulator, &key).await.unwrap_err(),
        "InvalidClientTokenId",
        "not propagated yet"
    );
    emulator.advance(Duration::from_secs(10));
    assert_eq!(identity(&emulator, &key).await.unwrap(), "arn:aws:iam::123456789012:user/team/ci");

    for known in [&admin.key, &key.key] {
        let forged = Credentials { key: known.clone(), secret: SecretKey::new("x".repeat(40)) };
        assert_eq!(identity(&emulator, &forged).await.unwrap_err(), "SignatureDoesNotMatch");
    }
    let stranger = World::credentials_of(&KeyId::parse("AKIASTRANGERSTRANGER").unwrap());
    assert_eq!(identity(&emulator, &stranger).await.unwrap_err(), "InvalidClientTokenId");
    emulator
        .change(|w| w.set_key_status(&user, &key.key, keyrot_core::KeyStatus::Inactive))
        .unwrap();
    assert_eq!(identity(&emulator, &key).await.unwrap_err(), "InvalidClientTokenId");
}

#[tokio::test]
async fn a_user_may_do_what_is_attached() {
    let mut world = world();
    let user = world.add_user("ci", &[]).unwrap();
    let key = world.add_key(&user).unwrap().credentials;
    let emulator = start(world);
    let own = client!(aws_sdk_iam, emulator, &key);
    let secrets = client!(aws_sdk_secretsmanager, emulator, &key);

    let error = own.list_users().send().await.unwrap_err();
    let message = error.message().unwrap();
    assert!(message.contains("user/ci is not authorized to perform: iam:ListUsers"), "{message}");
    assert_eq!(refused::<(), _>(Err(error)), says("AccessDenied", 403));
    let answer = secrets.describe_secret().secret_id("x").send().await;
    assert_eq!(refused(answer), says("AccessDeniedException", 400));

    emulator.change(|w| w.user_mut(&user).unwrap().policies.push(ADMINISTRATOR.into()));
    assert_eq!(own.list_users().send().await.unwrap().users().len(), 1);
    let keys = own.list_access_keys().send().await.unwrap();
    assert_eq!(
        keys.access_key_metadata()[0].user_name(),
        Some("ci"),
        "without a name it is the caller"
    );
    assert_eq!(
        refused(iam(&emulator).list_access_keys().send().await),
        says("ValidationError", 400)
    );

    let forged = Credentials { key: key.key, secret: SecretKey::new("x".repeat(40)) };
    let forged = client!(aws_sdk_secretsmanager, emulator, &forged);
    let answer = forged.describe_secret().secret_id("x").send().await;
    assert_eq!(refused(answer), says("InvalidSignatureException", 400));
    let stranger = World::credentials_of(&KeyId::parse("AKIASTRANGERSTRANGER").unwrap());
    let stranger = client!(aws_sdk_secretsmanager, emulator, &stranger);
    let answer = stranger.describe_secret().secret_id("x").send().await;
    assert_eq!(refused(answer), says("UnrecognizedClientException", 400));
}
