//! The settings, from the file, the environment and the flags.

use crate::args::Invocation;
use crate::problem::Problem;
use keyrot_core::settings::{Settings, Sources};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The file that is read if it is there and no other was named.
const FILE: &str = "keyrot.toml";

/// Reads the settings. A file that was named has to be there.
pub(crate) fn load(invocation: &Invocation) -> Result<Settings, Problem> {
    let path = invocation.config.clone().unwrap_or_else(|| PathBuf::from(FILE));
    let text = read(&path, invocation.config.is_some())?;
    let name = path.display().to_string();
    let mut sources = Sources::default().env(std::env::vars_os());
    if let Some(text) = &text {
        sources = sources.file(&name, text);
    }
    for (setting, value) in &invocation.settings {
        sources = sources.flag(setting, value.as_str());
    }
    Settings::load(&sources).map_err(|errors| {
        let known = "`keyrot rotate --help` lists every setting";
        Problem::usage(errors.to_string()).hint(format!("{known}; nothing was done"))
    })
}

fn read(path: &Path, named: bool) -> Result<Option<String>, Problem> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound && !named => Ok(None),
        Err(error) => {
            let problem = Problem::usage(format!("the settings file {} cannot be read: {error}", path.display()));
            Err(problem.hint("name another one with --config, or leave --config out to use keyrot.toml if it is there"))
        }
    }
}
