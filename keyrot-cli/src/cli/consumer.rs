//! The arguments of `credentials` and `exec`.

use super::named::user_ref;
use super::values::duration;
use clap::ValueHint;
use keyrot_core::consumer::SecretId;
use keyrot_core::model::UserRef;
use std::ffi::OsString;
use std::time::Duration;

pub(crate) const CREDENTIALS_EXAMPLES: &str = "\
Examples:
  keyrot credentials ci --show              print the key on a terminal
  keyrot credentials ci --region eu-central-1 | jq -r .AccessKeyId
  keyrot credentials --secret arn:aws:secretsmanager:…
                                            a secret of another account

In ~/.aws/config, for every SDK and tool that reads it. The profile `reader`
must be allowed to read the secret; without --profile, the machine's role must:
  [profile ci]
  region = eu-central-1
  credential_process = keyrot credentials ci --profile reader

A warning on stderr is no failure. For a tool that reads stderr together with
stdout, add -q: then a success prints the key alone.";

pub(crate) const EXEC_EXAMPLES: &str = "\
Examples:
  keyrot exec ci -- aws s3 ls
  keyrot exec ci --profile reader -- terraform plan
  keyrot exec --secret arn:aws:secretsmanager:… -- ./job

The command replaces the keyrot process: it receives signals, and its exit
code is returned. It keeps the same key until it ends. For a process that
runs for days, use credential_process: see `keyrot credentials --help`.

Exit codes:
  1, 2  the key could not be read, or the command line or the settings are
        invalid
  126  the command cannot be run
  127  there is no such command
  otherwise the command's own";

/// What to read, and how fresh it must be.
#[derive(Debug, clap::Args)]
pub(crate) struct Reading {
    /// The user name, or the user's ARN if secret_name contains {path} or {account}
    #[arg(value_name = "USER", required_unless_present = "secret", value_parser = user_ref, value_hint = ValueHint::Username)]
    pub(crate) user: Option<UserRef>,
    /// The secret's name or ARN, instead of what secret_name gives
    #[arg(long, value_name = "NAME|ARN")]
    pub(crate) secret: Option<SecretId>,
    /// Read the previous key (AWSPREVIOUS), which works until keyrot retires it
    #[arg(long)]
    pub(crate) previous: bool,
    /// How long to reuse a key without asking Secrets Manager [default: 5m]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) cache_for: Option<Duration>,
    /// How long to reuse it if Secrets Manager is unreachable; 0s for never [default: half of
    /// overlap, at most 1day]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) stale_for: Option<Duration>,
    /// Neither read nor write the cache on disk
    #[arg(long, conflicts_with_all = ["cache_for", "stale_for"])]
    pub(crate) no_cache: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CredentialsArgs {
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Print the key even on a terminal, where others and the scrollback can see it
    #[arg(long)]
    pub(crate) show: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ExecArgs {
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// The command and its arguments, after --
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}
