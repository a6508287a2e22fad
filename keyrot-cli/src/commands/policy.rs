//! `keyrot policy`: the IAM policy that keyrot needs, for the settings at hand. Nothing of AWS is called.

use crate::args::Invocation;
use crate::config;
use crate::consumer::secret_name;
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::{policy, print, print_json};
use clap::ValueEnum;
use keyrot_aws::policy::{
    ACTIONS, Discovery, GUARDED, Guard, Hooks, Key, LONGEST_MANAGED_POLICY, LONGEST_SCP, Policy, Principal, Scope,
    Syntax, Text,
};
use keyrot_core::SecretName;
use keyrot_core::model::UserRef;
use keyrot_core::settings::Settings;
use serde::Serialize;
use std::collections::BTreeMap;

pub(crate) const EXAMPLES: &str = "\
Examples:
  keyrot policy --account 123456789012 --region eu-central-1 > policy.json
  aws iam put-role-policy --role-name keyrot --policy-name keyrot \\
      --policy-document file://policy.json
  keyrot policy --path-prefix /ci/ --kms-key alias/keys  for these settings
  keyrot policy --json | jq .reasons               why each action is in it
  keyrot policy --for lambda --format terraform    for a module of your own
  keyrot policy --for operator                     for who is on call
  keyrot policy --for consumer --user ci-deployer  for who reads its key
  keyrot policy --for guard --principal arn:aws:iam::123456789012:role/keyrot \\
      --principal 'arn:aws:iam::*:role/admin' > guard.json
                                   an SCP that keeps everybody else out";

#[derive(Debug, clap::Args)]
pub(crate) struct PolicyArgs {
    /// What to print: the policy as JSON, or a piece of an AWS SAM (CloudFormation) template or of Terraform
    #[arg(long, value_enum, default_value_t, value_name = "json|sam|terraform", hide_possible_values = true)]
    pub(crate) format: Format,
    /// Who is to have it
    #[arg(long = "for", value_enum, default_value_t, value_name = "WHO")]
    pub(crate) target: For,
    /// The function's name, for its log
    #[arg(long, value_name = "NAME", default_value = "keyrot")]
    pub(crate) function_name: String,
    /// Find users one by one, so that iam:GetAccountAuthorizationDetails, which shows every policy of the account, need not be allowed
    #[arg(long)]
    pub(crate) one_by_one: bool,
    /// The SSM parameter that the function reads its settings from
    #[arg(long, value_name = "NAME")]
    pub(crate) config_parameter: Option<String>,
    /// With --for consumer: whose key they read, by name, or by ARN where secret_name has {path} or {account} in it; may be repeated
    #[arg(long = "user", value_name = "USER|ARN")]
    pub(crate) users: Vec<UserRef>,
    /// A further secret, for users whose tag keyrot:secret names another than secret_name does; may be repeated
    #[arg(long = "secret", value_name = "NAME")]
    pub(crate) secrets: Vec<String>,
    /// With --for operator: also what revoke --end-sessions needs. It includes iam:PutUserPolicy, by which one can give a user every permission
    #[arg(long)]
    pub(crate) end_sessions: bool,
    /// With --for guard: who is let through, by the ARN of a role or user, with * and ? as wildcards; may be repeated. Name keyrot's own role, the operators, and who deploys keyrot
    #[arg(long = "principal", value_name = "ARN")]
    pub(crate) principals: Vec<String>,
    /// With --for guard: a permissions boundary, to be created under the name keyrot-guard, instead of a service control policy
    #[arg(long)]
    pub(crate) boundary: bool,
    /// With sam and terraform: what stands in keyrot-lambda/deploy, with the template's parameters in the place of the settings
    #[arg(long)]
    pub(crate) parameters: bool,
}

/// In which language a policy is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// As IAM takes it.
    #[default]
    Json,
    /// For an AWS SAM or CloudFormation template.
    Sam,
    /// For Terraform.
    Terraform,
}

/// Who is to have a policy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum For {
    /// Whoever runs `keyrot rotate`, perhaps a scheduled job
    #[default]
    Cli,
    /// The Lambda function, which writes a log too
    Lambda,
    /// Who is on call: also rollback, revoke, enroll, move, who-uses, audit and doctor, for users without the tag, too
    Operator,
    /// Who runs `keyrot audit`, which only reads
    Audit,
    /// Who uses a user's key, by `keyrot credentials` or with their own code
    Consumer,
    /// A user who rotates their own key, with `keyrot self`
    #[value(name = "self")]
    Own,
    /// Everybody but --principal: a service control policy that denies changing the tags and secrets that keyrot goes by
    Guard,
}

/// What stands where the account and the region are not known.
const ACCOUNT: &str = "ACCOUNT";
const REGION: &str = "REGION";

/// The document of `--json`.
#[derive(Serialize)]
struct Document {
    schema: &'static str,
    /// As IAM takes it, once the places left open are filled in.
    policy: Policy,
    /// What each action is needed for.
    reasons: BTreeMap<&'static str, &'static str>,
    /// What has to be filled in.
    open: Vec<&'static str>,
}

impl PolicyArgs {
    /// What does not go together.
    fn check(&self, json: bool) -> Result<(), CliError> {
        let refuse = |message: &str| Err(CliError::usage(message));
        if self.parameters && !matches!(self.target, For::Cli | For::Lambda) {
            return refuse("--parameters is for the function's templates; leave out --for");
        }
        if self.parameters && self.format == Format::Json {
            return refuse("--parameters is for --format sam and terraform: plain JSON has no parameters");
        }
        if json && self.format != Format::Json {
            return refuse("with --json the policy is JSON; leave --json out for --format sam and terraform");
        }
        if self.end_sessions && self.target != For::Operator {
            return refuse(
                "--end-sessions is for --for operator: nothing that runs on a schedule may write policies onto users",
            );
        }
        self.check_guard()?;
        match (self.target, self.users.is_empty(), self.secrets.is_empty()) {
            (For::Consumer, true, true) => Err(CliError::usage("nothing says whose key is to be read")
                .hint("name the user, --user ci-deployer, or the secret, --secret NAME")),
            (For::Consumer, ..) | (_, true, _) => Ok(()),
            _ => refuse("--user is for --for consumer; every other policy is for all users under path_prefix"),
        }
    }

    fn check_guard(&self) -> Result<(), CliError> {
        match (self.target, self.principals.is_empty()) {
            (For::Guard, true) => Err(CliError::usage(
                "the guard denies everybody who is not named, keyrot included: --principal is missing",
            )
            .hint("name keyrot's role, the operators' and who deploys keyrot: --principal arn:aws:iam::123456789012:role/keyrot")),
            (For::Guard, false) => Ok(()),
            (_, false) => Err(CliError::usage("--principal is for --for guard")),
            _ if self.boundary => Err(CliError::usage("--boundary is for --for guard")),
            _ => Ok(()),
        }
    }

    fn guard(&self) -> Result<Guard, CliError> {
        let parse =
            |text: &String| Principal::parse(text).map_err(|error| CliError::usage(format!("--principal: {error}")));
        Ok(Guard {
            principals: self.principals.iter().map(parse).collect::<Result<_, _>>()?,
            function: Text::fixed(self.function_name.as_str()),
            boundary: self.boundary.then(|| Text::fixed(self.name())),
        })
    }

    /// What the policy is called in a template.
    fn name(&self) -> &'static str {
        match self.target {
            For::Cli | For::Lambda => "keyrot",
            For::Operator => "keyrot-operator",
            For::Audit => "keyrot-audit",
            For::Consumer => "keyrot-consumer",
            For::Own => "keyrot-self",
            For::Guard => "keyrot-guard",
        }
    }
}

pub(crate) fn policy(invocation: &Invocation, args: &PolicyArgs) -> Result<Exit, CliError> {
    let settings = config::load(invocation)?;
    args.check(invocation.json)?;
    if args.parameters {
        let sam = args.format == Format::Sam;
        print(&if sam { policy::sam_template() } else { policy::terraform_module() });
        return Ok(Exit::Success);
    }
    let scope = scope(&settings, args)?;
    let document = match args.target {
        For::Cli | For::Lambda => scope.policy(),
        For::Operator => scope.operator_policy(),
        For::Audit => scope.audit_policy(),
        For::Consumer => scope.consumer_policy(),
        For::Own => scope.own_policy(),
        For::Guard => scope.guard_policy(&args.guard()?),
    };
    let guard = (args.target == For::Guard).then_some(if args.boundary { GuardAs::Boundary } else { GuardAs::Scp });
    let open = match args.format {
        Format::Json => open_places(&document),
        Format::Sam | Format::Terraform => Vec::new(),
    };
    say(invocation, &scope, args.target, &open);
    if let Some(kind) = guard {
        say_of_guard(invocation, &document, kind);
    }
    match args.format {
        Format::Json if invocation.json => {
            let allowed = document.actions();
            let reasons = ACTIONS.iter().filter(|_| guard.is_none()).chain(GUARDED.iter().filter(|_| guard.is_some()));
            let reasons = reasons.filter(|a| allowed.contains(a.name)).map(|a| (a.name, a.why)).collect();
            print_json(&Document { schema: "keyrot.policy/1", policy: document, reasons, open });
        }
        // White space counts where a service control policy is created by the AWS CLI.
        Format::Json if guard.is_some() => print(&policy::compact(&document)),
        Format::Json => print_json(&document),
        Format::Sam if guard.is_some() => print(&policy::guard_sam(args.name(), &document, args.boundary)),
        Format::Terraform if guard.is_some() => print(&policy::guard_terraform(args.name(), &document, args.boundary)),
        Format::Sam => print(&policy::sam(args.name(), &document)),
        Format::Terraform => print(&policy::terraform(args.name(), &document)),
    }
    Ok(Exit::Success)
}

/// As what the guard is put into force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GuardAs {
    Scp,
    Boundary,
}

/// What cannot be written into the policy.
fn say_of_guard(invocation: &Invocation, document: &Policy, kind: GuardAs) {
    let (what, most, note) = match kind {
        GuardAs::Scp => (
            "a service control policy",
            LONGEST_SCP,
            "attach it to an account or organizational unit (Organizations); it does not apply to the management account, nor to service-linked roles. \
             Without Organizations: --boundary",
        ),
        GuardAs::Boundary => (
            "a permissions boundary",
            LONGEST_MANAGED_POLICY,
            "create it as the managed policy keyrot-guard, and set it as the permissions boundary of each user and role that is not to steer keyrot: \
             it binds nobody else",
        ),
    };
    let characters = document.characters();
    if characters > most {
        say!(
            "warning: the policy has {characters} characters, and {what} has {most} at most; name principals by wildcards, such as \
             arn:aws:iam::*:role/ops/*"
        );
    }
    if !invocation.silent {
        say!("{note}");
    }
}

/// An ARN without a region has none to be filled in.
fn open_places(policy: &Policy) -> Vec<&'static str> {
    let text = serde_json::to_string(policy).unwrap_or_default();
    [ACCOUNT, REGION].into_iter().filter(|place| text.contains(&format!(":{place}:"))).collect()
}

fn say(invocation: &Invocation, scope: &Scope, target: For, open: &[&str]) {
    if scope.takes_every_secret() && !matches!(target, For::Audit | For::Own) {
        say!(
            "warning: the names of the secrets have no beginning of their own, so this policy is for every secret of the account; \
             set secret_name to begin with fixed text, such as /iam/{{user}}/access_key"
        );
    }
    if !open.is_empty() && !invocation.silent {
        say!("replace {}, or name them with --account and --region", open.join(" and "));
    }
}

fn scope(settings: &Settings, args: &PolicyArgs) -> Result<Scope, CliError> {
    let selection = settings.selection();
    let literal = |text: Option<&str>, place: &str| text.map_or_else(|| Text::open(place), Text::fixed);
    let region = settings.region();
    let named = args.users.iter().find_map(|user| match user {
        UserRef::Arn(arn) => Some(arn.account()),
        UserRef::Name(_) => None,
    });
    // An organization has accounts whose numbers and regions are not known here: what is not named is any.
    let guard = args.target == For::Guard;
    let known = |text: Option<&str>| text.map_or_else(Text::any, Text::fixed);
    let (syntax, partition, account, region) = match args.format {
        format if guard => (
            match format {
                Format::Json => Syntax::Plain,
                Format::Sam => Syntax::CloudFormation,
                Format::Terraform => Syntax::Terraform,
            },
            Text::fixed(partition(region.unwrap_or_default())),
            known(settings.account()),
            known(region),
        ),
        Format::Json => (
            Syntax::Plain,
            Text::fixed(partition(region.unwrap_or_default())),
            literal(settings.account().or(named), ACCOUNT),
            literal(region, REGION),
        ),
        Format::Sam => policy::sam_places(),
        Format::Terraform => policy::terraform_places(),
    };
    let mut scope = Scope {
        syntax,
        partition,
        region,
        secrets_key: settings.kms_key().and_then(Key::parse),
        discovery: if args.one_by_one { Discovery::OneByOne } else { Discovery::Bulk },
        config: args.config_parameter.as_deref().map(Text::fixed),
        log_group: (args.target == For::Lambda).then(|| Text::fixed(format!("/aws/lambda/{}", args.function_name))),
        hooks: Hooks::of(settings.notify()),
        trail: settings.trail(),
        end_sessions: args.end_sessions,
        home_regions: settings.home_regions().iter().map(|region| Text::fixed(region.as_str())).collect(),
        ..Scope::new(account, settings.template(), &selection.path_prefix, &selection.tag, &selection.tag_value)
    };
    if args.target == For::Consumer {
        let secret = |user| secret_name(settings, user).map(|name| Text::fixed(name.as_str()));
        scope.secrets = args.users.iter().map(secret).collect::<Result<_, _>>()?;
    }
    if let (true, Some(pattern)) = (guard, settings.secret_tag()) {
        scope.secrets.push(Text::wild(&pattern.to_string()));
    }
    for name in &args.secrets {
        let name = SecretName::parse(name.as_str()).map_err(|error| CliError::usage(format!("--secret: {error}")))?;
        scope.secrets.push(Text::fixed(name.as_str()));
    }
    Ok(scope)
}

/// The partition of a region (AWS General Reference, "Amazon Resource Names (ARNs)").
fn partition(region: &str) -> &'static str {
    match region {
        china if china.starts_with("cn-") => "aws-cn",
        government if government.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}
