//! The chart of the ages of Active keys.

use super::svg::{DAY, head, number};
use crate::audit::document::Audit;
use crate::audit::export::escape::Html;
use crate::audit::kind::FindingKind;
use crate::model::text::plural;
use std::fmt::Write;

const TOP: f64 = 26.0;
const BOTTOM: f64 = 176.0;
const LEFT: f64 = 26.0;
const RIGHT: f64 = 352.0;

/// Returns the chart of the ages of Active keys.
pub(in crate::audit::export) fn ages(audit: &Audit) -> String {
    let bins = Bins::of(audit);
    let old = audit.count(FindingKind::OldKey);
    let mut svg = head(
        "ages",
        204.0,
        "Ages of the Active keys",
        &format!(
            "{}; {old} too old. The oldest is {} days old.",
            plural(audit.counts.active, "Active key"),
            audit.counts.oldest_active_days
        ),
    );
    let past = bins.x_of(bins.limit_days);
    let _ = writeln!(
        svg,
        r#"<rect class="past" x="{past:.1}" y="{TOP}" width="{:.1}" height="{:.1}"/>"#,
        RIGHT - past,
        BOTTOM - TOP
    );
    key_axis(&mut svg, &bins);
    for bin in 0..bins.keys.len() {
        bar(&mut svg, &bins, bin);
    }
    limit(&mut svg, past, &audit.limit());
    day_axis(&mut svg, &bins);
    svg.push_str("</svg>\n");
    svg
}

/// The Active keys by age.
struct Bins {
    limit_days: u64,
    bin_days: u64,
    /// How many are tagged for rotation, and how many are not. The last bin has all older keys.
    keys: Vec<[usize; 2]>,
}

impl Bins {
    fn of(audit: &Audit) -> Self {
        let limit_days = (audit.max_age_seconds / DAY).max(1);
        let bin_days = limit_days.div_ceil(6);
        // Up to four times the limit; older keys are in one more bin.
        let last = usize::try_from((4 * limit_days).div_ceil(bin_days)).unwrap_or(24);
        let mut keys = vec![[0_usize; 2]; last + 1];
        for key in audit.keys.iter().filter(|key| key.is_active()) {
            let age = key.age_days.unsigned_abs();
            let bin = usize::try_from(age / bin_days).unwrap_or(last).min(last);
            keys[bin][usize::from(!key.managed)] += 1;
        }
        Self { limit_days, bin_days, keys }
    }

    fn tallest(&self) -> usize {
        self.keys.iter().map(|[managed, open]| managed + open).max().unwrap_or(0).max(1)
    }

    fn width(&self) -> f64 {
        (RIGHT - LEFT) / number(self.keys.len())
    }

    fn height(&self, keys: usize) -> f64 {
        (BOTTOM - TOP) * number(keys) / number(self.tallest())
    }

    fn x_of(&self, days: u64) -> f64 {
        LEFT + self.width() * (number(days) / number(self.bin_days))
    }

    /// Returns the ages in a bin, in words.
    fn span(&self, bin: usize) -> String {
        let from = self.bin_days * u64::try_from(bin).unwrap_or(0);
        match bin + 1 == self.keys.len() {
            true => format!("{from} days and older"),
            false => format!("{from} to {} days", from + self.bin_days - 1),
        }
    }
}

fn key_axis(svg: &mut String, bins: &Bins) {
    for (value, y) in [(bins.tallest(), TOP), (0, BOTTOM)] {
        let _ = writeln!(svg, r#"<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{y}" y2="{y}"/>"#);
        let _ = writeln!(
            svg,
            r#"<text class="tick end" x="{:.1}" y="{:.1}">{value}</text>"#,
            LEFT - 5.0,
            y + 4.0
        );
    }
}

/// Draws the keys tagged for rotation, and above them the others.
fn bar(svg: &mut String, bins: &Bins, bin: usize) {
    let [managed, open] = bins.keys[bin];
    if managed + open == 0 {
        return;
    }
    let x = LEFT + bins.width() * number(bin) + 1.0;
    let title = format!("{}: {managed} tagged for rotation, {open} not", bins.span(bin));
    let _ = writeln!(svg, "<g><title>{}</title>", Html(title));
    let mut y = BOTTOM;
    for (keys, class) in [(managed, "managed"), (open, "open")] {
        if keys > 0 {
            y -= bins.height(keys);
            let _ = writeln!(
                svg,
                r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{:.1}" height="{:.1}"/>"#,
                bins.width() - 2.0,
                bins.height(keys)
            );
        }
    }
    svg.push_str("</g>\n");
}

fn limit(svg: &mut String, x: f64, text: &str) {
    let _ = writeln!(
        svg,
        r#"<line class="limit" x1="{x:.1}" x2="{x:.1}" y1="{:.1}" y2="{BOTTOM}"/>"#,
        TOP - 8.0
    );
    let _ = writeln!(
        svg,
        r#"<text class="mark" x="{:.1}" y="{:.1}">limit {}</text>"#,
        x + 4.0,
        TOP - 10.0,
        Html(text)
    );
}

/// Draws a mark and its text at each multiple of the limit.
fn day_axis(svg: &mut String, bins: &Bins) {
    for times in 0..=4_u64 {
        let days = times * bins.limit_days;
        let x = bins.x_of(days);
        let (text, anchor, text_x) = match times {
            4 => (format!("{days}+ d"), "end", RIGHT),
            _ => (days.to_string(), "middle", x),
        };
        let _ = writeln!(
            svg,
            r#"<line class="grid" x1="{x:.1}" x2="{x:.1}" y1="{BOTTOM}" y2="{:.1}"/>"#,
            BOTTOM + 4.0
        );
        let _ = writeln!(
            svg,
            r#"<text class="tick {anchor}" x="{text_x:.1}" y="{:.1}">{text}</text>"#,
            BOTTOM + 17.0
        );
    }
}
