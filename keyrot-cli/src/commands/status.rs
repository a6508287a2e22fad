//! `status`: shows each user's keys and what happens next.

use super::run::{Pass, run};
use crate::cli::Invocation;
use crate::cli::run::Status;
use crate::error::CliError;
use crate::exit::Exit;
use crate::screens::users::Screen;

pub(crate) async fn status(invocation: &Invocation, args: &Status) -> Result<Exit, CliError> {
    let pass = Pass { reading: Some(&args.reading), ..Pass::of(Screen::Status) };
    Ok(run(invocation, &args.users, pass).await?.exit)
}
