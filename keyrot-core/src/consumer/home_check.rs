//! Noticing that a user's home was moved away from the secret that a consumer reads. A consumer
//! needs GetSecretValue and nothing else, so this is best effort.

use super::{HomeSource, SecretId};
use crate::model::error::{CallError, ErrorKind};
use crate::model::home::{HomeTag, SecretArn};
use crate::model::time::Timestamp;
use crate::model::user_ref::UserRef;
use crate::model::waits::after;
use crate::ports::{Clock, within};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A consumer waits no longer than this for what it can do without.
const LONGEST: Duration = Duration::from_secs(3);
const DAY: Duration = Duration::from_secs(86_400);

/// Whether the home was moved away from the secret that is read, as far as it was asked. A denied
/// call raises alarms in some accounts, so that who keeps nothing never asks, and who does asks
/// once a day; once in thirty days where it is denied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HomeCheck {
    /// When to ask next.
    ask_after: Timestamp,
    /// Where the key is published now, if not in the secret that was read.
    pub to: Option<SecretArn>,
}

impl HomeCheck {
    /// Not asked yet.
    #[must_use]
    pub fn unasked(now: Timestamp) -> Self {
        Self { ask_after: after(now, DAY), to: None }
    }

    /// The same, asked again if it is time.
    #[must_use]
    pub async fn asked(
        self,
        source: &dyn HomeSource,
        secret: &SecretId,
        clock: &dyn Clock,
    ) -> Self {
        let now = clock.now();
        // A time to come that is farther away than any wait is from another clock.
        if self.ask_after > now && self.ask_after <= after(now, 31 * DAY) {
            return self;
        }
        match within(clock, LONGEST, source.moved_to(secret)).await {
            Some(Ok(to)) => Self { ask_after: after(now, DAY), to },
            Some(Err(_)) => Self { ask_after: after(now, 30 * DAY), ..self },
            None => Self { ask_after: after(now, DAY), ..self },
        }
    }
}

/// Where the user's tag says that the key is published, if that is not this secret in this region.
/// `None` also if it could not be found out.
pub(crate) async fn home_elsewhere(
    source: &dyn HomeSource,
    user: &UserRef,
    (secret, region): (&SecretId, &str),
    clock: &dyn Clock,
) -> Option<SecretArn> {
    let asked = within(clock, LONGEST, source.home_of(user.name())).await;
    let Some(Ok(HomeTag::At(home))) = asked else { return None };
    let place = home.place();
    let here = place.region == region && secret.name().as_ref() == Some(&place.name);
    (!here).then_some(home)
}

/// Whether the secret may be one that was left: it is not there, was closed to readers, or is
/// scheduled for deletion (Secrets Manager API reference, `GetSecretValue`,
/// `InvalidRequestException`). Where there are no credentials, say, nothing more is asked with
/// them.
pub(crate) fn may_be_elsewhere(error: &CallError) -> bool {
    matches!(error.kind, ErrorKind::NotFound | ErrorKind::Denied)
        || (error.kind == ErrorKind::Other && error.message.contains("InvalidRequestException"))
}
