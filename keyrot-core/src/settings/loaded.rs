//! Settings that were validated together, each with its source.

use crate::model::waits::{WaitPolicy, WaitPolicyError};
use crate::selection::pattern::SecretPattern;
use crate::selection::template::SecretTemplate;
use crate::selection::users::Selection;
use crate::settings::destination::spec::DestinationSpec;
use crate::settings::error::{Origin, Problem, SettingsError, SettingsErrors};
use crate::settings::notify::NotifySpec;
use crate::settings::notify_target::SecretPlace;
use crate::settings::smtp::{SmtpEndpoint, SmtpLogin};
use crate::settings::source::{Given, Read, Sources};
use crate::settings::table::{SETTINGS, WAITS};
use crate::settings::values::Values;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Settings that were validated together.
#[derive(Debug, Clone)]
pub struct Settings {
    pub(super) values: Values,
    policy: WaitPolicy,
    explained: Vec<Explained>,
    files: Vec<String>,
    unknown_variables: Vec<String>,
}

/// A setting's value and its source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Explained {
    /// The setting's name.
    pub name: &'static str,
    /// The value as it would be written in the environment, durations and numbers in their normal
    /// form (`7d` for `168h`); `None` if it is not set.
    pub value: Option<String>,
    /// The value's source.
    pub origin: Origin,
}

impl Settings {
    /// Combines the sources.
    ///
    /// # Errors
    /// [`SettingsErrors`]: all errors in all sources, even for values that a later source
    /// overrides.
    pub fn load(sources: &Sources<'_>) -> Result<Self, SettingsErrors> {
        let Read { given, mut errors, unknown_variables } = sources.read();
        let mut values = Values::default();
        let mut explained = Vec::with_capacity(SETTINGS.len());
        let mut bad = BTreeSet::new();
        for info in SETTINGS {
            let mut latest = Explained { name: info.name, value: None, origin: Origin::Default };
            let default = info.default.map(|text| info.kind.parse(text));
            let default = default.map(|raw| Given { info, raw, origin: Origin::Default });
            for Given { raw, origin, .. } in
                default.iter().chain(given.iter().filter(|g| g.info.name == info.name))
            {
                let set = raw.as_ref().map_err(|expected| expected.clone()).and_then(|raw| {
                    (info.set)(&mut values, raw)?;
                    Ok(info.kind.normal(raw))
                });
                match set {
                    Ok(value) => {
                        latest.value = Some(value).filter(|v| !v.is_empty());
                        latest.origin = origin.clone();
                    }
                    Err((value, expected)) => {
                        bad.insert(info.name);
                        let problem = Problem::Value { value, expected };
                        errors.push(SettingsError::new(info.name, origin.clone(), problem));
                    }
                }
            }
            explained.push(latest);
        }

        if values.field_access_key_id == values.field_secret_access_key
            && !bad.contains("field_secret_access_key")
        {
            errors.push(same_fields(&values, &explained));
        }
        let policy = WaitPolicy::new(values.waits, values.allow_short_waits);
        match policy {
            Ok(policy) if errors.is_empty() => Ok(Self {
                values,
                policy,
                explained,
                files: sources.file_names(),
                unknown_variables,
            }),
            // If a wait is invalid, checking the others would use a combination that nobody set.
            Err(error) if WAITS.iter().all(|name| !bad.contains(name)) => {
                errors.push(unusable_waits(&error, &explained));
                Err(SettingsErrors::new(errors))
            }
            _ => Err(SettingsErrors::new(errors)),
        }
    }

    /// Returns every setting with its value and source, in the order of [`SETTINGS`].
    #[must_use]
    pub fn explain(&self) -> &[Explained] {
        &self.explained
    }

    /// Returns the names of the settings files, in the order in which they were read; later files
    /// win.
    #[must_use]
    pub fn files(&self) -> &[String] {
        &self.files
    }

    /// Returns the variables that begin with `KEYROT_` and are not known. They have no effect. A
    /// name close to a known one is an error instead.
    #[must_use]
    pub fn unknown_variables(&self) -> &[String] {
        &self.unknown_variables
    }

    /// Returns which users are rotated. `only` is empty, because it is a command's argument, not a
    /// setting.
    #[must_use]
    pub fn selection(&self) -> &Selection {
        &self.values.selection
    }

    /// Returns the template for the names of users' secrets.
    #[must_use]
    pub fn template(&self) -> &SecretTemplate {
        &self.values.template
    }

    /// Returns the waits, which were validated.
    #[must_use]
    pub fn policy(&self) -> &WaitPolicy {
        &self.policy
    }

    /// Whether short waits that are only suitable for tests are allowed.
    #[must_use]
    pub fn allow_short_waits(&self) -> bool {
        self.values.allow_short_waits
    }

    /// Returns the KMS key for new secrets: an id, an alias or an ARN. `None` means the account's
    /// `aws/secretsmanager`.
    #[must_use]
    pub fn kms_key(&self) -> Option<&str> {
        self.values.kms_key.as_deref()
    }

    /// Returns the description of new secrets.
    #[must_use]
    pub fn secret_description(&self) -> Option<&str> {
        self.values.secret_description.as_deref()
    }

    /// Returns the tags of new secrets.
    #[must_use]
    pub fn secret_tags(&self) -> &BTreeMap<String, String> {
        &self.values.secret_tags
    }

    /// Returns the JSON field of the secret that holds the access key's id.
    #[must_use]
    pub fn field_access_key_id(&self) -> &str {
        &self.values.field_access_key_id
    }

    /// Returns the JSON field of the secret that holds the access key's secret half.
    #[must_use]
    pub fn field_secret_access_key(&self) -> &str {
        &self.values.field_secret_access_key
    }

    /// Returns the environment variables in which the secrets of destinations and of notifications
    /// are kept. Other programs should not get them.
    #[must_use]
    pub fn secret_variables(&self) -> Vec<String> {
        let notify = self.notify().iter().flat_map(|spec| spec.target().sources());
        let tokens = self.destinations().iter().flat_map(|spec| spec.sources());
        notify
            .chain(tokens)
            .filter(|source| source.place() == SecretPlace::Environment)
            .map(|source| source.id().to_owned())
            .collect()
    }

    /// Returns the regions whose SES SMTP passwords are included in users' secrets.
    #[must_use]
    pub fn smtp_regions(&self) -> &[String] {
        &self.values.smtp_regions
    }

    /// Returns where SMTP passwords are verified by a login; `None` if they are not verified.
    #[must_use]
    pub fn smtp_endpoint(&self) -> Option<SmtpEndpoint> {
        match &self.values.smtp_login {
            SmtpLogin::Ses if self.fips() == Some(true) => Some(SmtpEndpoint::fips()),
            SmtpLogin::Ses => Some(SmtpEndpoint::default()),
            SmtpLogin::At(endpoint) => Some(endpoint.clone()),
            SmtpLogin::Off => None,
        }
    }

    /// Returns how many users are worked on concurrently; at least 1.
    #[must_use]
    pub fn concurrency(&self) -> usize {
        self.values.concurrency
    }

    /// Returns how many users one run may change, at least 1; `None` means no limit.
    #[must_use]
    pub fn max_changes(&self) -> Option<usize> {
        self.values.max_changes
    }

    /// Returns how many users one run may adopt; `None` means no limit.
    #[must_use]
    pub fn max_adoptions(&self) -> Option<usize> {
        self.values.max_adoptions
    }

    /// Returns how long a run starts new steps.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.values.deadline
    }

    /// Returns the AWS region; `None` leaves it to the SDK.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.values.region.as_deref()
    }

    /// Returns the account of these settings, if set: users of another account are not changed.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        self.values.account.as_deref()
    }

    /// Returns the other regions in which keyrot looks for a user's home before it creates one.
    #[must_use]
    pub fn home_regions(&self) -> &[String] {
        &self.values.home_regions
    }

    /// Returns the names of secrets that a user's tag `keyrot:secret` may choose; `None` allows
    /// none.
    #[must_use]
    pub fn secret_tag(&self) -> Option<&SecretPattern> {
        self.values.secret_tag.as_ref()
    }

    /// Returns the AWS profile; `None` leaves it to the SDK.
    #[must_use]
    pub fn profile(&self) -> Option<&str> {
        self.values.profile.as_deref()
    }

    /// Returns the one endpoint for every AWS service; `None` leaves it to the SDK.
    #[must_use]
    pub fn endpoint_url(&self) -> Option<&str> {
        self.values.endpoint_url.as_deref()
    }

    /// Returns the hosts that may be called over `http://`, each as `HOST:PORT`.
    #[must_use]
    pub fn allow_http_endpoints(&self) -> &[String] {
        &self.values.allow_http_endpoints
    }

    /// Whether to use FIPS endpoints; `None` leaves it to the SDK.
    #[must_use]
    pub fn fips(&self) -> Option<bool> {
        self.values.fips
    }

    /// Whether to use dual-stack endpoints; `None` leaves it to the SDK.
    #[must_use]
    pub fn dual_stack(&self) -> Option<bool> {
        self.values.dual_stack
    }

    /// Whether a run asks CloudTrail who uses the old keys that are held because they are in use.
    #[must_use]
    pub fn trail(&self) -> bool {
        self.values.trail
    }

    /// Returns where notifications go; nowhere by default. Each entry has a different name.
    #[must_use]
    pub fn notify(&self) -> &[NotifySpec] {
        &self.values.notify
    }

    /// Returns where copies of users' keys go, in addition to their secrets; nowhere by default.
    /// Each destination has a different name.
    #[must_use]
    pub fn destinations(&self) -> &[DestinationSpec] {
        &self.values.destinations
    }
}

fn same_fields(values: &Values, explained: &[Explained]) -> SettingsError {
    let rule = format!(
        "{:?} is the field of the access key id too ({}); expected another field",
        values.field_secret_access_key,
        origin("field_access_key_id", explained)
    );
    conflict("field_secret_access_key", rule, explained)
}

/// Returns the error, with the sources of the other waits, because one of them may be the wrong
/// one.
fn unusable_waits(error: &WaitPolicyError, explained: &[Explained]) -> SettingsError {
    let others: Vec<_> = WAITS
        .iter()
        .filter(|name| **name != error.name)
        .map(|name| (*name, origin(name, explained)))
        .filter(|(_, at)| *at != Origin::Default)
        .map(|(name, at)| format!("{name} is from {at}"))
        .collect();
    let also = if others.is_empty() { String::new() } else { format!(" ({})", others.join(", ")) };
    conflict(error.name, format!("{error}{also}"), explained)
}

fn conflict(name: &'static str, rule: String, explained: &[Explained]) -> SettingsError {
    SettingsError::new(name, origin(name, explained), Problem::Conflict { rule })
}

fn origin(name: &str, explained: &[Explained]) -> Origin {
    explained.iter().find(|one| one.name == name).map_or(Origin::Default, |one| one.origin.clone())
}
