//! The arguments of `move`.

use super::asking::Asking;
use super::named::user_name;
use clap::ValueHint;
use keyrot_core::UserName;

pub(crate) const EXAMPLES: &str = "\
Examples:
  keyrot move ci-deployer --region eu-west-1 --dry-run   show what it would do
  keyrot move ci-deployer --region eu-west-1             show it and ask
  keyrot move ci-deployer --secret-name '/keys/{user}'
  keyrot rotate --user ci-deployer --region eu-west-1    publish a key there

Exit codes:
  0  moved, or would be (--dry-run)
  1  a user could not be moved, or a secret could not be read
  2  no such user, or confirmation was not possible
  3  a rotation is under way or would be blocked; no user was moved
  4  you answered no; nothing was done";

#[derive(Debug, clap::Args)]
pub(crate) struct MoveArgs {
    /// The users, each by name, ARN or user/NAME
    #[arg(value_name = "USER", required = true, value_parser = user_name, value_hint = ValueHint::Username)]
    pub(crate) users: Vec<UserName>,
    /// Use an existing secret at the new place, whatever it holds
    #[arg(long)]
    pub(crate) adopt_secret: bool,
    #[command(flatten)]
    pub(crate) asking: Asking,
}
