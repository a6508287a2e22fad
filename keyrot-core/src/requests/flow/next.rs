//! What the operator can do next about a key, besides what the outcome itself says.

use crate::decide::decision::refusal::Refusal;
use crate::engine::report::UserResult;
use crate::machine::outcome::Outcome;
use crate::model::observed::{AccessKey, KeyStatus};
use crate::model::request::Request;
use crate::report::hint::{Action, Hint};

/// Returns how to deactivate a leaked key now, if the key stays Active because its successor has to
/// wait.
pub(super) fn at_once(request: Option<&Request>, result: &UserResult) -> Option<Hint> {
    let Some(Request::Revoke(order)) = request else { return None };
    let waits = matches!(result.outcome, Outcome::Waiting(_));
    let asked = order.without_successor || order.only_if_unused;
    (waits && !asked).then(|| {
        Hint::to(
            format!("{} stays Active meanwhile; if it was leaked, to deactivate it now", order.key),
            Action::revoke_now(&result.user, &order.key),
        )
    })
}

/// Returns how to finish a revocation that was interrupted, if it is unknown which key is meant and
/// only one of them was revoked and still works. It is not chosen by itself, because the entry may
/// be forged.
pub(super) fn unfinished(result: &UserResult) -> Option<Hint> {
    let Outcome::Refused(Refusal::WhichKey { .. }) = result.outcome else { return None };
    let mut works = result
        .keys
        .iter()
        .filter(|key| key.status == KeyStatus::Active && result.revoked.contains(&key.id));
    match (works.next(), works.next()) {
        (Some(key), None) => Some(Hint::to(
            format!("to finish the revocation of {}, which still works", key.id),
            Action::revoke(&result.user, &key.id),
        )),
        _ => None,
    }
}

/// Returns how to reactivate a key whose revocation was taken back, if IAM lists it as Inactive: a
/// revocation that is taken back does not switch the key on.
pub(super) fn still_off(request: &Request, done: &UserResult, seen: &UserResult) -> Option<Hint> {
    let Request::Reinstate { key } = request else { return None };
    let is_off = |listed: &AccessKey| listed.id == *key && listed.status == KeyStatus::Inactive;
    (done.outcome == Outcome::Done && seen.keys.iter().any(is_off)).then(|| {
        Hint::to(
            format!(
                "IAM lists {key} as Inactive, so requests with it are refused. To reactivate it, unless you just did"
            ),
            Action::Activate { user: done.user.clone(), key: key.clone() },
        )
    })
}
