//! The screen of `keyrot move`.

use crate::cli::given::as_given;
use crate::exit::Exit;
use crate::terminal::style::{self, paint};
use crate::terminal::text::hanging;
use keyrot_core::report::{Change, MoveDocument, MoveRow, command_line};
use keyrot_core::settings::Settings;
use std::fmt::Write;

/// Returns the exit code: whether a user cannot be moved, or could not be moved.
pub(crate) fn exit(document: &MoveDocument) -> Exit {
    if document.has(Change::Failed) {
        Exit::Failed
    } else if document.has(Change::Refused) {
        Exit::Blocked
    } else {
        Exit::Success
    }
}

/// Returns the notifiers that failed.
pub(crate) fn untold(document: &MoveDocument) -> impl Iterator<Item = String> {
    let failures = document.users.iter().flat_map(|row| &row.notifier_failures);
    failures.map(|failure| format!("notifier {} failed: {}", failure.notifier, failure.reason))
}

/// Returns the result for each user.
pub(crate) fn results(document: &MoveDocument) -> impl Iterator<Item = String> {
    document.users.iter().filter_map(|row| {
        let (word, below) = match row.result {
            Change::Done => (paint(style::GOOD, "moved"), row.to_do_by_hand()),
            Change::Failed | Change::Refused => (paint(style::BAD, "failed:"), row.hint()),
            Change::Already | Change::Planned => return None,
        };
        let below = below.map(|text| format!("  {}\n", as_given(&text))).unwrap_or_default();
        Some(format!("{word} {}: {}\n{below}", row.user, row.message))
    })
}

pub(crate) fn screen(document: &MoveDocument, settings: &Settings, width: Option<usize>) -> String {
    let mut out = String::new();
    for row in &document.users {
        let color = match row.result {
            Change::Already => style::DIM,
            Change::Refused | Change::Failed => style::BAD,
            _ => style::PLAIN,
        };
        let lead = format!("{}: ", row.user);
        out.push_str(&hanging(&lead, style::HEAD, &row.message, color, width));
        let to = row.to.arn.place().to_string();
        let from = row.from.as_ref().map(|home| home.arn.place().to_string());
        if from.as_ref() != Some(&to) {
            let from = from.unwrap_or_else(|| "unknown".to_owned());
            out.push_str(&hanging("  from ", style::DIM, &from, style::PLAIN, width));
        }
        out.push_str(&hanging("  to   ", style::DIM, &to, style::PLAIN, width));
    }
    for row in &document.users {
        if let Some(hint) = row.hint() {
            let lead = format!("hint for {}: ", row.user);
            out.push_str(&hanging(&lead, style::HINT, &hint, style::PLAIN, width));
        }
    }
    if !document.has(Change::Refused)
        && document.users.iter().all(|row| row.result == Change::Already)
    {
        let text = "--region and --secret-name set where to move to";
        out.push_str(&hanging("", style::PLAIN, text, style::DIM, width));
    }
    let planned =
        document.users.iter().any(|row| row.result == Change::Planned && row.left().is_some());
    if planned && exit(document) == Exit::Success {
        let waits = settings.policy().waits();
        let [overlap, recent_use] =
            [waits.overlap, waits.recent_use].map(keyrot_core::model::format_duration);
        let names: Vec<&str> = document
            .users
            .iter()
            .filter(|row| row.result == Change::Planned)
            .map(|row| row.user.as_str())
            .collect();
        // For all users, the run would show those of the old home as blocked.
        let rotate = match names.len() {
            1..=5 => command_line("keyrot rotate", &names, ""),
            _ => "keyrot rotate".to_owned(),
        };
        let text = format!(
            "The move changes no key. After it, runs at the old home change nothing for these users, and show them as blocked. The next `{rotate}` with these settings creates the new secret and publishes a new key there. \
             The key in the old secret then stays Active for at least {overlap}, and while it was used in the last {recent_use}. Nothing updates the old secret anymore: \
             make its consumers read the new one. Do not run keyrot for these users at the old home during the move."
        );
        let _ = writeln!(out);
        out.push_str(&hanging("", style::PLAIN, &text, style::DIM, width));
        for text in document.users.iter().filter_map(MoveRow::to_do_by_hand) {
            out.push_str(&hanging("", style::PLAIN, &text, style::DIM, width));
        }
    }
    if document.dry_run {
        let _ = writeln!(out, "{}", paint(style::DIM, "dry run: nothing was changed"));
    }
    out
}
