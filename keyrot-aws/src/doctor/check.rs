//! One finding, and the list of them.

use serde::Serialize;

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// The check passed.
    Ok,
    /// The check could not be made.
    NotChecked,
    /// keyrot works, but this should be checked.
    Warning,
    /// keyrot cannot do its work, or not all of it.
    Failure,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Check {
    /// Its subject, in one word: `deadline`, `credentials`, `region`, `clock`, `permissions`,
    /// `users`, `keys`, `secrets`, `destinations`, `current`, `rights`, `kms`, `last_run`, `trail`,
    /// `notifiers`, `settings`.
    pub about: &'static str,
    /// Its result.
    pub health: Health,
    /// What was found.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// All findings, and their account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// The findings, in the order in which they were made.
    pub checks: Vec<Check>,
    /// The account's twelve digits, if the credentials work.
    pub account: Option<String>,
}

impl Check {
    /// Returns a passed check.
    #[must_use]
    pub fn ok(about: &'static str, message: impl Into<String>) -> Self {
        Self { about, health: Health::Ok, message: message.into(), hint: None }
    }

    /// Returns a check that could not be made.
    #[must_use]
    pub fn not_checked(about: &'static str, message: impl Into<String>) -> Self {
        Self { health: Health::NotChecked, ..Self::ok(about, message) }
    }

    /// Returns a warning: keyrot works, but this needs attention.
    #[must_use]
    pub fn warning(about: &'static str, message: impl Into<String>) -> Self {
        Self { health: Health::Warning, ..Self::ok(about, message) }
    }

    /// Returns a failed check: keyrot cannot do its work.
    #[must_use]
    pub fn failure(about: &'static str, message: impl Into<String>) -> Self {
        Self { health: Health::Failure, ..Self::ok(about, message) }
    }

    /// Returns what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Whether doctor verifies the current keys in the secrets. IAM records that as a use of each key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Verify {
    /// No: each key is only compared with its version id and with IAM's list of keys.
    #[default]
    No,
    /// Yes, except for users that have another Active key.
    Yes,
}

/// Whether doctor sends each notifier a message that says it is a test.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TestMessage {
    /// doctor sends nothing.
    #[default]
    None,
    /// doctor sends a test message to each notifier.
    Send,
}

/// Collects findings, and reports each as it is made.
pub(crate) struct Notes<'a> {
    pub(super) checks: Vec<Check>,
    pub(super) tell: &'a (dyn Fn(&Check) + Sync),
}

impl Notes<'_> {
    pub(super) fn add(&mut self, check: Check) {
        (self.tell)(&check);
        self.checks.push(check);
    }
}
