//! The two charts of the page. Their units are a narrow phone's pixels, so they are readable there
//! and grow on a wide screen.
//!
//! Nothing is shown by color alone: keys not tagged for rotation are hatched, the limit and what is
//! past it are labeled, and each mark has a title.

use super::escape::Html;
use crate::audit::document::Audit;
use crate::model::text::{plural, relative};
use crate::model::time::Timestamp;
use std::collections::BTreeSet;
use std::fmt::Write;

const WIDTH: f64 = 360.0;
const DAY: u64 = 86_400;

/// Returns the chart of the ages of Active keys.
pub(super) fn ages(audit: &Audit) -> String {
    const TOP: f64 = 26.0;
    const BOTTOM: f64 = 176.0;
    const LEFT: f64 = 26.0;
    const RIGHT: f64 = 352.0;
    let limit_days = (audit.max_age_seconds / DAY).max(1);
    let bin_days = limit_days.div_ceil(6);
    // Up to four times the limit; older keys are in one more bin.
    let bins = usize::try_from((4 * limit_days).div_ceil(bin_days)).unwrap_or(24);
    let mut counts = vec![[0_usize; 2]; bins + 1];
    for key in audit.keys.iter().filter(|key| key.is_active()) {
        let bin = usize::try_from(key.age_days.unsigned_abs() / bin_days).unwrap_or(bins).min(bins);
        counts[bin][usize::from(!key.managed)] += 1;
    }
    let tallest = counts.iter().map(|[a, b]| a + b).max().unwrap_or(0).max(1);
    let step = (RIGHT - LEFT) / count(counts.len());
    let x_of = |days: u64| LEFT + step * (days_f(days) / days_f(bin_days));
    let height = |keys: usize| (BOTTOM - TOP) * count(keys) / count(tallest);

    let active = audit.counts.active;
    let old = audit.count(crate::audit::kind::FindingKind::OldKey);
    let mut svg = head(
        "ages",
        204.0,
        "Ages of the Active keys",
        &format!(
            "{}; {old} too old. The oldest is {} days old.",
            plural(active, "Active key"),
            audit.counts.oldest_active_days
        ),
    );
    let past = x_of(limit_days);
    let _ = writeln!(
        svg,
        r#"<rect class="past" x="{past:.1}" y="{TOP}" width="{:.1}" height="{:.1}"/>"#,
        RIGHT - past,
        BOTTOM - TOP
    );
    for (value, y) in [(tallest, TOP), (0, BOTTOM)] {
        let _ = writeln!(svg, r#"<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{y}" y2="{y}"/>"#);
        let _ = writeln!(
            svg,
            r#"<text class="tick end" x="{:.1}" y="{:.1}">{value}</text>"#,
            LEFT - 5.0,
            y + 4.0
        );
    }
    for (bin, [managed, open]) in counts.iter().enumerate() {
        if managed + open == 0 {
            continue;
        }
        let x = LEFT + step * count(bin) + 1.0;
        let from = bin_days * u64::try_from(bin).unwrap_or(0);
        let span = match bin == bins {
            true => format!("{from} days and older"),
            false => format!("{from} to {} days", from + bin_days - 1),
        };
        let title = format!("{span}: {managed} tagged for rotation, {open} not");
        let _ = writeln!(svg, "<g><title>{}</title>", Html(title));
        let mut y = BOTTOM;
        for (keys, class) in [(*managed, "managed"), (*open, "open")] {
            if keys > 0 {
                y -= height(keys);
                let _ = writeln!(
                    svg,
                    r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{:.1}" height="{:.1}"/>"#,
                    step - 2.0,
                    height(keys)
                );
            }
        }
        svg.push_str("</g>\n");
    }
    let _ = writeln!(
        svg,
        r#"<line class="limit" x1="{past:.1}" x2="{past:.1}" y1="{:.1}" y2="{BOTTOM}"/>"#,
        TOP - 8.0
    );
    let _ = writeln!(
        svg,
        r#"<text class="mark" x="{:.1}" y="{:.1}">limit {}</text>"#,
        past + 4.0,
        TOP - 10.0,
        Html(audit.limit())
    );
    for times in 0..=4_u64 {
        let days = times * limit_days;
        let (text, anchor, at) = match times {
            4 => (format!("{days}+ d"), "end", RIGHT),
            _ => (days.to_string(), "middle", x_of(days)),
        };
        day(&mut svg, (x_of(days), at, BOTTOM), anchor, &text);
    }
    svg.push_str("</svg>\n");
    svg
}

/// Draws a mark below the chart's bottom, and its text.
fn day(svg: &mut String, (x, text_x, bottom): (f64, f64, f64), anchor: &str, text: &str) {
    let _ = writeln!(
        svg,
        r#"<line class="grid" x1="{x:.1}" x2="{x:.1}" y1="{bottom}" y2="{:.1}"/>"#,
        bottom + 4.0
    );
    let _ = writeln!(
        svg,
        r#"<text class="tick {anchor}" x="{text_x:.1}" y="{:.1}">{text}</text>"#,
        bottom + 17.0
    );
}

/// Returns a chart of when the oldest Active key of each tagged user reaches its limit, the next
/// first; `None` if there is no such key.
pub(super) fn limits(audit: &Audit) -> Option<String> {
    const TOP: f64 = 24.0;
    const LEFT: f64 = 128.0;
    const RIGHT: f64 = 346.0;
    const ROW: f64 = 20.0;
    const MOST: usize = 16;
    let mut seen = BTreeSet::new();
    let mut all: Vec<(&str, Timestamp)> = audit
        .keys
        .iter()
        .filter(|key| key.managed)
        .filter_map(|key| Some((key.whose(), key.limit?)))
        .filter(|(user, _)| seen.insert(*user))
        .collect();
    all.sort_by_key(|(user, limit)| (*limit, *user));
    let shown = &all[..all.len().min(MOST)];
    let (_, last) = shown.last()?;
    // Whole months, so that the grid ends with the chart.
    let days = (*last - audit.now).num_days().max(0).unsigned_abs() / 30 * 30 + 30;
    let x_of = |at: Timestamp| {
        let ahead = (at - audit.now).num_seconds().max(0).unsigned_abs();
        LEFT + (RIGHT - LEFT) * (days_f(ahead) / days_f(days * DAY))
    };
    let bottom = TOP + ROW * count(shown.len());
    let past = shown.iter().filter(|(_, limit)| *limit < audit.now).count();
    let more = all.len() - shown.len();
    let summary =
        format!("{} past the limit, the others reach it within {days} days.", plural(past, "key"));
    let mut svg = head(
        "limits",
        bottom + if more > 0 { 34.0 } else { 18.0 },
        "When the oldest Active key of each tagged user reaches its limit",
        &summary,
    );
    let stride = match days {
        ..=120 => 30,
        121..=240 => 60,
        _ => days / 120 * 30,
    };
    for ahead in (0..=days).step_by(usize::try_from(stride).unwrap_or(30)) {
        let at = crate::model::waits::after(audit.now, std::time::Duration::from_secs(ahead * DAY));
        let x = x_of(at);
        let (anchor, text) = match ahead {
            0 => ("middle", "now".to_owned()),
            _ if x > RIGHT - 20.0 => ("end", at.format("%-d %b").to_string()),
            _ => ("middle", at.format("%-d %b").to_string()),
        };
        let _ = writeln!(
            svg,
            r#"<line class="grid" x1="{x:.1}" x2="{x:.1}" y1="{:.1}" y2="{bottom:.1}"/>"#,
            TOP - 6.0
        );
        let _ = writeln!(
            svg,
            r#"<text class="tick {anchor}" x="{x:.1}" y="{:.1}">{text}</text>"#,
            TOP - 10.0
        );
    }
    for (row, (name, limit)) in shown.iter().enumerate() {
        let y = TOP + ROW * (count(row) + 0.5);
        let is_past = *limit < audit.now;
        let when = match is_past {
            true => format!("past its limit since {}", limit.format("%F")),
            false => format!("{}, {}", limit.format("%F"), relative(*limit, audit.now)),
        };
        let _ = writeln!(svg, "<g><title>{}</title>", Html(format!("{name}: {when}")));
        let _ = writeln!(
            svg,
            r#"<text class="name end" x="{:.1}" y="{:.1}">{}</text>"#,
            LEFT - 10.0,
            y + 4.0,
            Html(short(name))
        );
        match is_past {
            true => passed(&mut svg, LEFT, y),
            false => ahead(&mut svg, LEFT, x_of(*limit), y),
        }
        svg.push_str("</g>\n");
    }
    if more > 0 {
        let _ = writeln!(
            svg,
            r#"<text class="tick" x="8" y="{:.1}">and {more} later: see the table</text>"#,
            bottom + 20.0
        );
    }
    svg.push_str("</svg>\n");
    Some(svg)
}

/// Draws a limit in the past, which has no place on the time axis.
fn passed(svg: &mut String, left: f64, y: f64) {
    let _ = writeln!(
        svg,
        r#"<rect class="due" x="{:.1}" y="{:.1}" width="9" height="9"/>"#,
        left - 4.5,
        y - 4.5
    );
    let _ =
        writeln!(svg, r#"<text class="mark" x="{:.1}" y="{:.1}">past</text>"#, left + 9.0, y + 4.0);
}

/// A limit ahead, at its time.
fn ahead(svg: &mut String, left: f64, x: f64, y: f64) {
    let _ =
        writeln!(svg, r#"<line class="stem" x1="{left}" x2="{x:.1}" y1="{y:.1}" y2="{y:.1}"/>"#);
    let _ = writeln!(svg, r#"<circle class="dot" cx="{x:.1}" cy="{y:.1}" r="4.5"/>"#);
}

fn head(id: &str, height: f64, title: &str, description: &str) -> String {
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"{id}-title {id}-desc\">\n\
         <title id=\"{id}-title\">{}</title>\n<desc id=\"{id}-desc\">{}</desc>\n",
        Html(title),
        Html(description)
    )
}

fn short(name: &str) -> String {
    const MOST: usize = 17;
    if name.chars().count() <= MOST {
        return name.to_owned();
    }
    name.chars().take(MOST - 1).chain(['…']).collect()
}

/// Returns the number to draw, capped at a million, because larger numbers make no difference in a
/// chart.
fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

fn days_f(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
