//! What Secrets Manager's own rotation orders, step by step, of its rotation function.

use super::belief::believed;
use super::case::Case;
use super::{home, usable};
use crate::{
    AccessKey, Blocked, Content, Decision, Held, KeyId, Observed, Policy, Proof, Question, Refusal, Secret, Step,
    Timestamp, VersionId, Why,
};
use serde::{Deserialize, Serialize};

/// An order of Secrets Manager's to its rotation function (Secrets Manager user guide, "Rotation by Lambda function").
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Order {
    /// What is to be done.
    pub step: OrderStep,
    /// The version that it is about: the event's `ClientRequestToken`.
    pub version: VersionId,
}

/// One step of four. Each may be ordered again, after a failure or a lost answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OrderStep {
    /// Make a key and put it into the version.
    CreateSecret,
    /// Make IAM know it, which it does since it made it.
    SetSecret,
    /// Prove it.
    TestSecret,
    /// Make the version current.
    FinishSecret,
}

/// Decides what an order takes now: one pure, total function, beside [`decide`](crate::decide()) and under the same promises.
///
/// # Expected flow
/// `CreateSecret`: `Look(Inside)` → `Write(intent)` → `CreateKey` → `Stage` → `Done`. `SetSecret`: `Done`. `TestSecret`: `Look(Proof)` → `Done`.
/// `FinishSecret`: `Look(Proof)` → `Promote` → `Write(promoted)` → `Done`. An order that was carried out before is `Done` at once.
///
/// # Guarantees
/// Those of [`decide`](crate::decide()). No key is retired here: that is for [`decide`](crate::decide()), in scheduled runs, which in turn make no key while
/// the service does. A version that was current before is not made current again, however late an order arrives.
///
/// # Assumptions
/// Those of [`decide`](crate::decide()).
#[must_use]
pub fn decide_order(seen: &Observed, order: &Order, policy: &Policy, now: Timestamp) -> Decision {
    let seen = &*believed(seen, policy, now);
    if let Some(decision) = home::home(seen, policy) {
        return decision;
    }
    if let Some(policy) = seen.quarantine.clone() {
        return Decision::Blocked(Blocked::Quarantined { policy });
    }
    let secret = match usable(&seen.secret) {
        Ok(Some(secret)) if secret.serviced => secret,
        Ok(_) => return Decision::Refused(Refusal::RotationOff),
        Err(blocked) => return Decision::Blocked(blocked),
    };
    let Some(current) = &secret.current else { return Decision::Refused(Refusal::NothingCurrent) };
    let case = Case { seen, secret, current, policy, now, asked: None };
    if current.version == order.version {
        return case.published().unwrap_or(Decision::Done);
    }
    let Some(staged) = staged(secret, order).filter(|staged| !case.was_published(staged)) else {
        return Decision::Refused(Refusal::NotStaged { version: order.version.clone() });
    };
    match order.step {
        OrderStep::CreateSecret => case.create(staged),
        OrderStep::SetSecret => Decision::Done,
        OrderStep::TestSecret => case.test(staged).unwrap_or(Decision::Done),
        OrderStep::FinishSecret => case.finish(staged),
    }
}

fn staged<'a>(secret: &'a Secret, order: &Order) -> Option<&'a Held> {
    secret.pending.as_ref().filter(|pending| pending.version == order.version)
}

impl Case<'_> {
    fn create(&self, staged: &Held) -> Decision {
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
    fn test(&self, staged: &Held) -> Option<Decision> {
        if let Some(look) = self.foreign_version() {
            return Some(look);
        }
        let Some(key) = staged.key().cloned() else {
            return Some(Decision::Refused(Refusal::NotMade { version: staged.version.clone() }));
        };
        match self.proof(staged) {
            None => Some(Decision::Look(Question::Proof(staged.version.clone()))),
            Some(Proof::Proven) => None,
            Some(Proof::Unknown(reason)) => Some(self.unverified(&key, reason)),
            Some(Proof::Refused(_)) => self.wait(Why::Propagation(key), None),
            Some(Proof::Wrong(reason)) => Some(Decision::Refused(Refusal::DoesNotWork { key, reason: reason.clone() })),
        }
    }

    fn finish(&self, staged: &Held) -> Decision {
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
    fn newer_current(&self, staged: &Held) -> Option<Decision> {
        let key = self.key(staged.key()?).filter(|key| self.superseded(key))?;
        let by: &KeyId = self.current.key()?;
        Some(Decision::Refused(Refusal::Superseded { key: key.id.clone(), by: by.clone() }))
    }

    /// Where this run has just published the version, it notes it down for those who will retire the key before. Otherwise that is left to
    /// them: they try the credentials first.
    fn published(&self) -> Option<Decision> {
        let proved = self.proof(self.current) == Some(&Proof::Proven) && self.promoted().is_none();
        let old: Option<&AccessKey> = self.leaving().next().filter(|_| proved);
        self.successor_not_in_place(old?)
    }
}
