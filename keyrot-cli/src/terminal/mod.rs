//! stdout is data, stderr is everything else: colors, width, tables, times, progress, questions and
//! signals.

// This module comes first, because the others use its macros.
#[macro_use]
pub(crate) mod stdio;

pub(crate) mod closed;
pub(crate) mod confirm;
#[cfg(feature = "aws")]
pub(crate) mod patience;
pub(crate) mod progress;
pub(crate) mod signals;
pub(crate) mod size;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod time;
pub(crate) mod trace;
