//! Variables of GitLab CI/CD.

use super::destination;
use super::gitlab_server::{GitLab, TOKEN};
use super::rules::{SESAME, credentials, delivery, keeps_the_rules, silent};
use super::server::{Fault, Held, Server};
use keyrot_core::model::{Found, Holds};
use keyrot_core::ports::Destination;
use keyrot_core::{Effect, ErrorKind};
use std::sync::Arc;

const GROUP: &str = "/api/v4/groups/acme%2Fshop/variables";
const SCOPED: &str = "level = 'group'\nenvironment_scope = 'production'";
const PROJECT: &str = "/api/v4/projects/acme%2Fshop/variables";

async fn lab(path: &'static str) -> Server<GitLab> {
    let server = Server::start(GitLab::with(path)).await;
    server.lock().parameters.put("/keyrot/gitlab", "SecureString", TOKEN);
    server
}

async fn variables(server: &Server<GitLab>, more: &str) -> Arc<dyn Destination> {
    let more = format!("token = 'ssm:/keyrot/gitlab'\nurl = '{}'\n{more}", server.url);
    destination("gitlab", "acme/shop", &more, &server.url).await
}

#[tokio::test]
async fn it_follows_the_rules_in_a_project_and_in_a_group() {
    for (path, more, scope) in [
        (PROJECT, "environment_scope = 'review/*'", "review/*"),
        (GROUP, "level = 'group'", "*"),
        (GROUP, SCOPED, "production"),
    ] {
        let server = lab(path).await;
        let to = variables(&server, more).await;
        let foreign = server.clone();
        keeps_the_rules(&*to, "acme/shop", || foreign.lock().service.put(scope, "theirs")).await;
    }
}

#[tokio::test]
async fn it_is_a_credentials_file_and_an_existing_variable_keeps_its_settings() {
    let server = lab(PROJECT).await;
    let to = variables(&server, "profile = 'ci'").await;
    // This variable has another scope, and must not be changed.
    server.lock().service.put("production", "other");
    let first = to.deliver("acme/shop", &delivery(1, None)).await.unwrap();
    let mark = first.mark().unwrap().to_string();
    assert!(mark.starts_with(&format!("{}.", credentials(1).key)), "{mark}");
    {
        let mut inner = server.lock();
        let [other, new] = &mut inner.service.all[..] else { panic!() };
        assert_eq!(other.value, "other");
        let expected = format!(
            "[ci]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
            credentials(1).key,
            credentials(1).secret.expose()
        );
        assert_eq!(new.value, expected);
        assert!(new.protected && new.raw && new.kind == "file");
        (new.protected, new.description) = (false, serde_json::json!("mine"));
    }
    let seen = to.inspect("acme/shop").await.unwrap();
    assert_ne!(seen.mark(), first.mark(), "somebody changed its description");
    to.deliver("acme/shop", &delivery(2, seen.mark())).await.unwrap();
    let inner = server.lock();
    let new = &inner.service.all[1];
    assert!(!new.protected && new.raw && new.description == "mine");
    assert_eq!(inner.service.all[0].value, "other");
}

#[tokio::test]
async fn the_mark_identifies_contents_and_does_not_reveal_them() {
    let server = lab(PROJECT).await;
    let to = variables(&server, "").await;
    let file = |id: &str, secret: &str| {
        format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n")
    };
    let (one, two) = ("A".repeat(40), "B".repeat(40));
    let mut marks = std::collections::BTreeSet::new();
    let texts = [
        String::new(),
        "theirs".to_owned(),
        "others!".to_owned(),
        file("AKIAAAAAAAAAAAAAAAAA", &one),
        file("AKIAAAAAAAAAAAAAAAAA", &two),
        file("AKIABBBBBBBBBBBBBBBB", &one),
        format!("{}region = x\n", file("AKIAAAAAAAAAAAAAAAAA", &one)),
        format!("{}region = y\n", file("AKIAAAAAAAAAAAAAAAAA", &one)),
    ];
    for text in &texts {
        server.lock().service.put("*", text);
        let found = to.inspect("acme/shop").await.unwrap();
        let mark = found.mark().unwrap().clone();
        assert!(marks.insert(mark), "{text:?} has the mark of another");
    }
    // For a value that is not a key, the mark contains only the length, so that the value cannot be
    // guessed.
    server.lock().service.put("*", "hunter1");
    let first = to.inspect("acme/shop").await.unwrap();
    server.lock().service.put("*", "hunter2");
    assert_eq!(to.inspect("acme/shop").await.unwrap(), first);
}

#[tokio::test]
async fn a_token_that_cannot_be_sent_is_read_again() {
    let server = lab(PROJECT).await;
    let to = variables(&server, "").await;
    server.lock().parameters.put("/keyrot/gitlab", "SecureString", "glpat-one\nglpat-two");
    let error = to.inspect("acme/shop").await.unwrap_err();
    assert!(silent(&error).contains("the token has characters that cannot be sent"), "{error}");
    server.lock().parameters.put("/keyrot/gitlab", "SecureString", TOKEN);
    to.inspect("acme/shop").await.unwrap();
}

#[tokio::test]
async fn a_variable_deleted_or_created_in_the_meantime_is_not_overwritten() {
    let server = lab(PROJECT).await;
    let to = variables(&server, "").await;
    let first = to.deliver("acme/shop", &delivery(1, None)).await.unwrap();
    server.fail("PUT", Fault::Instead(404, "", "{}"));
    let error = to.deliver("acme/shop", &delivery(2, first.mark())).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Conflict, Effect::None));
    assert!(silent(&error).contains("was deleted meanwhile"), "{error}");

    server.fail("GET", Fault::Instead(404, "", "{}"));
    let error = to.deliver("acme/shop", &delivery(2, None)).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Conflict, Effect::None));
    assert!(silent(&error).contains("was created by something other"), "{error}");

    // GitLab accepts the write, but does not show it afterwards.
    let other = r#"{"variable_type":"file","value":"x","environment_scope":"*"}"#;
    server.fail("PUT", Fault::Instead(200, "", other));
    let error = to.deliver("acme/shop", &delivery(2, first.mark())).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Conflict, Effect::Unknown));
    silent(&error);
}

/// GitLab then changes the group's variable of another scope, and reports success.
#[tokio::test]
async fn a_group_variable_deleted_in_the_meantime_is_named_with_the_one_that_got_the_key() {
    let server = lab(GROUP).await;
    server.lock().service.put("staging", "theirs");
    let to = variables(&server, SCOPED).await;
    let first = to.deliver("acme/shop", &delivery(1, None)).await.unwrap();
    let gate = server.hold(1, Held::Before);
    let (writer, second) = (to.clone(), delivery(2, first.mark()));
    let delivery = tokio::spawn(async move { writer.deliver("acme/shop", &second).await });
    while !gate.is_reached() {
        tokio::task::yield_now().await;
    }
    server.lock().service.all.retain(|one| one.scope == "staging");
    gate.release();
    let error = delivery.await.unwrap().unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Conflict, Effect::Unknown), "{error}");
    let said = silent(&error);
    assert!(said.contains("was deleted meanwhile, and GitLab wrote the key into"), "{said}");
    assert!(said.contains("with the scope staging"), "{said}");
}

#[tokio::test]
async fn a_lost_creation_is_left_open_and_a_lost_change_is_retried() {
    let server = lab(PROJECT).await;
    let to = variables(&server, "").await;
    server.fail("POST", Fault::LostReply);
    let error = to.deliver("acme/shop", &delivery(1, None)).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Unavailable, Effect::Unknown));
    assert_eq!(server.count("POST"), 1);
    let found = to.inspect("acme/shop").await.unwrap();
    assert!(
        matches!(&found, Found::Copy { holds: Holds::Key(key), .. } if *key == credentials(1).key)
    );
    assert_eq!(to.deliver("acme/shop", &delivery(1, found.mark())).await.unwrap(), found);

    server.fail("PUT", Fault::LostReply);
    server.fail("PUT", Fault::Instead(429, "retry-after: 1\r\n", ""));
    to.deliver("acme/shop", &delivery(2, found.mark())).await.unwrap();
}

#[tokio::test]
async fn a_group_that_keeps_no_scopes_gets_no_key() {
    let server = lab(GROUP).await;
    server.lock().service.drops_scopes = true;
    let to = variables(&server, SCOPED).await;
    let refused = async |says: &str| {
        let error = to.deliver("acme/shop", &delivery(1, None)).await.unwrap_err();
        assert_eq!((error.kind, error.effect), (ErrorKind::Other, Effect::None), "{error}");
        let said = silent(&error);
        assert!(said.contains("only with Premium or Ultimate. No key was written"), "{said}");
        assert!(said.contains(says), "{said}");
        for request in &server.lock().requests {
            assert!(!request.body.contains(SESAME), "{}", request.body);
        }
    };
    refused("with a placeholder, and deleted it again").await;
    assert_eq!(server.lock().service.all, []);
    assert_eq!(to.inspect("acme/shop").await.unwrap(), Found::Nothing);

    // It cannot be deleted, or the run ends before that. The next one deletes it.
    server.fail("DELETE", Fault::Instead(403, "", "{}"));
    refused("delete it in GitLab").await;
    assert_eq!(server.lock().service.all.len(), 1);
    refused("with a placeholder, and deleted it again").await;
    assert_eq!(server.lock().service.all, []);

    // A variable of another program stays.
    server.lock().service.put("*", "theirs");
    refused("that keyrot did not create").await;
    assert_eq!(server.lock().service.all[0].value, "theirs");
}

#[tokio::test]
async fn a_placeholder_of_a_run_that_ended_is_an_empty_place() {
    let server = lab(GROUP).await;
    let to = variables(&server, SCOPED).await;
    server.fail("PUT", Fault::Instead(403, "", "{}"));
    to.deliver("acme/shop", &delivery(1, None)).await.unwrap_err();
    assert!(!server.lock().service.all[0].value.contains(SESAME));
    assert_eq!(to.inspect("acme/shop").await.unwrap(), Found::Nothing);
    // While the placeholder is there, outages do not end the delivery.
    for is_there in [true, false] {
        if !is_there {
            server.lock().service.all.clear();
        }
        for fault in [503, 502, 503, 500, 503] {
            server.fail("PUT", Fault::Instead(fault, "retry-after: 0\r\n", ""));
        }
        let found = to.deliver("acme/shop", &delivery(1, None)).await.unwrap();
        assert!(matches!(&found, Found::Copy { holds: Holds::Key(_), .. }), "{found:?}");
        assert_eq!(server.lock().service.all[0].scope, "production");
    }
    // Another program creates it meanwhile.
    server.lock().service.put("production", "theirs");
    server.fail("GET", Fault::Instead(404, "", "{}"));
    let error = to.deliver("acme/shop", &delivery(1, None)).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Conflict, Effect::None));
    assert!(silent(&error).contains("was created by something other"), "{error}");
    assert_eq!(server.lock().service.all[0].value, "theirs");
}

#[tokio::test]
async fn variables_that_cannot_hold_a_file_and_refusals_are_explained() {
    let server = lab(PROJECT).await;
    let to = variables(&server, "").await;
    type Change = fn(&mut super::gitlab_server::Variable);
    let changes: [(Change, &str); 3] = [
        (|one| (one.masked, one.hidden) = (true, true), "is masked or hidden"),
        (|one| one.masked = true, "is masked or hidden"),
        (|one| one.kind = "env_var".to_owned(), "expected type File"),
    ];
    for (change, says) in changes {
        server.lock().service.put("*", "theirs");
        change(&mut server.lock().service.all[0]);
        for error in [
            to.inspect("acme/shop").await.unwrap_err(),
            to.deliver("acme/shop", &delivery(1, None)).await.unwrap_err(),
        ] {
            assert_eq!((error.kind, error.effect), (ErrorKind::Other, Effect::None));
            assert!(silent(&error).contains(says), "{error}");
        }
    }
    server.lock().service.all.clear();
    let elsewhere = r#"{"variable_type":"file","value":"x","environment_scope":"production"}"#;
    for (fault, kind, says) in [
        (Fault::Instead(200, "", elsewhere), ErrorKind::Other, "of another scope"),
        (Fault::Instead(401, "", "{}"), ErrorKind::Denied, "put it into ssm:/keyrot/gitlab"),
        (Fault::Instead(403, "", "{}"), ErrorKind::Denied, "it needs the scope api"),
        (Fault::Instead(302, "", ""), ErrorKind::NotFound, "was renamed or moved"),
        (Fault::Instead(200, "", "<html>"), ErrorKind::Other, "cannot be read"),
    ] {
        server.fail("GET", fault);
        let error = to.inspect("acme/shop").await.unwrap_err();
        assert_eq!((error.kind, error.effect), (kind, Effect::None), "{error}");
        assert!(silent(&error).contains(says), "{error}");
    }
    let nowhere = lab("/api/v4/projects/acme%2Fother/variables").await;
    let error = variables(&nowhere, "").await.inspect("acme/shop").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    // If GitLab's message repeats what was sent, keyrot does not show it.
    server.fail("POST", Fault::Instead(400, "", r#"{"message":"SESAME"}"#));
    silent(&to.deliver("acme/shop", &delivery(1, None)).await.unwrap_err());
}
