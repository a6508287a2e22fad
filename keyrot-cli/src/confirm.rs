//! Asking before something is changed.

use crate::problem::Problem;
use crate::render::{paint, style};
use std::io::{BufRead, IsTerminal, Write};

/// The flag that answers yes beforehand.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Yes {
    /// Do not ask
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
}

/// Asks on stderr whether to go on; the answer is no unless it is yes. `what` names what will change, as a question without its mark.
///
/// Fails where nobody can be asked and `--yes` was not given, before anything is changed.
pub(crate) fn confirm(yes: Yes, what: &str) -> Result<(), Problem> {
    if yes.yes {
        return Ok(());
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Problem::usage(format!("nobody can be asked here: {what}?"))
            .hint("to do it without being asked, add --yes; nothing was done"));
    }
    anstream::eprint!("{}? {} ", paint(style::HEAD, what), paint(style::DIM, "[y/N]"));
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    let read = stdin.lock().read_line(&mut answer);
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" if read.is_ok() => Ok(()),
        _ => Err(Problem::failed("not confirmed; nothing was done")),
    }
}
