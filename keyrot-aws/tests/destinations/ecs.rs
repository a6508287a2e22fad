//! Services of Amazon ECS, which are restarted.

use super::destination;
use super::ecs_server::{Ecs, Then, now};
use super::rules::{delivery, silent};
use super::server::{Fault, Server};
use keyrot_core::model::{Abilities, Delivery, Found, Holds, Mark};
use keyrot_core::ports::Destination;
use keyrot_core::{CallError, Effect, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

const PLACE: &str = "prod/shop";

async fn shop() -> (Server<Ecs>, Arc<dyn Destination>) {
    let server = Server::start(Ecs::default()).await;
    let to = destination("ecs", PLACE, "region = 'eu-west-1'", &server.url).await;
    (server, to)
}

fn restarts(server: &Server<Ecs>) -> usize {
    server.count("UpdateService")
}

/// Returns the delivery of a key that is announced now.
async fn announced(to: &Arc<dyn Destination>, n: usize) -> Delivery {
    let found = to.inspect(PLACE).await.unwrap();
    // Every task that starts from now on has a later time.
    tokio::time::sleep(Duration::from_millis(2)).await;
    delivery(n, found.mark())
}

fn is_going_on(error: &CallError) {
    assert_eq!((error.kind, error.effect), (ErrorKind::InProgress, Effect::Unknown), "{error}");
    assert!(silent(error).contains("tasks from before its restart still run: 3 of 3"), "{error}");
}

#[tokio::test]
async fn a_delivery_replaces_the_tasks_once() {
    let (server, to) = shop().await;
    assert_eq!(to.abilities(), Abilities::RESTARTS);
    let before = to.inspect(PLACE).await.unwrap();
    let Found::Copy { holds: Holds::NotShown, written: Some(oldest), .. } = &before else {
        panic!("{before:?}")
    };
    let age = now() - oldest.timestamp_millis() as f64 / 1_000.0;
    assert!((3_599.0..3_700.0).contains(&age), "the oldest task's: {age}");
    assert_eq!(restarts(&server), 0, "a read changes nothing");

    let first = announced(&to, 1).await;
    let after = to.deliver(PLACE, &first).await.unwrap();
    let Found::Copy { written: Some(since), .. } = &after else { panic!("{after:?}") };
    assert!(since > oldest);
    assert_eq!(restarts(&server), 1);
    let signed = &server.lock().requests[0].headers["authorization"].clone();
    assert!(signed.contains("/eu-west-1/ecs/"), "{signed}");

    // With the same key again, all tasks are from after the announcement. With another key, they
    // are not.
    to.deliver(PLACE, &first).await.unwrap();
    assert_eq!(restarts(&server), 1);
    to.deliver(PLACE, &announced(&to, 2).await).await.unwrap();
    assert_eq!(restarts(&server), 2);
    assert!(server.lock().requests.iter().all(|request| !request.body.contains("AKIA")));

    // A service without tasks needs no restart.
    server.lock().service.tasks.clear();
    let found = to.deliver(PLACE, &announced(&to, 3).await).await.unwrap();
    assert!(matches!(found, Found::Copy { written: None, .. }));
    assert_eq!(restarts(&server), 2);
}

#[tokio::test]
async fn a_deployment_by_someone_else_counts() {
    let (server, to) = shop().await;
    let first = announced(&to, 1).await;
    server.lock().service.deploy();
    to.deliver(PLACE, &first).await.unwrap();
    assert_eq!(restarts(&server), 0);
    // A deployment from before the announcement does not count.
    server.lock().service.takes = 1_000;
    server.lock().service.deploy();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let second = announced(&to, 2).await;
    server.lock().service.takes = 0;
    to.deliver(PLACE, &second).await.unwrap();
    assert_eq!(restarts(&server), 1);
}

#[tokio::test]
async fn a_slow_restart_is_left_to_the_next_run_and_fails_after_an_hour() {
    let (server, to) = shop().await;
    let first = announced(&to, 1).await;
    server.lock().service.takes = 1_000;
    is_going_on(&to.deliver(PLACE, &first).await.unwrap_err());
    // The delivery was announced two hours ago, and the running tasks are older.
    let long_ago = Mark::parse(format!("{:.0}", (now() - 7_300.0) * 1_000.0)).unwrap();
    {
        let mut inner = server.lock();
        inner.service.deployments[0].created -= 7_000.0;
        inner.service.tasks.iter_mut().for_each(|created| *created -= 7_200.0);
    }
    let error = to.deliver(PLACE, &delivery(1, Some(&long_ago))).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Other, Effect::Unknown));
    assert!(silent(&error).contains("still run: 3 of 3, for 2h"), "{error}");
    server.lock().service.settle();
    to.deliver(PLACE, &first).await.unwrap();
    assert_eq!(restarts(&server), 1);
}

/// This applies to any kind of circuit breaker: as long as an earlier task runs, there is no
/// receipt, and the next run tries again.
#[tokio::test]
async fn a_deployment_that_fails_is_a_failure() {
    for then in [Then::Fails, Then::GoesBack { new_id: false }, Then::GoesBack { new_id: true }] {
        let (server, to) = shop().await;
        let first = announced(&to, 1).await;
        server.lock().service.then = then;
        let error = to.deliver(PLACE, &first).await.unwrap_err();
        assert_eq!((error.kind, error.effect), (ErrorKind::Other, Effect::Unknown));
        let said = silent(&error);
        assert!(said.contains("tasks failed to start") && said.contains("still run: 3"), "{said}");
        server.lock().service.then = Then::Completes;
        if then == (Then::GoesBack { new_id: true }) {
            // ECS calls this deployment complete, although it kept the earlier tasks.
            server.lock().service.deployments.remove(0);
        }
        to.deliver(PLACE, &first).await.unwrap();
        assert_eq!(restarts(&server), 2);
    }
}

/// "The Amazon ECS API follows an eventual consistency model" (API reference, `UpdateService`).
#[tokio::test]
async fn a_new_deployment_that_is_not_described_yet_is_waited_for() {
    let (server, to) = shop().await;
    let first = announced(&to, 1).await;
    server.lock().service.lags = 2;
    to.deliver(PLACE, &first).await.unwrap();
    assert_eq!(restarts(&server), 1);
}

#[tokio::test]
async fn after_a_lost_answer_the_next_delivery_finds_the_restart() {
    let (server, to) = shop().await;
    let first = announced(&to, 1).await;
    server.fail("UpdateService", Fault::LostReply);
    let error = to.deliver(PLACE, &first).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Unavailable, Effect::Unknown));
    silent(&error);
    to.deliver(PLACE, &first).await.unwrap();
    assert_eq!(restarts(&server), 1);

    let second = announced(&to, 2).await;
    server.fail("DescribeServices", Fault::Dropped);
    server.fail("ListTasks", Fault::Instead(500, "", ""));
    let throttled = r#"{"__type":"ThrottlingException"}"#;
    server.fail("UpdateService", Fault::Instead(400, "", throttled));
    to.deliver(PLACE, &second).await.unwrap();
    assert_eq!(server.lock().service.deployments[0].id, "ecs-svc/0000000000000000003");
}

/// The time of the oldest task decides whether the old key may be deactivated.
#[tokio::test]
async fn a_task_that_is_not_described_counts_as_an_old_one() {
    let (server, to) = shop().await;
    to.deliver(PLACE, &announced(&to, 1).await).await.unwrap();
    let oldest = |found: Found| match found {
        Found::Copy { written: Some(written), .. } => {
            now() - written.timestamp_millis() as f64 / 1e3
        }
        other => panic!("{other:?}"),
    };
    assert!(oldest(to.inspect(PLACE).await.unwrap()) < 60.0, "all tasks are new");
    server.lock().service.hides = true;
    let age = oldest(to.inspect(PLACE).await.unwrap());
    assert!(age > 1e9, "nothing is known about one task, and it is said to be {age} s old");
    // It is the only task.
    server.lock().service.tasks.truncate(1);
    assert!(oldest(to.inspect(PLACE).await.unwrap()) > 1e9);
}

#[tokio::test]
async fn a_failed_restart_says_what_to_do() {
    let (server, to) = shop().await;
    let refused = |error: CallError, kind: ErrorKind, said: &str| {
        assert_eq!((error.kind, error.effect), (kind, Effect::None), "{error}");
        assert!(silent(&error).contains(said), "{error}");
    };
    let look = |place: &'static str| {
        let to = to.clone();
        async move { to.inspect(place).await.unwrap_err() }
    };
    refused(look("prod/none").await, ErrorKind::NotFound, "there is no such service in eu-west-1");
    refused(look("test/shop").await, ErrorKind::NotFound, "Is it in this region and account?");
    let first = announced(&to, 1).await;
    server.lock().service.controller = "CODE_DEPLOY";
    refused(look(PLACE).await, ErrorKind::Other, "its deployment controller is CODE_DEPLOY");
    let error = to.deliver(PLACE, &first).await.unwrap_err();
    refused(error, ErrorKind::Other, "expected ECS");
    server.lock().service.controller = "ECS";
    server.lock().service.status = "INACTIVE";
    refused(look(PLACE).await, ErrorKind::NotFound, "or remove the destination");
    server.lock().service.status = "ACTIVE";
    let denied = r#"{"__type":"AccessDeniedException","message":"User is not authorized"}"#;
    for operation in ["UpdateService", "ListTasks", "DescribeTasks"] {
        server.fail(operation, Fault::Instead(400, "", denied));
        let error = to.deliver(PLACE, &first).await.unwrap_err();
        refused(error, ErrorKind::Denied, &format!("need ecs:{operation}"));
    }
    // Whoever may tag the secret can write such a mark: it restarts nothing.
    server.lock().service.hides = true;
    let first = chrono::DateTime::<chrono::Utc>::MIN_UTC.timestamp_millis().to_string();
    for mark in ["x", "9999999999999", "-1e9", "-1", &first] {
        let error = to.deliver(PLACE, &delivery(1, Some(&Mark::parse(mark).unwrap()))).await;
        let said = "the tag keyrot:to:x of the user's secret was not written by keyrot";
        refused(error.unwrap_err(), ErrorKind::Other, said);
    }
    assert_eq!(server.lock().service.deployments.len(), 1);
}
