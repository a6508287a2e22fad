//! Why a command failed as a whole.

use crate::exit::Exit;
use crate::terminal::stdio::print_json;
use crate::terminal::style::{self, paint};
use crate::terminal::time;
use serde::Serialize;

/// What went wrong with the command as a whole, and what to do about it.
#[derive(Debug)]
pub(crate) struct CliError {
    exit: Exit,
    message: String,
    hint: Option<String>,
}

/// The document of `--json` instead of the command's own.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    exit: u8,
    message: &'a str,
    hint: Option<&'a str>,
}

impl CliError {
    /// A run that could not start.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, message: message.into(), hint: None }
    }

    /// A command line or settings that are invalid.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into(), hint: None }
    }

    /// An error with this exit code.
    pub(crate) fn with(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None }
    }

    /// A signal that came before anything was changed.
    pub(crate) fn signal(number: u8) -> Self {
        let message = "stopped before anything was changed".to_owned();
        Self { exit: Exit::Signal(number), message, hint: None }
    }

    /// The same error, after what matters more, such as what became of a key.
    pub(crate) fn after(mut self, first: &str) -> Self {
        self.message = format!("{first}: {}", self.message);
        self
    }

    /// What to do about it, where nothing better was said.
    pub(crate) fn or_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint.get_or_insert(hint.into());
        self
    }

    /// What to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Prints it on stderr, and with `--json` on stdout too.
    pub(crate) fn report(self, json: bool) -> Exit {
        let Self { exit, message, hint } = &self;
        let shown = time::shown(message);
        let mut lines = shown.lines();
        say!("{} {}", paint(style::BAD, "error:"), lines.next().unwrap_or_default());
        lines.for_each(|line| say!("       {line}"));
        if let Some(hint) = hint {
            say!("{} {}", paint(style::HINT, " hint:"), time::shown(hint));
        }
        if json {
            let (message, hint) = (message.as_str(), hint.as_deref());
            print_json(&Document { schema: "keyrot.error/1", exit: exit.code(), message, hint });
        }
        *exit
    }
}
