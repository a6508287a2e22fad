//! Replicas of the users' homes in another region.

use super::replica_server::{HOME, Replicated};
use super::rules::{SESAME, credentials, delivery, silent};
use super::server::{Fault, Server};
use super::{aws, settings};
use keyrot_aws::notify::FromEnvironment;
use keyrot_core::model::{Delivery, Found, Holds, VersionId};
use keyrot_core::ports::Destination;
use keyrot_core::{Effect, ErrorKind};
use std::sync::Arc;

async fn there(service: Replicated) -> (Server<Replicated>, Arc<dyn Destination>) {
    let server = Server::start(service).await;
    let text = "[[destination]]\nname = 'x'\nkind = 'replica'\nusers = ['*']\nregion = 'eu-west-1'\nkms_key = 'alias/there'\n";
    let aws = aws(&server.url).await;
    let all = aws.destinations(&settings(text), FromEnvironment::Refused).unwrap();
    (server, all.into_values().next().unwrap())
}

fn created(server: &Server<Replicated>) -> usize {
    server.count("ReplicateSecretToRegions")
}

fn is(found: &Found, n: usize) -> bool {
    let version = delivery(n, None).version;
    found.mark().is_some_and(|mark| mark.as_str() == version.as_str())
        && matches!(found, Found::Copy { holds: Holds::Key(key), .. } if *key == credentials(n).key)
}

#[tokio::test]
async fn the_first_delivery_creates_the_replica_and_later_ones_wait_for_it() {
    let (server, to) = there(Replicated::taking(2)).await;
    assert_eq!(to.inspect(HOME).await.unwrap(), Found::Nothing);
    assert_eq!(created(&server), 0, "a read changes nothing");

    let first = to.deliver(HOME, &delivery(1, None)).await.unwrap();
    assert!(is(&first, 1) && is(&to.inspect(HOME).await.unwrap(), 1), "{first:?}");
    assert_eq!(created(&server), 1);
    assert_eq!(server.lock().service.kms_key.as_deref(), Some("alias/there"));

    // Secrets Manager replicates the next version by itself.
    server.lock().service.publish(2);
    let before = to.inspect(HOME).await.unwrap();
    assert!(is(&before, 1), "the replica is behind: {before:?}");
    let second = to.deliver(HOME, &delivery(2, first.mark())).await.unwrap();
    assert!(is(&second, 2), "{second:?}");
    // It needs no permission to create replicas for that, and none after a rollback.
    server.lock().service.publish(1);
    assert!(is(&to.deliver(HOME, &delivery(1, second.mark())).await.unwrap(), 1));
    assert_eq!(created(&server), 1);
    assert!(server.lock().requests.iter().all(|request| !request.body.contains(SESAME)));
}

#[tokio::test]
async fn another_secret_of_the_same_name_stays() {
    let (server, to) = there(Replicated::default()).await;
    server.lock().service.occupy();
    assert_eq!(to.inspect(HOME).await.unwrap(), Found::Nothing);
    let error = to.deliver(HOME, &delivery(1, None)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Other, "{error}");
    let said = silent(&error);
    assert!(said.contains("eu-west-1 has another secret of this name"), "{said}");
    assert!(said.contains(HOME) && said.contains("destination x"), "{said}");
    assert_eq!(created(&server), 1);
    // The replication is in the home's list, and has failed.
    let error = to.inspect(HOME).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Other, Effect::None), "{error}");
    assert!(silent(&error).contains("has another secret of this name"), "{error}");
    let theirs = server.lock().service.there.clone().unwrap();
    assert_eq!(theirs.1.1, "theirs");
}

#[tokio::test]
async fn a_replica_that_was_promoted_or_removed_is_nothing() {
    let (server, to) = there(Replicated::default()).await;
    let first = to.deliver(HOME, &delivery(1, None)).await.unwrap();
    server.lock().service.status = None;
    assert_eq!(to.inspect(HOME).await.unwrap(), Found::Nothing);
    // With a delivery, the replica is created again.
    server.lock().service.there = None;
    assert!(is(&to.deliver(HOME, &delivery(1, None)).await.unwrap(), 1));
    assert!(first.mark().is_some() && created(&server) == 2);
}

#[tokio::test]
async fn without_a_home_there_is_nothing() {
    let (server, to) = there(Replicated::default()).await;
    let missing = r#"{"__type":"ResourceNotFoundException","message":"not there"}"#;
    server.fail("DescribeSecret", Fault::Instead(400, "", missing));
    assert_eq!(to.inspect(HOME).await.unwrap(), Found::Nothing);
}

#[tokio::test]
async fn a_failed_replication_is_started_again_and_then_a_failure() {
    let (server, to) = there(Replicated::default()).await;
    let first = to.deliver(HOME, &delivery(1, None)).await.unwrap();
    let why = "The KMS key arn:aws:kms:eu-west-1:123456789012:key/1234abcd is disabled.";
    server.lock().service.fails = Some(why);
    server.lock().service.publish(2);
    let error = to.deliver(HOME, &delivery(2, first.mark())).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Other, Effect::Unknown), "{error}");
    assert!(silent(&error).contains("did not replicate") && silent(&error).contains("is disabled"));
    assert_eq!(created(&server), 2);
    assert!(is(&to.inspect(HOME).await.unwrap(), 1), "consumers there have the earlier key");

    server.lock().service.fails = None;
    assert!(is(&to.deliver(HOME, &delivery(2, first.mark())).await.unwrap(), 2));
    assert_eq!(created(&server), 3);
}

#[tokio::test]
async fn a_replica_that_takes_long_is_checked_again_by_the_next_run() {
    let (server, to) = there(Replicated::taking(1_000)).await;
    // The version's id says when its key was created.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let version = format!("keyrot-key-{}-{}", credentials(1).key, now.as_secs());
    let young = Delivery { version: VersionId::parse(version).unwrap(), ..delivery(1, None) };
    let old = delivery(1, None);
    let (young, old) = tokio::join!(to.deliver(HOME, &young), to.deliver(HOME, &old));
    for (error, kind) in [(young, ErrorKind::InProgress), (old, ErrorKind::Unavailable)] {
        let error = error.unwrap_err();
        assert_eq!((error.kind, error.effect), (kind, Effect::Unknown), "{error}");
        assert!(silent(&error).contains("its current version is none (replication: InProgress)"));
    }
    assert!(created(&server) <= 2);
}

#[tokio::test]
async fn a_lost_answer_is_safe() {
    let (server, to) = there(Replicated::default()).await;
    server.fail("ReplicateSecretToRegions", Fault::LostReply);
    let first = to.deliver(HOME, &delivery(1, None)).await;
    let first = match first {
        Ok(first) => first,
        Err(error) => {
            assert_eq!(error.effect, Effect::Unknown, "{error}");
            to.deliver(HOME, &delivery(1, None)).await.unwrap()
        }
    };
    assert!(is(&first, 1));
    // Reads that fail are errors, and not an empty place.
    for action in ["DescribeSecret", "GetSecretValue"] {
        let denied = r#"{"__type":"AccessDeniedException","message":"not authorized"}"#;
        server.fail(action, Fault::Instead(400, "", denied));
        let error = to.inspect(HOME).await.unwrap_err();
        assert!(silent(&error).contains(action), "{error}");
    }
}
