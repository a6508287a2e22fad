//! The arguments of `policy`.

use super::named::user_ref;
use clap::ValueEnum;
use keyrot_core::model::UserRef;

pub(crate) const EXAMPLES: &str = "\
Examples:
  keyrot policy --account 123456789012 --region eu-central-1 > policy.json
  aws iam put-role-policy --role-name keyrot --policy-name keyrot \\
      --policy-document file://policy.json
  keyrot policy --path-prefix /ci/ --kms-key alias/keys  for these settings
  keyrot policy --json | jq .reasons               why each action is needed
  keyrot policy --for lambda --format terraform    for your own module
  keyrot policy --for operator                     for people on call
  keyrot policy --for consumer --user ci-deployer  for readers of its key
  keyrot policy --for guard --principal 'arn:aws:iam::*:role/keyrot' \\
      --principal 'arn:aws:iam::*:role/admin' > guard.json
                                   an SCP that denies everyone else";

#[derive(Debug, clap::Args)]
pub(crate) struct PolicyArgs {
    /// The format: JSON, or a fragment for AWS SAM (CloudFormation) or Terraform
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "json|sam|terraform",
        hide_possible_values = true
    )]
    pub(crate) format: Format,
    /// Who the policy is for
    #[arg(long = "for", value_enum, default_value_t, value_name = "WHO")]
    pub(crate) target: For,
    /// The name of the Lambda function, for its log group
    #[arg(long, value_name = "NAME", default_value = "keyrot")]
    pub(crate) function_name: String,
    /// List users without iam:GetAccountAuthorizationDetails
    ///
    /// That action shows every policy of the account. Without it keyrot reads the users one by one.
    #[arg(long)]
    pub(crate) one_by_one: bool,
    /// The SSM parameter that holds the Lambda function's settings
    #[arg(long, value_name = "NAME")]
    pub(crate) config_parameter: Option<String>,
    /// With --for consumer: the user whose key is read; may be repeated
    ///
    /// Give the user's ARN if secret_name contains {path} or {account}.
    #[arg(long = "user", value_name = "USER|ARN", value_parser = user_ref)]
    pub(crate) users: Vec<UserRef>,
    /// Another secret, as in a user's tag keyrot:secret; may be repeated
    #[arg(long = "secret", value_name = "NAME")]
    pub(crate) secrets: Vec<String>,
    /// With --for operator: also allow revoke --end-sessions
    ///
    /// It includes iam:PutUserPolicy, which can give a user every permission.
    #[arg(long)]
    pub(crate) end_sessions: bool,
    /// With --for guard: a role or user to let through, by ARN; may be repeated
    ///
    /// * and ? are wildcards. Name keyrot's own role, the operators, and the role that deploys
    ///   keyrot.
    #[arg(long = "principal", value_name = "ARN")]
    pub(crate) principals: Vec<String>,
    /// With --for guard: print a permissions boundary instead of an SCP
    ///
    /// Create it as the managed policy keyrot-guard.
    #[arg(long)]
    pub(crate) boundary: bool,
    /// With sam and terraform: use the parameters of keyrot-lambda/deploy instead of the settings
    #[arg(long)]
    pub(crate) parameters: bool,
}

/// The language in which a policy is printed.
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

/// Who a policy is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum For {
    /// `keyrot rotate`, run by hand or by a scheduled job
    #[default]
    Cli,
    /// The Lambda function, which also writes a log
    Lambda,
    /// People on call: also rollback, revoke, enroll, move, who-uses, audit and doctor, for all
    /// users
    Operator,
    /// `keyrot audit`, which only reads
    Audit,
    /// A consumer of a user's key, by `keyrot credentials` or its own code
    Consumer,
    /// A user who rotates their own key with `keyrot my-key`
    #[value(name = "my-key", alias = "self")]
    Own,
    /// Everyone except --principal: an SCP that protects keyrot's tags and secrets
    Guard,
}
