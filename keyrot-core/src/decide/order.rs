//! What Secrets Manager's own rotation orders, step by step, of its rotation function.

use super::belief::believed;
use super::run::decide_for;
use super::situation::{Asked, Situation};
use crate::decide::decision::blocked::Blocked;
use crate::decide::decision::refusal::Refusal;
use crate::decide::decision::{Decision, Question, Step, Why};
use crate::model::names::KeyId;
use crate::model::observed::{LabeledVersion, Observed, Verified};
use crate::model::step::RotationStep;
use crate::model::time::Timestamp;
use crate::model::version::Content;
use crate::model::waits::Policy;

/// Decides what an order takes now: one pure, total function, beside [`decide`](crate::decide::decide()) and under the same promises.
///
/// # Expected flow
/// `CreateSecret`: `Look(VersionContents)` → `Write(intent)` → `CreateKey` → `Stage` → `Done`. `SetSecret`: `Done`. `TestSecret`: `Look(Verified)` → `Done`.
/// `FinishSecret`: `Look(Verified)` → `Promote` → `Write(promoted)` → `Done`. An order that was carried out before is `Done` at once.
///
/// # Guarantees
/// Those of [`decide`](crate::decide::decide()). No key is retired here: that is for [`decide`](crate::decide::decide()), in scheduled runs, which in turn make no key while
/// the service does. A version that was current before is not made current again, however late an order arrives.
///
/// # Assumptions
/// Those of [`decide`](crate::decide::decide()).
#[must_use]
pub fn decide_rotation_step(seen: &Observed, order: &RotationStep, policy: &Policy, now: Timestamp) -> Decision {
    decide_for(&believed(seen, policy, now), Asked::Step(order), policy, now)
}

impl Situation<'_> {
    /// The version that the step is about, while it is staged and was not current before.
    fn ordered(&self) -> Option<&LabeledVersion> {
        let Asked::Step(order) = self.asked else { return None };
        self.staged().filter(|staged| staged.version == order.version && !self.was_published(staged))
    }

    /// Where this run has just published the version, it notes it down for those who will retire the old key. Otherwise that is left to them:
    /// they verify the credentials first.
    pub(super) fn ordered_is_current(&self) -> Option<Decision> {
        let Asked::Step(order) = self.asked else { return None };
        if self.current.version != order.version {
            return None;
        }
        let verified = self.proof(self.current) == Some(&Verified::Works) && self.promoted().is_none();
        let old = self.leaving().next().filter(|_| verified);
        Some(old.and_then(|old| self.successor_not_in_place(old)).unwrap_or(Decision::Done))
    }

    pub(super) fn ordered_is_not_staged(&self) -> Option<Decision> {
        let Asked::Step(order) = self.asked else { return None };
        match self.ordered() {
            Some(_) => None,
            None => Some(Decision::Refused(Refusal::NotStaged { version: order.version.clone() })),
        }
    }

    pub(super) fn ordered_is_filled(&self) -> Option<Decision> {
        let staged = self.ordered()?;
        match &staged.content {
            Content::ForeignEmpty => None,
            Content::ForeignOther => {
                Some(Decision::Blocked(Blocked::ForeignPending { version: staged.version.clone() }))
            }
            _ => Some(Decision::Done),
        }
    }

    /// A user has two keys at most; the old one has to be gone.
    pub(super) fn old_key_is_there(&self) -> Option<Decision> {
        let key = self.leaving().next()?;
        self.wait(Why::OldKey(key.id.clone()), None)
    }

    pub(super) fn ordered_does_not_work(&self) -> Option<Decision> {
        let staged = self.ordered()?;
        let Some(key) = staged.key().cloned() else {
            return Some(Decision::Refused(Refusal::NotMade { version: staged.version.clone() }));
        };
        match self.proof(staged) {
            None => Some(Decision::Look(Question::Verification(staged.version.clone()))),
            Some(Verified::Works) => None,
            Some(Verified::Unknown(reason)) => Some(self.unverified(&key, reason)),
            Some(Verified::Refused(_)) => self.wait(Why::Propagation(key), None),
            Some(Verified::Wrong(reason)) => {
                Some(Decision::Refused(Refusal::DoesNotWork { key, reason: reason.clone() }))
            }
        }
    }

    /// Another run published a newer key meanwhile: it is not taken back.
    pub(super) fn newer_is_current(&self) -> Option<Decision> {
        let key = self.key(self.ordered()?.key()?).filter(|key| self.superseded(key))?;
        let by: &KeyId = self.current.key()?;
        Some(Decision::Refused(Refusal::Superseded { key: key.id.clone(), by: by.clone() }))
    }

    pub(super) fn ordered_works(&self) -> Option<Decision> {
        let to = self.ordered()?.version.clone();
        Some(Decision::Act(Step::Promote { from: self.current.version.clone(), to }))
    }
}
