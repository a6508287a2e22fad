//! `rollback`: the key that was current before is published again.

use super::request::{Asking, RequestSession};
use crate::args::Invocation;
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::request::Kind;
use keyrot_core::{KeyId, Request, UserName};

const EXAMPLES: &str = "\
Examples:
  keyrot rollback ci-deployer --dry-run  what it would do, and both keys' use
  keyrot rollback ci-deployer            shows that, asks, and does it
  keyrot rollback ci-deployer --to AKIA... --yes
                                         in a script: twice is harmless
  keyrot rollback ci-deployer            once more: forward to the newer key

The key before is proved before it is published. It is gone for good once it is deleted: --overlap
and --soak after its rotation. Afterwards keyrot leaves the user alone until a person decides what
becomes of the newer key.

Exit codes:
  0  it is done, or would be (--dry-run)
  1  it is not
  2  there is no such user or key, or nobody could be asked
  3  a person has to decide first
  130, 143  stopped by Ctrl-C or SIGTERM before it was done";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Rollback {
    /// Whose key
    #[arg(value_name = "USER")]
    user: UserName,
    /// The key to go back to; by default the one before. Named, the command can be run again without going forward again
    #[arg(long, value_name = "KEY")]
    to: Option<KeyId>,
    #[command(flatten)]
    asking: Asking,
}

pub(crate) async fn rollback(invocation: &Invocation, args: &Rollback) -> Result<Exit, CliError> {
    let mut desk = RequestSession::open(invocation, Kind::Rollback, &args.user).await?;
    let seen = desk.look().await?;
    match args.to.clone().map_or_else(|| Request::key_before(&seen), Ok) {
        Ok(to) => desk.ask(&seen, Request::Rollback { to }, args.asking).await,
        Err(refusal) => desk.refuse(seen, refusal, args.asking).await,
    }
}
