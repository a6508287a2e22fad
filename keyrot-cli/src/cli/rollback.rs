//! The arguments of `rollback`.

use super::asking::Asking;
use super::named::user_name;
use clap::ValueHint;
use keyrot_core::{KeyId, UserName};

pub(crate) const EXAMPLES: &str = "\
Examples:
  keyrot rollback ci-deployer --dry-run  show what it would do
  keyrot rollback ci-deployer            show it, ask, and roll back
  keyrot rollback ci-deployer --to AKIA... --yes
                                         for scripts: safe to run twice
  keyrot rollback ci-deployer            again: return to the newer key

keyrot verifies the previous key before it publishes it. A previous key is
deleted --overlap plus --soak after its rotation, and cannot be restored then.
After a rollback the user is blocked until you decide about the newer key.

Exit codes:
  0  rolled back, or would be (--dry-run)
  1  not rolled back
  2  no such user or key, or confirmation was not possible
  3  needs manual action first
  4  you answered no; nothing was done
  130, 143  stopped by Ctrl-C or SIGTERM before it was done";

#[derive(Debug, clap::Args)]
pub(crate) struct Rollback {
    /// The user whose key to roll back
    #[arg(value_name = "USER", value_parser = user_name, value_hint = ValueHint::Username)]
    pub(crate) user: UserName,
    /// The key to roll back to [default: the previous key]
    #[arg(long, value_name = "KEY")]
    pub(crate) to: Option<KeyId>,
    #[command(flatten)]
    pub(crate) asking: Asking,
}
