use crate::account::{Account, Emulator};
use crate::gaps::Gap;
use keyrot_core::model::ProbeAnswer;
use keyrot_core::{CredentialProbe, Credentials, IamPort, SecretKey};

pub(crate) async fn the_caller_is_known(account: Account) {
    let caller = account.aws.caller_identity().await.unwrap();
    assert_eq!(caller.account, account.id);
    let expected = match account.emulator {
        Emulator::Moto => format!("arn:aws:sts::{}:assumed-role/test/test", account.id),
        Emulator::Ministack => format!("arn:aws:iam::{}:root", account.id),
    };
    assert_eq!(caller.arn, expected);
}

pub(crate) async fn a_key_is_verified(account: Account) {
    let user = account.user("/ci/", "verified", &[]).await;
    let key = account.aws.create_key(&user).await.unwrap().credentials;
    for _ in 0..3 {
        let ProbeAnswer::Authenticated(arn) = account.aws.probe(&key).await.unwrap() else {
            panic!("it works")
        };
        assert_eq!(arn.as_str(), format!("arn:aws:iam::{}:user/ci/verified", account.id));
    }
}

pub(crate) async fn keys_that_do_not_work_are_refused(account: Account) {
    let aws = &account.aws;
    let user = account.user("/", "refused", &[]).await;
    let key = aws.create_key(&user).await.unwrap().credentials;
    let wrong = Credentials { key: key.key.clone(), secret: SecretKey::new("wrong".into()) };
    let any = account.has(Gap::AcceptsAnyKey);
    if !any {
        assert_eq!(aws.probe(&wrong).await.unwrap(), ProbeAnswer::WrongSecret);
        aws.deactivate_key(&user, &key.key).await.unwrap();
        assert_eq!(aws.probe(&key).await.unwrap(), ProbeAnswer::Refused);
    }
    aws.delete_key(&user, &key.key).await.unwrap();
    let answer = aws.probe(&key).await.unwrap();
    if any {
        assert!(matches!(answer, ProbeAnswer::SomebodyElse(_)), "{answer:?}");
    } else {
        assert_eq!(answer, ProbeAnswer::Refused);
    }
}
