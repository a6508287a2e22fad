//! `init`: a settings file that says what can be set, after a look at the account.

mod look;
mod text;

use crate::args::Invocation;
use crate::backend::Backend;
use crate::config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::{paint, print, print_json, style};
use look::Look;
use serde::Serialize;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

pub(crate) const EXAMPLES: &str = "\
Examples:
  keyrot init                       look at the account, and write keyrot.toml
  keyrot init --offline --stdout    every setting, without a call
  keyrot init --output /etc/keyrot.toml --profile ops";

#[derive(Debug, clap::Args)]
pub(crate) struct InitArgs {
    /// Where to write it; a file that is there is never overwritten
    #[arg(long, value_name = "FILE", default_value = "keyrot.toml")]
    pub(crate) output: PathBuf,
    /// Print it, and write nothing
    #[arg(long, conflicts_with = "output")]
    pub(crate) stdout: bool,
    /// Do not look at the account: no credentials are needed, and nothing is suggested
    #[arg(long)]
    pub(crate) offline: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    /// Where it was written; none with `--stdout`.
    file: Option<String>,
    /// What was seen; none with `--offline`.
    account: Option<&'a Look>,
    /// The settings file.
    toml: &'a str,
}

pub(crate) async fn init(invocation: &Invocation, args: &InitArgs) -> Result<Exit, CliError> {
    // Before anything is asked.
    if !args.stdout && args.output.exists() {
        return Err(taken(&args.output));
    }
    let look = match args.offline {
        true => None,
        false => {
            let settings = config::load(invocation)?;
            let target = Backend::open(invocation, &settings).await?;
            Some(look::look(&target, &settings).await?)
        }
    };
    let toml = text::toml(look.as_ref());
    if !args.stdout {
        write(&args.output, &toml)?;
    }
    let file = (!args.stdout).then(|| args.output.display().to_string());
    if invocation.json {
        print_json(&Document { schema: "keyrot.init/1", file, account: look.as_ref(), toml: &toml });
    } else if args.stdout {
        print(&toml);
    } else {
        let seen = look.as_ref().map(|look| format!("{}\n", look.summary())).unwrap_or_default();
        print(&format!("{seen}{} {}\n", paint(style::GOOD, "wrote"), args.output.display()));
        say!("{} keyrot plan shows what a run would do", paint(style::HINT, "next:"));
    }
    Ok(Exit::Success)
}

fn write(path: &Path, text: &str) -> Result<(), CliError> {
    let made = OpenOptions::new().write(true).create_new(true).open(path);
    let written = made.and_then(|mut file| {
        // Half a file would be taken for the settings.
        file.write_all(text.as_bytes()).inspect_err(|_| drop(std::fs::remove_file(path)))
    });
    match written {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(taken(path)),
        Err(error) => Err(CliError::failed(format!("{} could not be written: {error}", path.display()))),
    }
}

fn taken(path: &Path) -> CliError {
    CliError::usage(format!("{} is there already, and is not overwritten", path.display()))
        .hint("--output names another file; --stdout prints it, to be compared")
}
