//! A chat's webhook: what is sent, what is sent again, and what a failure says.

use super::server::{Answer, Server, ok};
use super::{aws, caller, channels, chosen, deleted, notifier, report};
use keyrot_core::engine::{NotifierError, NotifierErrorKind};
use keyrot_core::{CallError, ErrorKind};
use std::error::Error;
use std::time::{Duration, Instant};

/// The path of the URL, which must not appear anywhere.
const PATH: &str = "/services/T00000000/B00000000/sesamesesamesesamesesame";

fn http(status: u16) -> Answer {
    Answer::Http(status, "", String::new())
}

/// A server that has the URL of its own hook in a secret.
async fn server(answers: impl IntoIterator<Item = Answer>) -> Server {
    let server = Server::start(answers).await;
    server.secret("keyrot/slack", &format!("{}{PATH}", server.url));
    server
}

/// Sends the run's end to Slack. Returns the result, which must not contain the URL.
async fn tell(server: &Server) -> Result<(), NotifierError> {
    let result = notifier("slack secret:keyrot/slack", &server.url).await.finished(&report()).await;
    if let Err(error) = &result {
        let links =
            std::iter::successors(Some(error as &(dyn Error + 'static)), |link| (**link).source());
        let why: String = links.map(|link| format!("{link} {link:?} ")).collect();
        assert!(
            !why.contains("T00000000") && !why.contains("sesame") && !why.contains("/services"),
            "{why}"
        );
    }
    result
}

#[tokio::test]
async fn one_message_per_run_is_posted() {
    let server = server([]).await;
    let slack = notifier("slack secret:keyrot/slack", &server.url).await;
    assert_eq!(slack.name(), "slack");
    slack.happened(&[deleted("ci", 1)]).await.unwrap();
    assert!(
        server.posts().is_empty() && server.secrets_read() == 0,
        "nothing is read before there is something to say"
    );
    slack.finished(&report()).await.unwrap();
    slack.finished(&report()).await.unwrap();
    let posts = server.posts();
    assert_eq!((posts.len(), server.secrets_read()), (2, 1), "the URL is read once");
    assert_eq!(posts[0].path, PATH);
    assert_eq!(posts[0].headers["content-type"], "application/json");
    assert!(posts[0].headers["user-agent"].starts_with("keyrot/"));
    let message: serde_json::Value = serde_json::from_str(&posts[0].body).unwrap();
    assert_eq!(
        message["blocks"][0]["text"]["text"],
        "🔴 keyrot: 1 user blocked, manual action needed"
    );
    assert!(
        posts[0].body.contains("iam/home#/users/details/ci?section=security_credentials|ci>"),
        "{}",
        posts[0].body
    );
}

#[tokio::test]
async fn reports_below_min_are_not_sent() {
    let server = server([]).await;
    let mut quiet = report();
    quiet.users[0].outcome = keyrot_core::Outcome::Settled { until: quiet.finished };
    quiet.users[0].events = vec![deleted("ci", 1)];
    let slack = notifier("slack secret:keyrot/slack min=warning", &server.url).await;
    slack.finished(&quiet).await.unwrap();
    assert!(server.posts().is_empty());
    notifier("slack secret:keyrot/slack", &server.url).await.finished(&quiet).await.unwrap();
    quiet.users[0].events.clear();
    notifier("slack secret:keyrot/slack", &server.url).await.finished(&quiet).await.unwrap();
    assert_eq!(server.posts().len(), 1, "a run in which nothing happened says nothing");
}

#[tokio::test]
async fn teams_gets_a_card() {
    let server = Server::start([Answer::Http(202, "", String::new())]).await;
    server.secret("/keyrot/teams", &format!("{}/workflows/x?sig=SECRET", server.url));
    let teams = notifier("teams ssm:/keyrot/teams", &server.url).await;
    teams.finished(&report()).await.unwrap();
    let message: serde_json::Value = serde_json::from_str(&server.posts()[0].body).unwrap();
    assert_eq!(message["attachments"][0]["content"]["type"], "AdaptiveCard");
    assert_eq!(server.posts()[0].path, "/workflows/x?sig=SECRET");
}

#[tokio::test]
async fn a_temporary_failure_is_retried() {
    for passing in [http(500), http(503), http(408), Answer::Close, Answer::Garbage] {
        let server = server([passing.clone(), ok()]).await;
        tell(&server).await.unwrap_or_else(|why| panic!("{passing:?}: {why}"));
        assert_eq!(server.posts().len(), 2, "{passing:?}");
    }
}

#[tokio::test]
async fn a_retry_after_is_respected_if_there_is_time() {
    let limited = |header| Answer::Http(429, header, "rate_limited".into());
    let server_of = server([limited("retry-after: 2\r\n"), ok()]).await;
    tell(&server_of).await.unwrap();
    let posts = server_of.posts();
    assert!(posts[1].at - posts[0].at >= Duration::from_secs(2));

    let server_of = server([limited("retry-after: 60\r\n"), ok()]).await;
    let begun = Instant::now();
    let NotifierError { kind, message: why, .. } = tell(&server_of).await.unwrap_err();
    assert_eq!(kind, NotifierErrorKind::Unavailable);
    assert!(begun.elapsed() < Duration::from_secs(5), "no use waiting");
    assert!(why.ends_with("answered HTTP 429 (rate_limited), and asks to wait 60s"), "{why}");
    assert_eq!(server_of.posts().len(), 1);
}

#[tokio::test]
async fn a_wait_without_end_or_without_length_is_limited() {
    for status in [429, 503] {
        let forever = Answer::Http(status, "retry-after: 18446744073709551615\r\n", String::new());
        let server_of = server([forever, ok()]).await;
        let NotifierError { kind, .. } = tell(&server_of).await.unwrap_err();
        assert_eq!((kind, server_of.posts().len()), (NotifierErrorKind::Unavailable, 1));
        let none = Answer::Http(status, "retry-after: 0\r\n", String::new());
        let server_of = server([none, ok()]).await;
        tell(&server_of).await.unwrap();
        let posts = server_of.posts();
        assert!(posts[1].at - posts[0].at >= Duration::from_secs(1));
    }
}

#[tokio::test]
async fn a_permanent_refusal_is_not_retried() {
    let server_of = server([Answer::Http(400, "", "invalid_blocks".into())]).await;
    let NotifierError { kind, message: why, .. } = tell(&server_of).await.unwrap_err();
    assert_eq!(kind, NotifierErrorKind::Refused);
    assert!(why.ends_with("answered HTTP 400 (invalid_blocks)"), "{why}");
    assert_eq!(server_of.posts().len(), 1);

    let elsewhere = Server::start([]).await;
    let location = Box::leak(format!("location: {}/x\r\n", elsewhere.url).into_boxed_str());
    let server_of = server([Answer::Http(302, location, String::new())]).await;
    let why = tell(&server_of).await.unwrap_err().message;
    assert!(why.contains("HTTP 302, a redirect, which is not followed"), "{why}");
    assert!(server_of.posts().len() == 1 && elsewhere.posts().is_empty());
}

#[tokio::test]
async fn a_server_that_echoes_is_not_quoted() {
    let echo = Answer::Http(400, "", format!("no hook at {PATH}"));
    let why = tell(&server([echo]).await).await.unwrap_err().message;
    assert!(why.ends_with("answered HTTP 400"), "{why}");
}

#[tokio::test]
async fn a_refused_url_is_read_again_once() {
    for status in [401, 403, 404, 410] {
        let server_of = server([http(status)]).await;
        let why = tell(&server_of).await.unwrap_err().message;
        assert!(
            why.contains(&format!(
                "HTTP {status}. Make a new webhook, and put its URL into secret:keyrot/slack"
            )),
            "{why}"
        );
        assert_eq!((server_of.posts().len(), server_of.secrets_read()), (1, 2));
    }
    let server_of = server([ok(), http(404), ok(), ok()]).await;
    let slack = notifier("slack secret:keyrot/slack", &server_of.url).await;
    slack.finished(&report()).await.unwrap();
    server_of.secret("keyrot/slack", &format!("{}/new", server_of.url));
    slack.finished(&report()).await.unwrap();
    slack.finished(&report()).await.unwrap();
    let paths: Vec<String> = server_of.posts().into_iter().map(|post| post.path).collect();
    assert_eq!(paths, [PATH, PATH, "/new", "/new"]);
    assert_eq!(server_of.secrets_read(), 2);
}

#[tokio::test]
async fn a_server_that_hangs_costs_limited_time() {
    let server_of = server([Answer::Hang, Answer::Hang, Answer::Hang, Answer::Hang]).await;
    let begun = Instant::now();
    let why = tell(&server_of).await.unwrap_err().message;
    let took = begun.elapsed();
    assert!(took > Duration::from_secs(9) && took < Duration::from_secs(14), "{took:?}");
    assert!(why.contains("in time") || why.contains("within 13 seconds"), "{why}");
}

#[tokio::test]
async fn a_refused_connection_is_reported_with_the_host() {
    let server_of = Server::start([]).await;
    server_of.secret("keyrot/slack", &format!("http://127.0.0.1:9{PATH}"));
    let why = tell(&server_of).await.unwrap_err().message;
    assert!(
        why.starts_with("127.0.0.1:9: no connection to the server: it refused it")
            && why.ends_with("(4 attempts)"),
        "{why}"
    );
}

#[tokio::test]
async fn an_unusable_url_is_refused_without_showing_it() {
    for (text, expected) in [
        ("hooks.slack.com/services/T00000000", "is not a URL: expected https://"),
        ("http://hooks.slack.com/services/T00000000", "another scheme than https://"),
        ("https://u:T00000000@host/x", "without user and password"),
        ("https:///T00000000", "is not a URL that can be used"),
        (
            r#"{"url": "https://x/T00000000"}"#,
            "holds a JSON object: name its field, as in secret:keyrot/slack#url",
        ),
        ("  ", "secret:keyrot/slack is empty"),
    ] {
        let server_of = Server::start([]).await;
        server_of.secret("keyrot/slack", text);
        let NotifierError { kind, message: why, .. } = tell(&server_of).await.unwrap_err();
        assert_eq!(kind, NotifierErrorKind::Setup);
        assert!(why.contains(expected) && why.contains("secret:keyrot/slack"), "{why}");
        assert!(server_of.posts().is_empty());
    }
    let error = tell(&Server::start([]).await).await.unwrap_err();
    let of_call =
        error.source().and_then(|source| source.downcast_ref::<CallError>()).map(|call| call.kind);
    assert_eq!(
        (error.kind, of_call),
        (NotifierErrorKind::Setup, Some(ErrorKind::NotFound)),
        "{error:?}"
    );
    let why = error.message;
    assert!(
        why.contains("secretsmanager:GetSecretValue for the secret keyrot/slack failed"),
        "{why}"
    );
}

#[tokio::test]
async fn a_field_of_a_json_secret_is_taken_alone() {
    let server = Server::start([]).await;
    server.secret("chat", &format!(r#"{{"other": "T0-other", "url": "{}{PATH}"}}"#, server.url));
    notifier("slack secret:chat#url", &server.url).await.finished(&report()).await.unwrap();
    assert_eq!(server.posts()[0].path, PATH);
    for (spec, expected) in [
        ("slack secret:chat#URL", "secret:chat#URL: the JSON object has no such field"),
        ("slack ssm:missing", "ssm:GetParameter for missing failed: ParameterNotFound"),
    ] {
        let why = notifier(spec, &server.url).await.finished(&report()).await.unwrap_err().message;
        assert!(why.contains(expected) && !why.contains("T0-other"), "{why}");
    }
}

#[tokio::test]
async fn nothing_shows_what_was_read() {
    let server = server([]).await;
    let aws = aws(&server.url, caller("AKIAIOSFODNN7EXAMPLE")).await;
    let channels = channels("slack secret:keyrot/slack", &aws);
    channels.for_run(&[chosen("ci")])[0].finished(&report()).await.unwrap();
    assert_eq!(format!("{channels:?}"), r#"["slack"]"#);
}

#[tokio::test]
async fn a_variable_is_refused_as_a_place_if_not_allowed() {
    use keyrot_aws::notify::{Channels, FromEnvironment};
    let aws = aws("http://127.0.0.1:9", caller("AKIAIOSFODNN7EXAMPLE")).await;
    for place in ["env:SLACK_URL", "file:/run/keys/slack"] {
        let spec = keyrot_core::settings::NotifySpec::parse(&format!("slack {place}")).unwrap();
        let specs = [spec];
        assert!(Channels::new(&specs, &aws, FromEnvironment::Allowed).is_ok());
        let why = Channels::new(&specs, &aws, FromEnvironment::Refused).unwrap_err().to_string();
        assert!(
            why.contains("the notifier slack is not usable here")
                && why.contains("secret:NAME or ssm:NAME"),
            "{why}"
        );
    }
}

#[tokio::test]
async fn a_parameter_can_be_read_for_other_purposes() {
    let server = Server::start([]).await;
    server.secret("/keyrot/config", "max_age = '60d'");
    let aws = aws(&server.url, caller("AKIAIOSFODNN7EXAMPLE")).await;
    assert_eq!(aws.parameter("/keyrot/config").await.unwrap().expose(), "max_age = '60d'");
    let why = aws.parameter("/keyrot/other").await.unwrap_err();
    assert_eq!((why.kind, why.aws_code()), (ErrorKind::NotFound, Some("ParameterNotFound")));
    assert_eq!(
        why.message,
        "ssm:GetParameter for /keyrot/other failed: ParameterNotFound: no message. Is it in this region and account?"
    );
}
