//! The lines of `doctor`: each finding as soon as it is made, then the totals.

use crate::terminal::style::{self, paint};
use crate::terminal::text::hanging;
use anstyle::Style;
use keyrot_aws::doctor::{Check, Health};

/// Returns the word for a result, and its color.
fn word(health: Health) -> (&'static str, Style) {
    match health {
        Health::Ok => ("ok", style::GOOD),
        Health::NotChecked => ("not checked", style::BUSY),
        Health::Warning => ("warning", style::WARN),
        Health::Failure => ("FAILED", style::BAD),
    }
}

/// Returns one finding, with what to do below it.
pub(crate) fn line(check: &Check, width: Option<usize>) -> String {
    let (text, color) = word(check.health);
    let lead = format!("{text:<12} {:<12} ", check.about);
    let mut out = hanging(&lead, color, &check.message, style::PLAIN, width);
    if let Some(hint) = &check.hint {
        out.push_str(&hanging(
            &format!("{:>24}  ", "hint:"),
            style::HINT,
            hint,
            style::PLAIN,
            width,
        ));
    }
    out
}

/// Returns the number of findings with each result.
pub(crate) fn sum(checks: &[Check]) -> String {
    let parts: Vec<String> = [Health::Failure, Health::Warning, Health::NotChecked, Health::Ok]
        .into_iter()
        .filter_map(|health| {
            let count = checks.iter().filter(|check| check.health == health).count();
            let text = match (health, count) {
                (_, 0) => return None,
                (Health::Ok, _) => format!("{count} ok"),
                (Health::NotChecked, _) => format!("{count} not checked"),
                (Health::Warning, 1) => "1 warning".to_owned(),
                (Health::Warning, _) => format!("{count} warnings"),
                (Health::Failure, _) => format!("{count} failed"),
            };
            Some(paint(word(health).1, text))
        })
        .collect();
    format!("\n{}\n", parts.join(", "))
}
