//! The form of the table's rows.

use crate::decide::decision::Decision;
use std::ops::ControlFlow;

/// A row that applies: its part of the table, its condition in words, and its answer.
#[cfg_attr(not(test), expect(dead_code, reason = "the document is printed from these, in a test"))]
pub(crate) struct Row {
    pub(crate) part: &'static str,
    pub(crate) when: &'static str,
    pub(crate) decision: Decision,
}

/// The result of a part of the table: a row's answer, or what the next part has to decide.
pub(crate) type Part<T> = ControlFlow<Row, T>;

/// The rows of a part, as one match over facts. Each begins with its text in the document. The
/// cases that no row answers are in `else`.
macro_rules! rows {
    ($part:literal, match $facts:tt {
        $(#[doc = $when:literal] $pattern:pat => $answer:expr,)*
    } else {
        $($rest:pat => $then:expr,)*
    }) => {
        match $facts {
            $($pattern => ControlFlow::Break(Row { part: $part, when: $when, decision: $answer }),)*
            $($rest => ControlFlow::Continue($then),)*
        }
    };
}
pub(crate) use rows;
