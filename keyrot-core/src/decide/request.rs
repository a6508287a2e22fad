//! The decision for an operator's request.

use crate::decide::belief::believed;
use crate::decide::decision::{Decision, Step};
use crate::decide::facts::home;
use crate::decide::facts::situation::Ask;
use crate::decide::moving;
use crate::decide::table::decide_for;
use crate::model::home::{HomeTag, Residence, SecretArn};
use crate::model::observed::{Observed, SecretState};
use crate::model::request::Request;
use crate::model::time::Timestamp;
use crate::model::waits::WaitPolicy;

/// Decides the next step of an operator's request: one pure, total function, the counterpart of
/// [`decide`](crate::decide::decide()).
///
/// # Expected flow
/// `Rollback`: `Act(Activate)` if the key is Inactive → `Look(Verified)` → `Write(promoted)`, with
/// a time later than any run lasts → `Promote` → `Write(promoted)`, with the current time → `Done`.
/// For a key that is about to be retired, `hold` is written first, and `settle` passes. `Revoke`:
/// `Write(revoked)` → whatever [`decide`](crate::decide::decide()) says, until a successor is in
/// place and the key is Inactive → `Done`. The entry makes [`decide`](crate::decide::decide())
/// treat the key as due, and skip its overlap and `recent_use`; so the next run finishes a request
/// that dies halfway. With `without_successor`, [`Rotation`](crate::machine::rotation::Rotation)
/// deactivates the key and confirms that it is Inactive before it reads anything else; this
/// function decides the rest. `Reinstate`: `Write(revoked)` without the key → `Done`. `Deliver`:
/// `Look(Verified)` → for each destination `Look(Destination)` → `Deliver` → `Write(receipt)` →
/// `Done`. `LetGo`: `Write(receipt)` → `Done`. `Leave`: `Write(moved)` → `Done`. `Move`, with the
/// settings of the new place: `BindSecret` and `Write(moved)`, if a secret exists there that is not
/// the user's yet or was left before → `BindUser` → `Done`.
///
/// # Guarantees
/// - AWSCURRENT is only ever moved to a version whose credentials have authenticated in this very
///   run, and never to a revoked key.
/// - A key is revoked only with a verified successor in place, and deleted only after its soak,
///   unless the request says otherwise explicitly.
/// - A refused request has changed nothing. Other outcomes may have changed something: a key that
///   was reactivated but does not work stays Active until runs retire it again, and
///   `without_successor` deactivates the key even if no entry can be written.
///
/// # Assumptions
/// Those of [`decide`](crate::decide::decide()), and that no contradicting requests are made within
/// `settle` of each other: nothing stops one operator from revoking the key that another is rolling
/// back to.
#[must_use]
pub fn decide_request(
    seen: &Observed,
    request: &Request,
    policy: &WaitPolicy,
    now: Timestamp,
) -> Decision {
    let quarantine = seen.quarantine.clone();
    let seen = &of_request(seen, policy, now);
    match request {
        Request::Rollback { to } => decide_for(seen, Ask::Rollback(to), policy, now),
        Request::Revoke(order) => decide_for(seen, Ask::Revoke(order), policy, now),
        Request::Bind => bind(seen, policy, now),
        Request::Leave { to } => moving::leave(seen, to, quarantine, policy, now),
        Request::Move { from } => moving::arrive(seen, from, policy, now),
        Request::Reinstate { key } => decide_for(seen, Ask::Reinstate(key), policy, now),
        Request::Deliver { to } => decide_for(seen, Ask::Deliver(to.as_ref()), policy, now),
        Request::LetGo { to } => decide_for(seen, Ask::LetGo(to), policy, now),
    }
}

/// Returns the observed state for a request.
pub(super) fn of_request(seen: &Observed, policy: &WaitPolicy, now: Timestamp) -> Observed {
    // The operator makes the request because of AWS's quarantine.
    let mut seen = Observed { quarantine: None, ..believed(seen, policy, now).into_owned() };
    // A revocation that was requested from this run, and that it has recorded, applies whatever
    // happens to the entry.
    if let (Some(ordered), SecretState::Present(secret)) = (&seen.ordered, &mut seen.secret)
        && secret.journal.revocation_of(&ordered.key).is_none_or(|noted| !noted.covers(ordered))
    {
        secret.journal.revoked.retain(|noted| noted.key != ordered.key);
        secret.journal.revoked.push(ordered.clone());
    }
    seen
}

/// Records the user's place. If there is no secret yet, the user's first run creates it there, and
/// nowhere else.
fn bind(seen: &Observed, policy: &WaitPolicy, now: Timestamp) -> Decision {
    let Residence { tag, place, .. } = &seen.residence;
    let decision = home::home(seen, policy, now);
    match (&seen.secret, tag) {
        (SecretState::Missing, HomeTag::Absent) => decision
            .unwrap_or_else(|| Decision::Act(Step::BindUser(SecretArn::planned(place.clone())))),
        _ => decision.unwrap_or(Decision::Done),
    }
}
