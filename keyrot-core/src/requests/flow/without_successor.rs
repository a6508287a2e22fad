//! A revocation that first deactivates the key with IAM alone, and then does the rest as far as
//! possible.

use super::after::unless;
use super::{
    Done, FindTarget, RequestFlow, RequestPlan, RequestReport, is_revoked, only, steps_of,
};
use crate::decide::decision::blocked::Blocked;
use crate::engine::report::{Report, UserResult};
use crate::engine::rotator::Progress;
use crate::engine::target::Target;
use crate::machine::outcome::Outcome;
use crate::machine::planned::PlannedAction;
use crate::model::names::KeyId;
use crate::model::observed::KeyStatus;
use crate::model::request::{Request, Revocation};
use crate::ports::cancel::Cancel;
use crate::ports::within;
use std::time::Duration;

/// The time limit for the preview. It is short, because the key has to be deactivated soon.
const FOR_THE_PREVIEW: Duration = Duration::from_secs(15);

/// Whether the key was Active in the last listing of the user's keys.
fn works(seen: &UserResult, key: &KeyId) -> bool {
    seen.keys.iter().any(|listed| listed.id == *key && listed.status == KeyStatus::Active)
}

impl RequestFlow {
    /// Returns everything that will follow the deactivation, or only the deactivation if the rest
    /// cannot be determined in time.
    pub async fn plan_off_first(&self, request: Request) -> RequestPlan {
        let whole = async {
            let target = (self.rest.as_ref()?)().await.ok()?;
            Some((self.preview(&target, &request).await, target))
        };
        let found = within(&*self.ports.clock, FOR_THE_PREVIEW, whole).await.flatten();
        let (report, target) = match found {
            Some(found)
                if found.0.users.iter().all(|one| !matches!(one.outcome, Outcome::Failed(_))) =>
            {
                found
            }
            _ => {
                let target = Target::for_iam_only(
                    &self.target.subject.user,
                    "the user was not found in time",
                );
                (self.preview(&target, &request).await, target)
            }
        };
        let seen = only(&report, &target);
        let evidence = self.evidence(&seen).await;
        self.planned(&target, (request, &report), evidence, Some(seen))
    }

    /// Returns a plan without reading anything, for an operator who has already agreed.
    #[must_use]
    pub fn unplanned(&self, request: Request) -> RequestPlan {
        let now = self.ports.clock.now();
        let report = Report {
            started: now,
            finished: now,
            users: Vec::new(),
            notifier_failures: Vec::new(),
        };
        self.planned(&self.target, (request, &report), Vec::new(), None)
    }

    pub(super) async fn switch_off(
        &self,
        plan: RequestPlan,
        key: &KeyId,
        find: &FindTarget,
        (cancel, progress): (&Cancel, &(dyn Fn(Progress) + Sync)),
    ) -> RequestReport {
        let RequestPlan { request, before, .. } = plan;
        // A deletion is part of the rest.
        let (off_only, deletes) = match &request {
            Request::Revoke(order) => {
                (Request::Revoke(Revocation { delete: false, ..order.clone() }), order.delete)
            }
            other => (other.clone(), false),
        };
        let mut first = self.fulfill(&self.target, &off_only, (cancel, progress)).await;
        let mut intended = vec![PlannedAction::Deactivate(key.clone())];
        let off = only(&first, &self.target);
        if !is_revoked(&off.outcome) || cancel.is_cancelled() {
            let done = Done { report: first, before, intended, evidence: Vec::new() };
            return self.close(&self.target, request, done, cancel).await;
        }
        // From here on, the key is Inactive, and any other failure is reported in addition.
        let found = match unless(cancel, find()).await {
            Some(Ok(target)) => unless(cancel, self.preview(&target, &request))
                .await
                .map(|plan| (target, plan))
                .ok_or_else(|| "stopped by a signal".to_owned()),
            Some(Err(why)) => Err(why),
            None => Err("stopped by a signal".to_owned()),
        };
        let evidence = unless(cancel, self.evidence(&off)).await.unwrap_or_default();
        let (target, plan) = match found {
            Ok(found) => found,
            Err(reason) => {
                let rest = Outcome::Blocked(Blocked::IamOnly { reason });
                for one in &mut first.users {
                    one.outcome = match &one.outcome {
                        Outcome::Revoked { key, .. } if !deletes => {
                            Outcome::Revoked { key: key.clone(), rest: Box::new(rest.clone()) }
                        }
                        _ => rest.clone(),
                    };
                }
                let done = Done { report: first, before, intended, evidence };
                return self.close(&self.target, request, done, cancel).await;
            }
        };
        let planned = only(&plan, &target);
        intended.extend(steps_of(&planned));
        let before = before.or(Some(planned));
        let mut report = self.fulfill(&target, &request, (cancel, progress)).await;
        for (rest, first) in report.users.iter_mut().zip(&first.users) {
            rest.events.splice(0..0, first.events.iter().cloned());
            rest.calls += first.calls;
            // The key is Inactive even if the rest failed, unless the rest found it Active again
            // and could not deactivate it.
            if !is_revoked(&rest.outcome) && !deletes && !works(rest, key) {
                rest.outcome =
                    Outcome::Revoked { key: key.clone(), rest: Box::new(rest.outcome.clone()) };
            }
        }
        report.started = first.started;
        self.close(&target, request, Done { report, before, intended, evidence }, cancel).await
    }
}
