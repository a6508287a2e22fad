//! What the operator can do next about a key, besides what the outcome itself says.

use crate::decide::decision::refusal::Refusal;
use crate::engine::report::UserResult;
use crate::machine::outcome::Outcome;
use crate::model::observed::KeyStatus;
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
