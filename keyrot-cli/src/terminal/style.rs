//! Colors, each with one meaning.

use anstyle::{AnsiColor, Style};
use std::fmt;

/// Success.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// Something is under way, or changes.
pub(crate) const BUSY: Style = AnsiColor::Cyan.on_default();
/// A warning.
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
/// Needs manual action.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// What to do.
pub(crate) const HINT: Style = AnsiColor::Magenta.on_default();
/// Headings.
pub(crate) const HEAD: Style = Style::new().bold();
/// Less important text.
pub(crate) const DIM: Style = Style::new().dimmed();
/// Plain text.
pub(crate) const PLAIN: Style = Style::new();

/// Text in a style. Text that is printed through `anstream` or [`print`](super::stdio::print())
/// loses the style if color is off.
pub(crate) fn paint(style: Style, text: impl fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}
