//! The trail, read with the real SDK.

use super::*;
use aws_sdk_cloudtrail::types::{LookupAttribute, LookupAttributeKey};
use keyrot_core::memory::TrailedUse;

fn trail(emulator: &Emulator) -> aws_sdk_cloudtrail::Client {
    client!(aws_sdk_cloudtrail, emulator, emulator.admin_credentials())
}

fn by(key: LookupAttributeKey, value: &str) -> LookupAttribute {
    LookupAttribute::builder().attribute_key(key).attribute_value(value).build().unwrap()
}

#[tokio::test]
async fn a_users_calls_are_in_the_trail_of_their_region_with_what_made_them() {
    let mut world = world();
    let user = world.add_user("ci", &[]).unwrap();
    let key = world.add_key(&user).unwrap().credentials;
    let emulator = start(world);
    identity(&emulator, &key).await.unwrap();
    // A refused call is also a use.
    let own = client!(aws_sdk_iam, emulator, &key);
    own.list_users().send().await.unwrap_err();
    let of_key = || {
        trail(&emulator)
            .lookup_events()
            .lookup_attributes(by(LookupAttributeKey::AccessKeyId, key.key.as_str()))
    };
    let events = of_key().send().await.unwrap();
    let named = |n: usize| {
        (events.events()[n].event_name().unwrap(), events.events()[n].event_source().unwrap())
    };
    assert_eq!(
        (named(0), named(1)),
        (("ListUsers", "iam.amazonaws.com"), ("GetCallerIdentity", "sts.amazonaws.com"))
    );
    let record = |n: usize| -> serde_json::Value {
        serde_json::from_str(events.events()[n].cloud_trail_event().unwrap()).unwrap()
    };
    assert_eq!(
        (&record(0)["errorCode"], &record(0)["awsRegion"]),
        (&"AccessDenied".into(), &"eu-west-1".into())
    );
    assert_eq!(
        (record(1).get("errorCode"), &record(1)["sourceIPAddress"]),
        (None, &"127.0.0.1".into())
    );
    assert!(record(1)["userAgent"].as_str().unwrap().contains("aws-sdk-rust"), "{}", record(1));
    // Another region has its own trail.
    let config = trail(&emulator).config().to_builder().region(Region::new("us-east-1")).build();
    let there = aws_sdk_cloudtrail::Client::from_conf(config).lookup_events();
    let there = there
        .lookup_attributes(by(LookupAttributeKey::AccessKeyId, key.key.as_str()))
        .send()
        .await
        .unwrap();
    assert!(there.events().is_empty());
    // A caller without the permission reads no trail.
    let denied = client!(aws_sdk_cloudtrail, emulator, &key).lookup_events().send().await;
    assert_eq!(refused(denied), says("AccessDeniedException", 400));
}

#[tokio::test]
async fn pages_times_and_refusals() {
    let mut world = world();
    let user = world.add_user("ci", &[]).unwrap();
    let key = world.add_key(&user).unwrap().credentials.key;
    for _ in 0..120 {
        let what = TrailedUse {
            service: "s3",
            action: "ListBuckets",
            region: "eu-west-1",
            address: "192.0.2.1",
            agent: "a",
            error: None,
            role: None,
        };
        world.note_use(&key, &what);
        world.advance(Duration::from_secs(60));
    }
    let emulator = start(world);
    let of_key = || {
        trail(&emulator)
            .lookup_events()
            .lookup_attributes(by(LookupAttributeKey::AccessKeyId, key.as_str()))
    };
    let mut sizes = Vec::new();
    let mut times = Vec::new();
    let mut next = None;
    loop {
        let page = of_key().set_next_token(next).send().await.unwrap();
        sizes.push(page.events().len());
        times.extend(page.events().iter().map(|event| event.event_time().unwrap().secs()));
        next = page.next_token;
        if next.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [50, 50, 20]);
    assert!(times.is_sorted_by(|a, b| a > b), "the newest comes first");
    let at = |seconds| aws_smithy_types::DateTime::from_secs(seconds);
    let some = of_key().start_time(at(times[9])).end_time(at(times[5])).send().await.unwrap();
    assert_eq!(some.events().len(), 5);
    assert_eq!(
        refused(of_key().max_results(51).send().await),
        says("InvalidMaxResultsException", 400)
    );
    assert_eq!(
        refused(of_key().next_token("x").send().await),
        says("InvalidNextTokenException", 400)
    );
    let backwards = of_key().start_time(at(times[0])).end_time(at(times[9])).send().await;
    assert_eq!(refused(backwards), says("InvalidTimeRangeException", 400));
    let by_name = trail(&emulator)
        .lookup_events()
        .lookup_attributes(by(LookupAttributeKey::Username, "ci"))
        .send()
        .await;
    assert_eq!(refused(by_name), says("InvalidLookupAttributesException", 400));
    let stats = emulator.stats();
    assert_eq!(
        stats.log[0].subject.as_deref(),
        Some("ci"),
        "the log says whose key was asked about"
    );
}
