//! The lines of the demo, one after the other.

use crate::terminal::size::width;
use crate::terminal::stdio::print;
use crate::terminal::style::{self, paint};
use crate::terminal::text::hanging;
use anstyle::Style;
use keyrot_core::Timestamp;
use serde::Serialize;
use std::time::Duration;

/// The actors in the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Who {
    Keyrot,
    /// The injected crash.
    Crash,
    /// A consumer of the key.
    Job,
}

/// An event in the demo.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    day: i64,
    at: Timestamp,
    who: Who,
    text: String,
}

/// Prints and records the demo's lines.
pub(crate) struct Stage {
    shown: bool,
    pace: Duration,
    lines: Vec<Line>,
}

impl Stage {
    pub(crate) fn new(shown: bool, pace: Duration) -> Self {
        Self { shown, pace, lines: Vec::new() }
    }

    pub(crate) fn lines(&self) -> &[Line] {
        &self.lines
    }

    pub(crate) fn title(&self, text: &str) {
        if self.shown {
            print(&format!("{}\n", hanging("", style::PLAIN, text, style::HEAD, width())));
        }
    }

    pub(crate) async fn line(&mut self, day: i64, at: Timestamp, who: Who, text: &str) {
        if self.shown {
            let (name, color): (&str, Style) = match who {
                Who::Keyrot => ("keyrot", style::GOOD),
                Who::Crash => ("crash ", style::BAD),
                Who::Job => ("job   ", style::BUSY),
            };
            let new_day = self.lines.last().is_none_or(|line| line.day != day);
            let day = if new_day { format!("day {day:>3}") } else { " ".repeat(7) };
            let lead = format!("{day}  {name}  ");
            let text_color = if who == Who::Keyrot { style::PLAIN } else { color };
            print(&hanging(&lead, color, text, text_color, width()));
            tokio::time::sleep(self.pace).await;
        }
        self.lines.push(Line { day, at, who, text: text.to_owned() });
    }

    pub(crate) fn summary(&self, text: &str) {
        if self.shown {
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            print(&format!("\n{}", hanging("", style::PLAIN, &text, style::HEAD, width())));
            print(&format!("{}\n", paint(style::DIM, "try it: keyrot --sandbox status")));
        }
    }
}
