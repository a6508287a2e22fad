//! Aligned columns that fit the terminal: all columns except the last take the width that they
//! need; the last one wraps.

use super::style::{self, paint};
use super::text::{LEAST, lines, wrap};
use super::time;
use anstyle::Style;
use std::fmt::Write;
use unicode_width::UnicodeWidthStr;

const GAP: &str = "  ";

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
        Self { text: time::shown(&text.into()).into_owned(), style }
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

    /// Returns the table as text; without a width, nothing is wrapped.
    pub(crate) fn show(&self, width: Option<usize>) -> String {
        let heading: Vec<Cell> = self.heading.iter().map(|h| Cell::new(*h, style::DIM)).collect();
        let rows: Vec<&[Cell]> =
            std::iter::once(&heading[..]).chain(self.rows.iter().map(Vec::as_slice)).collect();
        let last = self.heading.len().saturating_sub(1);
        let widest = |column: usize| {
            let cells = rows.iter().filter_map(|r| r.get(column));
            cells.flat_map(|c| c.text.lines().map(UnicodeWidthStr::width)).max()
        };
        let widths: Vec<usize> = (0..last).map(|column| widest(column).unwrap_or(0)).collect();
        let indent = widths.iter().map(|w| w + GAP.len()).sum::<usize>();
        let room = width.map(|w| w.saturating_sub(indent).max(LEAST));
        let mut out = String::new();
        for row in rows {
            let columns: Vec<Vec<String>> = row
                .iter()
                .enumerate()
                .map(|(i, cell)| if i == last { wrap(&cell.text, room) } else { lines(&cell.text) })
                .collect();
            for i in 0..columns.iter().map(Vec::len).max().unwrap_or(0) {
                let mut line = String::new();
                let mut column_start = 0;
                for (column, (cell, pieces)) in row.iter().zip(&columns).enumerate() {
                    if let Some(piece) = pieces.get(i).filter(|piece| !piece.is_empty()) {
                        let pad =
                            column_start - anstream::adapter::strip_str(&line).to_string().width();
                        let _ = write!(line, "{:pad$}{}", "", paint(cell.style, piece));
                    }
                    column_start += widths.get(column).unwrap_or(&0) + GAP.len();
                }
                let _ = writeln!(out, "{line}");
            }
        }
        out
    }
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
        let expected =
            "USER      NEXT\na         one two three four five\n          six seven\nsomebody\n";
        assert_eq!(plain(&table.show(Some(34))), expected);
        assert!(
            plain(&table.show(None)).contains("five six seven\n"),
            "in a pipe each row is one line"
        );
    }
}
