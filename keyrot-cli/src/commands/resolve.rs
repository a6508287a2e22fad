//! `resolve`: shows what blocks a user and the choices, and carries one out.

use super::request::RequestSession;
use crate::cli::Invocation;
use crate::cli::resolve::Resolve;
use crate::error::CliError;
use crate::exit::Exit;
use crate::screens::request as screens;
use crate::terminal::confirm::{ask_until, can_ask};
use crate::terminal::size::width;
use crate::terminal::stdio::print;
use keyrot_core::UserResult;
use keyrot_core::report::{Resolution, command_line};
use keyrot_core::requests::RequestKind;

pub(crate) async fn resolve(invocation: &Invocation, args: &Resolve) -> Result<Exit, CliError> {
    let mut session = RequestSession::open(invocation, RequestKind::Resolve, &args.user).await?;
    let seen = session.look().await?;
    if !args.asking.dry_run {
        session.lift().await;
    }
    let resolutions = Resolution::of(&seen);
    if let Some(choice) = &args.choose {
        let choice_of = |text: &String| Resolution::named(&seen, &text.parse().ok()?);
        let resolution = choice_of(choice).ok_or_else(|| no_choice(choice, &resolutions, &seen))?;
        return session.ask(&seen, resolution.request, args.asking).await;
    }
    let exit = session.report_seen(&seen, args.asking.dry_run).await?;
    if resolutions.is_empty() || invocation.json {
        return Ok(exit);
    }
    print(&screens::resolutions(&resolutions, width()));
    if args.asking.dry_run || !can_ask() {
        return Ok(exit);
    }
    match chosen(&resolutions).await? {
        Some(resolution) => session.ask(&seen, resolution.request.clone(), args.asking).await,
        None => {
            say!("nothing was chosen; nothing was done");
            Ok(exit)
        }
    }
}

fn no_choice(choice: &str, resolutions: &[Resolution], seen: &UserResult) -> CliError {
    let user = &seen.user;
    let names: Vec<String> =
        resolutions.iter().map(|resolution| resolution.choice.to_string()).collect();
    let offered = match names.as_slice() {
        [] => "there is nothing to choose".to_owned(),
        names => format!("expected one of: {}", names.join(", ")),
    };
    let hint = match (names.as_slice(), seen.revoked.first()) {
        // An earlier choice may have been interrupted halfway.
        (_, Some(key)) => {
            let revoke = command_line("keyrot revoke", &[user.as_str(), key.as_str()], "");
            format!("{offered}; {key} was revoked, and to finish that: {revoke}")
        }
        ([], None) => {
            let resolve = command_line("keyrot resolve", &[user.as_str()], "");
            format!("{offered}; to see why: {resolve}")
        }
        (_, None) => offered,
    };
    CliError::usage(format!("{choice} is not a choice for {user}")).hint(hint)
}

/// Asks for a number on the terminal. An empty answer means no choice.
async fn chosen(resolutions: &[Resolution]) -> Result<Option<&Resolution>, CliError> {
    let most = resolutions.len();
    let (range, expected) = match most {
        1 => ("1".to_owned(), "expected 1".to_owned()),
        _ => (format!("1-{most}"), format!("expected a number from 1 to {most}")),
    };
    let question = format!("Which one? [{range}, Enter for none] ");
    let answered = ask_until(&question, |answer| {
        if answer.is_empty() {
            return Ok(None);
        }
        let number = answer.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        let resolution = number.and_then(|index| resolutions.get(index));
        resolution.map(Some).ok_or_else(|| expected.clone())
    });
    answered.await?.map_err(|(answer, expected)| {
        CliError::usage(format!("{answer} is not a choice; nothing was done")).hint(expected)
    })
}
