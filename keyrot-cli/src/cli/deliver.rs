//! The arguments of `deliver`.

use super::asking::Asking;
use super::named::user_name;
use clap::ValueHint;
use keyrot_core::UserName;
use keyrot_core::model::DestinationName;

pub(crate) const EXAMPLES: &str = "\
Examples:
  keyrot deliver ci-deployer --dry-run  show what it would do
  keyrot deliver ci-deployer            show it, ask, and deliver to all
  keyrot deliver ci-deployer --to github --yes
                                        for scripts: safe to run twice

keyrot verifies the current key, writes it to each destination that the
settings give the user, over what is there, and notes down that it did. The
overlap of the previous key counts from the last delivery.

Exit codes:
  0  delivered, or would be (--dry-run)
  1  not delivered to all
  2  no such user or destination, or confirmation was not possible
  3  needs manual action first
  4  you answered no; nothing was done
  130, 143  stopped by Ctrl-C or SIGTERM before it was done";

#[derive(Debug, clap::Args)]
pub(crate) struct DeliverArgs {
    /// The user whose key to deliver
    #[arg(value_name = "USER", value_parser = user_name, value_hint = ValueHint::Username)]
    pub(crate) user: UserName,
    /// The destination, by its name in the settings [default: all of the user's]
    #[arg(long, value_name = "NAME")]
    pub(crate) to: Option<DestinationName>,
    #[command(flatten)]
    pub(crate) asking: Asking,
}
