//! `completion`: a shell completion script. It calls nothing and reads no setting.

use crate::cli::pages::CompletionArgs;
use crate::cli::{Invocation, command};
use crate::error::CliError;
use crate::exit::Exit;
use crate::terminal::stdio::print;

pub(crate) fn completion(invocation: &Invocation, args: &CompletionArgs) -> Result<Exit, CliError> {
    if invocation.json {
        return Err(
            CliError::usage("a completion is a shell script, not JSON").hint("leave out --json")
        );
    }
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command(), "keyrot", &mut script);
    let script = String::from_utf8(script).map_err(|error| {
        CliError::failed(format!("the completion could not be generated: {error}"))
    })?;
    print(&script);
    Ok(Exit::Success)
}
