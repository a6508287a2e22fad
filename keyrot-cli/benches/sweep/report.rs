//! The printed table.

use std::fmt::Display;
use std::time::Duration;

pub(crate) struct Report {
    judges_speed: bool,
    lines: Vec<Line>,
    met: bool,
}

enum Line {
    Part(String),
    JournalEntry(String),
    Figure { what: String, measured: String, target: String, ok: Option<bool> },
}

impl Report {
    pub(crate) fn new(judges_speed: bool) -> Self {
        Self { judges_speed, lines: Vec::new(), met: true }
    }

    /// Whether the account is large enough for its times to mean something.
    pub(crate) fn judges_speed(&self) -> bool {
        self.judges_speed
    }

    /// Prints that a part begins, immediately, because it takes long.
    pub(crate) fn part(&mut self, what: &str) {
        eprintln!("running: {what}");
        self.lines.push(Line::Part(what.to_owned()));
    }

    pub(crate) fn note(&mut self, what: &str) {
        self.lines.push(Line::JournalEntry(what.to_owned()));
    }

    /// Prints a figure without a target.
    pub(crate) fn tell(&mut self, what: &str, measured: String) {
        self.lines.push(Line::Figure {
            what: what.to_owned(),
            measured,
            target: String::new(),
            ok: None,
        });
    }

    pub(crate) fn check(
        &mut self,
        what: &str,
        measured: impl Display,
        target: impl Display,
        ok: bool,
    ) {
        self.met &= ok;
        let (measured, target) = (measured.to_string(), target.to_string());
        self.lines.push(Line::Figure { what: what.to_owned(), measured, target, ok: Some(ok) });
    }

    /// Makes a check that is meaningless on a small account.
    pub(crate) fn check_at_size(
        &mut self,
        what: &str,
        measured: impl Display,
        target: impl Display,
        ok: bool,
    ) {
        if self.judges_speed {
            self.check(what, measured, target, ok);
        } else {
            let (measured, target) = (measured.to_string(), target.to_string());
            self.lines.push(Line::Figure { what: what.to_owned(), measured, target, ok: None });
        }
    }

    pub(crate) fn all_met(&self) -> bool {
        self.met
    }

    pub(crate) fn print(&self) {
        println!("{:<60} {:>12}  {:>8}  ok", "figure", "measured", "target");
        for line in &self.lines {
            match line {
                Line::Part(what) => println!("\n{what}"),
                Line::JournalEntry(what) => println!("  . {what}"),
                Line::Figure { what, measured, target, ok } => {
                    let ok = match ok {
                        Some(true) => "yes",
                        Some(false) => "NO",
                        None => "-",
                    };
                    println!("  {what:<58} {measured:>12}  {target:>8}  {ok}");
                }
            }
        }
        if !self.judges_speed {
            println!("\na small account: times and rates are not judged");
        }
        println!(
            "\n{}",
            if self.met { "every target that was judged is met" } else { "a target is missed" }
        );
    }
}

pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

pub(crate) fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1_000.0)
}

pub(crate) fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
