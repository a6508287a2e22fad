//! What a person's request takes.

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

/// Decides what a person's request takes now: one pure, total function, beside
/// [`decide`](crate::decide::decide()).
///
/// # Expected flow
/// `Rollback`: `Act(Activate)` if the key is Inactive → `Look(Verified)` → `Write(promoted)`, for
/// later than any run takes → `Promote` → `Write(promoted)`, for now → `Done`. A key that is about
/// to leave is noted down as `hold` first, and left for `settle`. `Revoke`: `Write(revoked)` →
/// whatever [`decide`](crate::decide::decide()) says, until a successor is in place and the key is
/// Inactive → `Done`. The entry makes [`decide`](crate::decide::decide()) take the key for due, and
/// pass over its overlap and `recent_use`; so a request that dies halfway is finished by the next run.
/// With `without_successor`, [`Rotation`](crate::machine::rotation::Rotation) deactivates the key
/// and sees it Inactive before it reads anything else; what is decided here is what follows.
/// `Reinstate`: `Write(revoked)` without the key → `Done`. `Deliver`: `Look(Verified)` → for each
/// destination `Look(Destination)` → `Deliver` → `Write(receipt)` → `Done`. `LetGo`:
/// `Write(receipt)` → `Done`. `Leave`: `Write(moved)` → `Done`.
/// `Move`, with the settings of the new place: `BindSecret` and `Write(moved)`, where a secret
/// exists there that is not the user's yet or was left once → `BindUser` → `Done`.
///
/// # Guarantees
/// - AWSCURRENT is only ever moved to a version whose credentials have authenticated in this very
///   run, and never to a revoked key.
/// - A key is revoked only with a verified successor in place, and deleted only after its soak,
///   unless the request says otherwise explicitly.
/// - What is refused has changed nothing. What ends otherwise may have: a key that was reactivated
///   in vain stays Active until runs retire it again, and `without_successor` deactivates the key
///   even if nothing can be noted down of it.
///
/// # Assumptions
/// Those of [`decide`](crate::decide::decide()). And requests that contradict each other are not
/// made within `settle` of each other: nothing stops one person from revoking the key that another
/// is just going back to.
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

/// The observed state as a request takes it.
pub(super) fn of_request(seen: &Observed, policy: &WaitPolicy, now: Timestamp) -> Observed {
    // AWS's quarantine is why somebody is here.
    let mut seen = Observed { quarantine: None, ..believed(seen, policy, now).into_owned() };
    // What this very run was asked for, and has written down, holds for it whatever became of the
    // entry.
    if let (Some(ordered), SecretState::Present(secret)) = (&seen.ordered, &mut seen.secret)
        && secret.journal.revocation_of(&ordered.key).is_none_or(|noted| !noted.covers(ordered))
    {
        secret.journal.revoked.retain(|noted| noted.key != ordered.key);
        secret.journal.revoked.push(ordered.clone());
    }
    seen
}

/// Where there is no secret yet, the place alone is recorded: the user's first run creates it
/// there, and nowhere else.
fn bind(seen: &Observed, policy: &WaitPolicy, now: Timestamp) -> Decision {
    let Residence { tag, place, .. } = &seen.residence;
    let decision = home::home(seen, policy, now);
    match (&seen.secret, tag) {
        (SecretState::Missing, HomeTag::Absent) => decision
            .unwrap_or_else(|| Decision::Act(Step::BindUser(SecretArn::planned(place.clone())))),
        _ => decision.unwrap_or(Decision::Done),
    }
}
