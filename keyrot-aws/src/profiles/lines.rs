//! Lines and spaces, as in Python's text files and `str`.

use std::ops::Range;

/// Returns the lines of a text without their line ends, as ranges. `\n`, `\r\n` and `\r` end one
/// (Python's universal newlines).
pub(super) fn lines(text: &[u8], from: usize) -> impl Iterator<Item = Range<usize>> {
    let mut at = from;
    std::iter::from_fn(move || {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let length = rest.iter().position(|b| matches!(b, b'\n' | b'\r')).unwrap_or(rest.len());
        let line = at..at + length;
        at = line.end + if rest[length..].starts_with(b"\r\n") { 2 } else { 1 };
        Some(line)
    })
}

/// Whether Python's `str.isspace` is true: Unicode's white space, and four ASCII separators.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// Returns the line without the spaces around it, and its indentation in characters. In a line that
/// is not UTF-8, only ASCII spaces are recognized.
pub(super) fn trimmed(text: &[u8], line: Range<usize>) -> (Range<usize>, usize) {
    let ascii = |b: &u8| b.is_ascii() && is_space(char::from(*b));
    let (before, behind, indent) = match std::str::from_utf8(&text[line.clone()]) {
        Ok(line) => {
            let body = line.trim_start_matches(is_space);
            let before = line.len() - body.len();
            let behind = body.len() - body.trim_end_matches(is_space).len();
            (before, behind, line[..before].chars().count())
        }
        Err(_) => {
            let bytes = &text[line.clone()];
            let before = bytes.iter().take_while(|b| ascii(b)).count();
            (before, bytes.iter().rev().take_while(|b| ascii(b)).count(), before)
        }
    };
    (line.start + before..line.end - behind, indent)
}
