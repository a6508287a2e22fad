//! Services of Amazon ECS, which are restarted.

use super::destination;
use super::ecs_server::Ecs;
use super::rules::{delivery, silent};
use super::server::{Fault, Server};
use keyrot_core::model::{Abilities, Found, Holds};
use keyrot_core::ports::Destination;
use keyrot_core::{CallError, Effect, ErrorKind};
use std::sync::Arc;

const PLACE: &str = "prod/shop";

async fn shop() -> (Server<Ecs>, Arc<dyn Destination>) {
    let server = Server::start(Ecs::default()).await;
    let to = destination("ecs", PLACE, "region = 'eu-west-1'", &server.url).await;
    (server, to)
}

fn restarts(server: &Server<Ecs>) -> usize {
    server.count("UpdateService")
}

#[tokio::test]
async fn a_delivery_replaces_the_tasks_once() {
    let (server, to) = shop().await;
    assert_eq!(to.abilities(), Abilities::RESTARTS);
    let before = to.inspect(PLACE).await.unwrap();
    let Found::Copy { mark, holds, written } = &before else { panic!("{before:?}") };
    assert_eq!((mark.as_str(), holds), ("ecs-svc/0000000000000000001", &Holds::NotShown));
    assert_eq!(written.unwrap().timestamp_millis(), 1_800_000_001_500);
    assert_eq!(to.inspect(PLACE).await.unwrap(), before);
    assert_eq!(restarts(&server), 0, "a look changes nothing");

    let after = to.deliver(PLACE, &delivery(1, before.mark())).await.unwrap();
    assert_eq!(after.mark().unwrap().as_str(), "ecs-svc/0000000000000000002");
    assert_eq!(to.inspect(PLACE).await.unwrap(), after);
    assert_eq!(restarts(&server), 1);
    let signed = &server.lock().requests[0].headers["authorization"].clone();
    assert!(signed.contains("/eu-west-1/ecs/"), "{signed}");

    // The same again: there was a restart since what was announced. Another key: there was none.
    to.deliver(PLACE, &delivery(1, before.mark())).await.unwrap();
    assert_eq!(restarts(&server), 1);
    to.deliver(PLACE, &delivery(2, after.mark())).await.unwrap();
    assert_eq!(restarts(&server), 2);
    // No body has a key in it.
    assert!(server.lock().requests.iter().all(|request| !request.body.contains("AKIA")));
}

#[tokio::test]
async fn a_deployment_by_someone_else_will_do() {
    let (server, to) = shop().await;
    let before = to.inspect(PLACE).await.unwrap();
    server.lock().service.deploy();
    let after = to.deliver(PLACE, &delivery(1, before.mark())).await.unwrap();
    assert_eq!((restarts(&server), after.mark() == before.mark()), (0, false));
}

#[tokio::test]
async fn it_waits_for_the_new_tasks_and_leaves_what_takes_longer_to_the_next_run() {
    let (server, to) = shop().await;
    let before = to.inspect(PLACE).await.unwrap();
    server.lock().service.takes = 2;
    to.deliver(PLACE, &delivery(1, before.mark())).await.unwrap();

    let before = to.inspect(PLACE).await.unwrap();
    server.lock().service.takes = 1_000;
    let error = to.deliver(PLACE, &delivery(2, before.mark())).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::InProgress, Effect::Unknown));
    assert!(silent(&error).contains("1 of 3 tasks are restarted"), "{error}");
    server.lock().service.settle();
    to.deliver(PLACE, &delivery(2, before.mark())).await.unwrap();
    assert_eq!(restarts(&server), 2);
}

#[tokio::test]
async fn a_deployment_that_fails_is_a_failure() {
    let failed = |error: CallError, said: &str| {
        assert_eq!((error.kind, error.effect), (ErrorKind::Other, Effect::Unknown));
        assert!(silent(&error).contains(said), "{error}");
        assert!(error.to_string().contains("tasks still have the old key"), "{error}");
    };
    let (server, to) = shop().await;
    let before = to.inspect(PLACE).await.unwrap();
    server.lock().service.goes_back = true;
    let error = to.deliver(PLACE, &delivery(1, before.mark())).await.unwrap_err();
    failed(error, "ECS has gone back to its earlier tasks");

    let (server, to) = shop().await;
    let before = to.inspect(PLACE).await.unwrap();
    {
        let mut inner = server.lock();
        inner.service.deploy();
        inner.service.deployments[0].state = Some("FAILED");
    }
    let error = to.deliver(PLACE, &delivery(1, before.mark())).await.unwrap_err();
    failed(error, "tasks failed to start");
}

#[tokio::test]
async fn a_lost_answer_leaves_it_open_and_the_next_delivery_finds_the_restart() {
    let (server, to) = shop().await;
    let before = to.inspect(PLACE).await.unwrap();
    server.fail("UpdateService", Fault::LostReply);
    let error = to.deliver(PLACE, &delivery(1, before.mark())).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Unavailable, Effect::Unknown));
    silent(&error);
    to.deliver(PLACE, &delivery(1, before.mark())).await.unwrap();
    assert_eq!(restarts(&server), 1);

    server.fail("DescribeServices", Fault::Dropped);
    server.fail("DescribeServices", Fault::Instead(500, "", ""));
    let throttled = r#"{"__type":"ThrottlingException"}"#;
    server.fail("UpdateService", Fault::Instead(400, "", throttled));
    let now = to.inspect(PLACE).await.unwrap();
    to.deliver(PLACE, &delivery(2, now.mark())).await.unwrap();
    assert_eq!(server.lock().service.deployments[0].id, "ecs-svc/0000000000000000003");
}

#[tokio::test]
async fn what_cannot_be_restarted_is_named_with_what_to_do() {
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
    let before = to.inspect(PLACE).await.unwrap();
    server.lock().service.controller = "CODE_DEPLOY";
    refused(look(PLACE).await, ErrorKind::Other, "its deployment controller is CODE_DEPLOY");
    let error = to.deliver(PLACE, &delivery(1, before.mark())).await.unwrap_err();
    refused(error, ErrorKind::Other, "expected ECS (rolling updates)");
    server.lock().service.controller = "ECS";
    server.lock().service.status = "INACTIVE";
    refused(look(PLACE).await, ErrorKind::NotFound, "there is no such service");
    server.lock().service.status = "ACTIVE";
    let denied = r#"{"__type":"AccessDeniedException","message":"User is not authorized"}"#;
    server.fail("UpdateService", Fault::Instead(400, "", denied));
    let error = to.deliver(PLACE, &delivery(1, before.mark())).await.unwrap_err();
    refused(error, ErrorKind::Denied, "need ecs:UpdateService");
    assert_eq!(server.lock().service.deployments.len(), 1);
}
