//! What both charts need.

use crate::audit::export::escape::Html;

const WIDTH: f64 = 360.0;
pub(super) const DAY: u64 = 86_400;

pub(super) fn head(id: &str, height: f64, title: &str, description: &str) -> String {
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"{id}-title {id}-desc\">\n\
         <title id=\"{id}-title\">{}</title>\n<desc id=\"{id}-desc\">{}</desc>\n",
        Html(title),
        Html(description)
    )
}

/// Returns the number to draw, capped at 2³² − 1, because larger numbers make no difference in a
/// chart.
pub(super) fn number(number: impl TryInto<u32>) -> f64 {
    f64::from(number.try_into().unwrap_or(u32::MAX))
}
