//! `resolve`: a blocked user's way out.

use super::request::{Asking, RequestSession};
use crate::args::Invocation;
use crate::confirm::{ask, can_ask};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::request::{self as render, Kind};
use crate::render::{print, width};
use keyrot_core::UserName;
use keyrot_core::requests::Resolution;

const EXAMPLES: &str = "\
Examples:
  keyrot resolve ci-deployer             shows what is in the way, and asks
  keyrot resolve ci-deployer --dry-run   shows it, and does nothing
  keyrot resolve ci-deployer --choose retire:AKIA... --yes
                                         in a script: one of the choices shown
  keyrot resolve ci-deployer --choose replace --yes
  keyrot resolve ci-deployer --choose reinstate:AKIA... --yes
                                         take a revocation back

Exit codes:
  0  nothing is in the way, or what was chosen is done
  1  it is not done (yet)
  2  there is no such user or choice, or nobody could be asked
  3  the user is blocked still
  130, 143  stopped by Ctrl-C or SIGTERM before it was done";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Resolve {
    /// Who is blocked
    #[arg(value_name = "USER")]
    user: UserName,
    /// The choice, as `keyrot resolve USER --dry-run` shows them
    #[arg(long, value_name = "CHOICE")]
    choose: Option<String>,
    #[command(flatten)]
    asking: Asking,
}

pub(crate) async fn resolve(invocation: &Invocation, args: &Resolve) -> Result<Exit, CliError> {
    let mut desk = RequestSession::open(invocation, Kind::Resolve, &args.user).await?;
    let seen = desk.look().await?;
    if !args.asking.dry_run {
        desk.lift().await;
    }
    let ways = Resolution::of(&seen);
    if let Some(choice) = &args.choose {
        let way = ways.iter().find(|way| way.choice == *choice).ok_or_else(|| no_choice(choice, &ways, &args.user))?;
        return desk.ask(&seen, way.request.clone(), args.asking).await;
    }
    let evidence = desk.evidence(&seen).await?;
    let exit = desk.tell_seen(&seen, evidence, args.asking.dry_run);
    if ways.is_empty() || invocation.json {
        return Ok(exit);
    }
    print(&render::ways(&ways, width()));
    if args.asking.dry_run || !can_ask() {
        return Ok(exit);
    }
    match chosen(&ways).await? {
        Some(way) => desk.ask(&seen, way.request.clone(), args.asking).await,
        None => Ok(exit),
    }
}

fn no_choice(choice: &str, ways: &[Resolution], user: &UserName) -> CliError {
    let names: Vec<&str> = ways.iter().map(|way| way.choice.as_str()).collect();
    CliError::usage(format!("{choice} is no choice for {user}")).hint(match names.as_slice() {
        [] => format!("nothing can be chosen: keyrot resolve {user} says why"),
        names => format!("expected one of: {}", names.join(", ")),
    })
}

/// Asks for a number on the terminal; nothing is no choice.
async fn chosen(ways: &[Resolution]) -> Result<Option<&Resolution>, CliError> {
    let answer = ask(&format!("Which? [1-{}, or nothing to leave it] ", ways.len())).await?;
    if answer.is_empty() {
        return Ok(None);
    }
    let way = answer.parse::<usize>().ok().and_then(|number| ways.get(number.checked_sub(1)?));
    let problem = || CliError::usage(format!("{answer} is no choice; nothing was done"));
    way.map(Some).ok_or_else(|| problem().hint(format!("expected a number from 1 to {}", ways.len())))
}
