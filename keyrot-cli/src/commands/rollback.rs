//! `rollback`: the key that was current before is published again.

use super::request::{Asking, Desk};
use crate::args::Invocation;
use crate::exit::Exit;
use crate::problem::Problem;
use keyrot_core::{KeyId, Request, UserName};

const EXAMPLES: &str = "\
Examples:
  keyrot rollback ci-deployer --dry-run    what it would do, and what is known of both keys
  keyrot rollback ci-deployer              shows that, asks, and does it
  keyrot rollback ci-deployer --to AKIA... --yes
                                           in a script: to run it twice is harmless; exit code 0 only if it was done
  keyrot rollback ci-deployer              once more: forward again to the newer key

The key before is proved before it is published. It is gone for good once it is deleted: --overlap
and --soak after its rotation. Afterwards keyrot leaves the user alone until a person decides what
becomes of the newer key.

Exit codes: 0 it is done, or would be (--dry-run); 1 it is not; 2 no such user or key, or nobody
could be asked; 3 a person has to decide first.";

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

const SCHEMA: &str = "keyrot.rollback/1";

pub(crate) async fn rollback(invocation: &Invocation, args: &Rollback) -> Result<Exit, Problem> {
    let mut desk = Desk::open(invocation, &args.user).await?;
    let seen = desk.look().await?;
    match args.to.clone().map_or_else(|| Request::key_before(&seen), Ok) {
        Ok(to) => {
            let from = seen.current.as_ref().map(|key| format!(" from {key}")).unwrap_or_default();
            let made = |id: &KeyId| seen.keys.iter().find(|key| key.id == *id).map(|key| key.created);
            let newer = seen.current.as_ref().is_some_and(|current| made(current) < made(&to));
            let way = if newer { "on" } else { "back" };
            let question = format!("Go {way}{from} to {to} for {}", args.user);
            desk.ask(SCHEMA, &seen, Request::Rollback { to }, args.asking, &question).await
        }
        Err(refusal) => desk.refuse(SCHEMA, seen, refusal, args.asking).await,
    }
}
