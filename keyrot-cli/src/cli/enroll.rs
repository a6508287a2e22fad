//! The arguments of `enroll` and `release`.

use super::asking::Asking;
use super::named::user_name;
use clap::ValueHint;
use keyrot_core::UserName;

pub(crate) const ENROLL_EXAMPLES: &str = "\
Examples:
  keyrot enroll ci-deployer --dry-run      show what its first rotation does
  keyrot enroll ci-deployer shop-backend   show it, ask, and tag them
  keyrot enroll ci-deployer --yes && keyrot rotate --user ci-deployer
  keyrot enroll ci-deployer --adopt-secret   use the secret that exists

Exit codes:
  0  enrolled, or would be (--dry-run)
  1  a user could not be tagged
  2  no such user, or confirmation was not possible
  3  a user would be blocked; no user was tagged
  4  you answered no; nothing was done";

pub(crate) const RELEASE_EXAMPLES: &str = "\
Examples:
  keyrot release ci-deployer --dry-run     show what stays behind
  keyrot release ci-deployer               show it, ask, and remove the tag

Exit codes:
  0  released, or would be (--dry-run)
  1  a tag could not be removed
  2  no such user, or confirmation was not possible
  4  you answered no; nothing was done";

#[derive(Debug, clap::Args)]
pub(crate) struct EnrollArgs {
    /// The users, each by name, ARN or user/NAME
    #[arg(value_name = "USER", required = true, value_parser = user_name, value_hint = ValueHint::Username)]
    pub(crate) users: Vec<UserName>,
    /// Tag them even if a rotation would be blocked or their tag has another value
    #[arg(long)]
    pub(crate) anyway: bool,
    /// Use the user's existing secret, whatever it holds
    #[arg(long)]
    pub(crate) adopt_secret: bool,
    #[command(flatten)]
    pub(crate) asking: Asking,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ReleaseArgs {
    /// The users, each by name, ARN or user/NAME
    #[arg(value_name = "USER", required = true, value_parser = user_name, value_hint = ValueHint::Username)]
    pub(crate) users: Vec<UserName>,
    #[command(flatten)]
    pub(crate) asking: Asking,
}
