//! One CloudTrail record (CloudTrail user guide, "CloudTrail record contents"). The fields that
//! make it a use of the key have to be present and valid. Everything else may be missing or
//! unknown.

use keyrot_core::model::{UntrustedText, UseEvent};
use keyrot_core::{KeyId, Timestamp};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    user_identity: Identity,
    event_time: Timestamp,
    event_source: String,
    event_name: String,
    aws_region: String,
    #[serde(rename = "eventID")]
    event_id: String,
    #[serde(rename = "sourceIPAddress")]
    source_ip_address: Option<String>,
    user_agent: Option<String>,
    error_code: Option<String>,
    /// Has any form; it differs for each action.
    #[serde(default)]
    request_parameters: serde_json::Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    access_key_id: Option<String>,
}

/// Returns the use that the record describes; `None` if it is not a use of this key, or not what
/// CloudTrail documents.
pub(super) fn read(text: &str, key: &KeyId) -> Option<UseEvent> {
    let record: Record = serde_json::from_str(text).ok()?;
    if record.user_identity.access_key_id.as_deref() != Some(key.as_str())
        || record.event_id.is_empty()
    {
        return None;
    }
    // Services are named as in IAM's last use: `s3`, not `s3.amazonaws.com`.
    let service = record.event_source.split(".amazonaws.com").next().unwrap_or_default();
    let optional =
        |text: Option<String>| text.filter(|text| !text.is_empty()).map(UntrustedText::from);
    let assumes = service == "sts"
        && record.event_name.starts_with("AssumeRole")
        && record.error_code.is_none();
    let role =
        record.request_parameters.get("roleArn").and_then(|arn| arn.as_str()).filter(|_| assumes);
    let role = role.map(UntrustedText::from);
    Some(UseEvent {
        id: record.event_id.into(),
        at: record.event_time,
        region: record.aws_region.into(),
        service: service.into(),
        action: record.event_name.into(),
        address: optional(record.source_ip_address),
        agent: optional(record.user_agent),
        error: optional(record.error_code),
        role,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    /// Records in the documented format of CloudTrail's event history; accounts, keys and addresses
    /// are examples.
    const RECORDED: &str = include_str!("fixtures/lookup_events.json");

    fn key() -> KeyId {
        KeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap()
    }

    fn records() -> Vec<String> {
        let reply: Value = serde_json::from_str(RECORDED).unwrap();
        let events = reply["Events"].as_array().unwrap();
        events.iter().map(|event| event["CloudTrailEvent"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn recorded_events_are_read() {
        let read: Vec<_> = records().iter().map(|text| read(text, &key()).unwrap()).collect();
        let shown = |event: &UseEvent| {
            let or = |text: &Option<UntrustedText>| {
                text.as_ref().map_or("-".to_owned(), ToString::to_string)
            };
            let (from, with, error) = (or(&event.address), or(&event.agent), or(&event.error));
            format!(
                "{} {} {}:{} from {from} with {with} error {error}",
                event.at, event.region, event.service, event.action
            )
        };
        assert_eq!(
            read.iter().map(shown).collect::<Vec<_>>(),
            [
                "2026-01-05 03:52:11 UTC eu-central-1 s3:ListBuckets from 192.0.2.44 with [aws-cli/2.22.12 md/awscrt#0.23.4 ua/2.0 os/linux#6.1.0 md/arch#x86_64 lang/python#3.12.6 md/pyimpl#CPython cfg/retry-mode#standard md/installer#exe md/prompt#off md/command#s3.ls] error -",
                "2026-01-05 03:40:02 UTC eu-central-1 sqs:CreateQueue from 198.51.100.23 with Boto3/1.35.90 md/Botocore#1.35.90 ua/2.0 os/linux#5.15.0 md/arch#aarch64 lang/python#3.11.9 md/pyimpl#CPython cfg/retry-mode#legacy Botocore/1.35.90 error AccessDenied",
                "2026-01-05 02:10:45 UTC eu-central-1 kms:GenerateDataKey from AWS Internal with AWS Internal error -",
                "2026-01-05 01:00:00 UTC us-east-1 iam:GetUser from 2001:db8::7 with APN/1.0 HashiCorp/1.0 Terraform/1.9.8 (+https://www.terraform.io) terraform-provider-aws/5.82.2 error -",
                "2026-01-04 23:59:59 UTC eu-central-1 dynamodb:DescribeTable from dynamodb.application-autoscaling.amazonaws.com with - error -",
            ]
        );
    }

    #[test]
    fn a_record_of_another_key_or_without_required_fields_is_not_read() {
        let whole: Value = serde_json::from_str(&records()[0]).unwrap();
        assert!(read(&whole.to_string(), &key()).is_some());
        for field in
            ["userIdentity", "eventTime", "eventSource", "eventName", "awsRegion", "eventID"]
        {
            let mut without = whole.clone();
            without.as_object_mut().unwrap().remove(field);
            assert_eq!(read(&without.to_string(), &key()), None, "{field}");
        }
        for (field, value) in [
            ("eventTime", json!("yesterday")),
            ("eventTime", json!(1_767_585_600)),
            ("eventID", json!("")),
            ("userIdentity", json!({ "type": "IAMUser" })),
            ("userIdentity", json!({ "accessKeyId": "AKIAI44QH8DHBEXAMPLE" })),
            ("sourceIPAddress", json!(7)),
        ] {
            let mut wrong = whole.clone();
            wrong[field] = value;
            assert_eq!(read(&wrong.to_string(), &key()), None, "{field}");
        }
        for text in ["", "null", "[]", "{", "\"text\""] {
            assert_eq!(read(text, &key()), None);
        }
        // Unknown members are no reason to skip a record.
        let mut more = whole;
        more["somethingNew"] = json!({ "a": [1] });
        assert!(read(&more.to_string(), &key()).is_some());
    }

    #[test]
    fn untrusted_text_is_safe_to_show() {
        let mut record: Value = serde_json::from_str(&records()[0]).unwrap();
        record["userAgent"] = json!("\u{1b}]0;owned\u{7}\r\nfine");
        let read = read(&record.to_string(), &key()).unwrap();
        assert_eq!(read.agent.unwrap().as_str(), "\\u{1b}]0;owned\\u{7}\\u{d}\\u{a}fine");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), at in 0_usize..600, with in any::<char>()) {
            read(&text, &key());
            let mut broken: Vec<char> = records()[0].chars().collect();
            let place = at.min(broken.len() - 1);
            broken[place] = with;
            read(&broken.into_iter().collect::<String>(), &key());
        }
    }
}
