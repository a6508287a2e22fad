//! Ends a user's sessions, and removes the policy that does this once they have expired.

use crate::model::ended_sessions::EndedSessions;
use crate::model::error::{CallError, ErrorKind};
use crate::model::names::UserName;
use crate::model::time::Timestamp;
use crate::ports::UserPolicyPort;

/// The reason why a user's sessions were not ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotEnded {
    /// Something else wrote a policy of that name.
    #[error(
        "the user has an inline policy {} that keyrot did not write, and it is not overwritten",
        EndedSessions::POLICY
    )]
    Taken,
    /// A call failed.
    #[error(transparent)]
    Failed(#[from] CallError),
}

/// Ends the sessions that were started with any key of the user so far. It is safe to repeat.
///
/// # Errors
/// [`NotEnded`].
pub async fn end_sessions(
    port: &dyn UserPolicyPort,
    user: &UserName,
    now: Timestamp,
) -> Result<EndedSessions, NotEnded> {
    if let Some(there) = port.user_policy(user, EndedSessions::POLICY).await?
        && EndedSessions::parse(&there).is_none()
    {
        return Err(NotEnded::Taken);
    }
    let ended = EndedSessions::as_of(now);
    port.put_user_policy(user, EndedSessions::POLICY, &ended.document()).await?;
    Ok(ended)
}

/// What happened to a policy that had ended a user's sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lifted {
    /// keyrot has set no such policy.
    None,
    /// A session may still be alive.
    NotYet(EndedSessions),
    /// The policy had nothing left to deny and was removed.
    Off(EndedSessions),
    /// The policy has nothing left to deny but could not be removed.
    Remains(EndedSessions, CallError),
}

/// Removes the policy if everything that it could deny has expired.
///
/// # Errors
/// [`CallError`] if the policy could not be read; `Denied` if the permission is missing.
pub async fn lift_if_over(
    port: &dyn UserPolicyPort,
    user: &UserName,
    now: Timestamp,
) -> Result<Lifted, CallError> {
    let there = port.user_policy(user, EndedSessions::POLICY).await?;
    Ok(match there.as_deref().and_then(EndedSessions::parse) {
        None => Lifted::None,
        Some(ended) if now < ended.until => Lifted::NotYet(ended),
        Some(ended) => match port.delete_user_policy(user, EndedSessions::POLICY).await {
            Ok(()) => Lifted::Off(ended),
            Err(error) => Lifted::Remains(ended, error),
        },
    })
}

impl NotEnded {
    /// Whether the permission is missing.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Failed(error) if error.kind == ErrorKind::Denied)
    }
}
