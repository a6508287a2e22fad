//! The kinds of findings, and their severities.

use serde::Serialize;
use std::fmt;

/// The kinds of findings, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// The root user has an access key.
    RootKey,
    /// AWS attached a quarantine policy: a key of the user was found in public.
    Quarantined,
    /// An Active key is older than the user's limit, or than a control allows.
    OldKey,
    /// An Active key was not used for 45 days.
    UnusedKey,
    /// A user with a password for the console has no MFA device.
    ConsoleWithoutMfa,
    /// A user is tagged for rotation, but keyrot cannot rotate it.
    Blocked,
    /// A user has two Active keys.
    TwoActiveKeys,
}

/// The severity of a finding, in the words of AWS's Security Finding Format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingSeverity {
    /// Worth knowing.
    Low,
    /// Fix it eventually.
    Medium,
    /// Fix it soon.
    High,
    /// Fix it now.
    Critical,
}

impl FindingKind {
    /// All kinds, the worst first.
    pub const ALL: [Self; 7] = [
        Self::RootKey,
        Self::Quarantined,
        Self::OldKey,
        Self::UnusedKey,
        Self::ConsoleWithoutMfa,
        Self::Blocked,
        Self::TwoActiveKeys,
    ];

    /// Returns its code, the same as in the document.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::RootKey => "root_key",
            Self::Quarantined => "quarantined",
            Self::OldKey => "old_key",
            Self::UnusedKey => "unused_key",
            Self::ConsoleWithoutMfa => "console_without_mfa",
            Self::Blocked => "blocked",
            Self::TwoActiveKeys => "two_active_keys",
        }
    }

    /// Returns a few words for a table.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::RootKey => "root user's key",
            Self::Quarantined => "quarantined by AWS",
            Self::OldKey => "too old",
            Self::UnusedKey => "unused",
            Self::ConsoleWithoutMfa => "console without MFA",
            Self::Blocked => "rotation blocked",
            Self::TwoActiveKeys => "two Active keys",
        }
    }

    /// Returns a sentence that says what was found.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::RootKey => "The root user has an access key.",
            Self::Quarantined => "AWS found a key of the user in public.",
            Self::OldKey => "An Active key is older than its limit.",
            Self::UnusedKey => "An Active key was not used for 45 days.",
            Self::ConsoleWithoutMfa => "A user with a password for the console has no MFA device.",
            Self::Blocked => "A user is tagged for rotation, and keyrot can't rotate it.",
            Self::TwoActiveKeys => "A user has two Active keys.",
        }
    }
}

impl FindingSeverity {
    /// All severities, the least first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// Returns it in one word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl fmt::Display for FindingSeverity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
