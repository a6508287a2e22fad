//! The screens of `plan`, `rotate` and `status`.

use super::table::{Cell, Table, hanging};
use super::{paint, style, time};
use anstyle::Style;
use keyrot_core::settings::Settings;
use keyrot_core::{Counts, KeyDocument, RunDocument, State, Timestamp, UserDocument, Verdict};
use std::fmt::Write;

/// Which of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Screen {
    Plan,
    Rotate,
    Status,
}

/// The whole screen: who needs a person first, then everybody else, then the sum.
pub(crate) fn screen(
    screen: Screen,
    document: &RunDocument,
    settings: &Settings,
    sandbox: bool,
    width: Option<usize>,
) -> String {
    let now = document.finished;
    let mut out = String::new();
    if document.users.is_empty() {
        return nobody(document, settings, sandbox);
    }
    let (urgent, others): (Vec<_>, Vec<_>) =
        document.users.iter().partition(|u| matches!(u.state, State::Blocked | State::Failed));
    if !urgent.is_empty() {
        let _ = writeln!(out, "{}", paint(style::BAD, "Needs a person"));
        for user in &urgent {
            out.push_str(&needs_a_person(user, sandbox, width));
        }
        out.push('\n');
    }
    if !others.is_empty() {
        out.push_str(&table(screen, &others, now).show(width));
        out.push('\n');
    }
    out.push_str(&sum(screen, document));
    out
}

fn needs_a_person(user: &UserDocument, sandbox: bool, width: Option<usize>) -> String {
    let state = if user.state == State::Blocked { "blocked" } else { "failed" };
    let owner = user.owner.as_ref().map(|owner| format!(" (owner {owner})")).unwrap_or_default();
    let mut out = format!("  {}{owner}\n", paint(style::HEAD, &user.user));
    out.push_str(&hanging(&format!("    {state}: "), style::BAD, &user.message, style::PLAIN, width));
    if let Some(hint) = &user.hint {
        out.push_str(&hanging("    hint: ", style::HINT, hint, style::PLAIN, width));
    }
    let in_sandbox = matches!(user.reason, "unknown_keys" | "claimed_key" | "current_key_inactive") && sandbox;
    if in_sandbox {
        let text = "here that is `keyrot sandbox delete KEY` or `keyrot sandbox reactivate KEY`";
        out.push_str(&hanging("    sandbox: ", style::DIM, text, style::DIM, width));
    }
    if user.state == State::Blocked {
        for key in &user.keys {
            let text = format!("{}, {}, made {} d ago", key.id, key.status, key.age_days);
            out.push_str(&hanging("    key: ", style::DIM, &text, style::DIM, width));
        }
    }
    out
}

fn table(screen: Screen, users: &[&UserDocument], now: Timestamp) -> Table {
    let (third, last) = match screen {
        Screen::Plan => ("OLD KEY", "WHAT A RUN WOULD DO NOW"),
        Screen::Rotate => ("OLD KEY", "WHAT WAS DONE, AND WHAT COMES NEXT"),
        Screen::Status => ("OLD KEY", "WHAT COMES NEXT"),
    };
    let mut table = Table::new(&["USER", "STATE", "CURRENT KEY", third, last]);
    for user in users {
        let (word, color) = word(user);
        table.row(vec![
            Cell::plain(user.user.as_str()),
            Cell::new(word, color),
            current(user),
            old(user),
            Cell::plain(next(screen, user, now)),
        ]);
    }
    table
}

/// The state in a word, and its colour.
fn word(user: &UserDocument) -> (&'static str, Style) {
    match (user.state, user.reason) {
        (State::Settled, _) => ("settled", style::GOOD),
        (State::Waiting, "in_use" | "no_record" | "use_unknown") => ("held", style::WARN),
        (State::Waiting, "overlap") => ("overlap", style::BUSY),
        (State::Waiting, "soak") => ("soaking", style::BUSY),
        (State::Waiting, _) => ("waiting", style::BUSY),
        (State::Due, _) => ("due", style::BUSY),
        (State::Blocked, _) => ("blocked", style::BAD),
        (State::Stopped, _) => ("stopped", style::WARN),
        (State::Failed, _) => ("failed", style::BAD),
    }
}

fn current(user: &UserDocument) -> Cell {
    match user.keys.iter().find(|key| key.current) {
        Some(key) => Cell::plain(with_age(key)),
        None => Cell::new("-", style::DIM),
    }
}

fn old(user: &UserDocument) -> Cell {
    let old: Vec<String> = user
        .other_keys()
        .map(|key| if key.status == "active" { with_age(key) } else { format!("{} {}", with_age(key), key.status) })
        .collect();
    if old.is_empty() { Cell::new("-", style::DIM) } else { Cell::plain(old.join(", ")) }
}

fn with_age(key: &KeyDocument) -> String {
    format!("{} {}d", key.id, key.age_days)
}

fn next(screen: Screen, user: &UserDocument, now: Timestamp) -> String {
    let mut text = match (user.state, user.until) {
        (State::Settled, Some(until)) => format!("next rotation {}", time::both(until, now)),
        (State::Waiting, Some(until)) => format!("{} [{}]", user.message, time::relative(until, now)),
        _ => user.message.clone(),
    };
    if screen == Screen::Rotate {
        let done: Vec<&str> = user.events.iter().filter(|e| told(e.event)).map(|e| e.message.as_str()).collect();
        if !done.is_empty() {
            text = format!("{}; then: {text}", done.join("; "));
        }
    }
    text
}

/// Whether the event is a change, and not a state that the rest of the line tells anyway.
fn told(event: &str) -> bool {
    !matches!(event, "held" | "blocked" | "failed" | "panicked" | "key_created")
}

fn sum(screen: Screen, document: &RunDocument) -> String {
    let Counts { users, settled, waiting, held, due, blocked, failed, stopped, rotated, retired, deleted, .. } =
        document.counts;
    let mut parts = Vec::new();
    let mut part = |count: usize, text: &str, color: Style| {
        if count > 0 {
            parts.push(paint(color, format!("{count} {text}")));
        }
    };
    if screen == Screen::Rotate {
        part(rotated, "rotated", style::GOOD);
        part(retired, "retired", style::GOOD);
        part(deleted, "deleted", style::GOOD);
    }
    part(due, "due", style::BUSY);
    part(settled, "settled", style::GOOD);
    part(waiting - held, "waiting", style::BUSY);
    part(held, "held", style::WARN);
    part(stopped, "stopped", style::WARN);
    part(blocked, "blocked", style::BAD);
    part(failed, "failed", style::BAD);
    let plural = if users == 1 { "user" } else { "users" };
    let mut out = format!("{users} {plural}: {}\n", parts.join(", "));
    let passed = &document.passed_over;
    let alone = [
        (passed.not_tagged, "without the tag"),
        (passed.other_value, "with another value of the tag"),
        (passed.outside_path, "outside the path"),
        (passed.excluded, "excluded"),
        (passed.not_named, "not named"),
    ];
    let alone: Vec<String> =
        alone.iter().filter(|(count, _)| *count > 0).map(|(count, why)| format!("{count} {why}")).collect();
    if !alone.is_empty() {
        let _ = writeln!(out, "{}", paint(style::DIM, format!("left alone: {}", alone.join(", "))));
    }
    if screen == Screen::Plan && document.result == Verdict::Well && due > 0 {
        let _ = writeln!(out, "{}", paint(style::DIM, "nothing was changed; `keyrot rotate` does it"));
    }
    out
}

/// There is nobody to work on: say so, and how to change that.
fn nobody(document: &RunDocument, settings: &Settings, sandbox: bool) -> String {
    let selection = settings.selection();
    let (tag, value) = (&selection.tag, &selection.tag_value);
    let passed = &document.passed_over;
    let seen = passed.not_tagged + passed.other_value + passed.outside_path + passed.excluded + passed.not_named;
    let mut out = format!("No user is selected: none of the {seen} users seen has the tag {tag}={value}");
    if selection.path_prefix != "/" {
        let _ = write!(out, " and a path that begins with {}", selection.path_prefix);
    }
    if passed.excluded > 0 {
        let _ = write!(out, ", apart from {} excluded", passed.excluded);
    }
    out.push_str(". Nothing was done.\n");
    let command = if sandbox {
        format!("keyrot sandbox tag NAME {tag}={value}")
    } else {
        format!("aws iam tag-user --user-name NAME --tags Key={tag},Value={value}")
    };
    let _ = writeln!(out, "{} to select one: {command}", paint(style::HINT, "hint:"));
    out
}
