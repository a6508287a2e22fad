//! The screens of `keyrot enroll` and `keyrot release`.

use crate::terminal::style::{self, paint};
use crate::terminal::table::{Cell, Table};
use crate::terminal::text::hanging;
use keyrot_core::report::{State, UserDocument};
use keyrot_core::settings::Settings;
use keyrot_core::{SecretName, UserName};
use serde::Serialize;
use std::fmt::Write;

/// What became of one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Change {
    /// There was nothing to do.
    Already,
    /// It would be done, or was about to be.
    Planned,
    /// It was done.
    Done,
    /// It was not done: a rotation would be blocked.
    Refused,
    /// It could not be done.
    Failed,
}

/// The document behind the screen.
#[derive(Serialize)]
pub(crate) struct Document {
    pub(crate) schema: &'static str,
    pub(crate) dry_run: bool,
    pub(crate) tag: String,
    pub(crate) tag_value: String,
    pub(crate) users: Vec<Row>,
}

/// One user.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) user: UserName,
    pub(crate) result: Change,
    /// As `keyrot plan` would show it.
    pub(crate) state: Option<State>,
    pub(crate) reason: Option<&'static str>,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) secret: Option<SecretName>,
}

impl Row {
    pub(crate) fn new(user: &UserName, result: Change, message: &str) -> Self {
        let message = message.to_owned();
        Self { user: user.clone(), result, state: None, reason: None, message, hint: None, secret: None }
    }

    pub(crate) fn of(user: &UserDocument, result: Change, message: String) -> Self {
        Self {
            user: user.user.clone(),
            result,
            state: Some(user.state),
            reason: Some(user.reason),
            message,
            hint: user.hint(),
            secret: Some(user.secret.clone()),
        }
    }
}

impl Document {
    pub(crate) fn new(schema: &'static str, (tag, value): (&String, &String), dry_run: bool, users: Vec<Row>) -> Self {
        Self { schema, dry_run, tag: tag.clone(), tag_value: value.clone(), users }
    }

    /// How many users are to be enrolled.
    fn planned(&self) -> usize {
        self.users.iter().filter(|row| matches!(row.result, Change::Planned | Change::Done)).count()
    }

    fn is_release(&self) -> bool {
        self.schema == "keyrot.release/1"
    }

    /// In a word, once it is done.
    pub(crate) fn done(&self) -> &'static str {
        if self.is_release() { "released" } else { "enrolled" }
    }
}

pub(crate) fn screen(document: &Document, settings: &Settings, sandbox: bool, width: Option<usize>) -> String {
    let heading = if document.is_release() { "WHAT STAYS" } else { "FIRST ROTATION" };
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
    let planned = document.users.iter().any(|row| row.result == Change::Planned);
    if planned && !document.is_release() {
        let command = if sandbox { "keyrot --sandbox rotate" } else { "keyrot rotate" };
        let waits = settings.policy().waits();
        let [overlap, half, quiet, idle] =
            [waits.overlap, waits.overlap / 2, waits.quiet, waits.idle].map(keyrot_core::model::format_duration);
        let most = settings.max_adoptions().filter(|most| *most < document.planned());
        let most =
            most.map(|most| format!(" One run adopts at most {most} of them (max_adoptions).")).unwrap_or_default();
        let text = format!(
            "The next `{command}` starts the rotation.{most} Make every consumer read the key from the secret within {half}. The old key stays Active for at least {overlap}, \
             and while it was used in the last {quiet}. If nothing uses the new key (a weekly or monthly job), or something uses the old key after {half}, it stays \
             Active until it was unused for {idle}. For a job that runs less often, tag the user, for example keyrot:idle=100d."
        );
        let _ = writeln!(out);
        out.push_str(&hanging("", style::PLAIN, &text, style::DIM, width));
    }
    if document.dry_run {
        let _ = writeln!(out, "{}", paint(style::DIM, "dry run: nothing was changed"));
    }
    out
}
