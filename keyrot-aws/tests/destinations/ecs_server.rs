//! Services of ECS, with `DescribeServices`, `UpdateService`, `ListTasks` and `DescribeTasks` as in
//! its API reference.

use super::server::{Answer, Request, Service};
use serde_json::{Value, json};
use std::time::SystemTime;

/// The number of the service's tasks.
const TASKS: usize = 3;
/// The number of tasks on a page, so that there is more than one page.
const PAGE: usize = 2;

/// A cluster `prod` with a service `shop`.
pub(crate) struct Ecs {
    pub(crate) controller: &'static str,
    pub(crate) status: &'static str,
    pub(crate) deployments: Vec<Deployment>,
    /// The time at which each task was created.
    pub(crate) tasks: Vec<f64>,
    /// The number of times that a new deployment is described before its tasks replace the others.
    pub(crate) takes: u32,
    pub(crate) then: Then,
    /// The number of times that a new deployment is missing from descriptions at first.
    pub(crate) lags: u32,
    /// Whether the first task is not described.
    pub(crate) hides: bool,
    made: u32,
}

/// How a deployment ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// All tasks are new.
    Completes,
    /// It fails and stays the primary one, because the circuit breaker has no rollback.
    Fails,
    /// It fails, and the circuit breaker makes an earlier deployment primary again, or a new one
    /// that keeps the earlier tasks.
    GoesBack { new_id: bool },
}

#[derive(Clone)]
pub(crate) struct Deployment {
    pub(crate) id: String,
    pub(crate) status: &'static str,
    pub(crate) state: Option<&'static str>,
    pub(crate) created: f64,
    left: u32,
}

pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64()
}

impl Default for Ecs {
    fn default() -> Self {
        let mut ecs = Self {
            controller: "ECS",
            status: "ACTIVE",
            deployments: Vec::new(),
            tasks: Vec::new(),
            takes: 0,
            then: Then::Completes,
            lags: 0,
            hides: false,
            made: 0,
        };
        ecs.deploy();
        ecs.settle();
        ecs.deployments[0].created -= 7_200.0;
        ecs.tasks.iter_mut().for_each(|created| *created -= 3_600.0);
        ecs
    }
}

impl Ecs {
    /// Starts a deployment.
    pub(crate) fn deploy(&mut self) {
        self.made += 1;
        self.deployments.iter_mut().for_each(|one| one.status = "ACTIVE");
        let deployment = Deployment {
            id: format!("ecs-svc/{:019}", self.made),
            status: "PRIMARY",
            state: Some("IN_PROGRESS"),
            created: now(),
            left: self.takes,
        };
        self.deployments.insert(0, deployment);
    }

    /// Ends the deployment.
    pub(crate) fn settle(&mut self) {
        self.deployments.truncate(1);
        self.deployments[0].state = Some("COMPLETED");
        self.tasks = vec![now() + 0.001; TASKS];
    }

    /// Lets time pass.
    fn tick(&mut self) {
        let newest = &mut self.deployments[0];
        if newest.state.is_some_and(|state| state != "IN_PROGRESS") {
            return;
        }
        if newest.left > 0 {
            newest.left -= 1;
            return;
        }
        match self.then {
            Then::Completes => self.settle(),
            Then::Fails => newest.state = Some("FAILED"),
            Then::GoesBack { new_id } => {
                (newest.status, newest.state) = ("ACTIVE", Some("FAILED"));
                let earlier = &mut self.deployments[1];
                earlier.status = "PRIMARY";
                if new_id {
                    (earlier.id, earlier.created) = ("ecs-svc/rolled-back".into(), now());
                }
            }
        }
    }

    fn shown(&self, hidden: bool) -> Value {
        let shown = |one: &Deployment| {
            let mut shown = json!({ "id": one.id, "status": one.status, "createdAt": one.created });
            if let Some(state) = one.state {
                let reason = "ECS deployment circuit breaker: tasks failed to start.";
                shown["rolloutState"] = json!(state);
                shown["rolloutStateReason"] = json!(reason);
            }
            shown
        };
        let mut deployments: Vec<Value> = self.deployments.iter().map(shown).collect();
        if hidden {
            deployments.remove(0);
            deployments[0]["status"] = json!("PRIMARY");
        }
        json!({
            "serviceName": "shop", "status": self.status,
            "deploymentController": { "type": self.controller },
            "deployments": deployments,
        })
    }

    fn list(&self, asked: &Value) -> Value {
        assert_eq!(asked["serviceName"], "shop");
        let from: usize = asked["nextToken"].as_str().map_or(0, |token| token.parse().unwrap());
        let until = self.tasks.len().min(from + PAGE);
        let arn = |n: usize| format!("arn:aws:ecs:eu-west-1:123456789012:task/prod/{n:032x}");
        let mut page = json!({ "taskArns": (from..until).map(arn).collect::<Vec<_>>() });
        if until < self.tasks.len() {
            page["nextToken"] = json!(until.to_string());
        }
        page
    }

    fn told(&self, asked: &Value) -> Value {
        let nth = |arn: &Value| {
            let n = arn.as_str().unwrap().rsplit('/').next().unwrap();
            usize::from_str_radix(n, 16).unwrap()
        };
        let of = |arn: &Value| {
            let created = self.tasks[nth(arn)];
            json!({ "taskArn": arn, "createdAt": created, "lastStatus": "RUNNING" })
        };
        let asked = asked["tasks"].as_array().unwrap().iter();
        let (hidden, shown): (Vec<_>, Vec<_>) = asked.partition(|arn| self.hides && nth(arn) == 0);
        let tasks: Vec<Value> = shown.into_iter().map(of).collect();
        let failed = |arn: &Value| json!({ "arn": arn, "reason": "UNAVAILABLE" });
        let failures: Vec<Value> = hidden.into_iter().map(failed).collect();
        json!({ "tasks": tasks, "failures": failures })
    }
}

impl Service for Ecs {
    fn answer(&mut self, request: &Request) -> Answer {
        let signed = &request.headers["authorization"];
        assert!(signed.contains("/ecs/aws4_request"), "{signed}");
        assert_eq!(request.headers["content-type"], "application/x-amz-json-1.1");
        let asked = request.json();
        if asked["cluster"] != "prod" {
            let body =
                json!({ "__type": "ClusterNotFoundException", "message": "Cluster not found." });
            return Answer(400, String::new(), body.to_string());
        }
        let operation = request.headers["x-amz-target"].rsplit('.').next().unwrap();
        let body = match operation {
            "DescribeServices" if asked["services"] == json!(["shop"]) => {
                let hidden = self.lags > 0 && self.deployments.len() > 1;
                self.lags = self.lags.saturating_sub(u32::from(hidden));
                let shown = self.shown(hidden);
                self.tick();
                json!({ "services": [shown], "failures": [] })
            }
            "DescribeServices" => json!({ "services": [], "failures": [{ "reason": "MISSING" }] }),
            "ListTasks" => self.list(&asked),
            "DescribeTasks" => self.told(&asked),
            "UpdateService" => {
                assert_eq!(asked["service"], "shop");
                assert_eq!(asked["forceNewDeployment"], true);
                self.deploy();
                json!({ "service": self.shown(false) })
            }
            other => panic!("{other}"),
        };
        Answer(200, String::new(), body.to_string())
    }
}
