//! The users that were skipped: how many, and who has the tag with another value.

use crate::terminal::style;
use crate::terminal::text::hanging;
use keyrot_core::Selection;
use keyrot_core::selection::{Missing, MissingWhy, Skipped};

/// The limit on users that are named.
const NAMED: usize = 5;

/// Returns how many users were skipped, by reason.
pub(super) fn skipped(skipped: &Skipped, width: Option<usize>) -> String {
    let counts = [
        (skipped.not_tagged, "without the tag"),
        (skipped.other_value, "with another value of the tag"),
        (skipped.outside_path, "outside the path"),
        (skipped.excluded, "excluded"),
        (skipped.not_named, "not named"),
    ];
    let counts: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, why)| format!("{count} {why}"))
        .collect();
    if counts.is_empty() {
        return String::new();
    }
    let text = format!("skipped: {}", counts.join(", "));
    hanging("", style::PLAIN, &text, style::DIM, width)
}

/// Returns the users that have the tag with another value, which may be a typo.
pub(super) fn tagged_otherwise(
    selection: &Selection,
    all: &[Missing],
    width: Option<usize>,
) -> String {
    if all.is_empty() {
        return String::new();
    }
    let one = |Missing { user, why, .. }: &Missing| match why {
        MissingWhy::OtherValue { value, .. } => format!("{user} ({value:?})"),
        _ => user.to_string(),
    };
    let names: Vec<String> = all.iter().take(NAMED).map(one).collect();
    let more = match all.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let Selection { tag, tag_value: value, .. } = selection;
    let text = format!("{tag} is not {value:?}: {}{more}", names.join(", "));
    hanging("", style::PLAIN, &text, style::DIM, width)
}
