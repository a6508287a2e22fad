//! `help`: shows the help of a command, or the page of settings.

use crate::cli::pages::HelpArgs;
use crate::cli::{Invocation, command, parser};
use crate::error::CliError;
use crate::exit::Exit;
use crate::screens::settings::screen;
use crate::terminal::size::width;
use crate::terminal::stdio::{failed, print};

/// The topic that is not a command.
const SETTINGS: &str = "settings";

/// `version`: prints the same as `--version`.
pub(crate) fn version(invocation: &Invocation) -> Result<Exit, CliError> {
    if invocation.json {
        return Err(CliError::usage("the version is text, not JSON").hint("leave out --json"));
    }
    print(&command().render_version());
    Ok(Exit::Success)
}

pub(crate) fn help(invocation: &Invocation, args: &HelpArgs) -> Result<Exit, CliError> {
    if invocation.json {
        return Err(CliError::usage("help is text, not JSON").hint("leave out --json"));
    }
    if args.words == [SETTINGS] {
        print(&screen(width()));
        return Ok(Exit::Success);
    }
    // clap has every command's help, and suggests a command for a mistyped one.
    let words =
        std::iter::once("keyrot").chain(args.words.iter().map(String::as_str)).chain(["--help"]);
    match parser().try_get_matches_from(words) {
        Ok(_) => Ok(Exit::Success),
        Err(error) => match (error.print(), error.use_stderr()) {
            (_, true) => Ok(Exit::Usage),
            (Err(lost), false) => {
                failed(&lost);
                Ok(Exit::Success)
            }
            (Ok(()), false) => Ok(Exit::Success),
        },
    }
}
