//! `init`: writes a settings file that explains every setting, with values that fit the account.

mod look;
mod text;

use crate::backend::Backend;
use crate::cli::init::InitArgs;
use crate::cli::{Invocation, given};
use crate::config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::files::{Access, beside};
use crate::terminal::signals::reading;
use crate::terminal::stdio::{print, print_json};
use crate::terminal::style::{self, paint};
use look::Look;
use serde::Serialize;
use std::io::ErrorKind;
use std::path::Path;

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    /// The file that was written; `None` with `--stdout`.
    file: Option<String>,
    /// The facts that were read from the account; `None` with `--offline`.
    account: Option<&'a Look>,
    /// The text of the settings file.
    toml: &'a str,
}

pub(crate) async fn init(invocation: &Invocation, args: &InitArgs) -> Result<Exit, CliError> {
    // These are checked before any question.
    if args.out.as_os_str() == "-" {
        return Err(CliError::usage("--out takes a file's name, and - is none")
            .hint("to print the settings: keyrot init --stdout"));
    }
    if !args.stdout && args.out.exists() {
        return Err(taken(&args.out));
    }
    let look = match args.offline {
        true => None,
        false => {
            let settings = config::load(invocation)?;
            let look = reading(async {
                let target = Backend::open(invocation, &settings).await;
                let target = target.map_err(|error| {
                    error.also_hint(
                        "to write the file without reading an account: `keyrot init --offline`",
                    )
                })?;
                look::look(&target, &settings).await
            });
            Some(look.await?)
        }
    };
    let toml = text::toml(look.as_ref());
    if !args.stdout {
        write(&args.out, &toml)?;
    }
    let file = (!args.stdout).then(|| args.out.display().to_string());
    if invocation.json {
        print_json(&Document {
            schema: "keyrot.init/1",
            file,
            account: look.as_ref(),
            toml: &toml,
        });
    } else if args.stdout {
        print(&toml);
    } else {
        let seen = look.as_ref().map(|look| format!("{}\n", look.summary())).unwrap_or_default();
        print(&format!("{seen}{} {}\n", paint(style::GOOD, "wrote"), args.out.display()));
        // keyrot finds the default file in this directory without a flag.
        let config = match args.out.to_str() {
            Some("keyrot.toml" | "./keyrot.toml") => String::new(),
            _ => format!(" --config {}", args.out.display()),
        };
        let places = given::places();
        say!("{} keyrot{places}{config} plan", paint(style::HINT, "next:"));
    }
    Ok(Exit::Success)
}

/// Writes the whole file at once, and never overwrites an existing file.
fn write(path: &Path, text: &str) -> Result<(), CliError> {
    let made = beside(path, text.as_bytes(), Access::All).and_then(|file| {
        file.as_file().sync_all()?;
        file.persist_noclobber(path).map_err(|error| error.error)
    });
    match made {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(taken(path)),
        Err(error) => {
            Err(CliError::failed(format!("{} could not be written: {error}", path.display())))
        }
    }
}

fn taken(path: &Path) -> CliError {
    CliError::usage(format!("{} already exists and is not overwritten", path.display()))
        .hint("name another file with --out, or print the settings with --stdout")
}
