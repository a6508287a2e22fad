//! The progress of a run on stderr: a line per event, and on a terminal a bar below them.

use crate::terminal::size::talk_width;
use crate::terminal::style::{self, paint};
use crate::terminal::text::hanging;
use crate::terminal::time;
use anstyle::Style;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use keyrot_core::engine::Progress;
use keyrot_core::report::State;
use keyrot_core::{Event, EventKind, Severity, Timestamp};
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// The number of users from which a bar is shown.
const MANY: u64 = 20;

/// The progress of reading many users.
pub(crate) const USERS: &str = "{bar:30} {pos}/{len} users, {elapsed} elapsed, {eta} left{msg}";

/// Returns a bar on stderr, with this many steps if known. It is hidden with `quiet` or without a
/// terminal.
pub(crate) fn bar(steps: Option<u64>, quiet: bool, template: &str) -> ProgressBar {
    let wanted = !quiet && std::io::stderr().is_terminal();
    let target = if wanted { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(steps, target);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    if wanted {
        BAR.store(true, Ordering::Relaxed);
        bar.enable_steady_tick(Duration::from_millis(200));
    }
    bar
}

/// Whether a bar is or was shown.
static BAR: AtomicBool = AtomicBool::new(false);

/// Whether a bar is or was shown, which says by itself that keyrot is at work.
#[cfg(feature = "aws")]
pub(crate) fn is_bar_shown() -> bool {
    BAR.load(Ordering::Relaxed)
}

/// Prints that this is not a real account, and its time.
pub(crate) fn say_sandbox(now: Timestamp) {
    let text = format!("sandbox (simulated account), clock {}", time::absolute(now));
    say!("{}", paint(style::DIM, text));
}

/// Reports the progress of a run.
pub(crate) struct ProgressReporter {
    bar: ProgressBar,
    quiet: bool,
    /// Whether a table that shows all states follows on the same terminal.
    table_follows: bool,
    said: AtomicUsize,
    failed: AtomicUsize,
}

impl ProgressReporter {
    /// Returns the progress for this many users. It has only lines, unless stderr is a terminal.
    pub(crate) fn new(users: usize, quiet: bool, json: bool) -> Self {
        let users = u64::try_from(users).unwrap_or(u64::MAX);
        let bar = bar(Some(users), quiet || users < MANY, USERS);
        let table_follows = !json && std::io::stdout().is_terminal();
        Self { bar, quiet, table_follows, said: AtomicUsize::new(0), failed: AtomicUsize::new(0) }
    }

    /// Handles one progress message.
    pub(crate) fn take(&self, progress: &Progress) {
        match progress {
            Progress::Event(event) => {
                let state = matches!(event.kind, EventKind::Held(_) | EventKind::Blocked { .. });
                let shown_later = state && self.table_follows;
                if !self.quiet && !shown_later {
                    self.say(&line(event));
                }
            }
            Progress::Done(result) => {
                if matches!(result.outcome.state(), State::Failed | State::Blocked) {
                    let count = self.failed.fetch_add(1, Ordering::Relaxed) + 1;
                    self.bar.set_message(format!(", {count} in trouble"));
                }
                self.bar.inc(1);
            }
        }
    }

    /// Prints a line above the bar, even with `--quiet`.
    pub(crate) fn say(&self, text: &str) {
        self.said.fetch_add(1, Ordering::Relaxed);
        self.bar.suspend(|| say!("{text}"));
    }

    /// Removes the bar.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
        if self.table_follows && self.said.load(Ordering::Relaxed) > 0 {
            say!("");
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
    hanging(&lead, style::DIM, &event.kind.to_string(), color, talk_width()).trim_end().to_owned()
}
