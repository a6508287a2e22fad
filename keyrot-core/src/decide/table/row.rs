//! The form of the table's rows.

use crate::decide::decision::Decision;
use std::ops::ControlFlow;

/// A row that applies: which part of the table has it, when it applies, and its answer.
#[cfg_attr(not(test), expect(dead_code, reason = "the document is printed from these, in a test"))]
pub(crate) struct Row {
    pub(crate) part: &'static str,
    pub(crate) when: &'static str,
    pub(crate) decision: Decision,
}

/// A part of the table: one of its rows has the answer, or it is known what to ask next.
pub(crate) type Part<T> = ControlFlow<Row, T>;

/// The rows of a part, as one match over facts. Each begins with the words that the document has
/// for it. What none of them answers is in `else`.
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
