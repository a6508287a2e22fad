//! What is known of one setting, whatever its value.

use super::value::{Kind, Raw, Wrong};
use super::values::Values;
use crate::model::arn::Arn;

/// The settings that [need a chosen file](SettingInfo::needs_chosen_file), whatever their value.
const NEED_CHOSEN_FILE: [&str; 8] = [
    "allow_http_endpoints",
    "allow_short_waits",
    "destination",
    "endpoint_url",
    "notify",
    "profile",
    "secret_tag",
    "smtp_endpoint",
];

/// One setting.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct SettingInfo {
    /// Its name, as in the file.
    pub name: &'static str,
    /// What kind of value it takes.
    pub kind: Kind,
    /// Its default as one would write it; `None` where nothing is set by default.
    pub default: Option<&'static str>,
    /// What it is, in one line.
    pub help: &'static str,
    pub(super) set: Set,
}

/// Reads the value of a setting.
pub(super) type Set = fn(&mut Values, &Raw) -> Result<(), Wrong>;

impl SettingInfo {
    pub(super) const fn new(
        name: &'static str,
        kind: Kind,
        default: Option<&'static str>,
        help: &'static str,
        set: Set,
    ) -> Self {
        Self { name, kind, default, help, set }
    }

    /// The environment variable, such as `KEYROT_MAX_AGE`.
    #[must_use]
    pub fn env(&self) -> String {
        format!("KEYROT_{}", self.name.to_uppercase())
    }

    /// The flag, such as `--max-age`.
    #[must_use]
    pub fn flag(&self) -> String {
        format!("--{}", self.name.replace('_', "-"))
    }

    /// Whether there is a flag for it.
    #[must_use]
    pub fn has_flag(&self) -> bool {
        self.kind != Kind::Tables
    }

    /// Whether this value is taken only from a file that the operator chose, a variable or a flag;
    /// `text` is the value, if it is text.
    ///
    /// A file that is only found in some directory may be another person's. With these settings
    /// they would choose which endpoints keyrot calls, as which identity, where keys go, and whose
    /// key encrypts what it stores, or switch off a safety rule.
    #[must_use]
    pub fn needs_chosen_file(&self, text: Option<&str>) -> bool {
        // An ARN can name the KMS key of any account; an id or an alias is one of the account at
        // hand.
        NEED_CHOSEN_FILE.contains(&self.name)
            || (self.name == "kms_key" && text.is_some_and(Arn::is_meant))
    }

    /// Whether a message may repeat a value that could not be read. The value of a notifier may be
    /// a secret URL.
    pub(super) fn may_be_shown(&self) -> bool {
        !["notify", "destination"].contains(&self.name)
    }
}
