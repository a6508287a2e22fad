//! `status`: each user's keys, and what happens next.

use super::run::run;
use crate::cli::Invocation;
use crate::cli::run::Users;
use crate::error::CliError;
use crate::exit::Exit;
use crate::screens::run::Screen;

pub(crate) async fn status(invocation: &Invocation, users: &Users) -> Result<Exit, CliError> {
    run(invocation, users, Screen::Status, false).await
}
