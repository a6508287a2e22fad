//! `resolve`: what blocks a user, and what to do about it.

use super::request::Desk;
use crate::cli::Invocation;
use crate::cli::resolve::Resolve;
use crate::error::CliError;
use crate::exit::Exit;
use crate::screens::request as screens;
use crate::terminal::confirm::{ask, can_ask};
use crate::terminal::size::width;
use crate::terminal::stdio::print;
use keyrot_core::UserResult;
use keyrot_core::report::Resolution;
use keyrot_core::requests::RequestKind;

pub(crate) async fn resolve(invocation: &Invocation, args: &Resolve) -> Result<Exit, CliError> {
    let mut desk = Desk::open(invocation, RequestKind::Resolve, &args.user).await?;
    let seen = desk.look().await?;
    if !args.asking.dry_run {
        desk.lift().await;
    }
    let resolutions = Resolution::of(&seen);
    if let Some(choice) = &args.choose {
        let resolution = Resolution::named(&seen, choice)
            .ok_or_else(|| no_choice(choice, &resolutions, &seen))?;
        return desk.ask(&seen, resolution.request, args.asking).await;
    }
    let exit = desk.report_seen(&seen, args.asking.dry_run).await?;
    if resolutions.is_empty() || invocation.json {
        return Ok(exit);
    }
    print(&screens::resolutions(&resolutions, width()));
    if args.asking.dry_run || !can_ask() {
        return Ok(exit);
    }
    match chosen(&resolutions).await? {
        Some(resolution) => desk.ask(&seen, resolution.request.clone(), args.asking).await,
        None => Ok(exit),
    }
}

fn no_choice(choice: &str, resolutions: &[Resolution], seen: &UserResult) -> CliError {
    let user = &seen.user;
    let names: Vec<&str> =
        resolutions.iter().map(|resolution| resolution.choice.as_str()).collect();
    let offered = match names.as_slice() {
        [] => "there is nothing to choose".to_owned(),
        names => format!("expected one of: {}", names.join(", ")),
    };
    let hint = match (names.as_slice(), seen.revoked.first()) {
        // What was chosen before may have been stopped halfway.
        (_, Some(key)) => {
            format!("{offered}; {key} was revoked, and to finish that: keyrot revoke {user} {key}")
        }
        ([], None) => format!("{offered}; to see why: keyrot resolve {user}"),
        (_, None) => offered,
    };
    CliError::usage(format!("{choice} is not a choice for {user}")).hint(hint)
}

/// Asks for a number on the terminal; nothing is no choice.
async fn chosen(resolutions: &[Resolution]) -> Result<Option<&Resolution>, CliError> {
    let answer = ask(&format!("Which one? [1-{}, Enter for none] ", resolutions.len())).await?;
    if answer.is_empty() {
        return Ok(None);
    }
    let resolution =
        answer.parse::<usize>().ok().and_then(|number| resolutions.get(number.checked_sub(1)?));
    let problem = || CliError::usage(format!("{answer} is not a choice; nothing was done"));
    resolution
        .map(Some)
        .ok_or_else(|| problem().hint(format!("expected a number from 1 to {}", resolutions.len())))
}
