//! A separate account on an emulator, with an administrator that creates what the tests need.

use crate::gaps::Gap;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials as SdkCredentials;
use keyrot_aws::{Aws, AwsSettings, CallerCredentials, Endpoints};
use keyrot_core::{Credentials, SecretKey, SecretName, UserName};
use std::hash::{BuildHasher, RandomState};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Emulator {
    Moto,
    Ministack,
}

pub(crate) struct Account {
    pub(crate) emulator: Emulator,
    pub(crate) aws: Aws,
    pub(crate) iam: aws_sdk_iam::Client,
    pub(crate) secrets: aws_sdk_secretsmanager::Client,
    pub(crate) id: String,
    pub(crate) url: String,
    caller: CallerCredentials,
}

impl Emulator {
    fn variable(self) -> &'static str {
        match self {
            Self::Moto => "KEYROT_TEST_MOTO",
            Self::Ministack => "KEYROT_TEST_MINISTACK",
        }
    }

    /// Returns an account that no other test uses. `None` only if the tests run without emulators
    /// on purpose.
    pub(crate) async fn account(self) -> Option<Account> {
        let variable = self.variable();
        let Ok(url) = std::env::var(variable) else {
            let skip = std::env::var("KEYROT_SKIP_EMULATORS").is_ok_and(|v| v == "1");
            assert!(
                skip,
                "{variable} is not set. Run `scripts/emulators run -- cargo nextest run`, or set KEYROT_SKIP_EMULATORS=1 to do without"
            );
            eprintln!("skipped, because KEYROT_SKIP_EMULATORS=1");
            return None;
        };
        let id = format!("{:012}", RandomState::new().hash_one(0_u8) % 1_000_000_000_000);
        let caller = match self {
            // It distinguishes accounts by the key id: twelve digits are the root user of that
            // account.
            Self::Ministack => SdkCredentials::new(id.clone(), "any", None, None, "test"),
            Self::Moto => assumed(&url, &id).await,
        };
        let config = config(&url, caller.clone()).await;
        let mut credentials = CallerCredentials::new(
            caller.access_key_id(),
            SecretKey::new(caller.secret_access_key().into()),
        );
        credentials.session_token = caller.session_token().map(|t| SecretKey::new(t.into()));
        Some(Account {
            emulator: self,
            aws: connect(&url, "us-east-1", credentials.clone()).await,
            caller: credentials,
            iam: aws_sdk_iam::Client::new(&config),
            secrets: aws_sdk_secretsmanager::Client::new(&config),
            id,
            url,
        })
    }
}

/// moto moves a caller that assumes a role into that role's account, whether or not the role
/// exists.
async fn assumed(url: &str, account: &str) -> SdkCredentials {
    let anybody = SdkCredentials::new("testing", "testing", None, None, "test");
    let sts = aws_sdk_sts::Client::new(&config(url, anybody).await);
    let role = format!("arn:aws:iam::{account}:role/test");
    let answer = sts.assume_role().role_arn(role).role_session_name("test").send().await.unwrap();
    let given = answer.credentials.unwrap();
    SdkCredentials::new(
        given.access_key_id,
        given.secret_access_key,
        Some(given.session_token),
        None,
        "test",
    )
}

pub(crate) async fn config(url: &str, credentials: SdkCredentials) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(url)
        .credentials_provider(credentials)
        .load()
        .await
}

async fn connect(url: &str, region: &str, credentials: CallerCredentials) -> Aws {
    let settings = AwsSettings::default()
        .with_region(region)
        .with_credentials(credentials)
        .with_endpoints(Endpoints::all_at(url));
    Aws::connect(&settings).await.unwrap()
}

impl Account {
    pub(crate) fn has(&self, gap: Gap) -> bool {
        gap.emulators().contains(&self.emulator)
    }

    /// Creates a user with these tags.
    pub(crate) async fn user(&self, path: &str, name: &str, tags: &[(&str, &str)]) -> UserName {
        let mut call = self.iam.create_user().path(path).user_name(name);
        for (key, value) in tags {
            call = call
                .tags(aws_sdk_iam::types::Tag::builder().key(*key).value(*value).build().unwrap());
        }
        call.send().await.unwrap();
        UserName::parse(name).unwrap()
    }

    /// Returns the ports for this key of a user.
    pub(crate) async fn acting_as(&self, key: &Credentials) -> Aws {
        let caller = CallerCredentials::new(key.key.to_string(), key.secret.clone());
        connect(&self.url, "us-east-1", caller).await
    }

    /// Returns the ports in another region.
    pub(crate) async fn in_region(&self, region: &str) -> Aws {
        connect(&self.url, region, self.caller.clone()).await
    }

    /// Allows the user these actions, on everything.
    pub(crate) async fn allow(&self, user: &UserName, actions: &[&str]) {
        let statement =
            serde_json::json!([{ "Effect": "Allow", "Action": actions, "Resource": "*" }]);
        let policy =
            serde_json::json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
        self.iam
            .put_user_policy()
            .user_name(user.as_str())
            .policy_name("p")
            .policy_document(policy)
            .send()
            .await
            .unwrap();
    }
}

pub(crate) fn secret(name: &str) -> SecretName {
    SecretName::parse(format!("/iam/{name}/access_key")).unwrap()
}
