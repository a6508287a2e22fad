//! Warns a consumer of a home that is elsewhere. It needs GetSecretValue and nothing else; the rest is best effort.

use crate::error::CliError;
use crate::exit::Exit;
use crate::terminal::stdio::warn;
use keyrot_core::consumer::{HomeSource, SecretId};
use keyrot_core::model::{HomeTag, SecretArn, UserRef, after};
use keyrot_core::{CallError, ErrorKind, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A consumer waits no longer than this for what it can do without.
const LONGEST: Duration = Duration::from_secs(3);
const DAY: Duration = Duration::from_secs(86_400);

/// Whether the home was moved away from the secret that is read, as far as it was asked. A denied call raises alarms in some accounts, so that who has
/// no cache never asks, and who has one asks once a day; once in thirty days where it is denied.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Moved {
    /// When to ask next.
    ask_after: Timestamp,
    to: Option<SecretArn>,
}

impl Moved {
    /// Not asked yet.
    pub(super) fn unasked(now: Timestamp) -> Self {
        Self { ask_after: after(now, DAY), to: None }
    }

    /// The same, asked again if it is time.
    pub(super) async fn asked(
        self,
        source: &dyn HomeSource,
        secret: &SecretId,
        now: Timestamp,
        in_any_case: bool,
    ) -> Self {
        // A time to come that is farther away than any wait is from another clock.
        let due = self.ask_after <= now || self.ask_after > after(now, 31 * DAY);
        if !due && !in_any_case {
            return self;
        }
        match tokio::time::timeout(LONGEST, source.moved_to(secret)).await {
            Ok(Ok(to)) => Self { ask_after: after(now, DAY), to },
            Ok(Err(_)) => Self { ask_after: after(now, 30 * DAY), ..self },
            Err(_) => Self { ask_after: after(now, DAY), ..self },
        }
    }

    /// Warns a consumer that reads the old secret. It gets the key anyway.
    pub(super) fn warn(&self, user: Option<&UserRef>) {
        let Some(to) = &self.to else { return };
        let command = user.map(|user| format!(": {}", command(user, to))).unwrap_or_default();
        warn(&format!(
            "the user's key is now published in {}; this secret is no longer updated, and its key works only until keyrot deactivates it. Read the new secret{command}",
            to.place()
        ));
    }
}

/// Whether the secret may be one that was left: it is not there, was closed to readers, or is scheduled for deletion (Secrets Manager API reference,
/// `GetSecretValue`, `InvalidRequestException`). Where there are no credentials, say, nothing more is asked with them.
pub(super) fn may_be_elsewhere(error: &CallError) -> bool {
    matches!(error.kind, ErrorKind::NotFound | ErrorKind::Denied)
        || (error.kind == ErrorKind::Other && error.message.contains("InvalidRequestException"))
}

/// The key could not be read: does the user's tag name another place?
pub(super) async fn elsewhere(
    source: &dyn HomeSource,
    user: &UserRef,
    secret: &SecretId,
    region: &str,
) -> Option<CliError> {
    let asked = tokio::time::timeout(LONGEST, source.home_of(user.name())).await;
    let Ok(Ok(HomeTag::At(home))) = asked else { return None };
    let place = home.place();
    if place.region == region && secret.name().as_ref() == Some(&place.name) {
        return None;
    }
    let text =
        format!("the key of {user} is managed elsewhere: it is published in {place}, not in {secret} in {region}");
    Some(CliError::with(Exit::Blocked, text).hint(command(user, &home)))
}

/// What reads it there, whatever the settings say of the name.
fn command(user: &UserRef, home: &SecretArn) -> String {
    let place = home.place();
    format!("keyrot credentials {user} --region {} --secret {}", place.region, place.name)
}
