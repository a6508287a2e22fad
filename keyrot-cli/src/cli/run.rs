//! The arguments of `plan`, `rotate` and `status`.

use clap::Args;
use keyrot_core::UserName;

pub(crate) const PLAN_EXAMPLES: &str = "\
Examples:
  keyrot plan                              all selected users
  keyrot plan --user ci-deployer           one user; more names may follow
  keyrot plan --max-age 60d                with another limit
  keyrot plan --json | jq '.users[] | select(.state == \"due\") | .user'

Exit codes:
  0  ok
  1  a user could not be read
  2  the command line or the settings are invalid
  3  a user is blocked and needs manual action (1 takes precedence)
  130, 143  stopped by Ctrl-C or SIGTERM";

pub(crate) const ROTATE_EXAMPLES: &str = "\
Examples:
  keyrot rotate                      do what is due now; run this daily
  keyrot rotate --user ci-deployer   one user
  keyrot rotate --user ci-deployer --force
                                     replace the current key, due or not
  keyrot rotate --max-changes 5      change at most five users

Exit codes:
  0  ok
  1  a user failed or was not finished, or the run could not start
  2  the command line or the settings are invalid; nothing was done
  3  a user is blocked and needs manual action (1 takes precedence)
  130, 143  stopped by Ctrl-C or SIGTERM before every user was finished
     (1 takes precedence)";

pub(crate) const STATUS_EXAMPLES: &str = "\
Examples:
  keyrot status                      all selected users
  keyrot status --user ci-deployer   one user
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
  0  ok
  1  a user could not be read
  2  the command line or the settings are invalid
  3  a user is blocked and needs manual action (1 takes precedence)
  130, 143  stopped by Ctrl-C or SIGTERM";

#[derive(Debug, Default, Args)]
pub(crate) struct Users {
    /// Only these of the selected users
    #[arg(long = "user", value_name = "NAME", num_args = 1..)]
    pub(crate) users: Vec<UserName>,
    /// Only these of the selected users, like --user
    #[arg(value_name = "USER", conflicts_with = "users")]
    pub(crate) named: Vec<UserName>,
}

impl Users {
    /// The names given either way.
    pub(crate) fn names(&self) -> Vec<UserName> {
        [&self.users[..], &self.named[..]].concat()
    }
}

#[derive(Debug, Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    pub(crate) users: Users,
    /// Replace the current key even if it is not due; every wait and safety check still applies
    #[arg(long)]
    pub(crate) force: bool,
    /// Show what would be done, like `keyrot plan`; change nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
}
