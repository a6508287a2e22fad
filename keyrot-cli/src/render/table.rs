//! Aligned columns that fit the terminal: all but the last take what they need, the last one wraps.

use super::{paint, style};
use anstyle::Style;
use std::fmt::Write;
use unicode_width::UnicodeWidthStr;

const GAP: &str = "  ";
/// The last column is never squeezed below this.
const LEAST: usize = 24;

/// Text in one style.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

/// Rows of cells under a heading.
#[derive(Debug, Default)]
pub(crate) struct Table {
    heading: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

impl Cell {
    pub(crate) fn new(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }

    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self::new(text, style::PLAIN)
    }
}

impl Table {
    pub(crate) fn new(heading: &[&'static str]) -> Self {
        Self { heading: heading.to_vec(), rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// The table as text; without a width nothing is wrapped.
    pub(crate) fn show(&self, width: Option<usize>) -> String {
        let heading: Vec<Cell> = self.heading.iter().map(|h| Cell::new(*h, style::DIM)).collect();
        let rows: Vec<&[Cell]> = std::iter::once(&heading[..]).chain(self.rows.iter().map(Vec::as_slice)).collect();
        let last = self.heading.len().saturating_sub(1);
        let widest = |column: usize| rows.iter().filter_map(|r| r.get(column)).map(|c| c.text.width()).max();
        let widths: Vec<usize> = (0..last).map(|column| widest(column).unwrap_or(0)).collect();
        let indent = widths.iter().map(|w| w + GAP.len()).sum::<usize>();
        let room = width.map(|w| w.saturating_sub(indent).max(LEAST));
        let mut out = String::new();
        for row in rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let pad = width - cell.text.width();
                let _ = write!(line, "{}{:pad$}{GAP}", paint(cell.style, &cell.text), "");
            }
            let cell = row.get(last);
            let pieces = cell.map(|c| wrap(&c.text, room)).unwrap_or_default();
            for (i, piece) in pieces.iter().enumerate() {
                let lead = if i == 0 { std::mem::take(&mut line) } else { " ".repeat(indent) };
                let _ = writeln!(out, "{lead}{}", paint(cell.map_or(style::PLAIN, |c| c.style), piece));
            }
            if pieces.is_empty() {
                let _ = writeln!(out, "{}", line.trim_end());
            }
        }
        out
    }
}

/// Words in lines of at most this width; a longer word stands alone. Without a width, one line.
pub(crate) fn wrap(text: &str, room: Option<usize>) -> Vec<String> {
    let Some(room) = room else { return if text.is_empty() { Vec::new() } else { vec![text.to_owned()] } };
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A paragraph with something in front of its first line, the others hanging under it.
pub(crate) fn hanging(lead: &str, lead_style: Style, text: &str, text_style: Style, width: Option<usize>) -> String {
    let room = width.map(|w| w.saturating_sub(lead.width()).max(LEAST));
    let mut out = String::new();
    for (i, line) in wrap(text, room).iter().enumerate() {
        let lead = if i == 0 { paint(lead_style, lead) } else { " ".repeat(lead.width()) };
        let _ = writeln!(out, "{lead}{}", paint(text_style, line));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn columns_line_up_and_the_last_one_wraps_under_itself() {
        let mut table = Table::new(&["USER", "NEXT"]);
        table.row(vec![Cell::plain("a"), Cell::plain("one two three four five six seven")]);
        table.row(vec![Cell::plain("somebody"), Cell::plain("")]);
        let expected = "USER      NEXT\na         one two three four five\n          six seven\nsomebody\n";
        assert_eq!(plain(&table.show(Some(34))), expected);
        assert!(plain(&table.show(None)).contains("five six seven\n"), "in a pipe each row is one line");
    }
}
