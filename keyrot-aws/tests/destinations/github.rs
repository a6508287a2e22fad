//! Secrets of GitHub Actions.

use super::destination;
use super::github_server::{GitHub, TOKEN};
use super::rules::{credentials, delivery, keeps_the_rules, silent};
use super::server::{Fault, Server};
use keyrot_core::model::{Found, Holds};
use keyrot_core::ports::Destination;
use keyrot_core::{Effect, ErrorKind};
use std::sync::Arc;

const REPOSITORY: &str = "/repos/acme/shop/actions/secrets";
const ID: &str = "AWS_ACCESS_KEY_ID";
const SECRET: &str = "AWS_SECRET_ACCESS_KEY";

/// Returns a GitHub server with one place, and with its token in an SSM parameter.
async fn hub(path: &str) -> Server<GitHub> {
    let server = Server::start(GitHub::with(path)).await;
    server.lock().parameters.put("/keyrot/github", "SecureString", TOKEN);
    server
}

async fn secrets(server: &Server<GitHub>, to: &str) -> Arc<dyn Destination> {
    let more = format!("token = 'ssm:/keyrot/github'\nurl = '{}'", server.url);
    destination("github", to, &more, &server.url).await
}

async fn dependabot(server: &Server<GitHub>, to: &str) -> Arc<dyn Destination> {
    let more =
        format!("token = 'ssm:/keyrot/github'\nurl = '{}'\nstore = 'dependabot'", server.url);
    destination("github", to, &more, &server.url).await
}

fn both(n: usize) -> Vec<(String, String)> {
    let credentials = credentials(n);
    vec![
        (ID.to_owned(), credentials.key.to_string()),
        (SECRET.to_owned(), credentials.secret.expose().to_owned()),
    ]
}

#[tokio::test]
async fn it_follows_the_rules_at_each_kind_of_place() {
    for (path, place) in [
        (REPOSITORY, "acme/shop"),
        ("/repos/acme/shop/environments/live%2Feu%201/secrets", "acme/shop:live/eu 1"),
        ("/orgs/acme/actions/secrets", "acme"),
        ("/repos/acme/shop/dependabot/secrets", "acme/shop"),
        ("/orgs/acme/dependabot/secrets", "acme"),
    ] {
        let server = hub(path).await;
        let to = match path.contains("dependabot") {
            true => dependabot(&server, place).await,
            false => secrets(&server, place).await,
        };
        let foreign = server.clone();
        keeps_the_rules(&*to, place, || foreign.lock().service.foreign(SECRET)).await;
        assert_eq!(server.lock().service.values(), both(3), "opened with the private key");
    }
}

#[tokio::test]
async fn one_secret_holds_both_halves() {
    let server = hub(REPOSITORY).await;
    let more = format!(
        "token = 'ssm:/keyrot/github'\nurl = '{}'\nfile_name = 'AWS_CREDENTIALS'",
        server.url
    );
    let to = destination("github", "acme/shop", &more, &server.url).await;
    let foreign = server.clone();
    let theirs = || foreign.lock().service.foreign("AWS_CREDENTIALS");
    keeps_the_rules(&*to, "acme/shop", theirs).await;
    let credentials = credentials(3);
    let file = format!(
        "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        credentials.key,
        credentials.secret.expose()
    );
    let values = server.lock().service.values();
    assert_eq!(values, [("AWS_CREDENTIALS".to_owned(), file)]);

    // There is no broken pair, because a refused write changed nothing.
    let seen = to.inspect("acme/shop").await.unwrap();
    server.fail("PUT", Fault::Instead(403, "", "{}"));
    let error = to.deliver("acme/shop", &delivery(4, seen.mark())).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Denied, Effect::None), "{error}");
    assert_eq!(to.inspect("acme/shop").await.unwrap(), seen);
}

#[tokio::test]
async fn a_value_is_sealed_again_when_github_has_another_key() {
    let server = hub(REPOSITORY).await;
    let to = secrets(&server, "acme/shop").await;
    // GitHub's public key changes after it was read.
    let old = {
        let mut inner = server.lock();
        let place = inner.service.place();
        let old = serde_json::json!({ "key_id": place.key_id, "key": "2Sg8iYjAxxmI2LvUXpJjkYrMxURPc8r+dB7TJyvvcCU=" });
        place.rotate();
        Box::leak(old.to_string().into_boxed_str())
    };
    server.fail("GET /repos/acme/shop/actions/secrets/AWS", Fault::Instead(404, "", ""));
    server.fail("public-key", Fault::Instead(200, "", old));
    server.fail("public-key", Fault::Instead(200, "", old));
    to.deliver("acme/shop", &delivery(1, None)).await.unwrap();
    assert_eq!(server.lock().service.values(), both(1));
    assert_eq!(server.count("PUT"), 3, "one was refused");

    // If GitHub refuses again and its public key is the same, the key is not the cause.
    server.fail("PUT", Fault::Instead(422, "", "{}"));
    let seen = to.inspect("acme/shop").await.unwrap();
    let error = to.deliver("acme/shop", &delivery(2, seen.mark())).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Other, Effect::None));
    assert!(silent(&error).contains("HTTP 422"), "{error}");
}

#[tokio::test]
async fn half_a_pair_is_detected_and_completed() {
    let server = hub(REPOSITORY).await;
    let to = secrets(&server, "acme/shop").await;
    server.fail("PUT /repos/acme/shop/actions/secrets/AWS_SECRET", Fault::Instead(403, "", "{}"));
    let error = to.deliver("acme/shop", &delivery(1, None)).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Denied, Effect::Unknown));
    assert!(silent(&error).contains("(after AWS_ACCESS_KEY_ID was written)"), "{error}");
    let half = to.inspect("acme/shop").await.unwrap();
    assert!(matches!(half, Found::Copy { holds: Holds::Other, .. }), "{half:?}");
    let found = to.deliver("acme/shop", &delivery(1, half.mark())).await.unwrap();
    assert!(matches!(found, Found::Copy { holds: Holds::NotShown, .. }));
    assert_eq!(server.lock().service.values(), both(1));
    // It shows in the marks, too.
    server.fail("PUT /repos/acme/shop/actions/secrets/AWS_SECRET", Fault::Instead(403, "", "{}"));
    to.deliver("acme/shop", &delivery(2, found.mark())).await.unwrap_err();
    assert_ne!(to.inspect("acme/shop").await.unwrap().mark(), found.mark());
}

#[tokio::test]
async fn a_request_with_a_lost_answer_is_retried() {
    let server = hub(REPOSITORY).await;
    let to = secrets(&server, "acme/shop").await;
    server.fail("PUT", Fault::LostReply);
    server.fail("PUT", Fault::Instead(502, "", ""));
    server.fail("GET", Fault::Dropped);
    to.deliver("acme/shop", &delivery(1, None)).await.unwrap();
    assert_eq!(server.lock().service.values(), both(1));
}

#[tokio::test]
async fn after_a_lost_answer_a_refusal_leaves_the_effect_unknown() {
    let server = hub(REPOSITORY).await;
    let to = secrets(&server, "acme/shop").await;
    server.fail("PUT", Fault::LostReply);
    server.fail("PUT", Fault::Instead(403, "", "{}"));
    let error = to.deliver("acme/shop", &delivery(1, None)).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Denied, Effect::Unknown), "{error}");
    assert_eq!(server.lock().service.values(), both(1)[..1]);
    // A refused token in between does not change that.
    let seen = to.inspect("acme/shop").await.unwrap();
    server.fail("PUT", Fault::LostReply);
    server.fail("PUT", Fault::Instead(401, "", "{}"));
    server.fail("PUT", Fault::Instead(403, "", "{}"));
    server.lock().parameters.put("/keyrot/github", "SecureString", "ghp_another");
    let error = to.deliver("acme/shop", &delivery(2, seen.mark())).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Denied, Effect::Unknown), "{error}");
    silent(&error);
}

#[tokio::test]
async fn a_write_by_something_else_at_the_same_time_is_detected() {
    let server = hub(REPOSITORY).await;
    let to = secrets(&server, "acme/shop").await;
    let first = to.deliver("acme/shop", &delivery(1, None)).await.unwrap();
    // Something else writes after keyrot's own write, before keyrot reads again.
    let date = "date: Fri, 15 Jan 2027 08:00:00 GMT\r\n";
    server.fail("PUT /repos/acme/shop/actions/secrets/AWS_ACCESS", Fault::Instead(204, date, ""));
    let error = to.deliver("acme/shop", &delivery(2, first.mark())).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Conflict, Effect::Unknown), "{error}");
    assert!(
        silent(&error).contains("AWS_ACCESS_KEY_ID was changed at 2027-01-15T08:00:10Z"),
        "{error}"
    );
    // GitHub accepts the write, but does not show it afterwards.
    let date = "date: Fri, 15 Jan 2027 08:05:00 GMT\r\n";
    server.fail("PUT /repos/acme/shop/actions/secrets/AWS_ACCESS", Fault::Instead(204, date, ""));
    let seen = to.inspect("acme/shop").await.unwrap();
    let error = to.deliver("acme/shop", &delivery(2, seen.mark())).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::NoEffect, Effect::Unknown), "{error}");
}

/// A foreign write is not overwritten while a delivery waits because of GitHub's limit.
#[tokio::test]
async fn a_write_by_something_else_during_the_wait_for_the_limit_is_detected() {
    let server = hub(REPOSITORY).await;
    let to = secrets(&server, "acme/shop").await;
    let mut mark = None;
    for n in 1..=4 {
        let found = to.deliver("acme/shop", &delivery(n, mark.as_ref())).await.unwrap();
        mark = found.mark().cloned();
    }
    let puts = server.count("PUT");
    let next = delivery(5, mark.as_ref());
    let foreign = async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        assert_eq!(server.count("PUT"), puts, "it waits");
        server.lock().service.foreign(SECRET);
    };
    let (delivered, ()) = tokio::join!(to.deliver("acme/shop", &next), foreign);
    let error = delivered.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Conflict, Effect::None), "{error}");
    assert_eq!(server.count("PUT"), puts);
}

#[tokio::test]
async fn an_organizations_secret_keeps_who_may_use_it() {
    let server = hub("/orgs/acme/actions/secrets").await;
    let to = secrets(&server, "acme").await;
    keeps_who_may_use_it(&server, &*to).await;
    let server = hub("/orgs/acme/dependabot/secrets").await;
    let to = dependabot(&server, "acme").await;
    keeps_who_may_use_it(&server, &*to).await;
}

async fn keeps_who_may_use_it(server: &Server<GitHub>, to: &dyn Destination) {
    let many: Vec<u64> = (1..=250).collect();
    server.lock().service.place().put(ID, "selected", many.clone());
    server.lock().service.place().put(SECRET, "private", Vec::new());
    let seen = to.inspect("acme").await.unwrap();
    to.deliver("acme", &delivery(1, seen.mark())).await.unwrap();
    {
        let mut inner = server.lock();
        let place = inner.service.place();
        let (id, secret) = (&place.secrets[ID], &place.secrets[SECRET]);
        assert_eq!((id.visibility.as_str(), &id.selected), ("selected", &many));
        assert_eq!((secret.visibility.as_str(), secret.selected.len()), ("private", 0));
    }

    // With an incomplete list, repositories would lose access to the secret.
    let seen = to.inspect("acme").await.unwrap();
    let short = r#"{"total_count":250,"repositories":[]}"#;
    for _ in 0..10 {
        server.fail("AWS_ACCESS_KEY_ID/repositories", Fault::Instead(200, "", short));
    }
    let puts = server.count("PUT");
    let error = to.deliver("acme", &delivery(2, seen.mark())).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Unavailable, Effect::None), "{error}");
    assert!(error.to_string().contains("could not be read as a whole"), "{error}");
    assert_eq!(server.count("PUT"), puts);
}

/// A repository that is deselected between two pages moves all later ones, so one of them is on no
/// page that is read.
#[tokio::test]
async fn a_selection_that_changes_while_it_is_read_takes_no_access() {
    let many: Vec<u64> = (1..=250).collect();
    let without_one: fn(&mut Vec<u64>) = |ids| ids.retain(|id| *id != 5);
    let exchanged: fn(&mut Vec<u64>) = |ids| {
        ids.retain(|id| *id != 5);
        ids.push(251);
    };
    let added: fn(&mut Vec<u64>) = |ids| ids.insert(0, 900);
    for path in ["/orgs/acme/actions/secrets", "/orgs/acme/dependabot/secrets"] {
        for change in [without_one, exchanged, added] {
            let server = hub(path).await;
            let to = match path.contains("dependabot") {
                true => dependabot(&server, "acme").await,
                false => secrets(&server, "acme").await,
            };
            {
                let mut inner = server.lock();
                inner.service.place().put(ID, "selected", many.clone());
                inner.service.place().put(SECRET, "private", Vec::new());
                inner.service.place().changes.push_back(change);
            }
            let seen = to.inspect("acme").await.unwrap();
            to.deliver("acme", &delivery(1, seen.mark())).await.unwrap();
            let mut expected = many.clone();
            change(&mut expected);
            let mut inner = server.lock();
            let mut selected = inner.service.place().secrets[ID].selected.clone();
            selected.sort_unstable();
            expected.sort_unstable();
            assert_eq!(selected, expected);
        }
    }
}

#[tokio::test]
async fn an_organizations_new_secrets_are_available_to_no_repository() {
    let server = hub("/orgs/acme/actions/secrets").await;
    secrets(&server, "acme").await.deliver("acme", &delivery(1, None)).await.unwrap();
    let mut inner = server.lock();
    for secret in inner.service.place().secrets.values() {
        assert_eq!((secret.visibility.as_str(), secret.selected.len()), ("selected", 0));
    }
}

#[tokio::test]
async fn limits_are_waited_for_or_reported() {
    let server = hub(REPOSITORY).await;
    let to = secrets(&server, "acme/shop").await;
    server.fail("PUT", Fault::Instead(403, "retry-after: 1\r\n", "secondary rate limit"));
    server.fail("PUT", Fault::Instead(429, "retry-after: 1\r\n", ""));
    let first = to.deliver("acme/shop", &delivery(1, None)).await.unwrap();
    for limit in [
        Fault::Instead(429, "retry-after: 3600\r\n", ""),
        Fault::Instead(403, "x-ratelimit-remaining: 0\r\nx-ratelimit-reset: 4000000000\r\n", ""),
        Fault::Instead(403, "", r#"{"message":"You have exceeded a secondary rate limit"}"#),
    ] {
        let to = secrets(&server, "acme/shop").await;
        server.fail("PUT", limit);
        let error = to.deliver("acme/shop", &delivery(2, first.mark())).await.unwrap_err();
        assert_eq!((error.kind, error.effect), (ErrorKind::Throttled, Effect::None), "{error}");
        assert!(silent(&error).contains("too many requests"), "{error}");
        // Other deliveries with this account make no requests until the wait is over.
        let requests = server.lock().requests.len();
        let error = to.deliver("acme/shop", &delivery(2, first.mark())).await.unwrap_err();
        assert_eq!((error.kind, error.effect), (ErrorKind::Throttled, Effect::None), "{error}");
        assert!(silent(&error).contains("no request was made"), "{error}");
        assert_eq!(server.lock().requests.len(), requests);
    }
}

#[tokio::test]
async fn a_pair_that_is_half_written_is_completed_through_limits_and_outages() {
    let server = hub(REPOSITORY).await;
    let to = secrets(&server, "acme/shop").await;
    let second = "PUT /repos/acme/shop/actions/secrets/AWS_SECRET_ACCESS_KEY";
    server.fail(second, Fault::Instead(429, "retry-after: 0\r\n", ""));
    for fault in [503, 502, 500] {
        server.fail(second, Fault::Instead(fault, "", ""));
    }
    server.fail(second, Fault::LostReply);
    to.deliver("acme/shop", &delivery(1, None)).await.unwrap();
    assert_eq!(server.lock().service.values(), both(1));
    // Before the first write, the limit on attempts holds.
    let first = "PUT /repos/acme/shop/actions/secrets/AWS_ACCESS_KEY_ID";
    let found = to.inspect("acme/shop").await.unwrap();
    (0..4).for_each(|_| server.fail(first, Fault::Instead(503, "", "")));
    let error = to.deliver("acme/shop", &delivery(2, found.mark())).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
    assert_eq!(server.lock().service.values(), both(1));
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let server = hub(REPOSITORY).await;
    for (place, fault, kind, says) in [
        (
            "acme/shop",
            Some(Fault::Instead(301, "", "")),
            ErrorKind::NotFound,
            "was renamed or moved; set `to`",
        ),
        (
            "acme/shop",
            Some(Fault::Instead(403, "", "{}")),
            ErrorKind::Denied,
            "lacks a permission; it needs the repository permission Secrets",
        ),
        ("acme/shop", Some(Fault::Instead(200, "", "<html>")), ErrorKind::Other, "cannot be read"),
        ("acme/nothing", None, ErrorKind::NotFound, "may not see it; it needs"),
        ("acme/shop:nowhere", None, ErrorKind::NotFound, "permission Environments"),
    ] {
        if let Some(fault) = fault {
            server.fail("GET", fault);
        }
        let to = secrets(&server, place).await;
        let error = to.inspect(place).await.unwrap_err();
        assert_eq!((error.kind, error.effect), (kind, Effect::None), "{error}");
        let said = silent(&error);
        assert!(said.contains(says) && said.contains(&format!("GitHub {place}")), "{said}");
    }

    // A token that was replaced is read again; the place of a wrong token is reported.
    let to = secrets(&server, "acme/shop").await;
    to.inspect("acme/shop").await.unwrap();
    server.lock().service.token = "ghp_another".to_owned();
    let error = to.inspect("acme/shop").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied);
    assert!(silent(&error).contains("put it into ssm:/keyrot/github"), "{error}");
    server.lock().parameters.put("/keyrot/github", "SecureString", "ghp_another");
    to.inspect("acme/shop").await.unwrap();
}
