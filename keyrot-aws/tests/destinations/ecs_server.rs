//! Services of ECS, as its API reference has `DescribeServices` and `UpdateService`.

use super::server::{Answer, Request, Service};
use serde_json::{Value, json};

/// A cluster `prod` with a service `shop`.
pub(crate) struct Ecs {
    pub(crate) controller: &'static str,
    pub(crate) status: &'static str,
    pub(crate) deployments: Vec<Deployment>,
    /// How often a new deployment is described before it is complete.
    pub(crate) takes: u32,
    /// Whether new tasks do not start, and the circuit breaker goes back to the earlier ones.
    pub(crate) goes_back: bool,
    made: u32,
}

#[derive(Clone)]
pub(crate) struct Deployment {
    pub(crate) id: String,
    pub(crate) status: &'static str,
    pub(crate) running: u32,
    pub(crate) state: Option<&'static str>,
    created: f64,
    left: u32,
}

/// How many tasks the service has.
const TASKS: u32 = 3;

impl Default for Ecs {
    fn default() -> Self {
        let mut ecs = Self {
            controller: "ECS",
            status: "ACTIVE",
            deployments: Vec::new(),
            takes: 0,
            goes_back: false,
            made: 0,
        };
        ecs.deploy();
        ecs.settle();
        ecs
    }
}

impl Ecs {
    /// Begins a deployment.
    pub(crate) fn deploy(&mut self) {
        self.made += 1;
        self.deployments.iter_mut().for_each(|one| one.status = "ACTIVE");
        let deployment = Deployment {
            id: format!("ecs-svc/{:019}", self.made),
            status: "PRIMARY",
            running: 0,
            state: Some("IN_PROGRESS"),
            created: 1_800_000_000.5 + f64::from(self.made),
            left: self.takes,
        };
        self.deployments.insert(0, deployment);
    }

    /// Ends it.
    pub(crate) fn settle(&mut self) {
        self.deployments.truncate(1);
        (self.deployments[0].running, self.deployments[0].state) = (TASKS, Some("COMPLETED"));
    }

    /// Time goes by.
    fn tick(&mut self) {
        let newest = &mut self.deployments[0];
        if newest.state != Some("IN_PROGRESS") {
            return;
        }
        if newest.left > 0 {
            newest.left -= 1;
            newest.running = 1;
            return;
        }
        match self.goes_back {
            false => self.settle(),
            true => {
                (newest.status, newest.state) = ("ACTIVE", Some("FAILED"));
                self.deployments[1].status = "PRIMARY";
            }
        }
    }

    fn shown(&self) -> Value {
        let shown = |one: &Deployment| {
            let mut shown = json!({
                "id": one.id, "status": one.status, "desiredCount": TASKS,
                "runningCount": one.running, "pendingCount": 0, "createdAt": one.created,
            });
            if let Some(state) = one.state {
                shown["rolloutState"] = json!(state);
                shown["rolloutStateReason"] =
                    json!("ECS deployment circuit breaker: tasks failed to start.");
            }
            shown
        };
        json!({
            "serviceName": "shop", "status": self.status,
            "deploymentController": { "type": self.controller },
            "deployments": self.deployments.iter().map(shown).collect::<Vec<_>>(),
        })
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
                let shown = self.shown();
                self.tick();
                json!({ "services": [shown], "failures": [] })
            }
            "DescribeServices" => json!({ "services": [], "failures": [{ "reason": "MISSING" }] }),
            "UpdateService" => {
                assert_eq!(
                    (&asked["service"], &asked["forceNewDeployment"]),
                    (&json!("shop"), &json!(true))
                );
                self.deploy();
                json!({ "service": self.shown() })
            }
            other => panic!("{other}"),
        };
        Answer(200, String::new(), body.to_string())
    }
}
