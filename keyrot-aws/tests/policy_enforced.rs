//! The policy with enforcement: ministack, over HTTP, with a caller that has no other permission.
//!
//! ministack is not AWS. [`what_ministack_does_not_check`] asserts what it does not evaluate, so
//! that a better version is noticed.
#![allow(clippy::unwrap_used)]

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials as SdkCredentials;
use keyrot_aws::policy::{Discovery, Policy, Scope, Text};
use keyrot_aws::{Aws, AwsSettings, CallerCredentials, Endpoints, TokioClock};
use keyrot_core::audit::{AccountPort, survey};
use keyrot_core::model::{SecretState, VersionId};
use keyrot_core::{
    Cancel, ErrorKind, Homes, IamPort, KeyId, KeyStatus, Limits, Mode, Outcome, Ports, Rotator,
    SecretKey, SecretName, SecretStorePort, Selection, Target, UserName, select,
};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

const REGION: &str = "us-east-1";

/// A separate account, whose root user sets it up.
struct Account {
    url: String,
    id: String,
    iam: aws_sdk_iam::Client,
    secrets: aws_sdk_secretsmanager::Client,
}

async fn config(url: &str, credentials: SdkCredentials) -> SdkConfig {
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(url);
    loader.credentials_provider(credentials).load().await
}

impl Account {
    /// Returns `None` only if the tests run without emulators on purpose.
    async fn new() -> Option<Self> {
        let Ok(url) = std::env::var("KEYROT_TEST_MINISTACK") else {
            let skip = std::env::var("KEYROT_SKIP_EMULATORS").is_ok_and(|v| v == "1");
            assert!(
                skip,
                "KEYROT_TEST_MINISTACK is not set. Run `scripts/emulators run -- cargo nextest run`"
            );
            eprintln!("skipped, because KEYROT_SKIP_EMULATORS=1");
            return None;
        };
        // Twelve digits are the root user of that account.
        let id = format!("{:012}", RandomState::new().hash_one(0_u8) % 1_000_000_000_000);
        let config = config(&url, SdkCredentials::new(id.clone(), "any", None, None, "test")).await;
        let (iam, secrets) =
            (aws_sdk_iam::Client::new(&config), aws_sdk_secretsmanager::Client::new(&config));
        Some(Self { url, id, iam, secrets })
    }

    async fn user(&self, path: &str, name: &str, tag: &str) -> UserName {
        let tag = aws_sdk_iam::types::Tag::builder().key("ROTATEKEY").value(tag).build().unwrap();
        self.iam.create_user().path(path).user_name(name).tags(tag).send().await.unwrap();
        self.iam.create_access_key().user_name(name).send().await.unwrap();
        UserName::parse(name).unwrap()
    }

    fn scope(&self) -> Scope {
        let template = keyrot_core::selection::SecretTemplate::default();
        let scope = Scope::new(Text::fixed(self.id.as_str()), &template, "/", "RotateKey", "True");
        Scope { region: Text::fixed(REGION), ..scope }
    }

    /// Returns the ports for a caller that has only this policy.
    async fn limited_to(&self, scope: &Scope) -> Aws {
        self.limited(&scope.policy()).await
    }

    async fn limited(&self, policy: &Policy) -> Aws {
        let policy = serde_json::to_string(policy).unwrap();
        self.iam.create_user().user_name("keyrot").send().await.unwrap();
        let put = self.iam.put_user_policy().user_name("keyrot").policy_name("keyrot");
        put.policy_document(policy).send().await.unwrap();
        let (id, secret) = self.another_key().await;
        let caller = CallerCredentials::new(id, SecretKey::new(secret));
        let settings = AwsSettings::default()
            .with_region(REGION)
            .with_credentials(caller)
            .with_endpoints(Endpoints::all_at(self.url.clone()));
        Aws::connect(&settings).await.unwrap()
    }

    /// Returns a key of the caller with the policy: its id, and its secret half.
    async fn another_key(&self) -> (String, String) {
        let made = self.iam.create_access_key().user_name("keyrot").send().await.unwrap();
        let key = made.access_key.unwrap();
        (key.access_key_id, key.secret_access_key)
    }
}

async fn chosen(aws: &Aws) -> Vec<Target> {
    let users = aws.users("/").await.unwrap();
    select(
        &users,
        &Selection::default(),
        &Homes::in_region("us-east-1"),
        &keyrot_core::WaitPolicy::default(),
    )
    .chosen
}

async fn rotate(aws: &Aws) -> Vec<(String, Outcome)> {
    let shared = Arc::new(aws.clone());
    let iam: Arc<dyn IamPort> = shared.clone();
    let ports = Ports {
        iam,
        store: shared.clone(),
        probe: shared,
        clock: Arc::new(TokioClock),
        destinations: Arc::default(),
    };
    let run = Rotator::new(ports);
    let report = run
        .run(chosen(aws).await, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {})
        .await;
    report.users.into_iter().map(|user| (user.user.to_string(), user.outcome)).collect()
}

fn secret(name: &str) -> SecretName {
    SecretName::parse(name).unwrap()
}

async fn a_caller_with_only_the_policy_rotates(discovery: Discovery) {
    let Some(account) = Account::new().await else { return };
    account.user("/", "ci", "TRUE").await;
    account.user("/", "jane", "no").await;
    let aws = account.limited_to(&Scope { discovery, ..account.scope() }).await;

    let report = rotate(&aws).await;
    let [(user, outcome)] = report.as_slice() else { panic!("{report:?}") };
    assert!(user == "ci" && matches!(outcome, Outcome::Waiting(_)), "{report:?}");
    let SecretState::Present(found) = aws.describe(&secret("/iam/ci/access_key")).await.unwrap()
    else {
        panic!("present")
    };
    let current = found.current.unwrap();
    let held = aws.read(&secret("/iam/ci/access_key"), &current.version).await.unwrap().unwrap();
    assert_eq!(Some(&held.key), current.key());

    // The later steps: the old key is deactivated and deleted.
    let ci = UserName::parse("ci").unwrap();
    let old =
        aws.list_keys(&ci).await.unwrap().into_iter().find(|key| key.id != held.key).unwrap().id;
    aws.last_use(&ci, &old).await.unwrap();
    aws.deactivate_key(&ci, &old).await.unwrap();
    assert!(
        aws.list_keys(&ci)
            .await
            .unwrap()
            .iter()
            .any(|k| k.id == old && k.status == KeyStatus::Inactive)
    );
    aws.delete_key(&ci, &old).await.unwrap();
    aws.versions(&secret("/iam/ci/access_key")).await.unwrap();
}

#[tokio::test]
async fn a_caller_with_only_the_policy_that_lists_in_bulk_rotates() {
    a_caller_with_only_the_policy_rotates(Discovery::Bulk).await;
}

#[tokio::test]
async fn a_caller_with_only_the_policy_that_lists_one_by_one_rotates() {
    a_caller_with_only_the_policy_rotates(Discovery::OneByOne).await;
}

#[tokio::test]
async fn a_caller_with_only_the_audits_policy_audits_and_changes_nothing() {
    for discovery in [Discovery::Bulk, Discovery::OneByOne] {
        let Some(account) = Account::new().await else { return };
        account.user("/team/", "jane", "no").await;
        let aws = account.limited(&Scope { discovery, ..account.scope() }.audit_policy()).await;
        let view = survey(&aws, &aws, true, &|_, _| {}).await.unwrap();
        let jane = view.users.iter().find(|user| user.user.arn.name().as_str() == "jane").unwrap();
        assert!(jane.keys.len() == 1 && jane.keys[0].id.is_some(), "{jane:?}");
        assert_eq!(aws.create_key(jane.user.arn.name()).await.unwrap_err().kind, ErrorKind::Denied);
    }
    // A rotation's policy is not enough for an audit.
    let Some(account) = Account::new().await else { return };
    let aws = account.limited_to(&account.scope()).await;
    assert_eq!(aws.credential_report().await.unwrap_err().kind, ErrorKind::Denied);
}

#[tokio::test]
async fn a_user_without_the_tag_is_out_of_reach() {
    let Some(account) = Account::new().await else { return };
    let jane = account.user("/", "jane", "no").await;
    let aws = account.limited_to(&account.scope()).await;
    let key = KeyId::parse("AKIAXXXXXXXXXXXXXXXX").unwrap();
    let denied = [
        aws.list_keys(&jane).await.err(),
        aws.create_key(&jane).await.err(),
        aws.deactivate_key(&jane, &key).await.err(),
        aws.delete_key(&jane, &key).await.err(),
    ];
    for error in denied {
        assert_eq!(error.as_ref().map(|e| &e.kind), Some(&ErrorKind::Denied), "{error:?}");
    }
}

#[tokio::test]
async fn a_secret_outside_the_pattern_is_out_of_reach() {
    let Some(account) = Account::new().await else { return };
    let ci = account.user("/", "ci", "true").await;
    let aws = account.limited_to(&account.scope()).await;
    let version = VersionId::parse("11111111-2222-3333-4444-555555555555").unwrap();
    for name in
        ["/prod/database", "/iam/ci/access_key_of_others", "/iam/ci/password", "iam/ci/access_key"]
    {
        let made = account
            .secrets
            .create_secret()
            .name(name)
            .secret_string("theirs")
            .send()
            .await
            .unwrap();
        let name = secret(name);
        let made = VersionId::parse(made.version_id.unwrap()).unwrap();
        let denied = [
            aws.describe(&name).await.err(),
            aws.create(&secret(&format!("{name}2")), &owner(&ci), &version).await.err(),
            aws.read(&name, &made).await.err(),
            aws.inspect_version(&name, &made).await.err(),
            aws.promote(&name, &made, &version).await.err(),
            aws.versions(&name).await.err(),
        ];
        for error in denied {
            assert_eq!(
                error.as_ref().map(|e| &e.kind),
                Some(&ErrorKind::Denied),
                "{name}: {error:?}"
            );
        }
    }
}

/// What the tests above do not show, because ministack does not evaluate it.
#[tokio::test]
async fn what_ministack_does_not_check() {
    let Some(account) = Account::new().await else { return };
    // The ARN that it compares has no path, so it finds no tags for a user with a path.
    let ci = account.user("/ci/", "ci", "true").await;
    let aws = account.limited_to(&account.scope()).await;
    assert_eq!(aws.list_keys(&ci).await.unwrap_err().kind, ErrorKind::Denied);
    // It does not evaluate the condition key for a request's staging label.
    let name = secret("/iam/ci/access_key");
    let made = account
        .secrets
        .create_secret()
        .name(name.as_str())
        .secret_string("{}")
        .send()
        .await
        .unwrap();
    let by_own_label = aws_of_labels(&account, &name, &made.version_id.unwrap()).await;
    assert!(by_own_label, "ministack evaluates secretsmanager:VersionStage by now: test it above");
}

/// Whether a caller with the policy may read by a label that the policy does not name.
async fn aws_of_labels(account: &Account, name: &SecretName, version: &str) -> bool {
    let label = account
        .secrets
        .update_secret_version_stage()
        .secret_id(name.as_str())
        .version_stage("THEIRS");
    label.move_to_version_id(version).send().await.unwrap();
    let (id, secret) = account.another_key().await;
    let caller = SdkCredentials::new(id, secret, None, None, "test");
    let client = aws_sdk_secretsmanager::Client::new(&config(&account.url, caller).await);
    client.get_secret_value().secret_id(name.as_str()).version_stage("THEIRS").send().await.is_ok()
}

fn owner(user: &UserName) -> keyrot_core::model::Owner {
    let id = keyrot_core::model::UserId::parse("AIDAJQABLZS4A3QDU576Q").unwrap();
    keyrot_core::model::Owner { id, account: "123456789012".to_owned(), name: user.clone() }
}
