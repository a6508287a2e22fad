//! Why a command could not be carried out at all.

use crate::exit::Exit;
use crate::render::{paint, print_json, style, time};
use serde::Serialize;

/// What went wrong with the command as a whole, and what to do about it.
#[derive(Debug)]
pub(crate) struct CliError {
    exit: Exit,
    message: String,
    hint: Option<String>,
}

/// The document in the place of the command's own, with `--json`.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    exit: u8,
    message: &'a str,
    hint: Option<&'a str>,
}

impl CliError {
    /// The run could not be made.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, message: message.into(), hint: None }
    }

    /// The command line or the settings cannot be used.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into(), hint: None }
    }

    /// With this exit code.
    pub(crate) fn with(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None }
    }

    /// A signal came before anything was begun.
    pub(crate) fn signal(number: u8) -> Self {
        let message = "stopped before any user was touched".to_owned();
        Self { exit: Exit::Signal(number), message, hint: None }
    }

    /// The same, after what comes first of all: what became of a key, say.
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

    /// Tells it on stderr, and with `--json` on stdout too.
    pub(crate) fn tell(self, json: bool) -> Exit {
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
