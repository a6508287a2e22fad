//! The screen of `who-uses`: for each key, IAM's record, and one row for each place and program.

use crate::terminal::style::{self, paint};
use crate::terminal::table::{Cell, Table};
use crate::terminal::text::hanging;
use crate::terminal::time;
use anstyle::Style;
use keyrot_core::Timestamp;
use keyrot_core::decide::{Delivered, DestinationState};
use keyrot_core::model::{Searched, UntrustedText, UseCounts, UseEvidence, UseSource, plural};
use keyrot_core::report::{KeyUses, UserDestinations, UsesDocument, command_line};
use std::fmt::Write;

/// The limit on rows per key; `--json` prints all.
const ROWS: usize = 40;
/// The length limit of a user agent and an address in a row on a terminal.
const AGENT: usize = 110;
const ADDRESS: usize = 40;

pub(crate) fn screen(document: &UsesDocument, width: Option<usize>) -> String {
    let mut out = String::new();
    if document.lagging && document.keys.is_empty() && document.unseen.is_empty() {
        return "no selected user has an old key that still works\n".to_owned();
    }
    if let (Some(user), true) = (&document.user, document.keys.is_empty()) {
        let _ = writeln!(out, "{user} has no access key");
        for of_user in &document.destinations {
            let _ = write!(out, "\n{}", destinations(of_user, document.now, width));
        }
        return out;
    }
    for (at, key) in document.keys.iter().enumerate() {
        out.push_str(&one(document, key, width));
        out.push('\n');
        let is_last = document.keys.get(at + 1).is_none_or(|next| next.user != key.user);
        if let Some(of_user) = document.destinations_of(key).filter(|_| is_last) {
            let _ = writeln!(out, "{}", destinations(of_user, document.now, width));
        }
    }
    for one in &document.unseen {
        let text = format!("{}: {}", one.user, one.problem);
        out.push_str(&hanging("! ", style::WARN, &text, style::WARN, width));
    }
    let _ = writeln!(out, "{}", paint(style::DIM, "Limits of this evidence:"));
    for text in document.limits {
        out.push_str(&hanging("  - ", style::DIM, text, style::DIM, width));
    }
    out
}

fn one(document: &UsesDocument, key: &KeyUses, width: Option<usize>) -> String {
    let now = document.now;
    let mut title = paint(style::HEAD, &key.key);
    if let Some(user) = &key.user {
        let _ = write!(title, " of {user}");
    }
    if let Some(status) = &key.status {
        let _ = write!(title, ", {status}");
    }
    if let Some(created) = key.created {
        let _ = write!(title, ", {} old", time::span((now - created).num_seconds().max(0)));
    }
    let mut out = format!("{title}\n");
    let mut line = |lead: &str, text: &str, color| {
        out.push_str(&hanging(lead, style::PLAIN, text, color, width));
    };
    let (last, color) = match (key.last_used, &key.problem) {
        (Some(when), _) => {
            let or = |text: &Option<String>| text.clone().unwrap_or_default();
            let service = or(&key.service);
            let own = match service.as_str() {
                "sts" => "; a verification of the key by keyrot also calls sts",
                _ => "",
            };
            let text = format!("{service} in {} {}{own}", or(&key.region), time::both(when, now));
            (text, style::PLAIN)
        }
        (None, None) if key.is_deleted() => {
            ("not on record: the key was deleted".to_owned(), style::PLAIN)
        }
        (None, None) => ("no use on record".to_owned(), style::PLAIN),
        (None, Some(problem)) => (format!("unknown: {problem}"), style::WARN),
    };
    line("  IAM's last use: ", &last, color);
    let uses = &key.uses;
    let (found, color) = found(uses);
    line("  CloudTrail: ", &found, color);
    if let Some(when) = key.last_used.filter(|when| uses.sources.is_empty() && *when < uses.since) {
        let days = (now - when).num_days() + 1;
        let command = command_line("keyrot who-uses", &[key.key.as_str()], "");
        // CloudTrail's event history covers 90 days.
        if days <= 90 {
            let text = format!("the last use was before that: `{command} --since {days}d`");
            line("  ", &text, style::HINT);
        }
    }
    for region in &uses.regions {
        if let Some(text) = cut(region) {
            line("  ! ", &text, style::WARN);
        }
    }
    if uses.unreadable > 0 {
        let text =
            format!("{} could not be read and not counted", plural(uses.unreadable, "record"));
        line("  ! ", &text, style::WARN);
    }
    if uses.sources.is_empty() {
        return out;
    }
    let mut table = Table::new(&["  ADDRESS", "LAST", "FIRST", "EVENTS", "USER AGENT AND CALLS"]);
    for source in uses.sources.iter().take(ROWS) {
        table.row(row(source, now, width.is_some()));
    }
    let _ = write!(out, "\n{}", table.show(width));
    if let Some(more @ 1..) = uses.sources.len().checked_sub(ROWS) {
        let _ = writeln!(out, "  and {more} more; --json lists all");
    }
    out
}

/// Returns where copies of the user's key go, and which places have the current one.
fn destinations(of_user: &UserDestinations, now: Timestamp, width: Option<usize>) -> String {
    let mut title = paint(style::HEAD, format!("Destinations of {}", of_user.user));
    if let Some(current) = &of_user.current {
        let _ = write!(title, ", current key {current}");
    }
    let mut out = format!("{title}\n");
    if let Some(problem) = &of_user.problem {
        let what = if of_user.destinations.is_empty() { "" } else { "which key they have is " };
        let text = format!("{what}not known: {problem}");
        out.push_str(&hanging("  ! ", style::WARN, &text, style::WARN, width));
    }
    for one in &of_user.destinations {
        let DestinationState { to, kind, place, .. } = one;
        let required = if one.required { "required" } else { "optional" };
        let (state, color) = delivered(one, now);
        let text = format!("{kind} {place}, {required}: {state}");
        out.push_str(&hanging(&format!("  {to}: "), style::PLAIN, &text, color, width));
    }
    out
}

fn delivered(one: &DestinationState, now: Timestamp) -> (String, Style) {
    let since = one.since.map(|since| format!(" {}", time::both(since, now))).unwrap_or_default();
    let reason = one.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    match one.state {
        Delivered::Delivered => {
            (format!("current key delivered, by its receipt{since}"), style::PLAIN)
        }
        Delivered::Waiting => ("current key not delivered yet".to_owned(), style::WARN),
        Delivered::Failed => (format!("could not be read or written{reason}"), style::WARN),
        Delivered::Changed => (format!("changed by another writer{reason}"), style::WARN),
        Delivered::LetGo => {
            (format!("let go{since}, so keyrot delivers nothing there"), style::WARN)
        }
        Delivered::Unknown => ("not known".to_owned(), style::DIM),
    }
}

/// Returns what CloudTrail has. If the answer is incomplete, that comes first.
fn found(uses: &UseEvidence) -> (String, Style) {
    let gaps = uses.gaps();
    if uses.is_blind() {
        return (format!("not asked: {}", gaps.unwrap_or_default()), style::WARN);
    }
    let events = match uses.sources.len() {
        0 => "no event".to_owned(),
        sources => format!("{} from {}", plural(uses.events, "event"), plural(sources, "source")),
    };
    let answered: Vec<&str> = uses.answered().collect();
    let text = format!("{events} since {}, in {}", time::absolute(uses.since), answered.join(", "));
    match gaps {
        Some(gaps) => (format!("incomplete, {gaps}: {text}"), style::WARN),
        None => (text, style::PLAIN),
    }
}

/// Returns the part of a region that was not read.
fn cut(one: &Searched) -> Option<String> {
    match (&one.problem, one.cut_at) {
        (Some(problem), _) => Some(format!(
            "{} could not be read{}: {problem}",
            one.region,
            if one.events > 0 { " completely" } else { "" }
        )),
        (None, Some(at)) => Some(format!(
            "{} was cut short after {} events: nothing before {} was read (--max-events)",
            one.region,
            one.events,
            time::absolute(at)
        )),
        (None, None) => None,
    }
}

fn row(source: &UseSource, now: Timestamp, terminal: bool) -> Vec<Cell> {
    let text = |text: &UntrustedText, most: usize| {
        if terminal { text.clip(most) } else { text.to_string() }
    };
    let address =
        source.address.as_ref().map_or_else(|| "not on record".to_owned(), |a| text(a, ADDRESS));
    let agent =
        source.agent.as_ref().map_or_else(|| "no user agent".to_owned(), |a| text(a, AGENT));
    let own = if source.says_it_is_keyrot() { " (probably keyrot, verifying the key)" } else { "" };
    let mut what = format!("{}; in {}", tallies(&source.actions, 4), tallies(&source.regions, 4));
    if !source.errors.is_empty() {
        let _ = write!(what, "; refused: {}", tallies(&source.errors, 3));
    }
    // In a pipe, each row stays on one line.
    let between = if terminal { "\n" } else { "; " };
    vec![
        Cell::new(format!("  {address}"), style::HEAD),
        Cell::plain(time::relative(source.last, now)),
        Cell::plain(time::relative(source.first, now)),
        Cell::plain(source.events.to_string()),
        Cell::plain(format!("{agent}{own}{between}{what}")),
    ]
}

fn tallies(all: &[UseCounts], most: usize) -> String {
    let shown: Vec<String> = all
        .iter()
        .take(most)
        .map(|tally| {
            if tally.count == 1 {
                tally.name.to_string()
            } else {
                format!("{} {}x", tally.name, tally.count)
            }
        })
        .collect();
    match all.len().saturating_sub(most) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
