use super::*;
use crate::doctor::check::Health;
use crate::tests::{Answer, Script, xml, xml_error};
use keyrot_core::settings::Sources;
use keyrot_core::{SecretName, UserArn};

const ROLE: &str = "arn:aws:sts::123456789012:assumed-role/keyrot/session";

/// IAM that denies these actions, with one answer for each action.
fn simulated(actions: &[&'static str], denied: &[&str]) -> Answer {
    let member = |action: &&'static str| {
        let decision = if denied.contains(action) { "implicitDeny" } else { "allowed" };
        format!(
            "<member><EvalActionName>{action}</EvalActionName><EvalDecision>{decision}</EvalDecision></member>"
        )
    };
    let members: String = actions.iter().map(member).collect();
    xml(
        "SimulatePrincipalPolicy",
        &format!(
            "<EvaluationResults>{members}</EvaluationResults><IsTruncated>false</IsTruncated>"
        ),
    )
}

fn settings() -> Settings {
    Settings::load(&Sources::default()).unwrap()
}

fn sample() -> Sample {
    Sample {
        user: UserArn::parse("arn:aws:iam::123456789012:user/ci/deployer").ok(),
        secret: SecretName::parse("/iam/deployer/access_key").ok(),
        ..Sample::default()
    }
}

fn statements() -> Vec<Statement> {
    Scope::new(Text::fixed("1"), settings().template(), "/", "RotateKey", "True").policy().statement
}

/// Answers of one statement each, for these actions, with this additional text in each member.
fn saying(actions: &[&str], decision: &str, what: &str) -> Vec<Answer> {
    let answer = |statement: Statement| {
        let member = |action: &&'static str| {
            let (decision, what) = match actions.contains(action) {
                true => (decision, what),
                false => ("allowed", ""),
            };
            format!(
                "<member><EvalActionName>{action}</EvalActionName><EvalDecision>{decision}</EvalDecision>{what}</member>"
            )
        };
        let members: String = statement.action.iter().map(member).collect();
        let body = format!(
            "<EvaluationResults>{members}</EvaluationResults><IsTruncated>false</IsTruncated>"
        );
        xml("SimulatePrincipalPolicy", &body)
    };
    statements().into_iter().map(answer).collect()
}

/// Returns a field of a form.
fn field(text: &str) -> Option<(String, String)> {
    let decoded = |text: &str| {
        percent_encoding::percent_decode_str(text).decode_utf8().ok().map(|text| text.into_owned())
    };
    let (name, value) = text.split_once('=')?;
    Some((decoded(name)?, decoded(value)?))
}

/// IAM names the missing condition keys of the resource in the request.
const MISSING: &str = "<ResourceSpecificResults><member><EvalResourceName>x</EvalResourceName>\
                       <EvalResourceDecision>implicitDeny</EvalResourceDecision>\
                       <MissingContextValues><member>aws:SourceVpc</member></MissingContextValues>\
                       </member></ResourceSpecificResults>";
const NOT_BY_ORGANIZATION: &str = "<OrganizationsDecisionDetail><AllowedByOrganizations>false\
                                   </AllowedByOrganizations></OrganizationsDecisionDetail>";
const BEYOND_BOUNDARY: &str = "<PermissionsBoundaryDecisionDetail>\
                               <AllowedByPermissionsBoundary>false</AllowedByPermissionsBoundary>\
                               </PermissionsBoundaryDecisionDetail>";

#[tokio::test(start_paused = true)]
async fn an_action_that_depends_on_unknown_values_is_not_checked_and_never_failed() {
    let action = ["iam:CreateAccessKey"];
    for decision in ["implicitDeny", "explicitDeny", "allowed"] {
        for (what, says) in [
            (
                MISSING,
                "1 action not checked: a policy asks for aws:SourceVpc, which is not known here",
            ),
            (
                "<MissingContextValues><member>aws:SourceIp</member></MissingContextValues>",
                "aws:SourceIp",
            ),
        ] {
            let (checks, _) = answered(role(), saying(&action, decision, what), Vec::new()).await;
            assert_eq!((checks.len(), checks[0].health), (1, Health::NotChecked), "{checks:?}");
            assert!(
                checks[0].message.contains(says) && checks[0].message.contains(action[0]),
                "{checks:?}"
            );
        }
    }
    let says = saying(&action, "implicitDeny", NOT_BY_ORGANIZATION);
    let (checks, _) = answered(role(), says, Vec::new()).await;
    assert_eq!((checks.len(), checks[0].health), (1, Health::NotChecked), "{checks:?}");
    assert!(checks[0].message.contains("the organization's policies"), "{checks:?}");
}

#[tokio::test(start_paused = true)]
async fn an_action_that_the_boundary_denies_fails_with_its_own_message() {
    let says = saying(&["iam:CreateAccessKey"], "implicitDeny", BEYOND_BOUNDARY);
    let (checks, _) = answered(role(), says, Vec::new()).await;
    assert_eq!((checks.len(), checks[0].health), (1, Health::Failure), "{checks:?}");
    assert!(checks[0].message.starts_with("not allowed by the permissions boundary"), "{checks:?}");
}

#[tokio::test(start_paused = true)]
async fn the_known_context_of_a_request_is_sent() {
    let (_, script) = found(role(), &[], Vec::new()).await;
    let requests = script.requests();
    let all: Vec<Vec<(String, String)>> = requests[1..]
        .iter()
        .map(|request| request.body.split('&').filter_map(field).collect())
        .collect();
    let value = |body: &[(String, String)], key: &str| {
        let name = body.iter().find(|(_, value)| value == key)?.0.clone();
        let values = name.replace("ContextKeyName", "ContextKeyValues.member.1");
        body.iter().find(|(name, _)| *name == values).map(|(_, value)| value.clone())
    };
    let about =
        |action: &str| all.iter().find(|body| body.iter().any(|(_, v)| v == action)).unwrap();
    let principal = "arn:aws:iam::123456789012:role/service/keyrot";
    for body in &all {
        assert_eq!(value(body, "aws:PrincipalArn").as_deref(), Some(principal));
        assert_eq!(value(body, "aws:PrincipalAccount").as_deref(), Some("123456789012"));
    }
    for (action, key, expected) in [
        ("iam:CreateAccessKey", "aws:RequestedRegion", Some("us-east-1")),
        ("secretsmanager:PutSecretValue", "aws:RequestedRegion", Some("eu-central-1")),
        ("secretsmanager:TagResource", "aws:RequestTag/keyrot:promoted", Some("keyrot-doctor")),
        ("iam:CreateAccessKey", "aws:TagKeys", None),
    ] {
        assert_eq!(value(about(action), key).as_deref(), expected, "{action} {key}");
    }
}

async fn found(role: Answer, denied: &[&str], more: Vec<Answer>) -> (Vec<Check>, Script) {
    let answers =
        statements().iter().map(|statement| simulated(&statement.action, denied)).collect();
    answered(role, answers, more).await
}

async fn answered(role: Answer, answers: Vec<Answer>, more: Vec<Answer>) -> (Vec<Check>, Script) {
    let (aws, script) = Script::aws(std::iter::once(role).chain(answers).chain(more)).await;
    let caller = Caller { arn: ROLE.to_owned(), account: "123456789012".to_owned() };
    let mut notes = Notes { checks: Vec::new(), tell: &|_| {} };
    examine(&aws, &settings(), &caller, &sample(), &mut notes).await;
    (notes.checks, script)
}

fn role() -> Answer {
    let arn = "arn:aws:iam::123456789012:role/service/keyrot";
    xml(
        "GetRole",
        &format!(
            "<Role><Path>/service/</Path><RoleName>keyrot</RoleName><RoleId>AROA</RoleId><Arn>{arn}</Arn>\
             <CreateDate>2026-01-01T00:00:00Z</CreateDate></Role>"
        ),
    )
}

#[tokio::test(start_paused = true)]
async fn each_statement_is_simulated_with_its_resource_and_conditions() {
    let (checks, script) = found(role(), &[], Vec::new()).await;
    assert_eq!(checks[0].health, Health::Ok, "{checks:?}");
    assert!(checks[0].message.starts_with("all 15 actions"), "{checks:?}");
    assert_eq!(script.actions()[0], "GetRole");
    let requests = script.requests();
    let all: Vec<_> = requests
        .iter()
        .map(|request| request.body.replace("%3A", ":").replace("%2F", "/"))
        .collect();
    assert!(all[1..].iter().all(|body| {
        body.contains("PolicySourceArn=arn:aws:iam::123456789012:role/service/keyrot")
    }));
    let rotates = all.iter().find(|body| body.contains("iam:CreateAccessKey")).unwrap();
    assert!(
        rotates.contains("user/ci/deployer") && rotates.contains("aws:ResourceTag/RotateKey"),
        "{rotates}"
    );
    let reads = all.iter().find(|body| body.contains("GetSecretValue")).unwrap();
    assert!(
        reads.contains("secret:/iam/deployer/access_key-AbCdEf") && reads.contains("stringList"),
        "{reads}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_missing_permission_is_named_with_its_reason() {
    let (checks, _) =
        found(role(), &["iam:DeleteAccessKey", "secretsmanager:TagResource"], Vec::new()).await;
    assert_eq!(checks[0].health, Health::Failure);
    assert!(
        checks[0]
            .message
            .contains("iam:DeleteAccessKey (delete the old key); secretsmanager:TagResource (write journal entries")
    );
    assert!(checks[0].hint.as_deref().unwrap().contains("keyrot policy"));
}

#[tokio::test(start_paused = true)]
async fn an_action_without_an_answer_is_not_reported_as_ok() {
    let silent = |denied: &[&str]| {
        let without = |statement: Statement| {
            let rest: Vec<_> = statement
                .action
                .into_iter()
                .filter(|name| *name != "iam:DeleteAccessKey")
                .collect();
            simulated(&rest, denied)
        };
        statements().into_iter().map(without).collect()
    };
    let (checks, _) = answered(role(), silent(&[]), Vec::new()).await;
    assert_eq!(checks[0].health, Health::NotChecked, "{checks:?}");
    assert_eq!(
        checks[0].message,
        "14 actions are allowed; IAM's simulation says nothing of iam:DeleteAccessKey (delete the old key)"
    );
    let (checks, _) = answered(role(), silent(&["iam:CreateAccessKey"]), Vec::new()).await;
    assert_eq!(
        checks[0].health,
        Health::Failure,
        "what is denied goes before what is not known: {checks:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn users_may_be_found_one_by_one() {
    let denied = ["iam:GetAccountAuthorizationDetails"];
    let well = vec![
        simulated(&["iam:ListUsers"], &[]),
        simulated(&["iam:ListUserTags", "iam:ListAttachedUserPolicies"], &[]),
    ];
    let (checks, _) = found(role(), &denied, well).await;
    assert!(
        checks[0].health == Health::Ok && checks[0].message.contains("one by one"),
        "{checks:?}"
    );
    let not = vec![
        simulated(&["iam:ListUsers"], &["iam:ListUsers"]),
        simulated(&["iam:ListUserTags", "iam:ListAttachedUserPolicies"], &[]),
    ];
    let (checks, _) = found(role(), &denied, not).await;
    assert_eq!(checks[0].health, Health::Failure);
}

#[tokio::test(start_paused = true)]
async fn without_a_simulation_nothing_is_reported_as_ok() {
    for (code, says) in [
        ("AccessDenied", "the caller may not ask"),
        ("InvalidAction", "this endpoint has no"),
        ("NoSuchEntity", "NoSuchEntity"),
    ] {
        let answers = [xml_error(403, "AccessDenied", "no"), xml_error(400, code, "no")];
        let (aws, _) = Script::aws(answers).await;
        let caller = Caller { arn: ROLE.to_owned(), account: "123456789012".to_owned() };
        let mut notes = Notes { checks: Vec::new(), tell: &|_| {} };
        examine(&aws, &settings(), &caller, &sample(), &mut notes).await;
        assert_eq!(notes.checks[0].health, Health::NotChecked);
        assert!(notes.checks[0].message.contains(says), "{:?}", notes.checks);
    }
}
