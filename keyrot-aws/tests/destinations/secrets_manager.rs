//! Secrets of Secrets Manager in another region, tested with keyrot's emulator.

use super::rules::{credentials, delivery, keeps_the_rules, silent};
use super::settings;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Credentials as SdkCredentials, Region};
use keyrot_aws::emulator::{CallAt, Emulator, EmulatorOptions, Fault, WorldTime};
use keyrot_aws::notify::FromEnvironment;
use keyrot_aws::{Aws, AwsSettings, CallerCredentials, Endpoints};
use keyrot_core::memory::World;
use keyrot_core::model::{Found, Holds, Owner};
use keyrot_core::ports::Destination;
use keyrot_core::{Effect, ErrorKind};
use std::sync::Arc;

const PLACE: &str = "/copies/ci";
const REGION: &str = "eu-west-1";

struct There {
    emulator: Emulator,
    to: Arc<dyn Destination>,
    /// Another client that writes there.
    other: aws_sdk_secretsmanager::Client,
}

async fn there() -> There {
    let world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
    let options = EmulatorOptions { time: WorldTime::Still, ..EmulatorOptions::default() };
    let emulator = Emulator::start(world, options).unwrap();
    let administrator = emulator.admin_credentials().clone();
    let caller = CallerCredentials::new(administrator.key.as_str(), administrator.secret.clone());
    let connection = AwsSettings::default()
        .with_region("us-east-1")
        .with_endpoints(Endpoints::all_at(emulator.url()))
        .with_credentials(caller);
    let text = format!(
        "[[destination]]\nname = 'x'\nkind = 'secrets_manager'\nusers = ['ci']\nto = '{PLACE}'\nregion = '{REGION}'\n"
    );
    let aws = Aws::connect(&connection).await.unwrap();
    let all = aws.destinations(&settings(&text), FromEnvironment::Refused).unwrap();
    let config = aws_sdk_secretsmanager::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(emulator.url())
        .credentials_provider(SdkCredentials::new(
            administrator.key.as_str(),
            administrator.secret.expose(),
            None,
            None,
            "test",
        ));
    let other = aws_sdk_secretsmanager::Client::from_conf(config.build());
    There { to: all.into_values().next().unwrap(), emulator, other }
}

impl There {
    /// Writes a current version as something other than keyrot.
    async fn foreign(&self, text: &str) {
        self.other.put_secret_value().secret_id(PLACE).secret_string(text).send().await.unwrap();
    }

    async fn current(&self) -> (String, String) {
        let answer = self.other.get_secret_value().secret_id(PLACE).send().await.unwrap();
        (answer.version_id.unwrap(), answer.secret_string.unwrap())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_follows_the_rules() {
    let there = there().await;
    keeps_the_rules(&*there.to, PLACE, || {
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(there.foreign("theirs"));
        });
    })
    .await;
}

#[tokio::test]
async fn a_delivery_copies_the_homes_version_to_the_other_region() {
    let there = there().await;
    let first = delivery(1, None);
    let found = there.to.deliver(PLACE, &first).await.unwrap();
    assert_eq!(found.mark().unwrap().as_str(), first.version.as_str());
    let (version, text) = there.current().await;
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(version, first.version.as_str());
    assert_eq!(value["SecretAccessKey"], credentials(1).secret.expose());
    let stats = there.emulator.stats();
    assert!(stats.of("CreateSecret") != Default::default());

    // The label moves only from the version that was read.
    let second = delivery(2, found.mark());
    let gate = CallAt::first("UpdateSecretVersionStage");
    there.emulator.inject(gate, Fault::LostRequest);
    there.to.deliver(PLACE, &second).await.unwrap();
    assert_eq!(there.current().await.0, second.version.as_str());
}

#[tokio::test]
async fn after_a_lost_answer_the_next_delivery_completes_it() {
    let there = there().await;
    let first = there.to.deliver(PLACE, &delivery(1, None)).await.unwrap();
    for action in ["PutSecretValue", "UpdateSecretVersionStage"] {
        there.emulator.inject(CallAt::every(action), Fault::LostReply);
        let seen = there.to.inspect(PLACE).await.unwrap();
        let n = if action == "PutSecretValue" { 2 } else { 3 };
        let error = there.to.deliver(PLACE, &delivery(n, seen.mark())).await.unwrap_err();
        assert_eq!(
            (error.kind, error.effect),
            (ErrorKind::Unavailable, Effect::Unknown),
            "{error}"
        );
        silent(&error);
        there.emulator.heal();
        let seen = there.to.inspect(PLACE).await.unwrap();
        assert_eq!(seen.mark() == first.mark(), action == "PutSecretValue");
        let found = there.to.deliver(PLACE, &delivery(n, seen.mark())).await.unwrap();
        assert_eq!(found.mark().unwrap().as_str(), delivery(n, None).version.as_str());
    }
}

#[tokio::test]
async fn homes_deleted_secrets_and_other_values_are_refused() {
    let there = there().await;
    let first = there.to.deliver(PLACE, &delivery(1, None)).await.unwrap();
    // Another value already has the version's id.
    there
        .other
        .put_secret_value()
        .secret_id(PLACE)
        .secret_string("theirs")
        .client_request_token(delivery(2, None).version.as_str())
        .version_stages("AWSPENDING")
        .send()
        .await
        .unwrap();
    let error = there.to.deliver(PLACE, &delivery(2, first.mark())).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Conflict, Effect::None), "{error}");
    silent(&error);

    let tag = |key: &str, value: &str| {
        aws_sdk_secretsmanager::types::Tag::builder().key(key).value(value).build()
    };
    let tags = there.other.tag_resource().secret_id(PLACE).tags(tag(Owner::TAG, "AIDAX 1 x"));
    tags.send().await.unwrap();
    let error = there.to.deliver(PLACE, &delivery(3, first.mark())).await.unwrap_err();
    assert!(silent(&error).contains("is a user's home secret"), "{error}");
    assert_eq!(there.current().await.0, delivery(1, None).version.as_str());

    there.other.delete_secret().secret_id(PLACE).send().await.unwrap();
    let error = there.to.deliver(PLACE, &delivery(3, first.mark())).await.unwrap_err();
    assert_eq!(error.effect, Effect::None, "{error}");
    silent(&error);
}

#[tokio::test]
async fn a_foreign_value_is_reported_as_other() {
    let there = there().await;
    there.to.deliver(PLACE, &delivery(1, None)).await.unwrap();
    there.foreign("theirs").await;
    let found = there.to.inspect(PLACE).await.unwrap();
    assert!(matches!(found, Found::Copy { holds: Holds::Other, .. }), "{found:?}");
}
