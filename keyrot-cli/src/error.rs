//! The error of a whole command.

use crate::exit::Exit;
use crate::terminal::size::talk_width;
use crate::terminal::stdio::print_json;
use crate::terminal::style;
use crate::terminal::text::hanging;
use clap::error::ErrorKind;
use serde::Serialize;

/// The error of a whole command, and what to do.
#[derive(Debug)]
pub(crate) struct CliError {
    exit: Exit,
    message: String,
    hint: Option<String>,
}

/// The document that `--json` prints instead of the command's own.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    exit: u8,
    message: &'a str,
    hint: Option<&'a str>,
}

impl CliError {
    /// Returns the error of a run that could not start.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, message: message.into(), hint: None }
    }

    /// Returns the error of an invalid command line or invalid settings.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into(), hint: None }
    }

    /// Returns an error with this exit code.
    pub(crate) fn with(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None }
    }

    /// Returns the result of a signal that came before anything was changed.
    pub(crate) fn signal(number: u8) -> Self {
        let message = "stopped before anything was changed".to_owned();
        Self { exit: Exit::Signal(number), message, hint: None }
    }

    /// Returns the result of the answer no: not an error, and nothing was done.
    pub(crate) fn cancelled() -> Self {
        let message = "cancelled; nothing was done".to_owned();
        Self { exit: Exit::Cancelled, message, hint: None }
    }

    #[cfg(feature = "aws")]
    /// Returns the same result after something was already done.
    pub(crate) fn done_before(mut self, done: &[String]) -> Self {
        let word = match self.exit {
            Exit::Cancelled => "cancelled",
            Exit::Signal(_) => "stopped",
            _ => return self,
        };
        if !done.is_empty() {
            self.message = format!("{word}; done before: {}", done.join(", "));
        }
        self
    }

    /// Returns the error of a command line that clap has reported on stderr.
    pub(crate) fn of_clap(error: &clap::Error) -> Self {
        let kind = error.kind();
        if kind == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            || kind == ErrorKind::MissingSubcommand
        {
            return Self::usage("a command is missing").hint("`keyrot --help` lists the commands");
        }
        let text = error.to_string();
        let mut parts = text.trim_start_matches("error: ").split("\n\n").map(one_line);
        let problem = Self::usage(parts.next().unwrap_or_default());
        let tips: Vec<_> =
            parts.take_while(|part| !part.starts_with("For more information")).collect();
        if tips.is_empty() { problem } else { problem.hint(tips.join("; ")) }
    }

    /// Returns the error with a more important message first, such as a key's state.
    pub(crate) fn after(mut self, first: &str) -> Self {
        self.message = format!("{first}: {}", self.message);
        self
    }

    /// Returns the error with another exit code.
    pub(crate) fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// Returns the error under `--detailed-exitcode`, where 2 has another meaning.
    pub(crate) fn detailed(self) -> Self {
        match self.exit {
            Exit::Usage => self.exit(Exit::Failed),
            _ => self,
        }
    }

    /// Adds another hint.
    pub(crate) fn also_hint(mut self, hint: &str) -> Self {
        self.hint = Some(match self.hint {
            Some(first) => format!("{first}; {hint}"),
            None => hint.to_owned(),
        });
        self
    }

    /// Sets the hint, if there is none.
    pub(crate) fn or_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint.get_or_insert(hint.into());
        self
    }

    /// Sets the hint.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Prints the error on stderr, and with `--json` also on stdout.
    pub(crate) fn report(self, json: bool) -> Exit {
        let Self { exit, message, hint } = &self;
        let lead = if *exit == Exit::Cancelled { "" } else { "error: " };
        let width = talk_width();
        for (n, line) in message.lines().enumerate() {
            let lead = if n == 0 { lead } else { "       " };
            say_part!("{}", hanging(lead, style::BAD, line, style::PLAIN, width));
        }
        if let Some(hint) = hint {
            // A command is not broken, so that it can be pasted.
            let has_command = ["keyrot ", "aws ", "eval "].iter().any(|word| hint.contains(word));
            let width = width.filter(|_| !has_command);
            say_part!("{}", hanging(" hint: ", style::HINT, hint, style::PLAIN, width));
        }
        if json { self.document() } else { *exit }
    }

    /// Prints only the document of `--json`, if the text for people was already printed.
    pub(crate) fn document(&self) -> Exit {
        let Self { exit, message, hint } = self;
        let (message, hint) = (message.as_str(), hint.as_deref());
        print_json(&Document { schema: "keyrot.error/1", exit: exit.code(), message, hint });
        *exit
    }
}

/// Returns a paragraph from clap as one line, without its indentation and its label.
fn one_line(paragraph: &str) -> String {
    let lines: Vec<_> =
        paragraph.lines().map(|line| line.trim().trim_start_matches("tip: ")).collect();
    lines.join(" ")
}
