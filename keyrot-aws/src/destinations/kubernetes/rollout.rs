//! The progress of a workload's restart, by the rules of `kubectl rollout status`.

use keyrot_core::settings::WorkloadKind;
use serde::Deserialize;

/// The fields of a workload that describe its rollout.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Rollout {
    metadata: Metadata,
    spec: Spec,
    status: Status,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Metadata {
    generation: i64,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    replicas: Option<i64>,
    paused: bool,
    update_strategy: Strategy,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Strategy {
    r#type: String,
    rolling_update: Option<RollingUpdate>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RollingUpdate {
    partition: Option<i64>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    observed_generation: i64,
    replicas: i64,
    updated_replicas: i64,
    ready_replicas: i64,
    available_replicas: i64,
    desired_number_scheduled: i64,
    updated_number_scheduled: i64,
    number_available: i64,
    current_revision: String,
    update_revision: String,
    conditions: Vec<Condition>,
}

#[derive(Deserialize)]
struct Condition {
    r#type: String,
    #[serde(default)]
    reason: String,
}

/// The progress of a rollout.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// All pods are new and running.
    Complete,
    /// The rollout is in progress.
    Going(String),
    /// The rollout does not continue by itself.
    Stuck(String),
}

impl Rollout {
    pub(super) fn progress(&self, kind: WorkloadKind) -> Progress {
        let Self { spec, status, .. } = self;
        let strategy = spec.update_strategy.r#type.as_str();
        if strategy == "OnDelete" {
            let said = "its update strategy is OnDelete, so its pods keep the old key until you delete them";
            return Progress::Stuck(said.to_owned());
        }
        if spec.paused {
            let said = "it is paused, so its pods keep the old key (kubectl rollout resume)";
            return Progress::Stuck(said.to_owned());
        }
        if self.metadata.generation > status.observed_generation {
            return Progress::Going("its restart has not begun".to_owned());
        }
        // 1 is the API server's default.
        let wanted = spec.replicas.unwrap_or(1);
        match kind {
            WorkloadKind::DaemonSet => {
                let all = status.desired_number_scheduled;
                counted(status.updated_number_scheduled, status.number_available, all)
            }
            WorkloadKind::StatefulSet => {
                let partition = spec.update_strategy.rolling_update.as_ref();
                let kept = partition.and_then(|rolling| rolling.partition).unwrap_or(0).min(wanted);
                match counted(
                    status.updated_replicas,
                    status.ready_replicas,
                    wanted.saturating_sub(kept),
                ) {
                    Progress::Complete if kept > 0 => Progress::Stuck(format!(
                        "its partition keeps {kept} of {wanted} pods from being restarted, so they keep the old key"
                    )),
                    Progress::Complete if status.current_revision != status.update_revision => {
                        Progress::Going("its last pods are being restarted".to_owned())
                    }
                    other => other,
                }
            }
            _ => {
                let late = status.conditions.iter().any(|condition| {
                    condition.r#type == "Progressing"
                        && condition.reason == "ProgressDeadlineExceeded"
                });
                match counted(status.updated_replicas, status.available_replicas, wanted) {
                    Progress::Going(said) if late => Progress::Stuck(format!(
                        "{said}, and it exceeded its progress deadline (kubectl rollout status)"
                    )),
                    Progress::Complete if status.replicas > status.updated_replicas => {
                        let old = status.replicas.saturating_sub(status.updated_replicas);
                        Progress::Going(format!("old pods that still run: {old}"))
                    }
                    other => other,
                }
            }
        }
    }
}

/// Compares the number of new pods and of running pods with the number of wanted pods.
fn counted(new: i64, running: i64, all: i64) -> Progress {
    match (new, running) {
        (new, _) if new < all => Progress::Going(format!("{new} of {all} pods are restarted")),
        (_, running) if running < all => {
            Progress::Going(format!("{running} of {all} restarted pods are ready"))
        }
        _ => Progress::Complete,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn progress(kind: WorkloadKind, spec: &Value, status: &Value) -> Progress {
        let object = json!({ "metadata": { "generation": 3 }, "spec": spec, "status": status });
        serde_json::from_value::<Rollout>(object).unwrap().progress(kind)
    }

    fn going(said: &str) -> Progress {
        Progress::Going(said.to_owned())
    }

    fn is_stuck(progress: &Progress, said: &str) -> bool {
        matches!(progress, Progress::Stuck(why) if why.contains(said))
    }

    #[test]
    fn a_deployment_is_restarted_when_new_pods_run_and_old_pods_have_ended() {
        let of = |spec: Value, status: Value| progress(WorkloadKind::Deployment, &spec, &status);
        let three = || json!({ "replicas": 3 });
        let status = |observed: i64, all: i64, new: i64, available: i64| json!({ "observedGeneration": observed, "replicas": all, "updatedReplicas": new, "availableReplicas": available });
        assert_eq!(of(three(), json!({})), going("its restart has not begun"));
        assert_eq!(of(three(), status(2, 3, 3, 3)), going("its restart has not begun"));
        assert_eq!(of(three(), status(3, 4, 1, 3)), going("1 of 3 pods are restarted"));
        assert_eq!(of(three(), status(3, 3, 3, 2)), going("2 of 3 restarted pods are ready"));
        assert_eq!(of(three(), status(3, 4, 3, 3)), going("old pods that still run: 1"));
        assert_eq!(of(three(), status(3, 3, 3, 3)), Progress::Complete);
        assert_eq!(of(json!({}), status(3, 1, 1, 1)), Progress::Complete, "one by default");
        assert_eq!(of(json!({ "replicas": 0 }), status(3, 0, 0, 0)), Progress::Complete);
        let mut late = status(3, 4, 1, 3);
        late["conditions"] = json!([
            { "type": "Available", "status": "True" },
            { "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded" },
        ]);
        assert!(is_stuck(&of(three(), late), "progress deadline"));
        let paused = of(json!({ "replicas": 1, "paused": true }), status(3, 1, 1, 1));
        assert!(is_stuck(&paused, "paused"));
    }

    #[test]
    fn the_other_kinds_have_their_own_rules() {
        let set = |spec: Value, status: Value| progress(WorkloadKind::StatefulSet, &spec, &status);
        let status = |new: i64, ready: i64, revision: &str| {
            json!({
                "observedGeneration": 3, "replicas": 2, "updatedReplicas": new, "readyReplicas": ready,
                "currentRevision": revision, "updateRevision": "b",
            })
        };
        let two = || json!({ "replicas": 2, "updateStrategy": { "type": "RollingUpdate" } });
        assert_eq!(set(two(), status(1, 2, "a")), going("1 of 2 pods are restarted"));
        assert_eq!(set(two(), status(2, 1, "a")), going("1 of 2 restarted pods are ready"));
        assert_eq!(set(two(), status(2, 2, "a")), going("its last pods are being restarted"));
        assert_eq!(set(two(), status(2, 2, "b")), Progress::Complete);
        let strategy = json!({ "type": "RollingUpdate", "rollingUpdate": { "partition": 1 } });
        let kept = json!({ "replicas": 2, "updateStrategy": strategy });
        assert!(is_stuck(&set(kept, status(1, 2, "a")), "keeps 1 of 2 pods"));
        let by_hand = json!({ "updateStrategy": { "type": "OnDelete" } });
        assert!(is_stuck(&set(by_hand.clone(), status(2, 2, "b")), "OnDelete"));

        let daemons =
            |spec: Value, status: Value| progress(WorkloadKind::DaemonSet, &spec, &status);
        let status = |new: i64, available: i64| {
            json!({
                "observedGeneration": 3, "desiredNumberScheduled": 2,
                "updatedNumberScheduled": new, "numberAvailable": available,
            })
        };
        assert_eq!(daemons(json!({}), status(1, 2)), going("1 of 2 pods are restarted"));
        assert_eq!(daemons(json!({}), status(2, 1)), going("1 of 2 restarted pods are ready"));
        assert_eq!(daemons(json!({}), status(2, 2)), Progress::Complete);
        assert!(is_stuck(&daemons(by_hand, status(2, 2)), "OnDelete"));
    }

    #[test]
    fn extreme_numbers_are_not_an_end() {
        let (least, most) = (i64::MIN, i64::MAX);
        let strategy = |partition: i64| json!({ "replicas": most, "updateStrategy": { "rollingUpdate": { "partition": partition } } });
        let status = json!({ "observedGeneration": 3, "updatedReplicas": 1, "readyReplicas": 1 });
        let set = progress(WorkloadKind::StatefulSet, &strategy(least), &status);
        assert!(matches!(set, Progress::Going(_)), "{set:?}");
        let status = json!({
            "observedGeneration": 3, "replicas": most, "updatedReplicas": least, "availableReplicas": least,
        });
        let of = progress(WorkloadKind::Deployment, &json!({ "replicas": least }), &status);
        assert!(matches!(of, Progress::Going(_)), "{of:?}");
    }
}
