//! CloudTrail's event history, as ministack records it.

use crate::account::Account;
use crate::gaps::Gap;
use keyrot_core::IamPort;
use keyrot_core::trail::{TrailBounds, TrailPort, look_up};
use std::io::{Read, Write};
use std::net::TcpStream;

/// ministack records calls only when it is configured to.
fn record(url: &str) {
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let body = r#"{"cloudtrail._recording_enabled": "true"}"#;
    let mut stream = TcpStream::connect(host).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST /_ministack/config HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

pub(crate) async fn a_keys_uses_are_looked_up(account: Account) {
    if account.has(Gap::NoTrail) {
        return;
    }
    record(&account.url);
    let user = account.user("/", "used", &[]).await;
    let key = account.aws.create_key(&user).await.unwrap().credentials;
    let other = account.aws.create_key(&user).await.unwrap().credentials;
    let consumer = account.acting_as(&key).await;
    for _ in 0..3 {
        consumer.caller_identity().await.unwrap();
    }
    account.acting_as(&other).await.caller_identity().await.unwrap();
    let bounds = TrailBounds {
        since: chrono::DateTime::from(std::time::SystemTime::now()) - chrono::TimeDelta::hours(1),
        regions: account.aws.regions(),
        most: 100,
    };
    let evidence = look_up(&account.aws, &key.key, &bounds, &|_, _| {}).await;
    assert_eq!(
        (evidence.events, evidence.unreadable, evidence.is_partial()),
        (3, 0, false),
        "{evidence:#?}"
    );
    let source = &evidence.sources[0];
    assert_eq!((source.address.as_ref().unwrap().as_str(), source.events), ("127.0.0.1", 3));
    assert!(source.agent.as_ref().unwrap().as_str().contains("app/keyrot"), "{source:?}");
    // The action of a Query call has no name in ministack.
    assert_eq!(source.services[0].name.as_str(), "sts");
}
