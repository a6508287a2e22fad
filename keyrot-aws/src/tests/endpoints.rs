use super::{Script, json, secret, user, xml};
use crate::{AwsSettings, Endpoints};
use keyrot_core::{IamPort, SecretStorePort};
use serde_json::json;

/// Returns the hosts of the calls to IAM, STS and Secrets Manager.
async fn hosts(settings: AwsSettings) -> [String; 3] {
    let keys = "<AccessKeyMetadata/><IsTruncated>false</IsTruncated>";
    let caller = "<Arn>arn:aws:iam::1:root</Arn><Account>1</Account>";
    let answers = [
        xml("ListAccessKeys", keys),
        xml("GetCallerIdentity", caller),
        json(
            &json!({ "ARN": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:/iam/ci/access_key-AbCdEf" }),
        ),
    ];
    let (aws, script) = Script::with(settings, answers).await;
    aws.list_keys(&user()).await.unwrap();
    aws.caller_identity().await.unwrap();
    aws.describe(&secret()).await.unwrap();
    let hosts: Vec<_> = script.requests().into_iter().map(|r| r.host).collect();
    hosts.try_into().unwrap()
}

fn at(region: &str) -> AwsSettings {
    AwsSettings { region: Some(region.into()), ..AwsSettings::default() }
}

#[tokio::test(start_paused = true)]
async fn every_partition_is_called_at_its_own_endpoints() {
    let expected = [
        "iam.amazonaws.com",
        "sts.eu-central-1.amazonaws.com",
        "secretsmanager.eu-central-1.amazonaws.com",
    ];
    assert_eq!(hosts(at("eu-central-1")).await, expected);
    let expected = [
        "iam.cn-north-1.amazonaws.com.cn",
        "sts.cn-north-1.amazonaws.com.cn",
        "secretsmanager.cn-north-1.amazonaws.com.cn",
    ];
    assert_eq!(hosts(at("cn-north-1")).await, expected);
    assert_eq!(hosts(at("us-gov-west-1")).await[0], "iam.us-gov.amazonaws.com");
}

#[tokio::test(start_paused = true)]
async fn fips_and_dual_stack_endpoints_are_used_when_requested() {
    let expected = [
        "iam-fips.amazonaws.com",
        "sts-fips.us-east-1.amazonaws.com",
        "secretsmanager-fips.us-east-1.amazonaws.com",
    ];
    assert_eq!(hosts(AwsSettings { fips: true, ..at("us-east-1") }).await, expected);
    // Secrets Manager's usual endpoint is its dual-stack one.
    let expected =
        ["iam.global.api.aws", "sts.us-east-1.api.aws", "secretsmanager.us-east-1.amazonaws.com"];
    assert_eq!(hosts(AwsSettings { dual_stack: true, ..at("us-east-1") }).await, expected);
}

#[tokio::test(start_paused = true)]
async fn own_endpoints_can_differ_by_service() {
    let endpoints = Endpoints {
        all: Some("http://127.0.0.1:1".into()),
        secrets_manager: Some("http://127.0.0.1:2".into()),
        ..Endpoints::default()
    };
    let settings = AwsSettings { endpoints, ..AwsSettings::default() };
    assert_eq!(hosts(settings).await, ["127.0.0.1:1", "127.0.0.1:1", "127.0.0.1:2"]);
}
