//! `rotate`: every step that is due.

use super::run::run;
use crate::cli::Invocation;
use crate::cli::run::Rotate;
use crate::error::CliError;
use crate::exit::Exit;
use crate::screens::run::Screen;

pub(crate) async fn rotate(invocation: &Invocation, args: &Rotate) -> Result<Exit, CliError> {
    let screen = if args.dry_run { Screen::Plan } else { Screen::Rotate };
    run(invocation, &args.users, screen, args.force).await
}
