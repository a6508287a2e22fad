//! stdout and stderr. If a write to stdout fails, the process ends with a nonzero exit code. If a
//! write to stderr fails, the message is dropped: no message is worth stopping in the middle of a
//! rotation.

use super::closed;
use super::style::{self, paint};
use crate::cli::given::as_given_in_json;
use crate::exit::Exit;
use crate::files;
use anstyle::Style;
use keyrot_core::model::visible;
use serde::Serialize;
use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether warnings and notes are suppressed.
static QUIET: AtomicBool = AtomicBool::new(false);

/// The first failure of stdout.
static LOST: OnceLock<(ErrorKind, String)> = OnceLock::new();

/// The number of SIGPIPE, which ends other programs whose reader has closed the pipe.
const SIGPIPE: u8 = 13;

/// Prints a line on stderr.
macro_rules! say {
    ($($arg:tt)*) => {
        $crate::terminal::stdio::stderr(format_args!("{}\n", format_args!($($arg)*)))
    };
}

/// Prints text on stderr without ending the line.
macro_rules! say_part {
    ($($arg:tt)*) => {
        $crate::terminal::stdio::stderr(format_args!($($arg)*))
    };
}

/// Writes to stderr. The macros of `std` and `anstream` would panic if that fails.
pub(crate) fn stderr(text: fmt::Arguments<'_>) {
    let _ = try_stderr(text);
}

fn try_stderr(text: fmt::Arguments<'_>) -> std::io::Result<()> {
    let text = text.to_string();
    let mut err = anstream::stderr().lock();
    err.write_all(visible(&text).as_bytes())?;
    err.flush()
}

/// Suppresses warnings and notes from now on: `--quiet`.
pub(crate) fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// Prints a warning on stderr, unless `--quiet` suppresses it.
pub(crate) fn warn(text: &str) {
    aside(style::WARN, "warning:", text);
}

/// Prints a note on stderr, unless `--quiet` suppresses it.
pub(crate) fn note(text: &str) {
    aside(style::DIM, "note:", text);
}

/// Prints what was done in addition to the request, unless `--quiet`.
pub(crate) fn remark(text: &str) {
    if !QUIET.load(Ordering::Relaxed) {
        say!("{text}");
    }
}

fn aside(style: Style, label: &str, text: &str) {
    remark(&format!("{} {text}", paint(style, label)));
}

/// Writes to stdout. A failure is kept for [`settle`].
pub(crate) fn stdout(text: &str) {
    let mut out = anstream::stdout().lock();
    if let Err(error) = out.write_all(visible(text).as_bytes()).and_then(|()| out.flush()) {
        failed(&error);
    }
}

/// Records that stdout failed.
pub(crate) fn failed(error: &std::io::Error) {
    let _ = LOST.set((error.kind(), error.to_string()));
}

/// Writes a record that must not be lost to stdout; if that fails, to stderr; if that fails, too,
/// to a new file that only its owner can read. Where stdout or stderr may have been closed, the
/// record is written to the next place as well.
///
/// The file's path can't be printed anywhere, so its folder is documented: `keyrot/records` in the
/// user's state directory, or else the folder for temporary files. The file's name begins with
/// `name`.
pub(crate) fn record(text: &str, name: &str) {
    stdout(text);
    let note = match LOST.get() {
        Some(_) => {
            let note = "could not write to stdout; this is the record:";
            format!("{} {note}", paint(style::BAD, "error:"))
        }
        None if closed::is_stdout_in_doubt() => {
            let note = "stdout is closed or /dev/null; this is the record:";
            format!("{} {note}", paint(style::WARN, "warning:"))
        }
        None => return,
    };
    if try_stderr(format_args!("{note}\n{text}")).is_err() || closed::is_stderr_in_doubt() {
        let plain = anstream::adapter::strip_str(text).to_string();
        let _ = records()
            .into_iter()
            .chain([std::env::temp_dir()])
            .find_map(|dir| keep(&dir, name, &plain).ok());
    }
}

/// Returns `keyrot/records` in the user's state directory (XDG Base Directory Specification;
/// `LOCALAPPDATA` on Windows).
fn records() -> Option<PathBuf> {
    files::state_dir().map(|dir| dir.join("records"))
}

fn keep(dir: &std::path::Path, name: &str, text: &str) -> std::io::Result<()> {
    files::make_private_dir(dir)?;
    let mut file =
        tempfile::Builder::new().prefix(&format!("{name}-")).suffix(".txt").tempfile_in(dir)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.keep()?;
    Ok(())
}

/// Returns the exit code after everything was written: never 0, 2 or 3 if stdout failed. If the
/// reader closed the pipe, there is no message, as in other programs.
pub(crate) fn settle(exit: Exit) -> Exit {
    let Some((kind, error)) = LOST.get() else { return exit };
    let closed = *kind == ErrorKind::BrokenPipe;
    if !closed {
        say!("{} could not write to stdout: {error}", paint(style::BAD, "error:"));
    }
    match (exit, closed) {
        (Exit::Success | Exit::Blocked | Exit::Changes, true) => Exit::Signal(SIGPIPE),
        (Exit::Success | Exit::Blocked | Exit::Changes, false) => Exit::Failed,
        _ => exit,
    }
}

/// Prints text on stdout. If that fails, the process does not end with 0: [`settle`].
pub(crate) fn print(text: &str) {
    stdout(text);
}

/// Prints a document on stdout.
pub(crate) fn print_json(document: &impl Serialize) {
    print(&json(document));
}

/// Returns a document in its printed form.
pub(crate) fn json(document: &impl Serialize) -> String {
    match serde_json::to_string_pretty(document) {
        // Its commands are adapted to the same place, as on a screen.
        Ok(mut text) => {
            text.push('\n');
            match escaped(as_given_in_json(&text)) {
                Cow::Borrowed(_) => text,
                Cow::Owned(adapted) => adapted,
            }
        }
        Err(error) => {
            failed(&error.into());
            String::new()
        }
    }
}

/// Returns the JSON with invisible and bidirectional control characters escaped. Only its strings
/// can hold such characters.
fn escaped(json: Cow<'_, str>) -> Cow<'_, str> {
    if matches!(visible(&json), Cow::Borrowed(_)) {
        return json;
    }
    let mut text = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if matches!(visible(c.encode_utf8(&mut [0; 4])), Cow::Borrowed(_)) {
            text.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
    }
    Cow::Owned(text)
}
