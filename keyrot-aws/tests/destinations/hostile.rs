//! Answers with extreme values, which must not end the user's run, and answers that ask for no
//! wait.

use super::circleci_server::{self, CONTEXT, CircleCi};
use super::destination;
use super::github_server::{self, GitHub};
use super::gitlab_server::{self, GitLab};
use super::kubernetes::Lab;
use super::rules::{delivery, silent};
use super::server::{Fault, Nothing, Server, Service};
use super::vault_server::{self, Vault};
use chrono::{DateTime, Utc};
use keyrot_core::ports::Destination;
use keyrot_core::{Effect, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

const REPOSITORY: &str = "/repos/acme/shop/actions/secrets";
const PROJECT: &str = "/api/v4/projects/acme%2Fshop/variables";

/// Answers that ask for a wait of a few hundred billion years, with the kind of the error.
const FOREVER: [(u16, &str, ErrorKind); 4] = [
    (429, "retry-after: 18446744073709551615\r\n", ErrorKind::Throttled),
    (429, "retry-after: 99999999999999999999\r\n", ErrorKind::Throttled),
    (503, "retry-after: 18446744073709551615\r\n", ErrorKind::Unavailable),
    (
        429,
        "x-ratelimit-remaining: 0\r\nx-ratelimit-reset: 18446744073709551615\r\n",
        ErrorKind::Throttled,
    ),
];

/// A destination that reads its token from an SSM parameter.
async fn with_token<S: Service>(
    kind: &str,
    to: &str,
    (service, token): (S, &str),
) -> (Server<S>, Arc<dyn Destination>) {
    let server = Server::start(service).await;
    server.lock().parameters.put("/keyrot/token", "SecureString", token);
    let more = format!("token = 'ssm:/keyrot/token'\nurl = '{}'", server.url);
    let to = destination(kind, to, &more, &server.url).await;
    (server, to)
}

async fn is_refused<S: Service>(
    server: &Server<S>,
    to: &dyn Destination,
    place: &str,
    (status, headers, kind): (u16, &'static str, ErrorKind),
) {
    server.fail("GET ", Fault::Instead(status, headers, ""));
    let begin = Instant::now();
    let error = to.inspect(place).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (kind, Effect::None), "{headers}: {error}");
    assert!(begin.elapsed() < Duration::from_secs(5), "{headers}");
    silent(&error);
}

#[tokio::test]
async fn a_wait_without_end_is_an_error_of_the_destination() {
    for forever in FOREVER {
        let hub = (GitHub::with(REPOSITORY), github_server::TOKEN);
        let (server, to) = with_token("github", "acme/shop", hub).await;
        is_refused(&server, &*to, "acme/shop", forever).await;
        let lab = (GitLab::with(PROJECT), gitlab_server::TOKEN);
        let (server, to) = with_token("gitlab", "acme/shop", lab).await;
        is_refused(&server, &*to, "acme/shop", forever).await;
        let circle = (CircleCi::new(), circleci_server::TOKEN);
        let (server, to) = with_token("circleci", CONTEXT, circle).await;
        is_refused(&server, &*to, CONTEXT, forever).await;
        let vault = (Vault::new(), vault_server::TOKEN);
        let (server, to) = with_token("vault", "ci/shop/aws", vault).await;
        is_refused(&server, &*to, "ci/shop/aws", forever).await;
    }
    let lab = Lab::new().await;
    let to = lab.destination("").await;
    for forever in &FOREVER[..3] {
        is_refused(&lab.server, &*to, "shop/ci-aws", *forever).await;
    }
}

/// Returns the header with the last second that the type for dates knows.
fn last_date() -> &'static str {
    let last = DateTime::<Utc>::MAX_UTC;
    let text = last.format("%a, %d %b %Y %H:%M:%S GMT").to_string().replace('+', "");
    assert!(DateTime::parse_from_rfc2822(&text).is_ok(), "{text}");
    Box::leak(format!("date: {text}\r\n").into_boxed_str())
}

#[tokio::test]
async fn a_date_at_the_end_of_the_calendar_is_an_error_of_the_destination() {
    let hub = (GitHub::with(REPOSITORY), github_server::TOKEN);
    let (server, to) = with_token("github", "acme/shop", hub).await;
    let first = to.deliver("acme/shop", &delivery(1, None)).await.unwrap();
    server.fail("PUT", Fault::Instead(204, last_date(), ""));
    let error = to.deliver("acme/shop", &delivery(2, first.mark())).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::NoEffect, Effect::Unknown), "{error}");
    // The secret itself was changed then.
    let last = DateTime::<Utc>::MAX_UTC.timestamp();
    server.lock().service.place().secrets.values_mut().for_each(|it| it.updated_at = last);
    let seen = to.inspect("acme/shop").await.unwrap();
    to.deliver("acme/shop", &delivery(2, seen.mark())).await.unwrap();
}

#[tokio::test]
async fn a_version_at_the_end_of_its_type_is_an_error_of_the_destination() {
    let server = Server::start(Nothing).await;
    let to = destination("ssm", "/ci/ci/aws", "", &server.url).await;
    let last = r#"{"Parameter":{"Type":"SecureString","Value":"x","Version":9223372036854775807}}"#;
    for _ in 0..2 {
        server.fail("GetParameter", Fault::Instead(200, "", last));
    }
    server.lock().parameters.put("/ci/ci/aws", "SecureString", "theirs");
    let seen = to.inspect("/ci/ci/aws").await.unwrap();
    let error = to.deliver("/ci/ci/aws", &delivery(1, seen.mark())).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Conflict, Effect::Unknown), "{error}");
}

/// While the second half of a pair is missing, keyrot goes on trying, but not as fast as it can.
#[tokio::test]
async fn a_service_that_asks_for_no_wait_is_not_called_all_the_time() {
    for status in [429, 503, 412] {
        let circle = (CircleCi::new(), circleci_server::TOKEN);
        let (server, to) = with_token("circleci", CONTEXT, circle).await;
        let second = "PUT /api/v2/context/f1b0a6d2-3c1e-4f7a-9a51-0d2b7c0a9e11/environment-variable/AWS_SECRET_ACCESS_KEY";
        for _ in 0..500 {
            server.fail(second, Fault::Instead(status, "retry-after: 0\r\n", ""));
        }
        let first = delivery(1, None);
        let delivered = tokio::time::timeout(Duration::from_secs(5), to.deliver(CONTEXT, &first));
        assert!(delivered.await.is_err(), "{status}: it goes on trying");
        let puts = server.count(second);
        assert!((2..=4).contains(&puts), "{status}: {puts}");
    }
}
