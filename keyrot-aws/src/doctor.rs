//! Whether keyrot could do its work here: credentials, region, permissions, secrets, notifiers, the clock, the last run, the settings.
//!
//! Nothing is changed, and nothing is sent unless [`send_test`] is asked to. Every finding is a [`Check`] in words, with what to do about it; what could not be
//! checked says so, and is not called well.
//!
//! ```no_run
//! use keyrot_aws::doctor::{Health, Verify, of_aws, from_settings};
//! use keyrot_aws::{Aws, AwsSettings};
//! use keyrot_core::settings::{Settings, Sources};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let settings = Settings::load(&Sources::default())?;
//! let aws = std::sync::Arc::new(Aws::connect(&AwsSettings::default().with(&settings)?).await?);
//! let mut checks = from_settings(&settings);
//! checks.extend(of_aws(&aws, &settings, Verify::No, &|check| println!("{}", check.message)).await.checks);
//! let sound = checks.iter().all(|check| check.health != Health::Failure);
//! # Ok(())
//! # }
//! ```

mod caller;
mod current;
mod hooks;
mod permissions;
mod rights;
mod sanity;
mod stores;

pub use hooks::send_test;
pub use sanity::from_settings;
pub use stores::of_ports;

use crate::Aws;
use keyrot_core::KeyId;
use keyrot_core::settings::Settings;
use keyrot_core::usage::{TrailAsk, TrailPort};
use serde::Serialize;
use std::sync::Arc;

/// How well something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// As it should be.
    Ok,
    /// It could not be found out here.
    NotChecked,
    /// keyrot works, but somebody should look at it.
    Warning,
    /// keyrot cannot do its work, or not all of it.
    Failure,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What it is about, in one word: `credentials`, `region`, `clock`, `permissions`, `users`, `keys`, `secrets`, `current`, `rights`, `kms`, `last_run`,
    /// `trail`, `notifiers`, `settings`.
    pub about: &'static str,
    /// How well it is.
    pub health: Health,
    /// What was found.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// All findings, and the account they are about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// In the order in which they were made.
    pub checks: Vec<Check>,
    /// The account's twelve digits, if the credentials work.
    pub account: Option<String>,
}

impl Check {
    /// As it should be.
    #[must_use]
    pub fn ok(about: &'static str, message: impl Into<String>) -> Self {
        Self { about, health: Health::Ok, message: message.into(), hint: None }
    }

    /// It could not be found out.
    #[must_use]
    pub fn not_checked(about: &'static str, message: impl Into<String>) -> Self {
        Self { health: Health::NotChecked, ..Self::ok(about, message) }
    }

    /// Somebody should look at it.
    #[must_use]
    pub fn warning(about: &'static str, message: impl Into<String>) -> Self {
        Self { health: Health::Warning, ..Self::ok(about, message) }
    }

    /// keyrot cannot do its work.
    #[must_use]
    pub fn failure(about: &'static str, message: impl Into<String>) -> Self {
        Self { health: Health::Failure, ..Self::ok(about, message) }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Whether doctor tries what is current in the secrets. IAM records that as a use of each key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Verify {
    /// No: it is compared with its version id and with IAM's list of keys.
    #[default]
    No,
    /// Yes, but for users who have another Active key.
    Yes,
}

/// Keeps findings, and tells each as it comes.
pub(crate) struct Notes<'a> {
    checks: Vec<Check>,
    tell: &'a (dyn Fn(&Check) + Sync),
}

impl Notes<'_> {
    fn add(&mut self, check: Check) {
        (self.tell)(&check);
        self.checks.push(check);
    }
}

/// Everything about an AWS account. `tell` gets each finding as it comes. If the credentials do not work, nothing further is asked.
pub async fn of_aws(aws: &Arc<Aws>, settings: &Settings, verify: Verify, tell: &(dyn Fn(&Check) + Sync)) -> Findings {
    let mut notes = Notes { checks: Vec::new(), tell };
    let Some(caller) = caller::examine(aws, settings, &mut notes).await else {
        return Findings { checks: notes.checks, account: None };
    };
    let sample =
        stores::examine(&aws.ports(), settings, &settings.homes(aws.region(), false), verify, &mut notes).await;
    permissions::examine(aws, settings, &caller, &sample, &mut notes).await;
    rights::examine(aws, settings, &caller, &sample.selected, &mut notes).await;
    stores::kms(aws, settings, &sample, &mut notes).await;
    trail(aws, settings, sample.key.as_ref(), &mut notes).await;
    hooks::examine(aws, settings, &mut notes).await;
    Findings { checks: notes.checks, account: Some(caller.account) }
}

/// Whether CloudTrail may be asked, if runs are to ask it.
async fn trail(aws: &Aws, settings: &Settings, key: Option<&KeyId>, notes: &mut Notes<'_>) {
    if !settings.trail() {
        return;
    }
    // Any id will do: there need be no such key.
    let Some(key) = key.cloned().or_else(|| KeyId::parse("AKIAIOSFODNN7EXAMPLE").ok()) else { return };
    let since = chrono::DateTime::from(std::time::SystemTime::now()) - chrono::TimeDelta::hours(1);
    for region in aws.regions() {
        let ask = TrailAsk { key: key.clone(), region: region.clone(), since };
        notes.add(match aws.page(&ask, None).await {
            Ok(_) => Check::ok("trail", format!("CloudTrail in {region} can be asked who uses a key")),
            // A run goes on without it.
            Err(error) => Check::warning("trail", error.to_string())
                .hint("allow cloudtrail:LookupEvents, or set trail = false; a run goes on without it"),
        });
    }
}
