//! The width of the terminal.

use std::io::IsTerminal;

/// Returns the columns of stdout's terminal. `None` if stdout is not a terminal: then nothing is
/// wrapped, so that `grep` finds whole lines.
pub(crate) fn width() -> Option<usize> {
    let out = std::io::stdout();
    out.is_terminal().then(|| columns(terminal_size::terminal_size_of(out)))
}

/// Returns the columns of stderr's terminal.
pub(crate) fn talk_width() -> Option<usize> {
    let err = std::io::stderr();
    err.is_terminal().then(|| columns(terminal_size::terminal_size_of(err)))
}

fn columns(size: Option<(terminal_size::Width, terminal_size::Height)>) -> usize {
    let said = || std::env::var("COLUMNS").ok()?.parse().ok();
    size.map(|(width, _)| usize::from(width.0)).or_else(said).unwrap_or(80).max(40)
}
