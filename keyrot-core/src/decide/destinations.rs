//! The states of a user's destinations, for screens and documents.

use crate::decide::belief::believed;
use crate::decide::facts::delivery::AFTER_OTHERS;
use crate::decide::facts::situation::{Ask, Situation};
use crate::decide::facts::standing::Standing;
use crate::model::destination::Assignment;
use crate::model::names::DestinationName;
use crate::model::observed::{Observed, SecretState};
use crate::model::time::Timestamp;
use crate::model::waits::WaitPolicy;
use serde::Serialize;

/// The state of one destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DestinationState {
    /// The destination.
    pub to: DestinationName,
    /// Its kind, as the settings write it, such as `ssm`.
    pub kind: &'static str,
    /// The place in it.
    pub place: String,
    /// Whether the previous key stays Active until this destination has the current one.
    pub required: bool,
    /// Whether it takes no key, but consumers there are restarted; not in documents.
    #[serde(skip)]
    pub restarts: bool,
    /// Its delivery state.
    pub state: Delivered,
    /// The reason why it does not have the current key.
    pub reason: Option<String>,
    /// When the last entry about it was written.
    pub since: Option<Timestamp>,
}

/// The delivery state of a destination for the current key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivered {
    /// A receipt says that the destination has the key.
    Delivered,
    /// It does not have the key yet.
    Waiting,
    /// The destination could not be read, or refused the key.
    Failed,
    /// Something else wrote to the destination.
    Changed,
    /// An operator gave the destination up.
    LetGo,
    /// The user's secret was not read, so nothing is known.
    Unknown,
}

impl DestinationState {
    /// Returns the state of a destination of a user whose secret was not read.
    pub(crate) fn unread(assignment: Assignment) -> Self {
        Self::new(assignment, Delivered::Unknown, None, None)
    }

    /// Sets the state to that of a destination whose user's secret was not read.
    pub(crate) fn forget(&mut self) {
        (self.state, self.reason, self.since) = (Delivered::Unknown, None, None);
    }

    fn new(
        assignment: Assignment,
        state: Delivered,
        reason: Option<String>,
        since: Option<Timestamp>,
    ) -> Self {
        let Assignment { to, kind, place, required, abilities, .. } = assignment;
        Self { to, kind, place, required, restarts: abilities.restarts, state, reason, since }
    }
}

impl Delivered {
    /// Returns its code, one word for machines.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Waiting => "waiting",
            Self::Failed => "failed",
            Self::Changed => "changed",
            Self::LetGo => "let_go",
            Self::Unknown => "unknown",
        }
    }
}

/// Returns the known states of the user's destinations.
pub(crate) fn destinations(
    seen: &Observed,
    policy: &WaitPolicy,
    now: Timestamp,
) -> Vec<DestinationState> {
    let seen = believed(seen, policy, now);
    let present = match &seen.secret {
        SecretState::Present(secret) => secret.current.as_ref().map(|current| (secret, current)),
        _ => None,
    };
    let case = present.map(|present| Situation::new(&seen, present, Ask::Run, policy, now));
    let state = |one| {
        let none = (Delivered::Waiting, None);
        let Some(case) = &case else { return none };
        let Some(key) = case.current_key() else { return none };
        match Standing::of(case, one, key) {
            Standing::LetGo => (Delivered::LetGo, None),
            Standing::Recorded | Standing::Unconfirmed(_) | Standing::Received => {
                (Delivered::Delivered, None)
            }
            Standing::Failed(reason) => (Delivered::Failed, Some(reason.to_owned())),
            Standing::Unfinished(what) => (Delivered::Waiting, Some(what.to_owned())),
            Standing::Changed(how) => (Delivered::Changed, Some(how.to_string())),
            Standing::Later => (Delivered::Waiting, Some(AFTER_OTHERS.to_owned())),
            // It was not read, so the receipt says what is known.
            Standing::Unasked if case.has_receipt(&one.assignment.to) => {
                (Delivered::Delivered, None)
            }
            Standing::Unasked
            | Standing::Unrecorded(_)
            | Standing::Unannounced(_)
            | Standing::Due(_) => none,
        }
    };
    let all = seen.destinations.iter().map(|one| {
        let (state, reason) = state(one);
        let receipts = present.map(|(secret, _)| &secret.journal.receipts);
        let receipt = receipts.and_then(|all| all.get(&one.assignment.to));
        let since = receipt.map(|receipt| receipt.at);
        DestinationState::new(one.assignment.clone(), state, reason, since)
    });
    all.collect()
}

/// Returns the destinations that a run could not serve, each with the reason.
pub(crate) fn behind(
    seen: &Observed,
    policy: &WaitPolicy,
    now: Timestamp,
) -> Vec<(DestinationState, String)> {
    let all = destinations(seen, policy, now).into_iter();
    // A delivery that only takes time is not a failure.
    let all = all.filter(|one| one.state != Delivered::Waiting);
    let reason = |mut one: DestinationState| {
        let reason = one.reason.take()?;
        Some((one, reason))
    };
    all.filter_map(reason).collect()
}
