//! The signed webhook, as a receiver sees it. The receiver's check is the one in
//! `docs/notifications.md`, in Python.

use super::server::{Answer, Request, Server, ok};
use super::{blocked, deleted, notifier, report};
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER_KEY: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const SPEC: &str = "webhook secret:hook hmac=secret:hmac";

async fn server(answers: impl IntoIterator<Item = Answer>) -> Server {
    let server = Server::start(answers).await;
    server.secret("hook", &format!("{}/keyrot", server.url));
    server.secret("hmac", KEY);
    server
}

/// Whether the program in the documentation accepts the request.
fn accepted(request: &Request, key: &str, later: i64) -> bool {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/notifications.md"))
            .unwrap();
    let program = text.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    let input =
        json!({ "headers": request.headers, "body": request.body, "key": key, "later": later });
    let program = format!(
        "{program}\nimport json, sys, time as clock\ngiven = json.load(sys.stdin)\nnow = clock.time() + given['later']\n\
         print(verify(given['key'], given['headers'], given['body'].encode(), now))"
    );
    let mut python = Command::new("python3")
        .args(["-c", &program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    match String::from_utf8(output.stdout).unwrap().trim() {
        "True" => true,
        "False" => false,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn events_and_the_runs_end_are_posted_and_signed() {
    let server = server([]).await;
    let hook = notifier(SPEC, &server.url).await;
    hook.happened(&[deleted("ci", 1), blocked("ci")]).await.unwrap();
    hook.finished(&report()).await.unwrap();
    let posts = server.posts();
    let bodies: Vec<Value> =
        posts.iter().map(|post| serde_json::from_str(&post.body).unwrap()).collect();
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[0]["schema"], "keyrot.events/2");
    assert_eq!(
        (&bodies[0]["account"], &bodies[0]["region"]),
        (&json!("111122223333"), &json!("us-east-1"))
    );
    assert_eq!(bodies[0]["events"][1]["event"], "blocked");
    assert_eq!(bodies[0]["events"][1]["arn"], "arn:aws:iam::111122223333:user/apps/ci");
    assert!(bodies[0]["run"].is_null() && bodies[1]["events"] == json!([]));
    assert_eq!(bodies[1]["run"]["result"], "blocked");
    assert_eq!(server.secrets_read(), 2, "the URL and the key, once");

    for (post, body) in posts.iter().zip(&bodies) {
        assert_eq!(post.headers["webhook-id"], body["id"].as_str().unwrap());
        assert!(accepted(post, KEY, 0));
        assert!(!accepted(post, OTHER_KEY, 0), "signed by somebody else");
        assert!(!accepted(post, KEY, 600), "a replay, ten minutes later");
        let mut forged = post.clone();
        forged.body.push(' ');
        assert!(!accepted(&forged, KEY, 0), "another body");
        let mut forged = post.clone();
        forged.headers.insert("webhook-id".into(), "msg_other".into());
        assert!(!accepted(&forged, KEY, 0), "another id");
    }
    assert_ne!(posts[0].headers["webhook-id"], posts[1].headers["webhook-id"]);
}

#[tokio::test]
async fn a_url_or_a_key_that_cannot_be_used_is_read_again() {
    let server = server([]).await;
    let hook = notifier(SPEC, &server.url).await;
    server.secret("hmac", "no key");
    hook.happened(&[blocked("ci")]).await.unwrap_err();
    server.secret("hmac", KEY);
    server.secret("hook", "no URL");
    hook.happened(&[blocked("ci")]).await.unwrap_err();
    server.secret("hook", &format!("{}/keyrot", server.url));
    assert!(server.posts().is_empty());
    hook.happened(&[blocked("ci")]).await.unwrap();
    assert!(accepted(&server.posts()[0], KEY, 0));
}

#[tokio::test]
async fn each_attempt_has_the_same_id() {
    let server = server([Answer::Http(500, "", String::new()), ok()]).await;
    notifier(SPEC, &server.url).await.happened(&[blocked("ci")]).await.unwrap();
    let posts = server.posts();
    assert_eq!(posts.len(), 2);
    assert_eq!(posts[0].headers["webhook-id"], posts[1].headers["webhook-id"]);
    assert_eq!(posts[0].body, posts[1].body);
    assert!(posts.iter().all(|post| accepted(post, KEY, 0)));
}

#[tokio::test]
async fn a_key_that_was_changed_is_read_again() {
    let server = server([ok(), Answer::Http(401, "", String::new()), ok()]).await;
    let hook = notifier(SPEC, &server.url).await;
    hook.happened(&[blocked("ci")]).await.unwrap();
    server.secret("hmac", OTHER_KEY);
    hook.happened(&[blocked("ci")]).await.unwrap();
    let posts = server.posts();
    assert_eq!(posts.len(), 3);
    assert!(accepted(&posts[1], KEY, 0) && accepted(&posts[2], OTHER_KEY, 0));
    assert_eq!(posts[1].headers["webhook-id"], posts[2].headers["webhook-id"]);
}

#[tokio::test]
async fn only_events_at_or_above_min_are_posted() {
    let server = server([]).await;
    let hook = notifier(&format!("{SPEC} min=error"), &server.url).await;
    hook.happened(&[deleted("ci", 1)]).await.unwrap();
    assert!(server.posts().is_empty());
    hook.happened(&[deleted("ci", 1), blocked("ci")]).await.unwrap();
    let body: Value = serde_json::from_str(&server.posts()[0].body).unwrap();
    assert_eq!(body["events"].as_array().unwrap().len(), 1);
    let mut quiet = report();
    quiet.users.clear();
    hook.finished(&quiet).await.unwrap();
    assert_eq!(server.posts().len(), 1);
}

#[tokio::test]
async fn an_unusable_signing_key_is_reported_but_not_shown() {
    let server = server([]).await;
    server.secret("hmac", "hunter2");
    let why =
        notifier(SPEC, &server.url).await.happened(&[blocked("ci")]).await.unwrap_err().message;
    assert!(
        why.starts_with("secret:hmac: the key is too short") && !why.contains("hunter2"),
        "{why}"
    );
    assert!(server.posts().is_empty());
}
