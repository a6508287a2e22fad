use super::{Answer, Script, json, json_error, key, xml};
use keyrot_core::trail::{TrailAsk, TrailPort};
use keyrot_core::{ErrorKind, KeyId, LastUse};
use serde_json::{Value, json};

const RECORDED: &str = include_str!("../trail/fixtures/lookup_events.json");

fn ask(region: &str) -> TrailAsk {
    let key = KeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap();
    TrailAsk { key, region: region.into(), since: "2026-01-01T00:00:00Z".parse().unwrap() }
}

fn recorded() -> Value {
    serde_json::from_str(RECORDED).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_page_is_requested_by_key_in_its_region_and_every_record_is_read() {
    let mut reply = recorded();
    reply["NextToken"] = json!("more");
    let (aws, script) = Script::aws([json(&reply), json(&json!({ "Events": [] }))]).await;
    let page = aws.page(&ask("ap-south-1"), None).await.unwrap();
    assert_eq!((page.events.len(), page.unreadable, page.next.as_deref()), (5, 0, Some("more")));
    let last = aws.page(&ask("ap-south-1"), page.next.as_deref()).await.unwrap();
    assert_eq!((last.events.len(), last.next), (0, None));
    assert_eq!(script.actions(), ["LookupEvents", "LookupEvents"]);
    let requests = script.requests();
    let body: Value = serde_json::from_str(&requests[1].body).unwrap();
    let attributes =
        json!([{ "AttributeKey": "AccessKeyId", "AttributeValue": "AKIAIOSFODNN7EXAMPLE" }]);
    assert_eq!((&body["LookupAttributes"], &body["NextToken"]), (&attributes, &json!("more")));
    assert_eq!((&body["StartTime"], &body["MaxResults"]), (&json!(1_767_225_600), &json!(50)));
    assert!(requests[0].host.starts_with("cloudtrail.ap-south-1."), "{}", requests[0].host);
    assert!(
        requests[0].authorization.contains("/ap-south-1/cloudtrail/"),
        "{}",
        requests[0].authorization
    );
}

#[tokio::test(start_paused = true)]
async fn a_broken_record_is_counted_and_the_others_are_read() {
    let mut reply = recorded();
    reply["Events"][1]["CloudTrailEvent"] = json!("{\"eventVersion\": \"1.11\"");
    reply["Events"][2].as_object_mut().unwrap().remove("CloudTrailEvent");
    let (aws, _) = Script::aws([json(&reply)]).await;
    let page = aws.page(&ask("eu-central-1"), None).await.unwrap();
    assert_eq!((page.events.len(), page.unreadable), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn throttles_and_lost_answers_are_retried_and_a_refusal_names_the_permission() {
    let throttle = || json_error("ThrottlingException", "Rate exceeded");
    let (aws, script) =
        Script::aws([throttle(), Answer::Lost, throttle(), json(&recorded())]).await;
    assert_eq!(aws.page(&ask("eu-central-1"), None).await.unwrap().events.len(), 5);
    assert_eq!(script.actions().len(), 4);
    let denied = "User: arn:aws:sts::123456789012:assumed-role/keyrot/x is not authorized to perform: cloudtrail:LookupEvents because no \
                  identity-based policy allows the cloudtrail:LookupEvents action";
    let (aws, _) = Script::aws([json_error("AccessDeniedException", denied)]).await;
    let error = aws.page(&ask("eu-central-1"), None).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied);
    assert!(error.message.contains("need cloudtrail:LookupEvents"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_regions_are_the_accounts_own_and_the_partitions_home() {
    for (region, expected) in [
        ("eu-central-1", vec!["eu-central-1", "us-east-1"]),
        ("us-east-1", vec!["us-east-1"]),
        ("cn-northwest-1", vec!["cn-northwest-1", "cn-north-1"]),
        ("us-gov-east-1", vec!["us-gov-east-1", "us-gov-west-1"]),
    ] {
        let settings =
            crate::AwsSettings { region: Some(region.into()), ..crate::AwsSettings::default() };
        let (aws, _) = Script::with(settings, []).await;
        assert_eq!(aws.regions(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_keys_record_names_its_user() {
    let used = "<UserName>ci</UserName><AccessKeyLastUsed><LastUsedDate>2026-01-05T03:00:00Z</LastUsedDate>\
                <ServiceName>s3</ServiceName><Region>eu-west-1</Region></AccessKeyLastUsed>";
    let never = "<UserName>ci</UserName><AccessKeyLastUsed><ServiceName>N/A</ServiceName><Region>N/A</Region></AccessKeyLastUsed>";
    let nobody =
        "<AccessKeyLastUsed><ServiceName>N/A</ServiceName><Region>N/A</Region></AccessKeyLastUsed>";
    let answers = [used, never, nobody].map(|inside| xml("GetAccessKeyLastUsed", inside));
    let (aws, _) = Script::aws(answers).await;
    let record = aws.key_record(&key('A')).await.unwrap();
    assert!(record.user.as_str() == "ci" && matches!(record.last_use, LastUse::At { .. }));
    assert_eq!(aws.key_record(&key('A')).await.unwrap().last_use, LastUse::NoRecord);
    assert!(aws.key_record(&key('A')).await.is_err());
}
