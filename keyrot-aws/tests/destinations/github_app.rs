//! Authentication as a GitHub App.

use super::destination;
use super::github_server::GitHub;
use super::rules::{delivery, silent};
use super::server::Server;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use keyrot_core::ErrorKind;
use serde_json::Value;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

fn decoded(text: &str) -> Vec<u8> {
    let mut text = text.replace('-', "+").replace('_', "/");
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    aws_smithy_types::base64::decode(text).unwrap()
}

/// Whether the JWT was signed by the App, and is valid now.
fn is_valid(jwt: &str, public_key: &[u8]) -> bool {
    let (signed, signature) = jwt.rsplit_once('.').unwrap();
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public_key);
    let (header, claims) = signed.split_once('.').unwrap();
    let header: Value = serde_json::from_slice(&decoded(header)).unwrap();
    let claims: Value = serde_json::from_slice(&decoded(claims)).unwrap();
    let now = chrono::Utc::now().timestamp();
    let (from, until) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
    key.verify(signed.as_bytes(), &decoded(signature)).is_ok()
        && header["alg"] == "RS256"
        && claims["iss"] == "Iv1.app"
        && from <= now
        && now < until
        && until - from <= 600
}

/// Returns a new private key in PEM, and its public key.
fn generated() -> (String, Vec<u8>) {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let public_key = pair.public_key().as_ref().to_vec();
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let base64 = aws_smithy_types::base64::encode(der.as_ref());
    let lines: Vec<&str> =
        base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let pem =
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"));
    (pem, public_key)
}

/// "Read again when the service refuses it": the key was replaced in its place and at GitHub.
#[tokio::test]
async fn a_replaced_private_key_is_read_again() {
    let (first_pem, first_key) = generated();
    let (second_pem, second_key) = generated();
    let valid = Arc::new(Mutex::new(first_key));
    let mut hub = GitHub::with("/repos/acme/shop/actions/secrets");
    let (given, keys) = (AtomicUsize::new(0), valid.clone());
    hub.app = Some(Box::new(move |jwt| {
        let n = given.fetch_add(1, Ordering::SeqCst);
        is_valid(jwt, &keys.lock().unwrap()).then(|| format!("ghs_token{n}"))
    }));
    let server = Server::start(hub).await;
    let more = format!(
        "app = 'Iv1.app'\ninstallation = '42'\nprivate_key = 'ssm:/keyrot/app'\nurl = '{}'",
        server.url
    );
    let store = |pem: &str| server.lock().parameters.put("/keyrot/app", "SecureString", pem);
    store(&first_pem);
    let to = destination("github", "acme/shop", &more, &server.url).await;
    let found = to.deliver("acme/shop", &delivery(1, None)).await.unwrap();

    // The token ended, and the private key was replaced.
    let end = || server.lock().service.token = "ghs_other".to_owned();
    end();
    valid.lock().unwrap().clone_from(&second_key);
    let error = to.inspect("acme/shop").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied, "{error}");
    assert!(silent(&error).contains("do not fit"), "{error}");
    store(&second_pem);
    let found = to.deliver("acme/shop", &delivery(2, found.mark())).await.unwrap();

    // The text in its place was not a key for a while.
    end();
    valid.lock().unwrap().clear();
    store("no key");
    let error = to.inspect("acme/shop").await.unwrap_err();
    assert!(silent(&error).contains("is not a PEM private key"), "{error}");
    valid.lock().unwrap().clone_from(&second_key);
    store(&second_pem);
    to.deliver("acme/shop", &delivery(3, found.mark())).await.unwrap();
}

#[tokio::test]
async fn an_app_gets_a_token_and_gets_a_new_one_after_a_refusal() {
    let (pem, public_key) = generated();
    let mut hub = GitHub::with("/repos/acme/shop/actions/secrets");
    let given = AtomicUsize::new(0);
    hub.app = Some(Box::new(move |jwt| {
        let n = given.fetch_add(1, Ordering::SeqCst);
        is_valid(jwt, &public_key).then(|| format!("ghs_token{n}"))
    }));
    let server = Server::start(hub).await;
    let more = format!(
        "app = 'Iv1.app'\ninstallation = '42'\nprivate_key = 'ssm:/keyrot/app#pem'\nurl = '{}'",
        server.url
    );
    let kept = serde_json::json!({ "pem": pem }).to_string();
    server.lock().parameters.put("/keyrot/app", "SecureString", &kept);
    let to = destination("github", "acme/shop", &more, &server.url).await;
    let first = to.deliver("acme/shop", &delivery(1, None)).await.unwrap();
    assert_eq!(server.count("access_tokens"), 1, "a token is kept");

    // The token was revoked, so another one is requested.
    server.lock().service.token = "ghs_other".to_owned();
    to.deliver("acme/shop", &delivery(2, first.mark())).await.unwrap();
    assert_eq!(server.count("access_tokens"), 2);

    for (key, says) in [
        ("no key".to_owned(), "is not a PEM private key"),
        (pem.replace("PRIVATE KEY", "RSA PRIVATE KEY"), "is not a PEM private key"),
    ] {
        let kept = serde_json::json!({ "pem": key }).to_string();
        server.lock().parameters.put("/keyrot/app", "SecureString", &kept);
        let to = destination("github", "acme/shop", &more, &server.url).await;
        let error = to.inspect("acme/shop").await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Other);
        let said = silent(&error);
        assert!(said.contains(says) && said.contains("ssm:/keyrot/app#pem"), "{said}");
    }
    let other = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = other.as_der().unwrap();
    let base64 = aws_smithy_types::base64::encode(der.as_ref());
    let kept = serde_json::json!({ "pem": format!("-----BEGIN PRIVATE KEY-----\\n{base64}") });
    server.lock().parameters.put("/keyrot/app", "SecureString", &kept.to_string());
    let to = destination("github", "acme/shop", &more, &server.url).await;
    let error = to.inspect("acme/shop").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied, "{error}");
    assert!(silent(&error).contains("the id and the private key do not fit"), "{error}");
}
