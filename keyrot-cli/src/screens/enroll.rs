//! The screens of `keyrot enroll` and `keyrot release`.

use crate::terminal::stdio::print;
use crate::terminal::style::{self, paint};
use crate::terminal::table::{Cell, Table};
use crate::terminal::text::hanging;
use keyrot_core::report::{Change, EnrollDocument, EnrollRow, State};
use keyrot_core::settings::Settings;
use std::fmt::Write;

pub(crate) fn screen(
    document: &EnrollDocument,
    settings: &Settings,
    width: Option<usize>,
) -> String {
    let is_already = |row: &EnrollRow| row.result == Change::Already;
    let first = |row: &EnrollRow| !is_already(row) && !is_under_way(row);
    let heading = match document.is_release() {
        true => "WHAT STAYS",
        false if document.users.iter().all(first) => "FIRST ROTATION",
        false if document.users.iter().all(is_already) => "STATE",
        false => "WHAT A RUN DOES",
    };
    let mut table = Table::new(&["USER", heading]);
    for row in &document.users {
        let color = match (row.result, row.state) {
            (Change::Already, _) => style::DIM,
            (_, Some(State::Blocked | State::Failed)) => style::BAD,
            _ => style::PLAIN,
        };
        table.row(vec![Cell::plain(row.user.as_str()), Cell::new(&*row.message, color)]);
    }
    let mut out = table.show(width);
    for row in document.users.iter().filter(|_| !document.is_release()) {
        if let Some(hint) = &row.hint {
            let lead = format!("{}: ", row.user);
            out.push_str(&hanging(&lead, style::HINT, hint, style::PLAIN, width));
        }
    }
    let begins = |row: &&EnrollRow| {
        let blocked = matches!(row.state, Some(State::Blocked | State::Failed));
        row.result == Change::Planned && !blocked && first(row)
    };
    let planned = document.users.iter().filter(begins).count();
    if planned > 0 && !document.is_release() {
        let waits = settings.policy().waits();
        let [overlap, half, recent_use, idle] =
            [waits.overlap, waits.overlap / 2, waits.recent_use, waits.idle]
                .map(keyrot_core::model::format_duration);
        let most = settings.max_adoptions().filter(|most| *most < planned);
        let most = most
            .map(|most| format!(" One run adopts at most {most} of them (max_adoptions)."))
            .unwrap_or_default();
        let text = format!(
            "The next `keyrot rotate` starts the rotation.{most} Make every consumer read the key from the secret within {half}. The old key stays Active for at least {overlap}, \
             and while it was used in the last {recent_use}. If nothing uses the new key (a weekly or monthly job), or something uses the old key after {half}, it stays \
             Active until it was unused for {idle}. Waits in a user's own tags come first: for a job that runs less often, tag its user with keyrot:idle=100d."
        );
        let _ = writeln!(out);
        out.push_str(&hanging("", style::PLAIN, &text, style::DIM, width));
    }
    if document.dry_run {
        let _ = writeln!(out, "{}", paint(style::DIM, "dry run: nothing was changed"));
    }
    out
}

/// Whether the user was rotated before, and its rotation continues.
fn is_under_way(row: &EnrollRow) -> bool {
    match row.state {
        Some(State::Settled | State::Waiting) => true,
        Some(State::Due) => row.reason != Some("adopt"),
        _ => false,
    }
}

/// One line for each user that was changed, or could not be.
pub(crate) fn results(document: &EnrollDocument) {
    let done = if document.is_release() { "released" } else { "enrolled" };
    for EnrollRow { user, result, message, .. } in &document.users {
        match result {
            Change::Done => print(&format!("{} {user}\n", paint(style::GOOD, done))),
            Change::Failed => say!("{} {user}: {message}", paint(style::BAD, "failed:")),
            Change::Already | Change::Planned | Change::Refused => {}
        }
    }
}
