//! The ports' public conformance suites, run against the adapters: over real HTTP, on moto, on
//! ministack, and on the project's own emulator.
//!
//! Neither moto nor ministack is AWS. A case that one of them cannot pass is listed below with the
//! reason, and fails its test once it passes. The project's own emulator has no such list, because
//! its errors are fixed.
#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "shared with the tests in `emulators`, which use all of it")]
#[path = "emulators/account.rs"]
mod account;
#[allow(dead_code, reason = "shared with the tests in `emulators`, which use all of it")]
#[path = "emulators/gaps.rs"]
mod gaps;
#[allow(dead_code, reason = "shared with the tests in `emulators`, which use all of it")]
#[path = "emulators/secrets.rs"]
mod secrets;

use account::{Account, Emulator};
use async_trait::async_trait;
use aws_sdk_iam::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_iam::types::{StatusType, Tag};
use keyrot_aws::{Aws, TokioClock};
use keyrot_core::conformance::{
    CaseOutcome, CaseResult, Lab, Trouble, assert_all, clock, iam, probe, store,
};
use keyrot_core::model::{NewKey, VersionId};
use keyrot_core::{Credentials, KeyId, KeyStatus, SecretKey, SecretName, UserArn, UserName};
use std::error::Error;
use std::time::Duration;

/// A case, and why the emulator cannot pass it.
type Gaps = &'static [(&'static str, &'static str)];

const MOTO_IAM: Gaps = &[];

const MOTO_STORE: Gaps = &[
    (
        "store::a_deleted_secret_refuses_a_new_version",
        "PutSecretValue writes to a secret that is scheduled for deletion",
    ),
    ("store::staging_other_content_is_a_conflict", OVERWRITES),
];

const MOTO_PROBE: Gaps = &[
    ("probe::an_inactive_key_is_refused", "every signature is accepted, an Inactive key's too"),
    ("probe::a_deleted_key_is_refused", STRANGERS),
    ("probe::an_unknown_key_is_refused", STRANGERS),
    (
        "probe::a_wrong_secret_is_told_apart",
        "every signature is accepted, whatever it was made with",
    ),
];

const MINISTACK_IAM: Gaps = &[
    ("iam::two_keys_at_most", "CreateAccessKey makes a third key and a fourth"),
    ("iam::listing_keys_of_no_user_is_not_found", "ListAccessKeys answers with an empty list"),
    (
        "iam::another_users_key_is_never_touched",
        "DeleteAccessKey takes no notice of whose key it is",
    ),
    ("iam::a_use_is_on_record", "no use of a key is ever recorded"),
];

const MINISTACK_STORE: Gaps = &[
    ("store::a_new_secret_holds_the_placeholder", FOREIGN_FIRST),
    ("store::creating_twice_is_a_conflict", FOREIGN_FIRST),
    ("store::a_secret_may_have_no_version", "CreateSecret without a value makes an empty version"),
    (
        "store::the_placeholder_goes_into_an_empty_secret",
        "CreateSecret without a value makes an empty version",
    ),
    ("store::the_placeholder_never_replaces_a_version", FOREIGN_FIRST),
    ("store::staging_leaves_the_current_version", FOREIGN_FIRST),
    ("store::staging_twice_is_a_no_op", FOREIGN_FIRST),
    ("store::staging_other_content_is_a_conflict", OVERWRITES),
    ("store::a_newer_staged_version_takes_the_label", FOREIGN_FIRST),
    ("store::promoting_from_elsewhere_is_a_conflict", FOREIGN_FIRST),
    ("store::unstaging_takes_the_label_off", FOREIGN_FIRST),
    ("store::unstaging_elsewhere_is_a_conflict", FOREIGN_FIRST),
    ("store::versions_without_a_label_are_listed", FOREIGN_FIRST),
    ("store::notes_are_read_back", FOREIGN_FIRST),
];

const MINISTACK_PROBE: Gaps = &[];

const OVERWRITES: &str =
    "PutSecretValue overwrites a version that is under AWSPENDING and has other content";
const STRANGERS: &str = "a key that does not exist is taken for a user of the emulator's own";
const FOREIGN_FIRST: &str = "CreateSecret takes no notice of the token, so the secret begins with a version of another id; the adapter puts the \
                             placeholder in its place, and the first version becomes AWSPREVIOUS, where the case expects none";

/// How many times a use is read before it counts as never recorded.
const LOOKS: usize = 10;

#[tokio::test]
async fn iam_on_moto() {
    on(Emulator::Moto, Suite::Iam, MOTO_IAM).await;
}

#[tokio::test]
async fn store_on_moto() {
    on(Emulator::Moto, Suite::Store, MOTO_STORE).await;
}

#[tokio::test]
async fn probe_on_moto() {
    on(Emulator::Moto, Suite::Probe, MOTO_PROBE).await;
}

#[tokio::test]
async fn iam_on_ministack() {
    on(Emulator::Ministack, Suite::Iam, MINISTACK_IAM).await;
}

#[tokio::test]
async fn store_on_ministack() {
    on(Emulator::Ministack, Suite::Store, MINISTACK_STORE).await;
}

#[tokio::test]
async fn probe_on_ministack() {
    on(Emulator::Ministack, Suite::Probe, MINISTACK_PROBE).await;
}

#[tokio::test]
async fn the_clock_conforms() {
    end("the clock", &clock(&TokioClock).await, &[]);
}

/// On the project's own emulator: with and without the lags of the real services, with full and
/// short pages.
#[cfg(feature = "emulator")]
mod own {
    use super::*;
    use keyrot_aws::emulator::{EmulatorOptions, WorldTime};
    use keyrot_core::memory::{Rules, World};
    use std::sync::Arc;

    #[tokio::test]
    async fn the_emulator_conforms() {
        all("own emulator", Rules::default(), EmulatorOptions::default()).await;
    }

    #[tokio::test]
    async fn the_emulator_conforms_with_lags_and_short_pages() {
        let s = Duration::from_secs;
        let rules =
            Rules { listing_lag: s(20), propagation: s(12), use_lag: s(3_600), ..Rules::default() };
        let options = EmulatorOptions { page_limit: Some(3), ..EmulatorOptions::default() };
        all("own emulator, lagging", rules, options).await;
    }

    async fn all(what: &str, rules: Rules, options: EmulatorOptions) {
        for suite in [Suite::Iam, Suite::Store, Suite::Probe] {
            // With a clock that is not the account's, a refused signature would say nothing about a
            // secret, so each suite begins at the present time.
            let mut world = World::new(std::time::SystemTime::now().into());
            world.rules = rules.clone();
            let options = EmulatorOptions { time: WorldTime::Still, ..options.clone() };
            let emulator = Arc::new(keyrot_aws::emulator::Emulator::start(world, options).unwrap());
            let admin = emulator.admin_credentials();
            let url = emulator.url();
            let config = account::config(&url, sdk_credentials(admin)).await;
            let lab = SdkLab {
                iam: aws_sdk_iam::Client::new(&config),
                secrets: aws_sdk_secretsmanager::Client::new(&config),
                url: url.clone(),
                own: Some(Arc::clone(&emulator)),
            };
            let aws = connect(&url, admin).await;
            end(&format!("{what}, {suite:?}"), &suite.run(&aws, &lab).await, &[]);
        }
    }

    async fn connect(url: &str, credentials: &Credentials) -> Aws {
        let settings = keyrot_aws::AwsSettings::default()
            .with_region("us-east-1")
            .with_credentials(keyrot_aws::CallerCredentials::new(
                credentials.key.to_string(),
                credentials.secret.clone(),
            ))
            .with_endpoints(keyrot_aws::Endpoints::all_at(url));
        Aws::connect(&settings).await.unwrap()
    }
}

#[derive(Debug, Clone, Copy)]
enum Suite {
    Iam,
    Store,
    Probe,
}

impl Suite {
    async fn run(self, aws: &Aws, lab: &SdkLab) -> Vec<CaseResult> {
        match self {
            Self::Iam => iam(aws, lab).await,
            Self::Store => store(aws, lab).await,
            Self::Probe => probe(aws, lab).await,
        }
    }
}

async fn on(emulator: Emulator, suite: Suite, gaps: Gaps) {
    let Some(account) = emulator.account().await else { return };
    let Account { aws, iam, secrets, url, .. } = account;
    let lab = SdkLab {
        iam,
        secrets,
        url,
        #[cfg(feature = "emulator")]
        own: None,
    };
    end(&format!("{emulator:?}, {suite:?}"), &suite.run(&aws, &lab).await, gaps);
}

/// Prints the numbers, and ends the test.
fn end(what: &str, results: &[CaseResult], gaps: Gaps) {
    let count = |of: fn(&CaseOutcome) -> bool| results.iter().filter(|r| of(&r.outcome)).count();
    let passed = count(|o| matches!(o, CaseOutcome::Passed));
    let failed = count(|o| matches!(o, CaseOutcome::Failed(_)));
    let unsupported = count(|o| matches!(o, CaseOutcome::NotSupported(_)));
    println!(
        "{what}: {} cases, {passed} passed, {failed} failed, {unsupported} not supported",
        results.len()
    );
    for CaseResult { case, outcome } in results {
        match outcome {
            CaseOutcome::Passed => {}
            CaseOutcome::Failed(why) => println!("  {case}: {why}"),
            CaseOutcome::NotSupported(why) => println!("  {case} did not run: {why}"),
        }
    }
    assert_all(results, gaps);
}

/// The lab: an administrator with the SDK's clients.
struct SdkLab {
    iam: aws_sdk_iam::Client,
    secrets: aws_sdk_secretsmanager::Client,
    url: String,
    /// The project's own emulator, if it is that one: its clock can be set.
    #[cfg(feature = "emulator")]
    own: Option<std::sync::Arc<keyrot_aws::emulator::Emulator>>,
}

impl SdkLab {
    async fn last_use_is_on_record(&self, key: &KeyId) -> Result<bool, Trouble> {
        let call = self.iam.get_access_key_last_used().access_key_id(key.as_str());
        let answer = call.send().await.map_err(failed("GetAccessKeyLastUsed"))?;
        Ok(answer.access_key_last_used.is_some_and(|used| used.last_used_date.is_some()))
    }
}

#[async_trait]
impl Lab for SdkLab {
    fn prefix(&self) -> String {
        // Each test has its own account.
        "conformance".into()
    }

    async fn add_user(
        &self,
        name: &UserName,
        path: &str,
        tags: &[(&str, &str)],
    ) -> Result<UserArn, Trouble> {
        let mut call = self.iam.create_user().user_name(name.as_str()).path(path);
        for (key, value) in tags {
            call = call
                .tags(Tag::builder().key(*key).value(*value).build().map_err(failed("the tag"))?);
        }
        let user = call
            .send()
            .await
            .map_err(failed("CreateUser"))?
            .user
            .ok_or_else(|| nothing("CreateUser"))?;
        UserArn::parse(user.arn).map_err(failed("the user's ARN"))
    }

    async fn attach_policy(&self, user: &UserName, policy: &str) -> Result<(), Trouble> {
        #[cfg(feature = "emulator")]
        if let Some(own) = &self.own {
            // It has no call to attach a policy.
            return Ok(own.change(|world| world.attach_user_policy(user, policy))?);
        }
        let attach = |arn: String| {
            self.iam.attach_user_policy().user_name(user.as_str()).policy_arn(arn).send()
        };
        match attach(format!("arn:aws:iam::aws:policy/{policy}")).await {
            Ok(_) => Ok(()),
            // moto does not know AWS's own policies; one of that name in the account is listed in
            // the same way.
            Err(error) if error.code() == Some("NoSuchEntity") => {
                let document = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"s3:*","Resource":"*"}}"#;
                let call = self.iam.create_policy().policy_name(policy).policy_document(document);
                let made = call.send().await.map_err(failed("CreatePolicy"))?;
                let arn = made.policy.and_then(|p| p.arn).ok_or_else(|| nothing("CreatePolicy"))?;
                attach(arn).await.map_err(failed("AttachUserPolicy")).map(drop)
            }
            Err(error) => Err(failed("AttachUserPolicy")(error)),
        }
    }

    async fn add_key(&self, user: &UserName) -> Result<NewKey, Trouble> {
        let call = self.iam.create_access_key().user_name(user.as_str());
        let answer = call.send().await.map_err(failed("CreateAccessKey"))?;
        let made = answer.access_key.ok_or_else(|| nothing("CreateAccessKey"))?;
        let created = made.create_date.ok_or_else(|| nothing("CreateAccessKey"))?;
        let created = chrono::DateTime::from_timestamp(created.secs(), created.subsec_nanos());
        Ok(NewKey {
            credentials: Credentials {
                key: KeyId::parse(made.access_key_id).map_err(failed("the key's id"))?,
                secret: SecretKey::new(made.secret_access_key),
            },
            created: created.ok_or_else(|| nothing("CreateAccessKey"))?,
        })
    }

    async fn set_key_status(
        &self,
        user: &UserName,
        key: &KeyId,
        status: KeyStatus,
    ) -> Result<(), Trouble> {
        let status = match status {
            KeyStatus::Active => StatusType::Active,
            KeyStatus::Inactive => StatusType::Inactive,
            KeyStatus::Other(other) => StatusType::from(other.as_str()),
        };
        let call = self
            .iam
            .update_access_key()
            .user_name(user.as_str())
            .access_key_id(key.as_str())
            .status(status);
        call.send().await.map_err(failed("UpdateAccessKey")).map(drop)
    }

    async fn delete_key(&self, user: &UserName, key: &KeyId) -> Result<(), Trouble> {
        let call =
            self.iam.delete_access_key().user_name(user.as_str()).access_key_id(key.as_str());
        call.send().await.map_err(failed("DeleteAccessKey")).map(drop)
    }

    async fn use_key(&self, credentials: &Credentials) -> Result<(), Trouble> {
        let config = account::config(&self.url, sdk_credentials(credentials)).await;
        let sts = aws_sdk_sts::Client::new(&config);
        sts.get_caller_identity().send().await.map_err(failed("GetCallerIdentity"))?;
        #[cfg(feature = "emulator")]
        if let Some(own) = &self.own {
            own.advance(own.world().rules.use_lag);
        }
        for _ in 0..LOOKS {
            if self.last_use_is_on_record(&credentials.key).await? {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(Trouble::NotSupported("the use of a key is never recorded".into()))
    }

    async fn settle(&self) -> Result<(), Trouble> {
        #[cfg(feature = "emulator")]
        if let Some(own) = &self.own {
            own.advance(own.world().rules.settling());
        }
        // The other emulators show every change immediately.
        Ok(())
    }

    async fn create_empty_secret(&self, secret: &SecretName) -> Result<(), Trouble> {
        self.secrets
            .create_secret()
            .name(secret.as_str())
            .send()
            .await
            .map_err(failed("CreateSecret"))
            .map(drop)
    }

    async fn create_secret(
        &self,
        secret: &SecretName,
        version: &VersionId,
        text: &str,
    ) -> Result<(), Trouble> {
        let call = self.secrets.create_secret().name(secret.as_str()).secret_string(text);
        call.client_request_token(version.as_str())
            .send()
            .await
            .map_err(failed("CreateSecret"))
            .map(drop)
    }

    async fn delete_secret(&self, secret: &SecretName) -> Result<(), Trouble> {
        self.secrets
            .delete_secret()
            .secret_id(secret.as_str())
            .send()
            .await
            .map_err(failed("DeleteSecret"))
            .map(drop)
    }

    async fn text_of(&self, secret: &SecretName, version: &VersionId) -> Result<String, Trouble> {
        let call =
            self.secrets.get_secret_value().secret_id(secret.as_str()).version_id(version.as_str());
        let answer = call.send().await.map_err(failed("GetSecretValue"))?;
        answer.secret_string.ok_or_else(|| nothing("GetSecretValue"))
    }
}

fn sdk_credentials(credentials: &Credentials) -> aws_credential_types::Credentials {
    aws_credential_types::Credentials::new(
        credentials.key.as_str(),
        credentials.secret.expose(),
        None,
        None,
        "test",
    )
}

fn failed<E: Error>(what: &str) -> impl FnOnce(E) -> Trouble {
    move |error| Trouble::Failed(format!("{what}: {}", DisplayErrorContext(error)))
}

fn nothing(call: &str) -> Trouble {
    Trouble::Failed(format!("the answer to {call} lacks what was asked for"))
}
