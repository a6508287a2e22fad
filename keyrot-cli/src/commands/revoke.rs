//! `revoke`: have done with a key that leaked.

use super::request::{Asking, Desk};
use crate::args::Invocation;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::render::request::Kind;
use keyrot_core::{KeyId, Request, Revocation, UserName};

const EXAMPLES: &str = "\
Examples:
  keyrot revoke AKIAIOSFODNN7EXAMPLE --reason 'in a public repo'
  keyrot revoke ci-deployer --dry-run  what it would do; KEY: the only one
  keyrot revoke ci-deployer AKIA... --delete
                                       delete it too, without the soak
  keyrot revoke ci-deployer AKIA... --without-successor
                                       off with it first, whoever uses it
  keyrot revoke ci-deployer AKIA... --yes --json > incident.json

Where the key is in use, a new one is made, proved and published first (or the one before, where
there is no room for a new one); then the key is deactivated, without --overlap and --quiet. What
is printed at the end is a record of the incident. It works for users without the rotation tag,
too. Run it again after a failure, with the same KEY: it goes on from where it was.

Exit codes:
  0  the key is Inactive or deleted, or would be (--dry-run)
  1  it is not (yet)
  2  there is no such user or key, or nobody could be asked
  3  a person has to decide first
  130, 143  stopped by Ctrl-C or SIGTERM before it was done";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Revoke {
    /// Whose key; or the key itself, and nothing behind it
    #[arg(value_name = "USER|KEY")]
    user: UserName,
    /// Which; may be left out if the user has just one
    #[arg(value_name = "KEY")]
    key: Option<KeyId>,
    /// Why, for the record and for those who are told; it is stored nowhere
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Deactivate the key first of all, even if nothing can take its place yet
    #[arg(long)]
    without_successor: bool,
    /// Delete the key as soon as it is Inactive: nothing brings it back
    #[arg(long)]
    delete: bool,
    #[command(flatten)]
    asking: Asking,
}

pub(crate) async fn revoke(invocation: &Invocation, args: &Revoke) -> Result<Exit, Problem> {
    let mut desk = Desk::open(invocation, Kind::Revoke, &args.user).await?;
    let seen = desk.look().await?;
    let key = args.key.clone().or_else(|| desk.key.clone());
    match Request::revoke(&seen, key) {
        Ok(order) => {
            let request = Request::Revoke(Revocation {
                reason: args.reason.clone(),
                without_successor: args.without_successor,
                delete: args.delete,
                ..order
            });
            desk.ask(&seen, request, args.asking).await
        }
        Err(refusal) => desk.refuse(seen, refusal, args.asking).await,
    }
}
