//! The last part of a request: read the user again, and determine what still works.

use super::{Done, RequestFlow, RequestReport, is_revoked, next, only};
use crate::engine::report::UserResult;
use crate::engine::target::Target;
use crate::model::ended_sessions::{EndedSessions, LONGEST_ROLE_SESSION};
use crate::model::observed::LastUse;
use crate::model::request::{Request, Revocation};
use crate::model::time::Timestamp;
use crate::model::trail::evidence::UseEvidence;
use crate::ports::cancel::Cancel;
use crate::ports::within;
use crate::report::aftermath::{Aftermath, StillAlive};
use crate::report::user::UserDocument;
use crate::requests::end_sessions::end_sessions;
use crate::trail::{TrailBounds, look_up, regions_to_ask};
use futures_util::future::{Either, select};
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

/// The time limit for reading which roles the key has assumed from CloudTrail.
const FOR_THE_TRAIL: Duration = Duration::from_secs(20);
/// The limit on the key's newest uses that are read in each region.
const MOST_EVENTS: usize = 1_000;

/// The data collected after a revocation.
#[derive(Default)]
struct After {
    still_alive: Vec<StillAlive>,
    ended: Option<EndedSessions>,
    not_ended: Option<String>,
}

impl RequestFlow {
    /// Reads the user again, and determines what still works.
    pub(super) async fn close(
        &self,
        target: &Target,
        request: Request,
        done: Done,
        cancel: &Cancel,
    ) -> RequestReport {
        let Done { report, before, intended, evidence } = done;
        let result = only(&report, target);
        let mut document =
            self.document(target, Some(request.clone()), intended, evidence, &report);
        // From here on, a cancellation or a failed read must not lose the report.
        let reads = !cancel.is_cancelled() && target.policy.is_ok();
        let mut left = if reads { unless(cancel, self.look_at(target)).await } else { None };
        if let Request::Revoke(order) = &request {
            let seen = left.as_ref().unwrap_or(&result);
            let after =
                unless(cancel, self.aftermath(order, &result, (before.as_ref(), seen))).await;
            let After { still_alive, ended, not_ended } = after.unwrap_or_default();
            (document.still_alive, document.sessions_ended, document.sessions_not_ended) =
                (still_alive, ended, not_ended);
        }
        let over = document.sessions_ended.is_none() && !cancel.is_cancelled();
        let lifted = if over { unless(cancel, self.lift()).await } else { None };
        // IAM's listing may lag. It must not hide a change that the run itself has just made.
        for key in left.iter_mut().flat_map(|left| &mut left.keys) {
            if let Some(known) = result.keys.iter().find(|known| known.id == key.id) {
                key.status = known.status.clone();
            }
        }
        let seen = left.as_ref().unwrap_or(&result);
        document.user.hints.extend(next::still_off(&request, &result, seen));
        document.left = left.as_ref().map(|left| UserDocument::new(left, report.finished));
        let (kind, end_sessions) = (self.kind, self.end_sessions);
        RequestReport { kind, document, result, left, acted: true, end_sessions, lifted }
    }

    /// Ends the user's sessions, if requested, and determines what else still works.
    async fn aftermath(
        &self,
        order: &Revocation,
        done: &UserResult,
        (before, seen): (Option<&UserResult>, &UserResult),
    ) -> After {
        let mut after = After::default();
        if !is_revoked(&done.outcome) {
            if self.end_sessions {
                after.not_ended = Some(
                    "revoke the key first: it can start new sessions while it works".to_owned(),
                );
            }
            return after;
        }
        let user = &done.user;
        let now = self.ports.clock.now();
        if self.end_sessions {
            match end_sessions(&*self.policies, user, now).await {
                Ok(ended) => after.ended = Some(ended),
                Err(error) => after.not_ended = Some(error.to_string()),
            }
        }
        let trail = self.roles(done, order, now).await;
        let has = |one: &UserResult| {
            one.current.as_ref() == Some(&order.key) || one.previous.as_ref() == Some(&order.key)
        };
        let aftermath = Aftermath {
            user,
            order,
            seen,
            published: [before, Some(done), Some(seen)].into_iter().flatten().any(has),
            trail: trail.as_ref().map_err(String::as_str),
            ended: after.ended,
            now,
        };
        after.still_alive = aftermath.still_alive();
        after
    }

    async fn roles(
        &self,
        done: &UserResult,
        order: &Revocation,
        now: Timestamp,
    ) -> Result<UseEvidence, String> {
        let trail = &*self.trail;
        let last_use = done.last_use.get(&order.key).cloned().unwrap_or(LastUse::NoRecord);
        let since = now - chrono::TimeDelta::from_std(LONGEST_ROLE_SESSION).unwrap_or_default();
        let bounds =
            TrailBounds { since, regions: regions_to_ask(trail, &last_use), most: MOST_EVENTS };
        let answer = within(
            &*self.ports.clock,
            FOR_THE_TRAIL,
            look_up(trail, &order.key, &bounds, &|_, _| {}),
        )
        .await;
        let evidence = answer.ok_or_else(|| "CloudTrail did not answer in time".to_owned())?;
        match evidence
            .regions
            .iter()
            .find_map(|region| region.problem.clone())
            .filter(|_| evidence.is_blind())
        {
            Some(problem) => Err(problem),
            None => Ok(evidence),
        }
    }
}

/// Runs the work until it ends or a cancellation stops it.
pub(super) async fn unless<T>(cancel: &Cancel, work: impl Future<Output = T>) -> Option<T> {
    match select(pin!(work), pin!(cancel.cancelled())).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}
