//! `plan`: shows what a run would do.

use super::run::{Pass, run};
use crate::cli::Invocation;
use crate::cli::run::Plan;
use crate::error::CliError;
use crate::exit::Exit;
use crate::screens::users::Screen;

pub(crate) async fn plan(invocation: &Invocation, args: &Plan) -> Result<Exit, CliError> {
    let pass = Pass { reading: Some(&args.reading), ..Pass::of(Screen::Plan) };
    let ran = run(invocation, &args.users, pass).await;
    if !args.detailed_exitcode {
        return ran.map(|ran| ran.exit);
    }
    let ran = ran.map_err(CliError::detailed)?;
    Ok(if ran.exit == Exit::Success && ran.document.counts.due > 0 {
        Exit::Changes
    } else {
        ran.exit
    })
}
