//! `completion`: what a shell needs to complete keyrot's command line. Nothing is called, and no setting is read.

use crate::args::{Invocation, command};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::print;
use clap_complete::Shell;

pub(crate) const EXAMPLES: &str = "\
Examples:
  keyrot completion bash > ~/.local/share/bash-completion/completions/keyrot
  keyrot completion zsh > ~/.zfunc/_keyrot
                            with `fpath+=~/.zfunc` before compinit in ~/.zshrc
  keyrot completion fish > ~/.config/fish/completions/keyrot.fish
  keyrot completion powershell > \"$(Split-Path $PROFILE)/keyrot.ps1\"
                            with `. $PSScriptRoot/keyrot.ps1` in $PROFILE
  keyrot completion elvish > ~/.config/elvish/lib/keyrot.elv
                            with `use keyrot` in rc.elv

Make the folder first if it is not there, and open a new shell. Do it again after an update of keyrot.";

#[derive(Debug, clap::Args)]
pub(crate) struct CompletionArgs {
    /// For which shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

pub(crate) fn completion(invocation: &Invocation, args: &CompletionArgs) -> Result<Exit, CliError> {
    if invocation.json {
        return Err(CliError::usage("a completion is a script, and there is no JSON of it; leave --json out"));
    }
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command(), "keyrot", &mut script);
    let script = String::from_utf8(script)
        .map_err(|error| CliError::failed(format!("the completion could not be written: {error}")))?;
    print(&script);
    Ok(Exit::Success)
}
