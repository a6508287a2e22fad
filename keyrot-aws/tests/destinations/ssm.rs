//! Parameters of SSM's Parameter Store.

use super::destination;
use super::rules::{SESAME, credentials, delivery, keeps_the_rules, silent};
use super::server::{Fault, Nothing, Server};
use keyrot_core::model::{Found, Holds};
use keyrot_core::{Effect, ErrorKind};

const PLACE: &str = "/ci/ci/aws";

#[tokio::test]
async fn it_follows_the_rules() {
    let server = Server::start(Nothing).await;
    let to = destination("ssm", PLACE, "", &server.url).await;
    let foreign = server.clone();
    keeps_the_rules(&*to, PLACE, || foreign.lock().parameters.put(PLACE, "SecureString", "theirs"))
        .await;
}

#[tokio::test]
async fn a_parameter_is_a_secure_string_with_the_fields_of_the_home() {
    let server = Server::start(Nothing).await;
    let more = "kms_key = 'alias/ci'\ntier = 'advanced'\nregion = 'eu-west-1'";
    let to = destination("ssm", PLACE, more, &server.url).await;
    let found = to.deliver(PLACE, &delivery(1, None)).await.unwrap();
    let Found::Copy { mark, written: Some(written), .. } = found else { panic!("{found:?}") };
    assert_eq!((mark.as_str(), written.timestamp_millis()), ("1", 1_800_000_010_250));
    {
        let inner = server.lock();
        let there = &inner.parameters.all[PLACE];
        let value: serde_json::Value = serde_json::from_str(&there.value).unwrap();
        assert_eq!(value["AccessKeyId"], credentials(1).key.as_str());
        assert_eq!(value["SecretAccessKey"], credentials(1).secret.expose());
        assert_eq!((there.kind.as_str(), there.key.as_deref()), ("SecureString", Some("alias/ci")));
        assert_eq!(there.tier, "Advanced");
        let signed = &inner.requests[0].headers["authorization"];
        assert!(signed.contains("/eu-west-1/ssm/"), "{signed}");
    }
    // The same key again creates no version.
    to.deliver(PLACE, &delivery(1, Some(&mark))).await.unwrap();
    assert_eq!(server.count("PutParameter"), 1);

    // With a destination that sets no tier, an advanced parameter stays advanced.
    let plain = destination("ssm", PLACE, "", &server.url).await;
    let second = plain.deliver(PLACE, &delivery(2, Some(&mark))).await.unwrap();
    assert_eq!(second.mark().unwrap().as_str(), "2");
    assert_eq!(server.lock().parameters.all[PLACE].tier, "Advanced");
}

#[tokio::test]
async fn the_accounts_default_tier_does_not_change_a_parameter() {
    for default in ["Advanced", "Intelligent-Tiering"] {
        let server = Server::start(Nothing).await;
        server.lock().parameters.default_tier = default;
        let to = destination("ssm", PLACE, "", &server.url).await;
        let first = to.deliver(PLACE, &delivery(1, None)).await.unwrap();
        to.deliver(PLACE, &delivery(2, first.mark())).await.unwrap();
        assert_eq!(server.lock().parameters.all[PLACE].tier, "Standard");
        assert_eq!(server.count("PutParameter"), 2);
    }
    // Another refusal is not repeated as an advanced parameter.
    let server = Server::start(Nothing).await;
    let to = destination("ssm", PLACE, "", &server.url).await;
    let first = to.deliver(PLACE, &delivery(1, None)).await.unwrap();
    let refused =
        r#"{"__type":"ValidationException","message":"The value does not match the pattern."}"#;
    server.fail("PutParameter", Fault::Instead(400, "", refused));
    let error = to.deliver(PLACE, &delivery(2, first.mark())).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Other, Effect::None));
    assert_eq!((server.count("PutParameter"), silent(&error).contains("pattern")), (2, true));
}

#[tokio::test]
async fn a_write_in_between_is_detected_by_the_gap_in_versions() {
    let server = Server::start(Nothing).await;
    let to = destination("ssm", PLACE, "", &server.url).await;
    let first = to.deliver(PLACE, &delivery(1, None)).await.unwrap();
    // Something else writes between the read and the write, so the read returned the old content.
    let stale = r#"{"Parameter":{"Type":"SecureString","Value":"x","Version":1}}"#;
    server.lock().parameters.put(PLACE, "SecureString", "theirs");
    server.fail("GetParameter", Fault::Instead(200, "", stale));
    let error = to.deliver(PLACE, &delivery(2, first.mark())).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Conflict, Effect::Unknown));
    assert!(silent(&error).contains("version 3 was written, expected version 2"), "{error}");

    // A parameter that was created between the read and the write is not overwritten.
    let other = "/ci/other";
    server.lock().parameters.put(other, "SecureString", "theirs");
    server.fail("GetParameter", Fault::Instead(400, "", r#"{"__type":"ParameterNotFound"}"#));
    let error = to.deliver(other, &delivery(2, None)).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Conflict, Effect::None));
    assert_eq!(server.lock().parameters.all[other].value, "theirs");
}

#[tokio::test]
async fn after_a_lost_answer_the_next_delivery_finds_the_key() {
    let server = Server::start(Nothing).await;
    let to = destination("ssm", PLACE, "", &server.url).await;
    server.fail("PutParameter", Fault::LostReply);
    let error = to.deliver(PLACE, &delivery(1, None)).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Unavailable, Effect::Unknown));
    silent(&error);
    assert_eq!(server.count("PutParameter"), 1, "a write is not sent again blindly");
    let found = to.inspect(PLACE).await.unwrap();
    assert!(
        matches!(&found, Found::Copy { holds: Holds::Key(key), .. } if *key == credentials(1).key)
    );
    let again = to.deliver(PLACE, &delivery(1, found.mark())).await.unwrap();
    assert_eq!((again.mark(), server.count("PutParameter")), (found.mark(), 1));

    // Reads are retried, and so are throttled calls.
    server.fail("GetParameter", Fault::Dropped);
    server.fail("GetParameter", Fault::Instead(500, "", ""));
    server.fail("PutParameter", Fault::Instead(400, "", r#"{"__type":"ThrottlingException"}"#));
    to.deliver(PLACE, &delivery(2, again.mark())).await.unwrap();
}

#[tokio::test]
async fn refusals_of_the_store_say_what_to_do() {
    let server = Server::start(Nothing).await;
    let to = destination("ssm", PLACE, "", &server.url).await;
    server.lock().parameters.put("/plain", "String", &format!("{SESAME} in clear"));
    for call in [
        to.inspect("/plain").await.unwrap_err(),
        to.deliver("/plain", &delivery(1, None)).await.unwrap_err(),
    ] {
        assert_eq!((call.kind, call.effect), (ErrorKind::Other, Effect::None));
        assert!(silent(&call).contains("the type String, which is not encrypted"), "{call}");
    }

    let first = to.deliver(PLACE, &delivery(1, None)).await.unwrap();
    {
        let mut inner = server.lock();
        let there = inner.parameters.all.get_mut(PLACE).unwrap();
        (there.version, there.oldest_is_labeled) = (100, true);
    }
    let full = to.inspect(PLACE).await.unwrap();
    assert_ne!(full.mark(), first.mark());
    let error = to.deliver(PLACE, &delivery(2, full.mark())).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::LimitExceeded, Effect::None));
    assert!(silent(&error).contains("remove that label"), "{error}");

    let denied = r#"{"__type":"AccessDeniedException","message":"User is not authorized to perform: ssm:PutParameter"}"#;
    server.fail("PutParameter", Fault::Instead(400, "", denied));
    let error = to.deliver(PLACE, &delivery(2, full.mark())).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Denied, Effect::None));
    assert!(silent(&error).contains("need ssm:PutParameter"), "{error}");

    // The service's message repeats the request.
    let echo: String = format!(
        r#"{{"__type":"ValidationException","message":"bad value {}"}}"#,
        credentials(2).secret.expose()
    );
    server.fail("PutParameter", Fault::Instead(400, "", Box::leak(echo.into_boxed_str())));
    silent(&to.deliver(PLACE, &delivery(2, full.mark())).await.unwrap_err());
}
