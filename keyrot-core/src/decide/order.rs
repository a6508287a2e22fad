//! What Secrets Manager's own rotation orders, step by step, of its rotation function.

use super::belief::believed;
use super::situation::Situation;
use super::{home, usable};
use crate::decide::decision::blocked::Blocked;
use crate::decide::decision::refusal::Refusal;
use crate::decide::decision::{Decision, Question, Step, Why};
use crate::model::names::KeyId;
use crate::model::observed::{AccessKey, LabeledVersion, Observed, Secret, Verified};
use crate::model::step::{RotationStep, StepName};
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
    let seen = &*believed(seen, policy, now);
    if let Some(decision) = home::home(seen, policy) {
        return decision;
    }
    if let Some(policy) = seen.quarantine.clone() {
        return Decision::Blocked(Blocked::Quarantined { policy });
    }
    let secret = match usable(&seen.secret) {
        Ok(Some(secret)) if secret.rotation_enabled => secret,
        Ok(_) => return Decision::Refused(Refusal::RotationOff),
        Err(blocked) => return Decision::Blocked(blocked),
    };
    let Some(current) = &secret.current else { return Decision::Refused(Refusal::NothingCurrent) };
    let case = Situation { seen, secret, current, policy, now, asked: None };
    if current.version == order.version {
        return case.published().unwrap_or(Decision::Done);
    }
    let Some(staged) = staged(secret, order).filter(|staged| !case.was_published(staged)) else {
        return Decision::Refused(Refusal::NotStaged { version: order.version.clone() });
    };
    match order.step {
        StepName::CreateSecret => case.create(staged),
        StepName::SetSecret => Decision::Done,
        StepName::TestSecret => case.test(staged).unwrap_or(Decision::Done),
        StepName::FinishSecret => case.finish(staged),
    }
}

fn staged<'a>(secret: &'a Secret, order: &RotationStep) -> Option<&'a LabeledVersion> {
    secret.pending.as_ref().filter(|pending| pending.version == order.version)
}

impl Situation<'_> {
    fn create(&self, staged: &LabeledVersion) -> Decision {
        let filled = || match &staged.content {
            Content::ForeignEmpty => None,
            Content::ForeignOther => {
                Some(Decision::Blocked(Blocked::ForeignPending { version: staged.version.clone() }))
            }
            _ => Some(Decision::Done),
        };
        self.foreign_version()
            .or_else(filled)
            .or_else(|| self.broken_current())
            .or_else(|| self.unknown_keys())
            .or_else(|| self.key_in_hand())
            .or_else(|| self.rolled_back())
            .or_else(|| self.old_key())
            .or_else(|| self.next_key())
            .unwrap_or(Decision::Done)
    }

    /// A user has two keys at most; the one before has to be gone.
    fn old_key(&self) -> Option<Decision> {
        let key = self.leaving().next()?;
        self.wait(Why::OldKey(key.id.clone()), None)
    }

    /// `None` once the staged key is proved.
    fn test(&self, staged: &LabeledVersion) -> Option<Decision> {
        if let Some(look) = self.foreign_version() {
            return Some(look);
        }
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

    fn finish(&self, staged: &LabeledVersion) -> Decision {
        let promote = Step::Promote { from: self.current.version.clone(), to: staged.version.clone() };
        self.foreign_version()
            .or_else(|| self.broken_current())
            .or_else(|| self.unknown_keys())
            .or_else(|| self.rolled_back())
            .or_else(|| self.newer_current(staged))
            .or_else(|| self.test(staged))
            .unwrap_or(Decision::Act(promote))
    }

    /// Somebody published a newer key meanwhile: it is not taken back.
    fn newer_current(&self, staged: &LabeledVersion) -> Option<Decision> {
        let key = self.key(staged.key()?).filter(|key| self.superseded(key))?;
        let by: &KeyId = self.current.key()?;
        Some(Decision::Refused(Refusal::Superseded { key: key.id.clone(), by: by.clone() }))
    }

    /// Where this run has just published the version, it notes it down for those who will retire the key before. Otherwise that is left to
    /// them: they try the credentials first.
    fn published(&self) -> Option<Decision> {
        let proved = self.proof(self.current) == Some(&Verified::Works) && self.promoted().is_none();
        let old: Option<&AccessKey> = self.leaving().next().filter(|_| proved);
        self.successor_not_in_place(old?)
    }
}
