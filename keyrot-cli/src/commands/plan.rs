//! `plan`: what a run would do.

use super::run::run;
use crate::cli::Invocation;
use crate::cli::run::Users;
use crate::error::CliError;
use crate::exit::Exit;
use crate::screens::run::Screen;

pub(crate) async fn plan(invocation: &Invocation, users: &Users) -> Result<Exit, CliError> {
    run(invocation, users, Screen::Plan, false).await
}
