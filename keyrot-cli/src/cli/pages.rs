//! The arguments of `completion`, `man` and `help`.

use clap_complete::Shell;
use std::path::PathBuf;

pub(crate) const COMPLETION_EXAMPLES: &str = "\
Examples:
  keyrot completion bash > ~/.local/share/bash-completion/completions/keyrot
  keyrot completion zsh > ~/.zfunc/_keyrot
                            with `fpath+=~/.zfunc` before compinit in ~/.zshrc
  keyrot completion fish > ~/.config/fish/completions/keyrot.fish
  keyrot completion powershell > \"$(Split-Path $PROFILE)/keyrot.ps1\"
                            with `. $PSScriptRoot/keyrot.ps1` in $PROFILE
  keyrot completion elvish > ~/.config/elvish/lib/keyrot.elv
                            with `use keyrot` in rc.elv

Create the folder first if it does not exist, then open a new shell.
Run it again after you update keyrot.";

pub(crate) const MAN_EXAMPLES: &str = "\
Examples:
  keyrot man | man -l -                            read the main page
  keyrot man rotate | man -l -                     read a command's page
  keyrot man --out ~/.local/share/man/man1 && man keyrot-rotate
  sudo keyrot man --out /usr/local/share/man/man1  for all users";

pub(crate) const HELP_EXAMPLES: &str = "\
Examples:
  keyrot help rotate         like keyrot rotate --help
  keyrot help sandbox        like keyrot sandbox --help
  keyrot help settings       every setting: flag, variable, default, meaning";

#[derive(Debug, clap::Args)]
pub(crate) struct CompletionArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub(crate) shell: Shell,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// The command whose page to print; default: the main page
    #[arg(value_name = "COMMAND", conflicts_with = "out")]
    pub(crate) words: Vec<String>,
    /// Write a page for each command into DIR: keyrot.1, keyrot-rotate.1, and so on
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct HelpArgs {
    /// A command, or `settings`
    #[arg(value_name = "COMMAND|settings")]
    pub(crate) words: Vec<String>,
}
