//! Text in lines that fit the terminal.

use super::style::paint;
use super::time;
use anstyle::Style;
use std::fmt::Write;
use unicode_width::UnicodeWidthStr;

/// No column of text is narrower than this.
pub(crate) const LEAST: usize = 24;

/// The lines of a text.
pub(crate) fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// Words in lines of at most this width; a longer word stands alone. What begins on a line of its
/// own stays so.
pub(crate) fn wrap(text: &str, room: Option<usize>) -> Vec<String> {
    let Some(room) = room else { return lines(text) };
    let mut wrapped: Vec<String> = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in words(paragraph) {
            if !line.is_empty() && line.width() + 1 + word.width() > room {
                wrapped.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&word);
        }
        wrapped.push(line);
    }
    wrapped
}

/// The words of a paragraph; a number and its unit, as in `in 79 d`, are one.
fn words(paragraph: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in paragraph.split(' ') {
        let is_unit =
            matches!(word.trim_end_matches([',', ';', '.', ')']), "d" | "h" | "min" | "s");
        match words
            .last_mut()
            .filter(|last| is_unit && last.ends_with(|c: char| c.is_ascii_digit()))
        {
            Some(number) => {
                number.push(' ');
                number.push_str(word);
            }
            None => words.push(word.to_owned()),
        }
    }
    words
}

/// A paragraph with something in front of its first line, the others hanging under it.
pub(crate) fn hanging(
    lead: &str,
    lead_style: Style,
    text: &str,
    text_style: Style,
    width: Option<usize>,
) -> String {
    let room = width.map(|w| w.saturating_sub(lead.width()).max(LEAST));
    let mut out = String::new();
    for (i, line) in wrap(&time::shown(text), room).iter().enumerate() {
        let lead = if i == 0 { paint(lead_style, lead) } else { " ".repeat(lead.width()) };
        let _ = writeln!(out, "{lead}{}", paint(text_style, line));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stays_with_its_unit() {
        assert_eq!(wrap("rotated in 20 d, then", Some(13)), ["rotated in", "20 d, then"]);
        assert_eq!(wrap("a d b", Some(2)), ["a", "d", "b"]);
    }
}
