//! The evidence with a block or a refusal, for the operator's decision.

use crate::decide::decision::blocked::{Blocked, Evidence};
use crate::decide::decision::refusal::Refusal;
use crate::decide::decision::{Decision, Question};
use crate::model::names::KeyId;
use crate::model::observed::{AccessKey, Observed};

/// Blocks because of keys that nothing explains, after reading their last use, which the operator
/// needs to decide.
pub(crate) fn with_evidence<'a>(
    seen: &Observed,
    keys: impl Iterator<Item = &'a AccessKey>,
) -> Decision {
    let mut evidence = Vec::new();
    for key in keys {
        let Some(last_use) = seen.last_use.get(&key.id).cloned() else {
            return Decision::Look(Question::LastUse(key.id.clone()));
        };
        evidence.push(Evidence { key: key.id.clone(), created: key.created, last_use });
    }
    Decision::Blocked(Blocked::UnknownKeys(evidence))
}

/// Returns the refusal for a missing key, with the keys that exist.
pub(crate) fn no_such_key(seen: &Observed, key: &KeyId) -> Refusal {
    Refusal::NoSuchKey { key: key.clone(), keys: seen.keys.iter().map(|k| k.id.clone()).collect() }
}
