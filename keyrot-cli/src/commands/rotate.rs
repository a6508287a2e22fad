//! `rotate`: carries out every step that is due.

use super::run::{Pass, run};
use crate::cli::Invocation;
use crate::cli::run::Rotate;
use crate::error::CliError;
use crate::exit::Exit;
use crate::screens::users::Screen;
use crate::terminal::size::talk_width;
use crate::terminal::style;
use crate::terminal::text::hanging;
use keyrot_core::EventKind;
use keyrot_core::report::{State, UserDocument};

pub(crate) async fn rotate(invocation: &Invocation, args: &Rotate) -> Result<Exit, CliError> {
    let screen = if args.asking.dry_run { Screen::Plan } else { Screen::Rotate };
    let pass = Pass { force: args.force, agreed: args.asking.yes, ..Pass::of(screen) };
    let ran = run(invocation, &args.users, pass).await?;
    let kept: Vec<_> = ran.document.users.iter().filter(|user| is_kept(user)).collect();
    if !args.force || kept.is_empty() {
        return Ok(ran.exit);
    }
    let would = if args.asking.dry_run { "would not replace" } else { "did not replace" };
    for user in &kept {
        let text = format!("--force {would} the key of {}: {}", user.user, user.message);
        say_part!("{}", hanging("error: ", style::BAD, &text, style::PLAIN, talk_width()));
    }
    // The request was not carried out, which takes precedence over a blocked user.
    Ok(match ran.exit {
        Exit::Success | Exit::Blocked => Exit::Failed,
        exit => exit,
    })
}

/// Whether the user has no problem, but its key was not and would not be replaced. Blocked, failed
/// and stopped users are reported anyway.
fn is_kept(user: &UserDocument) -> bool {
    matches!(user.state, State::Waiting | State::Settled)
        && !user.events.iter().any(|event| matches!(event.kind, EventKind::Rotated { .. }))
}
