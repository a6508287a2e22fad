//! Tests that nothing that can be printed contains a secret, whatever AWS answers.

use super::{
    Answer, HIDDEN, Script, credentials, json, json_error, secret, user, version, xml_error,
};
use crate::error_text::scrub::scrub;
use keyrot_core::{CredentialProbe, IamPort, SecretStorePort};
use serde_json::json;
use std::error::Error;
use std::fmt::Debug;

fn shows_nothing<E: Error + 'static>(what: &str, result: Result<impl Debug, E>) {
    let text = match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => {
            let error: &(dyn Error + 'static) = &error;
            let chain = std::iter::successors(Some(error), |error| (**error).source());
            chain.map(|error| format!("{error:?} {error} {error:#?} ")).collect()
        }
    };
    assert!(!text.contains(&HIDDEN[..12]) && !text.contains("caller-secret"), "{what}: {text}");
}

/// Answers that quote secrets in every place that an adapter may read.
fn treacherous() -> Vec<(&'static str, Answer)> {
    let quoted = format!(
        "1 validation error: value '{{\"SecretAccessKey\":\"{HIDDEN}\"}}' is bad, {HIDDEN}"
    );
    vec![
        ("an error with it", json_error("InvalidParameterException", &quoted)),
        ("an XML error with it", xml_error(400, "ValidationError", &quoted)),
        ("a code with it", xml_error(400, HIDDEN, "x")),
        ("a broken answer", Answer::Http(200, format!("<x><SecretAccessKey>{HIDDEN}</Sec"))),
        ("broken JSON", Answer::Http(200, format!("{{\"SecretString\":\"{HIDDEN}"))),
        ("a page of a proxy", Answer::Http(400, format!("<html>{HIDDEN}</html>"))),
        ("an empty answer", Answer::Http(200, String::new())),
        (
            "a request id with it",
            Answer::Http(
                400,
                format!(
                    "<ErrorResponse><Error><Code>X</Code></Error><RequestId>{HIDDEN}</RequestId></ErrorResponse>"
                ),
            ),
        ),
        (
            "a value that is none",
            json(&json!({ "VersionId": version('B').as_str(), "SecretString": HIDDEN })),
        ),
        (
            "a value",
            json(
                &json!({ "VersionId": version('B').as_str(), "SecretString": format!("{{\"SecretAccessKey\":\"{HIDDEN}\"}}") }),
            ),
        ),
    ]
}

fn three_times(n: usize) -> Vec<Answer> {
    (0..3).map(|_| treacherous().swap_remove(n).1).collect()
}

#[tokio::test(start_paused = true)]
async fn nothing_that_aws_answers_makes_an_adapter_show_a_secret() {
    for (n, (what, _)) in treacherous().iter().enumerate() {
        let aws = || async { Script::aws(three_times(n)).await.0 };
        shows_nothing(what, aws().await.create_key(&user()).await);
        shows_nothing(what, aws().await.list_keys(&user()).await);
        shows_nothing(what, aws().await.probe(&credentials()).await);
        shows_nothing(
            what,
            aws().await.stage(&secret(), &version('B'), &credentials(), None).await,
        );
        shows_nothing(
            what,
            aws().await.stage(&secret(), &version('C'), &credentials(), Some(version('B'))).await,
        );
        shows_nothing(what, aws().await.read(&secret(), &version('B')).await);
        shows_nothing(what, aws().await.inspect_version(&secret(), &version('B')).await);
        shows_nothing(what, aws().await.describe(&secret()).await);
        shows_nothing::<std::fmt::Error>(what, Ok(aws().await));
    }
}

#[test]
fn texts_that_look_like_a_secret_are_removed_and_the_rest_stays() {
    let said = format!(
        "user arn:aws:iam::123456789012:user/ci/bot sent {HIDDEN} and {HIDDEN}==, token abc"
    );
    assert_eq!(
        scrub(&said, &["abc"]),
        "user arn:aws:iam::123456789012:user/ci/bot sent [hidden] and [hidden], token [hidden]"
    );
    let kept = "keyrot-key-AKIAIOSFODNN7EXAMPLE-1700000000 11111111-2222-3333-4444-555555555555";
    assert_eq!(scrub(kept, &[""]), kept);
    assert_eq!(scrub("a\nb\u{7}c", &[]), "a b c");
    assert_eq!(scrub("a\u{202e}b\u{2028}c\u{2066}", &[]), "a\\u{202e}b c\\u{2066}");
    assert!(scrub(&"x ".repeat(5000), &[]).len() <= 600);
}
