//! What a run says while it goes on, on stderr: a line for each event, and on a terminal a bar below them.

use crate::render::table::hanging;
use crate::render::{style, time};
use anstyle::Style;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use keyrot_core::{Event, EventKind, Progress, Severity, State};
use std::io::IsTerminal;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A bar is worth its place from so many users on.
const MANY: u64 = 20;

/// Tells what happens.
pub(crate) struct Teller {
    bar: ProgressBar,
    quiet: bool,
    /// Whether a table for people follows on the same terminal, which tells all states.
    table_follows: bool,
    told: AtomicUsize,
    failed: AtomicUsize,
}

impl Teller {
    /// For this many users. Lines only, unless stderr is a terminal.
    pub(crate) fn new(users: usize, quiet: bool, json: bool) -> Self {
        let users = u64::try_from(users).unwrap_or(u64::MAX);
        let wanted = !quiet && users >= MANY && std::io::stderr().is_terminal();
        let target = if wanted { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(users), target);
        let template = "{bar:30} {pos}/{len} users, {elapsed} so far, {eta} left{msg}";
        if let Ok(look) = ProgressStyle::with_template(template) {
            bar.set_style(look);
        }
        if wanted {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        let table_follows = !json && std::io::stdout().is_terminal();
        Self { bar, quiet, table_follows, told: AtomicUsize::new(0), failed: AtomicUsize::new(0) }
    }

    /// Takes one piece of progress.
    pub(crate) fn take(&self, progress: &Progress) {
        match progress {
            Progress::Event(event) => {
                let state = matches!(event.kind, EventKind::Held(_) | EventKind::Blocked { .. });
                let told_later = state && self.table_follows;
                if !self.quiet && !told_later {
                    self.say(&line(event));
                }
            }
            Progress::Done(standing) => {
                if matches!(standing.outcome.state(), State::Failed | State::Blocked) {
                    let count = self.failed.fetch_add(1, Ordering::Relaxed) + 1;
                    self.bar.set_message(format!(", {count} in need of a person"));
                }
                self.bar.inc(1);
            }
        }
    }

    /// Says something above the bar, quiet or not.
    pub(crate) fn say(&self, text: &str) {
        self.told.fetch_add(1, Ordering::Relaxed);
        self.bar.suspend(|| anstream::eprintln!("{text}"));
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
        if self.table_follows && self.told.load(Ordering::Relaxed) > 0 {
            anstream::eprintln!();
        }
    }
}

fn line(event: &Event) -> String {
    let color: Style = match event.kind.severity() {
        Severity::Info => style::GOOD,
        Severity::Warning => style::WARN,
        Severity::Error => style::BAD,
    };
    let at = time::clock(event.at);
    let lead = format!("{at} {} ", event.user);
    hanging(&lead, style::DIM, &event.kind.to_string(), color, terminal_width()).trim_end().to_owned()
}

fn terminal_width() -> Option<usize> {
    terminal_size::terminal_size_of(std::io::stderr()).map(|(width, _)| usize::from(width.0))
}
