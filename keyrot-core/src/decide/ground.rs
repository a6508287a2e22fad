//! What comes before every other question: whether this is the user's home, and whether anything can be written there.

use super::home;
use super::situation::{Asked, Situation};
use crate::decide::decision::blocked::Blocked;
use crate::decide::decision::refusal::Refusal;
use crate::decide::decision::{Decision, Step};
use crate::decide::evidence::with_evidence;
use crate::model::observed::{AccessKey, KeyStatus, LabeledVersion, Observed, Secret, SecretState};
use crate::model::time::Timestamp;
use crate::model::waits::Policy;

/// The situation of a user whose home this is and whose secret has a current version; otherwise the answer.
pub(super) fn situation<'a>(
    seen: &'a Observed,
    asked: Asked<'a>,
    policy: &'a Policy,
    now: Timestamp,
) -> Result<Situation<'a>, Decision> {
    if let Some(decision) = home::home(seen, policy) {
        return Err(decision);
    }
    if let Some(policy) = seen.quarantine.clone().filter(|_| matches!(asked, Asked::Step(_)) || !is_being_revoked(seen))
    {
        return Err(Decision::Blocked(Blocked::Quarantined { policy }));
    }
    let secret = usable(&seen.secret).map_err(Decision::Blocked)?;
    let current = secret.and_then(|secret| secret.current.as_ref());
    match (asked, secret, current) {
        (Asked::Step(_), None, _) => Err(Decision::Refused(Refusal::RotationOff)),
        (Asked::Step(_), Some(secret), _) if !secret.rotation_enabled => Err(Decision::Refused(Refusal::RotationOff)),
        (_, Some(secret), Some(current)) => Ok(Situation { seen, secret, current, policy, now, asked }),
        (Asked::Run | Asked::Revoke(_), None, _) => Err(first_contact(seen, Step::CreateSecret)),
        (Asked::Run | Asked::Revoke(_), Some(_), None) => Err(first_contact(seen, Step::PutPlaceholder)),
        (Asked::Step(_) | Asked::Rollback(_) | Asked::Reinstate(_), _, _) => {
            Err(Decision::Refused(Refusal::NothingCurrent))
        }
    }
}

/// Whether a revocation that the operator asked for is not carried out yet. AWS's quarantine is why they asked.
fn is_being_revoked(seen: &Observed) -> bool {
    let SecretState::Present(secret) = &seen.secret else { return false };
    let is_current = |key: &AccessKey| secret.current.as_ref().and_then(LabeledVersion::key) == Some(&key.id);
    let works = |key: &&AccessKey| key.status == KeyStatus::Active || is_current(key);
    seen.keys.iter().filter(works).any(|key| secret.journal.revoked_at(&key.id).is_some())
}

/// The secret, if there is one and it can be written to.
pub(super) fn usable(secret: &SecretState) -> Result<Option<&Secret>, Blocked> {
    match secret {
        SecretState::Present(secret) => Ok(Some(secret)),
        SecretState::Missing => Ok(None),
        SecretState::Deleted { since } => Err(Blocked::SecretDeleted { since: *since }),
        SecretState::Replica { primary } => Err(Blocked::SecretIsReplica { primary: primary.clone() }),
    }
}

/// There is no version yet: the placeholder comes first, because a secret's first version gets AWSCURRENT whatever was asked for. Where the
/// user has two keys, nothing says which one may go.
fn first_contact(seen: &Observed, step: Step) -> Decision {
    if seen.keys.len() < 2 { Decision::Act(step) } else { with_evidence(seen, seen.keys.iter()) }
}
