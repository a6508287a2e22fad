//! The screen of `keyrot move`.

use crate::exit::Exit;
use crate::terminal::style::{self, paint};
use crate::terminal::table::{Cell, Table};
use crate::terminal::text::hanging;
use keyrot_core::engine::NotifierFailure;
use keyrot_core::model::{HomeTag, SecretArn};
use keyrot_core::report::{Change, flag};
use keyrot_core::settings::Settings;
use keyrot_core::{Outcome, SecretName, UserName};
use serde::Serialize;
use std::fmt::Write;

/// The document behind the screen.
#[derive(Serialize)]
pub(crate) struct Document {
    pub(crate) schema: &'static str,
    pub(crate) dry_run: bool,
    pub(crate) users: Vec<Row>,
}

/// One user.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) user: UserName,
    pub(crate) result: Change,
    /// The home as it was, if the user's tag names one.
    from: Option<Home>,
    to: Home,
    /// Why it is not moved, such as `not_at_rest`.
    reason: Option<&'static str>,
    message: String,
    hint: Option<String>,
    /// What is left to be done by hand.
    afterwards: Option<String>,
    /// What could not be told to notifiers.
    notifier_failures: Vec<NotifierFailure>,
}

/// A secret, or the place for one.
#[derive(Serialize)]
struct Home {
    arn: SecretArn,
    account: String,
    region: String,
    secret: SecretName,
}

impl Home {
    fn of(arn: &SecretArn) -> Self {
        let place = arn.place();
        let (account, region, secret) =
            (place.account.clone(), place.region.clone(), place.name.clone());
        Self { arn: arn.clone(), account, region, secret }
    }
}

impl Row {
    pub(crate) fn new(
        user: &UserName,
        (from, to): (&HomeTag, &SecretArn),
        result: Change,
        outcome: Option<(&str, &Outcome)>,
    ) -> Self {
        let from = match from {
            HomeTag::At(home) => Some(home),
            HomeTag::Absent | HomeTag::Unreadable(_) => None,
        };
        let stays = from.is_some_and(|from| from.place() == to.place());
        let message = match (outcome, result) {
            (Some(("", outcome)), _) => said(outcome),
            (Some((place, outcome)), _) => format!("{place}: {}", said(outcome)),
            (None, Change::Already) => "its home is already there".to_owned(),
            (None, Change::Planned) if stays => {
                "its home stays: cancels a move that was started".to_owned()
            }
            (None, Change::Planned) => "can be moved".to_owned(),
            (None, _) if stays => format!("its home stays {}", to.place()),
            (None, _) => format!("its home is {}", to.place()),
        };
        let hint = match outcome.map(|(_, outcome)| outcome) {
            Some(Outcome::Blocked(why)) => Some(why.hint(user)),
            Some(Outcome::Refused(why)) => why.hint(user),
            Some(_) => Some("run the same command again; it resumes".to_owned()),
            None => None,
        };
        let reason = outcome.map(|(_, outcome)| outcome.reason());
        let (user, from, to) = (user.clone(), from.map(Home::of), Home::of(to));
        let (afterwards, notifier_failures) = (None, Vec::new());
        let mut row =
            Self { user, result, from, to, reason, message, hint, afterwards, notifier_failures };
        row.afterwards =
            matches!(result, Change::Planned | Change::Done).then(|| row.by_hand()).flatten();
        row
    }

    /// The row with another hint.
    pub(crate) fn with_hint(mut self, hint: String) -> Self {
        self.hint = Some(hint);
        self
    }

    /// The same, with what could not be told to notifiers.
    pub(crate) fn with_failures(self, notifier_failures: Vec<NotifierFailure>) -> Self {
        Self { notifier_failures, ..self }
    }

    /// The secret that is left behind.
    fn left(&self) -> Option<&SecretArn> {
        self.from.as_ref().map(|home| &home.arn).filter(|arn| arn.place() != self.to.arn.place())
    }

    fn by_hand(&self) -> Option<String> {
        let left = self.left().filter(|arn| arn.suffix().is_some())?;
        let place = left.place();
        Some(format!(
            "keyrot does not delete the old secret. When `keyrot status {}` with these settings shows settled: aws secretsmanager delete-secret --region {} --secret-id {left}",
            flag("--user", &self.user),
            place.region
        ))
    }
}

fn said(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Blocked(why) => why.to_string(),
        Outcome::Refused(why) => why.to_string(),
        Outcome::Failed(failure) => failure.to_string(),
        Outcome::Stopped(stop) => stop.to_string(),
        other => format!("it ended as {:?}", other.state()),
    }
}

impl Document {
    /// The exit code, if some cannot be, or could not be, moved.
    pub(crate) fn refused(&self) -> Option<Exit> {
        let some = |result| self.users.iter().any(|row| row.result == result);
        match (some(Change::Failed), some(Change::Refused)) {
            (true, _) => Some(Exit::Failed),
            (false, true) => Some(Exit::Blocked),
            (false, false) => None,
        }
    }

    /// Who can be moved.
    pub(crate) fn planned(&self) -> Vec<UserName> {
        let planned = self.users.iter().filter(|row| row.result == Change::Planned);
        planned.map(|row| row.user.clone()).collect()
    }

    /// Who was not notified.
    pub(crate) fn untold(&self) -> impl Iterator<Item = String> {
        let failures = self.users.iter().flat_map(|row| &row.notifier_failures);
        failures.map(|failure| format!("notifier {} failed: {}", failure.notifier, failure.reason))
    }

    /// What became of each.
    pub(crate) fn results(&self) -> impl Iterator<Item = String> {
        self.users.iter().filter_map(|row| match row.result {
            Change::Done => {
                let line =
                    format!("{} {}: {}\n", paint(style::GOOD, "moved"), row.user, row.message);
                Some(
                    line + &row
                        .afterwards
                        .as_ref()
                        .map(|text| format!("  {text}\n"))
                        .unwrap_or_default(),
                )
            }
            Change::Failed | Change::Refused => {
                let hint = row.hint.as_ref().map(|hint| format!("  {hint}\n")).unwrap_or_default();
                Some(format!(
                    "{} {}: {}\n{hint}",
                    paint(style::BAD, "failed:"),
                    row.user,
                    row.message
                ))
            }
            Change::Already | Change::Planned => None,
        })
    }
}

pub(crate) fn screen(
    document: &Document,
    settings: &Settings,
    sandbox: bool,
    width: Option<usize>,
) -> String {
    let mut table = Table::new(&["USER", "FROM", "TO", "RESULT"]);
    for row in &document.users {
        let color = match row.result {
            Change::Already => style::DIM,
            Change::Refused | Change::Failed => style::BAD,
            _ => style::PLAIN,
        };
        let from = row
            .from
            .as_ref()
            .map_or_else(|| "unknown".to_owned(), |home| home.arn.place().to_string());
        table.row(vec![
            Cell::plain(row.user.as_str()),
            Cell::plain(from),
            Cell::plain(row.to.arn.place().to_string()),
            Cell::new(&*row.message, color),
        ]);
    }
    let mut out = table.show(width);
    for row in &document.users {
        if let Some(hint) = &row.hint {
            let lead = format!("{}: ", row.user);
            out.push_str(&hanging(&lead, style::HINT, hint, style::PLAIN, width));
        }
    }
    let planned =
        document.users.iter().any(|row| row.result == Change::Planned && row.left().is_some());
    if planned && document.refused().is_none() {
        let command = if sandbox { "keyrot --sandbox rotate" } else { "keyrot rotate" };
        let waits = settings.policy().waits();
        let [overlap, recent_use] =
            [waits.overlap, waits.recent_use].map(keyrot_core::model::format_duration);
        let text = format!(
            "The move changes no key. After it, runs at the old home skip these users. The next `{command}` with these settings creates the new secret and publishes a new key there. \
             The key in the old secret then stays Active for at least {overlap}, and while it was used in the last {recent_use}. Nothing updates the old secret any more: \
             make its consumers read the new one. Do not run keyrot for these users at the old home during the move."
        );
        let _ = writeln!(out);
        out.push_str(&hanging("", style::PLAIN, &text, style::DIM, width));
        for text in document.users.iter().filter_map(|row| row.afterwards.as_ref()) {
            out.push_str(&hanging("", style::PLAIN, text, style::DIM, width));
        }
    }
    if document.dry_run {
        let _ = writeln!(out, "{}", paint(style::DIM, "dry run: nothing was changed"));
    }
    out
}
