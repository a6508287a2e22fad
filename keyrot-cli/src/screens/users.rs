//! The screens of `plan`, `rotate` and `status`.

pub(crate) mod csv;
mod next;
mod skipped;

use self::next::{done, next};
use self::skipped::{skipped, tagged_otherwise};
use crate::cli::given::{all, places};
use crate::terminal::style::{self, paint};
use crate::terminal::table::{Cell, Table};
use crate::terminal::text::hanging;
use anstyle::Style;
use keyrot_core::report::{Counts, KeyDocument, State, UserDocument, command_line};
use keyrot_core::selection::Missing;
use keyrot_core::settings::Settings;
use keyrot_core::{Blocked, KeyStatus, Outcome, RunDocument, Timestamp, UserName, Wait, Why};
use std::fmt::Write;

/// The width from which keys get their own columns.
const WIDE: usize = 120;

/// The command whose screen it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Screen {
    Plan,
    Rotate,
    Status,
}

/// The users' account and region, which users were named, and whether all keys are replaced, due or
/// not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) sandbox: bool,
    pub(crate) named: &'a [UserName],
    pub(crate) force: bool,
    /// Whether a question follows.
    pub(crate) confirms: bool,
    /// The users that have the tag with another value.
    pub(crate) tagged_otherwise: &'a [Missing],
}

impl Asked<'_> {
    /// Returns the users that have the tag with another value. A run for named users has no use for
    /// them.
    fn tagged_otherwise(&self, settings: &Settings, width: Option<usize>) -> String {
        match self.named.is_empty() {
            true => tagged_otherwise(settings.selection(), self.tagged_otherwise, width),
            false => String::new(),
        }
    }
}

/// Returns the whole screen: users that need manual action, then the others, then the totals.
pub(crate) fn screen(
    screen: Screen,
    document: &RunDocument,
    settings: &Settings,
    asked: Asked<'_>,
    width: Option<usize>,
) -> String {
    let now = document.finished;
    let mut out = String::new();
    if let Some(place) = place(document) {
        let _ = writeln!(out, "{}\n", paint(style::DIM, place));
    }
    if document.users.is_empty() {
        return out + &nobody(document, settings, asked, width);
    }
    for (state, heading) in [(State::Blocked, "Needs manual action"), (State::Failed, "Failed")] {
        let such: Vec<_> = document.users.iter().filter(|u| u.state == state).collect();
        if !such.is_empty() {
            let _ = writeln!(out, "{}", paint(style::BAD, heading));
            for alike in alike(&such) {
                out.push_str(&in_trouble(alike[0], asked.sandbox, width));
                out.push_str(&the_same(&alike[1..], width));
            }
            out.push('\n');
        }
    }
    let rows: Vec<_> = document.users.iter().filter(|user| is_row(screen, user)).collect();
    if !rows.is_empty() {
        let table = if width.is_some_and(|w| w < WIDE) {
            stacked(screen, &rows, now)
        } else {
            wide(screen, &rows, now, width)
        };
        out.push_str(&table.show(width));
        out.push('\n');
    }
    out.push_str(&sum(screen, document, settings, asked, width));
    out
}

/// Whether the user has a row. A plan shows only what a run would do, and what it could not do.
fn is_row(screen: Screen, user: &UserDocument) -> bool {
    match screen {
        Screen::Plan => !matches!(user.state, State::Settled | State::Waiting),
        Screen::Rotate | Screen::Status => true,
    }
}

/// Returns the account, and the region of its users' secrets.
fn place(document: &RunDocument) -> Option<String> {
    let account = document.account.as_ref().map(|account| format!("account {account}"));
    let region = document.region.as_ref().map(|region| format!("region {region}"));
    let parts: Vec<String> = account.into_iter().chain(region).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Groups the users by error. If a call failed in the same way for all of them, there is one
/// problem with the machine or the network. If the same blocks them, except for their names, one
/// setting is missing.
fn alike<'a>(users: &[&'a UserDocument]) -> Vec<Vec<&'a UserDocument>> {
    let mut groups: Vec<(String, Vec<&UserDocument>)> = Vec::new();
    for user in users {
        let why = match &user.outcome {
            Outcome::Failed(failure) => failure.error.reason().map(str::to_owned),
            _ => Some(user.message.replace(user.user.as_str(), "USER")),
        };
        let known = groups.iter_mut().find(|(of, _)| why.as_ref() == Some(of));
        match (known, why) {
            (Some((_, group)), _) => group.push(user),
            (None, why) => groups.push((why.unwrap_or_default(), vec![user])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// Returns the other users with the same message.
fn the_same(users: &[&UserDocument], width: Option<usize>) -> String {
    const NAMED: usize = 20;
    if users.is_empty() {
        return String::new();
    }
    let names: Vec<&str> = users.iter().take(NAMED).map(|user| user.user.as_str()).collect();
    let more = match users.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let text = format!("{}{more}", names.join(", "));
    hanging("  the same for: ", style::HEAD, &text, style::PLAIN, width)
}

/// Returns a user with what went wrong and what to do.
fn in_trouble(user: &UserDocument, sandbox: bool, width: Option<usize>) -> String {
    let owner = user.owner.as_ref().map(|owner| format!(" (owner {owner})")).unwrap_or_default();
    let mut out = format!("  {}{owner}\n", paint(style::HEAD, &user.user));
    out.push_str(&hanging("    ", style::PLAIN, &user.message, style::PLAIN, width));
    if let Some(hint) = user.hint() {
        out.push_str(&hanging("    hint: ", style::HINT, &hint, style::PLAIN, width));
    }
    let sandbox_helps = matches!(
        &user.outcome,
        Outcome::Blocked(
            Blocked::UnknownKeys(_)
                | Blocked::ClaimedKey { .. }
                | Blocked::CurrentKeyInactive { .. }
        )
    );
    if sandbox && let Outcome::Blocked(Blocked::BadTag { reason }) = &user.outcome {
        let named = reason.strip_prefix("the tag ").and_then(|rest| rest.split_once(" = "));
        let text = command_line(
            &format!("keyrot{} sandbox tag", places()),
            &[user.user.as_str()],
            &format!(" {}=VALUE", named.map_or("KEY", |(tag, _)| tag)),
        );
        out.push_str(&hanging("    sandbox: ", style::DIM, &text, style::DIM, width));
    }
    if sandbox && sandbox_helps {
        let text =
            format!("keyrot{} sandbox delete KEY, deactivate KEY or reactivate KEY", places());
        out.push_str(&hanging("    sandbox: ", style::DIM, &text, style::DIM, width));
    }
    out
}

/// Returns one row per user, with the keys in separate columns.
fn wide(screen: Screen, users: &[&UserDocument], now: Timestamp, width: Option<usize>) -> Table {
    let mut table = Table::new(&["USER", "STATE", "CURRENT KEY", "OTHER KEY", heading(screen)]);
    // In a pipe, each user's row stays on one line.
    let between = if width.is_some() { "\n" } else { ", " };
    for user in users {
        let (word, color) = word(user);
        let keys = |current: bool| {
            let keys: Vec<String> =
                user.keys.iter().filter(|k| k.current == current).map(with_age).collect();
            if keys.is_empty() {
                Cell::new("-", style::DIM)
            } else {
                Cell::plain(keys.join(between))
            }
        };
        let cells =
            [Cell::plain(user.user.as_str()), Cell::new(word, color), keys(true), keys(false)];
        table.row(cells.into_iter().chain([Cell::plain(what(screen, user, now))]).collect());
    }
    table
}

/// Returns the table for a narrow terminal: the keys are below the next step.
fn stacked(screen: Screen, users: &[&UserDocument], now: Timestamp) -> Table {
    let mut table = Table::new(&["USER", "STATE", heading(screen)]);
    for user in users {
        let (word, color) = word(user);
        let key = |key: &KeyDocument| {
            format!("{} {}", if key.current { "current" } else { "other  " }, with_age(key))
        };
        let (current, other): (Vec<_>, Vec<_>) = user.keys.iter().partition(|k| k.current);
        let text = std::iter::once(what(screen, user, now))
            .chain(current.into_iter().chain(other).map(key));
        let text = text.collect::<Vec<_>>().join("\n");
        table.row(vec![Cell::plain(user.user.as_str()), Cell::new(word, color), Cell::plain(text)]);
    }
    table
}

fn heading(screen: Screen) -> &'static str {
    match screen {
        Screen::Plan => "WHAT A RUN WOULD DO",
        Screen::Rotate => "DONE, AND NEXT",
        Screen::Status => "NEXT",
    }
}

/// The words for states, in the order in which they are counted.
const WORDS: [(&str, Style); 9] = [
    ("due", style::BUSY),
    ("settled", style::GOOD),
    ("overlap", style::BUSY),
    ("soaking", style::BUSY),
    ("waiting", style::BUSY),
    ("held", style::WARN),
    ("stopped", style::WARN),
    ("blocked", style::BAD),
    ("failed", style::BAD),
];

/// Returns the word for the state, and its color.
pub(super) fn word(user: &UserDocument) -> (&'static str, Style) {
    match (user.state, &user.outcome) {
        (State::Settled, _) => ("settled", style::GOOD),
        (State::Waiting, Outcome::Waiting(wait)) if wait.is_hold() => ("held", style::WARN),
        (State::Waiting, Outcome::Waiting(Wait { why: Why::Overlap(_), .. })) => {
            ("overlap", style::BUSY)
        }
        (State::Waiting, Outcome::Waiting(Wait { why: Why::Soak(_), .. })) => {
            ("soaking", style::BUSY)
        }
        (State::Waiting, _) => ("waiting", style::BUSY),
        (State::Due, _) => ("due", style::BUSY),
        (State::Blocked, _) => ("blocked", style::BAD),
        (State::Stopped, _) => ("stopped", style::WARN),
        (State::Failed, _) => ("failed", style::BAD),
    }
}

fn with_age(key: &KeyDocument) -> String {
    let status = match &key.status {
        KeyStatus::Active => String::new(),
        other => format!(" {}", other.word()),
    };
    format!("{} {}d{status}", key.id, key.age_days)
}

/// Returns what comes next and, for a run, what it did.
fn what(screen: Screen, user: &UserDocument, now: Timestamp) -> String {
    let done = if screen == Screen::Rotate { done(user) } else { String::new() };
    match done.is_empty() {
        true => next(user, now),
        false => format!("{done}; {}", next(user, now)),
    }
}

fn sum(
    screen: Screen,
    document: &RunDocument,
    settings: &Settings,
    asked: Asked<'_>,
    width: Option<usize>,
) -> String {
    let dim = |text: &str| hanging("", style::PLAIN, text, style::DIM, width);
    let Counts { users, due, rotated, retired, deleted, .. } = document.counts;
    let list = |parts: &[(usize, &str, Style)]| -> String {
        let some = parts.iter().filter(|(count, ..)| *count > 0);
        let texts: Vec<String> =
            some.map(|(count, text, color)| paint(*color, format!("{count} {text}"))).collect();
        texts.join(", ")
    };
    // Each user is counted once, by the word in its row. The changes that the run made are counted
    // separately.
    let states: Vec<_> = WORDS
        .into_iter()
        .map(|(of, color)| {
            (document.users.iter().filter(|user| word(user).0 == of).count(), of, color)
        })
        .collect();
    let states = list(&states);
    let changes = list(&[
        (rotated, "rotated", style::GOOD),
        (retired, "deactivated", style::GOOD),
        (deleted, "deleted", style::GOOD),
    ]);
    let plural = if users == 1 { "user" } else { "users" };
    let counts = format!("{users} {plural}: {states}");
    let mut out = hanging("", style::PLAIN, &counts, style::PLAIN, width);
    if screen == Screen::Rotate && !changes.is_empty() {
        let _ = writeln!(out, "this run: {changes}");
    }
    out.push_str(&skipped(&document.skipped, width));
    out.push_str(&asked.tagged_otherwise(settings, width));
    let held = document.users.iter().find_map(|user| match &user.outcome {
        Outcome::Waiting(wait) if wait.is_hold() => Some((user, wait.why.key()?)),
        _ => None,
    });
    if screen != Screen::Plan
        && let Some((one, key)) = held
    {
        let user = one.user.as_str();
        let text = format!(
            "held: the old key may be needed. To see what uses it: `{}`; once all have moved: `{}`",
            command_line("keyrot who-uses", &[user], ""),
            command_line("keyrot revoke", &[user, key.as_str()], "")
        );
        out.push_str(&dim(&text));
    }
    if let Some(text) = adoptions(screen, document, settings.max_adoptions()) {
        out.push_str(&hanging("", style::PLAIN, &text, style::HINT, width));
    }
    let replaces = |user: &UserDocument| user.rotation_is_due() || user.adoption_is_due();
    if screen == Screen::Plan && document.users.iter().any(replaces) {
        let waits = settings.policy().waits();
        let [overlap, idle] = [waits.overlap, waits.idle].map(keyrot_core::model::format_duration);
        let text = format!(
            "an old key stays Active for at least {overlap}, and until something uses the new key or nothing has used the old key for {idle}; so a monthly job keeps working, if nothing else uses the user; waits in a user's own tags come first"
        );
        out.push_str(&dim(&text));
    }
    let unread = |user: &UserDocument| matches!(user.state, State::Failed | State::Stopped);
    if screen == Screen::Plan && due == 0 && !document.users.iter().any(unread) {
        let text = match document.users.iter().all(|user| user.state == State::Blocked) {
            true => "a run would do nothing now: each user needs manual action".to_owned(),
            false => "a run would do nothing now; `keyrot status` shows what comes next".to_owned(),
        };
        out.push_str(&dim(&text));
    }
    if screen == Screen::Plan && due > 0 && !asked.confirms {
        let names: Vec<&str> = asked.named.iter().map(UserName::as_str).collect();
        let force = if asked.force { " --force" } else { "" };
        let command = command_line(&format!("keyrot{} rotate", all()), &names, force);
        let text = format!("nothing was changed; to do it: `{}`", command.trim_end());
        out.push_str(&dim(&text));
    }
    out
}

/// Returns the users that wait for a later run because of the adoption limit.
fn adoptions(screen: Screen, document: &RunDocument, most: Option<usize>) -> Option<String> {
    let most = most?;
    let users =
        |count: usize| if count == 1 { "1 user".to_owned() } else { format!("{count} users") };
    let limit = format!("one run adopts at most {} (max_adoptions)", users(most));
    match (screen, document.counts.to_adopt) {
        (Screen::Rotate, 0) => None,
        (Screen::Rotate, count) => {
            let waits = if count == 1 { "waits" } else { "wait" };
            let next = "check the adopted users, then run keyrot again or raise max_adoptions";
            Some(format!("{} {waits} for adoption: {limit}; {next}", users(count)))
        }
        (_, count) if count > most => Some(format!(
            "{} to adopt: {limit}, in order of their names; later runs adopt the others",
            users(count)
        )),
        _ => None,
    }
}

/// Returns the message if no user is selected, with how to select one.
fn nobody(
    document: &RunDocument,
    settings: &Settings,
    asked: Asked<'_>,
    width: Option<usize>,
) -> String {
    let selection = settings.selection();
    let (tag, value) = (&selection.tag, &selection.tag_value);
    let passed = &document.skipped;
    let seen = passed.not_tagged
        + passed.other_value
        + passed.outside_path
        + passed.excluded
        + passed.not_named;
    let mut out = format!("No user is selected: none of {seen} users has the tag {tag}={value}");
    if selection.path_prefix != "/" {
        let _ = write!(out, " and a path under {}", selection.path_prefix);
    }
    if passed.excluded > 0 {
        let _ = write!(out, " ({} excluded)", passed.excluded);
    }
    out.push_str(". Nothing was done.\n");
    out.push_str(&asked.tagged_otherwise(settings, width));
    let command = if asked.sandbox {
        format!("keyrot{} sandbox tag NAME {tag}={value}", places())
    } else {
        format!("aws iam tag-user --user-name NAME --tags Key={tag},Value={value}")
    };
    let _ = writeln!(out, "{} to select a user: {command}", paint(style::HINT, "hint:"));
    out
}
