//! What keyrot may do in the account.

use super::{about, account, document, keyrot};
use keyrot_aws::emulator::{CallAt, Fault};
use serde_json::{Value, json};

#[test]
fn a_denied_call_fails_with_what_to_do() {
    let emulator = account();
    for (action, what, says) in [
        ("ListAccessKeys", "keys", "iam:ListAccessKeys"),
        ("GetAccessKeyLastUsed", "keys", "iam:GetAccessKeyLastUsed"),
        ("DescribeSecret", "secrets", "secretsmanager:DescribeSecret"),
        ("GetSecretValue", "secrets", "secretsmanager:GetSecretValue"),
    ] {
        emulator.heal();
        emulator.inject(CallAt::every(action), Fault::denied());
        let ran = keyrot(&emulator.env(), &["--json", "doctor"]);
        assert_eq!(ran.code, Some(1), "{action}");
        let found = document(&ran);
        let (health, message) = about(&found, what)[0];
        assert!(health == "failure" && message.contains(says), "{action}: {message}");
    }
    emulator.heal();
    // Both ways of finding users.
    for action in ["GetAccountAuthorizationDetails", "ListUsers"] {
        emulator.inject(CallAt::every(action), Fault::denied());
    }
    let found = document(&keyrot(&emulator.env(), &["--json", "doctor"]));
    assert_eq!(about(&found, "users")[0].0, "failure");
    assert_eq!(about(&found, "secrets"), [("ok", "the secret store answers")]);
    // A denied trail does not fail a run.
    emulator.heal();
    emulator.inject(CallAt::every("LookupEvents"), Fault::denied());
    let ran = keyrot(&emulator.env(), &["--json", "doctor", "--trail"]);
    assert_eq!((ran.code, about(&document(&ran), "trail")[0].0), (Some(0), "warning"));
}

/// An organization that allows only these regions, for everything except IAM, with this additional
/// condition.
fn region_lock(regions: &[&str], more: &Value) -> Value {
    let lock = json!({ "StringNotEquals": { "aws:RequestedRegion": regions } });
    json!({ "Statement": [
        { "Effect": "Deny", "NotAction": ["iam:*", "sts:*"], "Resource": "*", "Condition": lock },
        { "Effect": "Deny", "Action": "secretsmanager:CreateSecret", "Resource": "*", "Condition": more },
    ] })
}

#[test]
fn an_organizations_limits_on_regions_and_tags_are_checked_with_what_keyrot_sends() {
    let emulator = account();
    let own = json!({ "Null": { "aws:RequestTag/keyrot:user-id": "true" } });
    let permissions = |more: &[&str]| {
        let ran = keyrot(&emulator.env(), &[&["--json", "doctor"], more].concat());
        let found = document(&ran);
        let checks: Vec<(String, String)> = about(&found, "permissions")
            .into_iter()
            .map(|(health, message)| (health.to_owned(), message.to_owned()))
            .collect();
        (ran.code, checks)
    };
    // The region is one of the allowed ones, as in each call of a run.
    emulator.service_control_policy(Some(region_lock(&["eu-west-1"], &own)));
    assert_eq!(keyrot(&emulator.env(), &["rotate"]).code, Some(0));
    let (code, checks) = permissions(&[]);
    assert_eq!((code, checks.len(), &*checks[0].0), (Some(0), 1, "ok"), "{checks:?}");
    // Here another region is allowed. A simulation's answer about an organization's policies is not
    // certain.
    emulator.service_control_policy(Some(region_lock(&["eu-central-1"], &own)));
    let (_, checks) = permissions(&[]);
    assert_eq!((checks.len(), &*checks[0].0), (1, "not_checked"), "{checks:?}");
    assert!(
        checks[0].1.contains("the organization's policies do not allow it")
            && checks[0].1.contains("secretsmanager:PutSecretValue"),
        "{checks:?}"
    );
    // Conditions that only a real request has are named, and fail nothing.
    let lacks = json!({ "StringNotEquals": { "aws:SourceVpc": "vpc-1" } });
    emulator.service_control_policy(Some(region_lock(&["eu-west-1"], &lacks)));
    let (code, checks) = permissions(&[]);
    assert_eq!((code, checks.len(), &*checks[0].0), (Some(0), 1, "not_checked"), "{checks:?}");
    assert!(checks[0].1.contains("a policy asks for aws:SourceVpc"), "{checks:?}");
    // A tag that the organization requires is sent once it is in the settings.
    let cost = json!({ "Null": { "aws:RequestTag/cost": "true" } });
    emulator.service_control_policy(Some(region_lock(&["eu-west-1"], &cost)));
    let (_, checks) = permissions(&[]);
    assert!(checks[0].1.contains("aws:RequestTag/cost"), "{checks:?}");
    let (_, checks) = permissions(&["--secret-tags", "cost=7"]);
    assert_eq!(checks[0].0, "ok", "{checks:?}");
}

#[test]
fn refused_credentials_end_the_checks() {
    let emulator = account();
    let mut env = emulator.env().to_vec();
    env.retain(|(name, _)| *name != "AWS_SECRET_ACCESS_KEY");
    env.push(("AWS_SECRET_ACCESS_KEY", "sesamesesamesesamesesamesesamesesame1234".into()));
    let ran = keyrot(&env, &["--json", "doctor"]);
    assert_eq!(ran.code, Some(1));
    let found = document(&ran);
    let (health, message) = about(&found, "credentials")[1];
    assert!(health == "failure" && message.contains("SignatureDoesNotMatch"), "{message}");
    assert_eq!(about(&found, "clock")[0].0, "ok", "a refusal has a date, too");
    assert!(about(&found, "users").is_empty());
    assert!(!ran.stdout.contains("sesame") && !ran.stderr.contains("sesame"));
}
