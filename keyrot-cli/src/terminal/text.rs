//! Wraps text to the terminal.

use super::style::paint;
use super::time;
use crate::cli::given::as_given;
use anstyle::Style;
use std::fmt::Write;
use unicode_width::UnicodeWidthStr;

/// The minimum width of a column of text.
pub(crate) const LEAST: usize = 24;

/// Returns the lines of a text.
pub(crate) fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// Wraps words to lines of at most this width; a longer word has its own line. A command in
/// backticks is one word, so that it can be pasted. Line breaks in the text stay.
pub(crate) fn wrap(text: &str, room: Option<usize>) -> Vec<String> {
    let Some(room) = room else { return lines(text) };
    let mut wrapped: Vec<String> = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in words(paragraph) {
            if !line.is_empty() && columns(&line) + 1 + columns(word) > room {
                wrapped.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        wrapped.push(line);
    }
    wrapped
}

/// Returns the columns that the text takes, without the codes of its colors.
fn columns(text: &str) -> usize {
    anstream::adapter::strip_str(text).map(UnicodeWidthStr::width).sum()
}

/// Returns the words of a line; text between two backticks may contain spaces.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut in_command = false;
    text.split(move |c: char| {
        in_command ^= c == '`';
        c == ' ' && !in_command
    })
}

/// Returns a paragraph with a prefix on its first line; the other lines are indented.
pub(crate) fn hanging(
    lead: &str,
    lead_style: Style,
    text: &str,
    text_style: Style,
    width: Option<usize>,
) -> String {
    let room = width.map(|w| w.saturating_sub(lead.width()).max(LEAST));
    let mut out = String::new();
    for (i, line) in wrap(&time::shown(&as_given(text)), room).iter().enumerate() {
        let lead = if i == 0 { paint(lead_style, lead) } else { " ".repeat(lead.width()) };
        let _ = writeln!(out, "{lead}{}", paint(text_style, line));
    }
    out
}
