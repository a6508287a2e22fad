//! Facts about each setting, apart from its value.

use super::value::{Kind, Raw, Wrong};
use super::values::Values;
use crate::model::arn::Arn;

/// The settings that [need a chosen file](SettingInfo::needs_chosen_file), whatever their values
/// are.
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
    /// The kind of its value.
    pub kind: Kind,
    /// Its default, as it would be written; `None` if nothing is set by default.
    pub default: Option<&'static str>,
    /// Its description, in one line.
    pub help: &'static str,
    pub(super) set: Set,
}

/// Parses the value of a setting.
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

    /// Returns the environment variable, such as `KEYROT_MAX_AGE`.
    #[must_use]
    pub fn env(&self) -> String {
        format!("KEYROT_{}", self.name.to_uppercase())
    }

    /// Returns the flag, such as `--max-age`.
    #[must_use]
    pub fn flag(&self) -> String {
        format!("--{}", self.name.replace('_', "-"))
    }

    /// Whether the setting has a flag.
    #[must_use]
    pub fn has_flag(&self) -> bool {
        self.kind != Kind::Tables
    }

    /// Whether this value is accepted only from a file that the operator chose, a variable or a
    /// flag. `text` is the value, if it is text.
    ///
    /// A file that was only found in some directory may belong to another person. With these
    /// settings, that person could choose which endpoints keyrot calls and with which identity,
    /// where keys go, and which KMS key encrypts them, or could switch off a safety rule.
    #[must_use]
    pub fn needs_chosen_file(&self, text: Option<&str>) -> bool {
        // An ARN can name a KMS key in any account; an id or an alias names one in keyrot's own
        // account.
        NEED_CHOSEN_FILE.contains(&self.name)
            || (self.name == "kms_key" && text.is_some_and(Arn::is_meant))
    }

    /// Whether a message may repeat an invalid value. The value of a notifier may be a secret URL.
    pub(super) fn may_be_shown(&self) -> bool {
        !["notify", "destination"].contains(&self.name)
    }
}
