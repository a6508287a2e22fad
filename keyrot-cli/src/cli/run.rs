//! The arguments of `plan`, `rotate` and `status`.

use super::asking::Asking;
use super::named::user_name;
use clap::Args;
use clap::ValueHint;
use keyrot_core::UserName;
use std::path::PathBuf;

pub(crate) const PLAN_EXAMPLES: &str = "\
Examples:
  keyrot plan                              all selected users
  keyrot plan --user ci-deployer           one user; more names may follow
  keyrot plan --max-age 60d                with another limit
  keyrot plan --detailed-exitcode          exit with 2 if there is something
  keyrot plan --json | jq '.users[] | select(.state == \"due\") | .user'

Exit codes:
  0  ok, whatever was found
  1  a user could not be read
  2  the command line or the settings are invalid
  3  with --check: a user is blocked and needs manual action
  130, 143  stopped by Ctrl-C or SIGTERM

With --detailed-exitcode, as in terraform plan:
  0  a run would do nothing
  1  an error, of whatever kind
  2  a run would do something";

pub(crate) const ROTATE_EXAMPLES: &str = "\
Examples:
  keyrot rotate                      do what is due now; run this daily
  keyrot rotate --user ci-deployer   one user
  keyrot rotate --user ci-deployer --force
                                     replace the current key, due or not
  keyrot rotate --max-changes 5      change at most five users

On a terminal, rotate shows the plan and asks first if it would change more
than five users for the first time, or replace more than five keys by --force.
A scheduled job is never asked.

Exit codes:
  0  ok; with --dry-run, which is a plan, also if a user is blocked
  1  a user failed or was not finished, or the run could not start
  2  the command line or the settings are invalid; nothing was done
  3  a user is blocked and needs manual action (1 takes precedence)
  4  you answered no; nothing was done
  130, 143  stopped by Ctrl-C or SIGTERM before every user was finished
     (1 takes precedence)";

pub(crate) const STATUS_EXAMPLES: &str = "\
Examples:
  keyrot status                      all selected users
  keyrot status --user ci-deployer   one user
  keyrot status --check -q           exit with 3 if a user is blocked
  keyrot status --output csv --out users.csv
  keyrot status --json | jq '.users[] | select(.reason == \"in_use\")'
                                     old keys that are still in use

States:
  settled   nothing to do until the key is due
  due       a run would do something now
  overlap   the old key still works while consumers move to the new one
  held      the old key is kept because it is in use; see keyrot who-uses USER
  soaking   the old key is Inactive and will be deleted
  waiting   keyrot waits for AWS or for another run
  blocked   needs manual action; see keyrot resolve USER

Exit codes:
  0  ok, whatever was found
  1  a user could not be read
  2  the command line or the settings are invalid
  3  with --check: a user is blocked and needs manual action
  130, 143  stopped by Ctrl-C or SIGTERM";

#[derive(Debug, Default, Args)]
pub(crate) struct Users {
    /// Only these of the selected users
    #[arg(long = "user", value_name = "NAME", num_args = 1.., value_parser = user_name, value_hint = ValueHint::Username)]
    pub(crate) users: Vec<UserName>,
    /// Only these of the selected users, like --user
    #[arg(value_name = "USER", conflicts_with = "users", value_parser = user_name, value_hint = ValueHint::Username)]
    pub(crate) named: Vec<UserName>,
}

impl Users {
    /// Returns the names, whichever way they were given.
    pub(crate) fn names(&self) -> Vec<UserName> {
        [&self.users[..], &self.named[..]].concat()
    }
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) users: Users,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Exit with 0 if a run would do nothing, 2 if it would do something, 1 for any error
    #[arg(long, conflicts_with = "check")]
    pub(crate) detailed_exitcode: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) users: Users,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

/// The common arguments of commands that only read.
#[derive(Debug, Default, Args)]
pub(crate) struct Reading {
    /// Exit with 3 if a user is blocked
    #[arg(long)]
    pub(crate) check: bool,
    /// Write to FILE instead of stdout, as its name ends (.json, .csv); only you can read it
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    pub(crate) users: Users,
    /// Replace the current key even if it is not due; every wait and safety check still applies
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) asking: Asking,
}
