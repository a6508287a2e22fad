//! `keyrot policy`: the IAM policy that keyrot needs, for the settings at hand. Nothing of AWS is called.

use crate::args::{For, Format, Invocation, PolicyArgs};
use crate::config;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::render::{policy, print, print_json};
use keyrot_aws::policy::{ACTIONS, Discovery, Hooks, Key, Policy, Scope, Syntax, Text};
use keyrot_core::SecretName;
use keyrot_core::settings::Settings;
use serde::Serialize;
use std::collections::BTreeMap;

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

pub(crate) fn policy(invocation: &Invocation, args: &PolicyArgs) -> Result<Exit, Problem> {
    let settings = config::load(invocation)?;
    if args.parameters && args.target == For::Audit {
        return Err(Problem::usage("--parameters is for the function's templates, and there is none for an audit"));
    }
    if args.parameters {
        print(&match args.format {
            Format::Sam => policy::sam_template(),
            Format::Terraform => policy::terraform_module(),
            Format::Json => {
                let message = "--parameters is for --format sam and terraform: plain JSON has no parameters";
                return Err(Problem::usage(message));
            }
        });
        return Ok(Exit::Well);
    }
    if invocation.json && args.format != Format::Json {
        let message = "with --json the policy is JSON; leave --json out for --format sam and terraform";
        return Err(Problem::usage(message));
    }
    let scope = scope(&settings, args)?;
    let open: Vec<_> = match args.format {
        // An audit's permissions are all IAM's, which has no region.
        Format::Json => {
            [(ACCOUNT, args.account.is_none()), (REGION, settings.region().is_none() && args.target != For::Audit)]
                .into_iter()
                .filter_map(|(place, open)| open.then_some(place))
                .collect()
        }
        Format::Sam | Format::Terraform => Vec::new(),
    };
    say(invocation, &scope, args.target, &open);
    let document = if args.target == For::Audit { scope.audit_policy() } else { scope.policy() };
    match args.format {
        Format::Json if invocation.json => {
            let allowed = document.actions();
            let reasons = ACTIONS.iter().filter(|a| allowed.contains(a.name)).map(|a| (a.name, a.why)).collect();
            print_json(&Document { schema: "keyrot.policy/1", policy: document, reasons, open });
        }
        Format::Json => print_json(&document),
        Format::Sam => print(&policy::sam(&document)),
        Format::Terraform => print(&policy::terraform(&document)),
    }
    Ok(Exit::Well)
}

fn say(invocation: &Invocation, scope: &Scope, target: For, open: &[&str]) {
    if scope.takes_every_secret() && target != For::Audit {
        anstream::eprintln!(
            "warning: the names of the secrets have no beginning of their own, so this policy is for every secret of the account; \
             set secret_name to begin with fixed text, such as /iam/{{user}}/access_key"
        );
    }
    if !open.is_empty() && !invocation.silent {
        anstream::eprintln!("replace {}, or name them with --account and --region", open.join(" and "));
    }
}

fn scope(settings: &Settings, args: &PolicyArgs) -> Result<Scope, Problem> {
    let selection = settings.selection();
    let literal = |text: Option<&str>, place: &str| text.map_or_else(|| Text::open(place), Text::fixed);
    let region = settings.region();
    let (syntax, partition, account, region) = match args.format {
        Format::Json => (
            Syntax::Plain,
            Text::fixed(partition(region.unwrap_or_default())),
            literal(args.account.as_deref(), ACCOUNT),
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
        ..Scope::new(account, settings.template(), &selection.path_prefix, &selection.tag, &selection.tag_value)
    };
    for name in &args.secrets {
        let name = SecretName::parse(name.as_str()).map_err(|error| Problem::usage(format!("--secret: {error}")))?;
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
