//! Lists that come in pages.

use crate::calls::op::Op;
use keyrot_core::CallError;

/// Returns the marker of the next page; `None` after the last. A page that says that there is more,
/// but has no marker, is an error: a partial list would look complete.
pub(crate) fn next_marker(
    op: &Op<'_>,
    truncated: bool,
    marker: Option<String>,
    before: Option<&str>,
) -> Result<Option<String>, CallError> {
    match (truncated, marker) {
        (false, _) => Ok(None),
        (true, Some(next)) if !next.is_empty() && before != Some(next.as_str()) => Ok(Some(next)),
        (true, _) => Err(op.malformed_response("there is a further page, and no way to it")),
    }
}
