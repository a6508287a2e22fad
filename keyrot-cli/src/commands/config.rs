//! `config show`: shows every setting and its source. Calls no service.

use crate::cli::Invocation;
use crate::cli::config::Config;
use crate::config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::screens::config::screen;
use crate::terminal::size::width;
use crate::terminal::stdio::{print, print_json};
use keyrot_core::settings::{Explained, Origin};
use serde::Serialize;

/// The document that `--json` prints.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    /// The settings files, in the order in which they were read; later files win.
    files: &'a [String],
    settings: Vec<&'a Explained>,
}

pub(crate) fn config(invocation: &Invocation, command: &Config) -> Result<Exit, CliError> {
    let Config::Show(args) = command;
    let settings = config::load(invocation)?;
    let shown: Vec<_> = settings
        .explain()
        .iter()
        .filter(|one| !args.changed || one.origin != Origin::Default)
        .collect();
    if invocation.json {
        let files = settings.files();
        print_json(&Document { schema: "keyrot.config/1", files, settings: shown });
    } else {
        print(&screen(&shown, width()));
    }
    Ok(Exit::Success)
}
