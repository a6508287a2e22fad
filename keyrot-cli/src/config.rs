//! The settings, from the files, the environment and the flags.

mod file;
mod places;

use crate::cli::{Command, Invocation};
use crate::error::CliError;
use crate::terminal::stdio::{note, warn};
use file::{Place, SettingsText};
use keyrot_core::settings::{Settings, SettingsError, Sources};
use places::{FILE, own_file, ways_out};
use std::path::Path;

/// Reads the settings: from the file that was named, which has to exist; otherwise from the user's
/// own file and the one in the current directory.
///
/// Commands that output a key, or that run in any directory, do not read the latter: it may be
/// another person's.
pub(crate) fn load(invocation: &Invocation) -> Result<Settings, CliError> {
    load_except(invocation, None)
}

/// Reads the settings without a flag that has a different meaning for this command.
pub(crate) fn load_except(
    invocation: &Invocation,
    except: Option<&str>,
) -> Result<Settings, CliError> {
    let named = invocation.config.as_deref().filter(|path| !path.as_os_str().is_empty());
    let files = match named {
        Some(path) => vec![file::read(path, Place::Named)?],
        None => {
            let own = own_file().map(|path| file::read(&path, Place::Own)).transpose()?;
            let here = match reads_current_directory(&invocation.command) {
                true => Some(file::read(Path::new(FILE), Place::CurrentDirectory)?),
                false => None,
            };
            own.into_iter().chain(here).collect()
        }
    };
    let mut sources = Sources::default().env(std::env::vars_os());
    for SettingsText { name, text, place, .. } in files.iter().flatten() {
        sources = match place {
            Place::Named | Place::Own => sources.file(name, text),
            Place::CurrentDirectory => sources.found_file(name, text),
        };
    }
    for (setting, value) in invocation.settings.iter().filter(|(name, _)| Some(*name) != except) {
        sources = sources.flag(setting, value.as_str());
    }
    let settings = Settings::load(&sources).map_err(|errors| {
        let problem = CliError::usage(errors.to_string());
        match errors.iter().any(SettingsError::needs_chosen_file) {
            true => problem.hint(format!("{}; nothing was done", ways_out())),
            false => problem.hint("`keyrot help settings` lists every setting; nothing was done"),
        }
    })?;
    // The process that restarted this one has already printed this.
    if !invocation.resumed {
        let doubts = files.iter().flatten().filter_map(|file| file.doubt.as_deref());
        doubts.for_each(warn);
        report(invocation, &settings, named.is_some());
    }
    Ok(settings)
}

/// Whether the command takes settings from the current directory. Those that output or replace the
/// user's own key run in any directory of an SDK or a shell.
fn reads_current_directory(command: &Command) -> bool {
    match command {
        Command::Credentials(_) | Command::Exec(_) => false,
        #[cfg(feature = "aws")]
        Command::Own(_) => false,
        _ => true,
    }
}

/// Whether there is a settings file in the current directory that the command does not read.
pub(crate) fn skips_file_here(invocation: &Invocation) -> bool {
    let named = invocation.config.as_deref().is_some_and(|path| !path.as_os_str().is_empty());
    !named && !reads_current_directory(&invocation.command) && Path::new(FILE).exists()
}

/// Prints which files are used, and which variables have no effect.
fn report(invocation: &Invocation, settings: &Settings, named: bool) {
    for name in settings.unknown_variables() {
        warn(&format!("unknown environment variable {name} has no effect"));
    }
    // The caller of a credential process, or the reader of a command's output, does not expect it.
    if invocation.silent || matches!(invocation.command, Command::Credentials(_)) {
        return;
    }
    if !settings.files().is_empty() {
        note(&format!("settings from {}", settings.files().join(", then ")));
    }
    if !named && skips_file_here(invocation) {
        note(&format!(
            "this command ignores {FILE} in the current directory; if you trust it: --config {FILE}"
        ));
    }
}
