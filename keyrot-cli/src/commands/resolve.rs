//! `resolve`: a blocked user's way out.

use super::request::{Asking, Desk};
use crate::args::Invocation;
use crate::confirm::ask;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::render::{print, request as render, width};
use keyrot_core::{State, UserDocument, UserName, WayOut};
use std::io::IsTerminal;

const EXAMPLES: &str = "\
Examples:
  keyrot resolve ci-deployer                           shows what is in the way and what can be done, and asks
  keyrot resolve ci-deployer --dry-run                 shows it, and does nothing
  keyrot resolve ci-deployer --choose retire:AKIA... --yes
  keyrot resolve ci-deployer --choose replace --yes    in a script: the choice has to be one of those shown

Exit codes: 0 nothing is in the way, or what was chosen is done; 1 it is not (yet); 2 no such user
or choice; 3 the user is blocked still.";

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

const SCHEMA: &str = "keyrot.resolve/1";

pub(crate) async fn resolve(invocation: &Invocation, args: &Resolve) -> Result<Exit, Problem> {
    let mut desk = Desk::open(invocation, &args.user).await?;
    let seen = desk.look().await?;
    let ways = WayOut::of(&seen);
    let names = || ways.iter().map(|way| way.choice.as_str()).collect::<Vec<_>>().join(", ");
    let way = match &args.choose {
        Some(choice) => Some(ways.iter().find(|way| way.choice == *choice).ok_or_else(|| {
            let problem = Problem::usage(format!("{choice} is no choice for {}", args.user));
            match ways.is_empty() {
                true => problem.hint(format!("nothing can be chosen: keyrot resolve {} says why", args.user)),
                false => problem.hint(format!("expected one of: {}", names())),
            }
        })?),
        None => None,
    };
    let Some(way) = way else {
        let evidence = desk.evidence(&seen).await?;
        let exit = desk.tell_seen(SCHEMA, &seen, evidence, args.asking.dry_run);
        if UserDocument::new(&seen, seen.due.unwrap_or_default()).state != State::Blocked || ways.is_empty() {
            return Ok(exit);
        }
        if !invocation.json {
            print(&render::ways(&ways, width()));
        }
        if args.asking.dry_run || invocation.json || !std::io::stdin().is_terminal() {
            return Ok(exit);
        }
        return match chosen(&ways).await? {
            Some(way) => {
                let question = question(way, &args.user);
                desk.ask(SCHEMA, &seen, way.request.clone(), args.asking, &question).await
            }
            None => Ok(exit),
        };
    };
    desk.ask(SCHEMA, &seen, way.request.clone(), args.asking, &question(way, &args.user)).await
}

fn question(way: &WayOut, user: &UserName) -> String {
    let short = way.message.split(':').next().unwrap_or(&way.message);
    let mut letters = short.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase()).into_iter();
    format!("{} (user {user})", first.chain(letters).collect::<String>())
}

/// Asks for a number on the terminal; nothing is no choice.
async fn chosen(ways: &[WayOut]) -> Result<Option<&WayOut>, Problem> {
    let answer = ask(&format!("Which? [1-{}, or nothing to leave it] ", ways.len())).await?;
    if answer.is_empty() {
        return Ok(None);
    }
    let way = answer.parse::<usize>().ok().and_then(|number| ways.get(number.checked_sub(1)?));
    let problem = || Problem::usage(format!("{answer} is no choice; nothing was done"));
    way.map(Some).ok_or_else(|| problem().hint(format!("expected a number from 1 to {}", ways.len())))
}
