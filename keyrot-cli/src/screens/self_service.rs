//! The screen of `keyrot my-key`.

use crate::terminal::style::{self, paint};
use crate::terminal::text::hanging;
use crate::terminal::time;
use keyrot_core::{KeyId, KeyStatus, LastUse, Timestamp, UserArn, UserName, Wait, Why};
use serde::Serialize;
use std::fmt::Write;

/// The result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// Nothing is due.
    Settled,
    /// A change is due, with `--dry-run`.
    Due,
    /// The file has a new key.
    Replaced,
    /// The previous key is kept for now.
    Waiting,
    /// The previous key was deactivated.
    Deactivated,
    /// The other key is Inactive, and has to be deleted.
    Inactive,
    /// The user has to act first.
    Blocked,
}

/// The document that `--json` prints.
#[derive(Serialize)]
pub(crate) struct Document {
    pub(crate) schema: &'static str,
    pub(crate) profile: String,
    pub(crate) file: String,
    pub(crate) user: UserName,
    pub(crate) arn: UserArn,
    /// The key that is in the file now.
    pub(crate) key: KeyId,
    /// The user's other key.
    pub(crate) other: Option<KeyId>,
    pub(crate) result: Outcome,
    /// What was changed.
    pub(crate) done: Vec<String>,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    /// When to check again.
    pub(crate) until: Option<Timestamp>,
    pub(crate) now: Timestamp,
}

pub(crate) fn screen(document: &Document, now: Timestamp, width: Option<usize>) -> String {
    let mut out = String::new();
    let title = format!("{} · profile {}", document.user, document.profile);
    let _ = writeln!(
        out,
        "{} {}",
        paint(style::HEAD, title),
        paint(style::DIM, format!("in {}", document.file))
    );
    for done in &document.done {
        out.push_str(&hanging("  ✓ ", style::GOOD, done, style::PLAIN, width));
    }
    let color = match document.result {
        Outcome::Settled | Outcome::Replaced | Outcome::Deactivated => style::GOOD,
        Outcome::Due => style::BUSY,
        Outcome::Waiting | Outcome::Inactive => style::WARN,
        Outcome::Blocked => style::BAD,
    };
    out.push_str(&hanging("  ", style::PLAIN, &document.message, color, width));
    if let Some(until) = document.until.filter(|_| document.result == Outcome::Waiting) {
        let _ = writeln!(
            out,
            "  {}",
            paint(style::DIM, format!("check again {}", time::both(until, now)))
        );
    }
    if let Some(hint) = &document.hint {
        out.push_str(&hanging("  hint: ", style::HINT, hint, style::PLAIN, width));
    }
    out
}

/// Returns why the previous key is kept.
pub(crate) fn waiting(wait: &Wait) -> String {
    match (&wait.why, wait.until) {
        (Why::Overlap(key), Some(until)) => {
            format!(
                "the previous key {key} stays Active until {} while its users move to the new key",
                time::absolute(until)
            )
        }
        (Why::InUse { key, last_use: LastUse::At { when, service, region } }, _) => {
            format!(
                "the previous key {key} is still in use: for {service} in {region}, {}",
                time::absolute(*when)
            )
        }
        (
            Why::UsedLate { key, last_use: LastUse::At { when, service, region }, .. },
            Some(until),
        ) => format!(
            "the previous key {key} was used for {service} in {region} {}, long after it was replaced. It stays Active until {}",
            time::absolute(*when),
            time::absolute(until)
        ),
        (why, _) => format!("the previous key is kept: {why}"),
    }
}

/// Returns `Active`, `Inactive`, or IAM's own word.
pub(crate) fn status(status: &KeyStatus) -> &str {
    match status {
        KeyStatus::Active => "Active",
        KeyStatus::Inactive => "Inactive",
        KeyStatus::Other(other) => other,
    }
}
