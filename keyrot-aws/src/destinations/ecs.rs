//! Services of Amazon ECS. They are restarted, so that their new tasks read the current key.
//!
//! A task gets the values of its secrets when it starts, and keeps them (ECS developer guide, "Pass
//! Secrets Manager secrets through Amazon ECS environment variables"). A forced deployment replaces
//! all tasks by the service's own rules (API reference, `UpdateService`, parameter
//! `forceNewDeployment`).
//!
//! The mark is the time of the announcement, by AWS's clock. A delivery is complete when no task
//! from before that time is running. Deployments do not show that: one that fails may be undone,
//! and the earlier tasks stay. A deployment is started only if none has started since the mark, or
//! if the last one has ended and earlier tasks are still running. So a service is restarted only
//! once for each key, no matter who restarts it.

use super::about::{About, WITHIN, after_a_write, now};
use super::json_service::{JsonService, instant};
use crate::connection::Aws;
use crate::signed_requests::json_call::{Refused, Service};
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use keyrot_core::model::format_duration;
use keyrot_core::model::{Abilities, Delivery, DestinationName, Found, Holds, Mark, Receipt};
use keyrot_core::ports::Destination;
use keyrot_core::settings::EcsServices;
use keyrot_core::{CallError, Effect, ErrorKind};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The first and the longest pause before a service is read again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(4));
/// The time limit for reading a service.
const READ: Duration = Duration::from_secs(4);
/// A restart that takes longer is a failure. ECS itself gives up only if the service has a circuit
/// breaker.
const LONGEST: Duration = Duration::from_secs(60 * 60);
/// The limit on tasks that one call lists (API reference, `ListTasks`).
const TASKS: usize = 100;
/// How many tasks one call describes. A task with many containers takes several kilobytes.
const DESCRIBED: usize = 25;
/// A mark that is later than now, by more than clocks may differ, was not written by keyrot.
const AHEAD: TimeDelta = TimeDelta::minutes(5);

/// The ECS API, with its error codes (API reference, `DescribeServices`, `UpdateService`).
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
            ". The role needs ecs:DescribeServices and ecs:UpdateService for the service, ecs:ListTasks and ecs:DescribeTasks in its cluster"
        }
        "AccessDeniedException" => match operation {
            "UpdateService" => ". keyrot's own credentials need ecs:UpdateService",
            "ListTasks" => ". keyrot's own credentials need ecs:ListTasks",
            "DescribeTasks" => ". keyrot's own credentials need ecs:DescribeTasks",
            _ => ". keyrot's own credentials need ecs:DescribeServices",
        },
        "ClusterNotFoundException" => ". Is it in this region and account?",
        _ => "",
    },
};

pub(super) struct Services {
    name: DestinationName,
    service: JsonService,
    aws: Aws,
}

/// The response to `DescribeServices`.
#[derive(Deserialize)]
struct Described {
    #[serde(default)]
    services: Vec<Seen>,
}

/// The response to `UpdateService`.
#[derive(Deserialize)]
struct Updated {
    service: Seen,
}

/// The response to `ListTasks`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    #[serde(default)]
    task_arns: Vec<String>,
    next_token: Option<String>,
}

/// The response to `DescribeTasks`. It omits tasks that have ended in the meantime.
#[derive(Deserialize)]
struct Tasks {
    #[serde(default)]
    tasks: Vec<Task>,
    #[serde(default)]
    failures: Vec<Unknown>,
}

/// A task about which it says nothing.
#[derive(Deserialize)]
struct Unknown {
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Task {
    created_at: Option<f64>,
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

/// A deployment of a service.
#[derive(Deserialize, Clone)]
#[serde(rename_all = "camelCase")]
struct Deployment {
    id: String,
    #[serde(default)]
    status: String,
    created_at: Option<f64>,
    /// Set only for rolling updates that are not behind a Classic Load Balancer.
    rollout_state: Option<String>,
    rollout_state_reason: Option<String>,
}

/// What to do about tasks from before the mark.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// A deployment that replaces them is in progress.
    Wait,
    /// No deployment is replacing them.
    Restart,
    /// The deployment that this call started has failed.
    Failed(String),
}

impl Services {
    pub(super) fn new(name: &DestinationName, kind: &EcsServices, aws: &Aws) -> Self {
        let service = JsonService::new(aws, &ECS, kind.region.as_deref(), kind.role.as_ref());
        Self { name: name.clone(), service, aws: aws.clone() }
    }

    fn about<'a>(&'a self, place: &'a str) -> About<'a> {
        About { name: &self.name, what: "the service", place }
    }

    async fn describe(&self, about: &About<'_>, end: Instant) -> Result<Seen, CallError> {
        let (cluster, service) = parts(about.place);
        let body = json!({ "cluster": cluster, "services": [service] });
        let answer: Described = self.read(about, "DescribeServices", &body, end).await?;
        // A deleted service is listed as INACTIVE for a while.
        let found = answer.services.into_iter().find(|seen| seen.status != "INACTIVE");
        let Some(seen) = found else {
            let region = self.service.region();
            let said = format!(
                "there is no such service in {region}; correct `to` or `region`, or remove the destination"
            );
            return Err(about.refused(ErrorKind::NotFound, said));
        };
        match &seen.deployment_controller {
            Some(Controller { r#type }) if r#type != "ECS" => {
                let made_by = crate::error_text::scrub::scrub(r#type, &[]);
                let said = format!(
                    "its deployment controller is {made_by}, so keyrot cannot restart it; expected ECS"
                );
                Err(about.refused(ErrorKind::Other, said))
            }
            _ => Ok(seen),
        }
    }

    /// Returns the creation times of the service's tasks that ECS is not stopping.
    async fn tasks(
        &self,
        about: &About<'_>,
        end: Instant,
    ) -> Result<Vec<Option<DateTime<Utc>>>, CallError> {
        let (cluster, service) = parts(about.place);
        let (mut created, mut next) = (Vec::new(), None);
        loop {
            let mut body =
                json!({ "cluster": cluster, "serviceName": service, "maxResults": TASKS });
            if let Some(token) = next {
                body["nextToken"] = json!(token);
            }
            let page: Listed = self.read(about, "ListTasks", &body, end).await?;
            for some in page.task_arns.chunks(DESCRIBED) {
                let body = json!({ "cluster": cluster, "tasks": some });
                let told: Tasks = self.read(about, "DescribeTasks", &body, end).await?;
                created.extend(told.tasks.iter().map(|task| task.created_at.and_then(instant)));
                // A task that has ended since is missing. Nothing is known about any other.
                let unknown = told.failures.iter().filter(|it| it.reason != "MISSING");
                created.extend(unknown.map(|_| None));
            }
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(created);
            }
        }
    }

    /// Starts a deployment.
    async fn restart(&self, about: &About<'_>, end: Instant) -> Result<Seen, CallError> {
        let (cluster, service) = parts(about.place);
        let body = json!({ "cluster": cluster, "service": service, "forceNewDeployment": true });
        let sent = self.service.write("UpdateService", &body.to_string(), end).await;
        let answer = sent.map_err(|refused| {
            let effect = if refused.is_lost { Effect::Unknown } else { Effect::None };
            self.failed(about, "UpdateService", effect, refused)
        })?;
        let updated: Updated = serde_json::from_slice(&answer)
            .map_err(|_| unreadable(about, Effect::Unknown, "UpdateService"))?;
        Ok(updated.service)
    }

    async fn read<T: DeserializeOwned>(
        &self,
        about: &About<'_>,
        operation: &'static str,
        body: &Value,
        end: Instant,
    ) -> Result<T, CallError> {
        let sent = self.service.read(operation, &body.to_string(), end).await;
        let failed = |refused| self.failed(about, operation, Effect::None, refused);
        serde_json::from_slice(&sent.map_err(failed)?)
            .map_err(|_| unreadable(about, Effect::None, operation))
    }

    fn failed(
        &self,
        about: &About<'_>,
        operation: &str,
        effect: Effect,
        refused: Refused,
    ) -> CallError {
        let said = format!("ecs:{operation} in {} failed: {}", self.service.region(), refused.why);
        about.error(refused.kind, effect, said).with_aws_code(refused.code)
    }

    /// Returns the time of the oldest task. A task without a time counts as older than any key.
    fn found(
        &self,
        about: &About<'_>,
        tasks: &[Option<DateTime<Utc>>],
    ) -> Result<Found, CallError> {
        Ok(Found::Copy {
            mark: about.mark(now(&self.aws).timestamp_millis().to_string())?,
            holds: Holds::NotShown,
            written: tasks.iter().map(|created| created.unwrap_or(DateTime::UNIX_EPOCH)).min(),
        })
    }
}

#[async_trait]
impl Destination for Services {
    fn abilities(&self) -> Abilities {
        Abilities::RESTARTS
    }

    async fn inspect(&self, place: &str) -> Result<Found, CallError> {
        let (about, end) = (self.about(place), Instant::now() + WITHIN);
        self.describe(&about, end).await?;
        let tasks = self.tasks(&about, end).await?;
        self.found(&about, &tasks)
    }

    async fn deliver(&self, place: &str, delivery: &Delivery) -> Result<Found, CallError> {
        let (about, end) = (self.about(place), Instant::now() + WITHIN);
        let since = match &delivery.replaces {
            Some(mark) => {
                let since = time(mark).filter(|since| *since <= now(&self.aws) + AHEAD);
                since.ok_or_else(|| {
                    let tag = Receipt::tag_of(&self.name);
                    let said = format!(
                        "the tag {tag} of the user's secret was not written by keyrot: it has no time that can be right; remove that tag"
                    );
                    about.refused(ErrorKind::Other, said)
                })?
            }
            None => now(&self.aws),
        };
        let (mut pause, longest) = PAUSES;
        let mut begun: Option<String> = None;
        loop {
            let of_now = |error| if begun.is_some() { after_a_write(error) } else { error };
            let seen = self.describe(&about, end).await.map_err(of_now)?;
            let tasks = self.tasks(&about, end).await.map_err(of_now)?;
            // A task without a time counts as an earlier task.
            let old = tasks.iter().filter(|it| it.is_none_or(|created| created <= since)).count();
            if old == 0 {
                return self.found(&about, &tasks);
            }
            match seen.next(since, begun.as_deref()) {
                Next::Restart => {
                    let seen = self.restart(&about, end).await?;
                    begun = Some(seen.primary().map(|it| it.id.clone()).unwrap_or_default());
                }
                Next::Failed(why) => {
                    let said = format!(
                        "its deployment failed ({why}), and tasks from before it still run: {old}; see the service's events"
                    );
                    return Err(about.error(ErrorKind::Other, Effect::Unknown, said));
                }
                Next::Wait if Instant::now() + pause + READ < end => {}
                Next::Wait => {
                    let so_far = (now(&self.aws) - since).to_std().unwrap_or_default();
                    let said = format!(
                        "tasks from before its restart still run: {old} of {}",
                        tasks.len()
                    );
                    let (kind, said) = match so_far > LONGEST {
                        true => {
                            let hours = format_duration(Duration::from_secs(
                                so_far.as_secs() / 3600 * 3600,
                            ));
                            (
                                ErrorKind::Other,
                                format!("{said}, for {hours}; see the service's events"),
                            )
                        }
                        false => (ErrorKind::InProgress, said),
                    };
                    return Err(about.error(kind, Effect::Unknown, said));
                }
            }
            sleep(pause).await;
            pause = longest.min(2 * pause);
        }
    }
}

impl Seen {
    fn primary(&self) -> Option<&Deployment> {
        self.deployments.iter().find(|one| one.status == "PRIMARY")
    }

    /// Returns what to do about tasks from before this time. `begun` is the deployment that this
    /// call has started.
    fn next(&self, since: DateTime<Utc>, begun: Option<&str>) -> Next {
        if let Some(begun) = begun {
            // The new deployment may not be listed yet.
            let own = self.deployments.iter().find(|one| one.id == begun);
            let failed = own.filter(|own| own.has(&["FAILED"]));
            return failed.map_or(Next::Wait, |own| Next::Failed(own.reason()));
        }
        let is_later = |one: &&Deployment| {
            // Times of deployments and times of responses are rounded to different units.
            let from = since - TimeDelta::seconds(1);
            one.created_at.and_then(instant).is_some_and(|created| from <= created)
        };
        match self.primary().filter(is_later) {
            Some(later) if !later.has(&["FAILED", "COMPLETED"]) => Next::Wait,
            _ => Next::Restart,
        }
    }
}

impl Deployment {
    fn has(&self, states: &[&str]) -> bool {
        self.rollout_state.as_deref().is_some_and(|state| states.contains(&state))
    }

    fn reason(&self) -> String {
        crate::error_text::scrub::scrub(
            self.rollout_state_reason.as_deref().unwrap_or("no reason"),
            &[],
        )
    }
}

/// Returns the time in a mark, which is in milliseconds.
fn time(mark: &Mark) -> Option<DateTime<Utc>> {
    let time = DateTime::from_timestamp_millis(mark.as_str().parse().ok()?)?;
    Some(time).filter(|time| *time > DateTime::UNIX_EPOCH)
}

/// Splits a place into cluster and service. Its form was checked with the settings.
fn parts(place: &str) -> (&str, &str) {
    place.split_once('/').unwrap_or((place, ""))
}

fn unreadable(about: &About<'_>, effect: Effect, operation: &str) -> CallError {
    about.error(ErrorKind::Other, effect, format!("the answer of ecs:{operation} cannot be read"))
}
