//! Services of Amazon ECS: they are restarted, so their new tasks read the current key.
//!
//! A task gets the values of its secrets when it starts, and keeps them (ECS developer guide, "Pass
//! Secrets Manager secrets through Amazon ECS environment variables"). A forced deployment replaces
//! all tasks by the service's own rules (API reference, `UpdateService`, parameter
//! `forceNewDeployment`).
//!
//! The mark is the id of the service's primary deployment. A delivery begins a deployment only if
//! that is still the one that was announced: after a crash, or if someone else has deployed since,
//! the new tasks read the current key anyway. So no service is restarted twice for one key, and two
//! users' keys may share one.

use super::about::{About, WITHIN};
use super::json_service::{JsonService, instant};
use crate::connect::Aws;
use crate::json_call::{Refused, Service};
use async_trait::async_trait;
use keyrot_core::model::{Abilities, Delivery, DestinationName, Found, Holds};
use keyrot_core::ports::Destination;
use keyrot_core::settings::EcsServices;
use keyrot_core::{CallError, Effect, ErrorKind};
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The first pause before a service is read again, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(4));
/// How long a read may take.
const READ: Duration = Duration::from_secs(3);

/// ECS, with its errors (API reference, `DescribeServices`, `UpdateService`).
const ECS: Service = Service {
    sdk_id: "ECS",
    name: "ecs",
    target: "AmazonEC2ContainerServiceV20141113",
    kind: |code| {
        Some(match code {
            "ClusterNotFoundException" | "ServiceNotFoundException" => ErrorKind::NotFound,
            "ServiceNotActiveException" => ErrorKind::NotFound,
            "ServerException" => ErrorKind::Unavailable,
            _ => return None,
        })
    },
    hint: |code, operation, by_role| match code {
        "AccessDeniedException" if by_role => {
            ". The role needs ecs:DescribeServices and ecs:UpdateService"
        }
        "AccessDeniedException" if operation == "UpdateService" => {
            ". keyrot's own credentials need ecs:UpdateService"
        }
        "AccessDeniedException" => ". keyrot's own credentials need ecs:DescribeServices",
        "ClusterNotFoundException" => ". Is it in this region and account?",
        _ => "",
    },
};

pub(super) struct Services {
    name: DestinationName,
    service: JsonService,
}

/// The answer of `DescribeServices`.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    services: Vec<Seen>,
}

/// The answer of `UpdateService`.
#[derive(Deserialize)]
struct Updated {
    service: Seen,
}

/// A service.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Seen {
    #[serde(default)]
    status: String,
    deployment_controller: Option<Controller>,
    #[serde(default)]
    deployments: Vec<Deployment>,
}

#[derive(Deserialize)]
struct Controller {
    r#type: String,
}

/// One of its deployments.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Deployment {
    id: String,
    status: String,
    #[serde(default)]
    desired_count: i64,
    #[serde(default)]
    running_count: i64,
    #[serde(default)]
    pending_count: i64,
    created_at: Option<f64>,
    /// Not behind a Classic Load Balancer.
    rollout_state: Option<String>,
    rollout_state_reason: Option<String>,
}

/// How far a deployment is.
#[derive(Debug, PartialEq, Eq)]
enum Progress {
    /// All tasks are new, and run.
    Complete,
    /// It goes on.
    Going(String),
    /// It does not go on by itself.
    Stuck(String),
}

impl Services {
    pub(super) fn new(name: &DestinationName, kind: &EcsServices, aws: &Aws) -> Self {
        let service = JsonService::new(aws, &ECS, kind.region.as_deref(), kind.role.as_ref());
        Self { name: name.clone(), service }
    }

    fn about<'a>(&'a self, place: &'a str) -> About<'a> {
        About { name: &self.name, what: "the service", place }
    }

    async fn describe(&self, place: &str, end: Instant) -> Result<Seen, CallError> {
        let about = self.about(place);
        let (cluster, service) = parts(place);
        let body = json!({ "cluster": cluster, "services": [service] }).to_string();
        let sent = self.service.read("DescribeServices", &body, end).await;
        let answer =
            sent.map_err(|refused| self.failed(&about, "ecs:DescribeServices", refused))?;
        let answer: Answer = serde_json::from_slice(&answer)
            .map_err(|_| unreadable(&about, Effect::None, "ecs:DescribeServices"))?;
        // One that was deleted is listed as INACTIVE for a while.
        let found = answer.services.into_iter().find(|seen| seen.status != "INACTIVE");
        let Some(seen) = found else {
            let region = self.service.region();
            let said = format!("there is no such service in {region}; correct `to` or `region`");
            return Err(about.refused(ErrorKind::NotFound, said));
        };
        match &seen.deployment_controller {
            Some(Controller { r#type }) if r#type != "ECS" => {
                let made_by = crate::scrub::scrub(r#type, &[]);
                let said = format!(
                    "its deployment controller is {made_by}, so keyrot cannot restart it; expected ECS (rolling updates)"
                );
                Err(about.refused(ErrorKind::Other, said))
            }
            _ => Ok(seen),
        }
    }

    /// Begins a deployment.
    async fn restart(&self, place: &str, end: Instant) -> Result<Seen, CallError> {
        let about = self.about(place);
        let (cluster, service) = parts(place);
        let body = json!({ "cluster": cluster, "service": service, "forceNewDeployment": true });
        let sent = self.service.write("UpdateService", &body.to_string(), end).await;
        let answer = sent.map_err(|refused| self.failed(&about, "ecs:UpdateService", refused))?;
        let updated: Updated = serde_json::from_slice(&answer)
            .map_err(|_| unreadable(&about, Effect::Unknown, "ecs:UpdateService"))?;
        Ok(updated.service)
    }

    fn failed(&self, about: &About<'_>, action: &str, refused: Refused) -> CallError {
        let is_open = refused.is_lost && action == "ecs:UpdateService";
        let effect = if is_open { Effect::Unknown } else { Effect::None };
        let said = format!("{action} in {} failed: {}", self.service.region(), refused.why);
        about.error(refused.kind, effect, said).with_aws_code(refused.code)
    }
}

#[async_trait]
impl Destination for Services {
    fn abilities(&self) -> Abilities {
        Abilities::RESTARTS
    }

    async fn inspect(&self, place: &str) -> Result<Found, CallError> {
        self.describe(place, Instant::now() + WITHIN).await?.found(&self.about(place))
    }

    async fn deliver(&self, place: &str, delivery: &Delivery) -> Result<Found, CallError> {
        let (about, end) = (self.about(place), Instant::now() + WITHIN);
        let mut seen = self.describe(place, end).await?;
        let before = seen.found(&about)?;
        let is_due = delivery.replaces.is_none() || before.mark() == delivery.replaces.as_ref();
        if is_due {
            seen = self.restart(place, end).await?;
        }
        let (mut pause, longest) = PAUSES;
        loop {
            let found = seen.found(&about).map_err(super::about::after_a_write)?;
            let progress = match found.mark() == before.mark() && is_due {
                // A deployment that fails may be undone: the primary one is the earlier one again.
                true => Progress::Stuck("ECS has gone back to its earlier tasks".to_owned()),
                false => seen.progress(),
            };
            let (kind, said) = match progress {
                Progress::Complete => return Ok(found),
                Progress::Stuck(why) => {
                    let advice = "so tasks still have the old key; see the service's events";
                    (ErrorKind::Other, format!("{why}, {advice}"))
                }
                Progress::Going(_) if Instant::now() + pause + READ < end => {
                    sleep(pause).await;
                    pause = longest.min(2 * pause);
                    seen = self.describe(place, end).await.map_err(super::about::after_a_write)?;
                    continue;
                }
                Progress::Going(why) => (ErrorKind::InProgress, why),
            };
            return Err(about.error(kind, Effect::Unknown, said));
        }
    }
}

impl Seen {
    fn primary(&self) -> Option<&Deployment> {
        self.deployments.iter().find(|one| one.status == "PRIMARY")
    }

    fn found(&self, about: &About<'_>) -> Result<Found, CallError> {
        let Some(primary) = self.primary() else {
            return Err(about.refused(ErrorKind::Other, "it has no primary deployment"));
        };
        Ok(Found::Copy {
            mark: about.mark(primary.id.clone())?,
            holds: Holds::NotShown,
            written: primary.created_at.and_then(instant),
        })
    }

    fn progress(&self) -> Progress {
        let Some(primary) = self.primary() else {
            return Progress::Going("it has no primary deployment yet".to_owned());
        };
        let old = self.deployments.iter().filter(|one| one.id != primary.id);
        let old: i64 = old.map(|one| one.running_count + one.pending_count).sum();
        let Deployment { desired_count, running_count, .. } = primary;
        match primary.rollout_state.as_deref() {
            Some("FAILED") => {
                let reason = primary.rollout_state_reason.as_deref().unwrap_or("no reason");
                Progress::Stuck(format!(
                    "its deployment failed ({})",
                    crate::scrub::scrub(reason, &[])
                ))
            }
            _ if running_count < desired_count => {
                Progress::Going(format!("{running_count} of {desired_count} tasks are restarted"))
            }
            _ if old > 0 => Progress::Going(format!("old tasks that still run: {old}")),
            None | Some("COMPLETED") => Progress::Complete,
            Some(_) => {
                Progress::Going("its new tasks run, and are being watched by ECS".to_owned())
            }
        }
    }
}

/// Cluster and service; the form of the place was checked with the settings.
fn parts(place: &str) -> (&str, &str) {
    place.split_once('/').unwrap_or((place, ""))
}

fn unreadable(about: &About<'_>, effect: Effect, action: &str) -> CallError {
    about.error(ErrorKind::Other, effect, format!("the answer of {action} cannot be read"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use serde_json::Value;

    fn progress(deployments: &Value) -> Progress {
        let seen = json!({ "status": "ACTIVE", "deployments": deployments });
        serde_json::from_value::<Seen>(seen).unwrap().progress()
    }

    fn new(running: u32, state: Option<&str>) -> Value {
        json!({ "id": "b", "status": "PRIMARY", "desiredCount": 3, "runningCount": running, "rolloutState": state })
    }

    fn old(running: u32, pending: u32) -> Value {
        json!({ "id": "a", "status": "ACTIVE", "desiredCount": 3, "runningCount": running, "pendingCount": pending })
    }

    fn going(said: &str) -> Progress {
        Progress::Going(said.to_owned())
    }

    #[test]
    fn a_restart_is_complete_when_only_new_tasks_run() {
        // Behind a Classic Load Balancer, there is no rollout state.
        for (under_way, complete) in [(Some("IN_PROGRESS"), Some("COMPLETED")), (None, None)] {
            let restarted = going("1 of 3 tasks are restarted");
            assert_eq!(progress(&json!([new(1, under_way), old(3, 0)])), restarted);
            let ending = going("old tasks that still run: 2");
            assert_eq!(progress(&json!([new(3, under_way), old(1, 1)])), ending);
            assert_eq!(progress(&json!([new(3, complete), old(1, 1)])), ending);
            assert_eq!(progress(&json!([new(3, complete), old(0, 0)])), Progress::Complete);
            assert_eq!(progress(&json!([new(3, complete)])), Progress::Complete);
        }
        let watched = going("its new tasks run, and are being watched by ECS");
        assert_eq!(progress(&json!([new(3, Some("IN_PROGRESS"))])), watched);
        let none = json!([{ "id": "b", "status": "PRIMARY", "rolloutState": "COMPLETED" }]);
        assert_eq!(progress(&none), Progress::Complete, "a service without tasks");
        let failed = progress(&json!([new(0, Some("FAILED")), old(3, 0)]));
        assert!(matches!(failed, Progress::Stuck(why) if why.contains("deployment failed")));
        assert_eq!(progress(&json!([])), going("it has no primary deployment yet"));
    }
}
