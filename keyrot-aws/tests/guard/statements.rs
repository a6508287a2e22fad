//! The policy itself: the principals that each statement denies, and the policy's size.

use super::{guard, value};
use keyrot_aws::emulator::{AccessRequest, denied_by};
use keyrot_aws::policy::{GUARDED, LONGEST_MANAGED_POLICY, LONGEST_SCP, OneOrMany};
use std::collections::BTreeSet;

/// The actions for which the emulator has no call.
#[test]
fn every_guarded_action_is_denied_to_all_but_the_named_principals() {
    let policy = value(&guard(false));
    let secret = "arn:aws:secretsmanager:eu-west-1:210987654321:secret:/iam/ci/access_key-AbCdEf";
    let role = "arn:aws:iam::123456789012:role/emulator";
    let function = "arn:aws:lambda:eu-west-1:210987654321:function:keyrot";
    let parameter = "arn:aws:ssm:eu-west-1:210987654321:parameter/keyrot/config";
    let user = "arn:aws:iam::210987654321:user/ci/ci";
    let of = |action: &str, sid: &str| match (action.split(':').next().unwrap(), sid) {
        (_, "DenyPrincipalTakeover") => role,
        ("secretsmanager", _) => secret,
        ("lambda", _) => function,
        ("ssm", _) => parameter,
        _ => user,
    };
    let mut seen = BTreeSet::new();
    for statement in &guard(false).statement {
        let sid = format!("{:?}", statement.sid);
        for action in &statement.action {
            let tag = if sid == "DenyRotationTag" { "ROTATEkey" } else { "KeyroT:intent" };
            let by = |who: &str| {
                let request =
                    AccessRequest::new(*action, of(action, &sid)).with("aws:PrincipalArn", [who]);
                if sid.ends_with("Tag") || sid.ends_with("Tags") {
                    request.with("aws:TagKeys", [tag])
                } else {
                    request
                }
            };
            assert!(
                denied_by(&policy, &by("arn:aws:iam::210987654321:role/admin")),
                "{sid} {action}"
            );
            assert!(
                denied_by(&policy, &by("arn:aws:iam::123456789012:role/emulator2")),
                "{sid} {action}"
            );
            assert!(!denied_by(&policy, &by(role)), "{sid} {action}");
            assert!(
                !denied_by(&policy, &by("arn:aws:iam::210987654321:role/ops/jane")),
                "{sid} {action}"
            );
            seen.insert(*action);
        }
    }
    let boundary = guard(true);
    let with_boundary = boundary.actions();
    let listed: BTreeSet<_> = GUARDED.iter().map(|action| action.name).collect();
    assert_eq!(with_boundary, listed, "each is in a statement");
    assert!(seen.is_subset(&listed) && GUARDED.iter().all(|action| action.why.len() > 8));
    // A role that does not exist yet, and one with the name of an exempt one.
    let request = |action: &str, resource: &str| {
        AccessRequest::new(action, resource)
            .with("aws:PrincipalArn", ["arn:aws:iam::210987654321:role/admin"])
    };
    assert!(denied_by(
        &policy,
        &request("iam:CreateRole", "arn:aws:iam::210987654321:role/ops/mallory")
    ));
    assert!(!denied_by(&policy, &request("iam:CreateRole", "arn:aws:iam::210987654321:role/app")));
    assert!(!denied_by(&policy, &request("secretsmanager:GetSecretValue", secret)));
    assert!(!denied_by(
        &policy,
        &request("lambda:UpdateFunctionCode", "arn:aws:lambda:eu-west-1:1:function:other")
    ));
}

#[test]
fn a_boundary_allows_the_rest_and_cannot_be_removed() {
    let boundary = guard(true);
    let allows: Vec<_> =
        boundary.statement.iter().filter(|statement| statement.effect == "Allow").collect();
    assert!(
        allows.len() == 1
            && allows[0].action == ["*"]
            && allows[0].resource == OneOrMany::One("*".into())
    );
    let scp = guard(false);
    assert!(
        scp.statement.iter().all(|statement| statement.effect == "Deny"),
        "an SCP gives nobody anything"
    );
    let policy = value(&boundary);
    let by = |action: &str, resource: &str, boundary: Option<&str>| {
        let request = AccessRequest::new(action, resource)
            .with("aws:PrincipalArn", ["arn:aws:iam::210987654321:role/dev"]);
        denied_by(&policy, &request.with("iam:PermissionsBoundary", boundary))
    };
    let (user, own) =
        ("arn:aws:iam::210987654321:user/new", "arn:aws:iam::210987654321:policy/keyrot-guard");
    assert!(
        by("iam:CreateUser", user, None)
            && by("iam:CreateRole", "arn:aws:iam::210987654321:role/new", None)
    );
    assert!(!by("iam:CreateUser", user, Some(own)), "with the boundary");
    assert!(by("iam:CreateUser", user, Some("arn:aws:iam::210987654321:policy/other")));
    assert!(by(
        "iam:PutUserPermissionsBoundary",
        user,
        Some("arn:aws:iam::aws:policy/AdministratorAccess")
    ));
    assert!(
        by("iam:DeleteUserPermissionsBoundary", user, Some(own))
            && by("iam:CreatePolicyVersion", own, None)
    );
    assert!(!by("iam:CreatePolicyVersion", "arn:aws:iam::210987654321:policy/other", None));
    assert!(!by("s3:GetObject", "arn:aws:s3:::bucket/key", None));
}

#[test]
fn the_policy_is_within_awss_limits() {
    let (scp, boundary) = (guard(false).characters(), guard(true).characters());
    assert!(scp < LONGEST_SCP && boundary < LONGEST_MANAGED_POLICY, "{scp} {boundary}");
}
