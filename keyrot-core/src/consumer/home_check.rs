//! Detects that a user's home was moved away from the secret that a consumer reads. A consumer
//! needs only GetSecretValue, so this is best effort.

use super::{HomeSource, SecretId};
use crate::model::error::{CallError, ErrorKind};
use crate::model::home::{HomeTag, SecretArn};
use crate::model::time::Timestamp;
use crate::model::user_ref::UserRef;
use crate::model::waits::after;
use crate::ports::{Clock, within};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The time limit of this optional check.
const LONGEST: Duration = Duration::from_secs(3);
const DAY: Duration = Duration::from_secs(86_400);
/// AWS's code for a read of a secret that is scheduled for deletion (Secrets Manager API reference,
/// `GetSecretValue`).
const SCHEDULED_FOR_DELETION: &str = "InvalidRequestException";

/// Whether the home was moved away from the secret, as of the last check. A denied call raises
/// alarms in some accounts, so a consumer without a cache never asks. With a cache it asks once a
/// day, or once in thirty days if the call is denied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HomeCheck {
    /// When to ask next.
    ask_after: Timestamp,
    /// Where the key is published now, if not in this secret.
    pub to: Option<SecretArn>,
}

impl HomeCheck {
    /// Returns a check that has not run yet.
    #[must_use]
    pub fn unasked(now: Timestamp) -> Self {
        Self { ask_after: after(now, DAY), to: None }
    }

    /// Returns the check, repeated if it is due.
    #[must_use]
    pub async fn asked(
        self,
        source: &dyn HomeSource,
        secret: &SecretId,
        clock: &dyn Clock,
    ) -> Self {
        let now = clock.now();
        // A time further ahead than any wait was written under another clock.
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

/// Returns where the key is published according to the user's tag, if not in this secret in this
/// region. Also `None` if it could not be read.
pub(crate) async fn home_elsewhere(
    source: &dyn HomeSource,
    user: &UserRef,
    (secret, region): (&SecretId, &str),
    clock: &dyn Clock,
) -> Option<SecretArn> {
    let answer = within(clock, LONGEST, source.home_of(user.name())).await;
    let Some(Ok(HomeTag::At(home))) = answer else { return None };
    let place = home.place();
    let here = place.region == region && secret.name().as_ref() == Some(&place.name);
    (!here).then_some(home)
}

/// Whether the user may have moved away from this secret: it does not exist, was closed to readers,
/// or is scheduled for deletion. After other errors, such as missing credentials, no further call is
/// made.
pub(crate) fn may_be_elsewhere(error: &CallError) -> bool {
    matches!(error.kind, ErrorKind::NotFound | ErrorKind::Denied)
        || error.aws_code() == Some(SCHEDULED_FOR_DELETION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_secret_that_cannot_be_read_by_anyone_suggests_a_move() {
        let refused = |kind, code: &'static str| {
            CallError::refused(kind, "refused").with_aws_code(Some(code.to_owned()))
        };
        assert!(may_be_elsewhere(&refused(ErrorKind::NotFound, "ResourceNotFoundException")));
        assert!(may_be_elsewhere(&refused(ErrorKind::Denied, "AccessDeniedException")));
        assert!(may_be_elsewhere(&refused(ErrorKind::Other, SCHEDULED_FOR_DELETION)));
        assert!(!may_be_elsewhere(&refused(ErrorKind::Other, "DecryptionFailure")));
        let quoted = CallError::refused(ErrorKind::Other, "it is no InvalidRequestException");
        assert!(!may_be_elsewhere(&quoted), "a message is not searched");
    }
}
