//! The policy in other tools' languages: pieces for an AWS SAM (CloudFormation) template, and for Terraform.

use keyrot_aws::policy::{Hooks, Key, Many, Policy, Scope, Sid, Statement, Syntax, Text};
use keyrot_core::selection::SecretTemplate;
use std::fmt::Write;

type Places = (Syntax, Text, Text, Text);

const TERRAFORM_HEAD: &str = "# Made by `keyrot policy --for lambda --format terraform --parameters`. A test keeps it so: change keyrot-aws/src/policy, and make it anew.
";

/// The partition, account and region of a CloudFormation stack.
pub(crate) fn sam_places() -> Places {
    let open = Text::open;
    (Syntax::CloudFormation, open("${AWS::Partition}"), open("${AWS::AccountId}"), open("${AWS::Region}"))
}

/// The same of a Terraform provider, by the data sources that [`terraform`] prints.
pub(crate) fn terraform_places() -> Places {
    let open = Text::open;
    (
        Syntax::Terraform,
        open("${data.aws_partition.current.partition}"),
        open("${data.aws_caller_identity.current.account_id}"),
        open("${data.aws_region.current.id}"),
    )
}

/// A policy to stand under `Policies` of an `AWS::IAM::Role`.
pub(crate) fn sam(name: &str, policy: &Policy) -> String {
    format!("- PolicyName: {name}\n  PolicyDocument: !Sub |\n{}", indented(&json(policy), 4))
}

/// A policy of its own.
pub(crate) fn terraform(name: &str, policy: &Policy) -> String {
    let resource = name.replace('-', "_");
    format!(
        "data \"aws_partition\" \"current\" {{}}\n\ndata \"aws_caller_identity\" \"current\" {{}}\n\ndata \"aws_region\" \"current\" {{}}\n\n\
         resource \"aws_iam_policy\" \"{resource}\" {{\n  name = \"{name}\"\n  policy = jsonencode({})\n}}\n",
        hcl(policy).trim()
    )
}

/// On one line.
pub(crate) fn compact(policy: &Policy) -> String {
    serde_json::to_string(policy).unwrap_or_default() + "\n"
}

/// The guard as a resource of a CloudFormation template.
pub(crate) fn guard_sam(name: &str, policy: &Policy, boundary: bool) -> String {
    let (of, called, kind, content) = match boundary {
        true => ("AWS::IAM::ManagedPolicy", "ManagedPolicyName", "", "PolicyDocument"),
        false => ("AWS::Organizations::Policy", "Name", "    Type: SERVICE_CONTROL_POLICY\n", "Content"),
    };
    let text = compact(policy);
    format!(
        "KeyrotGuard:\n  Type: {of}\n  Properties:\n    {called}: {name}\n{kind}    {content}: !Sub |\n      {text}"
    )
}

/// The guard as a resource of Terraform.
pub(crate) fn guard_terraform(name: &str, policy: &Policy, boundary: bool) -> String {
    let (of, content, pad) =
        if boundary { ("aws_iam_policy", "policy", "") } else { ("aws_organizations_policy", "content", " ") };
    let kind = if boundary { "" } else { "  type    = \"SERVICE_CONTROL_POLICY\"\n" };
    let (resource, body) = (name.replace('-', "_"), hcl(policy));
    format!(
        "resource \"{of}\" \"{resource}\" {{\n  name  {pad} = \"{name}\"\n{kind}  {content} = jsonencode({})\n}}\n",
        body.trim()
    )
}

/// A part of the policy that is there only if the template's parameters ask for it.
struct Part {
    name: &'static str,
    /// CloudFormation's condition.
    condition: &'static str,
    /// Terraform's.
    count: &'static str,
    sid: Sid,
}

const PARTS: &[Part] = &[
    part("kms-key", "HasKmsKey", "var.kms_key_arn != \"\"", Sid::UseSecretsKey),
    part("config", "HasConfigParameter", "var.config_parameter != \"\"", Sid::ReadConfig),
    part("notify-topics", "HasNotifyTopics", "length(var.notify_topic_arns) > 0", Sid::PublishToTopics),
    part("notify-buses", "HasNotifyBuses", "length(var.notify_bus_arns) > 0", Sid::PutEvents),
    part("notify-secrets", "HasNotifySecrets", "length(var.notify_secret_arns) > 0", Sid::ReadHookSecrets),
    part("notify-parameters", "HasNotifyParameters", "length(var.notify_parameter_arns) > 0", Sid::ReadHookParameters),
    part("trail", "HasTrail", "var.trail", Sid::LookUpUses),
];

const fn part(name: &'static str, condition: &'static str, count: &'static str, sid: Sid) -> Part {
    Part { name, condition, count, sid }
}

/// What the names in the texts stand for, where that is no parameter or resource by itself.
const SAM_VARIABLES: &[(&str, &str)] = &[
    ("TagKey", "!Select [0, !Split ['=', !Ref Tag]]"),
    ("TagValue", "!Select [1, !Split ['=', !Ref Tag]]"),
    (
        "SecretNames",
        "!Join ['*', !Split ['{user}', !Join ['*', !Split ['{path}', !Join ['*', !Split ['{account}', !Ref SecretName]]]]]]",
    ),
    ("NotifyTopics", "!Join ['\", \"', !Split [',', !Ref NotifyTopicArns]]"),
    ("NotifyBuses", "!Join ['\", \"', !Split [',', !Ref NotifyBusArns]]"),
    ("NotifySecrets", "!Join ['\", \"', !Split [',', !Ref NotifySecretArns]]"),
    ("NotifyParameters", "!Join ['\", \"', !Split [',', !Ref NotifyParameterArns]]"),
];

/// The policies of the role in `keyrot-lambda/deploy/sam/template.yaml`.
pub(crate) fn sam_template() -> String {
    let scope = everything(sam_places(), |name| format!("${{{name}}}"));
    let mut out = String::new();
    let (always, optional) = split(&scope);
    let mut item = |name: &str, condition: Option<&str>, policy: &Policy| {
        let text = json(policy);
        let mut body = format!("PolicyName: {name}\nPolicyDocument:\n");
        let used = |name: &str| text.contains(&format!("${{{name}}}"));
        let variables: Vec<_> = SAM_VARIABLES.iter().filter(|(name, _)| used(name)).collect();
        if variables.is_empty() {
            body = format!("{}: !Sub |\n{}", body.trim_end().trim_end_matches(':'), indented(&text, 2));
        } else {
            let _ = write!(body, "  Fn::Sub:\n    - |\n{}", indented(&text, 6));
            for (n, (name, meaning)) in variables.iter().enumerate() {
                let _ = writeln!(body, "    {} {name}: {meaning}", if n == 0 { "-" } else { " " });
            }
        }
        out += &match condition {
            None => item_of(&body, ""),
            Some(condition) => {
                format!("- Fn::If:\n    - {condition}\n{}    - !Ref AWS::NoValue\n", item_of(&body, "    "))
            }
        };
    };
    item("rotate", None, &always);
    for (part, policy) in &optional {
        item(part.name, Some(part.condition), policy);
    }
    indented(&out, 8)
}

/// A member of a YAML list.
fn item_of(body: &str, indent: &str) -> String {
    let lines = body.lines().enumerate();
    lines.map(|(n, line)| format!("{indent}{} {line}\n", if n == 0 { "-" } else { " " })).collect()
}

/// `policy.tf` in `keyrot-lambda/deploy/terraform`.
pub(crate) fn terraform_module() -> String {
    let scope = everything(terraform_places(), |name| {
        let place = match name {
            "PathPrefix" => "var.path_prefix",
            "TagKey" => "local.tag_key",
            "TagValue" => "local.tag_value",
            "SecretNames" => "local.secret_names",
            "KmsKeyArn" => "var.kms_key_arn",
            "ConfigParameter" => "var.config_parameter",
            "Topic" => "aws_sns_topic.alarms.arn",
            "TopicKey.Arn" => "aws_kms_key.topic.arn",
            "LogGroup" => "aws_cloudwatch_log_group.function.name",
            "NotifyTopics" => "var.notify_topic_arns",
            "NotifyBuses" => "var.notify_bus_arns",
            "NotifySecrets" => "var.notify_secret_arns",
            _ => "var.notify_parameter_arns",
        };
        format!("${{{place}}}")
    });
    let mut out = TERRAFORM_HEAD.to_owned();
    let (always, optional) = split(&scope);
    let mut resource = |name: &str, count: Option<&str>, policy: &Policy| {
        let id = name.replace('-', "_");
        let count = count.map(|count| format!("  count = {count} ? 1 : 0\n")).unwrap_or_default();
        let pad = if count.is_empty() { "" } else { " " };
        let policy = hcl(policy);
        let _ = write!(
            out,
            "\nresource \"aws_iam_role_policy\" \"{id}\" {{\n{count}  name {pad}= \"{name}\"\n  role {pad}= aws_iam_role.function.id\n  policy = jsonencode({})\n}}\n",
            policy.trim()
        );
    };
    resource("rotate", None, &always);
    for (part, policy) in &optional {
        resource(part.name, Some(part.count), policy);
    }
    out
}

/// Everything that the templates can be asked for, with their parameters in the place of settings.
fn everything((syntax, partition, account, region): Places, place: impl Fn(&str) -> String) -> Scope {
    let open = |name: &str| Text::open(place(name));
    let list = |name: &str| Many::Open(place(name));
    let config = Text::fixed("arn:").then(partition.clone()).then(":ssm:".into()).then(region.clone());
    let config = config.then(":".into()).then(account.clone()).then(":parameter".into());
    Scope {
        syntax,
        partition,
        region,
        path_prefix: open("PathPrefix"),
        tag: open("TagKey"),
        tag_value: open("TagValue"),
        secrets: vec![open("SecretNames")],
        secrets_key: Some(Key::Arn(open("KmsKeyArn"))),
        config: Some(config.then(open("ConfigParameter"))),
        own_topic: Some((open("Topic"), open("TopicKey.Arn"))),
        hooks: Hooks {
            topics: list("NotifyTopics"),
            buses: list("NotifyBuses"),
            secrets: list("NotifySecrets"),
            parameters: list("NotifyParameters"),
        },
        log_group: Some(open("LogGroup")),
        trail: true,
        ..Scope::new(account, &SecretTemplate::default(), "/", "", "")
    }
}

/// What is always there, and the parts that are there on demand.
fn split(scope: &Scope) -> (Policy, Vec<(&'static Part, Policy)>) {
    let (mut always, mut optional) = (Vec::new(), Vec::new());
    for statement in scope.policy().statement {
        let Statement { sid, .. } = statement;
        match PARTS.iter().find(|part| part.sid == sid) {
            Some(part) => optional.push((part, Policy::of(vec![statement]))),
            None => always.push(statement),
        }
    }
    (Policy::of(always), optional)
}

/// JSON is an expression of HCL, once it is as `terraform fmt` wants it.
fn hcl(policy: &Policy) -> String {
    // No text in a policy has a quotation mark in it.
    indented(&json(policy).replace("\": ", "\" : "), 2)
}

fn json(policy: &Policy) -> String {
    serde_json::to_string_pretty(policy).unwrap_or_default()
}

fn indented(text: &str, by: usize) -> String {
    let pad = " ".repeat(by);
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("{pad}{line}\n") }).collect()
}
