//! The screen of `keyrot audit`.

use crate::terminal::style::{self, paint};
use crate::terminal::table::{Cell, Table};
use crate::terminal::text::hanging;
use crate::terminal::time;
use anstyle::Style;
use keyrot_core::UserName;
use keyrot_core::audit::{
    Audit, Finding, FindingKind, FindingSeverity, KeyRow, Only, Tagged, UseKnown,
};
use keyrot_core::model::plural;
use std::fmt::Write;

/// The width from which each value gets its own column.
const WIDE: usize = 110;
/// The limit on names that are listed; further names are counted.
const NAMES: usize = 8;
/// The limit on destinations that are listed in a column.
const COLUMN: usize = 2;

/// Returns the screen: the worst findings, every key, the meaning of the findings, and the totals.
pub(crate) fn screen(audit: &Audit, only: Option<Only>, width: Option<usize>) -> String {
    let mut out = String::new();
    let now: Vec<&Finding> =
        audit.findings.iter().filter(|f| f.severity == FindingSeverity::Critical).collect();
    if !now.is_empty() {
        let _ = writeln!(out, "{}", paint(style::BAD, "Fix now"));
        for finding in now {
            out.push_str(&hanging("  ", style::PLAIN, &finding.message, style::PLAIN, width));
            out.push_str(&hanging("    hint: ", style::HINT, &finding.hint(), style::PLAIN, width));
        }
        out.push('\n');
    }
    if !audit.keys.is_empty() {
        let table = if width.is_some_and(|w| w < WIDE) { stacked(audit) } else { wide(audit) };
        out.push_str(&table.show(width));
        out.push('\n');
    }
    for warning in audit.warnings() {
        out.push_str(&hanging("warning: ", style::WARN, &warning, style::PLAIN, width));
    }
    if !audit.warnings().is_empty() {
        out.push('\n');
    }
    out.push_str(&beside(audit, width));
    out.push_str(&rules(audit, width));
    out.push_str(&sum(audit, only, width));
    out
}

fn wide(audit: &Audit) -> Table {
    let mut head = vec!["  AGE", "USER", "KEY", "STATUS", "LAST USED", "TAGGED"];
    let with_destinations = audit.has_destinations();
    head.extend(with_destinations.then_some("DESTINATIONS"));
    head.push("FINDINGS");
    let mut table = Table::new(&head);
    for key in &audit.keys {
        let mut row = vec![
            age(key),
            Cell::plain(key.whose()),
            Cell::plain(key.which()),
            status(key),
            used(audit, key),
            tagged(key),
        ];
        row.extend(with_destinations.then(|| destinations(key)));
        row.push(findings(key));
        table.row(row);
    }
    table
}

/// Returns the table for a narrow terminal: a key's details are below its findings.
fn stacked(audit: &Audit) -> Table {
    let mut table = Table::new(&["  AGE", "USER", "KEY, LAST USE, TAGGED, FINDINGS"]);
    for key in &audit.keys {
        let kind = if key.key_id.is_some() { "" } else { "key " };
        let tagged = match key.tagged {
            Tagged::Yes => "tagged",
            Tagged::Blocked => "tagged and blocked",
            Tagged::No => "not tagged",
        };
        let mut text = format!(
            "{kind}{} {}, {}, {tagged}",
            key.which(),
            key.status.word(),
            used_text(audit, key)
        );
        if !key.destinations.is_empty() {
            let _ = write!(text, "\ndestinations: {}", destination_names(key, usize::MAX));
        }
        if !key.findings.is_empty() {
            let _ = write!(text, "\n{}", titles(&key.findings));
        }
        table.row(vec![age(key), Cell::plain(key.whose()), Cell::new(text, color(key.severity))]);
    }
    table
}

fn age(key: &KeyRow) -> Cell {
    let style = match (key.is_active(), key.findings.contains(&FindingKind::OldKey)) {
        (true, true) => style::BAD,
        (true, false) => style::GOOD,
        (false, _) => style::DIM,
    };
    Cell::new(format!("{:>5}", format!("{}d", key.age_days)), style)
}

fn status(key: &KeyRow) -> Cell {
    Cell::new(key.status.word(), if key.is_active() { style::PLAIN } else { style::DIM })
}

fn used(audit: &Audit, key: &KeyRow) -> Cell {
    let style = match key.findings.contains(&FindingKind::UnusedKey) {
        true => style::WARN,
        false if key.is_active() => style::PLAIN,
        false => style::DIM,
    };
    Cell::new(last_use(audit, key).unwrap_or_else(|| no_use(key).to_owned()), style)
}

fn used_text(audit: &Audit, key: &KeyRow) -> String {
    last_use(audit, key).map_or_else(|| no_use(key).to_owned(), |when| format!("used {when}"))
}

/// Returns when and where the key was last used, if a use is on record.
fn last_use(audit: &Audit, key: &KeyRow) -> Option<String> {
    let when = time::relative(key.last_used?, audit.now);
    let place = [&key.service, &key.region].into_iter().flatten().map(String::as_str);
    let place = place.collect::<Vec<_>>().join(" ");
    Some(if place.is_empty() { when } else { format!("{when}, {place}") })
}

/// Returns the text for a key without a use on record.
fn no_use(key: &KeyRow) -> &'static str {
    match key.use_known {
        UseKnown::Never => "no use on record",
        _ => "use unknown",
    }
}

fn tagged(key: &KeyRow) -> Cell {
    let style = match key.tagged {
        Tagged::Yes => style::PLAIN,
        Tagged::Blocked => style::BAD,
        Tagged::No if key.is_active() => style::WARN,
        Tagged::No => style::DIM,
    };
    Cell::new(key.tagged.code(), style)
}

fn destinations(key: &KeyRow) -> Cell {
    match key.destinations.is_empty() {
        true => Cell::new("-", style::DIM),
        false => Cell::plain(destination_names(key, COLUMN)),
    }
}

/// Returns the first names, and the number of further ones.
fn destination_names(key: &KeyRow, most: usize) -> String {
    let names = key.destinations.iter().map(|one| one.to.as_str());
    let mut text = names.take(most).collect::<Vec<_>>().join(", ");
    if let Some(more @ 1..) = key.destinations.len().checked_sub(most) {
        let _ = write!(text, " and {more} more");
    }
    text
}

fn findings(key: &KeyRow) -> Cell {
    match key.findings.is_empty() {
        true => Cell::new("-", style::DIM),
        false => Cell::new(titles(&key.findings), color(key.severity)),
    }
}

fn titles(findings: &[FindingKind]) -> String {
    findings.iter().map(|kind| kind.title()).collect::<Vec<_>>().join(", ")
}

fn color(severity: Option<FindingSeverity>) -> Style {
    match severity {
        Some(FindingSeverity::Critical | FindingSeverity::High) => style::BAD,
        Some(FindingSeverity::Medium) => style::WARN,
        Some(FindingSeverity::Low) => style::BUSY,
        None => style::PLAIN,
    }
}

/// Returns the findings about users that belong to no key.
fn beside(audit: &Audit, width: Option<usize>) -> String {
    let mut out = String::new();
    // Critical findings come first.
    for finding in
        audit.beside_keys().filter(|finding| finding.severity != FindingSeverity::Critical)
    {
        let lead = format!("{:<8}  ", finding.severity.word());
        out.push_str(&hanging(
            &lead,
            color(Some(finding.severity)),
            &finding.message,
            style::PLAIN,
            width,
        ));
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// Returns each kind of finding, with the controls that it breaks.
fn rules(audit: &Audit, width: Option<usize>) -> String {
    let mut out = String::new();
    for kind in FindingKind::ALL {
        let mut found = audit.findings.iter().filter(|finding| finding.kind == kind);
        let Some(worst) = found.next() else { continue };
        let worst = found.map(|finding| finding.severity).fold(worst.severity, Ord::max);
        let count = audit.findings.iter().filter(|finding| finding.kind == kind).count();
        let lead = format!("{count:>5}  {:<20}  ", kind.title());
        out.push_str(&hanging(&lead, color(Some(worst)), kind.meaning(), style::PLAIN, width));
        for controls in kind.controls_in_short() {
            out.push_str(&hanging(&" ".repeat(29), style::PLAIN, &controls, style::DIM, width));
        }
    }
    match out.is_empty() {
        true => out,
        false => {
            format!("{}\n{out}\n", paint(style::HEAD, "Findings, and the controls they can break"))
        }
    }
}

fn sum(audit: &Audit, only: Option<Only>, width: Option<usize>) -> String {
    let counts = &audit.counts;
    let mut out = String::new();
    let severities = [
        (FindingSeverity::Critical, style::BAD),
        (FindingSeverity::High, style::BAD),
        (FindingSeverity::Medium, style::WARN),
        (FindingSeverity::Low, style::BUSY),
    ];
    let found = severities.iter().filter_map(|(severity, color)| {
        let count = counts.severities.get(severity.word()).filter(|count| **count > 0)?;
        Some(paint(*color, format!("{count} {severity}")))
    });
    let found: Vec<String> = found.collect();
    let found = match found.is_empty() {
        true => paint(style::GOOD, "no finding"),
        false => format!(
            "{}: {}",
            plural(audit.counts.findings.values().sum(), "finding"),
            found.join(", ")
        ),
    };
    let account = format!(
        "account {}: {} of {}, {} Active, the oldest {}d",
        audit.account,
        plural(counts.keys, "key"),
        plural(counts.users_with_keys, "user"),
        counts.active,
        counts.oldest_active_days,
    );
    out.push_str(&hanging("", style::PLAIN, &account, style::PLAIN, width));
    let _ = writeln!(out, "{found}");
    let mut note = |text: String| out.push_str(&hanging("", style::DIM, &text, style::DIM, width));
    let age = time::relative(audit.report, audit.now);
    note(format!(
        "limit {} (max_age); credential report of {} ({age}); IAM creates a new one at most every four hours",
        audit.limit(),
        time::absolute(audit.report)
    ));
    if !audit.unreported.is_empty() {
        note(format!(
            "newer than the report, so some of their keys may be missing: {}",
            names(&audit.unreported)
        ));
    }
    if !audit.gone.is_empty() {
        note(format!("in the report, but deleted since: {}", names(&audit.gone)));
    }
    if counts.managed_users > 0 && only != Some(Only::Unmanaged) {
        note(
            "when keyrot rotates tagged users, and what holds a rotation: keyrot status".to_owned(),
        );
    }
    let open = counts.active - counts.active_managed;
    match only {
        Some(Only::Findings) => {
            note(
                "only keys with a finding are listed; the totals are for the whole account"
                    .to_owned(),
            );
        }
        Some(Only::Unmanaged) => {
            note("only users not tagged for rotation are listed; the totals are for the whole account".to_owned());
        }
        None if open > 0 => {
            let text = format!(
                "{} of users not tagged for rotation: keyrot audit --only unmanaged",
                plural(open, "Active key")
            );
            out.push_str(&hanging("hint: ", style::HINT, &text, style::PLAIN, width));
        }
        None => {}
    }
    out
}

fn names(users: &[UserName]) -> String {
    let mut text = users.iter().take(NAMES).map(UserName::as_str).collect::<Vec<_>>().join(", ");
    if users.len() > NAMES {
        let _ = write!(text, " and {} more", users.len() - NAMES);
    }
    text
}
