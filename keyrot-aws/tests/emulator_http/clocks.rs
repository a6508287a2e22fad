//! A clock that is not the account's.

use super::*;
use keyrot_aws::{Aws, AwsSettings, Endpoints};
use keyrot_core::settings::{Settings, Sources};
use keyrot_core::{
    Cancel, Clock, IamPort, KeyStatus, Limits, Mode, Outcome, SecretName, SecretStorePort,
};
use std::sync::Arc;

const DAY: Duration = Duration::from_secs(86_400);

/// An account whose running clock differs this much from the machine's. If it is `strict`, it
/// refuses signatures whose time is too far off.
fn elsewhen(ahead: Duration, strict_time: bool) -> Emulator {
    let mut world = World::new(SystemTime::now().into());
    let user = world.add_user("ci", &[("RotateKey", "True")]).unwrap();
    world.add_key(&user).unwrap();
    let emulator =
        Emulator::start(world, EmulatorOptions { strict_time, ..EmulatorOptions::default() })
            .unwrap();
    emulator.advance(ahead);
    emulator
}

async fn connect(emulator: &Emulator) -> Arc<Aws> {
    let settings = AwsSettings::default()
        .with_region("us-east-1")
        .with_credentials(emulator.admin_credentials().into())
        .with_endpoints(Endpoints::all_at(emulator.url()));
    Arc::new(Aws::connect(&settings).await.unwrap())
}

async fn run(aws: &Arc<Aws>) -> (Outcome, usize) {
    let settings = Settings::load(&Sources::default()).unwrap();
    let users = aws.users("/").await;
    let users = match users {
        Ok(users) => users,
        Err(error) => {
            assert!(error.to_string().contains("This machine's clock is 8d"), "{error}");
            return (Outcome::Done, 0);
        }
    };
    let homes = settings.homes(aws.region(), true);
    let selected = keyrot_core::select(&users, settings.selection(), &homes, settings.policy());
    let rotator = keyrot_core::Rotator::new(aws.ports());
    let report = rotator
        .run(selected.chosen, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {})
        .await;
    (report.users[0].outcome.clone(), report.users[0].events.len())
}

#[tokio::test]
async fn a_long_lived_client_does_not_learn_to_sign_by_another_clock() {
    let emulator = elsewhen(DAY * 8, true);
    let aws = connect(&emulator).await;
    let (user, secret) = (named("ci"), SecretName::parse("/iam/ci/access_key").unwrap());
    // With what the SDK learns from the first answer, the second call would succeed.
    for _ in 0..3 {
        for error in [
            aws.list_keys(&user).await.unwrap_err(),
            aws.describe(&secret).await.unwrap_err(),
            aws.caller_identity().await.unwrap_err(),
        ] {
            let text = error.to_string();
            assert!(text.contains("was refused") && text.contains("Signature expired"), "{text}");
            assert!(
                text.contains("This machine's clock is 8d behind AWS's: set it, then run again"),
                "{text}"
            );
            assert_eq!(text.matches("clock").count(), 1, "{text}");
        }
    }
    assert_eq!(emulator.stats().calls(), 9, "no call is repeated");
    for _ in 0..3 {
        assert_eq!(run(&aws).await, (Outcome::Done, 0), "no sweep goes through");
    }
}

#[tokio::test]
async fn with_a_wrong_clock_the_probe_says_nothing_about_credentials() {
    let emulator = elsewhen(DAY * 8, true);
    let aws = connect(&emulator).await;
    let key = emulator.world().user(&named("ci")).unwrap().keys()[0].listed.id.clone();
    for _ in 0..2 {
        let error = keyrot_core::CredentialProbe::probe(&*aws, &World::credentials_of(&key))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("clock is 8d behind"), "{error}");
    }
}

#[tokio::test]
async fn without_signature_checks_the_answers_date_stops_the_run() {
    let emulator = elsewhen(DAY * 8, false);
    let aws = connect(&emulator).await;
    assert_eq!(aws.clock().aws_now(), None, "no answer came yet");
    let (outcome, events) = run(&aws).await;
    let Outcome::Failed(failure) = outcome else { panic!("{outcome:?}") };
    assert!(failure.to_string().contains("this machine's clock is 8d behind AWS's"), "{failure}");
    assert_eq!(events, 1, "it is reported, and nothing else happened");
    let world = emulator.world();
    assert_eq!(world.secrets().count(), 0);
    assert!(
        world
            .user(&named("ci"))
            .unwrap()
            .keys()
            .iter()
            .all(|k| k.listed.status == KeyStatus::Active)
    );
    let off = aws.clock().aws_now().unwrap() - aws.clock().now();
    assert!((off - chrono::TimeDelta::days(8)).abs() < chrono::TimeDelta::seconds(5), "{off}");
}

#[tokio::test]
async fn a_clock_that_is_right_rotates() {
    let emulator = elsewhen(Duration::ZERO, true);
    let aws = connect(&emulator).await;
    assert!(matches!(run(&aws).await.0, Outcome::Waiting(_)));
}

#[tokio::test]
async fn a_clock_that_jumps_in_a_process_is_detected_with_the_next_answer() {
    let emulator = elsewhen(Duration::ZERO, false);
    let aws = connect(&emulator).await;
    assert!(matches!(run(&aws).await.0, Outcome::Waiting(_)));
    // The account's clock acts as AWS's: compared with it, this machine's clock is now 26 hours
    // behind.
    emulator.advance(Duration::from_secs(26 * 3_600));
    let (outcome, _) = run(&aws).await;
    assert!(
        matches!(&outcome, Outcome::Failed(f) if f.to_string().contains("1d 2h behind")),
        "{outcome:?}"
    );
}
