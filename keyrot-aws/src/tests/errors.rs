//! Tests the sources of a call's error: typed, linked, and without secrets.

use super::{Answer, HIDDEN, Script, user, xml_error};
use crate::AwsError;
use keyrot_core::{CallError, IamPort};
use std::error::Error;

fn links(error: &CallError) -> Vec<String> {
    std::iter::successors(error.source(), |link| (**link).source())
        .map(ToString::to_string)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn an_answers_code_and_request_are_behind_the_error() {
    let said = format!("user ci is not there, {HIDDEN}");
    let (aws, _) =
        Script::aws([xml_error(400, "Throttling", "x"), xml_error(404, "NoSuchEntity", &said)])
            .await;
    let error = aws.list_keys(&user()).await.unwrap_err();
    let behind: &AwsError = error.source().unwrap().downcast_ref().unwrap();
    assert_eq!(
        (behind.code(), behind.request_id(), behind.attempts()),
        (Some("NoSuchEntity"), Some("11111111-2222"), 2)
    );
    assert_eq!(links(&error), ["NoSuchEntity: user ci is not there, [hidden]"]);
}

#[tokio::test(start_paused = true)]
async fn the_causes_of_a_broken_connection_follow_as_sources() {
    let (aws, _) = Script::aws([Answer::Lost, Answer::Lost, Answer::Lost]).await;
    let error = aws.list_keys(&user()).await.unwrap_err();
    let host = "iam.amazonaws.com";
    assert_eq!(
        links(&error),
        [&format!("the connection to {host} broke"), "io error", "connection reset by peer"]
    );
    // The error itself is one sentence.
    assert_eq!(
        error.message,
        format!(
            "iam:ListAccessKeys for user ci failed in 3 attempts: the connection to {host} broke"
        )
    );
}

#[test]
fn errors_are_equal_whatever_their_sources() {
    let plain = CallError::lost("no answer");
    assert!(plain.source().is_none());
    let caused = plain.with_source("a cause");
    assert_eq!(caused, CallError::lost("no answer").with_source("a cause"));
    assert!(!format!("{caused:?}").contains("Box"), "{caused:?}");
}
