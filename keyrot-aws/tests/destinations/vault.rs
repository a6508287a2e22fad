//! Secrets in Vault and OpenBao.

use super::destination;
use super::rules::{credentials, delivery, keeps_the_rules, silent};
use super::server::{Fault, Server};
use super::vault_server::{TOKEN, Vault};
use keyrot_aws::notify::FromEnvironment;
use keyrot_core::model::{Found, Holds};
use keyrot_core::ports::Destination;
use keyrot_core::{Effect, ErrorKind};
use serde_json::json;
use std::sync::Arc;

const PLACE: &str = "ci/shop/aws";
const BY_TOKEN: &str = "token = 'ssm:/keyrot/vault'";
const BY_ROLE: &str = "role = 'keyrot'";

async fn lab() -> Server<Vault> {
    let server = Server::start(Vault::new()).await;
    server.lock().parameters.put("/keyrot/vault", "SecureString", TOKEN);
    server
}

async fn secrets(server: &Server<Vault>, more: &str) -> Arc<dyn Destination> {
    let more = format!("url = '{}'\n{more}", server.url);
    destination("vault", PLACE, &more, &server.url).await
}

#[tokio::test]
async fn it_follows_the_rules_with_a_token_and_with_a_role() {
    for more in [BY_TOKEN, BY_ROLE] {
        let server = lab().await;
        let to = secrets(&server, more).await;
        let foreign = server.clone();
        keeps_the_rules(&*to, PLACE, || {
            foreign.lock().service.put(PLACE, json!({ "password": "theirs" }));
        })
        .await;
    }
}

#[tokio::test]
async fn it_has_only_the_fields_of_the_secret() {
    let server = lab().await;
    let to = secrets(&server, BY_TOKEN).await;
    let first = to.deliver(PLACE, &delivery(1, None)).await.unwrap();
    {
        let inner = server.lock();
        let key = credentials(1);
        assert_eq!(
            inner.service.secrets[PLACE][0].data,
            json!({ "AccessKeyId": key.key.as_str(), "SecretAccessKey": key.secret.expose() })
        );
    }
    // The same key again uses up no version.
    to.deliver(PLACE, &delivery(1, first.mark())).await.unwrap();
    assert_eq!(server.lock().service.secrets[PLACE].len(), 1);
    let Found::Copy { mark, written: Some(written), .. } = first else { panic!("{first:?}") };
    assert_eq!((mark.as_str(), written.timestamp_subsec_nanos()), ("1", 945_319_214));
}

/// The key is the same, but the settings add an SMTP password, or another writer added a field.
#[tokio::test]
async fn a_value_with_other_fields_is_replaced() {
    let server = lab().await;
    let to = secrets(&server, BY_TOKEN).await;
    let first = to.deliver(PLACE, &delivery(1, None)).await.unwrap();
    let text = format!(
        "[[destination]]\nname = 'x'\nkind = 'vault'\nusers = ['ci']\nto = '{PLACE}'\nurl = '{}'\n{BY_TOKEN}\n",
        server.url
    );
    let aws = super::aws_with_smtp(&server.url).await;
    let all = aws.destinations(&super::settings(&text), FromEnvironment::Refused).unwrap();
    let with_smtp = all.into_values().next().unwrap();
    let second = with_smtp.deliver(PLACE, &delivery(1, first.mark())).await.unwrap();
    let last =
        |server: &Server<Vault>| server.lock().service.secrets[PLACE].last().unwrap().data.clone();
    assert!(last(&server)["SmtpPassword_eu-west-1"].is_string());
    assert_ne!(second.mark(), first.mark());
    with_smtp.deliver(PLACE, &delivery(1, second.mark())).await.unwrap();
    assert_eq!(server.lock().service.secrets[PLACE].len(), 2, "the same value again");
    to.deliver(PLACE, &delivery(1, second.mark())).await.unwrap();
    assert!(last(&server)["SmtpPassword_eu-west-1"].is_null(), "a value is replaced as a whole");
}

#[tokio::test]
async fn a_token_in_a_file_is_read_again_when_it_is_refused() {
    let server = lab().await;
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("vault-token");
    let more = format!("token = 'file:{}'", file.display());
    let text = format!("url = '{}'\n{more}", server.url);
    let text = format!(
        "[[destination]]\nname = 'x'\nkind = 'vault'\nusers = ['ci']\nto = '{PLACE}'\n{text}\n"
    );
    let (aws, settings) = (super::aws(&server.url).await, super::settings(&text));
    let all = aws.destinations(&settings, FromEnvironment::Allowed).unwrap();
    let to = all.into_values().next().unwrap();
    let _ = std::fs::remove_file(&file);
    let error = to.inspect(PLACE).await.unwrap_err();
    assert!(silent(&error).contains("vault-token cannot be read: entity not found"), "{error}");
    std::fs::write(&file, "hvs.old\n").unwrap();
    let error = to.inspect(PLACE).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied);
    silent(&error);
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    to.inspect(PLACE).await.unwrap();
    let folder = std::fs::remove_file(&file).and_then(|()| std::fs::create_dir(&file));
    folder.unwrap();
    server.lock().service.token = "hvs.new".to_owned();
    let error = to.inspect(PLACE).await.unwrap_err();
    assert!(silent(&error).contains("is not a file of at most 64 KiB"), "{error}");
    std::fs::remove_dir(&file).unwrap();
}

#[tokio::test]
async fn a_namespace_and_another_mount_are_part_of_the_path() {
    let server = lab().await;
    server.lock().service.base = "/v1/team/a/";
    let to = secrets(&server, &format!("{BY_TOKEN}\nnamespace = 'team/a'")).await;
    to.deliver(PLACE, &delivery(1, None)).await.unwrap();
    let to = secrets(&server, &format!("{BY_TOKEN}\nnamespace = 'team/a'\nmount = 'kv'")).await;
    let error = to.inspect(PLACE).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(silent(&error).contains("no KV engine of version 2 at kv"), "{error}");
}

#[tokio::test]
async fn an_engine_without_versions_gets_no_key() {
    for options in [json!(null), json!({ "version": "1" })] {
        let server = lab().await;
        server.lock().service.options = options;
        let to = secrets(&server, BY_TOKEN).await;
        for error in [
            to.inspect(PLACE).await.unwrap_err(),
            to.deliver(PLACE, &delivery(1, None)).await.unwrap_err(),
        ] {
            assert_eq!((error.kind, error.effect), (ErrorKind::NotFound, Effect::None));
            assert!(silent(&error).contains("is not a KV engine of version 2"), "{error}");
        }
        assert_eq!(server.count("POST"), 0);

        // If the mount is not shown, the answer to the write shows the version.
        server.lock().service.hides_mounts = true;
        assert_eq!(to.inspect(PLACE).await.unwrap(), Found::Nothing);
        let error = to.deliver(PLACE, &delivery(1, None)).await.unwrap_err();
        assert_eq!((error.kind, error.effect), (ErrorKind::Other, Effect::Unknown));
        let said = silent(&error);
        assert!(said.contains("it stored the key without a condition"), "{said}");
        assert!(said.contains("vault delete secret/data/ci/shop/aws"), "{said}");
        // It is not written again.
        for hides in [true, false] {
            server.lock().service.hides_mounts = hides;
            let error = to.inspect(PLACE).await.unwrap_err();
            assert_eq!(error.effect, Effect::None);
            assert!(silent(&error).contains("KV engine of version"), "{error}");
        }
        assert_eq!(server.count("POST"), 1);
    }
    // A path within an engine is not a mount.
    let server = lab().await;
    let to = secrets(&server, &format!("{BY_TOKEN}\nmount = 'secret/team'")).await;
    let error = to.inspect(PLACE).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(silent(&error).contains("the KV engine there is mounted at secret/"), "{error}");
}

#[tokio::test]
async fn a_mount_that_is_not_shown_does_not_stop_a_delivery() {
    for more in [BY_TOKEN, BY_ROLE] {
        let server = lab().await;
        server.lock().service.hides_mounts = true;
        let to = secrets(&server, more).await;
        let first = to.deliver(PLACE, &delivery(1, None)).await.unwrap();
        to.deliver(PLACE, &delivery(2, first.mark())).await.unwrap();
        assert_eq!(server.lock().service.secrets[PLACE].len(), 2);
    }
}

#[tokio::test]
async fn a_node_that_is_behind_is_asked_again() {
    let server = lab().await;
    let to = secrets(&server, BY_ROLE).await;
    let behind = || Fault::Instead(412, "", r#"{"errors":["required index state not present"]}"#);
    server.fail("GET /v1/secret", behind());
    server.fail("POST /v1/secret", behind());
    let first = to.deliver(PLACE, &delivery(1, None)).await.unwrap();
    assert_eq!(server.count("POST /v1/secret"), 2);
    // It has not started on the write.
    for _ in 0..4 {
        server.fail("POST /v1/secret", behind());
    }
    let error = to.deliver(PLACE, &delivery(2, first.mark())).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Unavailable, Effect::None));
    assert!(silent(&error).contains("does not have the newest data yet"), "{error}");
}

/// The last version was deleted, or it has expired (`delete_version_after`).
#[tokio::test]
async fn a_deleted_secret_holds_nothing_and_keeps_its_versions() {
    let server = lab().await;
    let to = secrets(&server, BY_TOKEN).await;
    let first = to.deliver(PLACE, &delivery(1, None)).await.unwrap();
    server.lock().service.secrets.get_mut(PLACE).unwrap()[0].is_deleted = true;
    assert_eq!(to.inspect(PLACE).await.unwrap(), Found::Nothing);
    let error = to.deliver(PLACE, &delivery(2, first.mark())).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Conflict, Effect::None), "{error}");
    let second = to.deliver(PLACE, &delivery(2, None)).await.unwrap();
    assert_eq!(second.mark().unwrap().as_str(), "2");
    assert_eq!(server.lock().service.secrets[PLACE].len(), 2);
}

/// Vault's rate limit quotas name no time by default.
#[tokio::test]
async fn a_limit_that_names_no_time_is_a_matter_of_pace() {
    let server = lab().await;
    let to = secrets(&server, BY_TOKEN).await;
    to.inspect(PLACE).await.unwrap();
    server.lock().service.quota = Some(10);
    let begin = std::time::Instant::now();
    let places: Vec<String> = (0..40).map(|n| format!("ci/shop/{n}")).collect();
    let all = places.iter().map(|place| async {
        to.deliver(place, &delivery(1, None)).await.map_err(|error| error.to_string())
    });
    let delivered = futures_util::future::join_all(all).await;
    let failed: Vec<_> = delivered.iter().filter_map(|one| one.as_ref().err()).collect();
    assert!(failed.is_empty(), "{failed:?}");
    // Each is at least two requests, at ten a second.
    assert!(begin.elapsed() > std::time::Duration::from_secs(4), "{:?}", begin.elapsed());
    assert!(server.lock().service.refused < 40, "{}", server.lock().service.refused);
}

#[tokio::test]
async fn a_new_engine_and_a_sealed_server() {
    let server = lab().await;
    let to = secrets(&server, BY_TOKEN).await;
    let upgrading = r#"{"errors":["Upgrading from non-versioned to versioned data. This backend will be unavailable for a brief period and will resume service shortly."]}"#;
    server.fail("GET /v1/secret", Fault::Instead(400, "", upgrading));
    server.fail("POST /v1/secret", Fault::Instead(400, "", upgrading));
    to.deliver(PLACE, &delivery(1, None)).await.unwrap();
    for _ in 0..4 {
        server.fail("GET", Fault::Instead(503, "", r#"{"errors":["Vault is sealed"]}"#));
    }
    let error = to.inspect(PLACE).await.unwrap_err();
    assert!(silent(&error).contains("HTTP 503: it is sealed; unseal it"), "{error}");
}

#[tokio::test]
async fn a_write_in_between_is_refused_by_the_server_itself() {
    let server = lab().await;
    let to = secrets(&server, BY_TOKEN).await;
    let first = to.deliver(PLACE, &delivery(1, None)).await.unwrap();
    // Something else writes after keyrot's read.
    let error = r#"{"errors":["check-and-set parameter did not match the current version"]}"#;
    server.fail("POST /v1/secret", Fault::Instead(400, "", error));
    let error = to.deliver(PLACE, &delivery(2, first.mark())).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Conflict, Effect::None));
    assert!(silent(&error).contains("version 1 is not the last one"), "{error}");
    // A refusal for another reason is not a conflict.
    server.fail("POST /v1/secret", Fault::Instead(400, "", r#"{"errors":["bad"]}"#));
    let error = to.deliver(PLACE, &delivery(2, first.mark())).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Other, Effect::None));
    silent(&error);
}

#[tokio::test]
async fn a_write_with_a_lost_answer_is_left_open_and_not_repeated() {
    for fault in [Fault::LostReply, Fault::Dropped, Fault::Instead(503, "", "")] {
        let server = lab().await;
        let to = secrets(&server, BY_TOKEN).await;
        server.fail("POST /v1/secret", fault);
        let error = to.deliver(PLACE, &delivery(1, None)).await.unwrap_err();
        assert_eq!((error.kind, error.effect), (ErrorKind::Unavailable, Effect::Unknown));
        assert_eq!(server.count("POST /v1/secret"), 1);
        silent(&error);
        let seen = to.inspect(PLACE).await.unwrap();
        let found = to.deliver(PLACE, &delivery(1, seen.mark())).await.unwrap();
        assert!(matches!(found, Found::Copy { holds: Holds::Key(_), .. }), "{found:?}");
        assert_eq!(server.lock().service.secrets[PLACE].len(), 1);
    }
}

#[tokio::test]
async fn a_login_is_kept_while_it_lasts_and_renewed_when_it_is_refused() {
    let server = lab().await;
    server.lock().service.server_id = Some("vault.example.com");
    let to = secrets(&server, &format!("{BY_ROLE}\nserver_id = 'vault.example.com'")).await;
    to.deliver(PLACE, &delivery(1, None)).await.unwrap();
    to.inspect(PLACE).await.unwrap();
    assert_eq!(server.lock().service.logins.len(), 1);
    // The login was revoked.
    server.lock().service.token = "hvs.other".to_owned();
    to.inspect(PLACE).await.unwrap();
    assert_eq!(server.lock().service.logins.len(), 2);
    // A login that expires immediately is used only once.
    server.lock().service.lease = 0;
    server.lock().service.token = "hvs.other".to_owned();
    to.inspect(PLACE).await.unwrap();
    to.inspect(PLACE).await.unwrap();
    assert_eq!(server.lock().service.logins.len(), 4);
    let inner = server.lock();
    for login in &inner.service.logins {
        assert!(!format!("{login:?}").contains("caller-secret"), "the signature, and not the key");
    }
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let server = lab().await;
    server.lock().service.server_id = Some("vault.example.com");
    let to = secrets(&server, BY_ROLE).await;
    let error = to.inspect(PLACE).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Denied, Effect::None));
    assert!(silent(&error).contains("check bound_iam_principal_arn, and server_id"), "{error}");
    // The answer for a missing auth method is the same as for a missing token.
    let to = secrets(&server, &format!("{BY_ROLE}\nauth_mount = 'other'")).await;
    let error = to.inspect(PLACE).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Denied, Effect::None));
    assert!(silent(&error).contains("has to be mounted there (`auth_mount`)"), "{error}");
    server.fail("POST /v1/auth", Fault::Instead(307, "location: https://other\r\n", ""));
    let error = to.inspect(PLACE).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Other, Effect::None));
    assert!(silent(&error).contains("set `url` to the active node"), "{error}");

    server.lock().parameters.put("/keyrot/vault", "SecureString", "hvs.wrong");
    let to = secrets(&server, BY_TOKEN).await;
    let error = to.inspect(PLACE).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Denied, Effect::None));
    let said = silent(&error);
    assert!(said.contains("the token (ssm:/keyrot/vault) is not valid"), "{said}");
    assert!(said.contains("create, read and update on secret/data/ci/shop/aws"), "{said}");
    assert!(!said.contains("hvs."), "{said}");
    // The token was replaced, so it is read again.
    server.lock().parameters.put("/keyrot/vault", "SecureString", TOKEN);
    to.inspect(PLACE).await.unwrap();

    for (fault, kind, says) in [
        (Fault::Instead(200, "", "<html>"), ErrorKind::Other, "cannot be read"),
        (Fault::Instead(307, "", ""), ErrorKind::Other, "set `url` to the active node"),
        (Fault::Instead(429, "retry-after: 3600\r\n", ""), ErrorKind::Throttled, "too many"),
    ] {
        server.fail("GET", fault);
        let error = to.inspect(PLACE).await.unwrap_err();
        assert_eq!((error.kind, error.effect), (kind, Effect::None), "{error}");
        assert!(silent(&error).contains(says), "{error}");
    }
}
