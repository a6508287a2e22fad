//! Secrets of Secrets Manager in another region, tested with keyrot's emulator.

use super::rules::{credentials, delivery, keeps_the_rules, silent};
use super::{settings, with_smtp};
use aws_sdk_secretsmanager::config::{BehaviorVersion, Credentials as SdkCredentials, Region};
use keyrot_aws::emulator::{CallAt, Emulator, EmulatorOptions, Fault, WorldTime};
use keyrot_aws::notify::FromEnvironment;
use keyrot_aws::{Aws, AwsSettings, CallerCredentials, Endpoints};
use keyrot_core::memory::World;
use keyrot_core::model::{Content, Delivery, Found, Holds, Owner, VersionId};
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
    connection: AwsSettings,
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
    let to = copies(&connection).await;
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
    There { to, emulator, other, connection }
}

async fn copies(connection: &AwsSettings) -> Arc<dyn Destination> {
    let text = format!(
        "[[destination]]\nname = 'x'\nkind = 'secrets_manager'\nusers = ['ci']\nto = '{PLACE}'\nregion = '{REGION}'\n"
    );
    let aws = Aws::connect(connection).await.unwrap();
    let all = aws.destinations(&settings(&text), FromEnvironment::Refused).unwrap();
    all.into_values().next().unwrap()
}

impl There {
    /// Returns the destination by settings that add an SMTP password.
    async fn with_smtp(&self) -> Arc<dyn Destination> {
        copies(&with_smtp(self.connection.clone())).await
    }

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

/// A version's value never changes, so a value that changed needs another version.
#[tokio::test]
async fn the_same_key_with_another_value_gets_another_version() {
    let there = there().await;
    let first = there.to.deliver(PLACE, &delivery(1, None)).await.unwrap();
    let smtp = |text: &str| {
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        value["SmtpPassword_eu-west-1"].as_str().map(str::to_owned)
    };
    // `smtp_regions` was added to the settings, and the key is delivered again.
    let to = there.with_smtp().await;
    let second = to.deliver(PLACE, &delivery(1, first.mark())).await.unwrap();
    let (version, text) = there.current().await;
    assert!(smtp(&text).is_some() && version != first.mark().unwrap().as_str());
    assert_eq!(second.mark().unwrap().as_str(), version);
    // It is still keyrot's own version of that key.
    let content = |version: &str| Content::of(&VersionId::parse(version).unwrap());
    let plain = delivery(1, None).version;
    assert_eq!(content(&version), content(plain.as_str()));
    assert!(
        version.starts_with(plain.as_str()) && matches!(content(&version), Content::Key { .. })
    );
    assert!(!version.contains(&credentials(1).secret.expose()[..6]));
    // A read shows it, and the same value again changes nothing.
    assert_eq!(to.inspect(PLACE).await.unwrap().mark(), second.mark());
    let writes = there.emulator.stats().of("PutSecretValue");
    let again = to.deliver(PLACE, &delivery(1, second.mark())).await.unwrap();
    assert_eq!(again.mark(), second.mark());
    assert_eq!(there.emulator.stats().of("PutSecretValue"), writes);
    // It was removed from the settings again: the first version has that value.
    let third = there.to.deliver(PLACE, &delivery(1, second.mark())).await.unwrap();
    assert_eq!(third.mark(), first.mark());
    assert_eq!(smtp(&there.current().await.1), None);
}

#[tokio::test]
async fn a_rollback_to_a_version_from_before_a_change_of_the_settings() {
    let there = there().await;
    let first = there.to.deliver(PLACE, &delivery(1, None)).await.unwrap();
    let second = there.to.deliver(PLACE, &delivery(2, first.mark())).await.unwrap();
    let to = there.with_smtp().await;
    // The answer to the move of the label is lost.
    there.emulator.inject(CallAt::every("UpdateSecretVersionStage"), Fault::LostReply);
    let back = delivery(1, second.mark());
    let error = to.deliver(PLACE, &back).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Unavailable, Effect::Unknown), "{error}");
    there.emulator.heal();
    let seen = to.inspect(PLACE).await.unwrap();
    let found = to.deliver(PLACE, &delivery(1, seen.mark())).await.unwrap();
    assert!(
        matches!(&found, Found::Copy { holds: Holds::Key(key), .. } if *key == credentials(1).key)
    );
    let (version, text) = there.current().await;
    assert_eq!(found.mark().unwrap().as_str(), version);
    assert!(text.contains("SmtpPassword_eu-west-1") && text.contains(credentials(1).key.as_str()));
    // With a version whose id something else chose, in full length.
    let foreign = Delivery {
        version: VersionId::parse("f".repeat(64)).unwrap(),
        ..delivery(3, found.mark())
    };
    let third = there.to.deliver(PLACE, &foreign).await.unwrap();
    let foreign = Delivery { replaces: third.mark().cloned(), ..foreign };
    let fourth = to.deliver(PLACE, &foreign).await.unwrap();
    assert_ne!(fourth.mark(), third.mark());
    assert!(there.current().await.1.contains("SmtpPassword_eu-west-1"));
}

/// Writes another value under the id of a version.
async fn take(there: &There, version: &str) {
    let put = there.other.put_secret_value().secret_id(PLACE).secret_string("theirs");
    put.client_request_token(version).version_stages("AWSPENDING").send().await.unwrap();
}

#[tokio::test]
async fn another_value_under_the_versions_id_stays() {
    let mut ids: Vec<String> = Vec::new();
    for _ in 0..2 {
        let there = there().await;
        let first = there.to.deliver(PLACE, &delivery(1, None)).await.unwrap();
        let second = delivery(2, first.mark());
        take(&there, second.version.as_str()).await;
        for id in &ids {
            take(&there, id).await;
        }
        let delivered = there.to.deliver(PLACE, &second).await;
        let theirs =
            there.other.get_secret_value().secret_id(PLACE).version_id(second.version.as_str());
        assert_eq!(theirs.send().await.unwrap().secret_string.unwrap(), "theirs");
        if ids.is_empty() {
            ids.push(delivered.unwrap().mark().unwrap().to_string());
            assert_eq!(there.current().await.0, ids[0]);
        } else {
            // The id for this value is taken, too.
            let error = delivered.unwrap_err();
            assert_eq!((error.kind, error.effect), (ErrorKind::Conflict, Effect::None), "{error}");
            silent(&error);
            assert_eq!(there.current().await.0, first.mark().unwrap().as_str());
        }
    }
}

#[tokio::test]
async fn homes_and_deleted_secrets_are_refused() {
    let there = there().await;
    let first = there.to.deliver(PLACE, &delivery(1, None)).await.unwrap();
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
