//! Short forms of the answers.

use crate::decide::decision::blocked::Blocked;
use crate::decide::decision::refusal::Refusal;
use crate::decide::decision::{Decision, Question, Step, Wait, Why};
use crate::model::destination::Changed;
use crate::model::journal::JournalEntry;
use crate::model::names::{DestinationName, KeyId, VersionId};
use crate::model::time::Timestamp;

pub(crate) fn blocked(why: Blocked) -> Decision {
    Decision::Blocked(why)
}

pub(crate) fn refused(why: Refusal) -> Decision {
    Decision::Refused(why)
}

pub(crate) fn act(step: Step) -> Decision {
    Decision::Act(step)
}

pub(crate) fn look(question: Question) -> Decision {
    Decision::Look(question)
}

pub(crate) fn look_into(version: &VersionId) -> Decision {
    Decision::Look(Question::VersionContents(version.clone()))
}

pub(crate) fn look_at_use(key: &KeyId) -> Decision {
    Decision::Look(Question::LastUse(key.clone()))
}

pub(crate) fn verify(version: &VersionId) -> Decision {
    Decision::Look(Question::Verification(version.clone()))
}

pub(crate) fn write(entry: JournalEntry) -> Decision {
    Decision::Act(Step::Write(entry))
}

pub(crate) fn wait(why: Why, until: impl Into<Option<Timestamp>>) -> Decision {
    Decision::Wait(Wait { why, until: until.into() })
}

/// AWS could not be asked whether the key works: that says nothing about the key, and the next run
/// asks again.
pub(crate) fn unverified(key: &KeyId, reason: &str) -> Decision {
    wait(Why::VerificationUnknown { key: key.clone(), reason: reason.to_owned() }, None)
}

/// Another run may be at work on the key, or IAM may not show yet what was changed.
pub(crate) fn settling(key: &KeyId, until: Timestamp) -> Decision {
    wait(Why::Settling(key.clone()), until)
}

/// keyrot does not know the key's status, and does not change it.
pub(crate) fn unknown_status(key: &KeyId, status: &str) -> Decision {
    blocked(Blocked::UnknownStatus { key: key.clone(), status: status.to_owned() })
}

/// Something else staged the version, or it does not hold what its id says.
pub(crate) fn foreign_pending(version: &VersionId) -> Decision {
    blocked(Blocked::ForeignPending { version: version.clone() })
}

/// The requested key does not work.
pub(crate) fn does_not_work(key: &KeyId, reason: &str) -> Decision {
    refused(Refusal::DoesNotWork { key: key.clone(), reason: reason.to_owned() })
}

/// The staged key is refused, as a new key may be for a while.
pub(crate) fn propagation(key: &KeyId, reason: &str) -> Why {
    Why::Propagation { key: key.clone(), reason: reason.to_owned() }
}

/// A destination does not have the current key.
pub(crate) fn not_delivered(to: &DestinationName, reason: &str) -> Why {
    Why::Delivery { to: to.clone(), reason: reason.to_owned() }
}

/// Something else wrote to a destination.
pub(crate) fn changed(to: &DestinationName, place: &str, how: Changed) -> Blocked {
    Blocked::DestinationChanged { to: to.clone(), place: place.to_owned(), how }
}
