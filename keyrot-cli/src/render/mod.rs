//! What people see: colour only where it is wanted, lines that fit the terminal.

pub(crate) mod audit;
pub(crate) mod demo;
#[cfg(feature = "aws")]
pub(crate) mod doctor;
pub(crate) mod enroll;
pub(crate) mod moving;
#[cfg(feature = "aws")]
pub(crate) mod policy;
pub(crate) mod request;
pub(crate) mod run;
pub(crate) mod sandbox;
#[cfg(feature = "aws")]
pub(crate) mod self_service;
pub(crate) mod table;
pub(crate) mod time;
pub(crate) mod who_uses;

use anstyle::Style;
use serde::Serialize;
use std::fmt;
use std::io::IsTerminal;

/// Colours, each with one meaning.
pub(crate) mod style {
    use anstyle::{AnsiColor, Style};

    /// All is well.
    pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
    /// Something is under way, or changes.
    pub(crate) const BUSY: Style = AnsiColor::Cyan.on_default();
    /// Worth a look.
    pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
    /// Somebody has to act.
    pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
    /// What to do.
    pub(crate) const HINT: Style = AnsiColor::Magenta.on_default();
    /// Headings.
    pub(crate) const HEAD: Style = Style::new().bold();
    /// What matters less.
    pub(crate) const DIM: Style = Style::new().dimmed();
    /// Plain.
    pub(crate) const PLAIN: Style = Style::new();
}

/// Text in a style. What is printed through `anstream` or [`print()`] loses it where colour is not wanted.
pub(crate) fn paint(style: Style, text: impl fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// The columns of stdout's terminal; `None` where it is none: then nothing is wrapped, so that `grep` finds whole lines.
pub(crate) fn width() -> Option<usize> {
    let out = std::io::stdout();
    out.is_terminal().then(|| columns(terminal_size::terminal_size_of(out)))
}

/// The same for what is said on stderr.
pub(crate) fn talk_width() -> Option<usize> {
    let err = std::io::stderr();
    err.is_terminal().then(|| columns(terminal_size::terminal_size_of(err)))
}

fn columns(asked: Option<(terminal_size::Width, terminal_size::Height)>) -> usize {
    let said = || std::env::var("COLUMNS").ok()?.parse().ok();
    asked.map(|(width, _)| usize::from(width.0)).or_else(said).unwrap_or(80).max(40)
}

/// `1 key`, `2 keys`.
pub(crate) fn plural(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// Prints text on stdout. If that fails, the process does not end with 0: [`crate::stdio::settle`].
pub(crate) fn print(text: &str) {
    crate::stdio::stdout(text);
}

/// Prints a document on stdout.
pub(crate) fn print_json(document: &impl Serialize) {
    print(&json(document));
}

/// A document as it is printed.
pub(crate) fn json(document: &impl Serialize) -> String {
    match serde_json::to_string_pretty(document) {
        Ok(text) => format!("{text}\n"),
        Err(error) => {
            crate::stdio::failed(&error.into());
            String::new()
        }
    }
}
