//! The arguments of `resolve`.

use super::asking::Asking;
use super::named::user_name;
use clap::ValueHint;
use keyrot_core::UserName;

pub(crate) const EXAMPLES: &str = "\
Examples:
  keyrot resolve ci-deployer             show the blocker, and ask
  keyrot resolve ci-deployer --dry-run   show it, and change nothing
  keyrot resolve ci-deployer --choose retire:AKIA... --yes
                                         for scripts: one of the choices shown
  keyrot resolve ci-deployer --choose replace --yes
  keyrot resolve ci-deployer --choose reinstate:AKIA... --yes
                                         undo a revocation

Exit codes:
  0  nothing blocks the user, or the choice is done
  1  the choice is not done, or not yet
  2  no such user or choice, or confirmation was not possible
  3  the user is still blocked
  4  you answered no; nothing was done
  130, 143  stopped by Ctrl-C or SIGTERM before it was done";

#[derive(Debug, clap::Args)]
pub(crate) struct Resolve {
    /// The blocked user
    #[arg(value_name = "USER", value_parser = user_name, value_hint = ValueHint::Username)]
    pub(crate) user: UserName,
    /// The choice, as `keyrot resolve USER --dry-run` lists them
    #[arg(long, value_name = "CHOICE")]
    pub(crate) choose: Option<String>,
    #[command(flatten)]
    pub(crate) asking: Asking,
}
