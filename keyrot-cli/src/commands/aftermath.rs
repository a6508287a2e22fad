//! What still works after a revocation, and ending the user's sessions.

use crate::backend::Backend;
use crate::terminal::style::{self, paint};
use keyrot_core::model::UseEvidence;
use keyrot_core::report::{Aftermath, StillAlive};
use keyrot_core::requests::{EndedSessions, LONGEST_ROLE_SESSION, Lifted, end_sessions, lift_if_over};
use keyrot_core::usage::{TrailBounds, look_up, regions_to_ask};
use keyrot_core::{LastUse, Outcome, Revocation, Timestamp, UserName, UserResult};
use std::time::Duration;

/// CloudTrail is asked for the roles that the key assumed, within this.
const FOR_THE_TRAIL: Duration = Duration::from_secs(20);
/// So many of the key's newest uses are read in each region.
const MOST_EVENTS: usize = 1_000;

/// What came after a revocation.
#[derive(Default)]
pub(crate) struct After {
    pub(crate) still_alive: Vec<StillAlive>,
    pub(crate) ended: Option<EndedSessions>,
    pub(crate) not_ended: Option<String>,
}

/// What is known of the user around a revocation.
pub(crate) struct Around<'a> {
    pub(crate) order: &'a Revocation,
    /// How it ended.
    pub(crate) done: &'a UserResult,
    /// The user before it, if that was read.
    pub(crate) before: Option<&'a UserResult>,
    /// The user after it.
    pub(crate) left: Option<&'a UserResult>,
    pub(crate) end_sessions: bool,
}

/// Whether the key was seen Inactive or gone.
pub(crate) fn is_revoked(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Done | Outcome::Revoked { .. })
}

/// Ends the user's sessions, if that is asked for, and finds out what else is alive.
pub(crate) async fn aftermath(target: &Backend, around: Around<'_>) -> After {
    let Around { order, done, before, left, .. } = around;
    let mut after = After::default();
    if !is_revoked(&done.outcome) {
        if around.end_sessions {
            after.not_ended = Some("revoke the key first: it can start new sessions while it works".to_owned());
        }
        return after;
    }
    let user = &done.user;
    let now = target.ports.clock.now();
    if around.end_sessions {
        match end_sessions(target.policies.as_ref(), user, now).await {
            Ok(ended) => after.ended = Some(ended),
            Err(error) => after.not_ended = Some(error.to_string()),
        }
    }
    let trail = roles(target, done, order, now).await;
    let has = |one: &UserResult| one.current.as_ref() == Some(&order.key) || one.previous.as_ref() == Some(&order.key);
    let aftermath = Aftermath {
        user,
        order,
        seen: left.unwrap_or(done),
        published: [before, Some(done), left].into_iter().flatten().any(has),
        trail: trail.as_ref().map_err(String::as_str),
        ended: after.ended,
        now,
    };
    after.still_alive = aftermath.still_alive();
    after
}

async fn roles(target: &Backend, done: &UserResult, order: &Revocation, now: Timestamp) -> Result<UseEvidence, String> {
    let trail = target.trail.as_ref();
    let last_use = done.last_use.get(&order.key).cloned().unwrap_or(LastUse::NoRecord);
    let since = now - chrono::TimeDelta::from_std(LONGEST_ROLE_SESSION).unwrap_or_default();
    let bounds = TrailBounds { since, regions: regions_to_ask(trail, &last_use), most: MOST_EVENTS };
    let asked = tokio::time::timeout(FOR_THE_TRAIL, look_up(trail, &order.key, &bounds, &|_, _| {}));
    let evidence = asked.await.map_err(|_| "CloudTrail did not answer in time".to_owned())?;
    match evidence.regions.iter().find_map(|region| region.problem.clone()).filter(|_| evidence.is_blind()) {
        Some(problem) => Err(problem),
        None => Ok(evidence),
    }
}

/// Removes the policy that ended a user's sessions, once they have expired. Without the permission to read it, nothing is said.
pub(crate) async fn lift(target: &Backend, user: &UserName) {
    let name = EndedSessions::POLICY;
    let dim = |text: String| say!("{}", paint(style::DIM, text));
    match lift_if_over(target.policies.as_ref(), user, target.ports.clock.now()).await {
        Ok(Lifted::None | Lifted::NotYet(_)) => {}
        Ok(Lifted::Off(ended)) => dim(format!(
            "removed the policy {name} from {user}: the sessions that it denied, started before {}, have expired",
            ended.before.format("%F %R UTC")
        )),
        // That it is there was seen.
        Err(error) if error.message.contains("DeleteUserPolicy") => dim(format!(
            "the policy {name} of {user} is no longer needed and could not be removed ({error}); to remove it: aws iam delete-user-policy --user-name {user} --policy-name {name}"
        )),
        Err(_) => {}
    }
}
