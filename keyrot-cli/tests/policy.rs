//! `keyrot policy` as a process, and the documents and templates that contain its output.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use support::Sandbox;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn file(path: &str) -> String {
    std::fs::read_to_string(repository().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Returns what the command prints on stdout and stderr.
fn printed(args: &[&str]) -> (String, String) {
    let ran = Sandbox::new().run(&[&["policy"], args].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    (ran.stdout, ran.stderr)
}

fn policy(args: &[&str]) -> Value {
    serde_json::from_str(&printed(args).0).unwrap()
}

fn statement<'a>(policy: &'a Value, sid: &str) -> &'a Value {
    let statements = policy["Statement"].as_array().unwrap();
    statements.iter().find(|s| s["Sid"] == sid).unwrap_or_else(|| panic!("no {sid} in {policy:#}"))
}

#[test]
fn the_documentation_has_the_policies_that_are_printed() {
    let consumer = "--for consumer --user ci --account 123456789012 --region eu-central-1";
    for (path, behind, args) in [
        ("docs/policy.md", "## The policy of a rotation", vec![]),
        ("docs/consumers.md", consumer, consumer.split(' ').collect()),
    ] {
        let text = file(path);
        let behind = text.split_once(behind).unwrap().1;
        let block = behind.split_once("```json\n").unwrap().1.split_once("```").unwrap().0;
        let documented: Value = serde_json::from_str(block).unwrap();
        assert_eq!(documented, policy(&args), "put the output of `keyrot policy` into {path}");
    }
}

#[test]
fn the_templates_have_the_policy_with_their_parameters() {
    let made = printed(&["--for", "lambda", "--format", "sam", "--parameters"]).0;
    let template = file("keyrot-lambda/deploy/sam/template.yaml");
    let begin = "# >>> keyrot policy --for lambda --format sam --parameters\n";
    let stands = template.split_once(begin).unwrap().1.split_once("        # <<<").unwrap().0;
    assert!(stands == made, "put the output between the markers in the SAM template:\n{made}");

    let made = printed(&["--for", "lambda", "--format", "terraform", "--parameters"]).0;
    assert!(
        file("keyrot-lambda/deploy/terraform/policy.tf") == made,
        "write the output to policy.tf:\n{made}"
    );
}

#[test]
fn settings_shape_the_policy() {
    let args = "--tag team/rotate=Yes --path-prefix /ci/ --secret-name keys/{user} --region cn-north-1 --account 123456789012";
    let made =
        policy(&[&args.split(' ').collect::<Vec<_>>()[..], &["--kms-key", "alias/k"]].concat());
    let users = statement(&made, "RotateTaggedUsers");
    assert_eq!(users["Resource"], "arn:aws-cn:iam::123456789012:user/ci/*");
    assert_eq!(
        users["Condition"]["StringEqualsIgnoreCase"],
        json!({ "aws:ResourceTag/team/rotate": "Yes" })
    );
    let at = "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:keys/*";
    assert_eq!(statement(&made, "KeepSecrets")["Resource"], json!([at, format!("{at}-??????")]));
    assert_eq!(
        statement(&made, "UseSecretsKey")["Resource"],
        "arn:aws-cn:kms:cn-north-1:123456789012:key/*"
    );

    let made = policy(&["--secret", "/old/place", "--one-by-one", "--for", "lambda"]);
    assert_eq!(statement(&made, "KeepSecrets")["Resource"].as_array().unwrap().len(), 4);
    assert_eq!(statement(&made, "ListUsers")["Action"], json!(["iam:ListUsers"]));
    let log = "arn:aws:logs:REGION:ACCOUNT:log-group:/aws/lambda/keyrot:log-stream:*";
    assert_eq!(statement(&made, "WriteLog")["Resource"], log);
    let made = policy(&[
        "--notify",
        "slack secret:hooks/slack",
        "--notify",
        "eventbridge default",
        "--one-by-one",
    ]);
    let hook = "arn:aws:secretsmanager:REGION:ACCOUNT:secret:hooks/slack-??????";
    assert_eq!(statement(&made, "ReadHookSecrets")["Resource"], hook);
    assert_eq!(
        statement(&made, "PutEvents")["Resource"],
        "arn:aws:events:REGION:ACCOUNT:event-bus/default"
    );
    assert!(!made.to_string().contains("GetAccountAuthorizationDetails"));
}

#[test]
fn placeholders_and_wide_permissions_are_reported() {
    let (_, talk) = printed(&[]);
    assert_eq!(talk, "replace ACCOUNT and REGION, or set them with --account and --region\n");
    assert_eq!(printed(&["--account", "123456789012", "--region", "eu-west-1"]).1, "");
    assert_eq!(printed(&["-q"]).1, "");
    let (_, talk) = printed(&["--secret-name", "{user}"]);
    assert!(talk.starts_with("warning:") && talk.contains("every secret of the account"), "{talk}");
}

#[test]
fn with_json_each_action_has_its_reason() {
    let (code, document) = Sandbox::new().json(&["policy", "--region", "eu-west-1"]);
    assert_eq!(code, Some(0));
    assert_eq!(document["open"], json!(["ACCOUNT"]));
    for statement in document["policy"]["Statement"].as_array().unwrap() {
        for action in statement["Action"].as_array().unwrap() {
            assert!(document["reasons"][action.as_str().unwrap()].is_string(), "{action}");
        }
    }
    assert_eq!(document["policy"], policy(&["--region", "eu-west-1"]));
}

#[test]
fn the_fragments_for_other_tools_contain_the_settings() {
    let args = ["--tag", "RotateKey=Yes", "--account", "123456789012", "--format"];
    let sam = printed(&[&args[..], &["sam"]].concat()).0;
    assert!(sam.starts_with("- PolicyName: keyrot\n  PolicyDocument: !Sub |\n    {\n"), "{sam}");
    assert!(
        sam.contains("arn:${AWS::Partition}:iam::${AWS::AccountId}:user/*")
            && sam.contains("\"Yes\""),
        "{sam}"
    );
    let terraform = printed(&[&args[..], &["terraform"]].concat()).0;
    assert!(
        terraform.contains("policy = jsonencode({\n    \"Version\" : \"2012-10-17\",\n"),
        "{terraform}"
    );
    assert!(
        terraform.contains("${data.aws_caller_identity.current.account_id}:user/*"),
        "{terraform}"
    );
}

#[test]
fn flags_that_do_not_go_together_are_refused() {
    for (args, says) in [
        (&["--parameters"][..], "--parameters needs --format sam or terraform"),
        (&["--json", "--format", "sam"], "--json cannot be combined with --format"),
        (&["--account", "1234"], "twelve digits"),
        (&["--secret", "a b"], "--secret:"),
        (&["--for", "consumer"], "add --user NAME or --secret NAME"),
        (&["--user", "ci"], "--user needs --for consumer"),
        (&["--for", "my-key", "--format", "sam", "--parameters"], "leave out --for"),
        (
            &["--for", "consumer", "--user", "ci", "--secret-name", "{account}{path}{user}"],
            "name the user by ARN",
        ),
        (&["--secret-name", "no-user"], "no {user}"),
        (&["--for", "guard"], "--principal arn:aws:iam::123456789012:role/keyrot"),
        (
            &["--principal", "arn:aws:iam::123456789012:role/keyrot"],
            "--principal needs --for guard",
        ),
        (&["--boundary"], "--boundary needs --for guard"),
        (
            &["--for", "guard", "--principal", "arn:aws:iam::123456789012:role/*"],
            "fits every role or user",
        ),
        (
            &["--for", "guard", "--principal", "arn:aws:sts::123456789012:assumed-role/a/b"],
            "name its role instead",
        ),
    ] {
        let ran = Sandbox::new().run(&[&["policy"], args].concat());
        assert_eq!(ran.code, Some(2), "{args:?}");
        assert!(ran.stderr.contains(says), "{args:?}: {}", ran.stderr);
    }
}

#[test]
fn other_principals_get_only_what_they_need() {
    let actions = |policy: &Value| -> BTreeSet<String> {
        let all = policy["Statement"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|s| s["Action"].as_array().unwrap());
        all.map(|action| action.as_str().unwrap().to_owned()).collect()
    };
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let (text, talk) = printed(&[
        "--for",
        "consumer",
        "--user",
        "ci",
        "--user",
        "web",
        "--account",
        "123456789012",
    ]);
    assert!(talk.starts_with("replace REGION,"), "{talk}");
    let consumer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(actions(&consumer), set(&["secretsmanager:GetSecretValue"]));
    let arn = |name| {
        format!("arn:aws:secretsmanager:REGION:123456789012:secret:/iam/{name}/access_key-??????")
    };
    assert_eq!(
        statement(&consumer, "ReadPublishedKey")["Resource"],
        json!([arn("ci"), arn("web")])
    );

    // The account is known from the ARN. A user's own KMS key has to be allowed, too.
    let args = [
        "--for",
        "consumer",
        "--user",
        "arn:aws:iam::210987654321:user/a/ci",
        "--secret-name",
        "{path}{user}",
    ];
    let with_key =
        policy(&[&args[..], &["--region", "eu-west-1", "--kms-key", "alias/mine"]].concat());
    assert_eq!(actions(&with_key), set(&["secretsmanager:GetSecretValue", "kms:Decrypt"]));
    let resource = "arn:aws:secretsmanager:eu-west-1:210987654321:secret:/a/ci-??????";
    assert_eq!(statement(&with_key, "ReadPublishedKey")["Resource"], resource);
    let context = &statement(&with_key, "DecryptPublishedKey")["Condition"]["StringLike"];
    assert_eq!(context["kms:EncryptionContext:SecretARN"], resource);

    let (text, talk) = printed(&["--for", "my-key", "--account", "123456789012"]);
    assert_eq!(talk, "", "IAM has no region");
    let own: Value = serde_json::from_str(&text).unwrap();
    let users = [
        "arn:aws:iam::123456789012:user/${aws:username}",
        "arn:aws:iam::123456789012:user/*/${aws:username}",
    ];
    assert_eq!(statement(&own, "RotateOwnKey")["Resource"], json!(users));
    assert!(
        printed(&["--for", "my-key", "--format", "terraform"]).0.contains(":user/$${aws:username}")
    );

    let operator = policy(&["--for", "operator", "--tag", "KeyRot=yes"]);
    let condition = &statement(&operator, "TagUsers")["Condition"];
    assert_eq!(
        condition["ForAllValues:StringEquals"]["aws:TagKeys"],
        json!(["KeyRot", "keyrot:home"]),
        "no other tag of theirs"
    );
    let everything = &[actions(&policy(&[])), actions(&policy(&["--for", "audit"]))];
    assert!(everything.iter().all(|part| part.is_subset(&actions(&operator))));
}

#[test]
fn the_guard_is_for_these_settings_in_each_format() {
    let keyrot = "arn:aws:iam::*:role/keyrot";
    let (text, talk) = printed(&[
        "--for",
        "guard",
        "--principal",
        keyrot,
        "--tag",
        "Rotate=Yes",
        "--config-parameter",
        "/k",
    ]);
    assert!(text.lines().count() == 1 && text.len() < 5_121, "white space counts: {text}");
    assert!(talk.contains("does not apply to the management account"), "{talk}");
    let guard: Value = serde_json::from_str(&text).unwrap();
    let of = |sid| statement(&guard, sid);
    let tags = &of("DenyRotationTag")["Condition"];
    assert_eq!(tags["ForAnyValue:StringEqualsIgnoreCase"], json!({ "aws:TagKeys": "Rotate" }));
    assert_eq!(tags["ArnNotLike"], json!({ "aws:PrincipalArn": keyrot }));
    assert_eq!(of("DenyRotationTag")["Resource"], "arn:aws:iam::*:user/*");
    let at = "arn:aws:secretsmanager:*:*:secret:/iam/*/access_key";
    assert_eq!(of("DenySecretChanges")["Resource"], json!([at, format!("{at}-??????")]));
    assert_eq!(of("DenyParameterChanges")["Resource"], "arn:aws:ssm:*:*:parameter/k");

    // An account or region that is named is not a wildcard. The tag keyrot:secret may choose other
    // names.
    let named = "--for guard --region eu-west-1 --account 123456789012 --home-regions us-east-1 --secret-tag /vendors/* --principal";
    let guard = policy(&[&named.split(' ').collect::<Vec<_>>()[..], &[keyrot]].concat());
    let secrets = statement(&guard, "DenySecretChanges")["Resource"].to_string();
    for part in [
        "eu-west-1:123456789012:secret:/vendors/*",
        "us-east-1:123456789012:secret:/iam/*/access_key-??????",
    ] {
        assert!(secrets.contains(part), "{part}: {secrets}");
    }
    let (_, talk) = printed(&["--for", "guard", "--principal", keyrot, "--boundary"]);
    assert!(talk.contains("managed policy keyrot-guard"), "{talk}");
    let many: Vec<String> =
        (0..40).map(|n| format!("--principal=arn:aws:iam::123456789012:role/team-{n}")).collect();
    let many: Vec<&str> =
        ["--for", "guard"].into_iter().chain(many.iter().map(String::as_str)).collect();
    assert!(printed(&many).1.contains("can have at most 5120"));

    let sam = printed(&["--for", "guard", "--principal", keyrot, "--format", "sam"]).0;
    assert!(
        sam.contains("    Type: SERVICE_CONTROL_POLICY\n    Content: !Sub |\n      {\"Version\""),
        "{sam}"
    );
    let terraform =
        printed(&["--for", "guard", "--principal", keyrot, "--format", "terraform", "--boundary"])
            .0;
    assert!(
        terraform.starts_with(
            "resource \"aws_iam_policy\" \"keyrot_guard\" {\n  name   = \"keyrot-guard\"\n"
        ),
        "{terraform}"
    );
    let (code, document) =
        Sandbox::new().json(&["policy", "--for", "guard", "--principal", keyrot]);
    assert_eq!(code, Some(0));
    assert!(
        document["reasons"]["secretsmanager:PutSecretValue"].is_string()
            && document["open"] == json!([])
    );
    assert!(document["reasons"]["iam:DeleteAccessKey"].is_null());
}
