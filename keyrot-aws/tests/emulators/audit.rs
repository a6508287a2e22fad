//! The credential report of a third-party emulator.

use crate::account::Account;
use keyrot_core::audit::{AccountPort, AuditPolicy, audit, survey};
use keyrot_core::{IamPort, LastUse};

pub(crate) async fn the_credential_report_is_read_and_judged(account: Account) {
    let aws = &account.aws;
    let ci = account.user("/team/", "doe,jane", &[("RotateKey", "True")]).await;
    let first = aws.create_key(&ci).await.unwrap();
    aws.create_key(&ci).await.unwrap();
    aws.deactivate_key(&ci, &first.credentials.key).await.unwrap();
    account.user("/", "empty", &[]).await;

    let report = aws.credential_report().await.unwrap();
    assert_eq!(report.account, account.id);
    let jane = report.users.iter().find(|user| *user.arn.name() == ci).unwrap();
    assert_eq!(jane.arn.path(), "/team/");
    assert_eq!(jane.keys.iter().filter(|key| key.active).count(), 1, "{jane:?}");
    assert!(jane.keys.iter().all(|key| matches!(key.last_use, LastUse::NoRecord)), "{jane:?}");

    let view = survey(aws, aws, true, &|_, _| {}).await.unwrap();
    let audit = audit(&view, &AuditPolicy::default(), view.report);
    assert_eq!((audit.counts.users, audit.counts.keys, audit.counts.active), (2, 2, 1));
    assert!(audit.keys.iter().all(|key| key.managed && key.key_id.is_some()));
    assert!(audit.findings.is_empty(), "{:?}", audit.findings);
}
