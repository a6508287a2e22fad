//! `keyrot policy`: prints the IAM policy that keyrot needs with the current settings. Makes no
//! call to AWS.

use crate::cli::Invocation;
use crate::cli::policy::{For, Format, PolicyArgs};
use crate::config;
use crate::consumer::secret::secret_name;
use crate::error::CliError;
use crate::exit::Exit;
use crate::screens::policy;
use crate::terminal::stdio::{print, print_json, warn};
use keyrot_aws::policy::{
    ACTIONS, Delivery, Discovery, GUARDED, Guard, Hooks, Key, LONGEST_MANAGED_POLICY, LONGEST_SCP,
    Policy, Principal, Scope, Syntax, Text,
};
use keyrot_core::SecretName;
use keyrot_core::model::{Partition, UserRef};
use keyrot_core::settings::Settings;
use serde::Serialize;
use std::collections::BTreeMap;

/// The placeholders for an unknown account and region.
const ACCOUNT: &str = "ACCOUNT";
const REGION: &str = "REGION";

/// The document that `--json` prints.
#[derive(Serialize)]
struct Document {
    schema: &'static str,
    /// The policy in IAM's format, once the placeholders are filled in.
    policy: Policy,
    /// The reason for each action.
    reasons: BTreeMap<&'static str, &'static str>,
    /// The placeholders to fill in.
    open: Vec<&'static str>,
}

impl PolicyArgs {
    /// Checks for options that cannot be combined.
    fn check(&self, json: bool) -> Result<(), CliError> {
        let refuse = |message: &str| Err(CliError::usage(message));
        if self.parameters && !matches!(self.target, For::Cli | For::Lambda) {
            return refuse("--parameters is for the Lambda function's templates; leave out --for");
        }
        if self.parameters && self.format == Format::Json {
            return refuse("--parameters needs --format sam or terraform");
        }
        if json && self.format != Format::Json {
            return refuse("--json cannot be combined with --format sam or terraform");
        }
        if self.end_sessions && self.target != For::Operator {
            return refuse(
                "--end-sessions needs --for operator: a scheduled job must not write policies of users",
            );
        }
        self.check_guard()?;
        match (self.target, self.users.is_empty(), self.secrets.is_empty()) {
            (For::Consumer, true, true) => {
                Err(CliError::usage("--for consumer needs a user or a secret")
                    .hint("add --user NAME or --secret NAME"))
            }
            (For::Consumer, ..) | (_, true, _) => Ok(()),
            _ => refuse(
                "--user needs --for consumer; every other policy covers all users under path_prefix",
            ),
        }
    }

    fn check_guard(&self) -> Result<(), CliError> {
        match (self.target, self.principals.is_empty()) {
            (For::Guard, true) => Err(CliError::usage(
                "--for guard needs --principal: it denies everyone else, keyrot included",
            )
            .hint("name the roles of keyrot, the operators and the deployment: --principal arn:aws:iam::123456789012:role/keyrot")),
            (For::Guard, false) => Ok(()),
            (_, false) => Err(CliError::usage("--principal needs --for guard")),
            _ if self.boundary => Err(CliError::usage("--boundary needs --for guard")),
            _ => Ok(()),
        }
    }

    fn guard(&self) -> Result<Guard, CliError> {
        let parse = |text: &String| {
            Principal::parse(text).map_err(|error| CliError::usage(format!("--principal: {error}")))
        };
        Ok(Guard {
            principals: self.principals.iter().map(parse).collect::<Result<_, _>>()?,
            function: Text::fixed(self.function_name.as_str()),
            boundary: self.boundary.then(|| Text::fixed(self.name())),
        })
    }

    /// The policy's name in a template.
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
    let guard = (args.target == For::Guard).then_some(if args.boundary {
        GuardAs::Boundary
    } else {
        GuardAs::Scp
    });
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
            let reasons = ACTIONS
                .iter()
                .filter(|_| guard.is_none())
                .chain(GUARDED.iter().filter(|_| guard.is_some()));
            let reasons =
                reasons.filter(|a| allowed.contains(a.name)).map(|a| (a.name, a.why)).collect();
            print_json(&Document { schema: "keyrot.policy/1", policy: document, reasons, open });
        }
        // White space counts if the AWS CLI creates a service control policy.
        Format::Json if guard.is_some() => print(&policy::compact(&document)),
        Format::Json => print_json(&document),
        Format::Sam if guard.is_some() => {
            print(&policy::guard_sam(args.name(), &document, args.boundary));
        }
        Format::Terraform if guard.is_some() => {
            print(&policy::guard_terraform(args.name(), &document, args.boundary));
        }
        Format::Sam => print(&policy::sam(args.name(), &document)),
        Format::Terraform => print(&policy::terraform(args.name(), &document)),
    }
    Ok(Exit::Success)
}

/// The kind of guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GuardAs {
    Scp,
    Boundary,
}

/// Prints the requirements that cannot be written into the policy.
fn say_of_guard(invocation: &Invocation, document: &Policy, kind: GuardAs) {
    let (what, most, note) = match kind {
        GuardAs::Scp => (
            "a service control policy",
            LONGEST_SCP,
            "attach it to an account or organizational unit in AWS Organizations; it does not apply to the management account and service-linked roles. \
             Without AWS Organizations: --boundary",
        ),
        GuardAs::Boundary => (
            "a permissions boundary",
            LONGEST_MANAGED_POLICY,
            "create it as the managed policy keyrot-guard, and set it as the permissions boundary of each user and role that must not control keyrot; \
             it does not affect others",
        ),
    };
    let characters = document.characters();
    if characters > most {
        warn(&format!(
            "the policy has {characters} characters, but {what} can have at most {most}; use wildcards for principals, such as \
             arn:aws:iam::*:role/ops/*"
        ));
    }
    if !invocation.silent {
        say!("{note}");
    }
}

/// An ARN without a region has no region to fill in.
fn open_places(policy: &Policy) -> Vec<&'static str> {
    let text = serde_json::to_string(policy).unwrap_or_default();
    [ACCOUNT, REGION].into_iter().filter(|place| text.contains(&format!(":{place}:"))).collect()
}

fn say(invocation: &Invocation, scope: &Scope, target: For, open: &[&str]) {
    if scope.takes_every_secret() && !matches!(target, For::Audit | For::Own) {
        warn(
            "secret_name does not start with fixed text, so this policy covers every secret of the account; \
             start it with fixed text, such as /iam/{user}/access_key",
        );
    }
    if !open.is_empty() && !invocation.silent {
        say!("replace {}, or set them with --account and --region", open.join(" and "));
    }
}

fn scope(settings: &Settings, args: &PolicyArgs) -> Result<Scope, CliError> {
    let selection = settings.selection();
    let literal =
        |text: Option<&str>, place: &str| text.map_or_else(|| Text::open(place), Text::fixed);
    let region = settings.region();
    let named = args.users.iter().find_map(|user| match user {
        UserRef::Arn(arn) => Some(arn.account()),
        UserRef::Name(_) => None,
    });
    // The numbers and regions of an organization's accounts are not known here, so an unset value
    // matches any of them.
    let guard = args.target == For::Guard;
    let known = |text: Option<&str>| text.map_or_else(Text::any, Text::fixed);
    let (syntax, partition, account, region) = match args.format {
        format if guard => (
            match format {
                Format::Json => Syntax::Plain,
                Format::Sam => Syntax::CloudFormation,
                Format::Terraform => Syntax::Terraform,
            },
            Text::fixed(Partition::of_region(region.unwrap_or_default()).name()),
            known(settings.account()),
            known(region),
        ),
        Format::Json => (
            Syntax::Plain,
            Text::fixed(Partition::of_region(region.unwrap_or_default()).name()),
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
        log_group: (args.target == For::Lambda)
            .then(|| Text::fixed(format!("/aws/lambda/{}", args.function_name))),
        hooks: Hooks::of(settings.notify()).with_tokens(settings.destinations()),
        deliveries: Delivery::of(settings.destinations(), &selection.path_prefix, &account),
        trail: settings.trail(),
        end_sessions: args.end_sessions,
        home_regions: settings
            .home_regions()
            .iter()
            .map(|region| Text::fixed(region.as_str()))
            .collect(),
        ..Scope::new(
            account,
            settings.template(),
            &selection.path_prefix,
            &selection.tag,
            &selection.tag_value,
        )
    };
    if args.target == For::Consumer {
        let secret = |user| secret_name(settings, user).map(|name| Text::fixed(name.as_str()));
        scope.secrets = args.users.iter().map(secret).collect::<Result<_, _>>()?;
    }
    if let (true, Some(pattern)) = (guard, settings.secret_tag()) {
        scope.secrets.push(Text::wild(&pattern.to_string()));
    }
    for name in &args.secrets {
        let name = SecretName::parse(name.as_str())
            .map_err(|error| CliError::usage(format!("--secret: {error}")))?;
        scope.secrets.push(Text::fixed(name.as_str()));
    }
    Ok(scope)
}
