//! The chart of when keys reach their limit.

use super::svg::{DAY, head, number};
use crate::audit::document::Audit;
use crate::audit::export::escape::Html;
use crate::model::text::{plural, relative};
use crate::model::time::Timestamp;
use crate::model::waits::after;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

const TOP: f64 = 24.0;
const LEFT: f64 = 128.0;
const RIGHT: f64 = 346.0;
const ROW: f64 = 20.0;
const MOST: usize = 16;

/// Returns a chart of when the oldest Active key of each tagged user reaches its limit, the next
/// first; `None` if there is no such key.
pub(in crate::audit::export) fn limits(audit: &Audit) -> Option<String> {
    let all = of_users(audit);
    let shown = &all[..all.len().min(MOST)];
    let (_, last) = shown.last()?;
    let axis = TimeAxis::until(*last, audit.now);
    let bottom = TOP + ROW * number(shown.len());
    let past = shown.iter().filter(|(_, limit)| *limit < audit.now).count();
    let more = all.len() - shown.len();
    let mut svg = head(
        "limits",
        bottom + if more > 0 { 34.0 } else { 18.0 },
        "When the oldest Active key of each tagged user reaches its limit",
        &format!(
            "{} past the limit, the others reach it within {} days.",
            plural(past, "key"),
            axis.days
        ),
    );
    axis.draw(&mut svg, bottom);
    for (row, (name, limit)) in shown.iter().enumerate() {
        user(&mut svg, &axis, TOP + ROW * (number(row) + 0.5), name, *limit);
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

/// Returns the limit of the oldest Active key of each tagged user, the next first.
fn of_users(audit: &Audit) -> Vec<(&str, Timestamp)> {
    let mut seen = BTreeSet::new();
    let mut all: Vec<(&str, Timestamp)> = audit
        .keys
        .iter()
        .filter(|key| key.managed)
        .filter_map(|key| Some((key.whose(), key.limit?)))
        .filter(|(user, _)| seen.insert(*user))
        .collect();
    all.sort_by_key(|(user, limit)| (*limit, *user));
    all
}

/// The time from now on.
struct TimeAxis {
    now: Timestamp,
    days: u64,
}

impl TimeAxis {
    fn until(last: Timestamp, now: Timestamp) -> Self {
        // Whole months, so that the grid ends with the chart.
        let days = (last - now).num_days().max(0).unsigned_abs() / 30 * 30 + 30;
        Self { now, days }
    }

    fn x_of(&self, at: Timestamp) -> f64 {
        let ahead = (at - self.now).num_seconds().max(0).unsigned_abs();
        LEFT + (RIGHT - LEFT) * (number(ahead) / number(self.days * DAY))
    }

    fn draw(&self, svg: &mut String, bottom: f64) {
        let stride = match self.days {
            ..=120 => 30,
            121..=240 => 60,
            _ => self.days / 120 * 30,
        };
        for ahead in (0..=self.days).step_by(usize::try_from(stride).unwrap_or(30)) {
            let at = after(self.now, Duration::from_secs(ahead * DAY));
            let x = self.x_of(at);
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
    }
}

/// Draws one user's row.
fn user(svg: &mut String, axis: &TimeAxis, y: f64, name: &str, limit: Timestamp) {
    let is_past = limit < axis.now;
    let when = match is_past {
        true => format!("past its limit since {}", limit.format("%F")),
        false => format!("{}, {}", limit.format("%F"), relative(limit, axis.now)),
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
        true => passed(svg, y),
        false => ahead(svg, axis.x_of(limit), y),
    }
    svg.push_str("</g>\n");
}

/// Draws a limit in the past, which has no place on the time axis.
fn passed(svg: &mut String, y: f64) {
    let _ = writeln!(
        svg,
        r#"<rect class="due" x="{:.1}" y="{:.1}" width="9" height="9"/>"#,
        LEFT - 4.5,
        y - 4.5
    );
    let _ =
        writeln!(svg, r#"<text class="mark" x="{:.1}" y="{:.1}">past</text>"#, LEFT + 9.0, y + 4.0);
}

/// Draws a limit ahead, at its time.
fn ahead(svg: &mut String, x: f64, y: f64) {
    let _ =
        writeln!(svg, r#"<line class="stem" x1="{LEFT}" x2="{x:.1}" y1="{y:.1}" y2="{y:.1}"/>"#);
    let _ = writeln!(svg, r#"<circle class="dot" cx="{x:.1}" cy="{y:.1}" r="4.5"/>"#);
}

fn short(name: &str) -> String {
    const MOST: usize = 17;
    if name.chars().count() <= MOST {
        return name.to_owned();
    }
    name.chars().take(MOST - 1).chain(['…']).collect()
}
