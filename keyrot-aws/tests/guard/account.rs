//! An account with a rotated user, keyrot, and an administrator who is not exempt.

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials as SdkCredentials;
use aws_sdk_iam::types::Tag as UserTag;
use aws_sdk_secretsmanager::types::Tag as SecretTag;
use keyrot_aws::emulator::{ADMINISTRATOR, Emulator, EmulatorOptions, WorldTime};
use keyrot_aws::{Aws, AwsSettings, CallerCredentials, Endpoints, TokioClock};
use keyrot_core::memory::World;
use keyrot_core::{
    Cancel, Credentials, Homes, IamPort, Limits, Mode, Outcome, Ports, Rotator, Selection, select,
};
use std::sync::Arc;
use std::time::Duration;

pub(crate) const REGION: &str = "us-east-1";

pub(crate) const SECRET: &str = "/iam/ci/access_key";

pub(crate) struct Account {
    pub(crate) emulator: Arc<Emulator>,
    pub(crate) iam: aws_sdk_iam::Client,
    pub(crate) secrets: aws_sdk_secretsmanager::Client,
}

impl Account {
    /// Creates the account, with a user whose key was rotated once, and an administrator who is not
    /// exempt.
    pub(crate) async fn new() -> Self {
        let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
        let user = world.add_user("ci", &[("RotateKey", "True")]).unwrap();
        world.add_key(&user).unwrap();
        let mallory = world.add_user("mallory", &[]).unwrap();
        world.attach_user_policy(&mallory, ADMINISTRATOR).unwrap();
        let key = world.add_key(&mallory).unwrap().credentials;
        world.add_user("jane", &[]).unwrap();
        world.advance(Duration::from_secs(3600));
        let options = EmulatorOptions { time: WorldTime::Still, ..EmulatorOptions::default() };
        let emulator = Arc::new(Emulator::start(world, options).unwrap());
        let (iam, secrets) = clients(&emulator, &key).await;
        let account = Self { emulator, iam, secrets };
        account.run().await;
        account
    }

    pub(crate) async fn keyrot(&self) -> Arc<Aws> {
        let admin = self.emulator.admin_credentials();
        let caller = CallerCredentials::new(admin.key.to_string(), admin.secret.clone());
        let settings = AwsSettings::default()
            .with_region(REGION)
            .with_credentials(caller)
            .with_endpoints(Endpoints::all_at(self.emulator.url()));
        Arc::new(Aws::connect(&settings).await.unwrap())
    }

    /// Runs keyrot once, as a principal that is exempt.
    pub(crate) async fn run(&self) -> Vec<Outcome> {
        let aws = self.keyrot().await;
        let iam: Arc<dyn IamPort> = aws.clone();
        let ports = Ports {
            iam,
            store: aws.clone(),
            probe: aws.clone(),
            clock: Arc::new(Clock(self.emulator.clone())),
            destinations: Arc::default(),
        };
        let users = ports.iam.users("/").await.unwrap();
        let homes = Homes::in_region(REGION);
        let chosen =
            select(&users, &Selection::default(), &homes, &keyrot_core::WaitPolicy::default())
                .chosen;
        let report = Rotator::new(ports)
            .run(chosen, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {})
            .await;
        report.users.into_iter().map(|user| user.outcome).collect()
    }
}

/// The account's time, with the machine's clock for pauses.
struct Clock(Arc<Emulator>);

#[async_trait::async_trait]
impl keyrot_core::Clock for Clock {
    fn now(&self) -> keyrot_core::Timestamp {
        self.0.now()
    }

    fn aws_now(&self) -> Option<keyrot_core::Timestamp> {
        Some(self.0.now())
    }

    async fn sleep(&self, time: Duration) {
        self.0.advance(time);
        TokioClock.sleep(Duration::from_millis(1)).await;
    }

    async fn time_limit(&self, time: Duration) {
        TokioClock.time_limit(time).await;
    }
}

async fn clients(
    emulator: &Emulator,
    key: &Credentials,
) -> (aws_sdk_iam::Client, aws_sdk_secretsmanager::Client) {
    let credentials =
        SdkCredentials::new(key.key.as_str(), key.secret.expose(), None, None, "test");
    let loader = aws_config::defaults(BehaviorVersion::latest()).region(Region::new(REGION));
    // If the account's clock stands still, a denial looks like a wrong clock, and is retried.
    let loader = loader.retry_config(RetryConfig::disabled());
    let config = loader.endpoint_url(emulator.url()).credentials_provider(credentials).load().await;
    (aws_sdk_iam::Client::new(&config), aws_sdk_secretsmanager::Client::new(&config))
}

pub(crate) fn user_tag(key: &str) -> UserTag {
    UserTag::builder().key(key).value("True").build().unwrap()
}

pub(crate) fn secret_tag(key: &str) -> SecretTag {
    SecretTag::builder().key(key).value("forged").build()
}
