//! Variables of CircleCI contexts.

use super::circleci_server::{CONTEXT, CircleCi, TOKEN};
use super::destination;
use super::rules::{credentials, delivery, keeps_the_rules, silent};
use super::server::{Fault, Held, Server};
use keyrot_core::model::{Found, Holds};
use keyrot_core::ports::Destination;
use keyrot_core::{Effect, ErrorKind};
use std::sync::Arc;

const ID: &str = "AWS_ACCESS_KEY_ID";
const SECRET: &str = "AWS_SECRET_ACCESS_KEY";

async fn lab() -> Server<CircleCi> {
    let server = Server::start(CircleCi::new()).await;
    server.lock().parameters.put("/keyrot/circleci", "SecureString", TOKEN);
    server
}

async fn contexts(server: &Server<CircleCi>) -> Arc<dyn Destination> {
    let more = format!("token = 'ssm:/keyrot/circleci'\nurl = '{}'", server.url);
    destination("circleci", CONTEXT, &more, &server.url).await
}

fn has(server: &Server<CircleCi>, n: usize) -> bool {
    let inner = server.lock();
    let key = credentials(n);
    inner.service.value(ID) == Some(key.key.as_str())
        && inner.service.value(SECRET) == Some(key.secret.expose())
}

#[tokio::test]
async fn it_follows_the_rules_and_changes_no_other_variable() {
    let server = lab().await;
    let to = contexts(&server).await;
    let foreign = server.clone();
    keeps_the_rules(&*to, CONTEXT, || foreign.lock().service.put(SECRET, "theirs")).await;
    assert!(has(&server, 3));
    assert_eq!(server.lock().service.value("B"), Some("other"));
    assert_eq!(server.count("DELETE"), 0);
}

/// The description of the API also allows an answer that names no variable.
#[tokio::test]
async fn an_answer_with_only_a_message_is_an_answer() {
    let server = lab().await;
    let to = contexts(&server).await;
    let first = to.deliver(CONTEXT, &delivery(1, None)).await.unwrap();
    server.lock().service.says_only = true;
    let second = to.deliver(CONTEXT, &delivery(2, first.mark())).await.unwrap();
    assert_eq!(to.inspect(CONTEXT).await.unwrap().mark(), second.mark());
    assert_ne!(second.mark(), first.mark());
    // The pair is whole, even if the list cannot be read afterwards.
    let puts = server.count("PUT");
    // Three pages, two writes, and the list again.
    let gate = server.hold(5, Held::Before);
    let (writer, third) = (to.clone(), delivery(3, second.mark()));
    let delivered = tokio::spawn(async move { writer.deliver(CONTEXT, &third).await });
    while !gate.is_reached() {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.count("PUT"), puts + 2);
    assert!(has(&server, 3));
    gate.release();
    delivered.await.unwrap().unwrap();
}

#[tokio::test]
async fn one_variable_holds_both_halves() {
    let server = lab().await;
    let more =
        format!("token = 'ssm:/keyrot/circleci'\nurl = '{}'\nfile_name = 'FILE'", server.url);
    let to = destination("circleci", CONTEXT, &more, &server.url).await;
    let foreign = server.clone();
    keeps_the_rules(&*to, CONTEXT, || foreign.lock().service.put("FILE", "theirs")).await;
    let (inner, key) = (server.lock(), credentials(3));
    let file = inner.service.value("FILE").unwrap();
    assert!(file.starts_with("[default]\naws_access_key_id = AKIA"), "a credentials file");
    assert!(file.contains(key.key.as_str()) && file.contains(key.secret.expose()));
    assert_eq!((inner.service.value(ID), inner.service.value(SECRET)), (None, None));
}

#[tokio::test]
async fn half_a_pair_is_detected_and_completed() {
    let server = lab().await;
    let to = contexts(&server).await;
    let secret = "environment-variable/AWS_SECRET_ACCESS_KEY";
    server.fail(secret, Fault::Instead(403, "", "{}"));
    let error = to.deliver(CONTEXT, &delivery(1, None)).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Denied, Effect::Unknown));
    assert!(silent(&error).contains("(after AWS_ACCESS_KEY_ID was written)"), "{error}");
    let half = to.inspect(CONTEXT).await.unwrap();
    assert!(matches!(half, Found::Copy { holds: Holds::Other, .. }), "{half:?}");
    to.deliver(CONTEXT, &delivery(1, half.mark())).await.unwrap();
    assert!(has(&server, 1));
}

#[tokio::test]
async fn a_pair_that_is_half_written_is_completed_through_limits_and_outages() {
    let server = lab().await;
    let to = contexts(&server).await;
    let second = "environment-variable/AWS_SECRET_ACCESS_KEY";
    server.fail(second, Fault::Instead(429, "retry-after: 0\r\n", ""));
    for fault in [503, 502, 500, 503] {
        server.fail(second, Fault::Instead(fault, "", ""));
    }
    to.deliver(CONTEXT, &delivery(1, None)).await.unwrap();
    assert!(has(&server, 1));
}

#[tokio::test]
async fn requests_with_lost_answers_are_retried_and_rate_limits_waited_for() {
    let server = lab().await;
    let to = contexts(&server).await;
    server.fail("GET", Fault::Dropped);
    server.fail("PUT", Fault::LostReply);
    server.fail("PUT", Fault::Instead(429, "retry-after: 1\r\n", ""));
    let first = to.deliver(CONTEXT, &delivery(1, None)).await.unwrap();
    assert!(has(&server, 1));
    assert_eq!(to.inspect(CONTEXT).await.unwrap().mark(), first.mark());
}

#[tokio::test]
async fn a_write_by_something_else_at_the_same_time_is_detected() {
    let server = lab().await;
    let to = contexts(&server).await;
    let first = to.deliver(CONTEXT, &delivery(1, None)).await.unwrap();
    // The answer has an earlier time, and by now there is a later change.
    let early = r#"{"variable":"AWS_SECRET_ACCESS_KEY","updated_at":"2026-01-05T04:00:00.001Z"}"#;
    server.fail("environment-variable/AWS_SECRET", Fault::Instead(200, "", early));
    let error = to.deliver(CONTEXT, &delivery(2, first.mark())).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Conflict, Effect::Unknown), "{error}");
    // An answer about another variable does not count.
    let other = r#"{"variable":"B","updated_at":"2026-01-05T04:00:00.001Z"}"#;
    server.fail("PUT", Fault::Instead(200, "", other));
    let seen = to.inspect(CONTEXT).await.unwrap();
    let error = to.deliver(CONTEXT, &delivery(2, seen.mark())).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Other, Effect::Unknown), "{error}");
    silent(&error);
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let server = lab().await;
    let to = contexts(&server).await;
    let elsewhere = "f1b0a6d2-3c1e-4f7a-9a51-000000000000";
    let error = to.inspect(elsewhere).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::NotFound, Effect::None));
    assert!(silent(&error).contains("an account that may change the context"), "{error}");
    server.lock().service.token = "CCIPAT_another".to_owned();
    let error = to.inspect(CONTEXT).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied);
    let said = silent(&error);
    assert!(said.contains("put it into ssm:/keyrot/circleci") && !said.contains("CCIPAT"));
    server.lock().parameters.put("/keyrot/circleci", "SecureString", "CCIPAT_another");
    to.inspect(CONTEXT).await.unwrap();
}
